package lake

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// Bounds of what is read. A day of the lake grows with the number of vantage points:
// what is bounded is each of its row groups, which are read one by one. A file that
// somebody names is bounded whole. (What vantage points send is ReadSent's.)
const (
	MaxFileSize = 256 << 20 // of a file that somebody names, and of the footer of any
	MaxRows     = 8_000_000 // ten times those of a row group of ours
	maxExpanded = 4 << 30   // bytes of all columns, uncompressed, as the file claims
	slurp       = 1 << 20   // a file up to this is read at once: a hundred small reads cost more
)

// Read returns all rows of a file and what the file says of itself. The columns
// must be those of the type, in whatever form of Parquet (docs/data.md), and the
// sidecar, where there is one, must match: Parquet sees little of its own damage, and the library that reads it
// takes what a damaged page claims at its word. A file made to harm must not be
// read in a process that matters: what a vantage point sent is for ReadSent.
func Read[T Row](path string) (rows []T, meta Metadata, err error) {
	return read[T](path, func(*parquet.File) error { return nil })
}

// ReadUpTo is Read of a file that somebody names: it claims at most so many rows, and
// is no larger than MaxFileSize.
func ReadUpTo[T Row](path string, most int64) (rows []T, meta Metadata, err error) {
	return read[T](path, func(f *parquet.File) error {
		switch size := expanded(f.Metadata().RowGroups...); {
		case f.Size() > MaxFileSize:
			return fmt.Errorf("%d bytes, more than %d", f.Size(), MaxFileSize)
		case f.NumRows() > most:
			return fmt.Errorf("claims %d rows, more than %d", f.NumRows(), most)
		case size > maxExpanded:
			return fmt.Errorf("claims %d bytes, more than %d", size, int64(maxExpanded))
		}
		return nil
	})
}

func read[T Row](path string, check func(*parquet.File) error) (rows []T, meta Metadata, err error) {
	err = open(path, func(f *parquet.File) error {
		if err := check(f); err != nil {
			return err
		}
		meta, err = rowsIn(f, 0, func(run []T, _ error) bool {
			if rows == nil {
				rows = run // most files are one run
			} else {
				rows = append(rows, run...)
			}
			return true
		})
		if err == nil && int64(len(rows)) != f.NumRows() {
			err = fmt.Errorf("holds %d rows, claims %d", len(rows), f.NumRows())
		}
		return err
	}, parquet.SkipPageIndex(true))
	if err != nil {
		rows = nil
	}
	return rows, meta, err
}

// TableOf says by its columns which table a file holds.
func TableOf(path string) (table Table, err error) {
	err = open(path, func(f *parquet.File) error {
		var reasons []string
		for _, t := range Tables {
			_, err := bind(f, t)
			if err == nil {
				table = t
				return nil
			}
			reasons = append(reasons, err.Error())
		}
		return fmt.Errorf("columns of no table: %s", strings.Join(reasons, "; "))
	})
	return table, err
}

// NumRows is how many rows a file holds, as it claims.
func NumRows(path string) (n int64, err error) {
	err = open(path, func(f *parquet.File) error {
		n = f.NumRows()
		return nil
	}, parquet.SkipPageIndex(true))
	return n, err
}

// open gives the file to use, after checks that bound what the library will
// allocate, and turns its panics into errors: this is the one place for both.
func open(path string, use func(*parquet.File) error, options ...parquet.FileOption) (err error) {
	if err := CheckSidecar(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("damaged Parquet: %v", r)
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}()
	f, err := os.Open(path)
	if err != nil {
		return errors.Unwrap(err) // path is named above
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := checkFrame(f, info); err != nil {
		return err
	}
	var source io.ReaderAt = f
	if info.Size() <= slurp {
		held := small.Get().(*[]byte)
		defer small.Put(held)
		*held = slices.Grow((*held)[:0], int(info.Size()))
		data := (*held)[:info.Size()]
		if _, err := io.ReadFull(f, data); err != nil {
			return fmt.Errorf("has not the %d bytes that it had a moment ago: %w", info.Size(), err)
		}
		source = bytes.NewReader(data)
	}
	p, err := parquet.OpenFile(source, info.Size(), append(options, parquet.SkipBloomFilters(true))...)
	if err != nil {
		return fmt.Errorf("damaged Parquet: %w", err)
	}
	if err := checkClaims(p); err != nil {
		return err
	}
	return use(p)
}

// small is memory for small files; what is read of them is copied out of it.
var small = sync.Pool{New: func() any { return new([]byte) }}

// checkFrame looks at what surrounds the data.
func checkFrame(f *os.File, info os.FileInfo) error {
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	footer, err := footerSize(f, info.Size())
	if err == nil && footer > MaxFileSize {
		err = fmt.Errorf("damaged Parquet: the footer claims %d bytes, more than %d", footer, MaxFileSize)
	}
	return err
}

// frame is "PAR1" before the data, and after it the footer's length and "PAR1".
const frame = 12

// footerSize is the length of the footer of a file of that size.
func footerSize(f io.ReaderAt, size int64) (int64, error) {
	var head [4]byte
	var tail [8]byte
	if size < frame {
		return 0, errors.New("too short for Parquet")
	}
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return 0, err
	}
	if _, err := f.ReadAt(tail[:], size-int64(len(tail))); err != nil {
		return 0, err
	}
	if string(head[:]) != "PAR1" || string(tail[4:]) != "PAR1" {
		return 0, errors.New("not Parquet, or cut short")
	}
	footer := int64(binary.LittleEndian.Uint32(tail[:4]))
	if footer > size-frame {
		return 0, errors.New("damaged Parquet: the footer is longer than the file")
	}
	return footer, nil
}

// checkClaims bounds what the footer says is to come, row group by row group.
func checkClaims(p *parquet.File) error {
	var rows int64
	for _, g := range p.Metadata().RowGroups {
		if g.NumRows < 0 || g.NumRows > MaxRows {
			return fmt.Errorf("claims %d rows in a row group, more than %d", g.NumRows, MaxRows)
		}
		rows += g.NumRows
		for _, c := range g.Columns {
			if c.MetaData.TotalUncompressedSize < 0 || c.MetaData.TotalUncompressedSize > maxExpanded {
				return fmt.Errorf("claims a column of %d bytes", c.MetaData.TotalUncompressedSize)
			}
		}
		if size := expanded(g); size > maxExpanded {
			return fmt.Errorf("claims %d bytes in a row group, more than %d", size, int64(maxExpanded))
		}
	}
	if rows != p.NumRows() {
		return fmt.Errorf("damaged Parquet: row groups have %d rows, the file claims %d", rows, p.NumRows())
	}
	return nil
}

// expanded is how many bytes the row groups' columns claim to have, uncompressed.
func expanded(groups ...format.RowGroup) (size int64) {
	for _, g := range groups {
		for _, c := range g.Columns {
			size += c.MetaData.TotalUncompressedSize
		}
	}
	return size
}
