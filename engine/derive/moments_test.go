package derive_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/simulate"
)

// A vantage point that goes to another site and stays there is an event whenever in the hour
// it goes. The hour in which it went has both sites, and the one after it has had the new one
// in the hour before: neither is without any of the usual ones.
func TestMovedWithinAnHour(t *testing.T) {
	for _, minute := range []int{0, 5, 30, 55} {
		t.Run(fmt.Sprint(minute), func(t *testing.T) {
			c := simulate.Config{Plan: world(t, 3, 2), VantagePoints: []measurement.VantagePoint{"101", "102", "103"}, From: midnight, Until: midnight.AddDate(0, 0, 1), Seed: 5, Version: "1.0.0"}
			c.Faults = []plan.Fault{{Label: "moved", Kind: plan.FaultMoved, VantagePoints: c.VantagePoints[:1], RSIs: []measurement.RSI{"a"}, Paths: []string{"ipv6/tcp", "ipv6/udp"},
				From: midnight.Add(10*time.Hour + time.Duration(minute)*time.Minute), By: plan.Duration(time.Millisecond), Percent: 100}}
			for _, m := range hold(t, c, filepath.Join(t.TempDir(), "x"), c.Faults).mistakes {
				t.Error(m)
			}
		})
	}
}

// One RSI shows the zone of 17:00 six hours early, to everybody. That is no trusted sighting:
// the zone is signed at 16:00. From 17:00 on all but another show it as they should, and that
// one is stale, whatever the first one has shown before.
func TestFutureShownByOne(t *testing.T) {
	c := simulate.Config{Plan: world(t, 3, 3), VantagePoints: []measurement.VantagePoint{"101", "102", "103"}, From: midnight, Until: midnight.AddDate(0, 0, 1), Seed: 5, Version: "1.0.0"}
	c.Faults = []plan.Fault{
		{Label: "frozen", Kind: plan.FaultFrozen, RSIs: []measurement.RSI{"b"}, From: midnight.Add(16*time.Hour + 30*time.Minute), Until: midnight.Add(23 * time.Hour), Percent: 100},
		{Label: "lie", Kind: plan.FaultFuture, RSIs: []measurement.RSI{"a"}, From: midnight.Add(12 * time.Hour), Until: midnight.Add(13 * time.Hour), By: plan.Duration(6 * time.Hour), Percent: 100},
	}
	for _, m := range hold(t, c, filepath.Join(t.TempDir(), "x"), c.Faults[:1]).mistakes {
		t.Error(m)
	}
}
