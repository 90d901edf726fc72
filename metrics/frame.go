package metrics

import (
	"net/netip"
	"slices"
	"sort"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// Frame is who the root server system was in [From, Until) of interval labels: N
// RSIs had an address, K of them suffice [dlw]. A change inside an interval holds
// from the next label.
type Frame struct {
	From, Until time.Time
	N, K        int
	RSIs        []measurement.RSI
}

// frame is a span of labels in which every RSI has the same addresses.
type frame struct {
	from    int64 // µs
	n, k    int
	asked   []int32   // by RSI and family: place of its address in addresses, -1 without one
	planned [2]int    // RSIs with an address, by family
	paths   []pathSet // by RSI: the paths it is planned over
}

// pathSet is a set of paths, a bit for each.
type pathSet uint8

const (
	bothTransports pathSet = 3 // of IPv4; of IPv6 shifted by two
	allPaths       pathSet = 15
)

// frames cuts time where an address begins or ends; addresses are all there are.
func (c *Config) frames() (list []frame, addresses map[netip.Addr]int32) {
	addresses = map[netip.Addr]int32{}
	cuts := []int64{-1 << 62}
	for _, s := range c.Servers {
		for _, a := range s.Addresses {
			if _, known := addresses[a.Address.Unmap()]; !known {
				addresses[a.Address.Unmap()] = int32(len(addresses))
			}
			for _, t := range []*time.Time{a.From, a.Until} {
				if t != nil {
					cuts = append(cuts, ceil(*t).UnixMicro())
				}
			}
		}
	}
	slices.Sort(cuts)
	for _, at := range slices.Compact(cuts) {
		list = append(list, c.frameAt(at, addresses))
	}
	return list, addresses
}

// ceil is the first label that is not before t.
func ceil(t time.Time) time.Time {
	if l := interval.Of(t); l.Before(t) {
		return l.Add(interval.Length)
	}
	return interval.Of(t)
}

func (c *Config) frameAt(at int64, addresses map[netip.Addr]int32) frame {
	f := frame{from: at, asked: make([]int32, 2*len(c.Servers)), paths: make([]pathSet, len(c.Servers))}
	for i := range f.asked {
		f.asked[i] = -1
	}
	for i, s := range c.Servers {
		for _, a := range s.Addresses {
			if a.From != nil && at < a.From.UnixMicro() || a.Until != nil && at >= a.Until.UnixMicro() {
				continue
			}
			family := slices.Index(measurement.Families, a.Family)
			if f.asked[2*i+family] < 0 {
				f.planned[family]++
			}
			f.asked[2*i+family] = addresses[a.Address.Unmap()]
			f.paths[i] |= bothTransports << (2 * family)
		}
		if f.paths[i] != 0 {
			f.n++
		}
	}
	f.k = K(f.n)
	return f
}

// frameOf is the frame of a label in µs.
func (a *Accumulator) frameOf(at int64) *frame {
	i := sort.Search(len(a.frames), func(i int) bool { return a.frames[i].from > at })
	return &a.frames[max(i-1, 0)]
}

// Frames lists the frames of the period, those that differ only in addresses as one.
func (a *Accumulator) Frames() (list []Frame) {
	for i, f := range a.frames {
		from, until := a.cfg.From, a.cfg.Until
		if at := time.UnixMicro(f.from).UTC(); at.After(from) {
			from = at
		}
		if i+1 < len(a.frames) {
			until = earlier(until, time.UnixMicro(a.frames[i+1].from).UTC())
		}
		if !from.Before(until) {
			continue
		}
		rsis := []measurement.RSI{}
		for i, s := range a.cfg.Servers {
			if f.paths[i] != 0 {
				rsis = append(rsis, s.RSI)
			}
		}
		if last := len(list) - 1; last >= 0 && slices.Equal(list[last].RSIs, rsis) {
			list[last].Until = until
			continue
		}
		list = append(list, Frame{from, until, f.n, f.k, rsis})
	}
	return list
}
