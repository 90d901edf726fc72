package metrics_test

import (
	"cmp"
	"math/big"
	"slices"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// sum tallies a value over vantage points.
func (l *literal) sum(k key, level int, of []metrics.VantagePoint) (t tally) {
	for _, v := range of {
		t.add(l.of(k, level, v))
	}
	return t
}

// judge makes the side of a value of its tally; thin is told where it is held.
func (l *literal) judge(k key, level int, t tally, thin bool) metrics.Side {
	s := metrics.Side{Thin: thin, Unobservable: t.unobservable, Held: t.held}
	limit := k.limit(l.cfg)
	switch k.metric {
	case measurement.RSICorrectness, measurement.RSSCorrectness:
		s.Count = t.correct + t.incorrect
		s.Fraction = fraction(t.correct, s.Count)
		s.Verdict = l.correctness(level, t, limit)
	case measurement.RSIAvailability, measurement.RSSAvailability:
		s.Count = t.count
		l.availability(&s, t, limit, thin)
	case measurement.RSILatency, measurement.RSSLatency, measurement.RSIPublication, measurement.RSSPublication:
		s.Count = int64(len(t.list)) + t.late
		s.Fraction, s.Censored = median(t.list, t.late)
		s.Verdict = l.medianVerdict(k, s, t, thin)
	}
	return s
}

func fraction(num, den int64) *metrics.Fraction {
	if den == 0 {
		return nil
	}
	return &metrics.Fraction{Num: num, Den: den}
}

// percent compares an availability or a correctness with its threshold.
func percent(f *metrics.Fraction, limit metrics.Limit) metrics.Verdict {
	if f == nil {
		return metrics.NoData
	}
	if big.NewRat(100*f.Num, f.Den).Cmp(limit.Bound) >= 0 {
		return metrics.Pass
	}
	return metrics.Fail
}

func (l *literal) availability(s *metrics.Side, t tally, limit metrics.Limit, thin bool) {
	s.Fraction = fraction(t.g, t.g+t.d)
	s.Verdict = percent(s.Fraction, limit)
	all := t.g + t.d + t.u
	low, high := fraction(t.g, all), fraction(t.g+t.u, all)
	if l.mistake == "bounds forget what is unknown" {
		low, high = fraction(t.g, t.g+t.d), fraction(t.g, t.g+t.d)
	}
	if low == nil {
		return
	}
	if thin && l.mistake != "thin values are judged" {
		if s.Verdict = percent(low, limit); s.Verdict != percent(high, limit) {
			s.Verdict = metrics.NoData
		}
	}
	if !l.fromData {
		s.Low, s.High = &metrics.Bound{Fraction: *low, Verdict: percent(low, limit)}, &metrics.Bound{Fraction: *high, Verdict: percent(high, limit)}
	}
}

// correctness follows what is judged; what is held touches all alike, or nobody passes.
func (l *literal) correctness(level int, t tally, limit metrics.Limit) metrics.Verdict {
	v := percent(fraction(t.correct, t.correct+t.incorrect), limit)
	if v != metrics.Pass || l.mistake == "held answers do not matter" {
		return v
	}
	all := l.sum(key{metric: measurement.RSSCorrectness}, level, l.vps)
	responses, allResponses := t.correct+t.incorrect+t.held, all.correct+all.incorrect+all.held
	if 100*t.held > responses || t.held > 10 && t.held*allResponses > 2*all.held*responses {
		return metrics.NoData
	}
	return v
}

// median of values of which some are infinite: the mean of the middle two.
func median(list []int64, late int64) (f *metrics.Fraction, censored bool) {
	n := len(list) + int(late)
	list = slices.Sorted(slices.Values(list))
	switch {
	case n == 0:
		return nil, false
	case n/2 >= len(list):
		return nil, true
	case n%2 == 1:
		return &metrics.Fraction{Num: list[n/2], Den: 1}, false
	}
	return &metrics.Fraction{Num: list[n/2-1] + list[n/2], Den: 2}, false
}

// sides of the bound: how many of a median's samples lie above it and how many do not.
func (l *literal) sides(k key, t tally) (above, below int64) {
	above = t.late
	for _, n := range t.list {
		if l.over(k, n, k.limit(l.cfg).Bound) {
			above++
		} else {
			below++
		}
	}
	return above, below
}

func (l *literal) medianVerdict(k key, s metrics.Side, t tally, thin bool) metrics.Verdict {
	printed := metrics.Pass
	switch {
	case s.Censored:
		printed = metrics.Fail
	case s.Fraction == nil:
		return metrics.NoData
	case big.NewRat(s.Fraction.Num, s.Fraction.Den*k.scale()).Cmp(k.limit(l.cfg).Bound) > 0:
		printed = metrics.Fail
	}
	if !thin || l.mistake == "thin values are judged" {
		return printed
	}
	above, below := l.sides(k, t)
	fails, passes := above > below+t.u, below > above+t.u
	if k.metric == measurement.RSSLatency {
		fails, passes = t.goodAbove > t.goodBelow, t.badBelow > t.badAbove
	}
	if printed == metrics.Fail && fails || printed == metrics.Pass && passes {
		return printed
	}
	return metrics.NoData
}

func isThin(t tally) bool { return 10*t.sent < 9*t.planned }

// side is a value at a level of exclusions.
func (l *literal) side(k key, level int) metrics.Side {
	t := l.sum(k, level, l.vps)
	return l.judge(k, level, t, isThin(t))
}

// without is the report of all vantage points but one.
func (l *literal) without(v measurement.VantagePoint) *literal {
	o := *l
	o.whole, o.dates, o.waited = l, [2]*dating{}, map[tallied]tally{}
	o.vps = slices.DeleteFunc(slices.Clone(l.vps), func(w metrics.VantagePoint) bool { return w.ID == v })
	return &o
}

// accuses orders vantage points by how much a fail rests on them.
func (l *literal) accuses(k key, t tally, thin bool) *big.Rat {
	switch k.metric {
	case measurement.RSICorrectness, measurement.RSSCorrectness:
		return big.NewRat(t.incorrect, 1)
	case measurement.RSIAvailability, measurement.RSSAvailability:
		needed := new(big.Rat).Mul(k.limit(l.cfg).Bound, big.NewRat(t.g+t.d, 100))
		return needed.Sub(needed, big.NewRat(t.g, 1))
	case measurement.RSSLatency:
		if thin {
			return big.NewRat(t.goodAbove-t.goodBelow, 1)
		}
	case measurement.RSILatency, measurement.RSIPublication, measurement.RSSPublication:
	}
	above, below := l.sides(k, t)
	return big.NewRat(above-below, 1)
}

// fewest is how many must be left out, those that accuse most first, until nothing fails.
func (l *literal) fewest(k key, thin bool) int {
	left := slices.Clone(l.vps)
	weight := map[measurement.VantagePoint]*big.Rat{}
	for _, v := range left {
		weight[v.ID] = l.accuses(k, l.of(k, k.level(), v), thin)
	}
	slices.SortFunc(left, func(a, b metrics.VantagePoint) int {
		return cmp.Or(weight[b.ID].Cmp(weight[a.ID]), cmp.Compare(a.ID, b.ID))
	})
	n := 0
	for l.judge(k, k.level(), l.sum(k, k.level(), left), thin).Verdict == metrics.Fail {
		n, left = n+1, left[1:]
	}
	return max(n, 2)
}

// opinion computes everything.
func (l *literal) opinion() (o opinion) {
	o.slots, o.stray, o.frames, o.publications = l.slots(), l.stray(), l.frames(), l.publications()
	o.lags = l.lags()
	sortLags(o.lags)
	o.thin = 10*o.slots.Sent < 9*o.slots.Planned
	left := map[measurement.VantagePoint]*literal{}
	for _, k := range l.keys() {
		v := metrics.Value{Metric: k.metric, RSI: k.rsi, Family: k.path.Family, Transport: k.path.Transport}
		v.Side, v.Without = l.side(k, k.level()), l.side(k, asMeasured)
		if v.Verdict == metrics.Fail {
			for _, w := range l.vps {
				if left[w.ID] == nil {
					left[w.ID] = l.without(w.ID)
				}
				if left[w.ID].side(k, k.level()).Verdict != metrics.Fail {
					v.RestsOn = append(v.RestsOn, w.ID)
				}
			}
			v.Fewest = 1
			if l.mistake == "nobody is named" {
				v.RestsOn = nil
			}
			if len(v.RestsOn) == 0 {
				v.Fewest = l.fewest(k, v.Thin)
			}
			slices.Sort(v.RestsOn)
		}
		o.values = append(o.values, v)
	}
	return o
}

func judgeLiterally(w lakeRows, mistake string) opinion { return newLiteral(w, mistake).opinion() }
