package column

import (
	"fmt"
	"reflect"
	"strconv"
	"sync"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"mtric.net/mtric/engine/measurement"
)

// newest is the number of the schema that this program writes, and the highest that it
// reads. The linker sets it for tests of upgrades: a program of schema 1 lacks the later
// columns, one of schema 4 has those of schema 3 under a new number.
var newest = "3"

// Schema is the number of the columns that this program writes (docs/lake-format.md).
var Schema = sync.OnceValue(func() int {
	n, err := strconv.Atoi(newest)
	if err != nil || n < 1 {
		panic("column: the number of the schema is " + strconv.Quote(newest))
	}
	return n
})

// Kind is the type of a column, as docs/lake-format.md names it.
type Kind string

// The kinds.
const (
	Text   Kind = "STRING"
	Time   Kind = "TIMESTAMP" // µs, UTC
	Int64  Kind = "INT64"
	Int32  Kind = "INT32"
	Double Kind = "DOUBLE"
	Bool   Kind = "BOOLEAN"
	Binary Kind = "BYTE_ARRAY"
	List   Kind = "LIST"
)

// Field is a column, or what a list's elements consist of.
type Field struct {
	Name     string // empty for the elements of a list of scalars
	Kind     Kind
	Nullable bool
	Elem     []Field // of a list: one without a name, or the fields of a struct

	since int         // the first schema that has it
	place fieldOfType // in the type of rows
}

// fieldOfType is where a row has the column.
type fieldOfType struct {
	name   string
	offset uintptr
	of     reflect.Type
}

// rowTypes are the types of rows.
var rowTypes = map[Table]any{
	Answers: measurement.Answer{}, Routes: measurement.Route{}, Runs: measurement.Run{}, Zones: measurement.Zone{}, VantagePoints: measurement.Site{},
}

// SchemaOf is the columns of a table as Parquet has them in a schema of that number.
func SchemaOf(t Table, number int) *parquet.Schema {
	var options []parquet.SchemaOption
	for _, f := range allFields()[t] {
		if f.since > number {
			options = append(options, parquet.StructTag(`parquet:"-"`, f.place.name))
		}
	}
	return parquet.SchemaOf(rowTypes[t], options...)
}

// Fields are the columns of a table, in order, in the schema that this program writes.
func Fields(t Table) []Field { return FieldsOf(t, Schema()) }

// FieldsOf are the columns of a table in a schema of that number.
func FieldsOf(t Table, number int) []Field {
	var fields []Field
	for _, f := range allFields()[t] {
		if f.since <= number {
			fields = append(fields, f)
		}
	}
	return fields
}

// Names lists the columns of a table in their order.
func Names(t Table) []string {
	var names []string
	for _, f := range Fields(t) {
		names = append(names, f.Name)
	}
	return names
}

// allFields are the columns of all schemas, by table; the struct tags of measurement say
// them, and by "since" the first schema that has a column where that is not 1.
var allFields = sync.OnceValue(func() map[Table][]Field {
	all := map[Table][]Field{}
	for t, row := range rowTypes {
		of, nodes := reflect.TypeOf(row), parquet.SchemaOf(row).Fields()
		for i, n := range nodes {
			f := fieldOf(n.Name(), n)
			f.place, f.since = placeOf(of, i)
			all[t] = append(all[t], f)
		}
	}
	return all
})

// placeOf is the field of the type of rows that is the column of that number: they are
// in the same order.
func placeOf(of reflect.Type, column int) (fieldOfType, int) {
	f := of.Field(column)
	since := 1
	if text := f.Tag.Get("since"); text != "" {
		since, _ = strconv.Atoi(text)
	}
	return fieldOfType{f.Name, f.Offset, f.Type}, since
}

func fieldOf(name string, n parquet.Node) Field {
	f := Field{Name: name, Nullable: n.Optional()}
	if n.Leaf() {
		f.Kind = KindOf(n.Type())
		return f
	}
	f.Kind = List
	element := n.Fields()[0].Fields()[0]
	if element.Leaf() {
		f.Elem = []Field{fieldOf("", element)}
		return f
	}
	for _, e := range element.Fields() {
		f.Elem = append(f.Elem, fieldOf(e.Name(), e))
	}
	return f
}

// KindOf panics at a type that the format has no name for: a mistake of the
// program's, which every test of the table shows.
func KindOf(t parquet.Type) Kind {
	logical := t.LogicalType()
	switch t.Kind() {
	case parquet.ByteArray:
		if logical == nil {
			return Binary
		}
		return Text
	case parquet.Int64:
		if logical != nil {
			if _, ok := logical.Value.(*format.TimestampType); ok {
				return Time
			}
		}
		return Int64
	case parquet.Int32:
		return Int32
	case parquet.Double:
		return Double
	case parquet.Boolean:
		return Bool
	}
	panic(fmt.Sprintf("column: no name for the type %s", t))
}
