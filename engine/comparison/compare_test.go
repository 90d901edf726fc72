package comparison_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"

	"mtric.net/mtric/engine/comparison"
	"mtric.net/mtric/engine/measurement"
)

// availabilityOf is the fail of a path.
func availabilityOf(rsi measurement.RSI, f measurement.Family, t measurement.Transport) comparison.Fail {
	return comparison.Fail{Metric: measurement.RSIAvailability, RSI: rsi, Family: f, Transport: t}
}

var kUDP = availabilityOf("k", measurement.IPv4, measurement.UDP)

// down makes queries to k over IPv4 and UDP fail in two hours, for those whom it strikes.
func down(strikes func(person) bool) func(person, *measurement.Answer) {
	return func(p person, a *measurement.Answer) {
		if a.RSI == "k" && a.Family == measurement.IPv4 && a.Transport == measurement.UDP && strikes(p) && !a.Interval.Before(from.Add(4*time.Hour)) && a.Interval.Before(from.Add(6*time.Hour)) {
			fail(a)
		}
	}
}

func machine(p person) bool { return p.id.Machine() }
func everybody(person) bool { return true }
func in(region string) func(person) bool {
	return func(p person) bool { return p.region == region }
}

func path(t *testing.T, d *comparison.Document, f comparison.Fail) comparison.Path {
	t.Helper()
	i := slices.IndexFunc(d.Paths, func(p comparison.Path) bool {
		return p.RSI == f.RSI && p.Family == f.Family && p.Transport == f.Transport
	})
	if i < 0 {
		t.Fatalf("no path %v", f)
	}
	return d.Paths[i]
}

// only is the one outage that there must be.
func only(t *testing.T, d *comparison.Document) comparison.Outage {
	t.Helper()
	if len(d.Outages) != 1 {
		t.Fatalf("%d outages, want 1: %+v", len(d.Outages), d.Outages)
	}
	o := d.Outages[0]
	if o.RSI != "k" || o.Family != measurement.IPv4 || o.Transport != measurement.UDP || !o.From.Equal(from.Add(4*time.Hour)) || !o.Until.Equal(from.Add(6*time.Hour)) {
		t.Errorf("outage %+v", o)
	}
	return o
}

// What only ours saw is said to be ours, if the crowd was large enough to see it.
func TestOnlyOurs(t *testing.T) {
	t.Parallel()
	w := calm(600)
	w.rules = append(w.rules, down(machine))
	d := w.compare(t, kUDP)
	if o := only(t, d); o.SeenBy != comparison.SeenByOurs || o.Opinion != comparison.NotSeen || o.OursStruck != 20 {
		t.Errorf("outage %+v", o)
	}
	if o := d.Opinions[0]; o.Verdict != comparison.NotSeen || o.NotSeen < 240 || o.Failed < o.NotSeen {
		t.Errorf("opinion %+v", o)
	}
}

// A crowd that is too small to see it says nothing.
func TestSmallCrowd(t *testing.T) {
	t.Parallel()
	w := calm(20)
	w.rules = append(w.rules, down(machine))
	d := w.compare(t, kUDP)
	if o := only(t, d); o.SeenBy != comparison.SeenByOurs || o.Opinion != comparison.NoData {
		t.Errorf("outage %+v", o)
	}
	if o := d.Opinions[0]; o.Verdict != comparison.NoData || o.NotSeen != 0 {
		t.Errorf("opinion %+v", o)
	}
}

func TestBothSaw(t *testing.T) {
	t.Parallel()
	w := calm(200)
	w.rules = append(w.rules, down(everybody))
	d := w.compare(t, kUDP)
	if o := only(t, d); o.SeenBy != comparison.SeenByBoth || o.Opinion != comparison.Confirmed || !slices.Equal(o.Regions, []string{"asia_pacific", "europe", "north_america"}) {
		t.Errorf("outage %+v", o)
	}
	if o := d.Opinions[0]; o.Verdict != comparison.Confirmed || 10*o.Confirmed < 8*o.Failed {
		t.Errorf("opinion %+v", o)
	}
}

// A regional outage is the region's, and is seen by those of ours that are there.
func TestRegional(t *testing.T) {
	t.Parallel()
	w := calm(600)
	w.rules = append(w.rules, down(in("asia_pacific")))
	d := w.compare(t, kUDP)
	o := only(t, d)
	if o.SeenBy != comparison.SeenByBoth || !slices.Equal(o.Regions, []string{"asia_pacific"}) || o.OursStruck < 4 || o.OursStruck > 6 {
		t.Errorf("outage %+v", o)
	}
	w = calm(600)
	w.rules = append(w.rules, down(func(p person) bool { return !machine(p) && p.region == "asia_pacific" }))
	if o = only(t, w.compare(t)); o.SeenBy != comparison.SeenByTheirs || o.Opinion != comparison.NoData || o.OursStruck > 2 {
		t.Errorf("outage %+v", o)
	}
}

// What belongs to probes and their networks accuses nobody: the numbers stay those of a calm world, and
// no event is seen.
func TestNoneAccuses(t *testing.T) {
	t.Parallel()
	const share = 10
	was := calm(200).compare(t)
	odd := func(p person) bool { return !machine(p) && p.n%share == 0 }
	crowd := func(change func(a *measurement.Answer)) func(p person, a *measurement.Answer) {
		return func(p person, a *measurement.Answer) {
			if odd(p) && !a.Interval.Before(from.Add(3*time.Hour)) {
				change(a)
			}
		}
	}
	answer := func(a *measurement.Answer, us int64) {
		a.Outcome, a.LatencyUS, a.RCode, a.AA, a.TC = measurement.Answered, &us, new(measurement.NoError), new(true), new(false)
		a.Serial = new(int64(publications[1].Serial))
	}
	for _, c := range []struct {
		name   string
		change func(a *measurement.Answer)
		kind   func(comparison.Apart) comparison.ApartCount
	}{
		{"IPv6 is dead", func(a *measurement.Answer) {
			if a.Family == measurement.IPv6 {
				fail(a)
				a.Outcome = measurement.Unreachable
			}
		}, func(a comparison.Apart) comparison.ApartCount { return a.NoRoute }},
		{"no network", fail, func(a comparison.Apart) comparison.ApartCount { return a.NoNetwork }},
		{"a resolver answers, with an old serial", func(a *measurement.Answer) {
			if a.Transport == measurement.UDP {
				answer(a, 1500)
				a.AA, a.Serial = new(false), new(int64(2026110100))
			}
		}, func(a comparison.Apart) comparison.ApartCount { return a.Intercepted }},
		{"a resolver that sets AA answers", func(a *measurement.Answer) {
			if a.Transport == measurement.UDP {
				answer(a, 1500)
				a.Serial, a.Response = new(int64(2026110100)), []byte{0, 1, 0x84, 0x80, 0, 0, 0, 0, 0, 0, 0, 0}
			}
		}, func(a comparison.Apart) comparison.ApartCount { return a.Intercepted }},
		{"a resolver names itself", func(a *measurement.Answer) {
			if a.Transport == measurement.UDP {
				answer(a, 1500)
				a.NSID, a.Serial = new("res100.fra.rrdns.pch.net"), new(int64(2026110100))
			}
		}, func(a comparison.Apart) comparison.ApartCount { return a.Intercepted }},
		{"another question comes back", func(a *measurement.Answer) {
			fail(a)
			a.Strays = 1
			if a.RSI == "a" { // so that it is not a dead network
				answer(a, 9000)
			}
		}, func(a comparison.Apart) comparison.ApartCount { return a.Intercepted }},
		{"never sent", func(a *measurement.Answer) { fail(a); a.Outcome, a.SentAt = measurement.LocalError, nil }, nil},
		{"beside the server", func(a *measurement.Answer) { answer(a, 300) }, nil},
		{"a serial of no zone", func(a *measurement.Answer) {
			if a.Serial != nil {
				a.Serial = new(int64(2030010100))
			}
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := calm(200)
			w.rules = append(w.rules, crowd(c.change))
			d := w.compare(t)
			if len(d.Outages)+len(d.Stale) > 0 {
				t.Errorf("outages %+v, stale %+v", d.Outages, d.Stale)
			}
			for i, p := range d.Paths {
				if diff := p.Theirs.Availability.Value - was.Paths[i].Theirs.Availability.Value; diff < -1500 {
					t.Errorf("%s %s %s: availability %d, was %d", p.RSI, p.Family, p.Transport, p.Theirs.Availability.Value, was.Paths[i].Theirs.Availability.Value)
				}
				if diff := p.Theirs.Latency.Median.Value - was.Paths[i].Theirs.Latency.Median.Value; c.name != "beside the server" && max(diff, -diff) > was.Paths[i].Theirs.Latency.Median.Value/5 {
					t.Errorf("%s %s %s: latency %d, was %d", p.RSI, p.Family, p.Transport, p.Theirs.Latency.Median.Value, was.Paths[i].Theirs.Latency.Median.Value)
				}
			}
			if c.kind != nil && c.kind(d.Theirs.Apart).VantagePoints != 20 {
				t.Errorf("set apart: %+v, want 20 of the kind", d.Theirs.Apart)
			}
		})
	}
}

// A probe without the tag that says that a family works is set apart over it.
func TestNotWorking(t *testing.T) {
	t.Parallel()
	w := calm(100)
	for i := range 30 {
		w.crowd[i].tags = []string{"system-ipv4-works"}
	}
	d := w.compare(t)
	if n := d.Theirs.Apart.NotWorking.VantagePoints; n != 30 {
		t.Errorf("%d without the tag, want 30", n)
	}
	if n := path(t, d, availabilityOf("a", measurement.IPv6, measurement.TCP)).Theirs.VantagePoints; n != 70 {
		t.Errorf("%d probes over IPv6, want 70", n)
	}
	if n := path(t, d, kUDP).Theirs.VantagePoints; n != 100 {
		t.Errorf("%d probes over IPv4, want 100", n)
	}
}

// staleFor lets an RSI show the zone before for those whom it strikes.
func staleFor(rsi measurement.RSI, strikes func(person) bool) func(person, *measurement.Answer) {
	return func(p person, a *measurement.Answer) {
		if a.RSI == rsi && a.Serial != nil && strikes(p) {
			a.Serial = new(int64(publications[0].Serial))
		}
	}
}

func TestStale(t *testing.T) {
	t.Parallel()
	w := calm(400)
	w.rules = append(w.rules, staleFor("b", func(p person) bool { return !machine(p) && p.region == "north_america" && p.n%2 == 0 }))
	d := w.compare(t)
	if len(d.Stale) != 1 {
		t.Fatalf("stale: %+v", d.Stale)
	}
	s := d.Stale[0]
	if s.RSI != "b" || s.Oldest != int64(publications[0].Serial) || s.Probes < 30 || s.Probes > 50 || s.Ours != 0 || !slices.Equal(s.Regions, []string{"north_america"}) {
		t.Errorf("stale: %+v", s)
	}
	if want := publications[1].At.Add(2 * time.Hour); !s.From.Equal(want) || !s.Until.Equal(until) {
		t.Errorf("stale from %s until %s, want from %s", s.From, s.Until, want)
	}
	if len(d.Outages) > 0 {
		t.Errorf("outages: %+v", d.Outages)
	}
}

// A clock that is known to be wrong dates no serial.
func TestWrongClocks(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]func(r *measurement.Run){
		"not synchronized": func(r *measurement.Run) { r.ClockSynchronized = new(false) },
		"came before":      func(r *measurement.Run) { r.ReceivedAt = r.Interval.Add(-time.Second) },
	} {
		w := calm(100)
		w.rules = append(w.rules, staleFor("b", func(p person) bool { return p.n%10 == 0 }))
		w.clocks = append(w.clocks, func(p person, r *measurement.Run) {
			if p.n%10 == 0 {
				wrong(r)
			}
		})
		d := w.compare(t)
		if len(d.Stale) > 0 {
			t.Errorf("%s: stale: %+v", name, d.Stale)
		}
		for _, p := range d.Publication {
			if p.Ours.Networks != 18 {
				t.Errorf("%s: %s: %+v", name, p.RSI, p.Ours)
			}
		}
	}
}

// Publication lag is counted from the publication, to the interval.
func TestLag(t *testing.T) {
	t.Parallel()
	w := calm(100)
	w.rules = append(w.rules, func(p person, a *measurement.Answer) {
		if a.RSI == "a" && a.Serial != nil && a.Interval.Before(publications[1].At.Add(time.Hour)) {
			a.Serial = new(int64(publications[0].Serial))
		}
	})
	d := w.compare(t)
	for _, p := range d.Publication {
		low, high := int64(0), int64(1800)
		if p.RSI == "a" {
			low, high = 3600, 5400
		}
		if p.Serials != 1 || p.Theirs.Median < low || p.Theirs.Median >= high || p.Ours.Median < low || p.Ours.Median >= low+600 || p.Theirs.Cadence != 1800 || p.Ours.Cadence != 600 {
			t.Errorf("%s: %+v, ours %+v, theirs %+v", p.RSI, p, p.Ours, p.Theirs)
		}
	}
	if len(d.Publication) != 3 {
		t.Errorf("%d RSIs", len(d.Publication))
	}
}

// What is not counted of ours is not compared, and an hour that only one side has is not either.
func TestOnlyWhatBothCovered(t *testing.T) {
	t.Parallel()
	w := calm(100)
	w.rules = append(w.rules, func(p person, a *measurement.Answer) { // ours fail where the crowd has no rows
		if a.Interval.Before(from.Add(3*time.Hour)) && !a.Interval.Before(from) {
			if fail(a); !machine(p) {
				a.Outcome, a.SentAt = measurement.LocalError, nil
			}
		}
	})
	j := w.job(t)
	j.Counts = func(vp measurement.VantagePoint, at time.Time, rsi measurement.RSI, p measurement.Path) bool {
		return rsi != "b" && vp != "301" && at.Before(until.Add(-time.Hour))
	}
	d := run(t, j)
	p := path(t, d, availabilityOf("a", measurement.IPv6, measurement.UDP))
	if p.Hours != 6 || p.Ours.VantagePoints != 19 || p.Ours.Asked != 19*6*6 || p.Ours.Good*100 < p.Ours.Asked*99 {
		t.Errorf("a: %+v", p)
	}
	if p := path(t, d, availabilityOf("b", measurement.IPv4, measurement.UDP)); p.Hours != 0 || p.Theirs.Latency != nil || p.Slower != nil {
		t.Errorf("b: %+v", p)
	}
}

// The same lakes give the same document, whatever the number of workers.
func TestSameAgain(t *testing.T) {
	t.Parallel()
	w := calm(100)
	w.rules = append(w.rules, down(everybody), staleFor("b", in("europe")))
	j := w.job(t)
	j.Fails = []comparison.Fail{kUDP}
	one := run(t, j)
	j.Workers = 1
	if diff := cmp.Diff(one, run(t, j)); diff != "" {
		t.Error(diff)
	}
	j.Seed = 2
	if other := run(t, j); cmp.Equal(one.Paths, other.Paths) {
		t.Error("the seed changes nothing")
	}
}

// An empty lake is said to be one.
func TestNothingToCompare(t *testing.T) {
	t.Parallel()
	w := calm(5)
	j := w.job(t)
	j.From, j.Until = until.Add(24*time.Hour), until.Add(48*time.Hour)
	j.Fails = []comparison.Fail{kUDP, {Metric: measurement.RSSCorrectness}}
	d := run(t, j)
	if len(d.Notes) == 0 || d.Opinions[0].Verdict != comparison.NoData || d.Opinions[1].Verdict != comparison.NoData || len(d.Outages) > 0 {
		t.Errorf("%+v", d)
	}
}

// A message that does not belong sets nobody apart when it is alone.
func TestStrayMessages(t *testing.T) {
	t.Parallel()
	w := calm(60)
	w.rules = append(w.rules, func(p person, a *measurement.Answer) {
		if !machine(p) && hash("stray", p.id, a.Interval, a.RSI, a.Family, a.Transport)%400 == 0 {
			fail(a)
			a.Strays = 1
		}
	})
	d := w.compare(t)
	if n := d.Theirs.Apart.Intercepted.VantagePoints; n > 3 {
		t.Errorf("%d of 60 count as intercepted", n)
	}
	if len(d.Theirs.Apart.Signs) != 3 || d.Theirs.Apart.Signs[0].Sign != comparison.SignQuestion {
		t.Errorf("signs: %+v", d.Theirs.Apart.Signs)
	}
}

// What answers for an identity or version with another's answers the rest over that path, too.
func TestIdentities(t *testing.T) {
	t.Parallel()
	for query, text := range map[string]string{"hostname_bind": "b1-lax", "id_server": "b1-lax", "version_bind": "dnsmasq-2.90"} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			testIdentities(t, query, text)
		})
	}
}

func testIdentities(t *testing.T, query, foreign string) {
	t.Helper()
	w := calm(60)
	w.rules = append(w.rules, func(p person, a *measurement.Answer) {
		if machine(p) || a.RSI != "k" || a.Transport != measurement.UDP || a.Interval.Minute() > 29 {
			return
		}
		text := "site of an unknown pattern"
		if p.n < 7 {
			text = foreign
		}
		a.Query, a.QName, a.QType, a.QClass, a.Serial, a.Response = query, "hostname.bind.", "TXT", new("CH"), nil, named(t, text)
	})
	d := w.compare(t)
	if n := d.Theirs.Apart.Intercepted.VantagePoints; n != 7 {
		t.Errorf("%d count as intercepted, want 7", n)
	}
	for _, p := range d.Paths {
		want := 60
		if p.Transport == measurement.UDP {
			want = 53
		}
		if p.Theirs.VantagePoints != want {
			t.Errorf("%s %s %s: %d probes, want %d", p.RSI, p.Family, p.Transport, p.Theirs.VantagePoints, want)
		}
		if want == 53 && p.RSI == "a" && p.Apart.Asked == 0 {
			t.Errorf("%s %s %s: nothing was set apart", p.RSI, p.Family, p.Transport)
		}
	}
}

// named is a response to hostname.bind.
func named(t *testing.T, text string) []byte {
	t.Helper()
	var m dnsmessage.Message
	name := dnsmessage.MustNewName("hostname.bind.")
	m.Response, m.Authoritative = true, true
	m.Questions = []dnsmessage.Question{{Name: name, Type: dnsmessage.TypeTXT, Class: dnsmessage.ClassCHAOS}}
	m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassCHAOS}, Body: &dnsmessage.TXTResource{TXT: []string{text}}}}
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return wire
}
