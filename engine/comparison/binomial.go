package comparison

import (
	"math"
	"strconv"
)

// sums is the distribution of how many of independent events happen, each at its own
// rate (Poisson binomial): of 0 to most, and in the last place of more.
func sums(rates []float64, most int) []float64 {
	p := make([]float64, most+2)
	p[0] = 1
	for i, r := range rates {
		top := min(i+1, most+1)
		if top == most+1 {
			p[top] += float64(p[top-1] * r) // what is beyond stays there
		} else {
			p[top] = float64(p[top-1] * r)
		}
		for k := min(top-1, most); k > 0; k-- {
			p[k] = float64(p[k]*(1-r)) + float64(p[k-1]*r)
		}
		p[0] = float64(p[0] * (1 - r))
	}
	return p
}

// tail is the probability of at least k.
func tail(rates []float64, k int) float64 {
	if k <= 0 {
		return 1
	}
	if k > len(rates) {
		return 0
	}
	return sums(rates, k-1)[k]
}

func expected(rates []float64) (sum float64) {
	for _, r := range rates {
		sum += r
	}
	return sum
}

// critical is the least number of events that is more than expected by so many, and that is
// reached with less than that probability; more than there are, where none is.
func critical(rates []float64, excess, level float64) int {
	e := expected(rates)
	most := min(len(rates), int(e+12*math.Sqrt(e)+60))
	p := sums(rates, most)
	beyond := p[most+1]
	c := most + 1
	for k := most; k >= 0 && beyond+p[k] < level; k-- {
		beyond += p[k]
		c = k
	}
	return max(c, int(math.Ceil(e+excess)))
}

// power is the probability that c events are reached when each rate is raised by a share.
func power(rates []float64, share float64, c int) float64 {
	raised := make([]float64, len(rates))
	for i, r := range rates {
		raised[i] = r + float64((1-r)*share)
	}
	return tail(raised, c)
}

// rounded has three significant digits, so that machines that round sums in another way
// write the same.
func rounded(x float64) float64 {
	short, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 3, 64), 64)
	if err != nil {
		return 0
	}
	return short
}
