package column

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"time"
	"unsafe"
)

// Fill sets one column of the rows, whatever their type. What is optional points into the
// column, or to a text that others share: nobody writes through these pointers.
func Fill[T Row](rows []T, name string, c *Cells) error {
	for _, f := range allFields()[TableOf[T]()] {
		if f.Name == name {
			to := target{unsafe.Pointer(unsafe.SliceData(rows)), unsafe.Sizeof(*new(T)), f.place.offset, len(rows)}
			if err := to.set(f.place.of, c); err != nil {
				return fmt.Errorf("column %s: %w", name, err)
			}
			return nil
		}
	}
	return fmt.Errorf("column %s is not read", name)
}

// target is a field of each of many values of one type that lie beside each other.
type target struct {
	base         unsafe.Pointer
	size, offset uintptr
	rows         int
}

func (t target) at(row int) unsafe.Pointer {
	return unsafe.Add(t.base, uintptr(row)*t.size+t.offset)
}

var (
	timeType  = reflect.TypeFor[time.Time]()
	bytesType = reflect.TypeFor[[]byte]()
)

// set sets the field, which is of that type. (By the library's own rows it takes three
// times as long, and it is what ingest spends most of its time on.)
func (t target) set(of reflect.Type, c *Cells) error {
	optional := of.Kind() == reflect.Pointer
	value := of
	if optional {
		value = of.Elem()
	}
	switch {
	case value == timeType:
		numbers(t, c, optional, func(n int64) time.Time { return time.UnixMicro(n).UTC() })
	case of == bytesType:
		for i, b := range c.Bytes {
			*(*[]byte)(t.at(i)) = b
		}
	case of.Kind() == reflect.Slice:
		return t.setList(of, c)
	default:
		return t.setScalar(value.Kind(), optional, c)
	}
	return nil
}

func (t target) setScalar(of reflect.Kind, optional bool, c *Cells) error {
	switch {
	case of == reflect.String:
		for i, place := range c.Index {
			switch p := t.at(i); {
			case place < 0:
			case optional:
				*(**string)(p) = &c.Dict[place]
			default:
				*(*string)(p) = c.Dict[place]
			}
		}
	case of == reflect.Int64 && optional:
		number(t, c, func(p **int64, _ int, n *int64) { *p = n })
	case of == reflect.Int64:
		number(t, c, func(p *int64, _ int, n *int64) { *p = *n })
	case of == reflect.Int32:
		numbers(t, c, optional, func(n int64) int32 { return int32(n) })
	case of == reflect.Bool:
		numbers(t, c, optional, func(n int64) bool { return n != 0 })
	case of == reflect.Float64:
		numbers(t, c, optional, func(n int64) float64 { return math.Float64frombits(uint64(n)) })
	default:
		return fmt.Errorf("is of a Go type that is not read: %s", of)
	}
	return nil
}

// number calls set with the field of each row that has a number.
func number[F any](t target, c *Cells, set func(field *F, row int, n *int64)) {
	for i := range c.Int {
		if c.Null == nil || !c.Null[i] {
			set((*F)(t.at(i)), i, &c.Int[i])
		}
	}
}

// numbers sets fields made of numbers, or where they are optional pointers to such.
func numbers[V any](t target, c *Cells, optional bool, of func(int64) V) {
	if !optional {
		number(t, c, func(p *V, _ int, n *int64) { *p = of(*n) })
		return
	}
	if c.Null != nil && !slices.Contains(c.Null, false) {
		return
	}
	values := make([]V, t.rows)
	number(t, c, func(p **V, i int, n *int64) { values[i] = of(*n); *p = &values[i] })
}

// slice is a slice of any type in memory.
type slice struct {
	data     unsafe.Pointer
	len, cap int
}

// setList sets lists of texts or of structs. An empty list is no null.
func (t target) setList(of reflect.Type, c *Cells) error {
	elements := len(c.Elements[0].Null)
	all := reflect.MakeSlice(of, elements, elements)
	for i := range c.Elements {
		part := target{all.UnsafePointer(), of.Elem().Size(), 0, elements}
		if of.Elem().Kind() != reflect.Struct {
			if hasNull(c.Elements[i].Null) {
				return errors.New("an element is null")
			}
			if err := part.set(of.Elem(), &Cells{Column: c.Elements[i]}); err != nil {
				return err
			}
			continue
		}
		field := of.Elem().Field(i)
		part.offset = field.Offset
		if nullable := field.Type.Kind() == reflect.Pointer; !nullable && hasNull(c.Elements[i].Null) {
			return fmt.Errorf("an element has no %s", field.Tag.Get("json"))
		}
		if err := part.set(field.Type, &Cells{Column: c.Elements[i]}); err != nil {
			return err
		}
	}
	for i := range t.rows {
		if c.Null != nil && c.Null[i] {
			continue
		}
		from, n := int(c.Offsets[i]), int(c.Offsets[i+1]-c.Offsets[i])
		data := all.UnsafePointer()
		if n > 0 {
			data = unsafe.Add(data, uintptr(from)*of.Elem().Size())
		}
		*(*slice)(t.at(i)) = slice{data, n, n}
	}
	return nil
}

func hasNull(null []bool) bool {
	for _, is := range null {
		if is {
			return true
		}
	}
	return false
}
