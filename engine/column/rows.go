package column

import (
	"errors"
	"fmt"
	"iter"
	"slices"
)

// rowReader makes rows of columns: three times as fast as the library's own rows, and
// what ingest spends most of its time on.
type rowReader[T Row] struct {
	group *BlockReader
	block Block
}

func newRowReader[T Row](g RowGroup, columns []bound) (*rowReader[T], error) {
	group, err := newBlockReader(g, columns)
	return &rowReader[T]{group, Block{Columns: make([]Cells, len(columns))}}, err
}

// next returns the next run of rows, the caller's to keep; none is the end. A row
// group with values left over is damaged.
func (r *rowReader[T]) next() ([]T, error) {
	if err := r.group.Next(&r.block); err != nil || r.block.Rows == 0 {
		return nil, err
	}
	rows := make([]T, r.block.Rows)
	for i, name := range r.group.names {
		// Rows refer to what they are filled from; the block's memory is used again, and that
		// of wires given back.
		c := r.block.Columns[i]
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

// yieldGroup yields the rows of a row group and says whether more are wanted.
func yieldGroup[T Row](g RowGroup, columns []bound, yield func([]T, error) bool) (more bool, err error) {
	r, err := newRowReader[T](g, columns)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, r.group.Close()) }()
	for {
		rows, err := r.next()
		if err != nil || len(rows) == 0 {
			return err == nil, err
		}
		if !yield(rows, nil) {
			return false, nil
		}
	}
}

// rowsIn yields the rows of an open file from a row group on.
func rowsIn[T Row](f *File, from int, yield func([]T, error) bool) error {
	groups := f.Groups()
	for _, g := range groups[min(from, len(groups)):] {
		if more, err := yieldGroup(g, f.columns, yield); err != nil || !more {
			return err
		}
	}
	return nil
}

// Read returns all rows of a file and what the file says of itself.
func Read[T Row](path string) (rows []T, meta Metadata, err error) {
	err = Open(path, TableOf[T](), func(f *File) error {
		meta = f.Metadata
		err := rowsIn(f, 0, func(run []T, _ error) bool {
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
	return func(yield func([]T, error) bool) {
		err := Open(path, TableOf[T](), func(f *File) error { return rowsIn(f, group, yield) })
		if err != nil {
			yield(nil, err)
		}
	}
}

// RowsUpTo is Rows of a file that somebody names: it claims at most so many rows, and is
// no larger than MaxFileSize. That the claim is true is known at the end.
func RowsUpTo[T Row](path string, most int64) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		n, stopped := int64(0), false
		err := Open(path, TableOf[T](), func(f *File) error {
			if err := f.within(most); err != nil {
				return err
			}
			err := rowsIn(f, 0, func(run []T, err error) bool {
				n += int64(len(run))
				stopped = !yield(run, err)
				return !stopped
			})
			if err == nil && !stopped && n != f.NumRows() {
				err = fmt.Errorf("holds %d rows, claims %d", n, f.NumRows())
			}
			return err
		})
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
}
