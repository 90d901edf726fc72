package report

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
	"mtric.net/mtric/metrics/correctness"
)

// dossier is the evidence for the operator of an RSI that missed a threshold
// [drc] [lpf]: what failed, when, from where, over which paths and instances, and
// everything measured of the RSI on the days on which it did.
type dossier struct {
	Job
	d      *Document
	result *metrics.Result
	rsi    measurement.RSI
	dir    string

	against against
	days    []dayOf
	failed  *csv.Writer
	wires   int
	uses    []correctness.Use // of root zones
}

// mostWires bounds the evidence files; every wire is in the Parquet files too.
const mostWires = 1000

// dayOf is a day with failed rows.
type dayOf struct {
	Day           string
	Failed        int64
	VantagePoints []measurement.VantagePoint
}

// dossiers writes the dossier of each RSI that failed, in one walk through the days.
func (j Job) dossiers(ctx context.Context, d *Document, r *metrics.Result, dir string) (err error) {
	var all []*dossier
	wanted := map[measurement.RSI]bool{}
	for _, rsi := range d.Failed() {
		x := &dossier{Job: j, d: d, result: r, rsi: rsi, dir: filepath.Join(dir, string(rsi))}
		if err := os.MkdirAll(x.dir, 0o755); err != nil {
			return fmt.Errorf("report: %w", err)
		}
		f, err := os.Create(filepath.Join(x.dir, "failed.csv"))
		if err != nil {
			return fmt.Errorf("report: %w", err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		x.against, x.failed = x.counting(), csv.NewWriter(f)
		if err := x.failed.Write(failedHeader); err != nil {
			return fmt.Errorf("dossier of %s: %w", rsi, err)
		}
		all, wanted[rsi] = append(all, x), true
	}
	if len(all) == 0 {
		return nil
	}
	zones, err := j.Store.Zones()
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	for _, x := range all {
		x.uses = correctness.Uses(zones)
	}
	files, err := j.Store.Days(lake.Answers, d.From, d.DataUntil)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	for _, f := range files {
		j.say("evidence of " + f.Day.Format(time.DateOnly))
		if err := j.day(ctx, f, all, wanted); err != nil {
			return fmt.Errorf("dossiers of %s: %w", f.Day.Format(time.DateOnly), err)
		}
	}
	for _, x := range all {
		if err := x.write(); err != nil {
			return fmt.Errorf("dossier of %s: %w", x.rsi, err)
		}
	}
	return nil
}

// day gives each dossier the day's rows, if any of them failed.
func (j Job) day(ctx context.Context, f lake.DayFile, all []*dossier, wanted map[measurement.RSI]bool) error {
	light, err := dayRows(ctx, j.Store, f.Day, decisive, wanted)
	if err != nil {
		return err
	}
	struck := map[measurement.RSI]bool{}
	for _, x := range all {
		if slices.ContainsFunc(light[x.rsi], func(r measurement.Answer) bool { return len(x.charges(&r)) > 0 }) {
			struck[x.rsi] = true
		}
	}
	if len(struck) == 0 {
		return nil
	}
	rows, err := dayRows(ctx, j.Store, f.Day, flat, struck)
	if err != nil {
		return err
	}
	if err := addFailures(f.Path, rows); err != nil {
		return err
	}
	routes, err := j.routes(f.Day)
	if err != nil {
		return err
	}
	for _, x := range all {
		if struck[x.rsi] {
			if err := x.add(f.Day, rows[x.rsi], routes); err != nil {
				return err
			}
		}
	}
	return nil
}

// routes are those of a day to every RSI.
func (j Job) routes(day time.Time) (routes []measurement.Route, err error) {
	files, err := j.Store.Days(lake.Routes, day, day.AddDate(0, 0, 1))
	for _, f := range files {
		if routes, _, err = lake.Read[measurement.Route](f.Path); err != nil {
			return nil, err
		}
	}
	return routes, err
}

// write makes what is read first, and packs the folder.
func (x *dossier) write() error {
	x.failed.Flush()
	if err := x.failed.Error(); err != nil {
		return err
	}
	p := x.page()
	for _, f := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{"README.txt", func(w io.Writer) error { return x.readme(w, p) }},
		{"index.html", func(w io.Writer) error { return pages.ExecuteTemplate(w, "dossier", p) }},
		{"values.json", func(w io.Writer) error {
			e := json.NewEncoder(w)
			e.SetIndent("", "  ")
			return e.Encode(x.values(false))
		}},
	} {
		if err := writeFile(filepath.Join(x.dir, f.name), f.write); err != nil {
			return err
		}
	}
	return zipFolder(x.dir, filepath.Join(filepath.Dir(x.dir), fmt.Sprintf("%s-%s.zip", Folder(x.d.Style, x.d.From), x.rsi)))
}

// values are the RSI's own; only the missed ones where missed is set.
func (x *dossier) values(missed bool) []Value {
	var own []Value
	for _, v := range x.d.Values {
		if v.RSI == x.rsi && (!missed || v.Verdict == metrics.Fail) {
			own = append(own, v)
		}
	}
	return own
}

// add takes a day in: its failed rows, and all rows and routes of the RSI.
func (x *dossier) add(day time.Time, rows []measurement.Answer, routes []measurement.Route) error {
	d := dayOf{Day: day.Format(time.DateOnly)}
	for i := range rows {
		r := &rows[i]
		charges := x.charges(r)
		if len(charges) == 0 {
			continue
		}
		d.Failed++
		if !slices.Contains(d.VantagePoints, r.VantagePoint) {
			d.VantagePoints = append(d.VantagePoints, r.VantagePoint)
		}
		for _, c := range charges {
			if err := x.failed.Write(failedCells(c, r)); err != nil {
				return err
			}
			if c.metric == metrics.RSICorrectness && x.wires < mostWires {
				x.wires++
				if err := evidence(filepath.Join(x.dir, "evidence"), r, x.uses); err != nil {
					return err
				}
			}
		}
	}
	slices.Sort(d.VantagePoints)
	x.days = append(x.days, d)
	own := slices.DeleteFunc(slices.Clone(routes), func(r measurement.Route) bool { return r.RSI != x.rsi })
	if err := keepRows(x, lake.Answers, day, rows); err != nil {
		return err
	}
	return keepRows(x, lake.Routes, day, own)
}

// keepRows writes rows of a day as Parquet; none make no file.
func keepRows[T lake.Row](x *dossier, table lake.Table, day time.Time, rows []T) error {
	if len(rows) == 0 {
		return nil
	}
	dir := filepath.Join(x.dir, string(table))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return lake.Write(filepath.Join(dir, string(table)+"-"+day.Format("20060102")+".parquet"), rows, lake.Metadata{Version: x.Version})
}
