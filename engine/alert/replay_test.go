package alert_test

import (
	"testing"
	"time"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/simulate"
)

// TestOutageOfC replays what happened to C-root in May 2024: from the 18th to the
// 22nd it served the zone 2024051801, and its operator learnt of it from others. The
// shipped rule tells of it within ten minutes of the threshold [fwa], 65 minutes after
// the first zone that C missed, of C only, and until it catches up. After two days the
// answers are incorrect as well.
func TestOutageOfC(t *testing.T) {
	day := func(d, h int) time.Time { return time.Date(2024, 5, d, h, 0, 0, 0, time.UTC) }
	rules, l := compile(t, "rssac047", "", "")
	if rules == nil {
		t.Fatal(l.Error())
	}
	began, ended := day(18, 18), day(22, 16)
	outage, l := plan.LoadFaults([]byte(`fault "outage" {
  kind  = "frozen"
  rsis  = ["c"]
  from  = "2024-05-18T18:00:00Z"
  until = "2024-05-22T16:00:00Z"
}`), "faults.hcl", rules.Plan)
	if l.HasErrors() {
		t.Fatal(l.Error())
	}
	store := lake.Store{Dir: t.TempDir()}
	c := simulate.Config{Plan: rules.Plan, VantagePoints: []measurement.VantagePoint{"101", "301", "501"}, From: day(18, 0), Until: day(23, 0), Seed: 2024, Faults: outage}
	if _, err := simulate.Run(t.Context(), store.Dir, c); err != nil {
		t.Fatal(err)
	}
	zones, err := store.Zones()
	if err != nil {
		t.Fatal(err)
	}
	served, missed := day(18, 0), day(23, 0) // when the zone that C served came, and the first that it missed
	for _, z := range zones {
		used := *z.ArchivedAt
		if z.FirstSeen != nil && z.FirstSeen.Before(used) {
			used = *z.FirstSeen
		}
		if used.Before(began) && used.After(served) {
			served = used
		} else if used.After(began) && used.Before(missed) {
			missed = used
		}
	}
	episodes, err := rules.Backtest(t.Context(), store, day(18, 0), day(23, 0), "")
	if err != nil || len(episodes) == 0 || episodes[0].Until == nil {
		t.Fatal(err, episodes)
	}
	e := episodes[0]
	for _, later := range episodes[1:] { // a zone older than 48 hours makes answers incorrect
		if later.Rule != "wrong-answer" || later.Labels[0] != e.Labels[0] || later.From.Before(served.Add(48*time.Hour-interval.Length)) {
			t.Errorf("%+v", later)
		}
	}
	if want := (alert.Label{Name: "rsi", Value: "c"}); e.Rule != "stale-zone" || e.Severity != alert.Critical || e.Labels[0] != want {
		t.Errorf("%+v", e)
	}
	const threshold = 65 * time.Minute
	if told := e.From.Sub(missed); told <= threshold || told > threshold+10*time.Minute {
		t.Errorf("told %s after the zone that C missed, at %s", told, e.From)
	}
	if late := e.Until.Sub(ended); late < 0 || late > 20*time.Minute {
		t.Errorf("ended at %s, %s after C caught up", e.Until, late)
	}
}
