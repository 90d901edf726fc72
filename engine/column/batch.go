package column

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/parquet-go/parquet-go"
)

// Interval is the column that days of what was measured are sorted and cut by.
const Interval = "interval"

// Time is the column that a table with a file a day is sorted and cut by; empty of others.
func (t Table) Time() string {
	if !t.Daily() {
		return ""
	}
	return tables[slices.Index(Tables, t)].key[0]
}

// Span is interval labels of [From, Until); a zero time is no bound.
type Span struct{ From, Until time.Time }

// Batch is a run of rows of one file in the order of the table's key, a column each for
// those asked for. It is valid until the function that got it returns.
type Batch struct {
	Worker int       // of a scan: a worker hands over one batch at a time, and a file's in their order
	Day    time.Time // of the file, 00:00 UTC
	Rows   int
	Cells  []Cells // in the order of the names
	Full   bool    // set it for batches that are as large as may be; else one is what the pages of all columns have in common

	table   Table
	names   []string
	cursors []cursor
	readers []columnReader // of the row group
	reached int64          // the last interval of the file so far
}

// batchRows is how many rows a batch has at most: few enough for a processor's own
// memory.
const batchRows = 1 << 14

// NewBatch allocates a batch of columns of a table, and of its Time, where it has one.
func NewBatch[N ~string](t Table, columns ...N) *Batch {
	b := &Batch{table: t}
	for _, c := range columns {
		b.names = append(b.names, string(c))
	}
	if at := t.Time(); at != "" && !slices.Contains(b.names, at) {
		b.names = append(b.names, at)
	}
	b.cursors, b.readers, b.Cells = make([]cursor, len(b.names)), make([]columnReader, 0, len(b.names)), make([]Cells, len(b.names))
	return b
}

// Scan hands the rows of a file that lie within the span to use. Errors of the file name it;
// those of use are handed on as they are.
func Scan(ctx context.Context, path string, s Span, b *Batch, use func(*Batch) error) error {
	var own error
	err := Open(path, b.table, func(f *File) (err error) {
		own, err = f.Batches(ctx, f.Groups(), s, b, use)
		return err
	})
	return cmp.Or(own, err)
}

// Batches hands the rows of row groups of a file that lie within the span to use. An error
// of use's own is own, and not the file's.
func (f *File) Batches(ctx context.Context, groups []RowGroup, s Span, b *Batch, use func(*Batch) error) (own, err error) {
	columns, err := f.pick(b.names)
	if err != nil {
		return nil, err
	}
	b.reached = math.MinInt64
	for _, g := range groups {
		if !g.overlaps(s) {
			continue
		}
		own, err = b.group(g, columns, func() (own, err error) {
			if own, err = ctx.Err(), s.cut(b); own == nil && err == nil && b.Rows > 0 {
				own = use(b)
			}
			if own == nil && err == nil && !s.Until.IsZero() && b.reached >= s.Until.UnixMicro() {
				own = errEnough // none that follows is earlier
			}
			return own, err
		})
		if own == errEnough {
			return nil, err
		}
		if own != nil || err != nil {
			return own, err
		}
	}
	return ctx.Err(), nil
}

// group hands a row group's rows to use as its pages come. The first error is use's own.
func (b *Batch) group(g RowGroup, columns []bound, use func() (own, err error)) (own, err error) {
	b.readers = b.readers[:0]
	defer func() {
		for _, r := range b.readers {
			err = errors.Join(err, r.close())
		}
	}()
	for i, of := range columns {
		r, err := g.open(of, &b.cursors[i])
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", of.Name, err)
		}
		b.readers = append(b.readers, r)
	}
	for left := int(g.NumRows()); left > 0; {
		n, err := b.fill(left)
		if err != nil {
			return nil, err
		}
		left -= n
		if own, err = use(); own != nil || err != nil {
			return own, err
		}
	}
	for i, r := range b.readers {
		if have, err := r.fill(1); err != nil || have > 0 {
			return nil, errors.Join(fmt.Errorf("column %s: has values beyond its row group of %d rows", b.names[i], g.NumRows()), err)
		}
	}
	return nil, nil
}

// fill shows the next rows, of so many that are left.
func (b *Batch) fill(left int) (n int, err error) {
	n = min(left, batchRows)
	least := 1
	if b.Full {
		least = n
	}
	for i, r := range b.readers {
		have, err := r.fill(least)
		if err == nil && have < least {
			err = fmt.Errorf("ends %d rows before its row group", left-have)
		}
		if err != nil {
			return 0, fmt.Errorf("column %s: %w", b.names[i], err)
		}
		n = min(n, have)
	}
	for i, r := range b.readers {
		if err := r.take(&b.Cells[i], n); err != nil {
			return 0, fmt.Errorf("column %s: %w", b.names[i], err)
		}
	}
	b.Rows = n
	return n, nil
}

// overlaps says by the statistics whether the row group can hold rows of the span.
func (g RowGroup) overlaps(s Span) bool {
	if g.NumRows() == 0 {
		return false
	}
	first, last, known := g.Intervals()
	if !known {
		return true
	}
	return (s.Until.IsZero() || first < s.Until.UnixMicro()) && (s.From.IsZero() || last >= s.From.UnixMicro())
}

// Intervals returns the first and the last interval of a row group, in µs, where
// its statistics have them.
func (g RowGroup) Intervals() (first, last int64, known bool) {
	i := slices.IndexFunc(g.of.columns, named(g.of.Table.Time()))
	if i < 0 {
		return 0, 0, false
	}
	chunk, ok := g.ColumnChunks()[g.of.columns[i].leaf.Index()].(*parquet.FileColumnChunk)
	if !ok {
		return 0, 0, false
	}
	low, high, known := chunk.Bounds()
	if !known || low.Kind() != parquet.Int64 {
		return 0, 0, false
	}
	return low.Int64(), high.Int64(), true
}

// cut leaves of a batch what lies in the span; rows are in order of time.
func (s Span) cut(b *Batch) (err error) {
	label := slices.Index(b.names, b.table.Time())
	if label < 0 {
		return nil
	}
	at := b.Cells[label].Int
	if b.reached, err = ascending(at, b.reached); err != nil {
		return err
	}
	from, until := s.within(at)
	if b.Rows == until-from {
		return nil
	}
	b.Rows = until - from
	for i := range b.Cells {
		b.Cells[i] = b.Cells[i].Slice(from, until)
	}
	return nil
}

// within is the part of the intervals, which are in order and in µs, that lies in the
// span.
func (s Span) within(at []int64) (from, until int) {
	until = len(at)
	if !s.From.IsZero() {
		from = sort.Search(len(at), func(i int) bool { return at[i] >= s.From.UnixMicro() })
	}
	if !s.Until.IsZero() {
		until = sort.Search(len(at), func(i int) bool { return at[i] >= s.Until.UnixMicro() })
	}
	return from, max(from, until)
}

// ascending refuses intervals that are not in order from the last one on, which it
// returns: readers look for a time by halves, and would miss rows of a file that somebody
// sorted otherwise.
func ascending(at []int64, last int64) (int64, error) {
	for _, t := range at {
		if t < last {
			return last, errors.New("rows are not in order of their intervals; sort them by the key of the table")
		}
		last = t
	}
	return last, nil
}
