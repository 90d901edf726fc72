package spool

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"mtric.net/mtric/engine/column"
)

// What only mtric would read is refused: a page of no values in places of 207 bits, and a
// dictionary that says a text, or a wire, twice.
func TestSentIsWhatOthersRead(t *testing.T) {
	dictionary := func(d *decoder, l leaf, texts ...string) error {
		var plain []byte
		for _, s := range texts {
			plain = append(binary.LittleEndian.AppendUint32(plain, uint32(len(s))), s...)
		}
		return d.dictionary(new(leafCells), l, len(texts), plain)
	}
	nulls := func(width byte) func(*decoder, leaf) error {
		return func(d *decoder, l leaf) error {
			return d.page(new(leafCells), l, 2, []byte{2, 0, 0, 0, 2 << 1, 0, width}) // two levels of 0
		}
	}
	for name, c := range map[string]struct {
		leaf string
		read func(*decoder, leaf) error
		want error
	}{
		"no values":  {"nsid", nulls(1), nil},
		"bit width":  {"nsid", nulls(207), column.ErrDamaged},
		"texts":      {"address", func(d *decoder, l leaf) error { return dictionary(d, l, "192.0.2.1", "192.0.2.2") }, nil},
		"text twice": {"address", func(d *decoder, l leaf) error { return dictionary(d, l, "192.0.2.1", "192.0.2.1") }, column.ErrTwice},
		"wires":      {"response", func(d *decoder, l leaf) error { return dictionary(d, l, "first wire", "other wire") }, nil},
		"wire twice": {"response", func(d *decoder, l leaf) error { return dictionary(d, l, "first wire", "first wire") }, column.ErrTwice},
	} {
		leaves := shapeOf(column.Answers, column.Schema()).leaves
		i := slices.IndexFunc(leaves, func(l leaf) bool { return l.path == c.leaf })
		if err := c.read(&decoder{rows: 2}, leaves[i]); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
