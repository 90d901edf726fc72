package simulate_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/simulate"
)

// rowsOf reads every row of a table that a simulation wrote.
func rowsOf[T column.Row](t testing.TB, dir string, table column.Table) []T {
	t.Helper()
	days, err := lake.Store{Dir: dir}.Days(table, time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var all []T
	for _, d := range days {
		rows, _, err := column.Read[T](d.Path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rows...)
	}
	return all
}

// brute works the numbers of a period out of the tables by the definitions alone, slowly.
type brute struct {
	plan        *plan.Plan
	from, until time.Time // of the period
	end         time.Time // of the data read for it

	answers []measurement.Answer
	runs    []measurement.Run
	zones   []measurement.Zone

	rows map[place][]*measurement.Answer
	vps  []plan.VantagePoint // that count
}

// place is a run.
type place struct {
	vp measurement.VantagePoint
	at int64 // seconds
}

// tables reads a lake.
func tables(t testing.TB, dir string, p *plan.Plan) brute {
	t.Helper()
	b := brute{plan: p, answers: rowsOf[measurement.Answer](t, dir, column.Answers), runs: rowsOf[measurement.Run](t, dir, column.Runs),
		rows: map[place][]*measurement.Answer{}}
	var err error
	if b.zones, err = (lake.Store{Dir: dir}).Zones(); err != nil {
		t.Fatal(err)
	}
	for i := range b.answers {
		a := &b.answers[i]
		at := place{a.VantagePoint, a.Interval.Unix()}
		b.rows[at] = append(b.rows[at], a)
	}
	return b
}

// of makes the period ready. In a plan without vantage points those count that have rows.
func (b brute) of(from, until, end time.Time) brute {
	b.from, b.until, b.end = from, until, end
	if b.vps = b.plan.VantagePoints; len(b.vps) > 0 {
		return b
	}
	seen := map[measurement.VantagePoint]bool{}
	for _, a := range b.answers {
		if !seen[a.VantagePoint] && !a.Interval.Before(from) && a.Interval.Before(until) {
			seen[a.VantagePoint] = true
			b.vps = append(b.vps, plan.VantagePoint{ID: a.VantagePoint})
		}
	}
	return b
}

func in(v plan.VantagePoint, t time.Time) bool {
	return (v.From == nil || !t.Before(*v.From)) && (v.Until == nil || t.Before(*v.Until))
}

func (b brute) servers() []plan.Server {
	q, _ := b.plan.Query("soa")
	all := b.plan.ServersOf(q.Servers)
	slices.SortFunc(all, func(a, b plan.Server) int { return strings.Compare(string(a.RSI), string(b.RSI)) })
	return all
}

func hasAny(s plan.Server, t time.Time) bool {
	_, four := s.AddressAt(measurement.IPv4, t)
	_, six := s.AddressAt(measurement.IPv6, t)
	return four || six
}

func (b brute) k(t time.Time) int64 {
	n := 0
	for _, s := range b.servers() {
		if hasAny(s, t) {
			n++
		}
	}
	return max(1, int64(math.Ceil(2*float64(n-1)/3)))
}

var everyPath = []measurement.Path{{Family: "ipv4", Transport: "udp"}, {Family: "ipv4", Transport: "tcp"},
	{Family: "ipv6", Transport: "udp"}, {Family: "ipv6", Transport: "tcp"}}

// became is what became of a planned query.
func became(a *measurement.Answer, s plan.Server, t time.Time) string {
	switch {
	case a == nil:
		return "missing"
	case a.Outcome == measurement.LocalError:
		return "unsent"
	}
	if want, valid := s.AddressAt(a.Family, t); !valid || want.String() != a.Address {
		return "off plan"
	}
	if a.Outcome == measurement.Answered && *a.RCode == "NOERROR" && *a.LatencyUS <= 4_000_000 {
		return "good"
	}
	return "bad"
}

// each visits the labels of the period and the vantage points that are in service then.
func (b brute) each(visit func(t time.Time, v plan.VantagePoint)) {
	for t := b.from; t.Before(b.until) && t.Before(b.end); t = t.Add(interval.Length) {
		for _, v := range b.vps {
			if in(v, t) {
				visit(t, v)
			}
		}
	}
}

func (b brute) soa(t time.Time, v measurement.VantagePoint, x measurement.RSI, p measurement.Path) *measurement.Answer {
	for _, a := range b.rows[place{v, t.Unix()}] {
		if a.Query == "soa" && a.RSI == x && a.Family == p.Family && a.Transport == p.Transport {
			return a
		}
	}
	return nil
}

// counted are planned queries by what became of them, and the latencies of good ones.
type counted struct {
	n  map[string]int64
	us []int64
}

func (c *counted) add(a *measurement.Answer, what string) {
	if c.n == nil {
		c.n = map[string]int64{}
	}
	if c.n[what]++; what == "good" {
		c.us = append(c.us, *a.LatencyUS)
	}
}

func (c *counted) addAll(o counted) {
	if c.n == nil {
		c.n = map[string]int64{}
	}
	for what, n := range o.n {
		c.n[what] += n
	}
}

func (c counted) sent() int64      { return c.n["good"] + c.n["bad"] }
func (c counted) u() int64         { return c.n["unsent"] + c.n["missing"] + c.n["off plan"] }
func (c counted) planned() int64   { return c.sent() + c.u() }
func (c counted) tooFewSent() bool { return 10*c.sent() < 9*c.planned() }

func (b brute) path(s plan.Server, p measurement.Path) (c counted) {
	b.each(func(t time.Time, v plan.VantagePoint) {
		if _, valid := s.AddressAt(p.Family, t); valid {
			a := b.soa(t, v.ID, s.RSI, p)
			c.add(a, became(a, s, t))
		}
	})
	return c
}

// numbers are those of the period that the tables tell.
func (b brute) numbers() simulate.Numbers {
	n := simulate.Numbers{}
	all, everybody := counted{}, checked{}
	var availability, latency, correctness, system []simulate.Value
	soa, checks := map[measurement.RSI]counted{}, map[measurement.RSI]checked{}
	for _, s := range b.servers() {
		own := counted{}
		for _, p := range everyPath {
			c := b.path(s, p)
			v := simulate.Value{RSI: s.RSI, Family: p.Family, Transport: p.Transport, Metric: "rsi_availability"}
			availability = append(availability, b.availability(v, c, c.n["good"], c.n["bad"], c.u()))
			latency = append(latency, b.latency(v, c))
			own.addAll(c)
		}
		soa[s.RSI], checks[s.RSI] = own, b.checks(s)
		everybody.addAll(checks[s.RSI])
		all.addAll(own)
	}
	for _, s := range b.servers() {
		v := b.correctness("rsi_correctness", checks[s.RSI], everybody)
		v.RSI = s.RSI
		correctness = append(correctness, v)
	}
	publication, published := b.publications(soa)
	n.Publications = published
	n.Values = slices.Concat(availability, latency, correctness, publication[:len(publication)-1])
	for _, p := range everyPath {
		a, l := b.system(p)
		n.Values, system = append(n.Values, a), append(system, l)
	}
	n.Values = append(append(n.Values, system...), b.correctness("rss_correctness", everybody, everybody), publication[len(publication)-1])
	all.addAll(everybody.counted)
	n.Coverage = simulate.Coverage{Planned: all.planned(), Sent: all.sent(), Unsent: all.n["unsent"], Missing: all.n["missing"], OffPlan: all.n["off plan"]}
	n.Thin = all.tooFewSent()
	return n
}
