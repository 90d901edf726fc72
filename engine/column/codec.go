package column

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/klauspost/compress/snappy"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"

	"mtric.net/mtric/engine/column/thrift"
)

// mtric writes zstd. Others write other codecs, of which the library's decoders expand
// what a damaged page claims: snappy asks for 4 GiB, LZ4 doubles its memory for ever. So
// their pages are looked at before the library sees them.

// codecs are those that are read, and what says that a page expands to so many bytes; nil
// where the library's own decoder is bounded.
var codecs = map[format.CompressionCodec]func(packed []byte, plain int64) bool{
	format.Uncompressed: nil,
	format.Zstd:         nil,
	format.Snappy: func(packed []byte, plain int64) bool {
		n, err := snappy.DecodedLen(packed)
		return err == nil && int64(n) == plain
	},
	format.Lz4Raw: func(packed []byte, plain int64) bool {
		n, err := lz4.UncompressBlock(packed, make([]byte, plain))
		return err == nil && int64(n) == plain
	},
	format.Gzip: func(packed []byte, plain int64) bool {
		r, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			return false
		}
		n, err := io.Copy(io.Discard, io.LimitReader(r, plain+1))
		return err == nil && n == plain
	},
}

// checkCodec looks at the pages of a column chunk before the library does, where its
// codec asks for that, and returns the sizes to hide from it.
func checkCodec(f *parquet.File, c *format.ColumnMetaData) (hidden hiddenSizes, err error) {
	expands, known := codecs[c.Codec]
	if !known {
		return nil, fmt.Errorf("is compressed by %s, want zstd, snappy, gzip, lz4_raw or none", c.Codec)
	}
	if expands == nil {
		return nil, nil
	}
	at, left := c.DataPageOffset, c.TotalUncompressedSize
	if c.DictionaryPageOffset > 0 {
		at = min(at, c.DictionaryPageOffset)
	}
	if end := at + c.TotalCompressedSize; at < 0 || end < at || end > f.Size() {
		return nil, fmt.Errorf("%w: lies outside the file", ErrDamaged)
	}
	for end := at + c.TotalCompressedSize; at < end; {
		size, p, err := pageAt(f, at, end)
		if err != nil {
			return nil, err
		}
		if left -= p.Plain; left < 0 {
			return nil, fmt.Errorf("%w: its pages claim more than the %d bytes of the column", ErrDamaged, c.TotalUncompressedSize)
		}
		if p.stored || p.Plain == 0 {
			at += size
			continue
		}
		if p.levelBytes < 0 || p.levelBytes > min(p.Packed, p.Plain) {
			return nil, ErrDamaged
		}
		packed := make([]byte, p.Packed-p.levelBytes)
		if _, err := f.ReadAt(packed, at+size-int64(len(packed))); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if !expands(packed, p.Plain-p.levelBytes) {
			return nil, fmt.Errorf("%w: it does not expand to the %d bytes that it claims", ErrDamaged, p.Plain)
		}
		if c.Codec == format.Lz4Raw {
			hidden = append(hidden, [2]int64{at + int64(p.told[0]), at + int64(p.told[1])})
		}
		at += size
	}
	return hidden, nil
}

// hiddenSizes are places of a file where the sizes of pages stand, which the library shall
// read as 0. It takes them for the room that a page needs, and where LZ4 takes other room
// and the size fits, it goes on with the room that was not used (v0.32.0, Column.decompress).
type hiddenSizes [][2]int64

// reader is the file without those sizes.
func (h hiddenSizes) reader(f io.ReaderAt) io.ReaderAt { return hidingReader{f, h} }

type hidingReader struct {
	io.ReaderAt
	sizes hiddenSizes
}

func (r hidingReader) ReadAt(b []byte, off int64) (int, error) {
	n, err := r.ReaderAt.ReadAt(b, off)
	end := off + int64(n)
	first := sort.Search(len(r.sizes), func(i int) bool { return r.sizes[i][1] > off })
	for _, place := range r.sizes[first:] {
		if place[0] >= end {
			break
		}
		for at := max(place[0], off); at < min(place[1], end); at++ {
			b[at-off] = 0x80 // as many bytes as before, and more to come but for the last
			if at == place[1]-1 {
				b[at-off] = 0
			}
		}
	}
	return n, err
}

// maxPageHead bounds the head of a page, which may have the least and the greatest of its
// values in it.
const maxPageHead = 1 << 20

// pageAt reads the head of the page at a place of the file; it ends size bytes further,
// before the end of its column.
func pageAt(f *parquet.File, at, end int64) (size int64, p PageHead, err error) {
	for room := int64(4 << 10); ; room *= 16 {
		head := make([]byte, min(room, end-at))
		if _, err := f.ReadAt(head, at); err != nil && !errors.Is(err, io.EOF) {
			return 0, p, err
		}
		t := &thrift.Reader{Buf: head}
		p = ReadPageHead(t)
		if t.Bad && int64(len(head)) < end-at && room < maxPageHead {
			continue
		}
		size = int64(t.At) + p.Packed
		if t.Bad || p.Packed < 0 || p.Plain < 0 || p.Packed > end-at || size > end-at {
			return 0, p, ErrDamaged
		}
		return size, p, nil
	}
}
