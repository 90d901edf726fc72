package report_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// TestUntrusted: a report names before the numbers the vantage points whose runs date no
// serial: their clock was known to be wrong, they came before their own label, or they
// showed more than sixteen serials.
func TestUntrusted(t *testing.T) {
	store, p := simulated(t, 2, plan.Fault{Label: "clock", Kind: plan.FaultUnsynchronized, VantagePoints: []measurement.VantagePoint{"902"},
		From: monday.Add(9 * time.Hour), Until: monday.Add(10 * time.Hour), Percent: 100})
	changeRuns(t, store, monday, func(r *measurement.Run) {
		if r.VantagePoint == "901" && r.Interval.Before(monday.Add(10*time.Minute)) {
			r.ReceivedAt = r.Interval.Add(-time.Second)
		}
	})
	shown := int64(0)
	amend(t, store, func(a *measurement.Answer) {
		if a.VantagePoint == "901" && a.Query == measurement.QuerySOA && a.Serial != nil && a.Interval.Equal(monday.Add(11*time.Hour)) {
			shown++
			a.Serial = new(2026000000 + shown)
		}
	})
	if shown <= 16 {
		t.Fatalf("%d serials", shown)
	}
	d := filled(t, store, p)
	const want = "The serials that some runs show are not used for publication latency, because their clock was known to be wrong, or they came before their own time, or they showed more than 16 serials: " +
		"3 runs of vantage point 901, 12 runs of vantage point 902."
	if !slices.Contains(d.Notes, want) {
		t.Errorf("notes %q", d.Notes)
	}
	same(t, d, store)
	var text bytes.Buffer
	if err := d.Public().WriteText(&text); err != nil || !strings.Contains(text.String(), "\nNote       "+want+"\n") {
		t.Errorf("%v\n%s", err, text.String())
	}
	store, p = simulated(t, 2)
	if d := filled(t, store, p); slices.ContainsFunc(d.Notes, func(n string) bool { return strings.Contains(n, "not used for publication latency") }) {
		t.Errorf("notes %q", d.Notes)
	}
}
