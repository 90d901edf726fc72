package column

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// Column is a column of a batch: one entry a row in the field of its kind.
type Column struct {
	Int   []int64  // TIMESTAMP in µs since 1970 UTC, INT64, INT32, BOOLEAN as 0 and 1, DOUBLE by its bits; 0 where null
	Index []int32  // STRING: place in Dict; -1 where null
	Dict  []string // the batch's own: the same text may have another place in the next batch
	Bytes [][]byte // BYTE_ARRAY without a text's meaning; nil where null
	Null  []bool   // true where null, but for STRING; nil when the column has no nulls here
}

// Text is a STRING column's text at a row; empty where it is null.
func (c *Column) Text(row int) string {
	if i := c.Index[row]; i >= 0 {
		return c.Dict[i]
	}
	return ""
}

// Place finds a text in Dict: the Index of its rows, or -2 where no row has it.
func (c *Column) Place(text string) int32 {
	for i, t := range c.Dict {
		if t == text {
			return int32(i)
		}
	}
	return -2
}

// Slice is the column's rows of [from, until).
func (c *Column) Slice(from, until int) Column {
	v := Column{Dict: c.Dict}
	if c.Int != nil {
		v.Int = c.Int[from:until]
	}
	if c.Index != nil {
		v.Index = c.Index[from:until]
	}
	if c.Bytes != nil {
		v.Bytes = c.Bytes[from:until]
	}
	if c.Null != nil {
		v.Null = c.Null[from:until]
	}
	return v
}

// copy makes the column that of another, in its own memory but for texts and wires.
func (c *Column) copy(of Column) {
	c.Int, c.Index, c.Bytes, c.Null, c.Dict = renew(c.Int, of.Int), renew(c.Index, of.Index), renew(c.Bytes, of.Bytes), renew(c.Null, of.Null), of.Dict
}

// renew is a copy in memory that is used again; nil of nil.
func renew[T any](to, of []T) []T {
	if of == nil {
		return nil
	}
	return append(to[:0], of...)
}

// nulls is a column of so many nulls.
func nulls(k Kind, rows int) Column {
	c := Column{Null: slices.Repeat([]bool{true}, rows)}
	switch k {
	case Text:
		c.Index = slices.Repeat([]int32{-1}, rows)
	case Binary:
		c.Bytes = make([][]byte, rows)
	default:
		c.Int = make([]int64, rows)
	}
	return c
}

// missing is a column that a file lacks.
func missing(f Field, rows int) Cells {
	if f.Kind != List {
		return Cells{Column: nulls(f.Kind, rows)}
	}
	c := Cells{Column: Column{Null: slices.Repeat([]bool{true}, rows)}, Offsets: make([]int32, rows+1)}
	for _, part := range f.Elem {
		c.Elements = append(c.Elements, nulls(part.Kind, 0))
	}
	return c
}

// reader is a column while its pages are read.
type reader struct {
	values
	of    bound
	row   int64 // of the file, that the next page begins with
	nulls bool
	shown bool               // the column is the memory of its one page
	dict  parquet.Dictionary // that Dict is of
}

func newReader(to *Column, of bound, row int64) reader {
	return reader{values: newValues(to, of.Kind), of: of, row: row}
}

// page appends a page. Its values are those that are not null, in order.
func (r *reader) page(page parquet.Page) error {
	c, data, text := r.column, page.Data(), r.of.Kind == Text
	levels, full := page.DefinitionLevels(), byte(r.of.leaf.MaxDefinitionLevel())
	total := int(page.NumValues())
	present := total - int(page.NumNulls())
	if full > 0 && len(levels) != total {
		return fmt.Errorf("damaged: %d levels for %d values", len(levels), total)
	}
	if present < total && !r.of.Nullable {
		return errNull(r.row + int64(bytes.IndexByte(levels, 0)))
	}
	r.row += int64(total)
	r.nulls = r.nulls || present < total
	if present == total {
		levels = nil
	}
	if full > 0 && !text {
		c.Null = mark(c.Null, levels, total)
	}
	dict := page.Dictionary()
	switch kind := r.of.leaf.Type().Kind(); {
	case dict != nil && text:
		if err := r.setDictionary(dict); err != nil {
			return err
		}
		places := data.Int32()
		for _, p := range places {
			if uint(p) >= uint(len(c.Dict)) {
				return fmt.Errorf("damaged: a value has place %d among %d texts", p, len(c.Dict))
			}
		}
		return place(r, &c.Index, places, levels, present, -1)
	case dict != nil && kind == parquet.ByteArray:
		return spread(&c.Bytes, r.lookup(dict, data.Int32()), levels, present, nil)
	case dict == nil && kind == parquet.Int64:
		return place(r, &c.Int, data.Int64(), levels, present, 0)
	case dict == nil && kind == parquet.Int32:
		return spread(&c.Int, widen(data.Int32()), levels, present, 0)
	case dict == nil && kind == parquet.Boolean:
		return spread(&c.Int, unpack(data.Boolean(), present), levels, present, 0)
	default: // as others than mtric write it
		n, err := r.readAll(page.Values(), r.add)
		if err == nil && n != total {
			err = fmt.Errorf("damaged: %d values, %d promised", n, total)
		}
		return err
	}
}

// errNull is a null where the column must have a value, in a row of the file, the first
// of which is row 1 to people.
func errNull(row int64) error {
	return fmt.Errorf("row %d is null, and must have a value", row+1)
}

// setDictionary takes over a chunk's dictionary. Each text has one place, or a count by
// place would miss rows.
func (r *reader) setDictionary(d parquet.Dictionary) error {
	if r.dict == d {
		return nil
	}
	if len(r.column.Dict) > 0 {
		return errors.New("damaged: a dictionary after values")
	}
	r.dict = d
	c, few := r.column, d.Len() <= fewTexts
	for i := range d.Len() {
		text := string(d.Index(int32(i)).ByteArray())
		if few && slices.Contains(c.Dict, text) {
			return ErrTwice
		}
		if err := CheckText(text); err != nil {
			return err
		}
		c.Dict = append(c.Dict, text)
	}
	if r.behind = few; !few {
		r.index()
	}
	if !few && len(r.places) != d.Len() {
		return ErrTwice
	}
	return nil
}

// fewTexts are looked through faster than they are indexed, as long as nobody asks
// where one is.
const fewTexts = 32

// ErrTwice is a dictionary that readers who count by place would count wrongly.
var ErrTwice = errors.New("damaged: the dictionary has a text twice")

// lookup takes values out of a dictionary, which lives as long as its file is open.
func (r *reader) lookup(d parquet.Dictionary, places []int32) [][]byte {
	values := make([][]byte, len(places))
	for i, p := range places {
		values[i] = d.Index(p).ByteArray()
	}
	return values
}
