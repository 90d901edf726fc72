package spool

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"github.com/parquet-go/parquet-go/format"

	"mtric.net/mtric/engine/column/thrift"
)

// element is a node of a file's schema; a group is followed by its children.
type element struct {
	name       string
	physical   format.Type // of a leaf
	leaf       bool
	repetition format.FieldRepetitionType
	children   int64
	converted  int64  // -1 for none
	logical    string // as Thrift has it
}

func (f *footer) elements() (all []element) {
	t := &thrift.Reader{Buf: f.schema}
	for n, _ := t.List(); n > 0 && !t.Bad && len(all) < maxSentParts; n-- {
		e := element{converted: -1}
		for m := (thrift.Member{}); t.Next(&m); {
			switch {
			case m.Is(1, thrift.Int32):
				e.physical, e.leaf = format.Type(t.Integer()), true
			case m.Is(3, thrift.Int32):
				e.repetition = format.FieldRepetitionType(t.Integer())
			case m.Is(4, thrift.Bytes):
				e.name = string(t.Bytes())
			case m.Is(5, thrift.Int32):
				e.children = t.Integer()
			case m.Is(6, thrift.Int32):
				e.converted = t.Integer()
			case m.Is(10, thrift.Struct):
				from := t.Buf
				t.Skip(m.Kind)
				e.logical = string(from[:len(from)-len(t.Buf)])
			default:
				t.Skip(m.Kind)
			}
		}
		all = append(all, e)
	}
	return all
}

// sameSchema says where the columns are others than they must be.
func (f *footer) sameSchema(want *shape) error {
	if bytes.Equal(f.schema, want.schema) {
		return nil // nearly always
	}
	got := f.elements()
	column, below := 0, int64(0) // the parts of a list have no place of their own; so many of them are to come
	for i, w := range want.elements {
		if i == 0 {
			continue // the root's name says nothing
		}
		if below == 0 {
			column, below = column+1, 1
		}
		below += w.children - 1
		if i >= len(got) {
			return fmt.Errorf("column %s is missing", w.name)
		}
		switch g := got[i]; {
		case g.name != w.name:
			return fmt.Errorf("column %d is %.80s, want %s", column, g.name, w.name)
		case g != w && g.String() != w.String():
			return fmt.Errorf("column %s is %s, want %s", w.name, g, w)
		case g != w:
			return fmt.Errorf("column %s is %s, want %s", w.name, g.detail(w), w.detail(g))
		}
	}
	if len(got) > len(want.elements) {
		return fmt.Errorf("column %.80s is unknown", got[len(want.elements)].name)
	}
	if got[0].children != want.elements[0].children {
		return fmt.Errorf("claims %d columns, want %d", got[0].children, want.elements[0].children)
	}
	return nil
}

// meanings are the names of converted types that the tables have.
var meanings = map[int64]string{0: "STRING", 3: "LIST", 10: "TIMESTAMP", 17: "INT", 18: "INT"}

// detail is what String leaves out, where it differs from another element: such as the
// logical type beside the converted one.
func (e element) detail(from element) string {
	var parts []string
	if e.logical != from.logical {
		if e.logical == "" {
			parts = append(parts, "without a logical type")
		} else {
			// A union begins with the number of its member, in Thrift's compact form.
			parts = append(parts, fmt.Sprintf("of logical type %s (%.80x)", cmp.Or(logicals[e.logical[0]>>4], "unknown"), e.logical))
		}
	}
	if e.converted != from.converted {
		parts = append(parts, fmt.Sprintf("of converted type %d", e.converted))
	}
	if e.children != from.children {
		parts = append(parts, fmt.Sprintf("with %d parts", e.children))
	}
	return e.String() + " " + strings.Join(parts, ", ")
}

// logicals are the names of logical types.
var logicals = map[byte]string{1: "STRING", 2: "MAP", 3: "LIST", 4: "ENUM", 5: "DECIMAL", 6: "DATE", 7: "TIME", 8: "TIMESTAMP", 10: "INTEGER", 11: "UNKNOWN", 12: "JSON", 13: "BSON", 14: "UUID"}

// String is the element's nullability and type, "optional INT64 as TIMESTAMP".
func (e element) String() string {
	kind := "group"
	if e.leaf {
		kind = e.physical.String()
	}
	if e.converted >= 0 {
		kind += " as " + cmp.Or(meanings[e.converted], "another type")
	}
	return e.repetition.String() + " " + kind
}
