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

	"mtric.net/mtric/engine/measurement"
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
// must be exactly those of the type, and the sidecar, where there is one, must
// match: Parquet sees little of its own damage, and the library that reads it
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
		if err := sameColumns(parquet.SchemaOf(*new(T)), f.Schema()); err != nil {
			return fmt.Errorf("not a file of %s: %w", tableOf[T](), err)
		}
		if meta, err = parseMetadata(f.Lookup); err != nil {
			return err
		}
		rows, err = readAll[T](f)
		return err
	}, parquet.SkipPageIndex(true))
	return rows, meta, err
}

func readAll[T Row](f *parquet.File) (rows []T, err error) {
	for _, g := range f.RowGroups() {
		_, err := yieldGroup(f, g, func(run []T, _ error) bool {
			if rows == nil {
				rows = run // most files are one run
			} else {
				rows = append(rows, run...)
			}
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	if int64(len(rows)) != f.NumRows() {
		return nil, fmt.Errorf("holds %d rows, claims %d", len(rows), f.NumRows())
	}
	return rows, nil
}

// TableOf says by its columns which table a file holds.
func TableOf(path string) (table Table, err error) {
	err = open(path, func(f *parquet.File) error {
		var reasons []string
		for _, t := range []struct {
			table  Table
			schema *parquet.Schema
		}{
			{Answers, parquet.SchemaOf(measurement.Answer{})},
			{Routes, parquet.SchemaOf(measurement.Route{})},
			{Runs, parquet.SchemaOf(measurement.Run{})},
			{Zones, parquet.SchemaOf(measurement.Zone{})},
		} {
			err := sameColumns(t.schema, f.Schema())
			if err == nil {
				table = t.table
				return nil
			}
			reasons = append(reasons, fmt.Sprintf("not %s: %v", t.table, err))
		}
		return fmt.Errorf("columns of no table: %s", strings.Join(reasons, "; "))
	})
	return table, err
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
			if c.MetaData.Codec != format.Zstd {
				return fmt.Errorf("column %s is compressed by %s, want zstd", strings.Join(c.MetaData.PathInSchema, "."), c.MetaData.Codec)
			}
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

// sameColumns compares the columns by name, type, nullability and order. The
// library itself reads missing columns and other types without a word. A nullable
// column that is missing is null in every row: a file of an earlier version lacks
// what was added since.
func sameColumns(want, got *parquet.Schema) error {
	fields := slices.DeleteFunc(slices.Clone(want.Fields()), func(f parquet.Field) bool {
		return f.Optional() && !slices.ContainsFunc(got.Fields(), func(g parquet.Field) bool { return g.Name() == f.Name() })
	})
	return sameFields("", fields, got.Fields())
}

func sameFields(under string, want, got []parquet.Field) error {
	for i, w := range want {
		name := under + w.Name()
		if i >= len(got) {
			return fmt.Errorf("column %s is missing", name)
		}
		if got[i].Name() != w.Name() {
			return fmt.Errorf("column %d is %s, want %s", i+1, under+got[i].Name(), name)
		}
		if a, b := describe(w), describe(got[i]); a != b {
			return fmt.Errorf("column %s is %s, want %s", name, b, a)
		}
		if err := sameFields(name+".", w.Fields(), got[i].Fields()); err != nil {
			return err
		}
	}
	if len(got) > len(want) {
		return fmt.Errorf("column %s is unknown", under+got[len(want)].Name())
	}
	return nil
}

// describe is a column's nullability and type, "optional TIMESTAMP(…)".
func describe(n parquet.Node) string {
	repetition := "required"
	switch {
	case n.Optional():
		repetition = "optional"
	case n.Repeated():
		repetition = "repeated"
	}
	if !n.Leaf() {
		kind := "group"
		if t := n.Type(); t != nil && t.LogicalType() != nil {
			kind = t.LogicalType().String()
		}
		return repetition + " " + kind
	}
	return repetition + " " + n.Type().String()
}
