package report

import (
	"context"
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
	"mtric.net/mtric/engine/rootzone"
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
	failed  *failedRows
	counted map[failureKey]*failure
	hours   map[measurement.Metric][][]int64 // failed rows by metric, path and hour

	attributed        map[measurement.Metric]*Attribution
	instances, routes followers

	wires, incorrect int                 // files written, and rows
	uses             []correctness.Known // of root zones
	proof            proof
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
			counted: map[failureKey]*failure{}, hours: make(map[measurement.Metric][][]int64),
			attributed: make(map[measurement.Metric]*Attribution), instances: followers{}, routes: followers{}}
		if err := os.MkdirAll(x.dir, 0o755); err != nil {
			return fmt.Errorf("report: %w", err)
		}
		x.against = x.criteria()
		if x.failed, err = newFailedRows(filepath.Join(x.dir, failedFile)); err != nil {
			return fmt.Errorf("dossier of %s: %w", rsi, err)
		}
		defer func() { err = errors.Join(err, x.failed.close()) }()
		all = append(all, x)
	}
	if len(all) == 0 {
		return nil
	}
	if err := j.useZones(all); err != nil {
		return fmt.Errorf("report: %w", err)
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
	if err := prove(ctx, all); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	for _, x := range all {
		if err := x.write(); err != nil {
			return fmt.Errorf("dossier of %s: %w", x.rsi, err)
		}
	}
	return nil
}

// useZones gives the dossiers the zones of the archive, and what finds those that the judge
// needs.
func (j Job) useZones(all []*dossier) error {
	zones, err := j.Store.Zones()
	if err != nil {
		return err
	}
	evidence, err := j.evidence()
	if err != nil {
		return err
	}
	var uses []correctness.Known
	for _, z := range zones {
		if k, accepted := correctness.KnownOf(z); accepted && k.Archived {
			uses = append(uses, k)
		}
	}
	for _, x := range all {
		x.uses, x.proof = uses, proof{Evidence: evidence, zones: map[uint32]bool{}, days: map[time.Time]bool{}, candidates: map[string]bool{}}
	}
	return nil
}

// write makes what is read first, and packs the folder.
func (x *dossier) write() error {
	if err := x.failed.close(); err != nil {
		return err
	}
	if err := x.writeProof(); err != nil {
		return err
	}
	p := x.page()
	for _, f := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{"README.txt", func(w io.Writer) error { return x.readme(w, p) }},
		{"index.html", func(w io.Writer) error { return pages.ExecuteTemplate(w, "dossier", p) }},
		{valuesFile, func(w io.Writer) error { return edition.WriteJSON(w, x.own()) }},
	} {
		if err := edition.WriteFile(filepath.Join(x.dir, f.name), f.write); err != nil {
			return err
		}
	}
	return x.pack(x.zipFile())
}

// Own is what values.json of a dossier has: the RSI's values of the report, and what the
// failed rows are attributed to.
type Own struct {
	RSI        measurement.RSI `json:"rsi"`
	Values     []Value         `json:"values"`
	FailedRows []*Attribution  `json:"failed_rows"` // of each missed metric
}

func (x *dossier) own() Own { return Own{x.rsi, x.values(false), x.attributions()} }

// zipFile is the path of the zip.
func (x *dossier) zipFile() string {
	return filepath.Join(filepath.Dir(x.dir), fmt.Sprintf("%s-%s.zip", Folder(x.d.Style, x.d.From), x.rsi))
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
			to := x.cause(c, r)
			if err := x.failed.write(append(failedCells(c, r), string(to))); err != nil {
				return err
			}
			x.count(c, r)
			x.attribute(c, r, to)
			if c.metric != measurement.RSICorrectness {
				continue
			}
			x.proof.need(r)
			for _, serial := range candidates(x.uses, r) {
				x.proof.candidates[rootzone.FileName(serial)] = true
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
