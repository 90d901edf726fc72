package comparison_test

import (
	"testing"
	"time"

	"mtric.net/mtric/engine/comparison"
	"mtric.net/mtric/engine/measurement"
)

// What follows are worlds in which the crowd has no reason to say that it did not see a failure
// of ours: saying so would excuse a server.

// A fault that already ran in the week before is normal for the networks that see it. That is no
// reason to say that they do not.
func TestFaultOfTheWeekBefore(t *testing.T) {
	t.Parallel()
	w := calm(600)
	w.rules = append(w.rules, down(machine), func(p person, a *measurement.Answer) {
		if !machine(p) && p.region == "asia_pacific" && a.RSI == "k" && a.Family == measurement.IPv4 && a.Transport == measurement.UDP {
			fail(a)
		}
	})
	d := w.compare(t, kUDP)
	if o := d.Opinions[0]; o.Verdict != comparison.NoData || o.NotSeen > 0 {
		t.Errorf("opinion %+v", o)
	}
	for _, o := range d.Outages {
		if o.Opinion != comparison.NoData {
			t.Errorf("outage %+v", o)
		}
	}
}

// A crowd whose lake ends or begins in the middle of an hour did not look for the rest of it, a few
// probes with wrong clocks aside.
func TestHalfAnHourOfTheCrowd(t *testing.T) {
	t.Parallel()
	at := from.Add(4 * time.Hour)
	for name, gone := range map[string]func(time.Time) bool{
		"ends":   func(label time.Time) bool { return !label.Before(at.Add(10 * time.Minute)) },
		"begins": func(label time.Time) bool { return !label.Before(at) && label.Before(at.Add(50*time.Minute)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := calm(600)
			w.rules = append(w.rules, func(p person, a *measurement.Answer) {
				switch {
				case machine(p) && a.RSI == "k" && a.Family == measurement.IPv4 && a.Transport == measurement.UDP && !a.Interval.Before(at.Add(20*time.Minute)) && a.Interval.Before(at.Add(40*time.Minute)):
					fail(a)
				case !machine(p) && p.n%50 != 0 && gone(a.Interval):
					a.Query = "none"
				}
			})
			d := w.compare(t, kUDP)
			if o := d.Opinions[0]; o.NotSeen > 0 || o.Verdict != comparison.NoData || len(o.Windows) == 0 {
				t.Errorf("opinion %+v", o)
			}
			for _, o := range d.Outages {
				if o.Opinion != comparison.NoData {
					t.Errorf("outage %+v", o)
				}
			}
			if p := path(t, d, kUDP); p.Hours != 9 {
				t.Errorf("%d hours, want 9", p.Hours)
			}
		})
	}
}

// lateForOurs lets b show zones an hour late to ours.
func lateForOurs(w *world) {
	w.rules = append(w.rules, func(p person, a *measurement.Answer) {
		if machine(p) && a.RSI == "b" && a.Serial != nil && !a.Interval.Before(from.Add(6*time.Hour)) {
			*a.Serial = max(w.serialAt(a.Interval.Add(-time.Hour)), w.serialAt(from.Add(6*time.Hour)))
		}
	})
}

// A crowd that is asked of one RSI alone has nothing to compare its lag with, so it did not see that
// it is usual.
func TestLagOfOneRSI(t *testing.T) {
	t.Parallel()
	w := oftenPublished()
	lateForOurs(w)
	w.rules = append(w.rules, func(p person, a *measurement.Answer) {
		if !machine(p) && a.RSI != "b" {
			a.Query = "none"
		}
	})
	j := w.job(t)
	j.Set, j.Fails = "dnsmon", []comparison.Fail{{Metric: measurement.RSIPublication, RSI: "b"}}
	if o := run(t, j).Opinions[0]; o.Verdict != comparison.NoData || o.NotSeen > 0 || len(o.Windows) == 0 {
		t.Errorf("%+v", o)
	}
}

// A server that stands still for a part of the crowd is later than late there, and does not leave the
// lags of the others alone.
func TestStandsStill(t *testing.T) {
	t.Parallel()
	w := oftenPublished()
	lateForOurs(w)
	w.rules = append(w.rules, func(p person, a *measurement.Answer) {
		if !machine(p) && p.n%5 < 3 && a.RSI == "b" && a.Serial != nil && !a.Interval.Before(from) {
			*a.Serial = w.serialAt(from)
		}
	})
	j := w.job(t)
	j.Set, j.Fails = "dnsmon", []comparison.Fail{{Metric: measurement.RSIPublication, RSI: "b"}}
	d := run(t, j)
	if o := d.Opinions[0]; o.NotSeen > 0 {
		t.Errorf("%+v", o)
	}
	for _, p := range d.Publication {
		if late := p.Theirs.Median >= 2*3600; late != (p.RSI == "b") {
			t.Errorf("%s: %+v", p.RSI, p.Theirs)
		}
	}
}

// Of a fault that began before the crowd's lake does, the crowd does not know what was normal before it.
func TestSlowSinceBeforeTheLake(t *testing.T) {
	t.Parallel()
	w := calm(300)
	w.since = from.Add(-40 * time.Hour)
	w.rules = append(w.rules, func(p person, a *measurement.Answer) {
		switch {
		case !machine(p) && a.Interval.Before(began), a.RSI != "a" || a.Family == measurement.IPv4 || a.Transport == measurement.UDP:
			a.Query = "none"
		case a.LatencyUS != nil && !a.Interval.Before(began):
			*a.LatencyUS = *a.LatencyUS*2 + 30_000
		}
	})
	d := w.compare(t, comparison.Fail{Metric: measurement.RSILatency, RSI: "a", Family: measurement.IPv6, Transport: measurement.TCP})
	if o := d.Opinions[0]; o.Verdict != comparison.NoData || o.NotSeen > 0 {
		t.Errorf("%+v", o)
	}
}
