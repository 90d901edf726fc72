package report_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/engine/simulate"
	"mtric.net/mtric/metrics"
)

// lying is a lake of three vantage points from the day before the week to its second day:
// at 903 b is down and h answers wrongly for an hour; at 902 and 903 d loses a quarter and
// k is frozen. The plan has the vantage points for these days alone.
func lying(t testing.TB) (lake.Store, *plan.Plan) {
	t.Helper()
	p, from, until := rssac047(t), monday.AddDate(0, 0, -1), monday.AddDate(0, 0, 2)
	two := []measurement.VantagePoint{"902", "903"}
	faults := []plan.Fault{
		{Label: "b", Kind: plan.FaultDown, RSIs: []measurement.RSI{"b"}, VantagePoints: two[1:], From: monday, Until: until, Percent: 100},
		{Label: "h", Kind: plan.FaultWrong, RSIs: []measurement.RSI{"h"}, VantagePoints: two[1:], From: monday, Until: monday.Add(time.Hour), Percent: 100},
		{Label: "d", Kind: plan.FaultDown, RSIs: []measurement.RSI{"d"}, VantagePoints: two, From: monday, Until: until, Percent: 25},
		{Label: "k", Kind: plan.FaultFrozen, RSIs: []measurement.RSI{"k"}, VantagePoints: two, From: monday, Until: until, Percent: 100},
	}
	vps := []measurement.VantagePoint{"901", "902", "903"}
	dir := t.TempDir()
	if _, err := simulate.Run(context.Background(), dir, simulate.Config{Plan: p, VantagePoints: vps, From: from, Until: until, Seed: 7, Faults: faults, Version: "test"}); err != nil {
		t.Fatal(err)
	}
	p.VantagePoints = []plan.VantagePoint{{ID: "901", Region: "africa", Metro: "Nairobi"}, {ID: "902", Region: "europe", Metro: "Frankfurt"}, {ID: "903", Region: "north_america", Metro: "Dallas"}}
	for i := range p.VantagePoints {
		p.VantagePoints[i].From, p.VantagePoints[i].Until = &from, &until
	}
	return lake.Store{Dir: dir, Version: "test"}, p
}

func filled(t testing.TB, store lake.Store, p *plan.Plan) *report.Document {
	t.Helper()
	d := frame(t, p, monday.AddDate(0, 0, 14))
	if _, err := d.Fill(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	return d
}

func value(t testing.TB, d *report.Document, name string) *report.Value {
	t.Helper()
	i := slices.IndexFunc(d.Values, func(v report.Value) bool { return v.Name() == name })
	if i < 0 {
		t.Fatalf("no value %q", name)
	}
	return &d.Values[i]
}

// TestRestsOn: what a FAIL rests on is each vantage point without which it is none, as
// computing the report without it shows.
func TestRestsOn(t *testing.T) {
	store, p := lying(t)
	d := filled(t, store, p)
	for name, want := range map[string][]measurement.VantagePoint{
		"rsi_availability b IPv4 UDP": {"903"}, "rsi_correctness h": {"903"}, "rsi_availability d IPv6 TCP": nil, "rsi_publication_latency k": nil,
	} {
		if v := value(t, d, name); v.Verdict != metrics.Fail || !slices.Equal(v.RestsOn, want) || (v.Fewest == 1) != (want != nil) || want == nil && v.Fewest < 2 {
			t.Errorf("%s: %s rests on %v, fewest %d; want %v", name, v.Verdict, v.RestsOn, v.Fewest, want)
		}
	}
	none := map[string][]measurement.VantagePoint{}
	for _, vp := range []measurement.VantagePoint{"901", "902", "903"} {
		for _, public := range []bool{false, true} {
			of := d
			if public {
				of = d.Public()
			}
			values, err := report.Without(t.Context(), of, store, vp)
			if err != nil || len(values) != len(d.Values) {
				t.Fatalf("%d values, %v", len(values), err)
			}
			for _, v := range values {
				if v.RSI != "" && (v.Numerator == nil && v.Count > 0) != (public || v.Censored) {
					t.Fatalf("public %t: %+v", public, v)
				}
				if !public && v.Verdict != metrics.Fail {
					none[v.Name()] = append(none[v.Name()], vp)
				}
			}
		}
	}
	fails := 0
	for _, v := range d.Values {
		if v.Verdict != metrics.Fail {
			if v.RestsOn != nil || v.Fewest != 0 {
				t.Errorf("%s: %s and yet rests on %v, fewest %d", v.Name(), v.Verdict, v.RestsOn, v.Fewest)
			}
			continue
		}
		if fails++; !slices.Equal(v.RestsOn, none[v.Name()]) {
			t.Errorf("%s rests on %v, is no FAIL without %v", v.Name(), v.RestsOn, none[v.Name()])
		}
	}
	if fails < 12 {
		t.Errorf("only %d values fail", fails)
	}
	if _, err := report.Without(t.Context(), d, store, "999"); err == nil || !strings.Contains(err.Error(), "901, 902, 903") {
		t.Errorf("without one that is not there: %v", err)
	}
}

// TestLateRuns: what comes into the lake after a report does not count in it, is told,
// and counts in the next revision; what changes among the old rows is a difference.
func TestLateRuns(t *testing.T) {
	store, p := lying(t)
	first, second := monday.AddDate(0, 0, 3), monday.AddDate(0, 0, 20)
	days := []time.Time{monday.AddDate(0, 0, -1), monday, monday.AddDate(0, 0, 1)}
	for _, day := range days {
		came(t, store, day, map[measurement.VantagePoint]time.Time{"901": first, "902": first.Add(-time.Hour), "903": first})
	}
	// 903's second day, and a vantage point that the plan does not name, come later.
	path := store.Path(column.Answers, days[2])
	whole, meta, err := column.Read[measurement.Answer](path)
	if err != nil {
		t.Fatal(err)
	}
	early := slices.DeleteFunc(slices.Clone(whole), func(a measurement.Answer) bool { return a.VantagePoint == "903" })
	if err := column.Write(path, early, meta); err != nil {
		t.Fatal(err)
	}
	d := filled(t, store, p)
	if d.ReceivedUntil == nil || !d.ReceivedUntil.Equal(first) {
		t.Fatalf("received until %v, want %s", d.ReceivedUntil, first)
	}
	same(t, d, store)
	unexpected(t, store, days[2], &whole)
	came(t, store, days[2], map[measurement.VantagePoint]time.Time{"903": second, "904": second})
	if err := column.Write(path, whole, meta); err != nil {
		t.Fatal(err)
	}
	late(t, d, store, "vantage point 903: 288 runs came after the report", "vantage point 904: 288 runs came after the report")
	if again := filled(t, store, p); again.Digest == d.Digest || !again.ReceivedUntil.Equal(second) || again.Coverage.Sent <= d.Coverage.Sent || !slices.Contains(again.Unexpected, "904") {
		t.Errorf("a new report does not count them: %+v, received until %v", again.Coverage, again.ReceivedUntil)
	}
	lie := *d
	lie.ReceivedUntil = &second
	differs(t, &lie, store, "digest: the report says")
	past := first.Add(time.Hour)
	lie.ReceivedUntil = &past
	differs(t, &lie, store, "received_until: the report says")
	i := slices.IndexFunc(whole, func(a measurement.Answer) bool {
		return a.Query == "soa" && a.RSI == "a" && a.VantagePoint == "901" && a.RCode != nil
	})
	whole[i].RCode = new("REFUSED")
	if err := column.Write(path, whole, meta); err != nil {
		t.Fatal(err)
	}
	differs(t, d, store, "rsi_availability a IPv4 UDP"[:18])
	differs(t, d.Public(), store, "digest: the report says")
}

// TestUndatedReport: of a report whose runs nobody dated, those that are dated are late.
func TestUndatedReport(t *testing.T) {
	store, p := lying(t)
	for i := range 3 {
		undate(t, store, monday.AddDate(0, 0, i-1))
	}
	d := filled(t, store, p)
	if d.ReceivedUntil != nil {
		t.Fatalf("received until %s", d.ReceivedUntil)
	}
	came(t, store, monday, map[measurement.VantagePoint]time.Time{"902": monday.AddDate(0, 0, 20)})
	if v := verify(t, d, store); !slices.Contains(v.Late, "vantage point 902: 288 runs came after the report") {
		t.Errorf("late %q", v.Late)
	}
}

// TestLateVerdicts: answers that were held are judged since: no fewer may be correct or
// incorrect, and as many as there were.
func TestLateVerdicts(t *testing.T) {
	store, p := lying(t)
	judged, put := answersOf(t, store, monday)
	held, n := slices.Clone(judged), 0
	var last *measurement.Answer
	for i := range held {
		a := &held[i]
		if n < 8 && a.RSI == "b" && a.VantagePoint == "901" && a.Verdict != nil {
			n++
			last = &judged[i]
			a.Verdict, a.VerdictSerial, a.Failures = new(measurement.Unchecked), nil, []string{"hold: no zone fetch since"}
		}
	}
	put(held)
	d := filled(t, store, p)
	if v := value(t, d, "rsi_correctness b"); v.Held != 8 || d.Unchecked != 8 || d.Status != report.Provisional {
		t.Fatalf("%d held, %d unchecked, %s", v.Held, d.Unchecked, d.Status)
	}
	same(t, d, store)
	put(judged)
	waited := "held: the report says of 8 answers that they waited, no zone fetch since; by now 0 do"
	late(t, d, store, waited, "rsi_correctness of rsi b: 8 answers got a verdict since")
	// One of them turns out to be wrong: it accuses now, and did not then.
	last.Verdict, last.Failures = new(measurement.Incorrect), []string{"vnk: x"}
	put(judged)
	late(t, d, store, waited, "rsi_correctness of rsi b: 8 answers got a verdict since")
	lies := func(change func(v, system *report.Value)) *report.Document {
		var lie report.Document
		text, err := json.Marshal(d)
		if err != nil || json.Unmarshal(text, &lie) != nil {
			t.Fatal(err)
		}
		change(value(t, &lie, "rsi_correctness b"), value(t, &lie, "rss_correctness"))
		return &lie
	}
	for name, change := range map[string]func(v, system *report.Value){
		"a verdict":            func(v, _ *report.Value) { v.Verdict = metrics.Fail },
		"more incorrect":       func(v, _ *report.Value) { *v.Numerator -= 2 },
		"more correct":         func(v, _ *report.Value) { *v.Numerator++; *v.Denominator++; v.Count++ },
		"a printed value":      func(v, _ *report.Value) { v.Value = new(json.Number("99.9")) },
		"a threshold":          func(v, _ *report.Value) { v.Threshold = "99" },
		"held":                 func(v, _ *report.Value) { v.Held++ },
		"outcomes":             func(v, _ *report.Value) { v.Diagnostics.Outcomes["correct"]++ },
		"what it rests on":     func(_, v *report.Value) { v.RestsOn, v.Fewest = nil, 4 },
		"two that it rests on": func(_, v *report.Value) { v.RestsOn, v.Fewest = []measurement.VantagePoint{"901", "903"}, 1 },
		"nothing it rests on":  func(_, v *report.Value) { v.RestsOn, v.Fewest = nil, 0 },
		"a broken rule": func(v, _ *report.Value) {
			v.Diagnostics.Broken = []report.Broken{{Tag: "pdd", Answers: 1, VantagePoints: []measurement.VantagePoint{"902"}}}
		},
	} {
		if v := verify(t, lies(change), store); !slices.ContainsFunc(v.Differences, func(s string) bool {
			return strings.Contains(s, "s_correctness") || strings.Contains(s, "i_correctness b")
		}) {
			t.Errorf("%s was changed: %q", name, v.Differences)
		}
	}
	// What was correct is not: that is no verdict that came late.
	i := slices.IndexFunc(held, func(a measurement.Answer) bool { return a.RSI == "b" && a.VantagePoint == "902" && a.Verdict != nil })
	held[i].Verdict, held[i].Failures = new(measurement.Incorrect), []string{"vnk: x"}
	put(held)
	differs(t, d, store, "rsi_correctness b numerator")
	held[i].Verdict = new(measurement.Unchecked)
	put(held)
	differs(t, d, store, "rsi_correctness b count")
}

// TestLateZone: a zone that the report misses is archived since.
func TestLateZone(t *testing.T) {
	store, p := lying(t)
	zones, err := store.Zones()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(zones, func(z measurement.Zone) bool { return z.FirstSeen != nil && z.FirstSeen.After(monday) })
	whole := zones[i]
	z := &zones[i]
	z.State, z.Proof, z.ArchivedAt, z.Source, z.SHA256, z.SignedAt = measurement.ZoneSeen, new(measurement.ProofWitnesses), nil, nil, nil, nil
	if err := store.SaveZones(zones); err != nil {
		t.Fatal(err)
	}
	d := filled(t, store, p)
	if len(d.Archive.Missing) != 1 {
		t.Fatalf("%+v", d.Archive)
	}
	same(t, d, store)
	zones[i] = whole
	zones[i].ArchivedAt = new(monday.AddDate(0, 0, 20))
	if err := store.SaveZones(zones); err != nil {
		t.Fatal(err)
	}
	serial := edition.Thousands(whole.Serial)
	late(t, d, store, "zone "+strings.ReplaceAll(serial, ",", "")+", which the report misses, is archived now")
	if err := store.SaveZones(slices.Delete(slices.Clone(zones), i, i+1)); err != nil {
		t.Fatal(err)
	}
	differs(t, d, store, "accepted "+strings.ReplaceAll(serial, ",", ""))
}

// TestHostileReport: a report comes from a stranger, and is no reason to panic.
func TestHostileReport(t *testing.T) {
	store, p := lying(t)
	d := filled(t, store, p)
	for name, c := range map[string]struct {
		change func(*report.Document)
		want   string
	}{
		"no values":  {func(d *report.Document) { d.Values = nil }, ""},
		"no numbers": {func(d *report.Document) { d.Values = slices.Clone(d.Values); clear(d.Values) }, ""},
		"a serial of the future": {func(d *report.Document) {
			d.Publications = []report.Publication{{Serial: 1, T: monday.AddDate(9000, 0, 0)}}
		}, "not of the period"},
		"no serial":          {func(d *report.Document) { d.Publications = []report.Publication{{Serial: 1 << 40, T: monday}} }, "not of the period"},
		"accepted no serial": {func(d *report.Document) { d.Accepted = []int64{-1} }, "not a serial"},
		"many publications":  {func(d *report.Document) { d.Publications = make([]report.Publication, 10_001) }, "more than 10000"},
	} {
		own := *d
		c.change(&own)
		v, err := report.Verify(t.Context(), &own, store)
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) || c.want == "" && (err != nil || len(v.Differences) == 0) {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
}

// TestEarlierRules: a report that earlier rules made cannot be computed again; a final
// one gives way to --force only, and is kept as it was.
func TestEarlierRules(t *testing.T) {
	store, p := lying(t)
	j := newJob(p, store, t.TempDir())
	if err := run(t, j, frame(t, p, monday.AddDate(0, 0, 14))); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(j.Out, "weekly-2026-11-02")
	for _, name := range []string{"report.json", "internal/full.json"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		old := strings.Replace(string(text), `"mtric-report/2"`, `"mtric-report/1"`, 1)
		old = strings.Replace(old, `"coverage": {`, `"least_percent": 90, "coverage": { "sufficient": true,`, 1)
		if err := os.WriteFile(path, []byte(old), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := report.Read(strings.NewReader(old)); err == nil || !strings.Contains(err.Error(), "made by earlier rules (mtric-report/1)") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := run(t, j, frame(t, p, monday.AddDate(0, 0, 14))); err == nil || !errors.Is(err, edition.ErrThere) || !strings.Contains(err.Error(), "`mtric report --force` makes it anew") {
		t.Errorf("without force: %v", err)
	}
	j.Force = true
	if err := run(t, j, frame(t, p, monday.AddDate(0, 0, 14))); err != nil {
		t.Fatal(err)
	}
	d := read(t, filepath.Join(dir, "internal", "full.json"))
	if d.Revision != 2 || len(d.Changes) != 1 || !strings.Contains(strings.Join(d.Changes[0].What, "\n"), "rules of mtric-report/2 after those of mtric-report/1") {
		t.Errorf("revision %d, %+v", d.Revision, d.Changes)
	}
	contains(t, filepath.Join(dir, "revisions", "1", "internal", "full.json"), `"mtric-report/1"`, `"least_percent": 90`)
	same(t, d, store)
}
