package lake

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/snappy"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
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
// codec asks for that.
func checkCodec(f *parquet.File, c *format.ColumnMetaData) error {
	expands, known := codecs[c.Codec]
	if !known {
		return fmt.Errorf("is compressed by %s, want zstd, snappy, gzip, lz4_raw or none", c.Codec)
	}
	if expands == nil {
		return nil
	}
	at, left := c.DataPageOffset, c.TotalUncompressedSize
	if c.DictionaryPageOffset > 0 {
		at = min(at, c.DictionaryPageOffset)
	}
	if end := at + c.TotalCompressedSize; at < 0 || end < at || end > f.Size() {
		return fmt.Errorf("%w: lies outside the file", errDamaged)
	}
	for end := at + c.TotalCompressedSize; at < end; {
		size, p, err := pageAt(f, at, end)
		if err != nil {
			return err
		}
		if left -= p.plain; left < 0 {
			return fmt.Errorf("%w: its pages claim more than the %d bytes of the column", errDamaged, c.TotalUncompressedSize)
		}
		if p.stored || p.plain == 0 {
			at += size
			continue
		}
		if p.levelBytes < 0 || p.levelBytes > min(p.packed, p.plain) {
			return errDamaged
		}
		packed := make([]byte, p.packed-p.levelBytes)
		if _, err := f.ReadAt(packed, at+size-int64(len(packed))); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if !expands(packed, p.plain-p.levelBytes) {
			return fmt.Errorf("%w: it does not expand to the %d bytes that it claims", errDamaged, p.plain)
		}
		at += size
	}
	return nil
}

// maxPageHead bounds the head of a page, which may have the least and the greatest of its
// values in it.
const maxPageHead = 1 << 20

// pageAt reads the head of the page at a place of the file; it ends size bytes further,
// before the end of its column.
func pageAt(f *parquet.File, at, end int64) (size int64, p page, err error) {
	for room := int64(4 << 10); ; room *= 16 {
		head := make([]byte, min(room, end-at))
		if _, err := f.ReadAt(head, at); err != nil && !errors.Is(err, io.EOF) {
			return 0, p, err
		}
		t := &thrift{buf: head}
		p = readPageHead(t)
		if t.bad && int64(len(head)) < end-at && room < maxPageHead {
			continue
		}
		size = int64(len(head)-len(t.buf)) + p.packed
		if t.bad || p.packed < 0 || p.plain < 0 || p.packed > end-at || size > end-at {
			return 0, p, errDamaged
		}
		return size, p, nil
	}
}
