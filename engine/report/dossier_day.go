package report

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// day gives each dossier the day's rows, if any of them failed.
func (j Job) day(ctx context.Context, f lake.DayFile, all []*dossier) error {
	struck, err := j.failing(ctx, f.Day, all)
	if err != nil || len(struck) == 0 {
		return err
	}
	for _, x := range struck {
		x.days = append(x.days, dayOf{Day: f.Day.Format(time.DateOnly)})
	}
	routes, err := j.Store.Days(column.Routes, f.Day, f.Day.AddDate(0, 0, 1))
	if err != nil {
		return err
	}
	for some := range slices.Chunk(struck, dossiersAtOnce) {
		for _, f := range routes { // first: a row may be attributed to a change of them
			if err := distribute(ctx, f, column.Routes, some, func(r *measurement.Route) measurement.RSI { return r.RSI }, (*dossier).traced); err != nil {
				return err
			}
		}
		if err := distribute(ctx, f, column.Answers, some, func(r *measurement.Answer) measurement.RSI { return r.RSI }, (*dossier).add); err != nil {
			return err
		}
		for _, x := range some {
			if err := x.keepIncorrect(f.Day); err != nil {
				return err
			}
		}
	}
	return nil
}

// dossiersAtOnce is how many dossiers a day's file is read for at a time: each keeps the
// wires of its RSI's day in memory, for they share a dictionary.
const dossiersAtOnce = 4

// decisive are the columns that say whether a row counts against a threshold;
// they come fifty times as fast as rows.
var decisive = []column.Name{column.VantagePoint, column.Query, column.RSI, column.Family, column.Transport, column.Address,
	column.Outcome, column.LatencyUS, column.RCode, column.Serial, column.NSID, column.Verdict}

// failing are the dossiers that the day has failed rows for. On the way it follows which
// instances answer.
func (j Job) failing(ctx context.Context, day time.Time, all []*dossier) (struck []*dossier, err error) {
	for _, x := range all {
		x.instances.turn()
		x.routes.turn()
	}
	scan := lake.Scan{Store: j.Store, From: day, Until: day.AddDate(0, 0, 1), Workers: 1}
	err = scan.Answers(ctx, decisive, func(b *column.AnswerBatch) error {
		of := make([]*dossier, len(b.RSI.Dict))
		for i, rsi := range b.RSI.Dict {
			if at := slices.IndexFunc(all, func(x *dossier) bool { return string(x.rsi) == rsi }); at >= 0 {
				of[i] = all[at]
			}
		}
		for i := range b.Rows {
			x := of[b.RSI.Index[i]]
			if x == nil {
				continue
			}
			x.answered(b, i)
			if slices.Contains(struck, x) {
				continue
			}
			if r := b.Answer(i); len(x.breaches(&r)) > 0 {
				struck = append(struck, x)
			}
		}
		return nil
	})
	return struck, err
}

// distribute copies a day's rows to the dossiers of their RSIs, which may look at them
// on the way. Rows are read and written some thousand at a time.
func distribute[T column.Row](ctx context.Context, f lake.DayFile, table column.Table, to []*dossier, rsi func(*T) measurement.RSI, look func(*dossier, []T) error) (err error) {
	writers := make([]*column.Writer[T], len(to))
	defer func() {
		for _, w := range writers {
			switch {
			case w == nil:
			case err != nil:
				err = errors.Join(err, w.Discard())
			default:
				err = w.Close()
			}
		}
	}()
	for rows, failure := range column.Rows[T](f.Path) {
		if failure = errors.Join(failure, ctx.Err()); failure != nil {
			return failure
		}
		for i, x := range to {
			var own []T
			for k := range rows {
				if rsi(&rows[k]) == x.rsi {
					own = append(own, rows[k])
				}
			}
			if len(own) == 0 {
				continue
			}
			if writers[i] == nil {
				if writers[i], err = newPart[T](x, table, f.Day); err != nil {
					return err
				}
			}
			if err := writers[i].Write(own); err != nil {
				return err
			}
			if look != nil {
				if err := look(x, own); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// newPart begins a day's file of a table in the dossier; without rows there is none.
func newPart[T column.Row](x *dossier, table column.Table, day time.Time) (*column.Writer[T], error) {
	dir := filepath.Join(x.dir, string(table))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return column.Create[T](filepath.Join(dir, string(table)+"-"+day.Format("20060102")+".parquet"), column.Metadata{Version: x.Version}, column.Form{Small: true})
}
