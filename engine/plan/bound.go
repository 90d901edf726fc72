package plan

import (
	"slices"
	"strings"

	"mtric.net/mtric/engine/measurement"
)

// Asks reports whether the vantage point asks the query: one that names vantage points
// or regions is asked by those alone. A region is that of the plan's vantage_point block.
func (p *Plan) Asks(q Query, vp measurement.VantagePoint) bool {
	if !q.Bound() {
		return true
	}
	v := VantagePoint{ID: vp}
	if i := slices.IndexFunc(p.VantagePoints, func(v VantagePoint) bool { return v.ID == vp }); i >= 0 {
		v = p.VantagePoints[i]
	}
	return q.askedBy(v)
}

// askedBy is Asks of a vantage point whose region is known.
func (q Query) askedBy(v VantagePoint) bool {
	return (len(q.VantagePoints) == 0 || slices.Contains(q.VantagePoints, v.ID)) && (len(q.Regions) == 0 || slices.Contains(q.Regions, v.Region))
}

// Bound reports whether only some vantage points ask the query.
func (q Query) Bound() bool { return len(q.VantagePoints)+len(q.Regions) > 0 }

// For is the plan with those queries only that the vantage point asks. Its hash is
// another: runs name that of the whole plan.
func (p *Plan) For(vp measurement.VantagePoint) *Plan {
	c := *p
	c.Queries = slices.DeleteFunc(slices.Clone(p.Queries), func(q Query) bool { return !p.Asks(q, vp) })
	return &c
}

// DrawsFromZone reports whether a query draws RRsets of the root zone.
func (p *Plan) DrawsFromZone() bool {
	return slices.ContainsFunc(p.Queries, func(q Query) bool { return slices.ContainsFunc(q.Choices, Choice.FromZone) })
}

// FromZone reports whether it is RRsets of the root zone that are drawn from.
func (c Choice) FromZone() bool { return len(c.Root)+len(c.TLD) > 0 }

// Names are the names that are drawn from, which may hold <letters:N>; none of RRsets of
// the zone.
func (c Choice) Names() []string {
	if c.QName != "" {
		return []string{c.QName}
	}
	return c.QNames
}

// bind reads which vantage points ask a query.
func (d *decoder) bind(q *Query) {
	for _, it := range d.texts("vantage_points") {
		if v := measurement.VantagePoint(it.v.AsString()); d.knownVantagePoint(it, v) {
			q.VantagePoints = append(q.VantagePoints, v)
		}
	}
	slices.Sort(q.VantagePoints)
	q.Regions = d.enums("regions", nil, regions...)
	if items, ok := d.list("vantage_points"); ok && len(items) == 0 {
		d.errorf("vantage_points", "Leave it out where all ask.", "vantage_points is empty")
	}
}

// checkBound warns of a query that no vantage point of the plan asks.
func (l *loader) checkBound() {
	p := l.plan
	for _, q := range p.Queries {
		if !q.Bound() || len(p.VantagePoints) == 0 || slices.ContainsFunc(p.VantagePoints, q.askedBy) {
			continue
		}
		name := "regions"
		if len(q.Regions) == 0 {
			name = "vantage_points"
		}
		l.warnf(l.decoders["query "+q.Label].place(name), "Both vantage_points and regions must hold where both are given.", "no vantage point asks query %q", q.Label)
	}
}

// qnames reads the names that a choice draws from.
func (d *decoder) qnames() []string {
	items, ok := d.list("qnames")
	if !ok {
		return nil
	}
	if len(items) == 0 {
		d.errorf("qnames", "Name at least one, or leave it out.", "qnames is empty")
	}
	var all []string
	for _, it := range items {
		s, ok := d.itemQuestion(it)
		if ok && slices.ContainsFunc(all, func(o string) bool { return strings.EqualFold(o, s) }) {
			d.l.errorf(it.at, "Name it once.", "%q twice in qnames", s)
		} else if ok {
			all = append(all, s)
		}
	}
	slices.Sort(all)
	return all
}
