package ingest_test

import (
	"testing"
	"time"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
)

// withInvented is a collector that has watched twelve zones for ten days, until a
// time, and a zone that somebody made up by keys of his own, numbered far ahead.
func withInvented(t *testing.T, watchedUntil time.Time) (c *zoneCollector, invented *lab.Zone) {
	t.Helper()
	start := day.AddDate(0, 0, -10)
	var after []lab.Revision
	for n := 1; n < 12; n++ {
		at := start.Add(time.Duration(n) * 12 * time.Hour)
		after = append(after, lab.Revision{Inception: at, Expiration: at.AddDate(0, 0, 13)})
	}
	c = zoneCollectorWith(t, lab.Options{}, after...)
	c.threeInPlan()
	zones, err := lab.History(lab.Options{Seed: 77, Serial: 2036112299, TLDs: 30, Inception: signed(0), Expiration: signed(0).AddDate(0, 0, 40),
		Signing: lab.Simple(lab.KSK(77, "ksk", lab.ECDSAP256SHA256), lab.ZSK(77, "zsk", lab.ECDSAP256SHA256))})
	if err != nil {
		t.Fatal(err)
	}
	for n, z := range c.zones {
		at := start.Add(time.Duration(n)*12*time.Hour + time.Hour)
		if n == 0 {
			at = start.Add(-24 * time.Hour)
		}
		c.keep(z, at)
		c.watched(z, at, at.Add(11*time.Hour))
	}
	c.watched(c.zones[len(c.zones)-1], start.Add(145*time.Hour), watchedUntil)
	c.in.Now = func() time.Time { return day.AddDate(0, 0, 60) }
	return c, zones[0]
}

// sends is an interval in which c is stale, or a shows the invented zone.
func (c *zoneCollector) sends(vp measurement.VantagePoint, label time.Time, rsi measurement.RSI, z *lab.Zone) {
	c.t.Helper()
	c.all(c.zones[len(c.zones)-1])
	c.serve[rsi] = z
	c.ask(vp, label)
}

// A server that shows all vantage points a serial that will never be holds back what
// others are accused of for 48 hours, and no longer.
func TestInventedSerialIsRefuted(t *testing.T) {
	label := day.Add(-60 * time.Hour)
	for watched, want := range map[time.Duration]measurement.Verdict{40 * time.Hour: measurement.Unchecked, 60 * time.Hour: measurement.Incorrect} {
		c, invented := withInvented(t, label.Add(watched))
		for _, vp := range []measurement.VantagePoint{"101", "102", "103"} {
			c.sends(vp, label, "a", invented)
			c.sends(vp, label.Add(time.Hour), "c", c.zones[2])
		}
		c.ingest()
		if a := c.verdicts(label.Add(time.Hour))["c"]; *a.Verdict != want {
			t.Errorf("watched for %s: %s %q, want %s", watched, *a.Verdict, a.Failures, want)
		}
	}
}

// What a vantage point shows holds its rows, whether it comes before they are judged,
// with them, or after.
func TestOwnTestimonyComesLate(t *testing.T) {
	label := day.Add(-60 * time.Hour)
	for name, runs := range map[string][]string{"before": {"invented", "stale"}, "together": {"both"}, "after": {"stale", "invented"}} {
		c, invented := withInvented(t, label.Add(40*time.Hour))
		for _, what := range runs {
			if what != "stale" {
				c.sends("101", label.Add(-time.Hour), "a", invented)
			}
			if what != "invented" {
				c.sends("101", label, "c", c.zones[2])
				c.sends("102", label, "c", c.zones[2])
			}
			c.ingest()
		}
		c.ingest()
		if a := c.verdicts(label)["c"]; a.VantagePoint != "102" || *a.Verdict != measurement.Incorrect {
			t.Errorf("%s: 102 shows nothing of the kind: %s", name, *a.Verdict)
		}
		for _, a := range readDay[measurement.Answer](c.collector, "answers", label) {
			if a.VantagePoint == "101" && a.Query == "correctness" && a.RSI == "c" && a.Interval.Equal(label) && *a.Verdict != measurement.Unchecked {
				t.Errorf("%s: %s %q", name, *a.Verdict, a.Failures)
			}
		}
	}
}

// A sighting from before a zone was signed is believed as long as nobody knows when
// that was, and taken back then.
func TestSightingBeforeTheSigningIsTakenBack(t *testing.T) {
	c := newZoneCollector(t, 1)
	c.threeInPlan()
	serial := int64(c.zones[0].Serial)
	guessed, shown := signed(0).Add(-24*time.Hour), signed(0).Add(2*time.Hour)
	c.show("103", guessed, map[measurement.RSI]int64{"a": serial})
	c.ingest()
	if z := c.collector.zones()[serial]; z.FirstSeen == nil || z.FirstSeen.After(guessed.Add(time.Minute)) {
		t.Fatalf("%+v", z)
	}
	c.show("101", shown, map[measurement.RSI]int64{"b": serial})
	c.ingest()
	c.keep(c.zones[0], signed(0).Add(3*time.Hour))
	c.ingest()
	if z := c.collector.zones()[serial]; z.FirstSeen == nil || !z.FirstSeen.Equal(seen(shown)) || *z.FirstSeenRSI != "b" {
		t.Errorf("%+v %v", z, z.FirstSeen)
	}
}
