package comparison

import (
	"runtime"

	"golang.org/x/sync/errgroup"
)

// leastRSIs must have been asked, before trouble at more than half of them says something.
const leastRSIs = 3

// trouble is a path, and whether it is about latency.
type trouble struct {
	path int
	slow bool
}

// struckWidely is widely, once for each trouble: FAILs and outages ask for the same.
func (c *comparer) struckWidely(t trouble) map[int64][]bool {
	hit, known := c.hit[t]
	if known {
		return hit
	}
	judge := func(int) judgement { return failing }
	if t.slow {
		judge = c.slow
	}
	hit = c.widely(t.path, judge)
	if c.hit == nil {
		c.hit = map[trouble]map[int64][]bool{}
	}
	c.hit[t] = hit
	return hit
}

// widely says of networks in which hours of the period they were struck at more than half of the
// RSIs over a path: a country that is cut off fails at all servers that lie elsewhere. It may be
// an attack on them too; but who fails everywhere cannot say that one server failed.
func (c *comparer) widely(path int, judge func(cell int) judgement) map[int64][]bool {
	s, tables := c.theirs, make([]*table, len(c.RSIs))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for rsi := range tables {
		group.Go(func() error {
			cell := rsi*pathCount + path
			tables[rsi] = s.table(cell, judge(cell))
			return nil
		})
	}
	_ = group.Wait()
	type counts struct{ asked, struck []uint8 }
	networks := map[int64]counts{}
	for _, t := range tables {
		for i, number := range t.numbers {
			n, met := networks[number]
			if !met {
				n = counts{make([]uint8, s.hours), make([]uint8, s.hours)}
				networks[number] = n
			}
			for h := s.before; h < s.hours; h++ {
				if t.asked[i][h] > 0 {
					n.asked[h]++
				}
				if t.isStruck(i, h) {
					n.struck[h]++
				}
			}
		}
	}
	hit := map[int64][]bool{}
	for number, n := range networks {
		for h, struck := range n.struck {
			if n.asked[h] >= leastRSIs && 2*int(struck) > int(n.asked[h]) {
				if hit[number] == nil {
					hit[number] = make([]bool, s.hours)
				}
				hit[number][h] = true
			}
		}
	}
	return hit
}

// struckAlone are the networks that an hour struck, without those that it struck widely.
func (f *hourTest) struckAlone() int { return f.NetworksStruck - f.Widely }

// confirms says whether an hour is in excess by the networks that were not struck widely.
func (f *hourTest) confirms(level float64) bool {
	return f.excess && (f.Widely == 0 || float64(f.struckAlone())-f.Expected >= leastNetworks && tail(f.rates, f.struckAlone()) < level)
}
