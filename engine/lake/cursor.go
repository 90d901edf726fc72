package lake

import (
	"errors"
	"io"

	"github.com/parquet-go/parquet-go"
)

// cursor hands out a column of a row group page by page; its memory is used again.
type cursor struct {
	leaf   *parquet.Column
	pages  parquet.Pages // nil while it is closed
	page   parquet.Page  // whose memory column may show; nil for none
	reader reader
	column Column // the page
	own    Column // memory for what cannot be shown
	next   int    // row of the page
	rows   int    // of the page
}

func (c *cursor) open(chunk parquet.ColumnChunk, leaf *parquet.Column) {
	c.leaf, c.pages, c.next, c.rows = leaf, chunk.Pages(), 0, 0
	c.column = Column{}
	c.reader = reader{column: &c.column, shows: true, text: isText(leaf), places: map[string]int32{}}
}

// lack stands for a column that the file does not have: null in so many rows.
func (c *cursor) lack(text bool, rows int) {
	c.pages, c.next, c.rows = nil, 0, rows
	c.column = nulls(text, rows)
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
		if err := c.reader.page(page, c.leaf); err != nil {
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
	return c.column.slice(c.next-n, c.next)
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
