package metrics

import "mtric.net/mtric/engine/interval"

// tally counts cells by what became of them; the last entry is those answered well.
type tally [cellOK + 1]int64

func (t *tally) ok() int64 { return t[cellOK] }

// asked is the number of queries sent.
func (t *tally) asked() (n int64) {
	for c, m := range t {
		if sent(uint32(c)) {
			n += m
		}
	}
	return n
}

// slots are the queries planned, by what became of them.
func (t *tally) slots() Slots {
	s := Slots{Sent: t.asked(), Unsent: t[cellLocal], Missing: t[cellAbsent], OffPlan: t[cellOff]}
	s.Planned = s.Sent + s.Unsent + s.Missing + s.OffPlan
	return s
}

// outcomes are the tally for people: only what occurred.
func (t *tally) outcomes() map[string]int64 {
	m := map[string]int64{}
	for c, name := range cellNames {
		if t[c] > 0 {
			m[name] = t[c]
		}
	}
	if t.ok() > 0 {
		m[outcomeOK] = t.ok()
	}
	return m
}

// system is the RSS over one path: availability [cvf] and response latency [bom].
// Of each vantage point its part; what is pooled of all is in lowest.
type system struct {
	parts     []part
	intervals int64 // VP-intervals of which something is known
	skipped   int64 // VP-intervals that no latency is taken from: not all RSIs were asked, nor did k answer
	lowest    histogram
}

// sum walks one path over all intervals of one day and vantage point. An interval has
// k answers to prove: as many as were good are, as many as cannot have been, since too
// few RSIs are left that were not asked, are disproven; the rest nobody knows.
func (s *system) sum(v *view, day, vp, path int, bound int64) {
	b, p := v.days[day].blocks[vp], &s.parts[vp]
	low := make([]uint32, 0, v.a.n)
	cells := b.cells[path*v.a.n*perDay : (path+1)*v.a.n*perDay]
	frame, next := v.frame(day, 0)
	k := min(frame.k, frame.planned[path/2])
	for slot := range perDay {
		if slot == next {
			frame, next = v.frame(day, slot)
			k = min(frame.k, frame.planned[path/2])
		}
		low = low[:0]
		var good, bad, unknown, below int
		for i := slot; i < len(cells); i += perDay {
			switch c := cells[i]; {
			case c >= cellOK:
				good++
				low = insert(low, c-cellOK, k)
				if int64(c-cellOK) <= bound {
					below++
				}
			case sent(c):
				bad++
			case planned(c):
				unknown++
			}
		}
		if good+bad+unknown == 0 {
			continue
		}
		proven, disproven := min(k, good), max(0, k-good-unknown)
		p.good += int64(proven)
		p.bad += int64(disproven)
		p.unknown += int64(k - proven - disproven)
		p.sent += int64(good + bad)
		p.planned += int64(good + bad + unknown)
		if proven+disproven > 0 {
			s.intervals++
		}
		p.atBest(k, good, below, unknown)
		p.atWorst(low, bound, k, good, unknown)
		// Latencies are taken where nothing is missing that could have been among the
		// lowest, or k answered without it.
		if unknown > 0 && good < k {
			s.skipped += one(good+bad > 0)
			continue
		}
		for _, us := range low {
			s.lowest.add(us)
			p.add(int64(us), bound)
		}
	}
}

// atBest adds what an interval's lowest latencies can have been at best: what is
// missing was answered in time.
func (p *part) atBest(k, good, below, unknown int) {
	under := min(k, below+unknown)
	p.bestBelow += int64(under)
	p.bestAbove += int64(min(k-under, good-below))
}

// atWorst adds what they can have been at worst: what is missing was answered late.
func (p *part) atWorst(low []uint32, bound int64, k, good, unknown int) {
	under := 0
	for _, us := range low {
		if int64(us) <= bound {
			under++
		}
	}
	p.worstBelow += int64(under)
	p.worstAbove += int64(len(low) - under + min(unknown, k-min(k, good)))
}

// frame is the frame of an interval of a day, and the first interval after it whose
// frame is to be asked for again.
func (v *view) frame(day, slot int) (f *frame, next int) {
	length := interval.Length.Microseconds()
	start := v.a.from + int64(day)*perDay*length
	f = v.a.frameOf(start + int64(slot)*length)
	if f == v.a.frameOf(start+perDay*length-1) {
		return f, perDay
	}
	return f, slot + 1
}

// insert keeps the k lowest in ascending order (reading A7: fewer where there are fewer).
func insert(low []uint32, us uint32, k int) []uint32 {
	if len(low) == k {
		if k == 0 || us >= low[k-1] {
			return low
		}
	} else {
		low = append(low, 0)
	}
	i := len(low) - 1
	for ; i > 0 && low[i-1] > us; i-- {
		low[i] = low[i-1]
	}
	low[i] = us
	return low
}

// system sums a path over the whole view; bound is that of response latency, in µs.
func (v *view) system(path int, bound int64) *system {
	s := &system{parts: make([]part, len(v.vps))}
	for day, d := range v.days {
		for vp, b := range d.blocks {
			if d.counted && b != nil {
				s.sum(v, day, vp, path, bound)
			}
		}
	}
	return s
}
