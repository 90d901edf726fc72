package lake

import (
	"context"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"mtric.net/mtric/engine/column"
)

// Scan reads columns of the lake, some fifty times as fast as rows: only the
// columns asked for, only the files and row groups that can hold the time asked
// for, a page of each a worker in memory.
type Scan struct {
	Store       Store
	From, Until time.Time // interval labels of [From, Until); a zero time is no bound
	Workers     int       // files read at a time; 0 is one for each CPU
}

// Answers calls use with every batch of columns of the table answers, concurrently for
// different workers, and ends at the first error. Files come in no order, but each file's
// batches in theirs.
func (s Scan) Answers(ctx context.Context, columns []column.Name, use func(*column.AnswerBatch) error) error {
	return scan(ctx, s, column.Answers, columns, use)
}

// Runs is Answers of the table runs.
func (s Scan) Runs(ctx context.Context, columns []column.Name, use func(*column.RunBatch) error) error {
	return scan(ctx, s, column.Runs, columns, use)
}

// Routes is Answers of the table routes.
func (s Scan) Routes(ctx context.Context, columns []column.Name, use func(*column.RouteBatch) error) error {
	return scan(ctx, s, column.Routes, columns, use)
}

func scan[V any](ctx context.Context, s Scan, table column.Table, columns []column.Name, use func(*V) error) error {
	files, err := s.Store.Days(table, s.From, s.Until)
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
			b := column.NewBatch(table, columns...)
			b.Worker = w
			view := column.View[V](b)
			for f := range todo {
				b.Day = f.Day
				if err := column.Scan(ctx, f.Path, column.Span{From: s.From, Until: s.Until}, b, func(*column.Batch) error { return use(view) }); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}
