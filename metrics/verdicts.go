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
		v.RSI = c.cfg.RSIs[rsi]
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

// rsiPaths are RSI availability (4.2) and response latency (4.3).
func (c *computation) rsiPaths() []Value {
	availability, latency := make([]Value, c.n*len(paths)), make([]Value, c.n*len(paths))
	c.parallel(len(availability), func(i int) {
		rsi, path := i/len(paths), i%len(paths)
		pieces := c.rsi.cells(-1, rsi, path)
		a, l := c.value(RSIAvailability, Percent, rsi, path), c.value(RSILatency, Millis, rsi, path)
		t, r := count(pieces), rank(pieces)
		a.Side, l.Side = ratio(t.ok(), t.asked(), a.Limit), r.side(l.Limit)
		a.Diagnostics.Outcomes, l.Diagnostics = t.outcomes(), r.diagnostics()
		a.Without, l.Without = a.Side, l.Side
		if c.rsi != c.raw {
			pieces = c.raw.cells(-1, rsi, path)
			t = count(pieces)
			a.Without, l.Without = ratio(t.ok(), t.asked(), a.Limit), rank(pieces).side(l.Limit)
		}
		availability[i], latency[i] = a, l
	})
	return slices.Concat(availability, latency)
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

// correctness makes a side of counted checks [skm]. One incorrect answer fails
// the metric now; while answers wait for a verdict nothing passes.
func correctness(t [checkUnchecked + 1]int64, limit Limit) Side {
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

func checkDiagnostics(t [checkUnchecked + 1]int64) Diagnostics {
	d := Diagnostics{Unchecked: t[checkUnchecked], Outcomes: map[string]int64{}}
	for c, name := range []string{checkLocal: "local_error", checkUnanswered: "unanswered", checkCorrect: "correct",
		checkIncorrect: "incorrect", checkUnchecked: "unchecked"} {
		if name != "" && t[c] > 0 {
			d.Outcomes[name] = t[c]
		}
	}
	return d
}

// rsiCorrectness is 4.4.
func (c *computation) rsiCorrectness() []Value {
	var values []Value
	for rsi := range c.n {
		v := c.value(RSICorrectness, Percent, rsi, -1)
		t := c.rsi.checks(-1, rsi)
		v.Side, v.Diagnostics = correctness(t, v.Limit), checkDiagnostics(t)
		v.Without = correctness(c.raw.checks(-1, rsi), v.Limit)
		values = append(values, v)
	}
	return values
}

// rssCorrectness sums over the RSIs (4.8): not the mean of percentages.
func (c *computation) rssCorrectness() []Value {
	sum := func(v *view) (t [checkUnchecked + 1]int64) {
		for rsi := range c.n {
			for i, n := range v.checks(-1, rsi) {
				t[i] += n
			}
		}
		return t
	}
	v := c.value(RSSCorrectness, Percent, -1, -1)
	t := sum(c.system)
	v.Side, v.Diagnostics = correctness(t, v.Limit), checkDiagnostics(t)
	v.Without = correctness(sum(c.raw), v.Limit)
	c.result.Unchecked = t[checkUnchecked]
	return []Value{v}
}

// rsiPublication is 4.5.
func (c *computation) rsiPublication() []Value {
	with := c.rsi.publish(c.system, c.zones, c.accepted)
	without := with
	if c.rsi != c.raw {
		without = c.raw.publish(c.raw, c.zones, c.accepted)
	}
	var values []Value
	for rsi := range c.n {
		v := c.value(RSIPublication, Minutes, rsi, -1)
		v.Side, v.Diagnostics = with.byRSI[rsi].side(v.Limit)
		v.Diagnostics.Serials = int64(with.serials)
		v.Without, _ = without.byRSI[rsi].side(v.Limit)
		values = append(values, v)
	}
	c.result.Lags = with.pool().lags
	slices.SortFunc(c.result.Lags, func(a, b Lag) int {
		return cmp.Or(a.Published.Compare(b.Published), cmp.Compare(a.Serial, b.Serial), cmp.Compare(a.RSI, b.RSI), cmp.Compare(a.VantagePoint, b.VantagePoint))
	})
	return values
}

// rssPublication pools the values of all RSIs (4.8): not the median of medians.
func (c *computation) rssPublication() []Value {
	v := c.value(RSSPublication, Minutes, -1, -1)
	with := c.system.publish(c.system, c.zones, c.accepted)
	v.Side, v.Diagnostics = with.pool().side(v.Limit)
	v.Diagnostics.Serials = int64(with.serials)
	v.Without = v.Side
	if c.system != c.raw {
		v.Without, _ = c.raw.publish(c.raw, c.zones, c.accepted).pool().side(v.Limit)
	}
	return []Value{v}
}
