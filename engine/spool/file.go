package spool

import (
	"fmt"
	"slices"
	"sync"

	"github.com/parquet-go/parquet-go/format"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/column/thrift"
)

// file is a file that was sent, checked and decompressed in four pieces of memory.
type file[T Sent] struct {
	rows  int
	of    *shape
	pages []filePage // of the leaves, in order
	data  []byte     // pages of places and numbers; nobody's to keep
	texts string     // dictionaries of texts
	wires []byte     // dictionaries of byte arrays
}

// filePage is where a page lies in its piece.
type filePage struct {
	at, size, values int32
	leaf             uint8
	dictionary       bool
}

// expanding is memory in which pages are decompressed.
type expanding struct{ data, texts, wires []byte }

var expandings = sync.Pool{New: func() any { return new(expanding) }}

// expand decompresses all pages, those of data in memory that is used again.
func (s *file[T]) expand(to *expanding, body []byte, chunks []chunk) error {
	of := s.of
	if len(chunks) != len(of.leaves) {
		return fmt.Errorf("damaged Parquet: %d columns of values, want %d", len(chunks), len(of.leaves))
	}
	to.data, to.texts, to.wires = to.data[:0], to.texts[:0], to.wires[:0]
	s.pages = make([]filePage, 0, 2*len(chunks))
	end := int64(len("PAR1"))
	for i := range chunks {
		c := &chunks[i]
		if err := s.chunk(to, c, i, of.leaves[i], body, end); err != nil {
			return fmt.Errorf("column %s: %w", of.leaves[i].path, err)
		}
		end = c.begin() + c.size
	}
	s.data, s.texts, s.wires = to.data, string(to.texts), slices.Clone(to.wires)
	return nil
}

// chunk decompresses the pages of one leaf: a dictionary where it has texts or byte
// arrays, and then data. It lies behind the leaf before it, which ends there.
func (s *file[T]) chunk(to *expanding, c *chunk, place int, l leaf, body []byte, end int64) error {
	t, err := c.pages(l, body, s.rows, end)
	if err != nil {
		return err
	}
	left := c.values
	for first := true; len(t.Buf) > 0; first = false {
		p, err := readPage(t)
		if err != nil {
			return err
		}
		if room := maxSentBytes - len(to.data) - len(to.texts) - len(to.wires); p.Plain > int64(room) {
			return fmt.Errorf("claims more than %d bytes, with the columns before it", maxSentBytes)
		}
		if err := p.belongs(l, first, left); err != nil {
			return err
		}
		piece := &to.data
		switch {
		case p.Kind == format.DataPage:
			left -= p.Values
		case l.kind == column.Binary:
			piece = &to.wires
		default:
			piece = &to.texts
		}
		s.pages = append(s.pages, filePage{int32(len(*piece)), int32(p.Plain), int32(p.Values), uint8(place), p.Kind == format.DictionaryPage})
		if *piece, err = p.expand(*piece); err != nil {
			return err
		}
	}
	if left != 0 {
		return fmt.Errorf("%w: ends %d values early", column.ErrDamaged, left)
	}
	return nil
}

// begin is where the leaf's first page lies.
func (c *chunk) begin() int64 {
	if c.dictionary != 0 {
		return c.dictionary
	}
	return c.data
}

// pages are the bytes of the leaf's pages.
func (c *chunk) pages(l leaf, body []byte, rows int, end int64) (*thrift.Reader, error) {
	from := c.begin()
	switch {
	case c.path != l.path || c.physical != l.physical || c.elsewhere:
		return nil, fmt.Errorf("damaged Parquet: %.80s of %s is in its place", c.path, c.physical)
	case c.codec != format.Zstd:
		return nil, fmt.Errorf("is compressed by %s, want zstd", c.codec)
	case from < end || c.size < 0 || c.size > int64(len(body))-from:
		return nil, fmt.Errorf("%w: lies outside the file, or over the column before it", column.ErrDamaged)
	case c.values < int64(rows) || c.values > int64(rows)+l.elements || c.values > int64(rows) && l.lists == 0:
		return nil, fmt.Errorf("claims %d values in %d rows", c.values, rows)
	}
	return &thrift.Reader{Buf: body[from : from+c.size]}, nil
}

// belongs says whether a page may come here, where so many values are left.
func (p *page) belongs(l leaf, first bool, left int64) error {
	texts := l.physical == format.ByteArray
	switch {
	case p.Kind == format.DictionaryPage && first && texts:
		if p.Encoding != format.Plain {
			return fmt.Errorf("dictionary by %s: not read", p.Encoding)
		}
		if p.Values > p.Plain/4 || p.Values > left {
			return column.ErrDamaged // each has its length, and some row has it
		}
	case p.Kind == format.DataPage && p.Values > 0 && p.Values <= left && !(texts && first):
		if p.Levels != [2]format.Encoding{format.RLE, format.RLE} {
			return fmt.Errorf("levels by %s and %s: not read", p.Levels[0], p.Levels[1])
		}
		if texts && p.Encoding != format.RLEDictionary || !texts && p.Encoding != format.Plain {
			return fmt.Errorf("%s by %s: not read", l.physical, p.Encoding)
		}
	default:
		return fmt.Errorf("%w: of kind %s and %d values, where %d are left", column.ErrDamaged, p.Kind, p.Values, left)
	}
	return nil
}
