package alert_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
)

// lateBook is a collector that has long evaluated all of its lake, which has an answer of
// a that 301 found incorrect at 13:00.
func lateBook(t *testing.T, now *time.Time) (*alert.Book, lake.Store) {
	t.Helper()
	*now = noon.AddDate(0, 0, 2)
	b, store := newCollector(t, now)
	inPlan(t, b, "")
	accuse(t, store, []accusation{{"a", "301", time.Hour, "other"}})
	evaluate(t, b, store)
	return b, store
}

// accusations are answers of RSIs that a vantage point found incorrect at times after noon.
func accusations(rsis string, vp string, at ...time.Duration) (all []alert.Accusation) {
	for _, rsi := range strings.Split(rsis, "") {
		for _, t := range at {
			all = append(all, alert.Accusation{RSI: rsi, VantagePoint: vp, NSID: "own", Interval: noon.Add(t), Answers: 2})
		}
	}
	return all
}

func tellLate(t *testing.T, b *alert.Book, store lake.Store, all []alert.Accusation) []string {
	t.Helper()
	before := len(lines(t, b))
	if err := b.TellLate(t.Context(), store, all); err != nil {
		t.Fatal(err)
	}
	return lines(t, b)[before:]
}

// TestLateIsToldOnceOfOne repeats in each run what was found too late by one vantage point:
// it is told once, and once more when it has been known for an hour and is of an hour.
func TestLateIsToldOnceOfOne(t *testing.T) {
	var now time.Time
	b, store := lateBook(t, &now)
	total := 0
	for run := range 11 {
		got := tellLate(t, b, store, accusations("bcdefghijklm", "101", time.Hour, 3*time.Hour, time.Duration(run)*5*time.Minute))
		total += len(got)
		if run == 0 && (len(got) != 12 || !strings.Contains(got[0], ` warning FIRING rule=mtric.ingest condition=incorrect rsi=b vantage_points=1 nsid=own "6 answers of b.root, of 2026-11-01T12:00Z to 2026-11-01T15:00Z,`)) {
			t.Errorf("%s", strings.Join(got, "\n"))
		}
		now = now.Add(5 * time.Minute)
	}
	if total != 12 {
		t.Errorf("%d lines in 11 runs", total)
	}
	now = now.Add(5 * time.Minute)
	if got := tellLate(t, b, store, accusations("b", "101", 4*time.Hour)); len(got) != 1 || !strings.Contains(got[0], " critical FIRING ") {
		t.Errorf("an hour later: %s", got)
	}
	if text := prom(t, b); strings.Contains(text, "incorrect") {
		t.Errorf("what has no end is in a series:\n%s", text)
	}
	now = now.Add(25 * time.Hour)
	if got := tellLate(t, b, store, nil); len(got) != 0 {
		t.Errorf("%s", got)
	}
	if got := tellLate(t, b, store, accusations("b", "101", 2*time.Hour)); len(got) != 1 || !strings.Contains(got[0], " warning FIRING ") {
		t.Errorf("a day later: %s", got)
	}
	now = now.Add(25 * time.Hour) // no run in between has let go of it
	if got := tellLate(t, b, store, accusations("b", "101", 2*time.Hour)); len(got) != 1 || !strings.Contains(got[0], " warning FIRING ") {
		t.Errorf("two days later: %s", got)
	}
}

// TestLateIsOfAnHourByBothClocks: labels of a month make no hour of ours, and an hour of
// ours no hour of labels.
func TestLateIsOfAnHourByBothClocks(t *testing.T) {
	var now time.Time
	b, store := lateBook(t, &now)
	month := accusations("b", "101", -30*24*time.Hour, time.Hour)
	label := accusations("c", "101", time.Hour)
	for i, want := range []string{" warning FIRING", "", " critical FIRING"} {
		got := strings.Join(tellLate(t, b, store, month), "\n")
		if !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("run %d: a month of labels: %q, want %q", i, got, want)
		}
		if got := strings.Join(tellLate(t, b, store, label), "\n"); strings.Contains(got, "critical") || (got != "") != (i == 0) {
			t.Errorf("run %d: one label: %q", i, got)
		}
		now = now.Add(30 * time.Minute)
	}
}

// TestLateSaysWhoElse: another vantage point has an answer of the same RSI in the rule's
// window. It is critical; what two bring in one run is told each time.
func TestLateSaysWhoElse(t *testing.T) {
	var now time.Time
	b, store := lateBook(t, &now)
	got := tellLate(t, b, store, accusations("a", "101", 90*time.Minute))
	if len(got) != 1 || !strings.Contains(got[0], ` critical FIRING rule=mtric.ingest condition=incorrect rsi=a vantage_points=2 nsid="own, other"`) {
		t.Errorf("%s", got)
	}
	if got := tellLate(t, b, store, accusations("a", "101", 95*time.Minute)); len(got) != 0 {
		t.Errorf("again: %s", got)
	}
	for range 2 {
		if got := tellLate(t, b, store, append(accusations("b", "101", time.Hour), accusations("b", "301", time.Hour)...)); len(got) != 1 || !strings.Contains(got[0], " critical FIRING ") {
			t.Errorf("two in one run: %s", got)
		}
	}
}

// TestLateCountsTheWindowOnly: what another vantage point has of the RSI before or after the
// rule's window bears nothing out, although the windows of other RSIs have it read.
func TestLateCountsTheWindowOnly(t *testing.T) {
	for name, all := range map[string][]alert.Accusation{
		"before": append(accusations("a", "101", 8*time.Hour), accusations("b", "101", 4*time.Hour)...),
		"after":  append(accusations("a", "101", -2*time.Hour), accusations("b", "101", 2*time.Hour)...),
	} {
		var now time.Time
		b, store := lateBook(t, &now)
		if got := tellLate(t, b, store, all); len(got) != 2 || !strings.Contains(got[0], " warning FIRING rule=mtric.ingest condition=incorrect rsi=a vantage_points=1 ") {
			t.Errorf("%s: %s", name, strings.Join(got, "\n"))
		}
	}
}

// longRule is a rule with a window of a day.
const longRule = `
rule "incorrect-in-a-day" {
  on       = "window"
  over     = ["rsi"]
  window   = "24h"
  severity = "info"
  expr     = "window.incorrect > 1000"
  summary  = "x"
}`

// TestLateReadsLittle has one vantage point choose labels for which a day of the lake would
// have to be read that cannot be.
func TestLateReadsLittle(t *testing.T) {
	each := func(apart time.Duration) (all []alert.Accusation) {
		for i, rsi := range strings.Split("bcdefghijklm", "") {
			all = append(all, accusations(rsi, "101", 6*time.Hour-time.Duration(i)*apart)...)
		}
		return all
	}
	for name, c := range map[string]struct {
		rules      string
		all        []alert.Accusation
		unreadable int // days from noon
		told       int
	}{
		"a year of one RSI":        {"", accusations("b", "101", -399*24*time.Hour, 6*time.Hour), -10, 1},
		"between two windows":      {"", append(accusations("b", "101", 6*time.Hour), accusations("c", "101", -40*time.Hour)...), -1, 2},
		"a third window":           {"", each(30 * 24 * time.Hour), -60, 12},
		"windows that overlap all": {longRule, each(20 * time.Hour), -7, 12},
	} {
		var now time.Time
		b, store := lateBook(t, &now)
		inPlan(t, b, c.rules)
		path := store.Path(column.Answers, noon.AddDate(0, 0, c.unreadable))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("no table"), 0o644)); err != nil {
			t.Fatal(err)
		}
		if got := tellLate(t, b, store, c.all); len(got) != c.told {
			t.Errorf("%s: %s", name, strings.Join(got, "\n"))
		}
	}
}

// TestLateIsOneOfTwenty: what is told of too late counts beside the other alerts of a vantage
// point.
func TestLateIsOneOfTwenty(t *testing.T) {
	var now time.Time
	b, store := lateBook(t, &now)
	var m alert.Machine
	m.Zones.Alone = map[string]string{}
	for _, serial := range strings.Fields("01 02 03 04 05 06 07 08 09 10") {
		m.Zones.Missing = append(m.Zones.Missing, "20260101"+serial)
		m.Zones.Alone["20260101"+serial] = "101"
	}
	if _, err := b.EvaluateMachine(m, "collector"); err != nil {
		t.Fatal(err)
	}
	got := tellLate(t, b, store, accusations("abcdefghijklm", "101", 20*time.Hour))
	if len(got) != 10 || !strings.Contains(got[9], `condition=more vantage_point=101 "4 more alerts of vantage point 101 fire than the 19 that are told"`) {
		t.Errorf("%d lines\n%s", len(got), strings.Join(got, "\n"))
	}
	// Two are never among them.
	both := append(accusations("m", "101", 20*time.Hour), accusations("m", "301", 20*time.Hour)...)
	if got := tellLate(t, b, store, both); len(got) == 0 || !strings.Contains(got[0], " critical FIRING rule=mtric.ingest condition=incorrect rsi=m vantage_points=2") {
		t.Errorf("%s", got)
	}
}
