package lake

import (
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// keyTable is the metadata key by which Arrow data says what table it is of.
const keyTable = "mtric.table"

// arrowEncoder writes Arrow IPC. Texts are plain utf8: a dictionary may not
// change within an IPC file, and readers make of one what analysts do not expect
// (pandas a categorical, whose groups include those that have no rows).
type arrowEncoder struct {
	schema *arrow.Schema
	fields []field
	out    interface {
		Write(arrow.Record) error
		Close() error
	}
}

func newArrowEncoder(w io.Writer, e Export, fields []field) (*arrowEncoder, error) {
	var columns []arrow.Field
	for _, f := range fields {
		columns = append(columns, arrowField(f))
	}
	meta := arrow.NewMetadata([]string{keyVersion, keySchema, keyTable}, []string{e.Store.Version, Schema, string(e.Table)})
	enc := &arrowEncoder{schema: arrow.NewSchema(columns, &meta), fields: fields}
	options := []ipc.Option{ipc.WithSchema(enc.schema), ipc.WithAllocator(memory.DefaultAllocator)}
	if e.Format == ArrowStream {
		enc.out = ipc.NewWriter(w, options...)
		return enc, nil
	}
	file, err := ipc.NewFileWriter(&position{w: w}, options...)
	if err != nil {
		return nil, err
	}
	enc.out = file
	return enc, nil
}

// position lets the IPC file's writer ask where it is, which is all it seeks for,
// so that a file may also go down a pipe.
type position struct {
	w  io.Writer
	at int64
}

func (p *position) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.at += int64(n)
	return n, err
}

func (p *position) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, fmt.Errorf("seek to %d (%d): not possible in a pipe", offset, whence)
	}
	return p.at, nil
}

func arrowField(f field) arrow.Field {
	return arrow.Field{Name: f.name, Type: arrowType(f), Nullable: f.nullable}
}

var arrowTypes = map[kind]arrow.DataType{
	textKind:   arrow.BinaryTypes.String,
	timeKind:   &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"},
	int64Kind:  arrow.PrimitiveTypes.Int64,
	int32Kind:  arrow.PrimitiveTypes.Int32,
	boolKind:   arrow.FixedWidthTypes.Boolean,
	binaryKind: arrow.BinaryTypes.Binary,
}

func arrowType(f field) arrow.DataType {
	if f.kind != listKind {
		return arrowTypes[f.kind]
	}
	element := arrow.Field{Name: "element"} // as in our Parquet
	if f.elem[0].name == "" {
		element.Type = arrowType(f.elem[0])
	} else {
		var parts []arrow.Field
		for _, e := range f.elem {
			parts = append(parts, arrowField(e))
		}
		element.Type = arrow.StructOf(parts...)
	}
	return arrow.ListOfField(element)
}

func (e *arrowEncoder) write(columns []cells, rows int) error {
	arrays := make([]arrow.Array, len(columns))
	defer func() {
		for _, a := range arrays {
			if a != nil {
				a.Release()
			}
		}
	}()
	for i, f := range e.fields {
		b := array.NewBuilder(memory.DefaultAllocator, arrowType(f))
		if f.kind == listKind {
			appendLists(b.(*array.ListBuilder), f, &columns[i], rows)
		} else {
			appendFlat(b, f.kind, &columns[i].Column)
		}
		arrays[i] = b.NewArray()
		b.Release()
		if arrays[i].Len() != rows {
			return fmt.Errorf("column %s has %d values for %d rows", f.name, arrays[i].Len(), rows)
		}
	}
	record := array.NewRecord(e.schema, arrays, int64(rows))
	defer record.Release()
	return e.out.Write(record)
}

func (e *arrowEncoder) close() error { return e.out.Close() }

// appendFlat appends a column without lists.
func appendFlat(to array.Builder, k kind, c *Column) {
	var valid []bool // nil is all
	if c.Null != nil {
		valid = make([]bool, len(c.Null))
		for i, null := range c.Null {
			valid[i] = !null
		}
	}
	switch k {
	case textKind:
		b := to.(*array.StringBuilder)
		b.Reserve(len(c.Index))
		for _, i := range c.Index {
			if i < 0 {
				b.AppendNull()
			} else {
				b.Append(c.Dict[i])
			}
		}
	case binaryKind:
		to.(*array.BinaryBuilder).AppendValues(c.Bytes, valid)
	case int64Kind:
		to.(*array.Int64Builder).AppendValues(c.Int, valid)
	case timeKind:
		to.(*array.TimestampBuilder).AppendValues(convert(c.Int, func(n int64) arrow.Timestamp { return arrow.Timestamp(n) }), valid)
	case int32Kind:
		to.(*array.Int32Builder).AppendValues(convert(c.Int, func(n int64) int32 { return int32(n) }), valid)
	case boolKind:
		to.(*array.BooleanBuilder).AppendValues(convert(c.Int, func(n int64) bool { return n != 0 }), valid)
	}
}

func convert[T any](in []int64, f func(int64) T) []T {
	out := make([]T, len(in))
	for i, n := range in {
		out[i] = f(n)
	}
	return out
}

// appendLists appends a list column: the lists' lengths, then all elements at once.
func appendLists(to *array.ListBuilder, f field, c *cells, rows int) {
	base := c.offsets[0]
	offsets, valid := make([]int32, rows), make([]bool, rows)
	for i := range rows {
		offsets[i], valid[i] = c.offsets[i]-base, true
	}
	to.AppendValues(offsets, valid)
	from, until := int(base), int(c.offsets[rows])
	parts, isStruct := to.ValueBuilder().(*array.StructBuilder)
	for i := range c.elements {
		part := c.elements[i].slice(from, until)
		if isStruct {
			appendFlat(parts.FieldBuilder(i), f.elem[i].kind, &part)
		} else {
			appendFlat(to.ValueBuilder(), f.elem[i].kind, &part)
		}
	}
	if isStruct {
		for range until - from {
			parts.Append(true)
		}
	}
}
