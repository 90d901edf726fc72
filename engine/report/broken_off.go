package report

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// ErrHalfMerged says that the lake has answers whose runs it does not have yet.
var ErrHalfMerged = errors.New("half merged")

// runName names a run of a vantage point; its label in µs.
type runName struct {
	vp measurement.VantagePoint
	at int64
}

// halfMerged refuses a lake that HalfMerged does, of what the report reads.
func (d *Document) halfMerged(ctx context.Context, store lake.Store) error {
	return HalfMerged(ctx, store, d.From.Add(-metrics.LookBack), earlier(d.DataUntil, d.Until.Add(metrics.LookAhead)))
}

// HalfMerged refuses a lake in which an ingest was broken off between the answers of a day
// and its runs: these answers would count now, and be late once their runs say when they
// came. Every file of answers brings its run, which says how many they are. A lake
// without the table runs is taken as it is.
func HalfMerged(ctx context.Context, store lake.Store, from, until time.Time) error {
	if _, err := os.Stat(filepath.Join(store.Dir, string(column.Runs))); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	days, err := store.Days(column.Answers, from, until)
	if err != nil {
		return err
	}
	for _, f := range days {
		var rows int64
		err := column.Open(f.Path, column.Answers, func(f *column.File) error {
			rows = f.NumRows()
			return nil
		})
		if err != nil {
			return err
		}
		runs := map[runName]bool{}
		scan := lake.Scan{Store: store, From: f.Day, Until: f.Day.AddDate(0, 0, 1), Workers: 1}
		err = scan.Runs(ctx, []column.Name{column.VantagePoint, column.Planned}, func(b *column.RunBatch) error {
			for i := range b.Rows {
				runs[runName{b.VantagePoint.At(i), b.Interval.Int[i]}] = true
				rows -= b.Planned.Int[i]
			}
			return nil
		})
		if err != nil {
			return err
		}
		if rows <= 0 { // nearly always, and then the answers need not be read for it
			continue
		}
		if n, err := unknownRuns(ctx, store, f.Day, runs); err != nil {
			return err
		} else if n > 0 {
			return fmt.Errorf("%w: the lake has the answers of %s of %s and not yet the runs; an ingest was broken off, and the next `mtric ingest` brings them",
				ErrHalfMerged, edition.Plural(n, "run"), f.Day.Format(time.DateOnly))
		}
	}
	return nil
}

// unknownRuns counts the runs of a day of which there are answers alone.
func unknownRuns(ctx context.Context, store lake.Store, day time.Time, runs map[runName]bool) (n int64, err error) {
	scan := lake.Scan{Store: store, From: day, Until: day.AddDate(0, 0, 1), Workers: 1}
	err = scan.Answers(ctx, []column.Name{column.VantagePoint}, func(b *column.AnswerBatch) error {
		for i := range b.Rows {
			if name := (runName{b.VantagePoint.At(i), b.Interval.Int[i]}); !runs[name] {
				runs[name] = true
				n++
			}
		}
		return nil
	})
	return n, err
}
