package spool

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/parquet-go/parquet-go/format"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/column/thrift"
)

// rowsOf makes the rows of a row group, which are the caller's: what they point to nobody
// writes to, and rows of other files may point to it too.
func rowsOf[T Sent](body []byte, g rowGroupHead, of *shape) ([]T, error) {
	if len(g.columns) != len(of.leaves) {
		return nil, fmt.Errorf("damaged Parquet: %d columns of values, want %d", len(g.columns), len(of.leaves))
	}
	d, _ := of.decoders.Get().(*decoder)
	if d == nil {
		d = &decoder{last: make([]leafCells, len(of.leaves))}
	}
	rows := make([]T, g.rows)
	d.rows, d.room = len(rows), maxSentBytes
	columns, leaves, cells, end := g.columns, of.leaves, d.last, int64(len("PAR1"))
	for _, field := range of.fields {
		parts := max(len(field.Elem), 1)
		d.read = cells[:parts]
		for i := range parts {
			if err := d.leaf(&d.read[i], leaves[i], &columns[i], body, end); err != nil {
				return nil, fmt.Errorf("column %s: %w", leaves[i].path, err)
			}
			end = columns[i].begin() + columns[i].size
		}
		columns, leaves, cells = columns[parts:], leaves[parts:], cells[parts:]
		err := d.assemble(field)
		if err == nil {
			err = column.Fill(rows, field.Name, &d.cells)
		}
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", field.Name, err)
		}
	}
	if len(rows) <= mostKeptRows && maxSentBytes-d.room <= mostKeptBytes {
		of.decoders.Put(d)
	}
	return rows, nil
}

// What a decoder may keep of a file: those of larger files are let go. A good file has 65
// rows and some 40 KB.
const (
	mostKeptRows  = 1 << 10
	mostKeptBytes = 1 << 18
	mostKeptPages = 1 << 10 // bytes of a leaf's pages, as the file has them
)

// decoder makes cells of pages. Its own memory is used again, but for numbers and
// texts, which rows refer to.
type decoder struct {
	rows  int
	room  int64 // bytes that pages may still decompress to
	cells column.Cells
	last  []leafCells // of each leaf, what was read of it last
	read  []leafCells // those of the column

	plain                    []byte // a page
	levels, repeated, places []int32
	used                     []bool              // places of a dictionary
	dict                     [][]byte            // of byte arrays
	hashes                   map[uint64]struct{} // hashes of what a dictionary says
}

// leafCells is what was read of a leaf, and of what. More than half of the columns are byte
// for byte those of the file before: what the plan says of an interval, and what is always null.
type leafCells struct {
	column.Column
	starts []int32 // of a list: of each row its first element, and where the last one ends
	nulls  []bool  // of a list: of each row whether it is null

	pages  []byte // that they were read of; empty where these were too many to keep, or wrong
	values int64
	plain  int64 // bytes that the pages decompress to
}

// hashSeed is the seed of the hashes of what dictionaries say.
var hashSeed = maphash.MakeSeed()

// leaf reads the pages of one leaf, unless they are those that its cells were read of last:
// a dictionary where it has texts or byte arrays, and then data. It lies behind the leaf
// before it, which ends there.
func (d *decoder) leaf(c *leafCells, l leaf, from *chunk, body []byte, end int64) error {
	pages, err := from.pages(l, body, d.rows, end)
	if err != nil {
		return err
	}
	room := d.room
	if len(pages) > 0 && c.values == from.values && c.plain <= room && bytes.Equal(c.pages, pages) {
		d.room -= c.plain
		return nil
	}
	c.Int, c.Index, c.Bytes, c.Null, c.Dict, c.starts, c.nulls, c.pages = nil, c.Index[:0], c.Bytes[:0], c.Null[:0], nil, c.starts[:0], c.nulls[:0], c.pages[:0]
	if l.physical != format.ByteArray {
		c.Int = make([]int64, 0, d.rows)
	}
	if err := d.pages(c, l, pages, from.values); err != nil {
		return err
	}
	if len(pages) <= mostKeptPages {
		c.pages, c.values, c.plain = append(c.pages, pages...), from.values, room-d.room
	}
	return nil
}

// pages reads pages, which have so many values.
func (d *decoder) pages(c *leafCells, l leaf, pages []byte, left int64) error {
	t := &thrift.Reader{Buf: pages}
	d.dict, d.used = d.dict[:0], d.used[:0]
	for first := true; t.Left() > 0; first = false {
		p, err := readPage(t)
		if err != nil {
			return err
		}
		if d.room -= p.Plain; d.room < 0 {
			return fmt.Errorf("claims more than %d bytes, with the columns before it", maxSentBytes)
		}
		if err := p.belongs(l, first, left); err != nil {
			return err
		}
		if d.plain, err = p.expand(d.plain[:0]); err != nil {
			return err
		}
		if p.Kind == format.DictionaryPage {
			err = d.dictionary(c, l, int(p.Values), d.plain)
		} else {
			left -= p.Values
			err = d.page(c, l, int(p.Values), d.plain)
		}
		if err != nil {
			return err
		}
	}
	if left != 0 {
		return fmt.Errorf("%w: ends %d values early", column.ErrDamaged, left)
	}
	if slices.Contains(d.used, false) {
		return fmt.Errorf("%w: its dictionary has values that no row has", column.ErrDamaged)
	}
	if l.lists > 0 {
		c.starts = append(c.starts, int32(len(c.Null)))
	}
	return nil
}

// dictionary reads so many texts or byte arrays, and copies them.
func (d *decoder) dictionary(c *leafCells, l leaf, values int, data []byte) (err error) {
	if l.kind == column.Binary {
		err = byteArrays(slices.Clone(data), func(b []byte) { d.dict = append(d.dict, slices.Clip(b)) })
	} else {
		c.Dict = make([]string, 0, values)
		err = byteArrays(string(data), func(s string) { c.Dict = append(c.Dict, s) })
	}
	if err != nil {
		return err
	}
	known := len(c.Dict) + len(d.dict)
	if known != values {
		return fmt.Errorf("%w: a dictionary of %d values, not %d", column.ErrDamaged, known, values)
	}
	d.used = slices.Grow(d.used, known)[:known]
	clear(d.used)
	if d.twice(c.Dict) {
		return column.ErrTwice
	}
	for _, t := range c.Dict {
		if err := column.CheckText(t); err != nil {
			return err
		}
	}
	return nil
}

// twice says whether a value is in the dictionary, of texts or of byte arrays, more than
// once: readers that count by place would miss rows.
func (d *decoder) twice(texts []string) bool {
	all := len(texts) + len(d.dict)
	if all < 2 {
		return false
	}
	if d.hashes == nil {
		d.hashes = make(map[uint64]struct{}, all)
	}
	clear(d.hashes)
	for _, t := range texts {
		d.hashes[maphash.String(hashSeed, t)] = struct{}{}
	}
	for _, b := range d.dict {
		d.hashes[maphash.Bytes(hashSeed, b)] = struct{}{}
	}
	return len(d.hashes) < all
}

// page reads a page of data: levels of repetition and of definition, and the values
// that are there.
func (d *decoder) page(c *leafCells, l leaf, n int, data []byte) (err error) {
	from, present := len(c.Null), n
	if l.most == 0 { // no value of the column is null, nor a list's
		c.Null = slices.Grow(c.Null, n)[:from+n]
		clear(c.Null[from:])
	} else if present, data, err = d.nulls(c, l, n, data); err != nil {
		return err
	}
	if l.physical == format.ByteArray {
		return d.indexed(c, c.Null[from:], l, present, data)
	}
	return numbered(&c.Column, c.Null[from:], l.physical, present, data)
}

// nulls reads the levels of so many values, and says of how many there is one.
func (d *decoder) nulls(c *leafCells, l leaf, n int, data []byte) (present int, _ []byte, err error) {
	d.levels, d.repeated = resize(d.levels, n), resize(d.repeated, n)
	if l.lists > 0 {
		data, err = levelsOf(d.repeated, data, l.lists)
	}
	if err == nil {
		data, err = levelsOf(d.levels, data, l.most)
	}
	if err != nil {
		return 0, nil, err
	}
	for i, level := range d.levels {
		if l.lists > 0 {
			if d.repeated[i] == 0 {
				c.starts = append(c.starts, int32(len(c.Null)))
				c.nulls = append(c.nulls, int(level) < l.begin-1)
			} else if len(c.starts) == 0 || int(level) < l.begin {
				return 0, nil, fmt.Errorf("%w: a list goes on that never began", column.ErrDamaged)
			}
			if int(level) < l.begin {
				continue // an empty list, or none
			}
		}
		absent := int(level) < l.most
		if c.Null = append(c.Null, absent); !absent {
			present++
		}
	}
	return present, data, nil
}

// resize makes room for n values, which are not cleared.
func resize(s []int32, n int) []int32 { return slices.Grow(s[:0], n)[:n] }

// numbered appends numbers, one for each entry of null.
func numbered(c *column.Column, null []bool, of format.Type, present int, data []byte) error {
	size := 0 // bits
	switch of {
	case format.Int64:
		size = 64
	case format.Int32:
		size = 32
	case format.Boolean:
		size = 1
	}
	if size == 0 || len(data) != (present*size+7)/8 {
		return fmt.Errorf("%w: %d bytes for %d values", column.ErrDamaged, len(data), present)
	}
	at := 0
	for _, absent := range null {
		v := int64(0)
		if !absent {
			switch size {
			case 64:
				v = int64(binary.LittleEndian.Uint64(data[8*at:]))
			case 32:
				v = int64(int32(binary.LittleEndian.Uint32(data[4*at:])))
			default:
				v = int64(data[at/8] >> (at % 8) & 1)
			}
			at++
		}
		c.Int = append(c.Int, v)
	}
	return nil
}

// indexed appends values that are places in the dictionary.
func (d *decoder) indexed(c *leafCells, null []bool, l leaf, present int, data []byte) error {
	d.places = resize(d.places, present)
	if len(data) == 0 && present > 0 {
		return column.ErrDamaged
	}
	if len(data) > 0 { // also of no values: others refuse a width that is none
		if err := hybrid(d.places, data[1:], int(data[0])); err != nil {
			return err
		}
	}
	for _, place := range d.places {
		if uint(place) >= uint(len(d.used)) {
			return fmt.Errorf("%w: a value has place %d among %d", column.ErrDamaged, place, len(d.used))
		}
		d.used[place] = true
	}
	at := 0
	for _, absent := range null {
		place := int32(-1)
		if !absent {
			place = d.places[at]
			at++
		}
		switch {
		case l.kind != column.Binary:
			c.Index = append(c.Index, place)
		case absent:
			c.Bytes = append(c.Bytes, nil)
		default:
			c.Bytes = append(c.Bytes, d.dict[place])
		}
	}
	return nil
}

// assemble makes a column of its leaves: one, or those of a list's elements.
func (d *decoder) assemble(f column.Field) error {
	first := &d.read[0]
	if f.Kind != column.List {
		if d.cells = (column.Cells{Column: first.Column}); len(first.Null) != d.rows {
			return fmt.Errorf("%w: %d values for %d rows", column.ErrDamaged, len(first.Null), d.rows)
		}
		return nil
	}
	d.cells = column.Cells{Elements: make([]column.Column, len(d.read))}
	for i := range d.read {
		r := &d.read[i]
		if len(r.starts) != d.rows+1 {
			return fmt.Errorf("%w: %d lists for %d rows", column.ErrDamaged, len(r.starts)-1, d.rows)
		}
		if !slices.Equal(r.starts, first.starts) || !slices.Equal(r.nulls, first.nulls) {
			return fmt.Errorf("%w: the parts of its elements differ in number", column.ErrDamaged)
		}
		d.cells.Elements[i] = r.Column
	}
	d.cells.Offsets, d.cells.Null = first.starts, first.nulls
	return nil
}
