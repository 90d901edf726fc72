package column

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"sync"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
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

// SchemaOf is the columns of a table as Parquet has them in a schema of that number.
func SchemaOf(t Table, number int) *parquet.Schema {
	var options []parquet.SchemaOption
	for _, f := range allFields()[t] {
		if f.since > number {
			options = append(options, parquet.StructTag(`parquet:"-"`, f.place.name))
		}
	}
	return parquet.SchemaOf(tables[slices.Index(Tables, t)].row, options...)
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
	for _, t := range tables {
		of, nodes := reflect.TypeOf(t.row), parquet.SchemaOf(t.row).Fields()
		for i, n := range nodes {
			f := fieldOf(n.Name(), n)
			f.place, f.since = fieldAt(of, i)
			all[t.table] = append(all[t.table], f)
		}
	}
	return all
})

// fieldAt is the field of the type of rows that is the column of that number: they are
// in the same order.
func fieldAt(of reflect.Type, column int) (fieldOfType, int) {
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
		if f.Kind = KindOf(n.Type()); f.Kind == "" { // every test of the table shows it
			panic(fmt.Sprintf("column: no name for the type %s", n.Type()))
		}
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

// plain are the kinds of types without a logical one.
var plain = map[parquet.Kind]Kind{parquet.ByteArray: Binary, parquet.Int64: Int64, parquet.Int32: Int32, parquet.Double: Double, parquet.Boolean: Bool}

// KindOf is what Parquet means by a type, empty where the format has no name for it: whole
// numbers with sign are the same with their logical type and without.
func KindOf(t parquet.Type) Kind {
	var logical any
	if l := t.LogicalType(); l != nil {
		logical = l.Value
	}
	kind := plain[t.Kind()]
	switch l := logical.(type) {
	case nil:
		return kind
	case *format.StringType:
		if kind == Binary {
			return Text
		}
	case *format.IntType:
		if l.IsSigned && (kind == Int64 && l.BitWidth == 64 || kind == Int32 && l.BitWidth == 32) {
			return kind
		}
	case *format.TimestampType:
		if _, micros := l.Unit.Value.(*format.MicroSeconds); kind == Int64 && l.IsAdjustedToUTC && micros {
			return Time
		}
	}
	return ""
}
