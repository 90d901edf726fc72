package column

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
)

// BlockReader hands out the rows of a row group by and by, so that a day's wires
// are never all in memory: pages are read as their rows are wanted.
type BlockReader struct {
	readers []columnReader
	names   []string
	rows    int64
	left    int64
}

// columnReader hands out one column.
type columnReader interface {
	fill(n int) (have int, err error) // reads until n rows are ready, or all that are left
	take(to *Cells, n int) error      // copies n rows out of those that are ready
	close() error
}

// Blocks reads columns of the row group, in the order of their names.
func (g RowGroup) Blocks(names ...string) (*BlockReader, error) {
	columns, err := pick(g.of.columns, names...)
	if err != nil {
		return nil, err
	}
	return newBlockReader(g, columns)
}

func newBlockReader(g RowGroup, columns []bound) (*BlockReader, error) {
	r := &BlockReader{rows: g.NumRows(), left: g.NumRows()}
	for _, of := range columns {
		c, err := newColumnReader(g, of)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("column %s: %w", of.Name, err), r.Close())
		}
		r.names, r.readers = append(r.names, of.Name), append(r.readers, c)
	}
	return r, nil
}

func newColumnReader(g RowGroup, of bound) (columnReader, error) {
	switch {
	case of.leaf == nil && len(of.parts) == 0:
		return &missingReader{of.Field, g.NumRows()}, nil
	case of.Kind == List:
		return newListReader(g, of)
	}
	return newFlatReader(g, of)
}

// Next fills the block with the next run of rows; none is the end.
func (r *BlockReader) Next(b *Block) error {
	n := int(min(runRows, r.left))
	b.Rows = n
	for i, c := range r.readers {
		have, err := c.fill(max(n, 1))
		if err == nil && (have < n || n == 0 && have > 0) {
			err = fmt.Errorf("has another number of values than its row group of %d rows", r.rows)
		}
		if err == nil {
			err = c.take(&b.Columns[i], n)
		}
		if err != nil {
			return fmt.Errorf("column %s: %w", r.names[i], err)
		}
	}
	r.left -= int64(n)
	return nil
}

// Close ends the reading.
func (r *BlockReader) Close() error {
	var errs []error
	for _, c := range r.readers {
		errs = append(errs, c.close())
	}
	return errors.Join(errs...)
}

// missingReader stands for a column that the file's schema does not have: all null.
type missingReader struct {
	of   Field
	left int64
}

func (r *missingReader) fill(n int) (int, error) { return int(min(r.left, int64(n))), nil }

func (r *missingReader) take(to *Cells, n int) error {
	r.left -= int64(n)
	*to = missing(r.of, n)
	return nil
}

func (r *missingReader) close() error { return nil }

// flatReader reads a column without lists.
type flatReader struct {
	reader  reader
	column  Column // what was read; its Null has one entry a row
	at      int    // rows of it that were handed out
	checked int    // texts of its dictionary that are UTF-8
	pages   parquet.Pages
	done    bool
}

func newFlatReader(g RowGroup, of bound) (*flatReader, error) {
	pages, err := g.pages(of.leaf)
	if err != nil {
		return nil, err
	}
	r := &flatReader{pages: pages}
	r.reader = newReader(&r.column, of, g.first)
	r.reader.dense = true
	return r, nil
}

func (r *flatReader) fill(n int) (int, error) {
	c := &r.column
	if len(c.Null)-r.at < n && r.at > 0 {
		c.Int, c.Index, c.Bytes, c.Null = drop(c.Int, r.at), drop(c.Index, r.at), drop(c.Bytes, r.at), drop(c.Null, r.at)
		r.at = 0
	}
	for !r.done && len(c.Null)-r.at < n {
		page, err := r.pages.ReadPage()
		if errors.Is(err, io.EOF) {
			r.done = true
			break
		}
		if err != nil {
			return 0, err
		}
		err = r.reader.page(page)
		parquet.Release(page)
		if err != nil {
			return 0, err
		}
	}
	return len(c.Null) - r.at, nil
}

// drop moves what follows the first n entries to the front; a kind that the
// column does not have is empty.
func drop[T any](s []T, n int) []T { return slices.Delete(s, 0, min(n, len(s))) }

func (r *flatReader) take(to *Cells, n int) error {
	if c := &r.column; r.at == 0 && n == len(c.Null) { // a small file's, whole
		to.Column, r.column = r.column, Column{Int: to.Int[:0], Index: to.Index[:0], Bytes: to.Bytes[:0], Null: to.Null[:0], Dict: c.Dict}
	} else {
		to.copy(c, r.at, r.at+n)
		r.at += n
	}
	return to.CheckText(&r.checked)
}

func (r *flatReader) close() error { return r.pages.Close() }

// copy makes the column the rows of [from, until) of another, in its own memory
// but for texts and wires.
func (c *Column) copy(of *Column, from, until int) {
	c.Int, c.Index, c.Bytes = part(c.Int, of.Int, from, until), part(c.Index, of.Index, from, until), part(c.Bytes, of.Bytes, from, until)
	c.Null = part(c.Null, of.Null, from, until)
	c.Dict = of.Dict
}

func part[T any](to, of []T, from, until int) []T {
	if of == nil {
		return nil
	}
	return append(to[:0], of[from:until]...)
}

// CheckText refuses texts that no reader of UTF-8 would take, or take alike, and
// places that a damaged page made up: encoders look them up where Open no longer catches a panic.
func (c *Column) CheckText(checked *int) error {
	for ; *checked < len(c.Dict); *checked++ {
		if !utf8.ValidString(c.Dict[*checked]) {
			return fmt.Errorf("text %.80q is not UTF-8", c.Dict[*checked])
		}
	}
	for i, place := range c.Index {
		if c.Null[i] != (place < 0) || int(place) >= len(c.Dict) {
			return fmt.Errorf("damaged: a value has place %d among %d texts", place, len(c.Dict))
		}
	}
	return nil
}

// listReader reads a list column by the leaves of its elements.
type listReader struct{ leaves []*leafReader }

func newListReader(g RowGroup, of bound) (*listReader, error) {
	r := &listReader{}
	for _, p := range of.parts {
		pages, err := g.pages(p.leaf)
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
		values := g.ColumnChunks()[p.leaf.Index()].NumValues()
		r.leaves = append(r.leaves, &leafReader{of: p, places: map[string]int32{}, row: g.first - 1,
			pages: pages, buffer: make([]parquet.Value, min(1024, max(values, 1)))})
	}
	return r, nil
}

func (r *listReader) fill(n int) (int, error) {
	least := 0
	for i, l := range r.leaves {
		if err := l.fill(n); err != nil {
			return 0, err
		}
		if i == 0 || len(l.starts) < least {
			least = len(l.starts)
		}
	}
	return least, nil
}

func (r *listReader) take(to *Cells, n int) error {
	to.Missing = false
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
		to.Elements[i].copy(&l.column, 0, int(end))
		if err := to.Elements[i].CheckText(&l.checked); err != nil {
			return err
		}
		if i == 0 {
			to.Null = part(to.Null, l.nulls, 0, n)
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

// leafReader reads one leaf of a list's elements.
type leafReader struct {
	of      boundPart
	row     int64   // of the file, that was begun last
	column  Column  // the elements that were read and not handed out
	starts  []int32 // of each row begun, its first element; the last row may go on
	nulls   []bool  // of each row begun, whether its list is null
	places  map[string]int32
	checked int
	pages   parquet.Pages
	buffer  []parquet.Value
	done    bool
}

// fill reads until a row after the n wanted has begun, for then these are whole.
func (l *leafReader) fill(n int) error {
	for !l.done && len(l.starts) <= n {
		page, err := l.pages.ReadPage()
		if errors.Is(err, io.EOF) {
			l.done = true
			return nil
		}
		if err != nil {
			return err
		}
		err = l.page(page.Values())
		parquet.Release(page)
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *leafReader) page(values parquet.ValueReader) error {
	for {
		n, err := values.ReadValues(l.buffer)
		for _, v := range l.buffer[:n] {
			if err := l.value(v); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
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
	null := level < l.of.full
	c.Null = append(c.Null, null)
	switch l.of.Kind {
	case Text:
	case Binary:
		var own []byte
		if !null {
			own = append([]byte{}, v.ByteArray()...)
		}
		c.Bytes = append(c.Bytes, own)
		return nil
	default:
		n := int64(0)
		if !null {
			n = numberOf(v)
		}
		c.Int = append(c.Int, n)
		return nil
	}
	place := int32(-1)
	if !null {
		var known bool
		if place, known = l.places[string(v.ByteArray())]; !known {
			place = int32(len(c.Dict))
			c.Dict = append(c.Dict, string(v.ByteArray()))
			l.places[c.Dict[place]] = place
		}
	}
	c.Index = append(c.Index, place)
	return nil
}

func numberOf(v parquet.Value) int64 {
	if v.Kind() == parquet.Int32 {
		return int64(v.Int32())
	}
	return v.Int64()
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
