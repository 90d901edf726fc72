package simulate

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// Truth is what is true of a simulated lake, beside it as JSON. Values are those
// of [From, Until); Months has those of each calendar month, as reports do.
type Truth struct {
	Schema        string                     `json:"schema"` // "mtric-truth/1"
	Seed          uint64                     `json:"seed"`
	VantagePoints []measurement.VantagePoint `json:"vantage_points"`
	From          time.Time                  `json:"from"`
	Until         time.Time                  `json:"until"`
	Plan          string                     `json:"plan"`
	PlanSHA256    string                     `json:"plan_sha256"`
	N             int                        `json:"n"` // RSIs
	K             int                        `json:"k"`
	Rows          Rows                       `json:"rows"`
	Values        []Value                    `json:"values"`
	Months        []Month                    `json:"months"`
	Faults        []FaultTruth               `json:"faults"`
	Routes        []RouteTruth               `json:"routes,omitempty"` // with routes only
	Planted       []Planted                  `json:"planted"`          // every incorrect answer, by interval, vantage point and RSI
}

// Rows counts the rows of each table.
type Rows struct {
	Answers int64 `json:"answers"`
	Runs    int64 `json:"runs"`
	Routes  int64 `json:"routes,omitempty"` // with routes only
	Zones   int64 `json:"zones"`
}

// Month is the truth of a calendar month, or of the part of it that lies within
// the simulation. A serial first seen in it is waited for until DataUntil.
type Month struct {
	Month     string    `json:"month"` // "2026-11"
	From      time.Time `json:"from"`
	Until     time.Time `json:"until"`
	DataUntil time.Time `json:"data_until"`
	Values    []Value   `json:"values"`
}

// Value is one metric's value, with the keys of a report's.
type Value struct {
	Metric      string                `json:"metric"`
	RSI         measurement.RSI       `json:"rsi,omitempty"`
	Family      measurement.Family    `json:"family,omitempty"`
	Transport   measurement.Transport `json:"transport,omitempty"`
	Unit        string                `json:"unit"`      // percent, ms, min
	Numerator   *int64                `json:"numerator"` // good of asked; µs or minutes of a median; null without data
	Denominator *int64                `json:"denominator"`
	Count       int64                 `json:"count"`
	Censored    bool                  `json:"censored"`
	Threshold   *json.Number          `json:"threshold"` // in the unit; null without
	Verdict     string                `json:"verdict"`   // pass, fail, no_data

	Unobservable int64 `json:"unobservable,omitempty"` // publication: dropped for lack of runs (A12)
}

// FaultTruth is a fault and how many queries it struck, those that a silent
// vantage point never sent included.
type FaultTruth struct {
	plan.Fault
	Queries int64 `json:"queries"`
}

// Planted is one incorrect answer. Fault is null where the server's zone was too
// old.
type Planted struct {
	VantagePoint measurement.VantagePoint `json:"vantage_point"`
	Interval     time.Time                `json:"interval"`
	RSI          measurement.RSI          `json:"rsi"`
	Family       measurement.Family       `json:"family"`
	Transport    measurement.Transport    `json:"transport"`
	Tag          string                   `json:"tag"`
	Fault        *string                  `json:"fault"`
}

// lookAhead is how long after its end a month's serials are waited for (A10).
const lookAhead = 7 * 24 * time.Hour

// tally is the sum of the days. Counts are kept by month and added up for the
// whole; parts keep only what publication latency needs, which looks across days.
type tally struct {
	w       *world
	parts   []*part // by day
	months  map[time.Time]*counts
	sighted map[int]sighting
	begun   map[int]int
	rows    Rows
	struck  []int64
	planted []Planted
	routes  []RouteTruth // by vantage point
	ways    map[way]bool
}

// counts are those of a month.
type counts struct {
	sent, ok          []int64
	latency           []histogram
	rss               [4]rssPart
	rssLatency        [4]histogram
	received, correct []int64
}

func newTally(w *world, days int) *tally {
	return &tally{w: w, parts: make([]*part, days), months: map[time.Time]*counts{}, sighted: map[int]sighting{},
		begun: map[int]int{}, struck: make([]int64, len(w.faults)), planted: []Planted{},
		routes: make([]RouteTruth, len(w.vps)), ways: map[way]bool{}}
}

func (w *world) newCounts() *counts {
	cells := 4 * len(w.rsis)
	return &counts{sent: make([]int64, cells), ok: make([]int64, cells), latency: make([]histogram, cells),
		received: make([]int64, len(w.rsis)), correct: make([]int64, len(w.rsis))}
}

// add takes a day in. All of it are sums and minima: the order does not matter.
func (t *tally) add(day int, p *part) {
	c := t.months[p.month]
	if c == nil {
		c = t.w.newCounts()
		t.months[p.month] = c
	}
	for i := range p.sent {
		c.sent[i] += p.sent[i]
		c.ok[i] += p.ok[i]
		c.latency[i].add(p.latency[i])
	}
	for i := range p.rss {
		c.rss[i].good += p.rss[i].good
		c.rss[i].asked += p.rss[i].asked
		c.rss[i].sent += p.rss[i].sent
		c.rssLatency[i].add(p.rss[i].latency)
	}
	for i := range p.received {
		c.received[i] += p.received[i]
		c.correct[i] += p.correct[i]
	}
	for z, s := range p.sighted {
		if old, found := t.sighted[z]; !found || s.at < old.at || s.at == old.at && s.rsi < old.rsi {
			t.sighted[z] = s
		}
	}
	for z, i := range p.begun {
		if old, found := t.begun[z]; !found || i < old {
			t.begun[z] = i
		}
	}
	for i, n := range p.struck {
		t.struck[i] += n
	}
	t.planted = append(t.planted, p.planted...)
	t.rows.Answers += p.answers
	t.rows.Runs += p.runs
	t.addRoutes(p)
	p.latency, p.planted, p.rss = nil, nil, [4]rssPart{} // the rest is for publication
	t.parts[day] = p
}

// zones are the rows of the zones table: every zone seen, and those archived
// from two days before From on, as an archive would have them.
func (t *tally) zones() []measurement.Zone {
	var rows []measurement.Zone
	newest := t.w.zoneAt(t.w.Until.UnixMicro())
	oldest := t.w.zoneAt(t.w.From.Add(-48 * time.Hour).UnixMicro())
	for z := range t.sighted {
		oldest = min(oldest, z)
	}
	if t.w.wires != nil {
		oldest = t.w.oldest // each has its file
	}
	for z := oldest; z <= newest; z++ {
		if t.w.archived(z) >= t.w.Until.UnixMicro() {
			continue
		}
		var seen *sighting
		if s, found := t.sighted[z]; found {
			seen = &s
		}
		rows = append(rows, t.w.zoneRow(z, seen))
	}
	return rows
}

// truth works the sums out.
func (t *tally) truth(c Config, zones int) *Truth {
	w := t.w
	soa := w.soaServers()
	truth := &Truth{Schema: "mtric-truth/1", Seed: c.Seed, From: c.From, Until: c.Until, Plan: c.Plan.Name, PlanSHA256: w.planSum,
		N: len(soa), K: kOf(len(soa)), Rows: t.rows, Planted: t.planted, Faults: []FaultTruth{}}
	truth.Rows.Zones = int64(zones)
	truth.Routes = t.routeTruth()
	for _, v := range w.vps {
		truth.VantagePoints = append(truth.VantagePoints, v.id)
	}
	for i, f := range c.Faults {
		truth.Faults = append(truth.Faults, FaultTruth{f, t.struck[i]})
	}
	slices.SortFunc(truth.Planted, func(a, b Planted) int {
		if n := a.Interval.Compare(b.Interval); n != 0 {
			return n
		}
		if n := strings.Compare(string(a.VantagePoint), string(b.VantagePoint)); n != 0 {
			return n
		}
		return strings.Compare(string(a.RSI), string(b.RSI))
	})
	// A month's serials may be waited for beyond its end; those of the whole cannot.
	all := w.newCounts()
	for m := interval.Month(c.From); m.Before(c.Until); m = interval.NextMonth(m) {
		month := Month{Month: m.Format("2006-01"), From: later(m, c.From), Until: earlier(interval.NextMonth(m), c.Until)}
		month.DataUntil = earlier(month.Until.Add(lookAhead), c.Until)
		counts := t.months[m]
		month.Values = t.values(counts, month.From, month.Until, month.DataUntil)
		truth.Months = append(truth.Months, month)
		all.merge(counts)
	}
	truth.Values = t.values(all, c.From, c.Until, c.Until)
	return truth
}

// kOf is how many of n RSIs must answer.
func kOf(n int) int {
	if n < 2 {
		return n
	}
	return (2*(n-1) + 2) / 3 // rounded up [dlw]
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// merge adds the counts of a month.
func (c *counts) merge(o *counts) {
	for i := range c.sent {
		c.sent[i] += o.sent[i]
		c.ok[i] += o.ok[i]
		c.latency[i].merge(&o.latency[i])
	}
	for i := range c.rss {
		c.rss[i].good += o.rss[i].good
		c.rss[i].asked += o.rss[i].asked
		c.rss[i].sent += o.rss[i].sent
		c.rssLatency[i].merge(&o.rssLatency[i])
	}
	for i := range c.received {
		c.received[i] += o.received[i]
		c.correct[i] += o.correct[i]
	}
}
