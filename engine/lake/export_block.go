package lake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
)

// Bounds of one run of rows given to an encoder: Arrow's offsets end at 2 GiB,
// and a dictionary can make much out of little.
const (
	runRows  = 16_384
	runBytes = 64 << 20 // of one column's texts or wires
)

// cells is one column of a run of rows: flat in Column, or a list's.
type cells struct {
	Column
	offsets  []int32  // of a list: row i holds the elements from offsets[i] to offsets[i+1]
	elements []Column // of a list: one for each of its field's elem
}

// slice is the column's rows of [from, until); a list's elements stay in place.
func (c *cells) slice(from, until int) cells {
	if c.offsets == nil {
		return cells{Column: c.Column.slice(from, until)}
	}
	return cells{offsets: c.offsets[from : until+1], elements: c.elements}
}

// bytes is about what the column's texts and wires take when they are written out.
func (c *cells) bytes() int64 {
	var n int64
	add := func(c *Column, from, until int) {
		if c.Index != nil {
			for _, i := range c.Index[from:until] {
				if i >= 0 {
					n += int64(len(c.Dict[i]))
				}
			}
		}
		if c.Bytes != nil {
			for _, b := range c.Bytes[from:until] {
				n += int64(len(b))
			}
		}
	}
	if c.offsets == nil {
		add(&c.Column, 0, max(len(c.Index), len(c.Bytes)))
		return n
	}
	for i := range c.elements {
		add(&c.elements[i], int(c.offsets[0]), int(c.offsets[len(c.offsets)-1]))
	}
	return n
}

// block is the columns of a row group. Its memory is used again for the next.
type block struct {
	fields  []field
	columns []cells
	label   Column // the intervals, where rows are cut by them
	first   int    // the rows asked for
	rows    int
}

func newBlock(fields []field) *block {
	return &block{fields: fields, columns: make([]cells, len(fields))}
}

// read fills the block with a row group of the file.
func (b *block) read(f *parquet.File, g parquet.RowGroup) error {
	chunks, rows := g.ColumnChunks(), int(g.NumRows())
	b.first, b.rows = 0, rows
	if leaf := f.Root().Column(labels); leaf != nil {
		if err := b.label.read(chunks[leaf.Index()], leaf, rows); err != nil {
			return fmt.Errorf("column %s: %w", labels, err)
		}
	}
	for i, field := range b.fields {
		c, node := &b.columns[i], f.Root().Column(field.name)
		var err error
		if field.kind == listKind {
			err = c.readList(field, node, chunks, rows)
		} else {
			err = errors.Join(c.Column.read(chunks[node.Index()], node, rows), c.Column.checkText())
		}
		if err != nil {
			return fmt.Errorf("column %s: %w", field.name, err)
		}
	}
	return nil
}

// checkText refuses texts that no reader of UTF-8 would take, or take alike, and
// places that a damaged page made up: encoders look them up outside open's care.
func (c *Column) checkText() error {
	for _, text := range c.Dict {
		if !utf8.ValidString(text) {
			return fmt.Errorf("text %q is not UTF-8", text)
		}
	}
	for i, place := range c.Index {
		if null := c.Null != nil && c.Null[i]; null != (place < 0) || int(place) >= len(c.Dict) {
			return fmt.Errorf("damaged: a value has place %d among %d texts", place, len(c.Dict))
		}
	}
	return nil
}

// cut leaves the rows of the time asked for; they are in order of time.
func (b *block) cut(s Scan) {
	at, until := b.label.Int, b.rows
	if !s.From.IsZero() {
		b.first = sort.Search(len(at), func(i int) bool { return at[i] >= s.From.UnixMicro() })
	}
	if !s.Until.IsZero() {
		until = sort.Search(len(at), func(i int) bool { return at[i] >= s.Until.UnixMicro() })
	}
	b.rows = max(0, until-b.first)
}

// encode gives the rows to out in runs.
func (b *block) encode(ctx context.Context, out encoder) error {
	for n := 0; n < b.rows; n += runRows {
		if err := b.run(ctx, out, b.first+n, b.first+min(n+runRows, b.rows)); err != nil {
			return err
		}
	}
	return nil
}

// run gives the rows of [from, until) to out, by halves while they are too large.
func (b *block) run(ctx context.Context, out encoder, from, until int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	columns := make([]cells, len(b.columns))
	var largest int64
	for i := range b.columns {
		columns[i] = b.columns[i].slice(from, until)
		largest = max(largest, columns[i].bytes())
	}
	if half := from + (until-from)/2; largest > runBytes && half > from {
		return errors.Join(b.run(ctx, out, from, half), b.run(ctx, out, half, until))
	}
	return out.write(columns, until-from)
}

// readList fills a list column: LIST has the group of its elements two levels down.
func (c *cells) readList(f field, node *parquet.Column, chunks []parquet.ColumnChunk, rows int) error {
	element := node.Columns()[0].Columns()[0]
	leaves := []*parquet.Column{element}
	if !element.Leaf() {
		leaves = element.Columns()
	}
	if c.elements == nil {
		c.elements = make([]Column, len(leaves))
	}
	var offsets []int32
	for i, leaf := range leaves {
		l := listReader{column: &c.elements[i], kind: f.elem[i].kind, full: leaf.MaxDefinitionLevel(), places: map[string]int32{}}
		own, err := l.read(chunks[leaf.Index()])
		if err == nil {
			err = l.column.checkText()
		}
		if err != nil {
			return err
		}
		if len(own) != rows+1 {
			return fmt.Errorf("has %d lists in a row group of %d rows", len(own)-1, rows)
		}
		if i > 0 && !equal(offsets, own) {
			return errors.New("damaged: the parts of its elements differ in number")
		}
		offsets = own
	}
	c.offsets = offsets
	return nil
}

func equal(a, b []int32) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

// listReader is one leaf of a list's elements while it is read. A value of
// definition level 0 is an empty list; one below full is null.
type listReader struct {
	column  *Column
	kind    kind
	full    int
	places  map[string]int32
	offsets []int32
}

func (l *listReader) read(chunk parquet.ColumnChunk) (offsets []int32, err error) {
	c := l.column
	c.Int, c.Index, c.Null, c.Dict = c.Int[:0], c.Index[:0], c.Null[:0], nil
	pages := chunk.Pages()
	defer func() { err = errors.Join(err, pages.Close()) }()
	buffer := make([]parquet.Value, 1024)
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return append(l.offsets, int32(len(c.Null))), nil
		}
		if err != nil {
			return nil, err
		}
		values := page.Values()
		for {
			n, err := values.ReadValues(buffer)
			for _, v := range buffer[:n] {
				if err := l.value(v); err != nil {
					return nil, err
				}
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, err
			}
		}
		parquet.Release(page)
	}
}

func (l *listReader) value(v parquet.Value) error {
	c := l.column
	switch {
	case v.RepetitionLevel() == 0:
		l.offsets = append(l.offsets, int32(len(c.Null)))
	case len(l.offsets) == 0 || v.DefinitionLevel() == 0:
		return errors.New("damaged: a list goes on that never began")
	}
	if v.DefinitionLevel() == 0 {
		return nil
	}
	null := v.DefinitionLevel() < l.full
	c.Null = append(c.Null, null)
	if l.kind != textKind {
		n := int64(0)
		if !null {
			n = number(v)
		}
		c.Int = append(c.Int, n)
		return nil
	}
	place := int32(-1)
	if !null {
		var known bool
		if place, known = l.places[string(v.ByteArray())]; !known {
			place = int32(len(c.Dict))
			c.Dict = append(c.Dict, string(v.ByteArray()))
			l.places[c.Dict[place]] = place
		}
	}
	c.Index = append(c.Index, place)
	return nil
}

func number(v parquet.Value) int64 {
	if v.Kind() == parquet.Int32 {
		return int64(v.Int32())
	}
	return v.Int64()
}
