package lake

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sort"
	"time"

	"github.com/parquet-go/parquet-go"
	"golang.org/x/sync/errgroup"
)

// Scan reads columns of the lake, some fifty times as fast as rows: only the
// columns asked for, only the files and row groups that can hold the time asked
// for, a page of each a worker in memory.
type Scan struct {
	Store       Store
	Table       Table
	From, Until time.Time // interval labels of [From, Until); a zero time is no bound
	Columns     []string  // flat columns; lists are read as rows
	Workers     int       // files read at a time; 0 is one for each CPU
}

// Batch is a run of rows of one file in the order of the table's key. It is valid
// until the function that got it returns.
type Batch struct {
	Worker int       // below Scan.Workers; a worker hands over one batch at a time, and a file's in their order
	Day    time.Time // of the file, 00:00 UTC
	Rows   int

	names   []string
	cursors []cursor
	views   []Column
}

// Column returns a column that was asked for, or panics: a mistake of the program.
func (b *Batch) Column(name string) *Column {
	i := slices.Index(b.names, name)
	if i < 0 {
		panic("lake: column " + name + " was not asked for")
	}
	return &b.views[i]
}

// Run calls use with every batch, concurrently for different workers, and ends
// at the first error. Files come in no order, but each file's batches in theirs.
func (s Scan) Run(ctx context.Context, use func(*Batch) error) error {
	files, err := s.Store.Days(s.Table, s.From, s.Until)
	if err != nil {
		return err
	}
	workers := s.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	todo := make(chan DayFile, len(files))
	for _, f := range files {
		todo <- f
	}
	close(todo)
	group, ctx := errgroup.WithContext(ctx)
	for w := range workers {
		group.Go(func() error {
			b := s.batch(w)
			for f := range todo {
				b.Day = f.Day
				if err := s.file(ctx, f.Path, b, use); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// batch is a worker's batch: the columns asked for, and the interval for the time.
func (s Scan) batch(worker int) *Batch {
	b := &Batch{Worker: worker, names: slices.Clone(s.Columns)}
	if !slices.Contains(b.names, labels) {
		b.names = append(b.names, labels)
	}
	b.cursors, b.views = make([]cursor, len(b.names)), make([]Column, len(b.names))
	return b
}

// labels is the column that the lake is sorted and cut by.
const labels = "interval"

// file hands a file's batches to use. An error of use's own is not the file's.
func (s Scan) file(ctx context.Context, path string, b *Batch, use func(*Batch) error) error {
	var own error
	err := open(path, func(f *parquet.File) error {
		leaves, err := s.leaves(f, b.names) // nil for one that is missing, and null
		if err != nil {
			return err
		}
		for _, g := range f.RowGroups() {
			if own = ctx.Err(); own != nil {
				return nil
			}
			if !s.overlaps(g, leaves[slices.Index(b.names, labels)]) {
				continue
			}
			if own, err = s.group(ctx, g, leaves, b, use); own != nil || err != nil {
				return err
			}
		}
		return nil
	}, parquet.SkipPageIndex(true))
	if own != nil {
		return own
	}
	return err
}

// group hands a row group's rows to use as its pages come: what a batch shows is
// the pages' own memory where that is possible. The first error is use's own.
func (s Scan) group(ctx context.Context, g parquet.RowGroup, leaves []*parquet.Column, b *Batch, use func(*Batch) error) (own, err error) {
	for i, leaf := range leaves {
		if leaf == nil {
			b.cursors[i].lack(s.isText(b.names[i]), int(g.NumRows()))
			continue
		}
		b.cursors[i].open(g.ColumnChunks()[leaf.Index()], leaf)
	}
	defer func() {
		for i := range b.cursors {
			err = errors.Join(err, b.cursors[i].close())
		}
	}()
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
		if s.cut(b, n); b.Rows > 0 {
			if own = ctx.Err(); own == nil {
				own = use(b)
			}
			if own != nil {
				return own, nil
			}
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

// isText says whether a column is one of texts.
func (s Scan) isText(name string) bool {
	return slices.ContainsFunc(fieldsOf(s.Table), func(f field) bool { return f.name == name && f.kind == textKind })
}

// leaves finds the columns in the file, nil where a nullable one is missing.
func (s Scan) leaves(f *parquet.File, names []string) ([]*parquet.Column, error) {
	var leaves []*parquet.Column
	for _, name := range names {
		c := f.Root().Column(name)
		switch {
		case c == nil && slices.ContainsFunc(fieldsOf(s.Table), func(f field) bool { return f.name == name && f.nullable }):
		case c == nil:
			return nil, fmt.Errorf("column %s is missing", name)
		case !c.Leaf() || c.Repeated():
			return nil, fmt.Errorf("column %s is a list: it is read as rows", name)
		}
		leaves = append(leaves, c)
	}
	return leaves, nil
}

// overlaps says by the statistics whether the row group can hold the time.
func (s Scan) overlaps(g parquet.RowGroup, leaf *parquet.Column) bool {
	if g.NumRows() == 0 {
		return false
	}
	first, last, known := labelsOf(g, leaf)
	if !known {
		return true
	}
	return (s.Until.IsZero() || first < s.Until.UnixMicro()) && (s.From.IsZero() || last >= s.From.UnixMicro())
}

// labelsOf returns the first and the last interval of a row group, in µs, where
// its statistics have them.
func labelsOf(g parquet.RowGroup, leaf *parquet.Column) (first, last int64, known bool) {
	chunk, ok := g.ColumnChunks()[leaf.Index()].(*parquet.FileColumnChunk)
	if !ok {
		return 0, 0, false
	}
	low, high, known := chunk.Bounds()
	if !known || low.Kind() != parquet.Int64 {
		return 0, 0, false
	}
	return low.Int64(), high.Int64(), true
}

// cut leaves of a batch of n rows what lies in the time asked for; rows are in order
// of time.
func (s Scan) cut(b *Batch, n int) {
	at := b.views[slices.Index(b.names, labels)].Int
	from, until := 0, len(at)
	if !s.From.IsZero() {
		from = sort.Search(len(at), func(i int) bool { return at[i] >= s.From.UnixMicro() })
	}
	if !s.Until.IsZero() {
		until = sort.Search(len(at), func(i int) bool { return at[i] >= s.Until.UnixMicro() })
	}
	until = max(from, until)
	if b.Rows = until - from; b.Rows == n {
		return
	}
	for i := range b.views {
		b.views[i] = b.views[i].slice(from, until)
	}
}
