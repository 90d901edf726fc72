package cli

import (
	"testing"
	"time"

	"mtric.net/mtric/engine/interval"
)

// TestDemoOfOneMonth: whenever the demo runs, all that it measures is of one month, that of
// its report, and of no later time than now.
func TestDemoOfOneMonth(t *testing.T) {
	for now := time.Date(2026, 11, 30, 20, 0, 0, 0, time.UTC); now.Before(time.Date(2026, 12, 1, 6, 0, 0, 0, time.UTC)); now = now.Add(time.Minute) {
		w := &demoWorld{}
		w.setPresent(now)
		last := w.label(demoIntervals + demoRecovered - 1)
		if first := w.label(0); !interval.Month(first).Equal(interval.Month(last)) || last.After(now) || now.Sub(last) > 3*time.Hour {
			t.Fatalf("%s: from %s to %s", now, first, last)
		}
	}
}
