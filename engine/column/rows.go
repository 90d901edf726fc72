package column

import (
	"errors"
	"fmt"
	"iter"
	"slices"
)

// makeRows makes rows of a batch, the caller's to keep: three times as fast as the library's
// own rows, and what ingest spends most of its time on.
func makeRows[T Row](b *Batch) ([]T, error) {
	rows := make([]T, b.Rows)
	for i, name := range b.names {
		// Rows refer to what they are filled from; the batch's memory is used again, and that
		// of wires given back.
		c := b.Cells[i]
		c.Int = slices.Clone(c.Int)
		for at, b := range c.Bytes {
			c.Bytes[at] = slices.Clone(b)
		}
		if c.Elements != nil {
			c.Elements = slices.Clone(c.Elements)
			for e := range c.Elements {
				c.Elements[e].Int = slices.Clone(c.Elements[e].Int)
			}
		}
		if err := Fill(rows, name, &c); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// errEnough says that no more rows are wanted.
var errEnough = errors.New("enough")

// rowsIn yields the rows of row groups of an open file.
func rowsIn[T Row](f *File, groups []RowGroup, yield func([]T, error) bool) error {
	b := NewBatch(f.Table, Names(f.Table)...)
	b.Full = true
	for _, g := range groups {
		own, err := b.group(g, f.columns, func() (own, err error) {
			rows, err := makeRows[T](b)
			if err == nil && !yield(rows, nil) {
				own = errEnough
			}
			return own, err
		})
		if own != nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Read returns all rows of a file and what the file says of itself.
func Read[T Row](path string) (rows []T, meta Metadata, err error) {
	err = Open(path, TableOf[T](), func(f *File) error {
		meta = f.Metadata
		return rowsIn(f, f.Groups(), func(run []T, _ error) bool {
			if rows == nil {
				rows = run // most files are one run
			} else {
				rows = append(rows, run...)
			}
			return true
		})
	})
	if err != nil {
		rows = nil
	}
	return rows, meta, err
}

// within refuses a file that claims more than so many rows, or is larger than MaxFileSize.
func (f *File) within(most int64) error {
	switch size := expanded(f.File.Metadata().RowGroups...); {
	case f.Size() > MaxFileSize:
		return fmt.Errorf("%d bytes, more than %d", f.Size(), MaxFileSize)
	case f.NumRows() > most:
		return fmt.Errorf("claims %d rows, more than %d", f.NumRows(), most)
	case size > maxExpanded:
		return fmt.Errorf("claims %d bytes, more than %d", size, int64(maxExpanded))
	}
	return nil
}

// Rows yields the rows of a file some thousand at a time, the receiver's to keep, with
// the checks of Read: a day of hundreds of vantage points does not fit into memory. An
// error ends them.
func Rows[T Row](path string) iter.Seq2[[]T, error] { return RowsFrom[T](path, 0) }

// RowsFrom is Rows from a row group on.
func RowsFrom[T Row](path string, group int) iter.Seq2[[]T, error] {
	return rowsOf[T](path, func(f *File) ([]RowGroup, error) {
		groups := f.Groups()
		return groups[min(group, len(groups)):], nil
	})
}

// RowsUpTo is Rows of a file that somebody names: it claims at most so many rows, and is
// no larger than MaxFileSize.
func RowsUpTo[T Row](path string, most int64) iter.Seq2[[]T, error] {
	return rowsOf[T](path, func(f *File) ([]RowGroup, error) { return f.Groups(), f.within(most) })
}

// rowsOf is Rows of the row groups that which chooses.
func rowsOf[T Row](path string, which func(*File) ([]RowGroup, error)) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		err := Open(path, TableOf[T](), func(f *File) error {
			groups, err := which(f)
			if err != nil {
				return err
			}
			return rowsIn(f, groups, yield)
		})
		if err != nil {
			yield(nil, err)
		}
	}
}
