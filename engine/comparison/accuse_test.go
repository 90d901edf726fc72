package comparison_test

import (
	"net/netip"
	"slices"
	"strings"
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

// A server that was renumbered is not asked by who asks at its former address, be it ours or the
// crowd's. Before that it was.
func TestFormerAddress(t *testing.T) {
	t.Parallel()
	w := calm(200)
	former, present, moved := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), from.Add(2*time.Hour)
	w.rules = append(w.rules, func(p person, a *measurement.Answer) {
		if a.RSI != "k" || a.Family != measurement.IPv4 {
			return
		}
		a.Address = former.String()
		switch asks := !a.Interval.Before(moved); {
		case asks && p.n%2 == 0:
			a.Address = "::ffff:" + present.String()
		case asks && !a.Interval.Before(moved.Add(3*time.Hour)):
			fail(a)
		}
	})
	j := w.job(t)
	j.Addresses = append(j.Addresses, comparison.Address{RSI: "k", Address: former, Until: &moved}, comparison.Address{RSI: "k", Address: present, From: &moved})
	j.Fails = []comparison.Fail{kUDP}
	d := run(t, j)
	if o := d.Opinions[0]; o.Confirmed > 0 || o.Failed > 20 || len(d.Outages) > 0 {
		t.Errorf("opinion %+v, outages %+v", o, d.Outages)
	}
	p := path(t, d, kUDP)
	if p.Hours != 10 || p.Theirs.VantagePoints != 200 || p.Theirs.Asked != 200*2*2+100*2*8 || p.Ours.Asked != 20*6*2+10*6*8 {
		t.Errorf("%+v", p)
	}
	if !slices.ContainsFunc(d.Notes, func(n string) bool { return strings.HasPrefix(n, "The crowd's queries: 3,200 went to another address") }) {
		t.Errorf("notes %q", d.Notes)
	}
}

// What the crowd saw after ours is no outage that both saw.
func TestOneAfterTheOther(t *testing.T) {
	t.Parallel()
	w := calm(600)
	w.rules = append(w.rules, func(p person, a *measurement.Answer) {
		at := from.Add(4 * time.Hour)
		if !machine(p) {
			at = at.Add(time.Hour)
		}
		if a.RSI == "k" && a.Family == measurement.IPv4 && a.Transport == measurement.UDP && !a.Interval.Before(at) && a.Interval.Before(at.Add(time.Hour)) {
			fail(a)
		}
	})
	d := w.compare(t)
	if len(d.Outages) != 2 || d.Outages[0].SeenBy != comparison.SeenByOurs || d.Outages[0].Opinion != comparison.NotSeen || d.Outages[1].SeenBy != comparison.SeenByTheirs {
		t.Errorf("%+v", d.Outages)
	}
}

// Where ours did not ask, the crowd is not said to be alone with what it saw.
func TestOursDidNotAsk(t *testing.T) {
	t.Parallel()
	w := calm(200)
	w.rules = append(w.rules, down(everybody), func(p person, a *measurement.Answer) {
		if machine(p) && !a.Interval.Before(from.Add(3*time.Hour)) {
			a.Query = "none"
		}
	})
	d := w.compare(t)
	if o := only(t, d); o.SeenBy != comparison.SeenByTheirs || o.Ours != 0 {
		t.Errorf("outage %+v", o)
	}
	for ending, printed := range editions(t, d) {
		if strings.Contains(printed, "the crowd alone") || !strings.Contains(printed, "the crowd; of ours there is no data") {
			t.Errorf("%s says that the crowd alone saw it", ending)
		}
	}
}

// Who answers in a server's place too seldom to set the path apart accuses nobody of old zones or of
// other content.
func TestSeldomIntercepted(t *testing.T) {
	t.Parallel()
	w := calm(200)
	w.rules = append(w.rules, func(p person, a *measurement.Answer) {
		if a.Serial == nil || machine(p) {
			return
		}
		a.Verdict = new(measurement.Correct)
		if p.n%5 == 0 && a.RSI != "k" && a.Family == measurement.IPv4 && a.Transport == measurement.UDP && !a.Interval.Before(until.Add(-time.Hour)) && a.Interval.Before(until.Add(-30*time.Minute)) {
			a.AA, a.Serial, a.Verdict = new(false), new(int64(2026110100)), new(measurement.Incorrect)
		}
	})
	d := w.compare(t)
	if n := d.Theirs.Apart.Intercepted.VantagePoints; n != 0 {
		t.Errorf("%d are set apart; the test is of who is not", n)
	}
	if len(d.Stale) > 0 {
		t.Errorf("stale: %+v", d.Stale)
	}
	for _, c := range d.Content {
		want := int64(40)
		if c.RSI == "k" {
			want = 0
		}
		if c.Incorrect > 0 || c.Apart < want*9/10 || c.Apart > want {
			t.Errorf("%+v", c)
		}
	}
}

// The oldest serial of a stale site is one that was seen while it was stale, and not by who heard
// somebody else.
func TestOldestSerial(t *testing.T) {
	t.Parallel()
	w := calm(200)
	w.rules = append(w.rules, staleFor("b", func(p person) bool { return !machine(p) && p.n%4 == 0 }), func(p person, a *measurement.Answer) {
		switch {
		case machine(p) || a.Serial == nil || a.RSI != "b":
		case p.n%8 == 0 && a.Family == measurement.IPv4 && a.Transport == measurement.UDP:
			a.Serial = new(int64(2020010100))
			if a.Interval.Minute() < 30 { // so that the path is set apart, but this message has no sign
				a.AA = new(false)
			}
		case p.n%8 == 0 && a.Interval.Before(from):
			a.Serial = new(int64(2026110100)) // and it was worse in the week before
		}
	})
	d := w.compare(t)
	if n := d.Theirs.Apart.Intercepted.VantagePoints; n != 25 {
		t.Errorf("%d are set apart, want 25", n)
	}
	if len(d.Stale) != 1 || d.Stale[0].Oldest != int64(publications[0].Serial) || d.Stale[0].Networks != 50 {
		t.Errorf("%+v", d.Stale)
	}
}

// Where a lake ends, a probe may have asked one RSI and no other. Whether it had a network then
// nobody can tell, so one whose IPv6 is dead accuses nobody.
func TestOneRSIOfAHalfHour(t *testing.T) {
	t.Parallel()
	for name, others := range map[string]bool{"of several": true, "always": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := calm(600)
			at := from.Add(4 * time.Hour)
			w.rules = append(w.rules, func(p person, a *measurement.Answer) {
				switch {
				case machine(p):
				case a.RSI != "k" && (!others || !a.Interval.Before(at)), !a.Interval.Before(at.Add(10 * time.Minute)):
					a.Query = "none"
				case p.n%10 == 0 && a.Family == measurement.IPv6 && a.Outcome == measurement.Answered && (others || !a.Interval.Before(at)):
					fail(a)
				}
			})
			d := w.compare(t)
			// Who is asked about k alone cannot be told from a network that is dead, and is not silent.
			if n := len(d.Outages); others && n > 0 || !others && n == 0 {
				t.Errorf("%+v", d.Outages)
			}
		})
	}
}

// Who heard others for a day does not see the zones of that day late: when it could have seen them first
// is not known.
func TestLagOfADaySetApart(t *testing.T) {
	t.Parallel()
	w := calm(100)
	w.since = from.Add(-40 * time.Hour)
	yesterday := from.Add(-24 * time.Hour)
	w.zones = []comparison.Published{{Serial: 2026111800, At: w.since}, {Serial: 2026111900, At: yesterday.Add(5 * time.Hour)}, {Serial: 2026112000, At: from.Add(5 * time.Hour)}}
	w.rules = append(w.rules, func(p person, a *measurement.Answer) {
		if !machine(p) && p.n%5 < 3 && !a.Interval.Before(yesterday) && a.Interval.Before(from) && a.Interval.Sub(yesterday)%time.Hour >= 30*time.Minute && a.AA != nil {
			a.AA = new(false)
		}
	})
	j := w.job(t)
	j.From = yesterday
	for _, p := range run(t, j).Publication {
		if p.Serials != 1 || p.Theirs.Median > 1800 || p.Theirs.P90 > 1800 {
			t.Errorf("%s: %+v", p.RSI, p.Theirs)
		}
	}
}
