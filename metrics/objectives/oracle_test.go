package objectives_test

import (
	"fmt"
	"testing"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics"
	"mtric.net/mtric/metrics/objectives"
)

// small is a plan of n servers, IPv4 only, asked over UDP by one vantage point at the first
// labels of a window of a day.
func small(n, labels int, o plan.Objective) world {
	from := day
	p := &plan.Plan{Name: "small", Schedules: []plan.Schedule{{Label: "often", Every: plan.Duration(5 * time.Minute)}},
		VantagePoints: []plan.VantagePoint{{ID: "101", From: &from}, {ID: "102", From: &from}},
		Zones:         []plan.Zone{{Label: "z", Name: "example.", Servers: []string{"own"}}}}
	for i := range n {
		p.Servers = append(p.Servers, plan.Server{Group: "own", RSI: measurement.RSI(fmt.Sprintf("ns%d", i+1)),
			Addresses: []plan.Address{{Family: measurement.IPv4, Address: address(i, measurement.IPv4)}}})
	}
	p.Queries = []plan.Query{{Label: "apex", Schedule: "often", Servers: []string{"own"}, QName: "example.", QType: "SOA",
		Transports: measurement.Transports[:1], Families: measurement.Families, Timeout: plan.Duration(4 * time.Second)}}
	o.Label, o.Queries, o.Window = "o", []string{"apex"}, "1d"
	if o.Per == "" {
		o.Per = plan.PerServer
	}
	p.Objectives = []plan.Objective{o}
	return world{cfg: objectives.Config{Plan: p, Until: end, DataUntil: label(labels)}}
}

// say adds a row: us of 0 is a timeout, below it there is none.
func (w *world) say(v measurement.VantagePoint, at, server int, us int64, serial uint32) {
	if us < 0 {
		return
	}
	a := measurement.Answer{VantagePoint: v, Interval: label(at), Query: "apex", RSI: measurement.RSI(fmt.Sprintf("ns%d", server+1)),
		Family: measurement.IPv4, Transport: measurement.UDP, Address: address(server, measurement.IPv4).String(), Outcome: measurement.Timeout}
	if us > 0 {
		rcode, s := measurement.NoError, int64(serial)
		a.Outcome, a.LatencyUS, a.RCode, a.ZoneSerial = measurement.Answered, &us, &rcode, &s
	}
	w.rows = append(w.rows, a)
}

func only(t *testing.T, r *objectives.Result) objectives.Value {
	t.Helper()
	if len(r.Outcomes) != 1 || len(r.Outcomes[0].Values) != 1 {
		t.Fatalf("%+v, want one value", r.Outcomes)
	}
	return r.Outcomes[0].Values[0]
}

// Of one server: latencies by label from two vantage points, 0 is a timeout, -1 no row.
func TestServer(t *testing.T) {
	all := percent("100")
	half, most := percent("50"), plan.Duration(20*time.Millisecond)
	for _, c := range []struct {
		name     string
		o        plan.Objective
		us       []int64
		number   string
		low      string
		high     string
		verdict  metrics.Verdict
		restsOn  int
		fewest   int
		thin     bool
		of       int64
		unknowns int64
	}{
		{"all answer", plan.Objective{Availability: &all}, []int64{1, 1, 1}, "6/6", "6/6 pass", "6/6 pass", metrics.Pass, 0, 0, false, 6, 0},
		{"equality passes", plan.Objective{Availability: &half}, []int64{1, 0}, "2/4", "2/4 pass", "2/4 pass", metrics.Pass, 0, 0, false, 4, 0},
		{"one timeout fails", plan.Objective{Availability: &all}, []int64{1, 0, 1}, "4/6", "4/6 fail", "4/6 fail", metrics.Fail, 0, 2, false, 6, 0},
		{"nothing was sent", plan.Objective{Availability: &all}, []int64{-1, -1}, "", "0/4 fail", "4/4 pass", metrics.NoData, 0, 0, true, 0, 4},
		{"thin, and it may have met it", plan.Objective{Availability: &half}, []int64{1, 0, 0, -1, -1, -1}, "2/6", "2/12 fail", "8/12 pass", metrics.NoData, 0, 0, true, 6, 6},
		{"thin, and it cannot", plan.Objective{Availability: &half}, []int64{0, 0, 0, 0, -1, -1}, "0/8", "0/12 fail", "4/12 fail", metrics.Fail, 0, 2, true, 8, 4},
		{"the median by nearest rank is the lower one of two", plan.Objective{UDP: &plan.Goal{Percentile: half, AtMost: most}}, []int64{20_000, 20_001}, "20000/1", "20000/1 pass", "20000/1 pass", metrics.Pass, 0, 0, false, 4, 0},
		{"a dead server is not fast", plan.Objective{UDP: &plan.Goal{Percentile: half, AtMost: most}}, []int64{1, 0, 0}, "never", "never fail", "never fail", metrics.Fail, 0, 2, false, 6, 0},
		{"the 100th percentile is the slowest", plan.Objective{UDP: &plan.Goal{Percentile: all, AtMost: most}}, []int64{5, 7, 20_000}, "20000/1", "20000/1 pass", "20000/1 pass", metrics.Pass, 0, 0, false, 6, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := small(1, len(c.us), c.o)
			for at, us := range c.us {
				w.say("101", at, 0, us, 1)
				w.say("102", at, 0, us, 1)
			}
			v := only(t, packaged(w))
			got := fmt.Sprint(number(v.Number), ", ", bound(v.Low), ", ", bound(v.High), ", ", v.Verdict, ", ", len(v.RestsOn), ", ", v.Fewest, ", ", v.Thin, ", ", v.Count, ", ", v.Unknown)
			want := fmt.Sprint(c.number, ", ", c.low, ", ", c.high, ", ", c.verdict, ", ", c.restsOn, ", ", c.fewest, ", ", c.thin, ", ", c.of, ", ", c.unknowns)
			if got != want {
				t.Errorf("got %s\nwant %s", got, want)
			}
		})
	}
}

func number(n *objectives.Number) string {
	switch {
	case n == nil:
		return ""
	case n.Num == objectives.Never:
		return "never"
	}
	return fmt.Sprintf("%d/%d", n.Num, n.Den)
}

func bound(b *objectives.Bound) string { return number(&b.Number) + " " + string(b.Verdict) }

// Of a group: three servers of which two make the service; each entry is a label.
func TestGroup(t *testing.T) {
	all := percent("100")
	for _, c := range []struct {
		name    string
		us      [3]int64
		verdict metrics.Verdict
		number  string
		latency string // of the second
	}{
		{"all answer", [3]int64{5, 3, 9}, metrics.Pass, "2/2", "5/1"},
		{"two answer", [3]int64{5, 0, 9}, metrics.Pass, "2/2", "9/1"},
		{"one answers", [3]int64{5, 0, 0}, metrics.Fail, "0/2", "never"},
		{"one answers, and one was not asked", [3]int64{5, 0, -1}, metrics.NoData, "", ""},
		{"none answers, and one was not asked", [3]int64{0, 0, -1}, metrics.Fail, "0/2", "never"},
		{"two answer, and one was not asked", [3]int64{5, 9, -1}, metrics.Pass, "2/2", "5/1"}, // at least, with the other at once
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, o := range []plan.Objective{{Availability: &all}, {UDP: &plan.Goal{Percentile: all, AtMost: plan.Duration(time.Second)}}} {
				o.Per, o.Need = plan.PerGroup, 2
				w := small(3, 1, o)
				for server, us := range c.us {
					w.say("101", 0, server, us, 1)
					w.say("102", 0, server, us, 1)
				}
				v, want := only(t, packaged(w)), c.number
				if o.Availability == nil {
					want = c.latency
				}
				if number(v.Number) != want || v.Verdict != c.verdict {
					t.Errorf("%s: %s %s, want %s %s", v.Kind, number(v.Number), v.Verdict, want, c.verdict)
				}
			}
		})
	}
}

// A server that shows every serial three hours before the others makes nobody late but by what
// the source shows, and one that shows serials which nobody else has does not either.
func TestEarlyServer(t *testing.T) {
	for _, lie := range []uint32{3, 1000} {
		w := small(4, 100, plan.Objective{Publication: &plan.Goal{Percentile: percent("100"), AtMost: plan.Duration(5 * time.Minute)}})
		sights := map[uint32]time.Time{}
		for at := range 100 {
			for _, v := range []measurement.VantagePoint{"101", "102"} {
				for server := range 4 {
					serial := uint32(100 + at/12)
					if server == 3 {
						serial += lie
					}
					w.say(v, at, server, 1, serial)
				}
			}
			if at%12 == 0 {
				sights[uint32(100+at/12)] = label(at - 6)
			}
		}
		r := packaged(w)
		for _, o := range r.Outcomes[:3] {
			if v := o.Values[0]; number(v.Number) != "0/1" || v.Verdict != metrics.Pass {
				t.Errorf("lie %d, %s: %s %s, want at once", lie, o.Subject, number(v.Number), v.Verdict)
			}
		}
		w.cfg.Sources = objectives.Sights{"example.": sights}
		for _, o := range packaged(w).Outcomes[:3] {
			if v := o.Values[0]; number(v.Number) != "1800000000/1" || v.Verdict != metrics.Fail {
				t.Errorf("lie %d, %s: %s %s after the source, want half an hour", lie, o.Subject, number(v.Number), v.Verdict)
			}
		}
	}
}

// Six serials, an hour apart; the second server is late with all.
func TestPublication(t *testing.T) {
	w := small(3, 80, plan.Objective{Publication: &plan.Goal{Percentile: percent("50"), AtMost: plan.Duration(15 * time.Minute)}})
	for at := range 80 {
		for _, v := range []measurement.VantagePoint{"101", "102"} {
			for server := range 3 {
				late := 0
				if server == 1 {
					late = 4
				}
				serial := uint32(100 + max(0, at-late)/12)
				if server == 2 && at == 30 {
					serial = 999 // nobody else shows it
				}
				w.say(v, at, server, 1, serial)
			}
		}
	}
	r := packaged(w)
	if len(r.Published) != 6 || len(r.Lone) != 1 || r.Lone[0].Serial != 999 {
		t.Fatalf("published %v, lone %v", r.Published, r.Lone)
	}
	for i, want := range []string{"0/1 pass", "1200000000/1 fail", "0/1 pass"} {
		v := r.Outcomes[i].Values[0]
		if got := number(v.Number) + " " + string(v.Verdict); got != want || v.Count != 12 {
			t.Errorf("%s: %s of %d, want %s of 12", r.Outcomes[i].Subject, got, v.Count, want)
		}
	}
	d := r.Outcomes[1].Values[0].Decides
	if d == nil || !d.FirstSeen.Equal(d.Published.Add(20*time.Minute)) || !d.LastAsked.Equal(d.Published.Add(15*time.Minute)) {
		t.Errorf("the wait that decides is %+v", d)
	}
}
