package metrics

import (
	"cmp"
	"math/big"
	"slices"
)

// value starts a Value with its threshold.
func (c *computation) value(metric, unit string, rsi, path int) Value {
	v := Value{Metric: metric, Unit: unit}
	if rsi >= 0 {
		v.RSI = c.cfg.Servers[rsi].RSI
	}
	if path >= 0 {
		v.Family, v.Transport = paths[path].Family, paths[path].Transport
	}
	v.Limit = c.cfg.Limits[LimitKey(metric, v.Transport)]
	return v
}

// ratio is a side of good out of all; none of none is no data.
func ratio(good, all int64, limit Limit) Side {
	s := Side{Count: all}
	if all > 0 {
		s.Fraction = &Fraction{good, all}
	}
	s.Verdict = judge(Percent, s.Fraction, false, limit)
	return s
}

// latency is a side of a median of microseconds.
func (r ranks) side(limit Limit) Side {
	s := Side{Count: r.count}
	if r.count > 0 {
		s.Fraction = &r.median
	}
	s.Verdict = judge(Millis, s.Fraction, false, limit)
	return s
}

func (r ranks) diagnostics() (d Diagnostics) {
	if r.count > 0 {
		d.Mean, d.Min, d.P95, d.Max = &Fraction{r.sum, r.count}, whole(r.min), whole(r.p95), whole(r.max)
	}
	return d
}

// rsiPaths are RSI availability (4.2) and response latency (4.3), and on the way
// the same by vantage point.
func (c *computation) rsiPaths() []Value {
	availability, latency := make([]Value, c.n*len(paths)), make([]Value, c.n*len(paths))
	vps := len(c.rsi.vps)
	c.result.Places = make([]Place, vps*c.n*len(paths))
	c.parallel(len(availability), func(i int) {
		rsi, path := i/len(paths), i%len(paths)
		a, l := c.value(RSIAvailability, Percent, rsi, path), c.value(RSILatency, Millis, rsi, path)
		var all gauge
		for vp := range vps {
			pieces := c.rsi.cells(vp, rsi, path)
			var g gauge
			g.look(pieces)
			all.add(&g)
			c.result.Places[(vp*c.n+rsi)*len(paths)+path] = c.place(vp, rsi, path, &g, pieces)
		}
		r := all.rank(c.rsi.cells(-1, rsi, path))
		a.Side, l.Side = ratio(all.ok(), all.asked(), a.Limit), r.side(l.Limit)
		a.Diagnostics.Outcomes, l.Diagnostics = all.outcomes(), r.diagnostics()
		a.Without, l.Without = a.Side, l.Side
		if c.rsi != c.raw {
			pieces := c.raw.cells(-1, rsi, path)
			var g gauge
			g.look(pieces)
			a.Without, l.Without = ratio(g.ok(), g.asked(), a.Limit), g.rank(pieces).side(l.Limit)
		}
		availability[i], latency[i] = a, l
	})
	return slices.Concat(availability, latency)
}

// place is what one vantage point saw of an RSI over a path.
func (c *computation) place(vp, rsi, path int, g *gauge, pieces [][]uint32) Place {
	p := Place{VantagePoint: c.rsi.vps[vp].ID, RSI: c.cfg.Servers[rsi].RSI, Path: paths[path], Asked: g.asked(), OK: g.ok()}
	if r := g.rank(pieces); r.count > 0 {
		p.Min, p.Median, p.P95, p.Max = whole(r.min), &r.median, whole(r.p95), whole(r.max)
	}
	return p
}

// rssPaths are RSS availability (4.6) and response latency (4.7).
func (c *computation) rssPaths() []Value {
	availability, latency := make([]Value, len(paths)), make([]Value, len(paths))
	c.parallel(len(paths), func(path int) {
		a, l := c.value(RSSAvailability, Percent, -1, path), c.value(RSSLatency, Millis, -1, path)
		a.Side, l.Side, a.Diagnostics, l.Diagnostics = c.system.rss(path, a.Limit, l.Limit)
		a.Without, l.Without = a.Side, l.Side
		if c.system != c.raw {
			a.Without, l.Without, _, _ = c.raw.rss(path, a.Limit, l.Limit)
		}
		availability[path], latency[path] = a, l
	})
	return slices.Concat(availability, latency)
}

// rss is a path of the system: its two sides and what stands beside them.
func (v *view) rss(path int, availability, latency Limit) (a, l Side, da, dl Diagnostics) {
	s := v.system(path)
	a = ratio(s.reached, s.needed, availability)
	a.Count = s.asked // A24: queries sent; the VP-intervals stand beside
	r := s.lowest.rank()
	da = Diagnostics{VPIntervals: s.intervals, Skipped: s.skipped}
	dl = r.diagnostics()
	dl.VPIntervals, dl.Skipped = s.intervals, s.skipped
	return a, r.side(latency), da, dl
}

// side makes a side of counted checks [skm]. One incorrect answer fails the
// metric now; while answers wait for a verdict nothing passes.
func (t checked) side(limit Limit) Side {
	correct, unchecked := t[checkCorrect], t[checkUnchecked]
	judged := correct + t[checkIncorrect]
	s := ratio(correct, judged, limit)
	if unchecked == 0 || judged == 0 {
		return s
	}
	// With all that wait being correct, would it still fail?
	best := new(big.Rat).Mul(big.NewRat(correct+unchecked, judged+unchecked), big.NewRat(100, 1))
	if best.Cmp(limit.Bound) >= 0 {
		s.Verdict = NoData
	}
	return s
}

func (t checked) diagnostics() Diagnostics {
	d := Diagnostics{Unchecked: t[checkUnchecked], Outcomes: map[string]int64{}}
	for c, name := range []string{checkLocal: "local_error", checkUnanswered: "unanswered", checkCorrect: "correct",
		checkIncorrect: "incorrect", checkUnchecked: "unchecked"} {
		if name != "" && t[c] > 0 {
			d.Outcomes[name] = t[c]
		}
	}
	return d
}

// total sums over the RSIs (4.8): not the mean of percentages.
func total(list []checked) (sum checked) {
	for _, t := range list {
		for i, n := range t {
			sum[i] += n
		}
	}
	return sum
}

// correctness is 4.4 and the first half of 4.8.
func (c *computation) correctness() []Value {
	raw := c.raw.checks()
	system, rsi := raw, raw
	if c.rsi != c.raw {
		system, rsi = c.system.checks(), c.rsi.checks()
	}
	var values []Value
	for i := range c.n {
		v := c.value(RSICorrectness, Percent, i, -1)
		v.Side, v.Diagnostics, v.Without = rsi[i].side(v.Limit), rsi[i].diagnostics(), raw[i].side(v.Limit)
		values = append(values, v)
	}
	v := c.value(RSSCorrectness, Percent, -1, -1)
	t := total(system)
	v.Side, v.Diagnostics, v.Without = t.side(v.Limit), t.diagnostics(), total(raw).side(v.Limit)
	c.result.Unchecked = t[checkUnchecked]
	return append(values, v)
}

// publication is 4.5 and the second half of 4.8: of the system the values of all
// RSIs are pooled, it is not the median of medians.
func (c *computation) publication() []Value {
	raw := c.raw.publish(c.raw, c.zones, c.accepted)
	system, rsi := raw, raw
	if c.rsi != c.raw {
		system, rsi = c.system.publish(c.system, c.zones, c.accepted), c.rsi.publish(c.system, c.zones, c.accepted)
	}
	var values []Value
	for i := range c.n {
		v := c.value(RSIPublication, Minutes, i, -1)
		v.Side, v.Diagnostics = rsi.byRSI[i].side(v.Limit)
		v.Diagnostics.Serials = int64(rsi.serials)
		v.Without = v.Side
		if c.rsi != c.raw {
			v.Without, _ = raw.byRSI[i].side(v.Limit)
		}
		values = append(values, v)
	}
	v := c.value(RSSPublication, Minutes, -1, -1)
	pool := system.pool()
	v.Side, v.Diagnostics = pool.side(v.Limit)
	v.Diagnostics.Serials = int64(system.serials)
	v.Without = v.Side
	if c.rsi != c.raw {
		v.Without, _ = raw.pool().side(v.Limit)
		pool = rsi.pool()
	}
	c.result.Lags = pool.lags
	slices.SortFunc(c.result.Lags, func(a, b Lag) int {
		return cmp.Or(a.Published.Compare(b.Published), cmp.Compare(a.Serial, b.Serial), cmp.Compare(a.RSI, b.RSI), cmp.Compare(a.VantagePoint, b.VantagePoint))
	})
	return append(values, v)
}
