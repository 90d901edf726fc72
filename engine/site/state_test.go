package site_test

import (
	"fmt"
	"mtric.net/mtric/engine/plan"
	"slices"
	"testing"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/site"
)

// TestForgedAnswersAreOwnTrouble: where all that a vantage point got over a family for an
// hour failed or was incorrect, somebody on the way forges answers: no RSI does.
func TestForgedAnswersAreOwnTrouble(t *testing.T) {
	h, home := drawn(1, 288), t.TempDir()
	for i, a := range h.answers {
		if a.VantagePoint != "101" || a.Family != measurement.IPv6 || a.Interval.Before(at(108)) || !a.Interval.Before(at(120)) {
			continue
		}
		forged := &h.answers[i]
		forged.Outcome, forged.Error, forged.SentAt, forged.LatencyUS, forged.Serial = measurement.Answered, nil, ptr(a.Interval), ptr(int64(1000)), nil
		if forged.RCode = ptr(measurement.ServFail); a.Query == measurement.QueryCorrectness {
			forged.RCode, forged.Verdict, forged.Failures = ptr(measurement.NoError), ptr(measurement.Incorrect), []string{"ujy: x"}
		}
	}
	h.write(t, home, 288)
	out, _ := h.make(t, home, site.Internal)
	wrong := 0
	for _, rsi := range []string{"a", "b"} {
		for _, transport := range []string{"udp", "tcp"} {
			name := fmt.Sprintf("%s-v6-%s-0", rsi, transport)
			labels := cells(t, read[site.Tile](t, out, "day/20261031/"+name))
			for n := 108; n < 120; n++ {
				c := labels["101 "+at(n).Format("02T15:04")]
				if c.State > site.Own {
					t.Errorf("%s at %s: %+v accuses the RSI", name, at(n).Format("15:04"), c)
				}
				if c.Failed > 1 {
					wrong++
				}
			}
			if c := cells(t, read[site.Tile](t, out, "month/202610/"+name))["101 31T09:00"]; c.State != site.Own {
				t.Errorf("%s, the hour: %+v", name, c)
			}
		}
	}
	if wrong == 0 {
		t.Error("no incorrect answer: nothing is tried")
	}
}

// TestEachDayIsMadeOnce when a site is built from nothing.
func TestEachDayIsMadeOnce(t *testing.T) {
	const count = 2*288 + 127
	h, home := drawn(1, count), t.TempDir() // of one month, with the day under way
	h.answers = slices.DeleteFunc(h.answers, func(a measurement.Answer) bool { return a.Interval.Before(at(288)) })
	h.runs = slices.DeleteFunc(h.runs, func(r measurement.Run) bool { return r.Interval.Before(at(288)) })
	h.write(t, home, count)
	if _, result := h.make(t, home, site.Internal); result.Days != 2 {
		t.Errorf("%d days made, want 2", result.Days)
	}
	// More vantage points than one tile has room for, of which the last comes on the third day.
	const many = 36
	h, home = drawn(1, 0), t.TempDir()
	h.plan.VantagePoints = nil
	for n := range many {
		h.plan.VantagePoints = append(h.plan.VantagePoints, plan.VantagePoint{ID: measurement.VantagePoint(fmt.Sprint(200 + n))})
	}
	h.fill(1, count)
	h.plan.VantagePoints = nil
	late := func(vp measurement.VantagePoint, label time.Time) bool {
		return vp >= "232" && label.Before(at(288))
	}
	h.answers = slices.DeleteFunc(h.answers, func(a measurement.Answer) bool { return late(a.VantagePoint, a.Interval) })
	h.runs = slices.DeleteFunc(h.runs, func(r measurement.Run) bool { return late(r.VantagePoint, r.Interval) })
	h.write(t, home, count)
	if _, result := h.make(t, home, site.Public); result.Days != 3 {
		t.Errorf("of a plan without vantage points: %d days made, want 3", result.Days)
	}
}
