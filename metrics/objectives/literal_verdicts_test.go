package objectives_test

import (
	"cmp"
	"math/big"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics"
	"mtric.net/mtric/metrics/objectives"
)

// someone is the subject of an outcome.
type someone struct {
	name    string
	servers []plan.Server
	need    int
	alone   bool // a server: all exclusions count
}

func (l *literal) subjects(o plan.Objective) (all []someone) {
	for _, x := range l.cfg.Plan.Servers { // every query asks all of them
		if o.Per == plan.PerServer {
			all = append(all, someone{string(x.RSI), []plan.Server{x}, 1, true})
			continue
		}
		i := slices.IndexFunc(all, func(s someone) bool { return s.name == x.Group })
		if i < 0 {
			i = len(all)
			all = append(all, someone{name: x.Group, need: o.Need})
		}
		all[i].servers = append(all[i].servers, x)
	}
	return all
}

// pool gathers the cells of availability or latency.
func (l *literal) pool(kind objectives.Kind, o plan.Objective, q plan.Query, s someone, p measurement.Path) pool {
	all := pool{map[measurement.VantagePoint]metrics.Slots{}, map[measurement.VantagePoint][]bounds{}}
	l.labels(l.from(o), func(t time.Time) {
		for _, v := range l.vps {
			var c tally
			for _, x := range s.servers {
				c.count(l.slot(v, t, q, x, p, s.alone))
			}
			if c.Planned > 0 {
				all.slots[v.ID] = slotsOf(pool{slots: map[measurement.VantagePoint]metrics.Slots{"": all.slots[v.ID], "-": c.Slots}}, nil)
				all.cells[v.ID] = append(all.cells[v.ID], l.cellOf(kind, c, s.need))
			}
		}
	})
	return all
}

func less(p pool, v measurement.VantagePoint) pool {
	own := pool{map[measurement.VantagePoint]metrics.Slots{}, map[measurement.VantagePoint][]bounds{}}
	for vp := range p.slots {
		if vp != v {
			own.slots[vp], own.cells[vp] = p.slots[vp], p.cells[vp]
		}
	}
	return own
}

func pathsOf(q plan.Query) (all []measurement.Path) {
	for _, f := range q.Families {
		for _, t := range q.Transports {
			all = append(all, measurement.Path{Family: f, Transport: t})
		}
	}
	return all
}

// anyAddress says whether a subject can be asked over the path in the window.
func (l *literal) anyAddress(o plan.Objective, s someone, p measurement.Path) (has bool) {
	l.labels(l.from(o), func(t time.Time) {
		for _, x := range s.servers {
			if _, ok := hasAddress(x, p.Family, t); ok && t.Before(l.end()) && (p.Transport != measurement.TLS || x.TLS != nil) {
				has = true
			}
		}
	})
	return has
}

// judgeLiterally is what the loops say.
func judgeLiterally(w world, mistake string) *objectives.Result {
	l := newLiteral(w, mistake, "")
	r := &objectives.Result{}
	for _, o := range w.cfg.Plan.Objectives {
		for _, q := range w.cfg.Plan.Queries {
			for _, s := range l.subjects(o) {
				out := objectives.Outcome{Objective: o.Label, Query: q.Label, Subject: s.name, Per: o.Per, Need: o.Need, From: l.from(o)}
				if out.Values = l.values(o, q, s); len(out.Values) == 0 {
					continue
				}
				out.Verdict = metrics.Pass
				for _, v := range out.Values {
					if v.Verdict == metrics.NoData && out.Verdict == metrics.Pass || v.Verdict == metrics.Fail {
						out.Verdict = v.Verdict
					}
				}
				r.Outcomes = append(r.Outcomes, out)
			}
		}
		for s, t := range l.dated().t {
			_, source := l.cfg.Sources["example."][s]
			if p := (objectives.Published{Zone: "example.", Serial: s, T: t, Source: source}); o.Publication != nil && !t.Before(l.from(o)) && t.Before(l.cfg.Until) && !slices.Contains(r.Published, p) {
				r.Published = append(r.Published, p)
			}
		}
	}
	slices.SortFunc(r.Published, func(a, b objectives.Published) int { return cmp.Or(a.T.Compare(b.T), cmp.Compare(a.Serial, b.Serial)) })
	return r
}

func (l *literal) values(o plan.Objective, q plan.Query, s someone) (all []objectives.Value) {
	slots := func(kind objectives.Kind, p measurement.Path, g objectives.Goal) {
		if !l.anyAddress(o, s, p) {
			return
		}
		own := l.pool(kind, o, q, s, p)
		all = append(all, l.value(objectives.Value{Kind: kind, Path: p, Goal: g}, own, func(v measurement.VantagePoint) pool { return less(own, v) }))
	}
	if o.Availability != nil {
		for _, p := range pathsOf(q) {
			slots(objectives.Availability, p, objectives.Goal{Share: *o.Availability})
		}
	}
	for _, p := range pathsOf(q) {
		g := map[measurement.Transport]*plan.Goal{measurement.UDP: o.UDP, measurement.TCP: o.TCP, measurement.TLS: o.TLS}[p.Transport]
		if g != nil {
			slots(objectives.Latency, p, objectives.Goal{Share: g.Percentile, AtMost: time.Duration(g.AtMost).Microseconds()})
		}
	}
	if o.Publication == nil || q.QType != "SOA" || len(l.ofZone(s)) == 0 {
		return all
	}
	own := l.waits(o, q, s)
	v := objectives.Value{Kind: objectives.Publication, Goal: objectives.Goal{Share: o.Publication.Percentile, AtMost: time.Duration(o.Publication.AtMost).Microseconds()}}
	return append(all, l.value(v, own, func(v measurement.VantagePoint) pool {
		return newLiteral(l.world, l.mistake, v).waits(o, q, s)
	}))
}

// ofZone are the servers of the zone.
func (l *literal) ofZone(s someone) (all []plan.Server) {
	for _, x := range s.servers {
		if slices.Contains(l.cfg.Plan.Zones[0].Servers, x.Group) {
			all = append(all, x)
		}
	}
	return all
}

// zoneQueries are those for the SOA of the zone.
func (l *literal) zoneQueries() (all []plan.Query) {
	for _, q := range l.cfg.Plan.Queries {
		if q.QType == "SOA" && strings.EqualFold(q.QName, "example.") {
			all = append(all, q)
		}
	}
	return all
}

// trusted says whether what a run shows counts.
func (l *literal) trusted(v measurement.VantagePoint, t time.Time) bool {
	key := place{vp: v, at: t.Unix()}
	if _, done := l.trust[key]; !done {
		l.trust[key] = l.isTrusted(v, t)
	}
	return l.trust[key]
}

func (l *literal) isTrusted(v measurement.VantagePoint, t time.Time) bool {
	if l.mistake == "every run is trusted" {
		return true
	}
	if l.wrongClock(plan.VantagePoint{ID: v}, t) {
		return false
	}
	shown := map[int64]bool{}
	for _, vp := range l.vps {
		for _, q := range l.zoneQueries() {
			for _, x := range l.ofZone(someone{servers: l.cfg.Plan.Servers}) {
				for _, p := range pathsOf(q) {
					if became, a := l.planned(vp, t, q, x, p); vp.ID == v && became && a.ZoneSerial != nil {
						shown[*a.ZoneSerial] = true
					}
				}
			}
		}
	}
	return len(shown) <= 16
}

// planned is a row of a planned query that was sent to the plan's address, exclusions aside.
func (l *literal) planned(v plan.VantagePoint, t time.Time, q plan.Query, x plan.Server, p measurement.Path) (bool, measurement.Answer) {
	bare := *l
	bare.cfg.Plan = &plan.Plan{}
	became, a := bare.slot(v, t, q, x, p, false)
	return became == "good" || became == "bad", a
}

// meets says whether a share of n is reached, with no fraction lost.
func meets(share *big.Rat, good, n int64) bool {
	return new(big.Rat).Mul(share, new(big.Rat).SetInt64(n)).Cmp(new(big.Rat).SetInt64(100*good)) <= 0
}

// nearest is the least of the values that share percent of them do not exceed.
func nearest(share *big.Rat, values []int64) int64 {
	slices.Sort(values)
	for i := range values {
		if meets(share, int64(i+1), int64(len(values))) {
			return values[i]
		}
	}
	panic("no percentile")
}

// pool is all that a value is made of, by vantage point.
type pool struct {
	slots map[measurement.VantagePoint]metrics.Slots
	cells map[measurement.VantagePoint][]bounds
}

// counted are the cells by their side of the bound.
func counted(p pool, bound int64, out map[measurement.VantagePoint]bool) (good, bad, unknown int64) {
	for v, cells := range p.cells {
		for _, c := range cells {
			switch {
			case out[v]:
			case c.hi <= bound:
				good++
			case c.lo > bound:
				bad++
			default:
				unknown++
			}
		}
	}
	return good, bad, unknown
}

func slotsOf(p pool, out map[measurement.VantagePoint]bool) (s metrics.Slots) {
	for v, o := range p.slots {
		if !out[v] {
			s = metrics.Slots{Planned: s.Planned + o.Planned, Sent: s.Sent + o.Sent, Unsent: s.Unsent + o.Unsent, Missing: s.Missing + o.Missing, OffPlan: s.OffPlan + o.OffPlan}
		}
	}
	return s
}

func passOrFail(pass bool) metrics.Verdict {
	if pass {
		return metrics.Pass
	}
	return metrics.Fail
}

// verdict of a pool; thinness is its own, or that of another.
func (l *literal) verdict(p pool, kind objectives.Kind, g objectives.Goal, thin bool, out map[measurement.VantagePoint]bool) metrics.Verdict {
	good, bad, unknown := counted(p, g.AtMost, out)
	share := g.Share.Rat()
	switch {
	case good+bad == 0, kind == objectives.Publication && good+bad < 5:
		return metrics.NoData
	case !thin || l.mistake == "thin values are judged":
		return passOrFail(meets(share, good, good+bad))
	}
	worst, best := meets(share, good, good+bad+unknown), meets(share, good+unknown, good+bad+unknown)
	if worst != best {
		return metrics.NoData
	}
	return passOrFail(worst)
}

func isThin(s metrics.Slots) bool { return 10*s.Sent < 9*s.Planned }

// value judges a pool; without gives the pool less one vantage point.
func (l *literal) value(v objectives.Value, p pool, without func(v measurement.VantagePoint) pool) objectives.Value {
	share := v.Goal.Share.Rat()
	good, bad, unknown := counted(p, v.Goal.AtMost, nil)
	v.Slots, v.Count, v.Good, v.Unknown = slotsOf(p, nil), good+bad, good, unknown
	v.Thin = isThin(v.Slots)
	v.Verdict = l.verdict(p, v.Kind, v.Goal, v.Thin, nil)
	if n := good + bad + unknown; n > 0 {
		worst, best := passOrFail(meets(share, good, n)), passOrFail(meets(share, good+unknown, n))
		if v.Kind == objectives.Availability {
			if good+bad > 0 {
				v.Number = &objectives.Number{Num: good, Den: good + bad}
			}
			v.Low = &objectives.Bound{Number: objectives.Number{Num: good, Den: n}, Verdict: worst}
			v.High = &objectives.Bound{Number: objectives.Number{Num: good + unknown, Den: n}, Verdict: best}
		} else {
			var known, lo, hi []int64
			for _, cells := range p.cells {
				for _, c := range cells {
					if c.lo <= v.Goal.AtMost && c.hi > v.Goal.AtMost {
						lo, hi = append(lo, 0), append(hi, never)
						continue
					}
					known, lo, hi = append(known, c.lo), append(lo, c.lo), append(hi, c.hi)
				}
			}
			if good+bad > 0 && (v.Kind != objectives.Publication || good+bad >= 5) {
				v.Number = &objectives.Number{Num: nearest(share, known), Den: 1}
			}
			v.Low = &objectives.Bound{Number: objectives.Number{Num: nearest(share, lo), Den: 1}, Verdict: best}
			v.High = &objectives.Bound{Number: objectives.Number{Num: nearest(share, hi), Den: 1}, Verdict: worst}
		}
	}
	if len(l.cfg.Plan.VantagePoints) == 0 {
		v.Low, v.High = nil, nil
	}
	if v.Verdict != metrics.Fail || l.without != "" {
		return v
	}
	for _, vp := range l.vps {
		if own := without(vp.ID); l.verdict(own, v.Kind, v.Goal, isThin(slotsOf(own, nil)), nil) != metrics.Fail && l.mistake != "nobody is named" {
			v.RestsOn = append(v.RestsOn, vp.ID)
		}
	}
	if v.Fewest = 1; v.RestsOn == nil {
		v.Fewest = l.fewest(v, p)
	}
	return v
}

func (l *literal) fewest(v objectives.Value, p pool) int {
	weight := func(vp measurement.VantagePoint) *big.Rat { // G − θ(G + D)/100
		good, bad, _ := counted(pool{cells: map[measurement.VantagePoint][]bounds{vp: p.cells[vp]}}, v.Goal.AtMost, nil)
		due := new(big.Rat).Mul(v.Goal.Share.Rat(), big.NewRat(good+bad, 100))
		return new(big.Rat).Sub(big.NewRat(good, 1), due)
	}
	order := slices.Clone(l.vps)
	slices.SortStableFunc(order, func(a, b plan.VantagePoint) int { return weight(a.ID).Cmp(weight(b.ID)) })
	out := map[measurement.VantagePoint]bool{}
	for i, vp := range order {
		out[vp.ID] = true
		if l.verdict(p, v.Kind, v.Goal, v.Thin, out) != metrics.Fail {
			return max(2, i+1)
		}
	}
	return max(2, len(order))
}
