package alert

import (
	"slices"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// counts reports whether the group's windows count the queries of that label: those that
// the rules name, else all where they are evaluated by query, else query soa.
func (g *group) counts(query string) bool {
	switch {
	case len(g.queries) > 0:
		return slices.Contains(g.queries, query)
	case slices.Contains(g.over, "query"):
		return true
	}
	return query == measurement.QuerySOA
}

// countsMetrics reports whether a query that metrics are made of is among those that are
// counted: only of these anything can be excluded.
func (g *group) countsMetrics() bool { return slices.ContainsFunc(measurement.MetricQueries, g.counts) }

// feedsOf says which parts of a tally the rows of a query go into. Verdicts are those of
// query correctness, whatever else is counted.
func (g *group) feedsOf(query string) feeds {
	f := feeds{asked: g.counts(query), judged: query == measurement.QueryCorrectness}
	if slices.Contains(g.over, "query") {
		f.judged = f.asked
	}
	f.strays = len(g.queries) == 0 || f.asked || f.judged
	return f
}

// expected returns how many intervals of vantage points a window should have of a
// combination of labels: those at which a query that is counted is due there. A plan
// without vantage points expects those of the data.
func (g *group) expected(p *plan.Plan, r *rows, t *tuple) func(from, until time.Time, but string) int64 {
	queries := []string{measurement.QuerySOA}
	if slices.Contains(g.over, "query") {
		queries = []string{t.query}
	} else if len(g.queries) > 0 {
		queries = g.queries
	}
	one := slices.Contains(g.over, "vantage_point")
	due := map[string]*plan.Slots{}
	span := func(vp string, from, until time.Time) int64 {
		if due[vp] == nil {
			due[vp] = g.slotsOf(p, queries, vp)
		}
		return due[vp].Between(from, until)
	}
	return func(from, until time.Time, but string) int64 {
		var n int64
		for _, v := range p.VantagePoints {
			if id := string(v.ID); id != but && (!one || id == t.vantagePoint) {
				lo, hi := from, until
				if v.From != nil && v.From.After(lo) {
					lo = *v.From
				}
				if v.Until != nil && v.Until.Before(hi) {
					hi = *v.Until
				}
				n += span(id, lo, hi)
			}
		}
		if len(p.VantagePoints) > 0 {
			return n
		}
		for _, vp := range r.vps {
			if vp != but && (!one || vp == t.vantagePoint) {
				n += span(vp, from, until)
			}
		}
		return n
	}
}

// slotsOf is SlotsOf, worked out once for all vantage points where no query is bound.
func (g *group) slotsOf(p *plan.Plan, queries []string, vp string) *plan.Slots {
	bound := slices.ContainsFunc(p.Queries, func(q plan.Query) bool { return q.Bound() && slices.Contains(queries, q.Label) })
	if bound {
		return p.SlotsOf(queries, measurement.VantagePoint(vp))
	}
	if g.slots == nil {
		g.slots = map[string]*plan.Slots{}
	}
	key := queries[0]
	if g.slots[key] == nil {
		g.slots[key] = p.SlotsOf(queries, "")
	}
	return g.slots[key]
}
