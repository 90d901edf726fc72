package objectives_test

import (
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics"
	"mtric.net/mtric/metrics/objectives"
)

// dating is when serials count as published.
type dating struct {
	first map[uint32]map[measurement.VantagePoint]time.Time
	by    map[uint32]map[measurement.RSI]time.Time
	known map[uint32]bool
	t     map[uint32]time.Time
}

func newerThan(a, b uint32) bool { return a != b && a-b < 1<<31 }

func ceilLabel(t time.Time) time.Time {
	if l := interval.Of(t); !l.Equal(t) {
		return l.Add(interval.Length)
	}
	return t
}

// dated dates the serials of the zone.
func (l *literal) dated() *dating {
	if d := l.dates[""]; d != nil {
		return d
	}
	d := &dating{map[uint32]map[measurement.VantagePoint]time.Time{}, map[uint32]map[measurement.RSI]time.Time{}, map[uint32]bool{}, map[uint32]time.Time{}}
	l.dates[""] = d
	for t := l.begin(); t.Before(l.end()); t = t.Add(interval.Length) {
		for _, v := range l.vps {
			if l.busy[t.Unix()] {
				l.sight(d, v, t)
			}
		}
	}
	sources := map[uint32]time.Time{}
	until := l.cfg.ReceivedUntil
	if until.IsZero() {
		for _, r := range l.runs {
			if r.IngestedAt != nil && r.IngestedAt.After(until) {
				until = *r.IngestedAt
			}
		}
	}
	if until.IsZero() {
		until = l.cfg.DataUntil
	}
	for s, t := range l.cfg.Sources["example."] {
		if !t.After(until) {
			sources[s] = ceilLabel(t)
			d.known[s] = true
		}
	}
	for s, by := range d.first {
		first := time.Time{}
		for _, t := range by {
			if first.IsZero() || t.Before(first) {
				first = t
			}
		}
		enough := len(d.by[s]) >= min(2, l.serversAt(first)) && len(by) >= min(2, l.around(first))
		if enough || l.mistake == "lone serials count" {
			d.known[s] = true
		}
	}
	if l.whole != nil {
		d.known = l.whole.dated().known
	}
	for s := range d.known {
		t, ok := l.published(s, sources, d)
		if _, source := sources[s]; ok && !source {
			t, ok = l.byServers(s, t, d)
		}
		if ok {
			d.t[s] = t
		}
	}
	if l.whole != nil {
		for s := range d.t {
			if _, of := l.whole.dated().t[s]; !of {
				delete(d.t, s)
			}
		}
		return d
	}
	var start, before time.Time
	for _, t := range d.t {
		if t.Before(l.begin()) {
			if t.After(before) {
				before = t
			}
		} else if start.IsZero() || t.Before(start) {
			start = t
		}
	}
	var initial []uint32
	for s, t := range d.t {
		_, source := sources[s]
		if t.Equal(before) || t.Equal(start) && (before.IsZero() || !source) {
			initial = append(initial, s)
		}
	}
	for s := range d.t {
		if slices.ContainsFunc(initial, func(i uint32) bool { return !newerThan(s, i) }) && l.mistake != "the first serials are new" {
			delete(d.t, s)
		}
	}
	return d
}

// serversAt is how many servers of the zone are asked at a label, at least one.
func (l *literal) serversAt(t time.Time) (n int) {
	for _, x := range l.ofZone(someone{servers: l.cfg.Plan.Servers}) {
		if l.asked(x, t) {
			n++
		}
	}
	return max(1, n)
}

// asked says whether a query for the zone's SOA is planned for a server at a label, by its
// address.
func (l *literal) asked(x plan.Server, t time.Time) bool {
	for _, q := range l.zoneQueries() {
		for _, f := range q.Families {
			if _, ok := hasAddress(x, f, t); ok {
				return true
			}
		}
	}
	return false
}

func (l *literal) sight(d *dating, v plan.VantagePoint, t time.Time) {
	for _, q := range l.zoneQueries() {
		for _, x := range l.ofZone(someone{servers: l.cfg.Plan.Servers}) {
			for _, p := range pathsOf(q) {
				became, a := l.slot(v, t, q, x, p, false)
				if became != "good" && became != "bad" || a.ZoneSerial == nil || !l.trusted(v.ID, t) {
					continue
				}
				s := uint32(*a.ZoneSerial)
				if d.first[s] == nil {
					d.first[s], d.by[s] = map[measurement.VantagePoint]time.Time{}, map[measurement.RSI]time.Time{}
				}
				if was, known := d.first[s][v.ID]; !known || t.Before(was) {
					d.first[s][v.ID] = t
				}
				if was, known := d.by[s][x.RSI]; !known || t.Before(was) {
					d.by[s][x.RSI] = t
				}
			}
		}
	}
}

// around is how many vantage points that ask for the zone's SOA are within their dates at a label or in the 15 minutes
// after.
func (l *literal) around(t time.Time) (n int) {
	for _, v := range l.vps {
		for _, m := range []int{0, 5, 10, 15} {
			if within(v, t.Add(time.Duration(m)*time.Minute)) && slices.ContainsFunc(l.zoneQueries(), func(q plan.Query) bool { return asks(q, v) }) {
				n++
				break
			}
		}
	}
	return n
}

func (l *literal) published(s uint32, sources map[uint32]time.Time, d *dating) (time.Time, bool) {
	if t, ok := sources[s]; ok {
		return t, true
	}
	var labels []time.Time
	for _, t := range d.first[s] {
		labels = append(labels, t)
	}
	slices.SortFunc(labels, time.Time.Compare)
	switch {
	case len(labels) == 0:
		return time.Time{}, false
	case l.around(labels[0]) == 1 || l.mistake == "t1 is enough":
		return labels[0], true
	case len(labels) == 1:
		return time.Time{}, false
	}
	t := labels[1].Add(-15 * time.Minute)
	if t.Before(labels[0]) {
		t = labels[0]
	}
	return t, true
}

// byServers holds T(s) to the first sighting of a second server.
func (l *literal) byServers(s uint32, t time.Time, d *dating) (time.Time, bool) {
	var first time.Time
	for _, at := range d.first[s] {
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	if l.serversAt(first) == 1 || l.mistake == "one server dates a serial" || l.mistake == "lone serials count" {
		return t, true
	}
	var labels []time.Time
	for _, at := range d.by[s] {
		labels = append(labels, at)
	}
	slices.SortFunc(labels, time.Time.Compare)
	if len(labels) < 2 || l.serversAt(first) == 2 && l.mistake != "two servers date a serial" {
		return time.Time{}, false
	}
	if labels[1].After(t) {
		t = labels[1]
	}
	return t, true
}

// waits are the cells of publication.
func (l *literal) waits(o plan.Objective, q plan.Query, s someone) pool {
	all := pool{map[measurement.VantagePoint]metrics.Slots{}, map[measurement.VantagePoint][]bounds{}}
	s.servers = l.ofZone(s)
	for _, v := range l.vps {
		for _, p := range pathsOf(q) {
			one := l.pool(objectives.Availability, o, q, s, p)
			all.slots[v.ID] = slotsOf(pool{slots: map[measurement.VantagePoint]metrics.Slots{"": all.slots[v.ID], "-": one.slots[v.ID]}}, nil)
		}
	}
	d := l.dated()
	window := d
	if l.whole != nil {
		window = l.whole.dated()
	}
	for serial, t := range d.t {
		if w := window.t[serial]; w.Before(l.from(o)) || !w.Before(l.cfg.Until) {
			continue
		}
		for _, v := range l.vps {
			var lo, hi []int64
			for _, x := range s.servers {
				if asks(q, v) && within(v, t) && l.inFrame(q, x, t) {
					b := l.wait(q, s, v, x, serial, t)
					lo, hi = append(lo, b.lo), append(hi, b.hi)
				}
			}
			if len(lo) > 0 {
				slices.Sort(lo)
				slices.Sort(hi)
				k := min(s.need, len(lo)) - 1
				all.cells[v.ID] = append(all.cells[v.ID], bounds{lo[k], hi[k]})
			}
		}
	}
	return all
}

func (l *literal) inFrame(q plan.Query, x plan.Server, t time.Time) bool {
	for _, f := range q.Families {
		if _, ok := hasAddress(x, f, t); ok {
			return true
		}
	}
	return false
}

func (l *literal) wait(q plan.Query, s someone, v plan.VantagePoint, x plan.Server, serial uint32, t time.Time) bounds {
	if !t.Before(l.cfg.DataUntil) {
		return bounds{0, never}
	}
	e := l.end()
	for at := t; at.Before(e); at = at.Add(interval.Length) {
		if v.Until != nil && !at.Before(*v.Until) || at.After(t) && !l.inFrame(q, x, at) {
			e = at
		}
	}
	nextDue := func(at time.Time) time.Time {
		for ; at.Before(e); at = at.Add(interval.Length) {
			if l.due(q, at) {
				return at
			}
		}
		return e
	}
	c, hi := nextDue(t), int64(never)
	for at := t; at.Before(e); at = at.Add(interval.Length) {
		if !l.due(q, at) {
			continue
		}
		m, asked := l.showed(q, s, v, x, at)
		if m != nil && (*m == serial || newerThan(*m, serial)) {
			hi = at.Sub(t).Microseconds()
			break
		}
		if asked || l.mistake == "our silence is their delay" {
			c = nextDue(at.Add(interval.Length))
		}
	}
	return bounds{c.Sub(t).Microseconds(), hi}
}

// showed is the oldest known serial that a server showed, and whether it counts as asked.
func (l *literal) showed(q plan.Query, s someone, v plan.VantagePoint, x plan.Server, t time.Time) (*uint32, bool) {
	if !l.trusted(v.ID, t) {
		return nil, false
	}
	planned, sent, strange := 0, 0, false
	var shown []uint32
	for _, p := range pathsOf(q) {
		became, a := l.slot(v, t, q, x, p, s.alone)
		if became == "" {
			continue
		}
		planned++
		if became != "good" && became != "bad" {
			continue
		}
		sent++
		if a.ZoneSerial == nil {
			strange = strange || became == "good" && l.mistake != "what shows no serial is asked"
			continue
		}
		if l.dated().known[uint32(*a.ZoneSerial)] {
			shown = append(shown, uint32(*a.ZoneSerial))
		} else {
			strange = true
		}
	}
	for _, m := range shown {
		least := true
		for _, o := range shown {
			least = least && (o == m || newerThan(o, m))
		}
		if least {
			return &m, true
		}
	}
	return nil, len(shown) > 0 || planned > 0 && sent == planned && !strange
}
