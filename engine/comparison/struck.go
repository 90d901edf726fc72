package comparison

import (
	"maps"
	"slices"
)

// What an hour was for a vantage point over a path of an RSI.
const (
	noHour = iota // it did not ask, or nobody can say
	fine
	struck
)

// judgement says what each hour was for a vantage point.
type judgement func(s *side, b *block, cell int) []uint8

// failing strikes hours in which at least a quarter of the queries failed: one of two of the
// built-in measurements, three of twelve of ours.
func failing(s *side, b *block, cell int) []uint8 {
	hours := make([]uint8, s.hours)
	failed := s.span(b.failed, cell)
	for h, n := range s.span(b.asked, cell) {
		switch {
		case n == 0:
		case 4*int(failed[h]) >= int(n):
			hours[h] = struck
		default:
			hours[h] = fine
		}
	}
	return hours
}

// slow strikes hours whose latency is more than one and a half times that of the week before
// the period, and 10 ms, by the hours of that week that both sides covered: if a fault fills what one of
// them has of the week, it is not normal for that one alone. Without half a day nobody can say.
func slow(s *side, b *block, cell int, both []bool) []uint8 {
	hours, took := make([]uint8, s.hours), s.span(b.took, cell)
	var steps [scaleSteps]int
	n := 0
	for h, i := range took[:s.before] {
		if i > 0 && both[h] {
			steps[i]++
			n++
		}
	}
	if n < enoughHours {
		return hours
	}
	most := stepUS(ranked(&steps, (n+1)/2))*3/2 + 10_000
	for h, i := range took {
		switch {
		case i == 0:
		case stepUS(i) > most:
			hours[h] = struck
		default:
			hours[h] = fine
		}
	}
	return hours
}

// enoughHours are how many hours there must be to say what is normal.
const enoughHours = 12

// table says of networks how many of their vantage points were struck, hour by hour.
type table struct {
	side    *side
	hours   int     // columns
	from    int     // the first that is tested
	back    int     // so many before one say what is normal for it
	numbers []int64 // of the networks, ascending
	region  []string
	asked   [][]uint16 // vantage points, by network and hour
	struck  [][]uint16
}

// table of an RSI's path.
func (s *side) table(cell int, judge judgement) *table {
	t := &table{side: s, hours: s.hours, from: s.before, back: weekHours}
	t.fill(func(vp int) int64 { return s.network(vp, cell%pathCount/2) }, func(vp int) []uint8 {
		b := s.vps[vp]
		if !slices.ContainsFunc(s.span(b.asked, cell), func(n uint8) bool { return n > 0 }) {
			return nil
		}
		return judge(s, b, cell)
	})
	return t
}

// fill takes in what each hour was for each vantage point; nil where it did not ask.
func (t *table) fill(network func(vp int) int64, judged func(vp int) []uint8) {
	all, place := make([][]uint8, len(t.side.vps)), map[int64]int{}
	for vp := range all {
		if all[vp] = judged(vp); all[vp] != nil {
			place[network(vp)] = 0
		}
	}
	t.numbers = slices.Sorted(maps.Keys(place))
	for i, n := range t.numbers {
		place[n] = i
		t.asked, t.struck, t.region = append(t.asked, make([]uint16, t.hours)), append(t.struck, make([]uint16, t.hours)), append(t.region, "")
	}
	for vp, hours := range all {
		if hours == nil {
			continue
		}
		at := place[network(vp)]
		t.region[at] = t.side.region(vp)
		for h, what := range hours {
			if what != noHour {
				t.asked[at][h]++
			}
			if what == struck {
				t.struck[at][h]++
			}
		}
	}
}

// hourTest is what a test of an hour found.
type hourTest struct {
	Strongest          // of this side: Ours or Probes and Networks are filled in
	raw        float64 // probability, not corrected; 1 where it was not worth computing
	excess     bool
	rates      []float64 // of the networks that take part; nil where nobody asked for them
	networks   []int     // struck, in the table
	reachedAny bool      // there are networks that know what is normal
}

// test looks for hours of the period in which more networks are struck than their own rates
// of the week before explain: by at least so many, with a probability of less than level.
// Hours that were found do not count as normal for those after them. A network is struck where
// at least half of its vantage points are. Of hours that keep names, the rates are kept.
func (t *table) test(least, level float64, keep func(h int) bool) []hourTest {
	found := make([]hourTest, t.hours)
	n, x := make([]int, len(t.numbers)), make([]int, len(t.numbers))
	count := func(h, by int) {
		if h < 0 || found[h].excess {
			return
		}
		for i := range t.numbers {
			if t.asked[i][h] > 0 {
				n[i] += by
				if t.isStruck(i, h) {
					x[i] += by
				}
			}
		}
	}
	for h := range t.hours {
		if h >= t.from {
			found[h] = t.hour(h, n, x, least, level, keep(h))
		}
		count(h, 1)
		count(h-t.back+1, -1)
	}
	return found
}

func (t *table) isStruck(i, h int) bool {
	return t.asked[i][h] > 0 && 2*t.struck[i][h] >= t.asked[i][h]
}

// hour tests one hour by what is normal.
func (t *table) hour(h int, n, x []int, least, level float64, keep bool) hourTest {
	var f hourTest
	sumN, sumX := 1, 1 // so that the common rate is never 0
	for i := range n {
		sumN, sumX = sumN+n[i], sumX+x[i]
	}
	common := float64(sumX) / float64(sumN)
	var rates []float64
	for i := range t.numbers {
		f.Probes += int(t.asked[i][h])
		f.ProbesStruck += int(t.struck[i][h])
		if t.asked[i][h] == 0 || n[i] < enoughHours {
			continue
		}
		rates = append(rates, (float64(x[i])+common)/float64(n[i]+1))
		if t.isStruck(i, h) {
			f.networks = append(f.networks, i)
		}
	}
	f.Networks, f.NetworksStruck, f.reachedAny = len(rates), len(f.networks), len(rates) > 0
	f.Expected, f.raw = expected(rates), 1
	if over := float64(f.NetworksStruck) - f.Expected; f.NetworksStruck > 0 && (over >= least || keep) {
		f.raw = tail(rates, f.NetworksStruck)
		f.excess = over >= least && f.raw < level
	}
	if keep {
		f.rates = rates
	}
	return f
}

// regionsOf are those in which at least a tenth of the networks that asked was struck, in
// one of the hours.
func (t *table) regionsOf(hours []int) []string {
	met := map[string]bool{}
	for _, h := range hours {
		asked, hit := map[string]int{}, map[string]int{}
		for i := range t.numbers {
			if t.asked[i][h] > 0 {
				asked[t.region[i]]++
			}
			if t.isStruck(i, h) {
				hit[t.region[i]]++
			}
		}
		for region, n := range hit {
			if 10*n >= asked[region] && n > 1 {
				met[region] = true
			}
		}
	}
	all := slices.Sorted(maps.Keys(met))
	if all == nil {
		return []string{}
	}
	return all
}
