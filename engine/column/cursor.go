package column

import (
	"errors"
	"io"

	"github.com/parquet-go/parquet-go"
)

// cursor hands out a column of a row group page by page; its memory is used again.
type cursor struct {
	pages  parquet.Pages // nil while it is closed
	page   parquet.Page  // whose memory column may show; nil for none
	reader reader
	column Column // the page
	own    Column // memory for what cannot be shown
	next   int    // row of the page
	rows   int    // of the page
}

func (c *cursor) open(g RowGroup, of bound) (err error) {
	c.pages, c.next, c.rows = nil, 0, 0
	if of.leaf == nil {
		c.rows = int(g.NumRows())
		c.column = nulls(of.Kind, c.rows)
		return nil
	}
	c.column = Column{}
	c.reader = newReader(&c.column, of, g.first)
	c.reader.shows = true
	c.pages, err = g.pages(of.leaf)
	return err
}

// fill reads the next page where there is none, and says how many rows are ready;
// none is the end.
func (c *cursor) fill() (int, error) {
	for c.next == c.rows {
		c.release()
		if c.pages == nil {
			return 0, nil
		}
		page, err := c.pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		c.page, c.next, c.rows = page, 0, int(page.NumValues())
		c.column = Column{Int: c.own.Int[:0], Index: c.own.Index[:0], Bytes: c.own.Bytes[:0], Null: c.own.Null[:0], Dict: c.column.Dict}
		c.reader.nulls, c.reader.shown = false, false
		if err := c.reader.page(page); err != nil {
			return 0, err
		}
		c.keep()
	}
	return c.rows - c.next, nil
}

// keep notes the memory that the page took, and was not shown.
func (c *cursor) keep() {
	if !c.reader.shown {
		c.own.Int, c.own.Index = c.column.Int[:0], c.column.Index[:0]
	}
	c.own.Bytes, c.own.Null = c.column.Bytes[:0], c.column.Null[:0]
	if !c.reader.nulls {
		c.column.Null = nil
	}
}

// take hands out rows that are ready, to be used until the next fill.
func (c *cursor) take(n int) Column {
	c.next += n
	return c.column.Slice(c.next-n, c.next)
}

func (c *cursor) release() {
	if c.page != nil {
		parquet.Release(c.page)
		c.page = nil
	}
}

func (c *cursor) close() error {
	c.release()
	if c.pages == nil {
		return nil
	}
	pages := c.pages
	c.pages = nil
	return pages.Close()
}
