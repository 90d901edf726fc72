package metrics

import (
	"math/big"
	"slices"

	"mtric.net/mtric/engine/measurement"
)

// value starts a Value with its threshold.
func (c *computation) value(metric measurement.Metric, unit string, rsi, path int) Value {
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

// whole is the greatest whole number of parts of a bound's unit, of which scale make
// one, that meets the bound.
func wholeParts(limit Limit, scale int64) int64 {
	r := new(big.Rat).Mul(limit.Bound, big.NewRat(scale, 1))
	q := new(big.Int).Quo(r.Num(), r.Denom())
	if !q.IsInt64() {
		return never - 1
	}
	return q.Int64()
}

// microseconds is a latency's threshold in whole µs.
func microseconds(limit Limit) int64 { return wholeParts(limit, 1000) }

// inParts is a threshold in the parts that values are counted in.
func inParts(limit Limit, scale int64) *big.Rat {
	return new(big.Rat).Mul(limit.Bound, big.NewRat(scale, 1))
}

// side makes the side of an availability: count is of queries sent.
func (r availabilityRule) side(p part, count int64, bounds bool) Side {
	s := Side{Count: count, Thin: thin(p.sent, p.planned)}
	if all := p.good + p.bad; all > 0 {
		s.Fraction = &Fraction{p.good, all}
	}
	s.Verdict = r.verdict(p, s.Thin)
	if bounds {
		s.Low, s.High = r.bounds(p)
	}
	return s
}

// latencySide makes the side of a median of microseconds. Parts, of which only a
// verdict that is thin needs the sum, are made when asked for.
func latencySide(r ranks, limit Limit, isThin bool, parts func() []part) Side {
	s := Side{Count: r.count, Thin: isThin}
	if r.count > 0 {
		s.Fraction = &r.median
	}
	s.Verdict = judge(Millis, s.Fraction, false, limit)
	if isThin {
		s.Verdict = medianRule{bound: inParts(limit, 1000)}.verdict(sum(parts()), true)
	}
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
	c.result.Places = make([]Place, len(c.rsi.vps)*c.n*len(paths))
	c.parallel(len(availability), func(i int) {
		rsi, path := i/len(paths), i%len(paths)
		a, l := c.value(measurement.RSIAvailability, Percent, rsi, path), c.value(measurement.RSILatency, Millis, rsi, path)
		p := c.rsi.rsiPath(rsi, path)
		for vp := range p.gauges {
			c.result.Places[(vp*c.n+rsi)*len(paths)+path] = c.place(vp, rsi, path, &p.gauges[vp])
		}
		a.Side, l.Side = p.sides(a.Limit, l.Limit, c.bounded())
		a.Diagnostics.Outcomes, l.Diagnostics = p.all.outcomes(), p.ranks.diagnostics()
		a.rest(availabilityRule{a.Limit}, c.rsi.vps, p.parts, without(p.parts))
		if l.Verdict == Fail {
			parts := p.latencies(l.Limit)
			l.rest(medianRule{bound: inParts(l.Limit, 1000)}, c.rsi.vps, parts, without(parts))
		}
		a.Without, l.Without = a.Side, l.Side
		if c.rsi != c.raw {
			a.Without, l.Without = c.raw.rsiPath(rsi, path).sides(a.Limit, l.Limit, c.bounded())
		}
		availability[i], latency[i] = a, l
	})
	return slices.Concat(availability, latency)
}

// bounded says whether it is known what was planned, so that values have bounds.
func (c *computation) bounded() bool { return !c.anyVP }

// rsiPath is one RSI over one path: what became of its queries at each vantage point.
type rsiPath struct {
	view      *view
	rsi, path int
	gauges    []firstPass
	all       firstPass
	parts     []part
	ranks     ranks
}

func (v *view) rsiPath(rsi, path int) *rsiPath {
	p := &rsiPath{view: v, rsi: rsi, path: path, gauges: make([]firstPass, len(v.vps)), parts: make([]part, len(v.vps))}
	for vp := range v.vps {
		g := &p.gauges[vp]
		g.count(v.cells(vp, rsi, path))
		p.all.add(g)
		s := g.slots()
		p.parts[vp] = part{planned: s.Planned, sent: s.Sent, good: g.ok(), bad: s.Sent - g.ok(), unknown: s.Planned - s.Sent}
	}
	p.ranks = p.all.rank(v.cells(-1, rsi, path))
	return p
}

// sides are availability and response latency.
func (p *rsiPath) sides(availability, latency Limit, bounds bool) (a, l Side) {
	s := sum(p.parts)
	a = availabilityRule{availability}.side(s, s.sent, bounds)
	return a, latencySide(p.ranks, latency, a.Thin, func() []part { return p.latencies(latency) })
}

// latencies are the parts of the median.
func (p *rsiPath) latencies(limit Limit) []part {
	bound := microseconds(limit)
	list := make([]part, len(p.parts))
	for vp := range list {
		own := part{planned: p.parts[vp].planned, sent: p.parts[vp].sent}
		for _, piece := range p.view.cells(vp, p.rsi, p.path) {
			for _, c := range piece {
				if c >= cellOK {
					own.add(int64(c-cellOK), bound)
				}
			}
		}
		own.lack(own.planned - own.sent)
		list[vp] = own
	}
	return list
}

// place is what one vantage point saw of an RSI over a path.
func (c *computation) place(vp, rsi, path int, g *firstPass) Place {
	p := Place{VantagePoint: c.rsi.vps[vp].ID, RSI: c.cfg.Servers[rsi].RSI, Path: paths[path], Asked: g.asked(), OK: g.ok()}
	if r := g.rank(c.rsi.cells(vp, rsi, path)); r.count > 0 {
		p.Min, p.Median, p.P95, p.Max = whole(r.min), &r.median, whole(r.p95), whole(r.max)
	}
	return p
}

// rssPaths are RSS availability (4.6) and response latency (4.7).
func (c *computation) rssPaths() []Value {
	availability, latency := make([]Value, len(paths)), make([]Value, len(paths))
	c.parallel(len(paths), func(path int) {
		a, l := c.value(measurement.RSSAvailability, Percent, -1, path), c.value(measurement.RSSLatency, Millis, -1, path)
		s := c.system.system(path, microseconds(l.Limit))
		var r ranks
		a.Side, l.Side, r = s.sides(a.Limit, l.Limit, c.bounded())
		a.Diagnostics, l.Diagnostics = Diagnostics{VPIntervals: s.intervals}, r.diagnostics()
		l.Diagnostics.VPIntervals, l.Diagnostics.Skipped = s.intervals, s.skipped
		a.rest(availabilityRule{a.Limit}, c.system.vps, s.parts, without(s.parts))
		l.rest(medianRule{inParts(l.Limit, 1000), true}, c.system.vps, s.parts, without(s.parts))
		a.Without, l.Without = a.Side, l.Side
		if c.system != c.raw {
			a.Without, l.Without, _ = c.raw.system(path, microseconds(l.Limit)).sides(a.Limit, l.Limit, c.bounded())
		}
		availability[path], latency[path] = a, l
	})
	return slices.Concat(availability, latency)
}

// sides are the system's over a path. Counted are queries sent, the VP-intervals stand
// beside (reading A24).
func (s *system) sides(availability, latency Limit, bounds bool) (a, l Side, r ranks) {
	all := sum(s.parts)
	r = s.lowest.rank()
	a = availabilityRule{availability}.side(all, all.sent, bounds)
	return a, latencySide(r, latency, a.Thin, func() []part { return s.parts }), r
}

// Responses are correctness answers that were received, by what became of them; held are
// those that wait for a verdict.
type Responses struct{ Correct, Incorrect, Held int64 }

func (r Responses) all() int64 { return r.Correct + r.Incorrect + r.Held }

// Verdict judges an RSI's responses, beside everybody's [skm]: one that is incorrect fails
// the metric. It passes where hardly any waits for a verdict, or the RSI's do not wait more
// often than everybody's: a zone that we lack holds the answers of all alike.
func (r Responses) Verdict(everybody Responses, limit Limit) Verdict {
	judged := r.Correct + r.Incorrect
	if judged == 0 {
		return NoData
	}
	few := 100*r.Held <= r.all() && (r.Held <= 10 || r.Held*everybody.all() <= 2*everybody.Held*r.all())
	v := judge(Percent, &Fraction{r.Correct, judged}, false, limit)
	if v == Pass && !few {
		return NoData
	}
	return v
}

func (c *checked) responses() Responses {
	return Responses{c.answers[checkCorrect], c.answers[checkIncorrect], c.held()}
}

// correctnessSide makes the side of a correctness.
func correctnessSide(own, all checked, limit Limit) Side {
	r := own.responses()
	s := Side{Count: r.Correct + r.Incorrect, Held: r.Held, Thin: thin(own.Sent, own.Planned), Verdict: r.Verdict(all.responses(), limit)}
	if s.Count > 0 {
		s.Fraction = &Fraction{r.Correct, s.Count}
	}
	return s
}

func (c *checked) diagnostics() Diagnostics {
	d := Diagnostics{Unchecked: c.held(), Outcomes: map[string]int64{}}
	put := func(name string, n int64) {
		if n > 0 {
			d.Outcomes[name] = n
		}
	}
	put(string(measurement.LocalError), c.Unsent)
	put("unanswered", c.answers[checkUnanswered])
	put(string(measurement.Correct), c.answers[checkCorrect])
	put(string(measurement.Incorrect), c.answers[checkIncorrect])
	put(string(measurement.Unchecked), c.held())
	return d
}

// total sums over vantage points.
func total(list []checked) (sum checked) {
	for i := range list {
		sum.add(&list[i])
	}
	return sum
}

// byVantagePoint sums over the RSIs (4.8): not the mean of percentages.
func byVantagePoint(all [][]checked) []checked {
	list := make([]checked, len(all[0]))
	for _, rsi := range all {
		for vp := range rsi {
			list[vp].add(&rsi[vp])
		}
	}
	return list
}

func correctnessParts(list []checked) []part {
	parts := make([]part, len(list))
	for i, c := range list {
		parts[i] = part{planned: c.Planned, sent: c.Sent, incorrect: c.answers[checkIncorrect], judged: c.answers[checkCorrect] + c.answers[checkIncorrect]}
	}
	return parts
}

// correctness is 4.4 and the first half of 4.8.
func (c *computation) correctness() []Value {
	raw := c.raw.checks()
	system, rsi := raw, raw
	if c.rsi != c.raw {
		system, rsi = c.system.checks(), c.rsi.checks()
	}
	fill := func(v Value, vps []VantagePoint, own, all, rawOwn, rawAll []checked) Value {
		sum := total(own)
		v.Side, v.Diagnostics = correctnessSide(sum, total(all), v.Limit), sum.diagnostics()
		v.Without = correctnessSide(total(rawOwn), total(rawAll), v.Limit)
		parts := correctnessParts(own)
		v.rest(correctnessRule{v.Limit}, vps, parts, without(parts))
		return v
	}
	allRSI, allSystem, allRaw := byVantagePoint(rsi), byVantagePoint(system), byVantagePoint(raw)
	var values []Value
	for i := range c.n {
		values = append(values, fill(c.value(measurement.RSICorrectness, Percent, i, -1), c.rsi.vps, rsi[i], allRSI, raw[i], allRaw))
	}
	rss := fill(c.value(measurement.RSSCorrectness, Percent, -1, -1), c.system.vps, allSystem, allSystem, allRaw, allRaw)
	c.result.Unchecked = rss.Held
	sum := total(allSystem)
	c.checks = sum.Slots
	return append(values, rss)
}
