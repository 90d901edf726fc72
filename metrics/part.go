package metrics

import (
	"cmp"
	"math"
	"math/big"
	"slices"

	"mtric.net/mtric/engine/measurement"
)

// part is what one vantage point contributes to a value: enough for the verdict over
// any choice of vantage points.
type part struct {
	planned, sent int64 // queries

	good, bad, unknown int64 // proven, disproven, neither: of an availability
	incorrect, judged  int64 // answers

	// Of a median: how many values are at or below the bound, and above it; of each kind
	// the one next to the bound.
	below, above int64
	highest      int64 // of those below
	lowest       int64 // of those above; with above > 0
	unobservable int64

	// Of a median, with what is missing as good, and as bad, as it can have been.
	bestBelow, bestAbove, worstBelow, worstAbove int64
}

// add adds a value of a median.
func (p *part) add(value, bound int64) {
	if value <= bound {
		p.below++
		p.highest = max(p.highest, value)
		return
	}
	if p.above == 0 || value < p.lowest {
		p.lowest = value
	}
	p.above++
}

// lack says of how many values of a median it is not known what they were.
func (p *part) lack(unknown int64) {
	p.bestBelow, p.bestAbove = p.below+unknown, p.above
	p.worstBelow, p.worstAbove = p.below, p.above+unknown
}

// sum joins parts.
func sum(parts []part) (s part) {
	for _, p := range parts {
		if p.above > 0 && (s.above == 0 || p.lowest < s.lowest) {
			s.lowest = p.lowest
		}
		s.highest = max(s.highest, p.highest)
		s.planned, s.sent = s.planned+p.planned, s.sent+p.sent
		s.good, s.bad, s.unknown = s.good+p.good, s.bad+p.bad, s.unknown+p.unknown
		s.incorrect, s.judged = s.incorrect+p.incorrect, s.judged+p.judged
		s.below, s.above, s.unobservable = s.below+p.below, s.above+p.above, s.unobservable+p.unobservable
		s.bestBelow, s.bestAbove = s.bestBelow+p.bestBelow, s.bestAbove+p.bestAbove
		s.worstBelow, s.worstAbove = s.worstBelow+p.worstBelow, s.worstAbove+p.worstAbove
	}
	return s
}

// rule is how the verdict of a metric comes from its parts.
type rule interface {
	// fails says whether the sum of parts misses the threshold, thin or not.
	fails(p part, thin bool) bool
	// accuses orders vantage points, those first that weigh most for a fail.
	accuses(p part, thin bool) *big.Rat
}

// availabilityRule judges proven of proven and disproven.
type availabilityRule struct{ limit Limit }

func (r availabilityRule) meets(good, all int64) bool {
	return judge(Percent, &Fraction{good, all}, false, r.limit) == Pass
}

func (r availabilityRule) verdict(p part, thin bool) Verdict {
	all := p.good + p.bad + p.unknown
	switch {
	case thin && r.meets(p.good, max(all, 1)) && all > 0:
		return Pass
	case thin && !r.meets(p.good+p.unknown, max(all, 1)) && all > 0:
		return Fail
	case thin || p.good+p.bad == 0:
		return NoData
	case r.meets(p.good, p.good+p.bad):
		return Pass
	}
	return Fail
}

func (r availabilityRule) fails(p part, thin bool) bool { return r.verdict(p, thin) == Fail }

// accuses is G − θ(G + D), the most accusing negative; here with the sign turned.
func (r availabilityRule) accuses(p part, _ bool) *big.Rat {
	share := new(big.Rat).Quo(r.limit.Bound, big.NewRat(100, 1))
	due := share.Mul(share, big.NewRat(p.good+p.bad, 1))
	return due.Sub(due, big.NewRat(p.good, 1))
}

// bounds are the least and the most that the availability can have been.
func (r availabilityRule) bounds(p part) (low, high *Bound) {
	all := p.good + p.bad + p.unknown
	if all == 0 {
		return nil, nil
	}
	bound := func(good int64) *Bound {
		f := Fraction{good, all}
		return &Bound{f, judge(Percent, &f, false, r.limit)}
	}
	return bound(p.good), bound(p.good + p.unknown)
}

// medianRule judges the median of values in parts of whole units; scale of them make
// one unit of the bound. Pooled says that thin medians are ordered by their best case.
type medianRule struct {
	bound  *big.Rat // in parts
	pooled bool
}

const never = math.MaxInt64 // a value that was not seen before the data end

// verdict of a median: the middle lies where most values lie; between the two in the
// middle it is their mean. Of a thin one nothing that is missing may change it.
func (r medianRule) verdict(p part, thin bool) Verdict {
	plain := Fail
	switch {
	case p.below+p.above == 0:
		return NoData
	case p.below > p.above:
		plain = Pass
	case p.below == p.above && p.lowest != never:
		if mean := big.NewRat(0, 1).SetFrac64(p.highest+p.lowest, 2); mean.Cmp(r.bound) <= 0 {
			plain = Pass
		}
	}
	if thin && (plain == Fail && p.bestAbove <= p.bestBelow || plain == Pass && p.worstBelow <= p.worstAbove) {
		return NoData
	}
	return plain
}

func (r medianRule) fails(p part, thin bool) bool { return r.verdict(p, thin) == Fail }

func (r medianRule) accuses(p part, thin bool) *big.Rat {
	if thin && r.pooled {
		return big.NewRat(p.bestAbove-p.bestBelow, 1)
	}
	return big.NewRat(p.above-p.below, 1)
}

// correctnessRule fails where the judged answers miss the threshold.
type correctnessRule struct{ limit Limit }

func (r correctnessRule) fails(p part, _ bool) bool {
	return p.judged > 0 && judge(Percent, &Fraction{p.judged - p.incorrect, p.judged}, false, r.limit) == Fail
}

func (r correctnessRule) accuses(p part, _ bool) *big.Rat { return big.NewRat(p.incorrect, 1) }

// restsOn lists the vantage points without any one of which a fail would be none; left
// gives the parts without one.
func restsOn(r rule, vps []VantagePoint, parts []part, left func(vp int) []part) (list []measurement.VantagePoint) {
	for vp := range parts {
		s := sum(left(vp))
		if !r.fails(s, thin(s.sent, s.planned)) {
			list = append(list, vps[vp].ID)
		}
	}
	return list
}

// without leaves one part out.
func without(parts []part) func(vp int) []part {
	return func(vp int) []part { return slices.Delete(slices.Clone(parts), vp, vp+1) }
}

// fewest is how many vantage points must be left out, those that accuse most first,
// until a fail is none; thinness stays that of all.
func fewest(r rule, parts []part, isThin bool) int {
	order := make([]int, len(parts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(-r.accuses(parts[a], isThin).Cmp(r.accuses(parts[b], isThin)), a-b)
	})
	for n := 1; n <= len(order); n++ {
		rest := make([]part, 0, len(order)-n)
		for _, i := range order[n:] {
			rest = append(rest, parts[i])
		}
		if !r.fails(sum(rest), isThin) {
			return n
		}
	}
	return len(order)
}

// rest fills in what a fail rests on.
func (v *Value) rest(r rule, vps []VantagePoint, parts []part, left func(vp int) []part) {
	if v.Verdict != Fail {
		return
	}
	v.RestsOn = restsOn(r, vps, parts, left)
	v.Fewest = 1
	if len(v.RestsOn) == 0 {
		v.Fewest = max(2, fewest(r, parts, v.Thin))
	}
}
