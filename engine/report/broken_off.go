package report

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/metrics"
)

// ErrHalfMerged says that the lake has answers whose runs it does not have yet.
var ErrHalfMerged = errors.New("half merged")

// runName names a run of a vantage point; its label in µs.
type runName struct {
	vp string
	at int64
}

// halfMerged refuses a lake in which an ingest was broken off between the answers of a day
// and its runs: these answers would count now, and be late once their runs say when they
// came. Every file of answers brings its run, which says how many they are. A lake
// without the table runs is taken as it is.
func (d *Document) halfMerged(ctx context.Context, store lake.Store) error {
	if _, err := os.Stat(filepath.Join(store.Dir, string(column.Runs))); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	from, until := d.From.Add(-metrics.LookBack), earlier(d.DataUntil, d.Until.Add(metrics.LookAhead))
	days, err := store.Days(column.Answers, from, until)
	if err != nil {
		return err
	}
	for _, f := range days {
		rows, err := column.NumRows(f.Path)
		if err != nil {
			return err
		}
		runs := map[runName]bool{}
		scan := lake.Scan{Store: store, Table: column.Runs, From: f.Day, Until: f.Day.AddDate(0, 0, 1), Columns: []string{"vantage_point", "planned"}, Workers: 1}
		err = scan.Run(ctx, func(b *column.Batch) error {
			vps, planned, labels := b.Column("vantage_point"), b.Column("planned"), b.Column("interval")
			for i := range b.Rows {
				runs[runName{string([]byte(vps.Text(i))), labels.Int[i]}] = true
				rows -= planned.Int[i]
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
				ErrHalfMerged, plural(n, "run"), f.Day.Format(time.DateOnly))
		}
	}
	return nil
}

// unknownRuns counts the runs of a day of which there are answers alone.
func unknownRuns(ctx context.Context, store lake.Store, day time.Time, runs map[runName]bool) (n int64, err error) {
	scan := lake.Scan{Store: store, Table: column.Answers, From: day, Until: day.AddDate(0, 0, 1), Columns: []string{"vantage_point"}, Workers: 1}
	err = scan.Run(ctx, func(b *column.Batch) error {
		vps, labels := b.Column("vantage_point"), b.Column("interval")
		for i := range b.Rows {
			if name := (runName{vps.Text(i), labels.Int[i]}); !runs[name] {
				name.vp = string([]byte(name.vp))
				runs[name] = true
				n++
			}
		}
		return nil
	})
	return n, err
}
