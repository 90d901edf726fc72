package column

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sort"
	"time"

	"github.com/parquet-go/parquet-go"
)

// Interval is the column that the lake is sorted and cut by.
const Interval = "interval"

// Span is interval labels of [From, Until); a zero time is no bound.
type Span struct{ From, Until time.Time }

// Batch is a run of rows of one file in the order of the table's key. It is valid
// until the function that got it returns.
type Batch struct {
	Worker int       // of a scan: a worker hands over one batch at a time, and a file's in their order
	Day    time.Time // of the file, 00:00 UTC
	Rows   int

	names   []string
	cursors []cursor
	views   []Column
	reached int64 // the last interval of the file so far

	answers AnswerBatch
	runs    RunBatch
}

// NewBatch allocates a batch of the columns and of the interval. Lists are read as rows.
func NewBatch(columns []string) *Batch {
	b := &Batch{names: slices.Clone(columns)}
	if !slices.Contains(b.names, Interval) {
		b.names = append(b.names, Interval)
	}
	b.cursors, b.views = make([]cursor, len(b.names)), make([]Column, len(b.names))
	b.show(Answers, reflect.ValueOf(&b.answers).Elem())
	b.show(Runs, reflect.ValueOf(&b.runs).Elem())
	return b
}

// Column returns a column that was asked for, or panics: a mistake of the program.
func (b *Batch) Column(name string) *Column {
	i := slices.Index(b.names, name)
	if i < 0 {
		panic("column: " + name + " was not asked for")
	}
	return &b.views[i]
}

// Batches hands the rows of a file that lie within the span to use. An error of use's own
// is own, and not the file's.
func (f *File) Batches(ctx context.Context, s Span, b *Batch, use func(*Batch) error) (own, err error) {
	columns, err := f.flat(b.names)
	if err != nil {
		return nil, err
	}
	b.reached = math.MinInt64
	for _, g := range f.Groups() {
		if own = ctx.Err(); own != nil {
			return own, nil
		}
		if !g.Overlaps(s) {
			continue
		}
		if own, err = s.group(ctx, g, columns, b, use); own != nil || err != nil {
			return own, err
		}
	}
	return nil, nil
}

// flat finds columns that are no lists.
func (f *File) flat(names []string) ([]bound, error) {
	columns, err := pick(f.columns, names...)
	for _, c := range columns {
		if c.Kind == List {
			return nil, fmt.Errorf("column %s is a list: it is read as rows", c.Name)
		}
	}
	return columns, err
}

// group hands a row group's rows to use as its pages come: what a batch shows is
// the pages' own memory where that is possible. The first error is use's own.
func (s Span) group(ctx context.Context, g RowGroup, columns []bound, b *Batch, use func(*Batch) error) (own, err error) {
	defer func() {
		for i := range b.cursors {
			err = errors.Join(err, b.cursors[i].close())
		}
	}()
	for i, of := range columns {
		if err := b.cursors[i].open(g, of); err != nil {
			return nil, fmt.Errorf("column %s: %w", of.Name, err)
		}
	}
	for left := int(g.NumRows()); left > 0; {
		n := min(left, batchRows)
		for i := range b.cursors {
			have, err := b.cursors[i].fill()
			if err == nil && have == 0 {
				err = fmt.Errorf("ends %d rows before its row group", left)
			}
			if err != nil {
				return nil, fmt.Errorf("column %s: %w", b.names[i], err)
			}
			n = min(n, have)
		}
		for i := range b.cursors {
			b.views[i] = b.cursors[i].take(n)
		}
		left -= n
		past, err := s.cut(b, n)
		if err != nil {
			return nil, err
		}
		if b.Rows > 0 {
			if own = ctx.Err(); own == nil {
				own = use(b)
			}
			if own != nil {
				return own, nil
			}
		}
		if past {
			return nil, nil
		}
	}
	for i := range b.cursors {
		if have, err := b.cursors[i].fill(); err != nil || have > 0 {
			return nil, errors.Join(fmt.Errorf("column %s: has values beyond its row group of %d rows", b.names[i], g.NumRows()), err)
		}
	}
	return nil, nil
}

// batchRows is how many rows a batch has at most: few enough for a processor's own
// memory.
const batchRows = 1 << 15

// Overlaps says by the statistics whether the row group can hold rows of the span.
func (g RowGroup) Overlaps(s Span) bool {
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
	i := slices.IndexFunc(g.of.columns, named(Interval))
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

// Read reads flat columns of the row group whole. Their memory is used again.
func (g RowGroup) Read(names []string, to []*Column) error {
	columns, err := g.of.flat(names)
	if err != nil {
		return err
	}
	for i, c := range to {
		if err := c.read(g, columns[i]); err != nil {
			return fmt.Errorf("column %s: %w", names[i], err)
		}
	}
	return nil
}

// cut leaves of a batch of n rows what lies in the span; rows are in order of time. Past
// says that the span ends with them.
func (s Span) cut(b *Batch, n int) (past bool, err error) {
	at := b.views[slices.Index(b.names, Interval)].Int
	if b.reached, err = Ascending(at, b.reached); err != nil {
		return false, err
	}
	from, until := s.Within(at)
	if b.Rows = until - from; b.Rows == n {
		return false, nil
	}
	for i := range b.views {
		b.views[i] = b.views[i].Slice(from, until)
	}
	return until < n, nil
}

// Within is the part of the intervals, which are in order and in µs, that lies in the
// span.
func (s Span) Within(at []int64) (from, until int) {
	until = len(at)
	if !s.From.IsZero() {
		from = sort.Search(len(at), func(i int) bool { return at[i] >= s.From.UnixMicro() })
	}
	if !s.Until.IsZero() {
		until = sort.Search(len(at), func(i int) bool { return at[i] >= s.Until.UnixMicro() })
	}
	return from, max(from, until)
}

// Ascending refuses intervals that are not in order from the last one on, which it
// returns: readers look for a time by halves, and would miss rows of a file that somebody
// sorted otherwise.
func Ascending(at []int64, last int64) (int64, error) {
	for _, t := range at {
		if t < last {
			return last, errors.New("rows are not in order of their intervals; sort them by the key of the table")
		}
		last = t
	}
	return last, nil
}
