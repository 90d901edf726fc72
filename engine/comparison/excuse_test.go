package comparison_test

import (
	"testing"

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
