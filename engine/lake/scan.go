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
	Table       column.Table
	From, Until time.Time // interval labels of [From, Until); a zero time is no bound
	Columns     []string  // flat columns; lists are read as rows
	Workers     int       // files read at a time; 0 is one for each CPU
}

// Run calls use with every batch, concurrently for different workers, and ends
// at the first error. Files come in no order, but each file's batches in theirs.
func (s Scan) Run(ctx context.Context, use func(*column.Batch) error) error {
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
			b := column.NewBatch(s.Columns)
			b.Worker = w
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

// file hands a file's batches to use. An error of use's own is not the file's.
func (s Scan) file(ctx context.Context, path string, b *column.Batch, use func(*column.Batch) error) error {
	var own error
	err := column.Open(path, s.Table, func(f *column.File) (err error) {
		own, err = f.Batches(ctx, column.Span{From: s.From, Until: s.Until}, b, use)
		return err
	})
	if own != nil {
		return own
	}
	return err
}
