package column

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

	"mtric.net/mtric/engine/files"
)

// Bounds of what is read. A day of the lake grows with the number of vantage points:
// what is bounded is each of its row groups, which are read one by one. A file that
// somebody names is bounded whole. (What vantage points send is package spool's.)
const (
	MaxFileSize = 256 << 20 // of a file that somebody names, and of the footer of any
	MaxRows     = 8_000_000 // fifteen times those of a row group of ours
	maxExpanded = 4 << 30   // bytes of all columns, uncompressed, as the file claims
	readAtOnce  = 1 << 20   // a file up to this is read at once: a hundred small reads cost more
)

// File is an open file of a table.
type File struct {
	*parquet.File
	Table    Table
	Metadata Metadata // what it says of itself
	columns  []bound  // all of the table's, in order
}

// Open gives a file of a table to use, which must not keep it. Checks come first that
// bound what the library will allocate, and its panics become errors: this is the one
// place for both. The sidecar, where there is one, must match: Parquet sees little of its
// own damage, and the library that reads it takes what a damaged page claims at its word.
// A file made to harm must not be read in a process that matters: what a vantage point
// sent is for package spool. Errors name the file; one that is ErrNewer is of a schema
// that this program does not know.
func Open(path string, t Table, use func(*File) error) error {
	return open(path, func(p *parquet.File) (err error) {
		f := &File{File: p, Table: t}
		if f.Metadata, err = ParseMetadata(p.Lookup); err != nil {
			return err
		}
		if f.columns, err = bind(p, t, f.Metadata.Schema); err != nil {
			return err
		}
		return use(f)
	})
}

// Current reports whether the file is of the schema that this program writes, and says so.
func (f *File) Current() bool { return f.Metadata.Schema == Schema() }

// Which says by its columns which table a file holds.
func Which(path string) (table Table, err error) {
	err = open(path, func(f *parquet.File) error {
		meta, err := ParseMetadata(f.Lookup)
		if err != nil {
			return err
		}
		var reasons []string
		for _, t := range Tables {
			_, err := bind(f, t, meta.Schema)
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

func open(path string, use func(*parquet.File) error) (err error) {
	if err := files.CheckSidecar(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
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
	if info.Size() <= readAtOnce {
		held := small.Get().(*[]byte)
		defer small.Put(held)
		*held = slices.Grow((*held)[:0], int(info.Size()))
		data := (*held)[:info.Size()]
		if _, err := io.ReadFull(f, data); err != nil {
			return fmt.Errorf("has not the %d bytes that it had a moment ago: %w", info.Size(), err)
		}
		source = bytes.NewReader(data)
	}
	p, err := parquet.OpenFile(source, info.Size(), parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
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
	footer, err := FooterSize(f, info.Size())
	if err == nil && footer > MaxFileSize {
		err = fmt.Errorf("damaged Parquet: the footer claims %d bytes, more than %d", footer, MaxFileSize)
	}
	return err
}

// frame is "PAR1" before the data, and after it the footer's length and "PAR1".
const frame = 12

// FooterSize is the length of the footer of a file of that size.
func FooterSize(f io.ReaderAt, size int64) (int64, error) {
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
