package column

import (
	"errors"
	"io"

	"github.com/parquet-go/parquet-go"
)

// columnReader hands out one column of a row group.
type columnReader interface {
	fill(n int) (have int, err error) // reads until n rows are ready, or all that are left
	take(to *Cells, n int) error      // shows n rows of those that are ready, until the next fill
	close() error
}

// open begins a column of a row group; a cursor that is given is used again.
func (g RowGroup) open(of bound, c *cursor) (columnReader, error) {
	switch {
	case of.leaf == nil && len(of.parts) == 0:
		rows := int(g.NumRows())
		return &missingReader{missing(of.Field, min(rows, batchRows)), rows}, nil
	case of.Kind == List:
		return newListReader(g, of)
	}
	return c, c.open(g, of)
}

// missingReader stands for a column that the file's schema does not have: all null.
type missingReader struct {
	cells Cells
	left  int
}

func (r *missingReader) fill(int) (int, error) { return min(r.left, batchRows), nil }

func (r *missingReader) take(to *Cells, n int) error {
	r.left -= n
	*to = r.cells.Slice(0, n)
	return nil
}

func (r *missingReader) close() error { return nil }

// cursor reads a column without lists page by page, and shows a page's own memory where
// that is possible. Its memory is used again.
type cursor struct {
	reader
	pages  parquet.Pages
	page   parquet.Page // whose memory column shows; nil for none
	column Column       // what was read, from the row next on not handed out
	own    Column       // memory for what cannot be shown
	next   int
	rows   int
}

func (c *cursor) open(g RowGroup, of bound) (err error) {
	c.next, c.rows, c.column = 0, 0, Column{}
	c.reader = newReader(&c.column, of, g.first)
	c.pages, err = g.pages(of.leaf)
	return err
}

func (c *cursor) fill(n int) (int, error) {
	for c.rows-c.next < n {
		page, err := c.pages.ReadPage()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		c.forget()
		c.page = page
		if err := c.reader.page(page); err != nil {
			return 0, err
		}
		c.rows += int(page.NumValues())
		c.own.Bytes, c.own.Null = c.column.Bytes, c.column.Null
		if !c.shown {
			c.own.Int, c.own.Index = c.column.Int, c.column.Index
			c.release()
		}
	}
	return c.rows - c.next, nil
}

// forget drops the rows that were handed out, and copies what is left of a page that is shown.
func (c *cursor) forget() {
	left := c.column.Slice(c.next, c.rows)
	c.column = Column{Int: append(c.own.Int[:0], left.Int...), Index: append(c.own.Index[:0], left.Index...),
		Bytes: append(c.own.Bytes[:0], left.Bytes...), Null: append(c.own.Null[:0], left.Null...), Dict: left.Dict}
	c.release()
	c.rows, c.next, c.shown = c.rows-c.next, 0, false
	c.nulls = c.nulls && c.rows > 0
}

func (c *cursor) take(to *Cells, n int) error {
	to.Column = c.column.Slice(c.next, c.next+n)
	if !c.nulls {
		to.Null = nil
	}
	c.next += n
	return nil
}

func (c *cursor) release() {
	if c.page != nil {
		parquet.Release(c.page)
		c.page = nil
	}
}

func (c *cursor) close() error {
	c.release()
	return c.pages.Close()
}
