package objectives

import (
	"slices"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// Compute gives the verdicts, once all answers were added.
func (a *Accumulator) Compute() *Result {
	a.order()
	r := &Result{ReceivedUntil: a.received, LateRuns: a.late, VantagePoints: a.ids()}
	for v := range a.unexpected {
		r.Unexpected = append(r.Unexpected, v)
	}
	slices.Sort(r.Unexpected)
	for which, m := range a.runs {
		if _, known := a.index[which.vp]; known && m == untrusted {
			r.UntrustedRuns++
		}
	}
	zones := map[string]*zone{}
	named := map[string]bool{}
	start := a.end
	for _, o := range a.cfg.Plan.Objectives {
		from, until := a.at(o.Span(a.cfg.Until)), a.at(a.cfg.Until)
		start = min(start, from)
		for _, label := range o.Queries {
			b := a.byQ[label]
			named[label] = true
			if o.Publication != nil && b.zone != "" && zones[b.zone] == nil {
				zones[b.zone] = a.zone(b.zone)
			}
			for _, s := range b.subjects(o) {
				out := Outcome{Objective: o.Label, Query: label, Subject: s.name, Per: o.Per, Need: o.Need, From: a.label(from)}
				if out.Values = a.values(o, b, s, from, until, zones[b.zone]); len(out.Values) > 0 {
					out.Verdict = judged(out.Values)
					r.Outcomes = append(r.Outcomes, out)
				}
			}
		}
	}
	for _, b := range a.books {
		if named[b.query.Label] {
			a.tally(r, b, start)
		}
	}
	a.publications(r, zones, start)
	return r
}

// order sorts the vantage points, which may be those of the data, by number.
func (a *Accumulator) order() {
	order := make([]int, len(a.vps))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(x, y int) int { return cmpText(a.vps[x].id, a.vps[y].id) })
	vps, place := make([]vantagePoint, len(order)), make([]int, len(order))
	for to, from := range order {
		vps[to], place[from] = a.vps[from], to
		a.index[a.vps[from].id] = to
	}
	a.vps = vps
	for _, b := range a.books {
		pages := make(map[[2]int][]entry, len(b.pages))
		for key, page := range b.pages {
			pages[[2]int{place[key[0]], key[1]}] = page
		}
		b.pages = pages
	}
}

func cmpText(a, b measurement.VantagePoint) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// values are those of an objective for one subject and query.
func (a *Accumulator) values(o plan.Objective, b *book, s subject, from, until int, z *zone) (all []Value) {
	value := func(kind Kind, path int, goal Goal, of func(*cell) span) {
		v := Value{Kind: kind, Path: b.paths[path], Goal: goal}
		samples := a.samples(b, s, path, from, until, of)
		v.fill(rule{share: goal.Share.Rat(), bound: goal.AtMost}, a.ids(), samples, without(samples), !a.anyVP)
		all = append(all, v)
	}
	if o.Availability != nil {
		for path, p := range b.paths {
			if b.addressed(s, p, from, until) {
				value(Availability, path, Goal{Share: *o.Availability}, func(c *cell) span { return c.availability(s.need) })
			}
		}
	}
	for path, p := range b.paths {
		if g := o.Latency(p.Transport); g != nil && b.addressed(s, p, from, until) {
			value(Latency, path, goalOf(g), func(c *cell) span { return c.latency(s.need) })
		}
	}
	if o.Publication != nil && b.shown(s) {
		all = append(all, a.publication(b, s, goalOf(o.Publication), from, until, z))
	}
	return all
}

// goalOf is a plan's goal in microseconds.
func goalOf(g *plan.Goal) Goal { return Goal{g.Percentile, int64(g.AtMost) / 1000} }

// tally counts the planned queries of a book, as measured.
func (a *Accumulator) tally(r *Result, b *book, from int) {
	var c cell
	for i := range b.servers {
		s := subject{"", []int{i}, 1, plan.PerGroup}
		for vp, v := range a.vps {
			for path := range b.paths {
				for at := max(0, from, v.from); at < min(a.at(a.cfg.Until), v.until, a.data); at++ {
					a.cell(b, s, vp, at, path, &c)
					r.Slots = add(r.Slots, c.slots)
				}
			}
		}
	}
}

// publications lists what is known of serials.
func (a *Accumulator) publications(r *Result, zones map[string]*zone, from int) {
	var names []string
	for name := range zones {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		z := zones[name]
		for _, s := range z.ofWindow(from, a.at(a.cfg.Until)) {
			_, source := z.sources[s.serial]
			r.Published = append(r.Published, Published{name, s.serial, a.label(s.at), source})
		}
		r.Lone = append(r.Lone, z.lone()...)
	}
}
