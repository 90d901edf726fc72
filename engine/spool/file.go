package spool

import (
	"bytes"
	"fmt"

	"github.com/parquet-go/parquet-go/format"

	"mtric.net/mtric/engine/column"
)

// begin is where the leaf's first page lies.
func (c *chunk) begin() int64 {
	if c.dictionary != 0 {
		return c.dictionary
	}
	return c.data
}

// pages are the bytes of the leaf's pages.
func (c *chunk) pages(l leaf, body []byte, rows int, end int64) ([]byte, error) {
	from := c.begin()
	switch {
	case !bytes.Equal(c.path, l.names) || c.physical != l.physical || c.elsewhere:
		return nil, fmt.Errorf("damaged Parquet: %.80q of %s is in its place", c.path, c.physical)
	case c.codec != format.Zstd:
		return nil, fmt.Errorf("is compressed by %s, want zstd", c.codec)
	case from < end || c.size < 0 || c.size > int64(len(body))-from:
		return nil, fmt.Errorf("%w: lies outside the file, or over the column before it", column.ErrDamaged)
	case c.values < int64(rows) || c.values > int64(rows)+l.elements || c.values > int64(rows) && l.lists == 0:
		return nil, fmt.Errorf("claims %d values in %d rows", c.values, rows)
	}
	return body[from : from+c.size], nil
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
