package metrics

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// minutes is the length of an interval.
const minutes = int64(interval.Length / time.Minute)

// value is what a wait is worth for a threshold of so many minutes: its least length
// where this is certain, or where the most lies on the same side. One that was not seen
// and is longer than the threshold already sorts as never.
func (w wait) value(bound int64) (value int64, kept bool) {
	lo, hi := int64(w.least())*minutes, int64(never)
	if w.seen >= 0 {
		hi = int64(w.seen-w.at) * minutes
	}
	_, kept = Late(lo, hi, bound)
	if w.seen < 0 {
		return never, kept
	}
	return lo, kept
}

// Late says whether a wait that lasted from least to most is longer than a threshold: not
// known where these lie on different sides of it, since our silence is nobody's delay.
func Late(least, most, bound int64) (late, known bool) {
	return least > bound, least > bound || most <= bound
}

// delays are the waits for the serials of the period: by RSI and vantage point, in the
// order of publications. Those without a value, by dates, are not there.
type delays struct {
	*publisher
	serials     *serials
	published   []publication
	waits       [][][]wait
	regressions []int64
}

// publish follows every RSI at every vantage point. T(s) is a fact of the system and
// comes from its sightings, the waits from the view itself.
func (v *view) publish(of *serials, list []publication) *delays {
	d := &delays{publisher: v.publisher(), serials: of, published: list, waits: make([][][]wait, v.a.n), regressions: make([]int64, v.a.n)}
	v.a.parallel(v.a.n, func(rsi int) {
		d.waits[rsi] = make([][]wait, len(v.vps))
		for vp := range v.vps {
			for _, s := range list {
				if d.within(vp, rsi, s.at) {
					d.waits[rsi][vp] = append(d.waits[rsi][vp], d.follow(vp, rsi, s))
				}
			}
			d.regressions[rsi] += d.publisher.regressions(vp, rsi)
		}
	})
	return d
}

// parts are those of RSIs' values by vantage point; slots are of their SOA queries.
func (d *delays) parts(rsis []int, limit Limit, slots [][]Slots, untimed []int) []part {
	bound := wholeParts(limit, 1)
	list := make([]part, len(d.view.vps))
	for vp := range list {
		p := &list[vp]
		for _, rsi := range rsis {
			p.planned, p.sent = p.planned+slots[rsi][vp].Planned, p.sent+slots[rsi][vp].Sent
			for _, w := range d.waits[rsi][vp] {
				if value, kept := w.value(bound); kept {
					p.add(value, bound)
				} else {
					p.unobservable++
				}
			}
		}
		p.lack(p.unobservable + d.lacking(vp, rsis, untimed))
	}
	return list
}

// lacking is how many values are not there since nobody knows when a zone was published.
func (d *delays) lacking(vp int, rsis []int, untimed []int) (n int64) {
	for _, at := range untimed {
		for _, rsi := range rsis {
			n += one(d.within(vp, rsi, at))
		}
	}
	return n
}

// left gives the parts with one vantage point left out: its rows are in no T(s) either,
// while the serials of the period stay.
func (d *delays) left(rsis []int, limit Limit, slots [][]Slots) func(vp int) []part {
	return func(left int) []part {
		own := *d
		own.waits = slices.Clone(d.waits)
		moved, gone := map[uint32]int{}, map[uint32]bool{}
		for _, s := range d.published {
			at, known := d.serials.published(s.serial, left)
			if gone[s.serial] = !known; known && at != s.at {
				moved[s.serial] = at
			}
		}
		for _, rsi := range rsis {
			own.waits[rsi] = make([][]wait, len(d.view.vps))
			for vp := range own.waits[rsi] {
				for _, s := range d.published {
					own.waits[rsi][vp] = own.again(d.waits[rsi][vp], own.waits[rsi][vp], vp, rsi, s, moved, gone)
				}
			}
		}
		return slices.Delete(own.parts(rsis, limit, slots, d.serials.untimed(left)), left, left+1)
	}
}

// again appends the wait for a serial: as it was, or anew where its T(s) moved.
func (d *delays) again(was, list []wait, vp, rsi int, s publication, moved map[uint32]int, gone map[uint32]bool) []wait {
	if gone[s.serial] {
		return list
	}
	if at, is := moved[s.serial]; is {
		if d.within(vp, rsi, at) {
			list = append(list, d.follow(vp, rsi, publication{s.serial, at}))
		}
		return list
	}
	if i := slices.IndexFunc(was, func(w wait) bool { return w.serial == s.serial }); i >= 0 {
		list = append(list, was[i])
	}
	return list
}

// lags are the values of RSIs that count for a limit.
func (d *delays) lags(rsis []int, limit Limit) (list []Lag) {
	bound := wholeParts(limit, 1)
	for _, rsi := range rsis {
		for vp, waits := range d.waits[rsi] {
			for _, w := range waits {
				if value, kept := w.value(bound); kept {
					list = append(list, d.lag(w, vp, rsi, value))
				}
			}
		}
	}
	return list
}

func (d *delays) lag(w wait, vp, rsi int, value int64) Lag {
	a := d.view.a
	l := Lag{Serial: w.serial, Published: a.label(w.at), VantagePoint: d.view.vps[vp].ID, RSI: a.cfg.Servers[rsi].RSI,
		Minutes: int64(w.least()) * minutes, Censored: value == never, Inflated: w.inflated, Gap: w.gap}
	if w.asked >= w.at {
		l.LastAsked = a.label(w.asked)
	}
	if w.seen >= 0 {
		l.FirstSeen = a.label(w.seen)
	}
	return l
}

// side is the median over the values [yzp]; one never observed lies beyond all
// others [P4].
func (d *delays) side(rsis []int, limit Limit, slots [][]Slots, untimed []int) (Side, Diagnostics, []part) {
	parts := d.parts(rsis, limit, slots, untimed)
	all := sum(parts)
	lags := d.lags(rsis, limit)
	slices.SortFunc(lags, compareLags)
	g := Diagnostics{Unobservable: all.unobservable}
	for _, rsi := range rsis {
		g.Regressions += d.regressions[rsi]
	}
	count := int64(len(lags))
	s := Side{Count: count, Thin: thin(all.sent, all.planned), Unobservable: all.unobservable}
	s.Verdict = medianRule{bound: inParts(limit, 1)}.verdict(all, s.Thin)
	if count == 0 {
		return s, g, parts
	}
	total := int64(0)
	for _, l := range lags {
		total += l.Minutes
		g.CensoredN += one(l.Censored)
		g.Inflated += one(l.Inflated)
		g.Gaps += one(l.Gap)
		if g.Longest == nil || l.Minutes > g.Longest.Minutes {
			longest := l
			g.Longest = &longest
		}
	}
	g.Mean, g.AtLeast = &Fraction{total, count}, g.CensoredN > 0
	g.Min, g.P95, g.Max = whole(lags[0].Minutes), whole(lags[nearestRank95(count)].Minutes), whole(g.Longest.Minutes)
	low, high := medianRanks(count)
	middle := lags[high]
	g.Middle = &middle
	if s.Censored = lags[high].Censored; !s.Censored {
		median := medianOf(count, lags[low].Minutes, lags[high].Minutes)
		s.Fraction = &median
	}
	return s, g, parts
}

// compareLags orders by length, censored ones last; equal ones by who and what.
func compareLags(a, b Lag) int {
	return cmp.Or(int(one(a.Censored)-one(b.Censored)), cmp.Compare(a.Minutes, b.Minutes), a.Published.Compare(b.Published),
		cmp.Compare(a.Serial, b.Serial), cmp.Compare(a.RSI, b.RSI), cmp.Compare(a.VantagePoint, b.VantagePoint))
}

func one(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func whole(n int64) *Fraction { return &Fraction{n, 1} }

// publication is 4.5 and the second half of 4.8: of the system the values of all
// RSIs are pooled, it is not the median of medians.
func (c *computation) publication() []Value {
	raw := c.published(c.raw, c.raw, nil)
	system, rsi := raw, raw
	if given := c.cfg.Publications; c.rsi != c.raw || given != nil {
		system = c.published(c.system, c.system, given)
		rsi = &published{delays: c.rsi.publish(system.serials, system.delays.published), slots: c.rsi.slots(), untimed: system.untimed}
	}
	all := make([]int, c.n)
	fill := func(v Value, rsis []int, own *published) Value {
		var parts []part
		v.Side, v.Diagnostics, parts = own.side(rsis, v.Limit, own.slots, own.untimed)
		v.Diagnostics.Serials = int64(len(own.delays.published))
		v.rest(medianRule{bound: inParts(v.Limit, 1)}, own.view.vps, parts, own.left(rsis, v.Limit, own.slots))
		v.Without, _, _ = raw.side(rsis, v.Limit, raw.slots, raw.untimed)
		return v
	}
	var values []Value
	for i := range c.n {
		all[i] = i
		values = append(values, fill(c.value(measurement.RSIPublication, Minutes, i, -1), []int{i}, rsi))
		c.result.Lags = append(c.result.Lags, rsi.lags([]int{i}, values[i].Limit)...)
	}
	c.notePublications(system)
	slices.SortFunc(c.result.Lags, func(a, b Lag) int {
		return cmp.Or(a.Published.Compare(b.Published), cmp.Compare(a.Serial, b.Serial), cmp.Compare(a.RSI, b.RSI), cmp.Compare(a.VantagePoint, b.VantagePoint))
	})
	return append(values, fill(c.value(measurement.RSSPublication, Minutes, -1, -1), all, system))
}

// published is the publication latency of a view.
type published struct {
	*delays
	slots   [][]Slots
	untimed []int
}

// published follows the serials of the period through a view; given are those of a report
// that is computed again. T(s) comes from the sightings of another view.
func (c *computation) published(v, of *view, given []Publication) *published {
	s := of.serials()
	list := s.ofPeriod()
	if given != nil {
		list = list[:0]
		for _, p := range given {
			list = append(list, publication{p.Serial, c.interval(p.T)})
		}
	}
	if len(c.cfg.Left) > 0 {
		all := c.viewOf(of.level, c.counting()).serials()
		if s.initial = all.initial; given == nil {
			list = all.ofPeriod()
		}
		kept := list[:0]
		for _, p := range list {
			if at, known := s.published(p.serial, -1); known {
				kept = append(kept, publication{p.serial, at})
			}
		}
		list = kept
	}
	return &published{delays: v.publish(s, list), slots: v.slots(), untimed: s.untimed(-1)}
}

// notePublications says which serials the result rests on, and which the data give.
func (c *computation) notePublications(system *published) {
	noted := func(list []publication) (all []Publication) {
		for _, s := range list {
			all = append(all, Publication{s.serial, c.label(s.at)})
		}
		return all
	}
	c.result.Publications, c.result.Derived = noted(system.delays.published), noted(system.serials.ofPeriod())
	c.result.Accepted = c.shown(system, c.accepts)
	if c.result.Known = c.result.Accepted; c.cfg.Accepted != nil {
		c.result.Known = c.shown(system, c.known)
	}
}

// shown lists the serials that answers show or the archive has of the period, where they
// are of root zones by that rule.
func (c *computation) shown(system *published, ofRoot func(uint32) bool) []uint32 {
	all := map[uint32]bool{}
	note := func(s uint32) {
		if ofRoot(s) {
			all[s] = true
		}
	}
	for _, d := range c.days {
		for s := range d.sets.single {
			note(s)
		}
	}
	for s := range system.serials.seen {
		note(s)
	}
	number := map[int]bool{}
	for _, vp := range system.view.order {
		number[vp] = true
	}
	c.eachPast(system.view.level, false, func(s uint32, vp, _ int) {
		if number[vp] {
			note(s)
		}
	})
	for s, z := range c.zones {
		if _, within := c.usedInPeriod(z); within {
			note(s)
		}
	}
	return slices.Sorted(maps.Keys(all))
}
