package report_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
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

// simulated is a lake of two vantage points from the day before the week for so many days.
func simulated(t *testing.T, days int, faults ...plan.Fault) (lake.Store, *plan.Plan) {
	t.Helper()
	p, dir, from := rssac047(t), t.TempDir(), monday.AddDate(0, 0, -1)
	if _, err := simulate.Run(context.Background(), dir, simulate.Config{Plan: p, VantagePoints: []measurement.VantagePoint{"901", "902"},
		From: from, Until: from.AddDate(0, 0, days), Seed: 5, Faults: faults, Version: "test"}); err != nil {
		t.Fatal(err)
	}
	return lake.Store{Dir: dir, Version: "test"}, p
}

func amend(t *testing.T, store lake.Store, change func(*measurement.Answer)) {
	t.Helper()
	if err := lake.Amend(store, monday, func(_ int64, a *measurement.Answer) { change(a) }); err != nil {
		t.Fatal(err)
	}
}

func offPlan(a string) bool { return a == "192.0.2.53" || a == "2001:db8::53" }

// TestAccusesOfWhatCounts: what another server said, what a wrong clock saw and serials of
// no root zone are in no broken rule, no reason, no evidence and no failed.csv.
func TestAccusesOfWhatCounts(t *testing.T) {
	const foreign = 1999010100 // a serial of no root zone
	until, lie := monday.AddDate(0, 0, 1), monday.Add(2*time.Hour)
	store, p := simulated(t, 2,
		plan.Fault{Label: "elsewhere", Kind: plan.FaultOffPlan, RSIs: []measurement.RSI{"c", "h", "k"}, From: monday, Until: until, Percent: 30},
		plan.Fault{Label: "wrong", Kind: plan.FaultWrong, RSIs: []measurement.RSI{"h"}, From: monday, Until: lie, Percent: 100},
		plan.Fault{Label: "down", Kind: plan.FaultDown, RSIs: []measurement.RSI{"c"}, From: monday, Until: until, Percent: 50},
		plan.Fault{Label: "frozen", Kind: plan.FaultFrozen, RSIs: []measurement.RSI{"k"}, From: monday, Until: until, Percent: 100},
		plan.Fault{Label: "clock", Kind: plan.FaultUnsynchronized, VantagePoints: []measurement.VantagePoint{"902"}, From: monday.Add(9 * time.Hour), Until: monday.Add(10 * time.Hour), Percent: 100})
	foreignAt := monday.Add(11 * time.Hour)
	incorrect, elsewhere, held := map[bool]int64{}, 0, map[bool]int64{}
	amend(t, store, func(a *measurement.Answer) {
		switch off := offPlan(a.Address); {
		case a.RSI == "h" && a.Verdict != nil && *a.Verdict == measurement.Incorrect:
			incorrect[off]++
			if !off && a.Family == measurement.IPv4 {
				a.Address = "::ffff:" + a.Address // the plan's, written otherwise
			}
		case a.RSI == "h" && a.Verdict != nil:
			a.Verdict, a.VerdictSerial, a.Failures = new(measurement.Unchecked), nil, []string{"hold: zone 1 is not archived"}
			held[off]++
		case a.RSI == "k" && a.Query == measurement.QuerySOA && a.Serial != nil && a.Interval.Equal(foreignAt):
			a.Serial = new(int64(foreign))
			elsewhere++
		}
	})
	if incorrect[true] == 0 || incorrect[false] == 0 || held[true] == 0 || held[false] == 0 || elsewhere == 0 {
		t.Fatalf("the lake has not what is tested: %v incorrect, %v held, %d of no zone", incorrect, held, elsewhere)
	}
	j := newJob(p, store, t.TempDir())
	if err := run(t, j, frame(t, p, monday.AddDate(0, 0, 14))); err != nil {
		t.Fatal(err)
	}
	x := dossiers{store: store, dir: filepath.Join(j.Out, "weekly-2026-11-02")}
	x.full = read(t, filepath.Join(x.dir, "internal", "full.json"))
	for _, name := range []string{"rsi_correctness h", "rsi_availability c IPv4 UDP", "rsi_publication_latency k"} {
		if v := value(t, x.full, name); v.Verdict != metrics.Fail {
			t.Fatalf("%s: %s", name, v.Verdict)
		}
	}
	v := value(t, x.full, "rsi_correctness h")
	if wrong := v.Diagnostics.Outcomes["incorrect"]; wrong != incorrect[false] {
		t.Errorf("%d incorrect, want %d", wrong, incorrect[false])
	}
	var answers int64
	for _, b := range v.Diagnostics.Broken {
		answers += b.Answers
	}
	if n := int64(len(v.Diagnostics.Broken)); answers < incorrect[false] || answers > incorrect[false]*n {
		t.Errorf("%d answers broke %d rules, but only %d are incorrect: %+v", answers, n, incorrect[false], v.Diagnostics.Broken)
	}
	for _, b := range v.Diagnostics.Broken {
		if b.Answers > incorrect[false] {
			t.Errorf("%d answers broke %s, but only %d are incorrect", b.Answers, b.Tag, incorrect[false])
		}
	}
	if want := []report.Held{{Reason: "zone 1 is not archived", Answers: held[false]}}; !slices.Equal(x.full.Held, want) || x.full.Unchecked != held[false] {
		t.Errorf("held %+v of %d, want %+v", x.full.Held, x.full.Unchecked, want)
	}
	if n := len(list(t, filepath.Join(x.dir, "rsi", "h", "evidence"))); n == 0 || int64(n) > 2*incorrect[false] {
		t.Errorf("%d files of evidence for %d incorrect answers", n, incorrect[false])
	}
	x.testCounts(t)
	published := 0
	for _, rsi := range []measurement.RSI{"c", "h", "k"} {
		for _, l := range x.failed(t, rsi) {
			if offPlan(l["address"]) {
				t.Fatalf("%s is accused of what %s said: %v", rsi, l["address"], l)
			}
			if l["counts_against"] != string(measurement.RSIPublication) {
				continue
			}
			published++
			if l["vantage_point"] == "902" && strings.HasPrefix(l["interval"], "2026-11-02T09:") || l["serial"] == fmt.Sprint(foreign) {
				t.Fatalf("counts against publication latency: %v", l)
			}
		}
	}
	if published == 0 {
		t.Error("no row counts against publication latency")
	}
	same(t, x.full, store)
}

// TestProvisionalVerifies: a report made while its period goes on says nothing that later
// rows of the period change: which rules were broken, what is held, who showed a zone.
func TestProvisionalVerifies(t *testing.T) {
	noon := monday.Add(12 * time.Hour)
	store, p := simulated(t, 3,
		plan.Fault{Label: "wrong", Kind: plan.FaultWrong, RSIs: []measurement.RSI{"h"}, From: noon.Add(-time.Hour), Until: noon.Add(20 * time.Hour), Percent: 100},
		plan.Fault{Label: "frozen", Kind: plan.FaultFrozen, RSIs: []measurement.RSI{"k"}, From: monday, Until: noon, Percent: 100})
	zones, err := store.Zones()
	if err != nil {
		t.Fatal(err)
	}
	missing := map[bool]int64{} // before and after noon
	for i := range zones {
		if z := &zones[i]; z.FirstSeen != nil && z.FirstSeen.After(monday) {
			missing[z.FirstSeen.Before(noon)] = z.Serial
			z.State, z.Proof, z.ArchivedAt, z.Source, z.SHA256 = measurement.ZoneSeen, new(measurement.ProofWitnesses), nil, nil, nil
		}
	}
	if len(missing) != 2 {
		t.Fatalf("zones %v: want one before noon and one after", missing)
	}
	if err := store.SaveZones(zones); err != nil {
		t.Fatal(err)
	}
	amend(t, store, func(a *measurement.Answer) {
		if a.RSI == "b" && a.Verdict != nil {
			a.Verdict, a.VerdictSerial, a.Failures = new(measurement.Unchecked), nil, []string{"hold: zone " + fmt.Sprint(missing[true]) + " is not archived"}
		}
	})
	answersGone, runsGone := cut[measurement.Answer](t, store, column.Answers, func(a measurement.Answer) bool { return !a.Interval.Before(noon) }),
		cut[measurement.Run](t, store, column.Runs, func(r measurement.Run) bool { return !r.Interval.Before(noon) })
	d := frame(t, p, noon)
	if _, err := d.Fill(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	if d.Status != report.Provisional || len(brokenOf(t, d, "h")) == 0 || len(d.Held) != 1 || len(d.Archive.Missing) != 1 || slices.Contains(d.Archive.Missing[0].RSIs, "k") {
		t.Fatalf("%s, broken %+v, held %+v, archive %+v", d.Status, brokenOf(t, d, "h"), d.Held, d.Archive)
	}
	if len(d.Archive.Missing[0].RSIs) < 10 || !strings.Contains(strings.Join(d.Notes, "\n"), "Provisional") {
		t.Errorf("archive %+v, notes %q", d.Archive, d.Notes)
	}
	same(t, d, store)
	answersGone()
	runsGone()
	same(t, d, store)
	same(t, d.Public(), store)
}

// cut takes rows of Monday and of the day after out of the lake; what it returns puts
// them back.
func cut[T column.Row](t *testing.T, store lake.Store, table column.Table, gone func(T) bool) (back func()) {
	t.Helper()
	var undo []func() error
	for _, day := range []time.Time{monday, monday.AddDate(0, 0, 1)} {
		path := store.Path(table, day)
		rows, meta, err := column.Read[T](path)
		if err != nil {
			t.Fatal(err)
		}
		if err := column.Write(path, slices.DeleteFunc(slices.Clone(rows), gone), meta); err != nil {
			t.Fatal(err)
		}
		undo = append(undo, func() error { return column.Write(path, rows, meta) })
	}
	return func() {
		t.Helper()
		for _, f := range undo {
			if err := f(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
