package metrics

import "slices"

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

// rank finds order statistics of the cells answered well: one pass counts them by
// coarse buckets, a second the microseconds of the few buckets that matter.
func rank(pieces [][]uint32) ranks {
	var r ranks
	var coarse [buckets]int64
	for _, piece := range pieces {
		for _, c := range piece {
			if c >= cellOK {
				us := c - cellOK
				coarse[us/fine]++
				r.sum += int64(us)
			}
		}
	}
	for _, n := range coarse {
		r.count += n
	}
	if r.count == 0 {
		return r
	}
	low, high := medianRanks(r.count)
	places := []int64{0, low, high, nearestRank95(r.count), r.count - 1}
	found := find(pieces, &coarse, places)
	r.min, r.p95, r.max = found[0], found[3], found[4]
	r.median = medianOf(r.count, found[1], found[2])
	return r
}

// find returns the values at places, in ascending order.
func find(pieces [][]uint32, coarse *[buckets]int64, places []int64) []int64 {
	in := make([]int, len(places)) // the bucket of each place
	var before [buckets]int64
	passed, next := int64(0), 0
	for b, n := range coarse {
		before[b] = passed
		for passed += n; next < len(places) && places[next] < passed; next++ {
			in[next] = b
		}
	}
	var slot [buckets]int8 // 1 + index of the fine counters
	var counters [][fine]int32
	for _, b := range in {
		if slot[b] == 0 {
			counters = append(counters, [fine]int32{})
			slot[b] = int8(len(counters))
		}
	}
	for _, piece := range pieces {
		for _, c := range piece {
			if c < cellOK {
				continue
			}
			if us := c - cellOK; slot[us/fine] != 0 {
				counters[slot[us/fine]-1][us%fine]++
			}
		}
	}
	values := make([]int64, len(places))
	for i, b := range in {
		rest := places[i] - before[b]
		at := slices.IndexFunc(counters[slot[b]-1][:], func(n int32) bool { rest -= int64(n); return rest < 0 })
		values[i] = int64(b)*fine + int64(at)
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
