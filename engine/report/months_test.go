package report_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/engine/simulate"
	"mtric.net/mtric/metrics"
)

// TestRevisions keeps the old report and says what changed [F66].
func TestRevisions(t *testing.T) {
	store, p := shortWeek(t)
	j := newJob(p, store, t.TempDir())
	dir := filepath.Join(j.Out, "weekly-2026-11-02")
	early := monday.AddDate(0, 0, 7).Add(6 * time.Hour)
	if err := run(t, j, frame(t, p, early)); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	if d := read(t, filepath.Join(dir, "report.json")); d.Status != report.Provisional || d.Revision != 1 {
		t.Errorf("%s, revision %d", d.Status, d.Revision)
	}
	if err := run(t, j, frame(t, p, early)); err == nil || !strings.Contains(err.Error(), "provisional report, revision 1, is there already; --force makes a new revision") {
		t.Errorf("the same again: %v", err)
	}
	if err := run(t, j, frame(t, p, monday.AddDate(0, 0, 14))); err != nil {
		t.Fatal(err)
	}
	if err := run(t, j, frame(t, p, early)); err == nil {
		t.Error("a provisional report replaced a final one")
	}
	p.Exclusions = []plan.Note{{Label: "c", By: "x", Reason: "y", Added: early, From: monday, Until: early, RSIs: []measurement.RSI{"c"}}}
	j.Force = true
	if err := run(t, j, frame(t, p, monday.AddDate(0, 0, 14))); err != nil {
		t.Fatal(err)
	}
	d := read(t, filepath.Join(dir, "report.json"))
	if d.Revision != 3 || d.Status != report.Final || len(d.Changes) != 2 {
		t.Fatalf("revision %d, %s, changes %+v", d.Revision, d.Status, d.Changes)
	}
	if what := strings.Join(d.Changes[0].What, "\n"); !strings.Contains(what, "final after provisional") {
		t.Errorf("revision 2: %s", what)
	}
	if what := strings.Join(d.Changes[1].What, "\n"); !strings.Contains(what, "exclusion c added") || !strings.Contains(what, "rsi_availability c IPv4 TCP: no data after FAIL") ||
		!strings.Contains(what, " changed with the same verdict") {
		t.Errorf("revision 3: %s", what)
	}
	kept, err := os.ReadFile(filepath.Join(dir, "revisions", "1", "report.json"))
	if err != nil || !bytes.Equal(kept, first) {
		t.Errorf("revision 1 is not as it was: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "revisions", "2", "internal", "full.json")); err != nil {
		t.Error(err)
	}
	if rest, _ := filepath.Glob(filepath.Join(j.Out, ".weekly*")); len(rest) > 0 {
		t.Errorf("left over: %v", rest)
	}
}

// TestPoorMonths are reports that are true although there is little to report.
func TestPoorMonths(t *testing.T) {
	p := rssac047(t)
	for _, c := range []struct {
		name   string
		vps    []measurement.VantagePoint
		from   time.Time
		until  time.Time
		faults []plan.Fault
		plan   []plan.VantagePoint
		note   string
	}{
		{name: "no lake at all", note: "There are no measurements of this period"},
		{name: "no lake, a plan with vantage points", plan: []plan.VantagePoint{{ID: "101"}}, note: "There are no measurements of this period"},
		{name: "one VP, one hour", vps: []measurement.VantagePoint{"901"}, from: monday, until: monday.Add(time.Hour), note: "Less than nine tenths of the planned queries were sent"},
		{name: "everything down", vps: []measurement.VantagePoint{"901"}, from: monday, until: monday.Add(3 * time.Hour),
			faults: []plan.Fault{{Label: "x", Kind: plan.FaultDown, From: monday, Until: monday.AddDate(0, 0, 9), Percent: 100}}, note: "Less than nine tenths"},
		{name: "none of the VPs is expected", vps: []measurement.VantagePoint{"901"}, from: monday, until: monday.Add(time.Hour),
			plan: []plan.VantagePoint{{ID: "101", Until: &monday}}, note: "were left out: 901"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if c.vps != nil {
				if _, err := simulate.Run(context.Background(), dir, simulate.Config{Plan: p, VantagePoints: c.vps, From: c.from, Until: c.until, Seed: 1, Faults: c.faults, Version: "test"}); err != nil {
					t.Fatal(err)
				}
			}
			own := *p
			own.VantagePoints = c.plan
			store := lake.Store{Dir: dir}
			j := newJob(&own, store, t.TempDir())
			if err := run(t, j, frame(t, &own, monday.AddDate(0, 0, 14))); err != nil {
				t.Fatal(err)
			}
			d := read(t, filepath.Join(j.Out, "weekly-2026-11-02", "internal", "full.json"))
			if !strings.Contains(strings.Join(d.Notes, "\n"), c.note) {
				t.Errorf("notes %q, want %q", d.Notes, c.note)
			}
			if planned := d.Coverage.Planned > 0; d.Thin != planned {
				t.Errorf("thin %t, planned queries %t", d.Thin, planned)
			}
			for _, v := range d.Values {
				if c.faults != nil && (v.Metric == measurement.RSIAvailability || v.Metric == measurement.RSSAvailability) {
					// Three hours of a week are enough to fail the system, not enough to fail an RSI.
					want := metrics.NoData
					if v.RSI == "" {
						want = metrics.Fail
					}
					if v.Verdict != want || !v.Thin || v.Value.String() != "0" || v.Bounds != nil {
						t.Errorf("%s %s: %s, %v", v.Metric, v.RSI, v.Verdict, v.Value)
					}
				} else if c.vps == nil && v.Verdict != metrics.NoData {
					t.Errorf("%s %s: %s by absence", v.Metric, v.RSI, v.Verdict)
				}
			}
			if asked := strings.Join(d.UnknownInWords(), "\n"); d.Coverage.Sent == 0 && asked != fmt.Sprintf("%d values: nothing was asked", len(d.Values)) {
				t.Errorf("no data: %q", asked)
			}
			same(t, d, store)
		})
	}
}

// TestOtherQueries: a lake without measurements says which queries it has instead.
func TestOtherQueries(t *testing.T) {
	p, dir := rssac047(t), t.TempDir()
	if _, err := simulate.Run(context.Background(), dir, simulate.Config{Plan: p, VantagePoints: []measurement.VantagePoint{"901"}, From: monday, Until: monday.Add(time.Hour), Seed: 1, Version: "test"}); err != nil {
		t.Fatal(err)
	}
	store := lake.Store{Dir: dir}
	path := store.Path(column.Answers, monday)
	rows, meta, err := column.Read[measurement.Answer](path)
	if err != nil {
		t.Fatal(err)
	}
	own := rows[:0]
	for _, r := range rows {
		if r.Query == measurement.QuerySOA {
			r.Query, r.Verdict = "version", nil
			own = append(own, r)
		}
	}
	if err := column.Write(path, own, meta); err != nil {
		t.Fatal(err)
	}
	d := frame(t, p, monday.AddDate(0, 0, 14))
	if _, err := d.Fill(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(d.Notes, "\n"); !strings.Contains(notes, "no value can be given. The lake has other queries (version); the metrics are made of soa and correctness.") {
		t.Errorf("notes %q", d.Notes)
	}
	same(t, d, store)
}

// TestExcludedIsNotCovered: what was received and excluded gives no value a ground.
func TestExcludedIsNotCovered(t *testing.T) {
	store, p := shortWeek(t)
	noon, sunday := monday.Add(12*time.Hour), monday.AddDate(0, 0, 6)
	p.Exclusions = []plan.Note{{Label: "moved", By: "x", Reason: "y", Added: sunday, From: noon, Until: sunday, VantagePoints: []measurement.VantagePoint{"901", "902"}}}
	d := frame(t, p, monday.AddDate(0, 0, 14))
	if _, err := d.Fill(context.Background(), store); err != nil {
		t.Fatal(err)
	}
	const perInterval = 13 * (4 + 1) // soa over four paths, correctness over one
	if c := d.Coverage; c.Planned != 2*432*perInterval || c.Sent != 2*144*perInterval || !d.Thin {
		t.Errorf("%+v, thin %t: 144 of 432 intervals that count were measured at two vantage points", c, d.Thin)
	}
	if v := d.VantagePoints[0]; v.Expected != 2016 || v.Received != 576 || v.Excluded != 2016-432 || v.Planned != 432*13*4 || v.Sent != 144*13*4 {
		t.Errorf("%+v", v)
	}
	var b bytes.Buffer
	if err := d.WriteText(&b); err != nil || !strings.Contains(b.String(), "Without the exclusions, correctness: ") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

// TestProvisionalGivesWay: an answer that nobody can ever judge does not keep the
// report of the first day in place.
func TestProvisionalGivesWay(t *testing.T) {
	store, p := shortWeek(t)
	path := store.Path(column.Answers, monday)
	rows, meta, err := column.Read[measurement.Answer](path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if v := rows[i].Verdict; v != nil && *v == measurement.Correct {
			unchecked := measurement.Unchecked
			rows[i].Verdict = &unchecked
			break
		}
	}
	if err := column.Write(path, rows, meta); err != nil {
		t.Fatal(err)
	}
	j := newJob(p, store, t.TempDir())
	dir := filepath.Join(j.Out, "weekly-2026-11-02")
	if err := run(t, j, frame(t, p, monday.AddDate(0, 0, 7))); err != nil {
		t.Fatal(err)
	}
	if err := run(t, j, frame(t, p, monday.AddDate(0, 0, 14))); err != nil {
		t.Fatalf("when the look-ahead is over: %v", err)
	}
	d := read(t, filepath.Join(dir, "report.json"))
	if d.Status != report.Provisional || d.Revision != 2 || d.Unchecked != 1 || !d.Complete() {
		t.Errorf("%s, revision %d, %d unchecked, data until %s", d.Status, d.Revision, d.Unchecked, d.DataUntil)
	}
	for _, again := range []int{14, 7} {
		if err := run(t, j, frame(t, p, monday.AddDate(0, 0, again))); err == nil {
			t.Errorf("data until day %d: a second report with less or the same replaced it", again)
		}
	}
}
