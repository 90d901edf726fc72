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

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/edition"
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

	against criteria
	days    []dayOf
	failed  *csv.Writer
	counted map[failureKey]*failure
	hours   map[measurement.Metric][][]int64 // failed rows by metric, path and hour

	wires, incorrect int                 // files written, and rows
	uses             []correctness.Known // of root zones
}

// maxWires bounds the evidence files; every wire is in the Parquet files too.
var maxWires = 1000

// dayOf is a day with failed rows.
type dayOf struct {
	Day           string
	Failed        int64
	VantagePoints []measurement.VantagePoint
}

// dossiers writes the dossier of each RSI that failed, in one walk through the days.
func (j Job) dossiers(ctx context.Context, d *Document, r *metrics.Result, dir string) (err error) {
	var all []*dossier
	for _, rsi := range d.Failed() {
		x := &dossier{Job: j, d: d, result: r, rsi: rsi, dir: filepath.Join(dir, string(rsi)),
			counted: map[failureKey]*failure{}, hours: make(map[measurement.Metric][][]int64)}
		if err := os.MkdirAll(x.dir, 0o755); err != nil {
			return fmt.Errorf("report: %w", err)
		}
		f, err := os.Create(filepath.Join(x.dir, "failed.csv"))
		if err != nil {
			return fmt.Errorf("report: %w", err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		x.against, x.failed = x.criteria(), csv.NewWriter(f)
		if err := x.failed.Write(failedHeader); err != nil {
			return fmt.Errorf("dossier of %s: %w", rsi, err)
		}
		all = append(all, x)
	}
	if len(all) == 0 {
		return nil
	}
	zones, err := j.Store.Zones()
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	for _, z := range zones {
		if k, accepted := correctness.KnownOf(z); accepted && k.Archived {
			for _, x := range all {
				x.uses = append(x.uses, k)
			}
		}
	}
	r.Forget()
	files, err := j.Store.Days(column.Answers, d.From, d.DataUntil)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	for _, f := range files {
		j.say("evidence of " + f.Day.Format(time.DateOnly))
		if err := j.day(ctx, f, all); err != nil {
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
		if err := edition.WriteFile(filepath.Join(x.dir, f.name), f.write); err != nil {
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

// add takes answers of the last of its days in.
func (x *dossier) add(rows []measurement.Answer) error {
	d := &x.days[len(x.days)-1]
	for i := range rows {
		r := &rows[i]
		breaches := x.breaches(r)
		if len(breaches) == 0 {
			continue
		}
		d.Failed++
		if at, found := slices.BinarySearch(d.VantagePoints, r.VantagePoint); !found {
			d.VantagePoints = slices.Insert(d.VantagePoints, at, r.VantagePoint)
		}
		for _, c := range breaches {
			if err := x.failed.Write(failedCells(c, r)); err != nil {
				return err
			}
			x.count(c, r)
			if c.metric != measurement.RSICorrectness {
				continue
			}
			if x.incorrect++; x.wires < maxWires {
				x.wires++
				if err := evidence(filepath.Join(x.dir, "evidence"), r, x.uses); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
