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
	struck, err := j.struck(ctx, f.Day, all)
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
	for some := range slices.Chunk(struck, atOnce) {
		if err := hand(ctx, f, column.Answers, some, func(r *measurement.Answer) measurement.RSI { return r.RSI }, (*dossier).add); err != nil {
			return err
		}
		for _, f := range routes {
			if err := hand(ctx, f, column.Routes, some, func(r *measurement.Route) measurement.RSI { return r.RSI }, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// atOnce is how many dossiers a day's file is read for at a time: each keeps the
// wires of its RSI's day in memory, for they share a dictionary.
const atOnce = 4

// decisive are the columns that say whether a row counts against a threshold;
// they come fifty times as fast as rows.
var decisive = []string{"vantage_point", "interval", "query", "rsi", "family", "transport", "address", "outcome", "latency_us", "rcode", "serial", "verdict"}

// struck are the dossiers that the day has failed rows for.
func (j Job) struck(ctx context.Context, day time.Time, all []*dossier) (struck []*dossier, err error) {
	rest := slices.Clone(all)
	scan := lake.Scan{Store: j.Store, Table: column.Answers, From: day, Until: day.AddDate(0, 0, 1), Columns: decisive, Workers: 1}
	err = scan.Run(ctx, func(b *column.Batch) error {
		c := newColumns(b)
		for i := 0; i < b.Rows && len(rest) > 0; i++ {
			r := c.row(i)
			at := slices.IndexFunc(rest, func(x *dossier) bool { return x.rsi == r.RSI && len(x.charges(&r)) > 0 })
			if at >= 0 {
				struck, rest = append(struck, rest[at]), slices.Delete(rest, at, at+1)
			}
		}
		return nil
	})
	return struck, err
}

// columns are the decisive ones of a batch.
type columns struct {
	vp, interval, query, rsi, family, transport, address, outcome, latency, rcode, serial, verdict *column.Column
}

func newColumns(b *column.Batch) columns {
	return columns{b.Column("vantage_point"), b.Column("interval"), b.Column("query"), b.Column("rsi"), b.Column("family"), b.Column("transport"),
		b.Column("address"), b.Column("outcome"), b.Column("latency_us"), b.Column("rcode"), b.Column("serial"), b.Column("verdict")}
}

// row is a row with these columns alone. Its pointers last as long as the batch.
func (c columns) row(i int) measurement.Answer {
	return measurement.Answer{
		VantagePoint: measurement.VantagePoint(c.vp.Text(i)), Interval: time.UnixMicro(c.interval.Int[i]).UTC(), Query: c.query.Text(i),
		RSI: measurement.RSI(c.rsi.Text(i)), Family: measurement.Family(c.family.Text(i)), Transport: measurement.Transport(c.transport.Text(i)),
		Address: c.address.Text(i), Outcome: measurement.Outcome(c.outcome.Text(i)), LatencyUS: number(c.latency, i), RCode: word(c.rcode, i), Serial: number(c.serial, i),
		Verdict: (*measurement.Verdict)(word(c.verdict, i)),
	}
}

func number(c *column.Column, i int) *int64 {
	if c.Null != nil && c.Null[i] {
		return nil
	}
	return &c.Int[i]
}

func word(c *column.Column, i int) *string {
	if c.Index[i] < 0 {
		return nil
	}
	return &c.Dict[c.Index[i]]
}

// hand copies a day's rows to the dossiers of their RSIs, which may look at them
// on the way. Rows are read and written some thousand at a time.
func hand[T column.Row](ctx context.Context, f lake.DayFile, table column.Table, to []*dossier, rsi func(*T) measurement.RSI, look func(*dossier, []T) error) (err error) {
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
