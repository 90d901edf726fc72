package column

import (
	"fmt"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// What others write of a lake (a subset, without names, compressed again) is read as
// the lake's own as long as it says the same: columns in any order, whole numbers with
// their logical type or without, nullable where every row has a value, lists whose parts
// have other names. A file has all columns of its schema; columns of later schemas are null
// in every row. What a vantage point sends has one form, which package spool reads.

// bound is a column of a table as a file has it.
type bound struct {
	Field
	leaf  *parquet.Column // of a flat column; nil where the file's schema lacks it
	parts []boundPart     // of a list: its elements, or each of their fields; none where the schema lacks it
}

// boundPart is a leaf of a list's elements, and what its definition levels say: the list
// is null below begin-1 and empty at begin-1, the element null below whole, and the value
// below full.
type boundPart struct {
	Field
	leaf               *parquet.Column
	listMay            bool // be null
	begin, whole, full int
}

// bind finds the columns of a table in a file of a schema of that number, or of 0 where
// the file does not say it. The library itself reads missing columns and other types
// without a word.
func bind(f *parquet.File, t Table, number int) ([]bound, error) {
	root := f.Root()
	if number == 0 {
		number = guess(root, t)
	}
	columns, found := make([]bound, 0, 48), 0
	for _, want := range Fields(t) {
		b := bound{Field: want}
		column := root.Column(want.Name)
		if want.since > number {
			column = nil
		} else if column == nil {
			return nil, fmt.Errorf("not a file of %s of schema %d: column %s is missing", t, number, want.Name)
		}
		if column != nil {
			found++
			if err := b.find(column); err != nil {
				return nil, fmt.Errorf("not a file of %s: column %s %w", t, want.Name, err)
			}
		}
		columns = append(columns, b)
	}
	if all := root.Columns(); found < len(all) {
		for i, c := range all {
			if j := slices.IndexFunc(columns, named(c.Name())); j < 0 || columns[j].since > number {
				return nil, fmt.Errorf("not a file of %s of schema %d: column %s is unknown", t, number, c.Name())
			}
			if slices.ContainsFunc(all[:i], func(b *parquet.Column) bool { return b.Name() == c.Name() }) {
				return nil, fmt.Errorf("not a file of %s: column %s is there twice", t, c.Name())
			}
		}
	}
	return columns, nil
}

// guess is the schema of a file that does not say its number: the first that has all the
// columns that the file has.
func guess(root *parquet.Column, t Table) int {
	number := 1
	for _, f := range Fields(t) {
		if f.since > number && root.Column(f.Name) != nil {
			number = f.since
		}
	}
	return number
}

func named(name string) func(bound) bool { return func(b bound) bool { return b.Name == name } }

// pick finds columns by name; a table has those of its fields.
func (f *File) pick(names []string) ([]bound, error) {
	picked := make([]bound, 0, len(names))
	for _, name := range names {
		i := slices.IndexFunc(f.columns, named(name))
		if i < 0 {
			return nil, fmt.Errorf("column %s is missing", name)
		}
		picked = append(picked, f.columns[i])
	}
	return picked, nil
}

// find takes the column for the field, where its type is the field's.
func (b *bound) find(c *parquet.Column) error {
	switch {
	case c.Repeated():
		return fmt.Errorf("is repeated %s, want %s", typeText(c), wantText(b.Kind))
	case b.Kind != List:
		b.leaf = c
		if !c.Leaf() || KindOf(c.Type()) != b.Kind {
			return fmt.Errorf("is %s, want %s", typeText(c), wantText(b.Kind))
		}
		return nil
	case c.Leaf() || !isList(c.Type()) || len(c.Columns()) != 1 || !c.Columns()[0].Repeated() || len(c.Columns()[0].Columns()) != 1:
		return fmt.Errorf("is %s, want a LIST of three levels", typeText(c))
	}
	repeated := c.Columns()[0]
	return b.findParts(repeated.Columns()[0], repeated.MaxDefinitionLevel())
}

// findParts takes a list's element, whatever it is called, and its fields by name.
func (b *bound) findParts(element *parquet.Column, begin int) error {
	single := len(b.Elem) == 1 && b.Elem[0].Name == ""
	if element.Leaf() != single || element.Repeated() || !single && len(element.Columns()) != len(b.Elem) {
		return fmt.Errorf("has elements of %s, want %d fields", typeText(element), len(b.Elem))
	}
	for _, want := range b.Elem {
		leaf, whole := element, begin
		if !single {
			leaf, whole = element.Column(want.Name), element.MaxDefinitionLevel()
		}
		if leaf == nil {
			return fmt.Errorf("has elements without the field %s", want.Name)
		}
		if !leaf.Leaf() || leaf.Repeated() || KindOf(leaf.Type()) != want.Kind {
			return fmt.Errorf("has elements with %s of %s, want %s", want.Name, typeText(leaf), wantText(want.Kind))
		}
		b.parts = append(b.parts, boundPart{want, leaf, b.Nullable, begin, whole, leaf.MaxDefinitionLevel()})
	}
	return nil
}

func isList(t parquet.Type) bool {
	l := t.LogicalType()
	if l == nil {
		return false
	}
	_, ok := l.Value.(*format.ListType)
	return ok
}

func typeText(c *parquet.Column) string {
	if c.Leaf() {
		return c.Type().String()
	}
	if t := c.Type(); t != nil && t.LogicalType() != nil {
		return t.LogicalType().String()
	}
	return "a group"
}

func wantText(k Kind) string {
	if k == Time {
		return "TIMESTAMP(isAdjustedToUTC=true,unit=MICROS)"
	}
	return string(k)
}

// RowGroup is a row group of a file.
type RowGroup struct {
	parquet.RowGroup
	of    *File
	place int
	first int64 // rows of the file before it
}

// Groups are the row groups of the file.
func (f *File) Groups() []RowGroup {
	var groups []RowGroup
	var rows int64
	for i, g := range f.RowGroups() {
		groups = append(groups, RowGroup{g, f, i, rows})
		rows += g.NumRows()
	}
	return groups
}

// pages opens the pages of a leaf.
func (g RowGroup) pages(leaf *parquet.Column) (parquet.Pages, error) {
	hidden, err := checkCodec(g.of.File, &g.of.File.Metadata().RowGroups[g.place].Columns[leaf.Index()].MetaData)
	if err != nil {
		return nil, err
	}
	chunk := g.ColumnChunks()[leaf.Index()]
	if c, ok := chunk.(*parquet.FileColumnChunk); ok && hidden != nil {
		return c.PagesFrom(hidden.reader(g.of)), nil
	}
	return chunk.Pages(), nil
}
