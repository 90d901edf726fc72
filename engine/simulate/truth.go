package simulate

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// Truth is what is true of a simulated lake, beside it as JSON. Numbers are those of
// [From, Until); Months has those of each calendar month, as reports do.
type Truth struct {
	Schema        string                     `json:"schema"` // "mtric-truth/2"
	Seed          uint64                     `json:"seed"`
	VantagePoints []measurement.VantagePoint `json:"vantage_points"`
	From          time.Time                  `json:"from"`
	Until         time.Time                  `json:"until"`
	Plan          string                     `json:"plan"`
	PlanSHA256    string                     `json:"plan_sha256"`
	Rows          Rows                       `json:"rows"`
	Numbers
	Months  []Month      `json:"months"`
	Faults  []FaultTruth `json:"faults"`
	Routes  []RouteTruth `json:"routes,omitempty"` // with routes only
	Planted []Planted    `json:"planted"`          // every incorrect answer, by interval, vantage point and RSI
	Events  []Event      `json:"events"`           // all there are, by beginning and kind
}

// Rows counts the rows of each table.
type Rows struct {
	Answers int64 `json:"answers"`
	Runs    int64 `json:"runs"`
	Routes  int64 `json:"routes,omitempty"` // with routes only
	Zones   int64 `json:"zones"`
}

// Month is the truth of a calendar month, or of the part of it that lies within
// the simulation. A serial published in it is waited for until DataUntil.
type Month struct {
	Month     string    `json:"month"` // "2026-11"
	From      time.Time `json:"from"`
	Until     time.Time `json:"until"`
	DataUntil time.Time `json:"data_until"`
	Numbers
}

// Numbers are what is true of a period, with the keys of a report.
type Numbers struct {
	N             int           `json:"n"` // RSIs of the last frame
	K             int           `json:"k"`
	Frames        []Frame       `json:"frames"`
	Coverage      Coverage      `json:"coverage"`
	Thin          bool          `json:"thin"`           // less than nine tenths of the planned queries were sent
	ReceivedUntil *time.Time    `json:"received_until"` // when the last of the runs came into the lake; null without runs
	Publications  []Publication `json:"publications"`
	Values        []Value       `json:"values"`
}

// Coverage says what became of the planned queries: planned is the sum of the next four.
type Coverage struct {
	Planned int64 `json:"planned"`
	Sent    int64 `json:"sent"`
	Unsent  int64 `json:"unsent"`
	Missing int64 `json:"missing"`
	OffPlan int64 `json:"off_plan"`
	Stray   int64 `json:"stray"` // rows that nothing was planned for
}

// Publication is a serial of the period and T(s), from when it counts as published.
type Publication struct {
	Serial int64     `json:"serial"`
	T      time.Time `json:"t"`
}

// Value is one metric's value, with the keys of a report's.
type Value struct {
	Metric      measurement.Metric    `json:"metric"`
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

	Thin         bool    `json:"thin,omitempty"`         // less than nine tenths of its planned queries were sent
	Held         int64   `json:"held,omitempty"`         // correctness: answers that wait for a verdict
	Unobservable int64   `json:"unobservable,omitempty"` // publication: waits of which nobody can know whether they meet the threshold
	Bounds       *Bounds `json:"bounds,omitempty"`       // availability, where the plan has vantage points
}

// Bounds are the least and the most that an availability can have been.
type Bounds struct {
	Low  Bound `json:"low"`
	High Bound `json:"high"`
}

// Bound is a fraction and what it would mean.
type Bound struct {
	Numerator   int64  `json:"numerator"`
	Denominator int64  `json:"denominator"`
	Verdict     string `json:"verdict"`
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

// lookBack is how long before a period runs still count for when it was received.
const lookBack = 24 * time.Hour

// tally is the sum of the days. Counts are kept by month and added up for the
// whole; parts keep only what publication latency needs, which looks across days.
type tally struct {
	w          *world
	parts      []*part // by day
	months     map[time.Time]*counts
	shown      map[int]*showing
	unarchived map[int]bool
	rows       Rows
	affected   []int64
	planted    []Planted
	routes     []RouteTruth // by vantage point
	ways       map[way]bool

	proven map[int]bool  // zones that never came and are accepted all the same
	minima map[doubt]int // what is shown of these; by all but the zone, less w.oldest
	used   map[int]int64 // when each archived zone was first used, µs
}

// counts are those of a month.
type counts struct {
	sums       []sums // by vantage point
	latency    []histogram
	rssLatency [4]histogram
}

func newTally(w *world, days int) *tally {
	return &tally{w: w, parts: make([]*part, days), months: map[time.Time]*counts{}, shown: map[int]*showing{}, unarchived: map[int]bool{},
		affected: make([]int64, len(w.faults)), planted: []Planted{}, routes: make([]RouteTruth, len(w.vps)), ways: map[way]bool{},
		proven: map[int]bool{}, minima: map[doubt]int{}, used: map[int]int64{}}
}

func (w *world) newCounts() *counts {
	return &counts{sums: w.newSums(), latency: make([]histogram, 4*len(w.rsis))}
}

// add takes a day in. All of it are sums and minima: the order does not matter.
func (t *tally) add(day int, p *part) {
	c := t.months[p.month]
	if c == nil {
		c = t.w.newCounts()
		t.months[p.month] = c
	}
	for v := range p.sums {
		c.sums[v].merge(&p.sums[v])
	}
	for i := range p.latency {
		c.latency[i].add(p.latency[i])
	}
	for i := range p.rssLatency {
		c.rssLatency[i].add(p.rssLatency[i])
	}
	for z, s := range p.shown {
		if t.shown[z] == nil {
			t.shown[z] = t.w.newShowing()
		}
		t.shown[z].merge(s)
	}
	for z := range p.unarchived {
		t.unarchived[z] = true
	}
	for i, n := range p.affected {
		t.affected[i] += n
	}
	t.planted = append(t.planted, p.planted...)
	t.rows.Answers += p.answers
	t.rows.Runs += p.runs
	t.addRoutes(p)
	p.latency, p.planted, p.sums, p.rssLatency = nil, nil, nil, [4][]uint32{} // the rest is for publication
	p.now = runTally{}                                                        // it holds on to all that the day was made with
	t.parts[day] = p
}

// settle decides which of the zones that never came are accepted: those that two RSIs
// and two vantage points show.
func (t *tally) settle() {
	for z, s := range t.shown {
		t.proven[z] = !t.w.came(z) && s.proves(t.w.alone())
	}
	for _, p := range t.parts {
		for _, d := range p.doubts {
			if !t.proven[d.zone] {
				continue
			}
			n := d.zone - t.w.oldest
			d.zone = 0
			if was, known := t.minima[d]; !known || n < was {
				t.minima[d] = n
			}
		}
	}
}

// accepts reports whether a zone is one that exists.
func (t *tally) accepts(z int) bool { return t.w.came(z) || t.proven[z] }

// truth works the sums out.
func (t *tally) truth(c Config, zones int) *Truth {
	w := t.w
	truth := &Truth{Schema: "mtric-truth/2", Seed: c.Seed, From: c.From, Until: c.Until, Plan: c.Plan.Name, PlanSHA256: w.planSum,
		Rows: t.rows, Planted: t.planted, Faults: []FaultTruth{}}
	truth.Rows.Zones = int64(zones)
	truth.Routes = t.routeTruth()
	for _, v := range w.vps {
		truth.VantagePoints = append(truth.VantagePoints, v.id)
	}
	for i, f := range c.Faults {
		truth.Faults = append(truth.Faults, FaultTruth{f, t.affected[i]})
	}
	slices.SortFunc(truth.Planted, func(a, b Planted) int {
		return cmp.Or(a.Interval.Compare(b.Interval), cmp.Compare(a.VantagePoint, b.VantagePoint), cmp.Compare(a.RSI, b.RSI))
	})
	// A month's serials may be waited for beyond its end; those of the whole cannot.
	all := w.newCounts()
	for m := interval.Month(c.From); m.Before(c.Until); m = interval.NextMonth(m) {
		month := Month{Month: m.Format("2006-01"), From: later(m, c.From), Until: earlier(interval.NextMonth(m), c.Until)}
		month.DataUntil = earlier(month.Until.Add(lookAhead), c.Until)
		counts := t.months[m]
		month.Numbers = t.period(counts, month.From, month.Until, month.DataUntil).numbers()
		truth.Months = append(truth.Months, month)
		all.merge(counts)
	}
	whole := t.period(all, c.From, c.Until, c.Until)
	truth.Numbers, truth.Events = whole.numbers(), whole.events()
	return truth
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
	for v := range c.sums {
		c.sums[v].merge(&o.sums[v])
	}
	for i := range c.latency {
		c.latency[i].merge(&o.latency[i])
	}
	for i := range c.rssLatency {
		c.rssLatency[i].merge(&o.rssLatency[i])
	}
}
