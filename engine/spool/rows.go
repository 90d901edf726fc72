package spool

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/parquet-go/parquet-go/format"

	"mtric.net/mtric/engine/column"
)

// rowsOf makes the rows of a row group, which are the caller's: their texts and responses
// are in memory that is never used again for anything else.
func rowsOf[T Sent](body []byte, g rowGroupHead, of *shape) ([]T, error) {
	if len(g.columns) != len(of.leaves) {
		return nil, fmt.Errorf("damaged Parquet: %d columns of values, want %d", len(g.columns), len(of.leaves))
	}
	d := decoders.Get().(*decoder)
	defer decoders.Put(d)
	rows := make([]T, g.rows)
	d.rows, d.numbers, d.room = len(rows), make([]int64, 0, len(rows)*of.numbers), maxSentBytes
	columns, leaves, end := g.columns, of.leaves, int64(len("PAR1"))
	for _, field := range of.fields {
		parts := max(len(field.Elem), 1)
		d.read = slices.Grow(d.read[:0], parts)[:parts]
		for i := range parts {
			if err := d.leaf(&d.read[i], leaves[i], &columns[i], body, end); err != nil {
				return nil, fmt.Errorf("column %s: %w", leaves[i].path, err)
			}
			end = columns[i].begin() + columns[i].size
		}
		columns, leaves = columns[parts:], leaves[parts:]
		err := d.assemble(field)
		if err == nil {
			err = column.Fill(rows, field.Name, &d.cells)
		}
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", field.Name, err)
		}
	}
	return rows, nil
}

// decoder makes cells of pages. Its own memory is used again, but for numbers and
// texts, which rows refer to.
type decoder struct {
	rows    int
	room    int64   // bytes that pages may still decompress to
	numbers []int64 // memory for those of the flat columns
	cells   column.Cells
	read    []leafCells // of the column, one for each leaf

	plain                    []byte // a page
	levels, repeated, places []int32
	used                     []bool              // places of a dictionary
	dict                     [][]byte            // of byte arrays
	hashes                   map[uint64]struct{} // hashes of what a dictionary says
}

// leafCells is what was read of a leaf.
type leafCells struct {
	column.Column
	starts []int32 // of a list: of each row its first element
	nulls  []bool  // of a list: of each row whether it is null
}

// hashSeed is the seed of the hashes of what dictionaries say.
var hashSeed = maphash.MakeSeed()

var decoders = sync.Pool{New: func() any { return new(decoder) }}

// leaf reads the pages of one leaf: a dictionary where it has texts or byte arrays, and
// then data. It lies behind the leaf before it, which ends there.
func (d *decoder) leaf(c *leafCells, l leaf, from *chunk, body []byte, end int64) error {
	t, err := from.pages(l, body, d.rows, end)
	if err != nil {
		return err
	}
	c.Int, c.Index, c.Bytes, c.Null, c.Dict, c.starts, c.nulls = nil, c.Index[:0], c.Bytes[:0], c.Null[:0], nil, c.starts[:0], c.nulls[:0]
	if isNumber := l.physical != format.ByteArray; isNumber && l.lists == 0 {
		at := len(d.numbers)
		c.Int = d.numbers[at:at:cap(d.numbers)] // grows in place
		defer func() { d.numbers = d.numbers[:at+len(c.Int)] }()
	}
	d.dict, d.used = d.dict[:0], d.used[:0]
	left := from.values
	for first := true; len(t.Buf) > 0; first = false {
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
		if r.starts = append(r.starts, int32(len(r.Null))); len(r.starts) != d.rows+1 {
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
