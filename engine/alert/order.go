package alert

import (
	"encoding/binary"
	"slices"
)

// looseAtOnce is for how many loose values memory is taken at a time.
const looseAtOnce = 6000

// mostInRun bounds what is moved when a value comes or goes.
const mostInRun = 512

// order keeps latencies in order while they come and go, so that quantiles are exact: runs
// of values, ascending within each and from one to the next, none empty. What is asked
// once, of many values that came together, has them loose: to find a rank takes a fifth of
// the time that to sort them takes.
type order struct {
	runs  [][]int32 // µs
	loose []int32   // those of what is asked once
	n     int       // in runs
}

// add lets values enter loosely, of four bytes each.
func (o *order) add(data []byte, n int) {
	if cap(o.loose)-len(o.loose) < n {
		o.loose = slices.Grow(o.loose, max(n, looseAtOnce))
	}
	for ; n > 0; n-- {
		o.loose = append(o.loose, int32(binary.LittleEndian.Uint32(data)))
		data = data[4:]
	}
}

// change lets a value enter (by 1) or leave (by -1); only one that is there leaves.
func (o *order) change(value int32, by int64) {
	if len(o.runs) == 0 {
		o.runs = append(o.runs, nil)
	}
	i, _ := slices.BinarySearchFunc(o.runs, value, func(run []int32, v int32) int {
		if len(run) == 0 || run[len(run)-1] >= v {
			return 0
		}
		return -1
	})
	i = min(i, len(o.runs)-1)
	at, _ := slices.BinarySearch(o.runs[i], value)
	o.n += int(by)
	if by > 0 {
		o.insert(i, at, value)
		return
	}
	if o.runs[i] = slices.Delete(o.runs[i], at, at+1); len(o.runs[i]) == 0 {
		o.runs = slices.Delete(o.runs, i, i+1)
	}
}

// insert puts a value into a run, which is cut in two when it is full.
func (o *order) insert(i, at int, value int32) {
	o.runs[i] = slices.Insert(o.runs[i], at, value)
	if run := o.runs[i]; len(run) > mostInRun {
		half := len(run) / 2
		o.runs[i] = run[:half]
		o.runs = slices.Insert(o.runs, i+1, slices.Clone(run[half:]))
	}
}

// at returns the value of a rank, from 0, in ms.
func (o *order) at(rank int) float64 {
	if o.loose != nil {
		return float64(nth(o.loose, rank)) / 1000
	}
	for _, run := range o.runs {
		if rank < len(run) {
			return float64(run[rank]) / 1000
		}
		rank -= len(run)
	}
	return 0 // there is none of that rank
}

// count is how many values there are.
func (o *order) count() int { return o.n + len(o.loose) }

func (o *order) median() *float64 {
	n := o.count()
	if n == 0 {
		return nil
	}
	v := (o.at((n-1)/2) + o.at(n/2)) / 2
	return &v
}

// p95 is the 95th percentile by nearest rank.
func (o *order) p95() *float64 {
	n := o.count()
	if n == 0 {
		return nil
	}
	v := o.at((95*n+99)/100 - 1)
	return &v
}

// nth returns the value of a rank, from 0, and moves the values about: it parts them by one
// of their middle again and again, and goes on with the part that has the rank.
func nth(values []int32, rank int) int32 {
	for len(values) > 16 {
		last := len(values) - 1
		a, b, c := values[0], values[len(values)/2], values[last]
		pivot := max(min(a, b), min(max(a, b), c))
		i, j := 0, last
		for i <= j {
			for values[i] < pivot {
				i++
			}
			for values[j] > pivot {
				j--
			}
			if i <= j {
				values[i], values[j] = values[j], values[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case rank <= j:
			values = values[:j+1]
		case rank >= i:
			values, rank = values[i:], rank-i
		default:
			return pivot
		}
	}
	slices.Sort(values)
	return values[rank]
}
