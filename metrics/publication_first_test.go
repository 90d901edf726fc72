package metrics_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// One vantage point alone cannot make the newest serial, of which no zone tells when it
// was signed, the first of all: then no serial would have a T(s) any more. A day before
// its second witness is as much as is believed.
func TestOldLabelOfOneVantagePoint(t *testing.T) {
	rows := scene{vps: 3, first: -12, intervals: 60, rsis: abc(), shows: func(at, v int, rsi measurement.RSI, path int) int64 {
		if at >= 40 {
			return s2
		}
		if at >= 10 {
			return s1
		}
		return s0
	}}.rows()
	seen := []measurement.Zone{{Serial: s1, State: measurement.ZoneArchived}, {Serial: s2, State: measurement.ZoneSeen}}
	cfg := config(1, 3, 3)
	honest := compute(t, cfg, rows, archived(rows, seen...)...)
	lie := soa(0, -12*24*200, "a", measurement.Path{Family: measurement.IPv4, Transport: measurement.UDP}, shows(s2))
	got := compute(t, cfg, append(slices.Clone(rows), lie), archived(rows, seen...)...)
	want := []metrics.Publication{{Serial: s1, T: label(10)}, {Serial: s2, T: label(40)}}
	if d := cmp.Diff(want, honest.Publications); d != "" {
		t.Errorf("without the lie (-want +got):\n%s", d)
	}
	want[1].T = label(37) // the second witness less 15 minutes
	if d := cmp.Diff(want, got.Publications); d != "" {
		t.Errorf("with the lie (-want +got):\n%s", d)
	}
}

// One vantage point alone cannot make news of what was there when all others began: an
// old zone that it showed two days before them is not the first.
func TestOneVantagePointDaysBeforeAllOthers(t *testing.T) {
	rows := scene{vps: 3, first: 0, intervals: 60, rsis: abc(), shows: func(at, v int, rsi measurement.RSI, path int) int64 {
		if at >= 40 {
			return s2
		}
		return s1
	}}.rows()
	archivedAt := label(-570)
	zones := []measurement.Zone{{Serial: s0, State: measurement.ZoneArchived, ArchivedAt: &archivedAt}}
	lie := soa(0, -576, "a", measurement.Path{Family: measurement.IPv4, Transport: measurement.UDP}, shows(s0))
	want := []metrics.Publication{{Serial: s2, T: label(40)}}
	for name, c := range map[string]struct {
		vps  int
		rows []measurement.Answer
		want []metrics.Publication
	}{
		"without it": {3, rows, want},
		"with it":    {3, append(slices.Clone(rows), lie), want},
		"alone by all one knows": {1, append(slices.DeleteFunc(slices.Clone(rows), func(a measurement.Answer) bool { return a.VantagePoint != vp(0) }), lie),
			[]metrics.Publication{{Serial: s1, T: label(0)}, {Serial: s2, T: label(40)}}},
	} {
		got := compute(t, config(1, c.vps, 3), c.rows, archived(c.rows, zones...)...)
		if d := cmp.Diff(c.want, got.Publications); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}
