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
			rsis, apart := r.foldHalf(o, half, family)
			if apart {
				continue
			}
			for cell, asked := range o.asked[half] {
				if cell%pathCount/2 != family || asked == 0 {
					continue
				}
				if failed := asked - o.good[half][cell]; rsis == 1 {
					o.block.noteAlone(alone{uint16(r.hour), uint8(cell), asked, failed})
				} else {
					o.block.count(r.side, cell, r.hour, asked, failed)
				}
			}
			if rsis > 1 {
				o.block.mu.Lock()
				o.block.several = true
				o.block.mu.Unlock()
			}
		}
	}
	for cell, all := range o.latencies {
		if us, any := lowerMedian(all[:]); any {
			o.block.took[cell*r.hours+r.hour] = step(int64(us))
		}
	}
}

// alone is what a vantage point asked of one RSI in a half hour in which it asked no other over the
// family: whether it had a network then nobody can tell.
type alone struct {
	hour          uint16
	cell          uint8
	asked, failed uint8
}

func (b *block) count(s *side, cell, h int, asked, failed uint8) {
	b.asked[cell*s.hours+h] += asked
	b.failed[cell*s.hours+h] += failed
}

func (b *block) noteAlone(a alone) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.alone = append(b.alone, a)
}

// settleAlone sets half hours apart in which one RSI was asked, as at the beginning, the end and the
// gaps of a lake, unless the side never asks more than one.
func (s *side) settleAlone() {
	several := slices.ContainsFunc(s.vps, func(b *block) bool { return b.several })
	for _, b := range s.vps {
		for _, a := range b.alone {
			if h, cell := int(a.hour), int(a.cell); !several {
				b.count(s, cell, h, a.asked, a.failed)
			} else if h >= s.before {
				for _, to := range []*Counts{&b.apart[noNetwork], &s.apart[cell]} {
					to.Asked += int64(a.asked)
					to.Good += int64(a.asked - a.failed)
				}
			}
		}
		b.alone = nil
	}
}

// foldHalf says how many RSIs were asked in a half hour of a family, and whether it is set apart: at
// least two were, and none answered.
func (r *reader) foldHalf(o *openHour, half, family int) (rsis int, apart bool) {
	good, asked := false, 0
	for rsi := range r.RSIs {
		n := 0
		for transport := range 2 {
			cell := rsi*pathCount + 2*family + transport
			if o.good[half][cell] > 0 {
				good = true
			}
			n += int(o.asked[half][cell])
		}
		if n > 0 {
			rsis++
		}
		asked += n
	}
	if good || rsis < 2 {
		return rsis, false
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
	return rsis, true
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
