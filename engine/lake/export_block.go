package lake

import (
	"sort"
	"time"
)

// Bounds of one run of rows: Arrow's offsets end at 2 GiB, and a dictionary can
// make much out of little.
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

// block is a run of rows on its way from the reader to the encoder. Its memory is
// used again for the next.
type block struct {
	columns []cells // those asked for and, where rows are cut by it, the interval
	first   int     // the rows asked for
	rows    int
}

// cut leaves the rows of [from, until); they are in order of time.
func (b *block) cut(at []int64, from, until time.Time) {
	end := b.rows
	if !from.IsZero() {
		b.first = sort.Search(len(at), func(i int) bool { return at[i] >= from.UnixMicro() })
	}
	if !until.IsZero() {
		end = sort.Search(len(at), func(i int) bool { return at[i] >= until.UnixMicro() })
	}
	b.rows = max(0, end-b.first)
}

// encode gives the first columns' rows of [from, until) to out, by halves while
// they are too large.
func (b *block) encode(out encoder, columns, from, until int) error {
	run := make([]cells, columns)
	var largest int64
	for i := range run {
		run[i] = b.columns[i].slice(from, until)
		largest = max(largest, run[i].bytes())
	}
	if half := from + (until-from)/2; largest > runBytes && half > from {
		if err := b.encode(out, columns, from, half); err != nil {
			return err
		}
		return b.encode(out, columns, half, until)
	}
	return out.write(run, until-from)
}
