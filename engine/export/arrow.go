package export

import (
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"mtric.net/mtric/engine/column"
)

// keyTable is the metadata key by which Arrow data says what table it is of.
const keyTable = "mtric.table"

// arrowEncoder writes Arrow IPC. Texts are plain utf8: a dictionary may not
// change within an IPC file, and readers make of one what analysts do not expect
// (pandas a categorical, whose groups include those that have no rows).
type arrowEncoder struct {
	schema *arrow.Schema
	fields []column.Field
	out    interface {
		Write(arrow.Record) error
		Close() error
	}
}

func newArrowEncoder(w io.Writer, e Export, fields []column.Field) (*arrowEncoder, error) {
	var columns []arrow.Field
	for _, f := range fields {
		columns = append(columns, arrowField(f))
	}
	meta := arrow.NewMetadata([]string{column.KeyVersion, column.KeySchema, keyTable}, []string{e.Store.Version, strconv.Itoa(column.Schema()), string(e.Table)})
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

func arrowField(f column.Field) arrow.Field {
	return arrow.Field{Name: f.Name, Type: arrowType(f), Nullable: f.Nullable}
}

var arrowTypes = map[column.Kind]arrow.DataType{
	column.Text:   arrow.BinaryTypes.String,
	column.Time:   &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"},
	column.Int64:  arrow.PrimitiveTypes.Int64,
	column.Int32:  arrow.PrimitiveTypes.Int32,
	column.Double: arrow.PrimitiveTypes.Float64,
	column.Bool:   arrow.FixedWidthTypes.Boolean,
	column.Binary: arrow.BinaryTypes.Binary,
}

func arrowType(f column.Field) arrow.DataType {
	if f.Kind != column.List {
		return arrowTypes[f.Kind]
	}
	element := arrow.Field{Name: "element"} // as in our Parquet
	if f.Elem[0].Name == "" {
		element.Type = arrowType(f.Elem[0])
	} else {
		var parts []arrow.Field
		for _, e := range f.Elem {
			parts = append(parts, arrowField(e))
		}
		element.Type = arrow.StructOf(parts...)
	}
	return arrow.ListOfField(element)
}

func (e *arrowEncoder) write(columns []column.Cells, rows int) error {
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
		if f.Kind == column.List {
			appendLists(b.(*array.ListBuilder), f, &columns[i], rows)
		} else {
			appendFlat(b, f.Kind, &columns[i].Column)
		}
		arrays[i] = b.NewArray()
		b.Release()
		if arrays[i].Len() != rows {
			return fmt.Errorf("column %s has %d values for %d rows", f.Name, arrays[i].Len(), rows)
		}
	}
	record := array.NewRecord(e.schema, arrays, int64(rows))
	defer record.Release()
	return e.out.Write(record)
}

func (e *arrowEncoder) close() error { return e.out.Close() }

// appendFlat appends a column without lists.
func appendFlat(to array.Builder, k column.Kind, c *column.Column) {
	var valid []bool // nil is all
	if c.Null != nil {
		valid = make([]bool, len(c.Null))
		for i, null := range c.Null {
			valid[i] = !null
		}
	}
	switch k {
	case column.Text:
		b := to.(*array.StringBuilder)
		b.Reserve(len(c.Index))
		for _, i := range c.Index {
			if i < 0 {
				b.AppendNull()
			} else {
				b.Append(c.Dict[i])
			}
		}
	case column.Binary:
		to.(*array.BinaryBuilder).AppendValues(c.Bytes, valid)
	case column.Int64:
		to.(*array.Int64Builder).AppendValues(c.Int, valid)
	case column.Time:
		to.(*array.TimestampBuilder).AppendValues(convert(c.Int, func(n int64) arrow.Timestamp { return arrow.Timestamp(n) }), valid)
	case column.Int32:
		to.(*array.Int32Builder).AppendValues(convert(c.Int, func(n int64) int32 { return int32(n) }), valid)
	case column.Double:
		to.(*array.Float64Builder).AppendValues(convert(c.Int, func(n int64) float64 { return math.Float64frombits(uint64(n)) }), valid)
	case column.Bool:
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
func appendLists(to *array.ListBuilder, f column.Field, c *column.Cells, rows int) {
	base := c.Offsets[0]
	offsets, valid := make([]int32, rows), make([]bool, rows)
	for i := range rows {
		offsets[i], valid[i] = c.Offsets[i]-base, c.Null == nil || !c.Null[i]
	}
	to.AppendValues(offsets, valid)
	from, until := int(base), int(c.Offsets[rows])
	parts, isStruct := to.ValueBuilder().(*array.StructBuilder)
	for i := range c.Elements {
		part := c.Elements[i].Slice(from, until)
		if isStruct {
			appendFlat(parts.FieldBuilder(i), f.Elem[i].Kind, &part)
		} else {
			appendFlat(to.ValueBuilder(), f.Elem[i].Kind, &part)
		}
	}
	if isStruct {
		for range until - from {
			parts.Append(true)
		}
	}
}
