package cli

import (
	"testing"
	"time"
)

// TestPast: a backtest ends where what is over ends, so that no alert lasts into the
// future; a simulated lake of later days is walked to its end.
func TestPast(t *testing.T) {
	day := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	a := &app{clock: func() time.Time { return day.Add(9*time.Hour + 48*time.Minute) }}
	for _, c := range []struct{ until, lastDay, want time.Time }{
		{day.AddDate(0, 0, 1), day, day.Add(9*time.Hour + 40*time.Minute)},
		{day.Add(9 * time.Hour), day, day.Add(9 * time.Hour)},
		{day.AddDate(0, 0, 3), day.AddDate(0, 0, 2), day.AddDate(0, 0, 3)},
	} {
		if got, err := a.past(c.until, c.lastDay); err != nil || !got.Equal(c.want) {
			t.Errorf("until %s, last day %s: %s, %v; want %s", c.until, c.lastDay, got, err, c.want)
		}
	}
}
