package metrics

// A latency below the deadline has one of so many coarse buckets of 1,024 µs.
const (
	fine    = 1024
	buckets = int(4_000_000/fine) + 1
)

// ranks are the order statistics of a sample, exact, in µs; the zero value has
// no sample.
type ranks struct {
	count, sum    int64
	min, p95, max int64
	median        Fraction
}

// medianRanks are the places, from 0, of the two values that the median is the
// mean of; for an odd count the same one twice.
func medianRanks(count int64) (low, high int64) { return (count - 1) / 2, count / 2 }

// medianOf makes the median of the values in the middle: over 1 for an odd
// count, over 2 for an even one.
func medianOf(count, low, high int64) Fraction {
	if count%2 == 1 {
		return Fraction{low, 1}
	}
	return Fraction{low + high, 2}
}

// nearestRank95 is the place, from 0, of the 95th percentile by nearest rank.
func nearestRank95(count int64) int64 { return (95*count+99)/100 - 1 }

// firstPass is the first pass over cells: what became of them, and the latencies of
// those answered well by coarse buckets.
type firstPass struct {
	tally
	sum    int64 // µs
	coarse [buckets]int32
}

func (g *firstPass) count(pieces [][]uint32) {
	for _, piece := range pieces {
		for _, c := range piece {
			if c < cellOK {
				g.tally[c]++
				continue
			}
			us := c - cellOK
			g.coarse[us/fine]++
			g.sum += int64(us)
		}
	}
	g.tally[cellOK] = 0
	for _, n := range g.coarse {
		g.tally[cellOK] += int64(n)
	}
}

func (g *firstPass) add(o *firstPass) {
	for i, n := range o.tally {
		g.tally[i] += n
	}
	for i, n := range o.coarse {
		g.coarse[i] += n
	}
	g.sum += o.sum
}

// rank finds the order statistics of the cells that the first pass counted: a second
// pass counts the microseconds of the few buckets that matter.
func (g *firstPass) rank(pieces [][]uint32) ranks {
	r := ranks{count: g.ok(), sum: g.sum}
	if r.count == 0 {
		return r
	}
	low, high := medianRanks(r.count)
	found := g.find(pieces, []int64{0, low, high, nearestRank95(r.count), r.count - 1})
	r.min, r.p95, r.max = found[0], found[3], found[4]
	r.median = medianOf(r.count, found[1], found[2])
	return r
}

// maxPlaces is how many places find can be asked for.
const maxPlaces = 5

// find returns the values at places, in ascending order.
func (g *firstPass) find(pieces [][]uint32, places []int64) []int64 {
	in, rest := make([]int, len(places)), make([]int64, len(places)) // the bucket of each place, the place in it
	passed, next := int64(0), 0
	for b, n := range g.coarse {
		before := passed
		for passed += int64(n); next < len(places) && places[next] < passed; next++ {
			in[next], rest[next] = b, places[next]-before
		}
	}
	var slot [buckets]uint8 // index of the bucket's fine counters; 0 takes what does not matter
	var counters [maxPlaces + 1][fine]int32
	used := uint8(0)
	for _, b := range in {
		if slot[b] == 0 {
			used++
			slot[b] = used
		}
	}
	for _, piece := range pieces {
		for _, c := range piece {
			if us := c - cellOK; c >= cellOK && slot[us/fine] != 0 {
				counters[slot[us/fine]][us%fine]++
			}
		}
	}
	values := make([]int64, len(places))
	for i, b := range in {
		at := int64(0)
		for rest[i] -= int64(counters[slot[b]][0]); rest[i] >= 0; rest[i] -= int64(counters[slot[b]][at]) {
			at++
		}
		values[i] = int64(b)*fine + at
	}
	return values
}

// histogram counts microseconds exactly, in pages that are made when needed.
type histogram struct {
	pages [buckets]*[fine]int64
	count int64
}

func (h *histogram) add(us uint32) {
	page := h.pages[us/fine]
	if page == nil {
		page = new([fine]int64)
		h.pages[us/fine] = page
	}
	page[us%fine]++
	h.count++
}

func (h *histogram) rank() ranks {
	r := ranks{count: h.count}
	if h.count == 0 {
		return r
	}
	low, high := medianRanks(h.count)
	places := []int64{0, low, high, nearestRank95(h.count), h.count - 1}
	values := make([]int64, 0, len(places))
	passed := int64(0)
	for b, page := range h.pages {
		if page == nil {
			continue
		}
		for i, n := range page {
			if n == 0 {
				continue
			}
			us := int64(b*fine + i)
			r.sum += n * us
			for passed += n; len(values) < len(places) && places[len(values)] < passed; {
				values = append(values, us)
			}
		}
	}
	r.min, r.p95, r.max = values[0], values[3], values[4]
	r.median = medianOf(r.count, values[1], values[2])
	return r
}
