package simulate

import (
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// frame is the root server system at an interval label: who has which address.
type frame struct {
	addresses [][2]string // by RSI and family; empty without one, or where query soa does not ask
	n, k      int         // RSIs with an address, and how many of them suffice [dlw]
	planned   [2]int      // RSIs with an address, by family
}

// has reports whether the RSI is in the frame.
func (f *frame) has(x int) bool { return f.addresses[x] != [2]string{} }

// plans reports whether the RSI is to be asked over a path.
func (f *frame) plans(x, path int) bool { return f.addresses[x][familyOf(path)] != "" }

// needed is how many RSIs suffice on a path.
func (f *frame) needed(path int) int { return min(f.k, f.planned[familyOf(path)]) }

func (w *world) frameAt(label time.Time) frame {
	f := frame{addresses: make([][2]string, len(w.rsis))}
	soa := w.soaAsk()
	for i, x := range soa.servers {
		for family, dates := range soa.addresses[i] {
			if f.addresses[x][family] = dates.at(label); f.addresses[x][family] != "" {
				f.planned[family]++
			}
		}
		if f.has(x) {
			f.n++
		}
	}
	f.k = kOf(f.n)
	return f
}

// kOf is how many of n RSIs must answer: two thirds of the others, rounded up [dlw].
func kOf(n int) int { return max(1, (2*(n-1)+2)/3) }

// changes are the labels at which some address begins or ends to be valid, in order.
func (w *world) changes() (labels []time.Time) {
	for _, both := range w.soaAsk().addresses {
		for _, dates := range both {
			for _, a := range dates {
				for _, t := range []*time.Time{a.from, a.until} {
					if t != nil {
						labels = append(labels, labelFrom(*t))
					}
				}
			}
		}
	}
	slices.SortFunc(labels, time.Time.Compare)
	return slices.CompactFunc(labels, time.Time.Equal)
}

// labelFrom is the first label that is not before t.
func labelFrom(t time.Time) time.Time {
	if l := interval.Of(t); l.Equal(t) {
		return l
	}
	return interval.Of(t).Add(interval.Length)
}

// Frame is a time of interval labels, [From, Until), in which the same RSIs had an
// address: N of them, of which K suffice.
type Frame struct {
	From  time.Time         `json:"from"`
	Until time.Time         `json:"until"`
	N     int               `json:"n"`
	K     int               `json:"k"`
	RSIs  []measurement.RSI `json:"rsis"`
}

// frames lists the frames of a period.
func (w *world) frames(from, until time.Time) (all []Frame) {
	cuts := []time.Time{from}
	for _, t := range w.changes() {
		if t.After(from) && t.Before(until) {
			cuts = append(cuts, t)
		}
	}
	for i, at := range cuts {
		f := w.frameAt(at)
		made := Frame{From: at, Until: until, N: f.n, K: f.k, RSIs: []measurement.RSI{}}
		if i+1 < len(cuts) {
			made.Until = cuts[i+1]
		}
		for _, x := range w.soaAsk().servers {
			if f.has(x) {
				made.RSIs = append(made.RSIs, w.rsis[x])
			}
		}
		if last := len(all) - 1; last >= 0 && slices.Equal(all[last].RSIs, made.RSIs) {
			all[last].Until = made.Until
			continue
		}
		all = append(all, made)
	}
	return all
}

// soaAsk is the query of which the root server system is measured.
func (w *world) soaAsk() *ask {
	i := slices.IndexFunc(w.asks, func(a ask) bool { return a.soa })
	return &w.asks[i]
}
