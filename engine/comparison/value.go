package comparison

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
)

func compareText(a, b string) int { return cmp.Compare(a, b) }

// million is the whole of a share.
const million = 1_000_000

// median of values in any order: of an even number the mean of the two in the middle, cut off.
func median(all []int64) int64 {
	slices.Sort(all)
	n := len(all)
	return all[(n-1)/2]/2 + all[n/2]/2 + (all[(n-1)/2]%2+all[n/2]%2)/2
}

// quantile of sorted values by nearest rank, in percent.
func quantile(sorted []int64, percent int) int64 {
	return sorted[max((len(sorted)*percent+99)/100, 1)-1]
}

// sample is one value a vantage point, by network.
type sample map[int64][]int64

// networks are the medians of the networks, in the order of their numbers.
func (s sample) networks() []int64 {
	all := make([]int64, 0, len(s))
	for _, n := range slices.Sorted(maps.Keys(s)) {
		all = append(all, median(s[n]))
	}
	return all
}

// bootstrap is the interval that holds 95 % of the values that draws of the networks with
// replacement have; nil of fewer than two networks.
func bootstrap(draws int, seed uint64, lists [][]int64, value func(drawn [][]int64) int64) (low, high *int64) {
	for _, list := range lists {
		if len(list) < 2 {
			return nil, nil
		}
	}
	random := rand.New(rand.NewPCG(seed, 19))
	drawn := make([][]int64, len(lists))
	for i, list := range lists {
		drawn[i] = make([]int64, len(list))
	}
	values := make([]int64, draws)
	for d := range values {
		for i, list := range lists {
			for k := range drawn[i] {
				drawn[i][k] = list[random.IntN(len(list))]
			}
		}
		values[d] = value(drawn)
	}
	slices.Sort(values)
	return new(values[draws*25/1000]), new(values[draws-1-draws*25/1000])
}

// mean of values, cut off.
func mean(all []int64) int64 {
	var sum int64
	for _, x := range all {
		sum += x
	}
	return sum / int64(len(all))
}

// middle is the median of values that are kept in their order.
func middle(all []int64) int64 { return median(slices.Clone(all)) }

// availability is the mean over networks; nil of none.
func (c *comparer) availability(networks []int64) *Estimate {
	if len(networks) == 0 {
		return nil
	}
	e := Estimate{Value: mean(networks)}
	e.Low, e.High = bootstrap(c.Draws, c.Seed, [][]int64{networks}, func(d [][]int64) int64 { return mean(d[0]) })
	return &e
}

// latency is the quantiles over networks; nil of none.
func (c *comparer) latency(networks []int64) *Latency {
	if len(networks) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(networks))
	l := Latency{P10: quantile(sorted, 10), Median: Estimate{Value: middle(sorted)}, P90: quantile(sorted, 90)}
	l.Median.Low, l.Median.High = bootstrap(c.Draws, c.Seed, [][]int64{networks}, func(d [][]int64) int64 { return median(d[0]) })
	return &l
}

// slower is the share of their networks that are slower than our median.
func (c *comparer) slower(ours, theirs []int64) *Estimate {
	if len(ours) == 0 || len(theirs) == 0 {
		return nil
	}
	share := func(ours, theirs []int64) int64 {
		m, n := median(ours), int64(0)
		for _, x := range theirs {
			if x > m {
				n++
			}
		}
		return n * million / int64(len(theirs))
	}
	e := Estimate{Value: share(slices.Clone(ours), theirs)}
	e.Low, e.High = bootstrap(c.Draws, c.Seed, [][]int64{ours, theirs}, func(d [][]int64) int64 { return share(d[0], d[1]) })
	return &e
}
