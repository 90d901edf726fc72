package simulate

import (
	"cmp"
	"slices"
)

// What the soa rows of a run show dates no zone where they show more serials than this.
const mostSerials = 16

// early is how long before a zone was signed a sighting of it is still believed.
const early = 300 * second

// showing is who showed a zone in trusted sightings, and since when.
type showing struct {
	labels []int   // by vantage point: index of the first interval since From; negative for none
	sent   []int64 // by vantage point, µs
	rsis   []bool
	first  sighting // the earliest
	firstV int      // at which vantage point
}

// doubt is a trusted sighting of a zone that never came: whether it counts is known only
// at the end, when it is known who else showed it.
type doubt struct{ index, v, rsi, zone int }

// came reports whether a zone came into the archive before the end; no server serves
// another but by a lie.
func (w *world) came(z int) bool { return z <= w.last }

// see notes the sightings of a trusted run, and of each RSI the oldest zone that it
// shows [cnj].
func (t *runTally) see() {
	p := t.p
	w := p.w
	minima := p.minima[((t.index-p.first)*len(w.vps)+t.v)*len(w.rsis):][:len(w.rsis)]
	for _, s := range t.sightings {
		came := w.came(s.zone)
		if came && s.at < w.published(s.zone) && s.at < w.signed(s.zone)-early {
			continue // nobody can have shown it yet
		}
		p.show(s.zone).add(s, t.v, t.index)
		if !came {
			t.doubtful[s.rsi] = true
			p.doubts = append(p.doubts, doubt{t.index, t.v, s.rsi, s.zone})
			continue
		}
		if n := int16(s.zone - w.oldest); minima[s.rsi] == unasked || n < minima[s.rsi] {
			minima[s.rsi] = n
		}
	}
	for _, x := range w.soaAsk().servers {
		if minima[x] == unasked && t.askedAll(x) {
			minima[x] = unseen
		}
	}
}

// askedAll reports whether an RSI that showed nothing counts as asked: all its queries
// were sent, and no good answer showed a zone that never came.
func (t *runTally) askedAll(x int) bool {
	if t.doubtful[x] || !t.frame.has(x) {
		return false
	}
	for path := range paths {
		if t.frame.plans(x, path) && t.cells[4*x+path] < isBad {
			return false
		}
	}
	return true
}

// show is the showing of a zone.
func (p *part) show(zone int) *showing {
	s := p.shown[zone]
	if s == nil {
		s = p.w.newShowing()
		p.shown[zone] = s
	}
	return s
}

func (w *world) newShowing() *showing {
	return &showing{labels: slices.Repeat([]int{-1}, len(w.vps)), sent: make([]int64, len(w.vps)), rsis: make([]bool, len(w.rsis))}
}

func (s *showing) add(o sighting, v, index int) {
	none := !slices.Contains(s.rsis, true)
	if none || cmp.Or(cmp.Compare(o.at, s.first.at), cmp.Compare(o.rsi, s.first.rsi), cmp.Compare(v, s.firstV)) < 0 {
		s.first, s.firstV = o, v
	}
	s.rsis[o.rsi] = true
	if s.labels[v] < 0 || o.at < s.sent[v] {
		s.sent[v] = o.at
	}
	if s.labels[v] < 0 || index < s.labels[v] {
		s.labels[v] = index
	}
}

func (s *showing) merge(o *showing) {
	for v, index := range o.labels {
		if index < 0 {
			continue
		}
		if s.labels[v] < 0 || o.sent[v] < s.sent[v] {
			s.sent[v] = o.sent[v]
		}
		if s.labels[v] < 0 || index < s.labels[v] {
			s.labels[v] = index
		}
	}
	none := !slices.Contains(s.rsis, true)
	if none || cmp.Or(cmp.Compare(o.first.at, s.first.at), cmp.Compare(o.first.rsi, s.first.rsi), cmp.Compare(o.firstV, s.firstV)) < 0 {
		s.first, s.firstV = o.first, o.firstV
	}
	for x, is := range o.rsis {
		s.rsis[x] = s.rsis[x] || is
	}
}

// witnesses are when the vantage points first showed a zone, in order, µs.
func (s *showing) witnesses() (all []int64) {
	for v, index := range s.labels {
		if index >= 0 {
			all = append(all, s.sent[v])
		}
	}
	slices.Sort(all)
	return all
}

// proves reports whether two RSIs and two vantage points, or the only one, showed it.
func (s *showing) proves(alone bool) bool {
	rsis := 0
	for _, is := range s.rsis {
		if is {
			rsis++
		}
	}
	return rsis > 1 && (alone || len(s.witnesses()) > 1)
}
