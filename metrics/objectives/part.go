package objectives

import (
	"cmp"
	"math/big"
	"slices"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// span is a cell: the least and the most that its value can be.
type span struct{ least, most int64 }

// unknown is a cell of which nothing is known.
var unknown = span{0, Never}

// sample is what one vantage point contributes to a value.
type sample struct {
	slots metrics.Slots
	cells []span
}

// part counts the cells of samples by which side of the bound they lie on.
type part struct{ planned, sent, good, bad, unknown int64 }

func (s *sample) part(bound int64) part {
	p := part{planned: s.slots.Planned, sent: s.slots.Sent}
	for _, c := range s.cells {
		switch {
		case c.most <= bound:
			p.good++
		case c.least > bound:
			p.bad++
		default:
			p.unknown++
		}
	}
	return p
}

func sum(parts []part) (s part) {
	for _, p := range parts {
		s.planned, s.sent = s.planned+p.planned, s.sent+p.sent
		s.good, s.bad, s.unknown = s.good+p.good, s.bad+p.bad, s.unknown+p.unknown
	}
	return s
}

// thin says whether a value rests on too little.
func (p part) thin() bool { return 10*p.sent < 9*p.planned }

// rule is a goal as it is judged: a share of the known cells, of which there must be least,
// is good.
type rule struct {
	share *big.Rat // percent
	bound int64
	least int64
}

// meets says whether good of all cells are enough: the percentile by nearest rank lies within
// the bound exactly when they are.
func (r rule) meets(good, all int64) bool {
	due := new(big.Rat).Mul(r.share, big.NewRat(all, 1))
	return big.NewRat(100*good, 1).Cmp(due) >= 0
}

func verdictOf(meets bool) metrics.Verdict {
	if meets {
		return metrics.Pass
	}
	return metrics.Fail
}

// bounds are the verdicts with everything unknown bad, and good.
func (r rule) bounds(p part) (worst, best metrics.Verdict) {
	all := p.good + p.bad + p.unknown
	return verdictOf(r.meets(p.good, all)), verdictOf(r.meets(p.good+p.unknown, all))
}

// verdict judges the known cells; a thin value only where nothing unknown could change it.
func (r rule) verdict(p part, thin bool) metrics.Verdict {
	if p.good+p.bad < max(1, r.least) {
		return metrics.NoData
	}
	if !thin {
		return verdictOf(r.meets(p.good, p.good+p.bad))
	}
	worst, best := r.bounds(p)
	if worst != best {
		return metrics.NoData
	}
	return best
}

// accuses is how far a part lies below its share: those that weigh most for a fail are
// greatest.
func (r rule) accuses(p part) *big.Rat {
	due := new(big.Rat).Mul(r.share, big.NewRat(p.good+p.bad, 100))
	return due.Sub(due, big.NewRat(p.good, 1))
}

// nearest is the percentile of values by nearest rank: the ⌈share·n/100⌉th of them in order.
// It sorts them.
func (r rule) nearest(values []int64) int64 {
	slices.Sort(values)
	rank := new(big.Rat).Mul(r.share, big.NewRat(int64(len(values)), 100))
	n := new(big.Int).Quo(new(big.Int).Add(rank.Num(), new(big.Int).Sub(rank.Denom(), big.NewInt(1))), rank.Denom()).Int64()
	return values[max(n, 1)-1]
}

// fill computes a value from the samples of the vantage points; left gives them without one.
func (v *Value) fill(r rule, vps []measurement.VantagePoint, samples []sample, left func(vp int) []sample, bounded bool) {
	parts := make([]part, len(samples))
	for i := range samples {
		parts[i] = samples[i].part(r.bound)
		v.Slots = metrics.Slots{Planned: v.Slots.Planned + samples[i].slots.Planned, Sent: v.Slots.Sent + samples[i].slots.Sent,
			Unsent: v.Slots.Unsent + samples[i].slots.Unsent, Missing: v.Slots.Missing + samples[i].slots.Missing, OffPlan: v.Slots.OffPlan + samples[i].slots.OffPlan}
	}
	all := sum(parts)
	v.Count, v.Good, v.Unknown, v.Thin = all.good+all.bad, all.good, all.unknown, all.thin()
	v.Verdict = r.verdict(all, v.Thin)
	v.numbers(r, all, samples, bounded)
	if v.Verdict != metrics.Fail {
		return
	}
	for i := range samples {
		var rest []part
		for _, s := range left(i) {
			rest = append(rest, s.part(r.bound))
		}
		if s := sum(rest); r.verdict(s, s.thin()) != metrics.Fail {
			v.RestsOn = append(v.RestsOn, vps[i])
		}
	}
	v.Fewest = 1
	if len(v.RestsOn) == 0 {
		v.Fewest = max(2, r.fewest(parts, v.Thin))
	}
}

// numbers fills in what is printed. Of an availability it is a share, of all else a
// percentile: of what is certain of the known cells, and of all, those unknown at 0 and at Never.
func (v *Value) numbers(r rule, p part, samples []sample, bounded bool) {
	known, all := p.good+p.bad, p.good+p.bad+p.unknown
	if all == 0 {
		return
	}
	worst, best := r.bounds(p)
	if v.Kind == Availability {
		if known > 0 {
			v.Number = &Number{p.good, known}
		}
		v.Low, v.High = &Bound{Number{p.good, all}, worst}, &Bound{Number{p.good + p.unknown, all}, best}
	} else {
		var kept, least, most []int64
		for _, s := range samples {
			for _, c := range s.cells {
				if c.most > r.bound && c.least <= r.bound {
					c = unknown
				} else {
					kept = append(kept, c.least)
				}
				least, most = append(least, c.least), append(most, c.most)
			}
		}
		if known >= max(1, r.least) {
			v.Number = &Number{r.nearest(kept), 1}
		}
		v.Low, v.High = &Bound{Number{r.nearest(least), 1}, best}, &Bound{Number{r.nearest(most), 1}, worst}
	}
	if !bounded {
		v.Low, v.High = nil, nil
	}
}

// fewest is how many vantage points must be left out, those that accuse most first, until
// a fail is none; thinness stays that of all.
func (r rule) fewest(parts []part, thin bool) int {
	order := make([]int, len(parts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(r.accuses(parts[b]).Cmp(r.accuses(parts[a])), a-b)
	})
	for n := 1; n <= len(order); n++ {
		var rest []part
		for _, i := range order[n:] {
			rest = append(rest, parts[i])
		}
		if r.verdict(sum(rest), thin) != metrics.Fail {
			return n
		}
	}
	return len(order)
}

// without leaves one sample out.
func without(samples []sample) func(vp int) []sample {
	return func(vp int) []sample { return slices.Delete(slices.Clone(samples), vp, vp+1) }
}
