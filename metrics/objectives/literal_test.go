package objectives_test

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics"
	"mtric.net/mtric/metrics/objectives"
)

// literal is the second opinion: nested loops over rows that follow docs/objectives.md word
// for word. It shares no code with the package but its types. A mistake is planted to see
// whether the laws find it.
type literal struct {
	world
	mistake string
	without measurement.VantagePoint // left out
	whole   *literal                 // what it is left out of
	vps     []plan.VantagePoint
	rowAt   map[place]measurement.Answer
	runAt   map[place]measurement.Run
	dates   map[string]*dating
	trust   map[place]bool
	busy    map[int64]bool // labels with rows
}

// place is a row, or with the first two alone a run.
type place struct {
	vp    measurement.VantagePoint
	at    int64
	query string
	rsi   measurement.RSI
	path  measurement.Path
}

func newLiteral(w world, mistake string, without measurement.VantagePoint) *literal {
	l := &literal{world: w, mistake: mistake, without: without, rowAt: map[place]measurement.Answer{}, runAt: map[place]measurement.Run{}, dates: map[string]*dating{}, trust: map[place]bool{}, busy: map[int64]bool{}}
	if without != "" {
		l.whole = newLiteral(w, mistake, "")
	}
	for _, r := range w.runs {
		l.runAt[place{vp: r.VantagePoint, at: r.Interval.Unix()}] = r
	}
	first := map[measurement.VantagePoint]time.Time{}
	for _, a := range w.rows {
		r, known := l.runAt[place{vp: a.VantagePoint, at: a.Interval.Unix()}]
		if late := known && r.IngestedAt != nil && !w.cfg.ReceivedUntil.IsZero() && r.IngestedAt.After(w.cfg.ReceivedUntil); late && mistake != "late runs count" {
			continue
		}
		if a.Interval.Before(l.begin()) || !a.Interval.Before(l.end()) {
			continue
		}
		if !l.reads(a.Query) {
			continue
		}
		if t, known := first[a.VantagePoint]; !known || a.Interval.Before(t) {
			first[a.VantagePoint] = a.Interval
		}
		l.busy[a.Interval.Unix()] = true
		l.rowAt[place{a.VantagePoint, a.Interval.Unix(), a.Query, a.RSI, measurement.Path{Family: a.Family, Transport: a.Transport}}] = a
	}
	l.vps = slices.Clone(w.cfg.Plan.VantagePoints)
	if len(l.vps) == 0 {
		for v, t := range first {
			l.vps = append(l.vps, plan.VantagePoint{ID: v, From: &t})
		}
	}
	slices.SortFunc(l.vps, func(a, b plan.VantagePoint) int { return strings.Compare(string(a.ID), string(b.ID)) })
	l.vps = slices.DeleteFunc(l.vps, func(v plan.VantagePoint) bool { return v.ID == without })
	return l
}

// reads says whether a query is named by an objective, or asks for the SOA of a zone whose
// publications an objective is about.
func (l *literal) reads(label string) bool {
	for _, o := range l.cfg.Plan.Objectives {
		for _, named := range o.Queries {
			if named == label {
				return true
			}
		}
	}
	return false // in drawn plans objectives name all queries
}

// begin and end are what is read.
func (l *literal) begin() time.Time {
	t := l.cfg.Until
	for _, o := range l.cfg.Plan.Objectives {
		from := l.from(o)
		if o.Publication != nil {
			from = from.Add(-24 * time.Hour)
		}
		if from.Before(t) {
			t = from
		}
	}
	return t
}

func (l *literal) end() time.Time {
	t := l.cfg.Until
	for _, o := range l.cfg.Plan.Objectives {
		if o.Publication != nil {
			t = l.cfg.Until.AddDate(0, 0, 7)
		}
	}
	if l.cfg.DataUntil.Before(t) {
		t = l.cfg.DataUntil
	}
	return t
}

func (l *literal) from(o plan.Objective) time.Time {
	return l.cfg.Until.AddDate(0, 0, -int(o.Window[0]-'0'))
}

func within(v plan.VantagePoint, t time.Time) bool {
	return (v.From == nil || !t.Before(*v.From)) && (v.Until == nil || t.Before(*v.Until))
}

func (l *literal) due(q plan.Query, t time.Time) bool {
	every := 5
	if q.Schedule == "seldom" {
		every = 15
	}
	return t.Minute()%every == 0
}

func hasAddress(s plan.Server, f measurement.Family, t time.Time) (netip.Addr, bool) {
	for _, a := range s.Addresses {
		if a.Family == f && (a.From == nil || !t.Before(*a.From)) && (a.Until == nil || t.Before(*a.Until)) {
			return a.Address, true
		}
	}
	return netip.Addr{}, false
}

func (l *literal) excluded(v plan.VantagePoint, t time.Time, x plan.Server, p measurement.Path, all bool) bool {
	for _, e := range l.cfg.Plan.Exclusions {
		if t.Before(e.From) || !t.Before(e.Until) {
			continue
		}
		if e.VantagePoints != nil && e.VantagePoints[0] != v.ID || e.Paths != nil && e.Paths[0] != p.String() {
			continue
		}
		if e.RSIs == nil || (all || l.mistake == "a server's exclusion is the group's") && e.RSIs[0] == x.RSI {
			return true
		}
	}
	return false
}

// slot says what became of a planned query; empty where none was planned.
func (l *literal) slot(v plan.VantagePoint, t time.Time, q plan.Query, x plan.Server, p measurement.Path, all bool) (string, measurement.Answer) {
	address, has := hasAddress(x, p.Family, t)
	if p.Transport == measurement.TLS && x.TLS == nil || !asks(q, v) || !l.due(q, t) || !within(v, t) || !has || !t.Before(l.cfg.DataUntil) || l.excluded(v, t, x, p, all) {
		return "", measurement.Answer{}
	}
	a, there := l.rowAt[place{v.ID, t.Unix(), q.Label, x.RSI, p}]
	switch {
	case !there:
		return "missing", a
	case a.Outcome == measurement.LocalError:
		return "unsent", a
	}
	if asked, err := netip.ParseAddr(a.Address); (err != nil || asked != address) && l.mistake != "off plan counts" {
		return "off plan", a
	}
	switch {
	case a.Outcome == measurement.Answered && q.Expect != "" && a.Expected == nil && l.mistake != "what was not looked at is bad":
		return "unsent", a
	case a.Outcome == measurement.Answered && a.TLSAuth != nil && (*a.TLSAuth == "expired" || *a.TLSAuth == "not_yet_valid") && l.wrongClock(v, t) && l.mistake != "every clock is right":
		return "unsent", a
	}
	if a.Outcome != measurement.Answered {
		return "bad", a
	}
	meets := *a.RCode == measurement.NoError
	if a.Expected != nil {
		meets = *a.Expected
	}
	if a.TLSAuth != nil {
		switch string(*a.TLSAuth) {
		case "name", "pin", "none":
			wanted := map[measurement.TLSVerify]measurement.TLSAuth{"name": "name", "pin": "pin", "opportunistic": "none"}[x.TLS.Verify]
			if *a.TLSAuth != wanted && l.mistake != "any proof will do" {
				return "off plan", a
			}
		default:
			meets = false
		}
	}
	if meets && *a.LatencyUS <= 4_000_000 {
		return "good", a
	}
	return "bad", a
}

// asks says whether a query is one of a vantage point's.
func asks(q plan.Query, v plan.VantagePoint) bool {
	return q.VantagePoints == nil || slices.Contains(q.VantagePoints, v.ID)
}

// wrongClock says whether the clock of a run was known to be wrong.
func (l *literal) wrongClock(v plan.VantagePoint, t time.Time) bool {
	r, known := l.runAt[place{vp: v.ID, at: t.Unix()}]
	return known && (r.ClockSynchronized != nil && !*r.ClockSynchronized || !r.ReceivedAt.IsZero() && r.ReceivedAt.Before(r.Interval))
}

// fill counts a cell's slots.
type tally struct {
	metrics.Slots
	ok []int64
}

func (c *tally) count(became string, a measurement.Answer) {
	if became == "" {
		return
	}
	c.Planned++
	switch became {
	case "missing":
		c.Missing++
	case "unsent":
		c.Unsent++
	case "off plan":
		c.OffPlan++
	case "good":
		c.Sent++
		c.ok = append(c.ok, *a.LatencyUS)
	default:
		c.Sent++
	}
}

const never = objectives.Never

// bounds are a cell's least and most.
type bounds struct{ lo, hi int64 }

func (l *literal) cellOf(kind objectives.Kind, c tally, need int) bounds {
	if int64(need) > c.Planned {
		need = int(c.Planned)
	}
	u := int(c.Planned - c.Sent)
	if l.mistake == "what is missing is bad" {
		u = 0
	}
	good := len(c.ok)
	if kind == objectives.Availability {
		switch {
		case good >= need:
			return bounds{0, 0}
		case good+u < need:
			return bounds{never, never}
		}
		return bounds{0, never}
	}
	nth := func(values []int64) int64 {
		slices.Sort(values)
		if len(values) < need {
			return never
		}
		return values[need-1]
	}
	lo, hi := slices.Clone(c.ok), slices.Clone(c.ok)
	for range u {
		lo, hi = append(lo, 0), append(hi, never)
	}
	return bounds{nth(lo), nth(hi)}
}

// labels visits those of a window.
func (l *literal) labels(from time.Time, visit func(t time.Time)) {
	for t := from; t.Before(l.cfg.Until) && t.Before(l.cfg.DataUntil); t = t.Add(interval.Length) {
		visit(t)
	}
}
