package alert

import "slices"

// mostInRun bounds what is moved when a value comes or goes.
const mostInRun = 512

// order keeps latencies in order while they come and go, so that quantiles are exact: runs
// of values, ascending within each and from one to the next, none empty.
type order struct {
	runs [][]int32 // µs
	n    int
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
	for _, run := range o.runs {
		if rank < len(run) {
			return float64(run[rank]) / 1000
		}
		rank -= len(run)
	}
	return 0 // there is none of that rank
}

func (o *order) median() *float64 {
	if o.n == 0 {
		return nil
	}
	v := (o.at((o.n-1)/2) + o.at(o.n/2)) / 2
	return &v
}

// p95 is the 95th percentile by nearest rank.
func (o *order) p95() *float64 {
	if o.n == 0 {
		return nil
	}
	v := o.at((95*o.n+99)/100 - 1)
	return &v
}
