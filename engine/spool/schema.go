package spool

import (
	"bytes"
	"fmt"

	"mtric.net/mtric/engine/column/thrift"
)

// element is a node of a file's schema; a group is followed by its children.
type element struct {
	name  string
	below int64  // how many nodes lie right below it
	is    string // all that the file says of it, as Thrift has it
}

func (f *footer) elements() (all []element) {
	t := &thrift.Reader{Buf: f.schema}
	t.Each(maxSentParts, func() {
		var e element
		from := t.At
		for m := (thrift.Member{}); t.Next(&m); {
			switch {
			case m.Is(4, thrift.Bytes):
				e.name = string(t.Bytes())
			case m.Is(5, thrift.Int32):
				e.below = t.Integer()
			default:
				t.Skip(m.Kind)
			}
		}
		e.is = string(t.Buf[from:t.At])
		all = append(all, e)
	})
	return all
}

// sameSchema says which column is the first that is another than it must be.
func (f *footer) sameSchema(want *shape) error {
	if bytes.Equal(f.schema, want.schema) {
		return nil // nearly always
	}
	got := f.elements()
	for i, w := range want.elements {
		switch {
		case i >= len(got):
			return fmt.Errorf("column %s is missing", w.name)
		case i == 0: // the root's name says nothing
		case got[i].name != w.name:
			return fmt.Errorf("column %.80s stands where %s should", got[i].name, w.name)
		case got[i] != w:
			return fmt.Errorf("column %s is of another type, or may be null where it must not, or must not where it may; mtric show tells more", w.name)
		}
	}
	if len(got) > len(want.elements) {
		return fmt.Errorf("column %.80s is unknown", got[len(want.elements)].name)
	}
	if got, want := got[0].below, want.elements[0].below; got != want {
		return fmt.Errorf("claims %d columns, want %d", got, want)
	}
	return nil
}
