package comparison_test

import (
	"testing"
	"time"

	"mtric.net/mtric/engine/comparison"
	"mtric.net/mtric/engine/measurement"
)

// What follows are worlds in which the crowd has no reason to confirm a failure of ours.

// A latency that is above the threshold all the time is not explained by an hour in which it was
// more so, whatever the crowd saw in that hour.
func TestAlwaysSlow(t *testing.T) {
	t.Parallel()
	w := calm(200)
	w.rules = append(w.rules, func(p person, a *measurement.Answer) {
		if a.RSI != "a" || a.LatencyUS == nil {
			return
		}
		if machine(p) {
			*a.LatencyUS += 300_000
		}
		if !a.Interval.Before(from.Add(5*time.Hour)) && a.Interval.Before(from.Add(6*time.Hour)) {
			*a.LatencyUS = *a.LatencyUS*2 + 100_000
		}
	})
	d := w.compare(t, comparison.Fail{Metric: measurement.RSILatency, RSI: "a", Family: measurement.IPv6, Transport: measurement.UDP, Above: 250_000})
	if o := d.Opinions[0]; o.Verdict != comparison.NoData || o.Confirmed != 20 || o.Failed != 200 {
		t.Errorf("opinion %+v", o)
	}
}

// What failed while a vantage point of ours had no network counts in the metric, and is not
// confirmed by what the crowd saw at other times.
func TestOurOwnNetwork(t *testing.T) {
	t.Parallel()
	w := calm(200)
	w.rules = append(w.rules, down(func(p person) bool { return !machine(p) || p.n < 4 }), func(p person, a *measurement.Answer) {
		if machine(p) && p.n >= 10 && !a.Interval.Before(from.Add(7*time.Hour)) {
			fail(a)
		}
	})
	d := w.compare(t, kUDP)
	if o := d.Opinions[0]; o.Verdict != comparison.NoData || o.Confirmed < 48 || o.Failed < 48+180 {
		t.Errorf("opinion %+v", o)
	}
}
