package comparison

import "slices"

// fold adds the hour that is open, but for the half hours in which nobody answered over a
// family: that is the vantage point's own network.
func (r *reader) fold() {
	for _, vp := range r.touched {
		o := r.open[vp]
		r.foldOne(o)
		for half := range 2 {
			clear(o.asked[half])
			clear(o.good[half])
		}
		clear(o.latencies)
		clear(o.shown)
		o.unreachable, o.block = [2][2]int{}, nil
	}
	r.touched = r.touched[:0]
	if r.hour >= 0 && r.Progress != nil {
		r.side.mu.Lock()
		r.Progress()
		r.side.mu.Unlock()
	}
}

func (r *reader) foldOne(o *openHour) {
	for half := range 2 {
		for family := range 2 {
			if r.foldHalf(o, half, family) {
				continue
			}
			for cell := range o.asked[half] {
				if cell%pathCount/2 != family || o.asked[half][cell] == 0 {
					continue
				}
				at := cell*r.hours + r.hour
				o.block.asked[at] += o.asked[half][cell]
				o.block.failed[at] += o.asked[half][cell] - o.good[half][cell]
			}
		}
	}
	for cell, all := range o.latencies {
		if us, any := lowerMedian(all[:]); any {
			o.block.took[cell*r.hours+r.hour] = step(int64(us))
		}
	}
}

// foldHalf says whether a half hour of a family is set apart: at least two RSIs were asked
// and none answered.
func (r *reader) foldHalf(o *openHour, half, family int) (apart bool) {
	rsis, asked := 0, 0
	for rsi := range r.RSIs {
		n := 0
		for transport := range 2 {
			cell := rsi*pathCount + 2*family + transport
			if o.good[half][cell] > 0 {
				return false
			}
			n += int(o.asked[half][cell])
		}
		if n > 0 {
			rsis++
		}
		asked += n
	}
	if rsis < 2 {
		return false
	}
	if r.hour >= r.before {
		kind := noNetwork
		if o.unreachable[half][family] == asked {
			kind = noRoute
		}
		o.block.mu.Lock()
		o.block.apart[kind].Asked += int64(asked)
		o.block.mu.Unlock()
		for cell, n := range o.asked[half] {
			if cell%pathCount/2 == family {
				r.lost[cell] += int64(n)
			}
		}
	}
	return true
}

// lowerMedian is the lower median of those that are not 0.
func lowerMedian(all []uint32) (us uint32, any bool) {
	var list [perHour]uint32
	n := 0
	for _, x := range all {
		if x > 0 {
			list[n] = x
			n++
		}
	}
	if n == 0 {
		return 0, false
	}
	slices.Sort(list[:n])
	return list[(n-1)/2], true
}
