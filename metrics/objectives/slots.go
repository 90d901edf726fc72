package objectives

import (
	"slices"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics"
)

// subject is whom an outcome is about: servers of a book, of which need make a cell good. A
// server alone needs itself.
type subject struct {
	name    string
	servers []int
	need    int
	per     plan.Per
}

// subjects are those of an objective and a query, in the order of the plan's servers.
func (b *book) subjects(o plan.Objective) (all []subject) {
	for i, s := range b.servers {
		if o.Per == plan.PerServer {
			all = append(all, subject{string(s.RSI), []int{i}, 1, o.Per})
			continue
		}
		if n := len(all) - 1; n >= 0 && all[n].name == s.Group {
			all[n].servers = append(all[n].servers, i)
			continue
		}
		all = append(all, subject{s.Group, []int{i}, o.Need, o.Per})
	}
	return all
}

// cell is what became of the queries to a subject at one vantage point and label over one
// path.
type cell struct {
	slots metrics.Slots
	ok    []int64 // latencies of good answers, ascending
}

// cell reads a cell; nothing is planned in it where slots.Planned is 0.
func (a *Accumulator) cell(b *book, s subject, vp, at, path int, c *cell) {
	*c = cell{ok: c.ok[:0]}
	for _, server := range s.servers {
		if !a.counts(b, s, vp, at, server, path) {
			continue
		}
		c.slots.Planned++
		switch became := b.entry(vp, at, server, path).became(); became {
		case missing:
			c.slots.Missing++
		case unsent:
			c.slots.Unsent++
		case offPlan:
			c.slots.OffPlan++
		case bad:
			c.slots.Sent++
		default:
			c.slots.Sent++
			c.ok = append(c.ok, int64(became-good))
		}
	}
	slices.Sort(c.ok)
}

// counts says whether a query was to be asked, exclusions aside.
func (a *Accumulator) counts(b *book, s subject, vp, at, server, path int) bool {
	p := b.paths[path]
	return a.asks(b, vp) && b.planned(at, server, p) && !a.excluded(a.vps[vp].id, at, b.servers[server].RSI, p, s.per == plan.PerServer)
}

// availability is 0 where as many are good as are needed, of those planned, Never where they
// cannot have been, whatever became of what is missing.
func (c *cell) availability(need int) span {
	unknown := int(c.slots.Planned - c.slots.Sent)
	need = min(need, int(c.slots.Planned))
	switch {
	case len(c.ok) >= need:
		return span{0, 0}
	case len(c.ok)+unknown < need:
		return span{Never, Never}
	}
	return span{0, Never}
}

// latency is that of the answer that made as many good as are needed.
func (c *cell) latency(need int) span {
	unknown := int(c.slots.Planned - c.slots.Sent)
	need = min(need, int(c.slots.Planned))
	least := int64(0) // what is missing came at once
	if unknown < need {
		least = nth(c.ok, need-unknown)
	}
	return span{least, nth(c.ok, need)}
}

// nth is the nth of ascending values, Never where there are fewer.
func nth(values []int64, n int) int64 {
	if n > len(values) {
		return Never
	}
	return values[n-1]
}

// samples are the cells of a subject over one path, by vantage point.
func (a *Accumulator) samples(b *book, s subject, path, from, until int, of func(*cell) span) []sample {
	all := make([]sample, len(a.vps))
	var c cell
	for vp, v := range a.vps {
		for at := max(from, v.from); at < min(until, v.until, a.data); at++ {
			if a.cell(b, s, vp, at, path, &c); c.slots.Planned == 0 {
				continue
			}
			all[vp].slots = add(all[vp].slots, c.slots)
			all[vp].cells = append(all[vp].cells, of(&c))
		}
	}
	return all
}

func add(a, b metrics.Slots) metrics.Slots {
	return metrics.Slots{Planned: a.Planned + b.Planned, Sent: a.Sent + b.Sent, Unsent: a.Unsent + b.Unsent, Missing: a.Missing + b.Missing, OffPlan: a.OffPlan + b.OffPlan}
}

// addressed says whether any server of a subject can be asked over the path in a window: what
// cannot is not shown.
func (b *book) addressed(s subject, p measurement.Path, from, until int) bool {
	for at := max(0, from); at < min(until, len(b.due)); at++ {
		for _, server := range s.servers {
			if slices.Contains(b.over[server], p.Transport) && slices.Contains(b.valid[at*len(b.servers)+server], p.Family) {
				return true
			}
		}
	}
	return false
}
