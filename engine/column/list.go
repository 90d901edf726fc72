package column

import (
	"errors"
	"io"
	"math"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// listReader reads a list column by the leaves of its elements.
type listReader struct{ leaves []*leafReader }

func newListReader(g RowGroup, of bound) (*listReader, error) {
	r := &listReader{}
	for _, p := range of.parts {
		pages, err := g.pages(p.leaf)
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
		l := &leafReader{of: p, row: g.first - 1, pages: pages}
		l.values = newValues(&l.column, p.Kind)
		r.leaves = append(r.leaves, l)
	}
	return r, nil
}

func (r *listReader) fill(n int) (int, error) {
	least := math.MaxInt
	for _, l := range r.leaves {
		whole, err := l.fill(n)
		if err != nil {
			return 0, err
		}
		least = min(least, whole)
	}
	return least, nil
}

func (r *listReader) take(to *Cells, n int) error {
	if to.Elements == nil {
		to.Elements = make([]Column, len(r.leaves))
	}
	for i, l := range r.leaves {
		end := int32(len(l.column.Null))
		if len(l.starts) > n {
			end = l.starts[n]
		}
		if i > 0 && (!slices.Equal(to.Offsets[:n], l.starts[:n]) || to.Offsets[n] != end) {
			return errors.New("damaged: the parts of its elements differ in number")
		}
		to.Offsets = append(append(to.Offsets[:0], l.starts[:n]...), end)
		to.Elements[i].copy(l.column.Slice(0, int(end)))
		if i == 0 {
			to.Null = append(to.Null[:0], l.nulls[:n]...)
		} else if !slices.Equal(to.Null, l.nulls[:n]) {
			return errors.New("damaged: the parts of its elements differ in which lists are null")
		}
		l.drop(n, int(end))
	}
	return nil
}

func (r *listReader) close() error {
	var errs []error
	for _, l := range r.leaves {
		errs = append(errs, l.pages.Close())
	}
	return errors.Join(errs...)
}

// leafReader reads one leaf of a list's elements, which are added to its column.
type leafReader struct {
	values
	of     boundPart
	row    int64   // of the file, that was begun last
	column Column  // the elements that were read and not handed out
	starts []int32 // of each row begun, its first element; the last row may go on
	nulls  []bool  // of each row begun, whether its list is null
	pages  parquet.Pages
	done   bool
}

// fill reads until a row after the n wanted has begun, for then these are whole, and says
// how many are.
func (l *leafReader) fill(n int) (whole int, err error) {
	for !l.done && len(l.starts) <= n {
		page, err := l.pages.ReadPage()
		if errors.Is(err, io.EOF) {
			l.done = true
			break
		}
		if err != nil {
			return 0, err
		}
		_, err = l.readAll(page.Values(), l.value)
		parquet.Release(page)
		if err != nil {
			return 0, err
		}
	}
	if l.done {
		return len(l.starts), nil
	}
	return len(l.starts) - 1, nil
}

func (l *leafReader) value(v parquet.Value) error {
	c, level := &l.column, v.DefinitionLevel()
	switch {
	case v.RepetitionLevel() == 0:
		l.starts = append(l.starts, int32(len(c.Null)))
		l.nulls = append(l.nulls, level < l.of.begin-1 && l.of.listMay)
		l.row++
	case len(l.starts) == 0 || level < l.of.begin:
		return errors.New("damaged: a list goes on that never began")
	}
	switch {
	case level == l.of.begin-1 || level < l.of.begin-1 && l.of.listMay:
		return nil // an empty list, or none
	case level < l.of.begin || level < l.of.whole || level < l.of.full && !l.of.Nullable:
		return errNull(l.row)
	}
	l.column.Null = append(l.column.Null, level < l.of.full)
	return l.add(v)
}

// drop forgets the first rows and their elements.
func (l *leafReader) drop(rows, elements int) {
	c := &l.column
	c.Int, c.Index, c.Bytes, c.Null = drop(c.Int, elements), drop(c.Index, elements), drop(c.Bytes, elements), drop(c.Null, elements)
	l.starts, l.nulls = drop(l.starts, rows), drop(l.nulls, rows)
	for i := range l.starts {
		l.starts[i] -= int32(elements)
	}
}

// drop moves what follows the first n entries to the front; a kind that the
// column does not have is empty.
func drop[T any](s []T, n int) []T { return slices.Delete(s, 0, min(n, len(s))) }
