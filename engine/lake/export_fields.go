package lake

import (
	"fmt"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"mtric.net/mtric/engine/measurement"
)

// kind is the type of a column, as the column contract names it.
type kind string

const (
	textKind   kind = "STRING"
	timeKind   kind = "TIMESTAMP" // µs, UTC
	int64Kind  kind = "INT64"
	int32Kind  kind = "INT32"
	boolKind   kind = "BOOLEAN"
	binaryKind kind = "BYTE_ARRAY"
	listKind   kind = "LIST"
)

// field is a column, or what a list's elements consist of.
type field struct {
	name     string // empty for the elements of a list of scalars
	kind     kind
	nullable bool
	elem     []field // of a list: one without a name, or the fields of a struct
}

// schemaOf is the columns of a table as Parquet has them.
func schemaOf(t Table) *parquet.Schema {
	switch t {
	case Answers:
		return parquet.SchemaOf(measurement.Answer{})
	case Routes:
		return parquet.SchemaOf(measurement.Route{})
	case Runs:
		return parquet.SchemaOf(measurement.Run{})
	default:
		return parquet.SchemaOf(measurement.Zone{})
	}
}

// ColumnNames lists the columns of a table in their order.
func ColumnNames(t Table) []string {
	var names []string
	for _, f := range fieldsOf(t) {
		names = append(names, f.name)
	}
	return names
}

// fieldsOf are all columns of a table; the struct tags of measurement say them.
func fieldsOf(t Table) []field {
	var fields []field
	for _, n := range schemaOf(t).Fields() {
		fields = append(fields, fieldOf(n.Name(), n))
	}
	return fields
}

func fieldOf(name string, n parquet.Node) field {
	f := field{name: name, nullable: n.Optional()}
	if n.Leaf() {
		f.kind = kindOf(n.Type())
		return f
	}
	f.kind = listKind
	element := n.Fields()[0].Fields()[0]
	if element.Leaf() {
		f.elem = []field{fieldOf("", element)}
		return f
	}
	for _, e := range element.Fields() {
		f.elem = append(f.elem, fieldOf(e.Name(), e))
	}
	return f
}

// kindOf panics at a type that the contract has no name for: a mistake of the
// program's, which every test of the table shows.
func kindOf(t parquet.Type) kind {
	logical := t.LogicalType()
	switch t.Kind() {
	case parquet.ByteArray:
		if logical == nil {
			return binaryKind
		}
		return textKind
	case parquet.Int64:
		if logical != nil {
			if _, ok := logical.Value.(*format.TimestampType); ok {
				return timeKind
			}
		}
		return int64Kind
	case parquet.Int32:
		return int32Kind
	case parquet.Boolean:
		return boolKind
	}
	panic(fmt.Sprintf("lake: no name for the type %s", t))
}
