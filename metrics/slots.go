package metrics

import (
	"mtric.net/mtric/engine/measurement"
)

// Slots says what became of planned queries; a correctness query of a vantage point,
// interval and RSI is one whatever its path. Planned is the sum of the others.
type Slots struct{ Planned, Sent, Unsent, Missing, OffPlan int64 }

func (s *Slots) add(o Slots) {
	s.Planned += o.Planned
	s.Sent += o.Sent
	s.Unsent += o.Unsent
	s.Missing += o.Missing
	s.OffPlan += o.OffPlan
}

// thin says whether a value rests on too little: less than nine tenths of what was
// planned was sent.
func thin(sent, planned int64) bool { return 10*sent < 9*planned }

// checked counts correctness queries and their answers.
type checked struct {
	Slots
	answers [checkOpen + 1]int64 // by what became of them
}

func (c *checked) add(o *checked) {
	c.Slots.add(o.Slots)
	for i, n := range o.answers {
		c.answers[i] += n
	}
}

// held are the answers that wait for a verdict.
func (c *checked) held() int64 { return c.answers[checkUnchecked] + c.answers[checkOpen] }

// count counts an RSI's correctness queries of a day at one vantage point.
func (c *checked) count(b *block, rsi, n int) {
	if b.checks == nil {
		c.Planned, c.Missing = c.Planned+perDay, c.Missing+perDay
		return
	}
	size := n * perDay
	at := rsi * perDay
	p0, p1, p2, p3 := b.checks[at:at+perDay], b.checks[size+at:size+at+perDay], b.checks[2*size+at:2*size+at+perDay], b.checks[3*size+at:3*size+at+perDay]
	var slots [checkOpen + 1]int64
	for i := range perDay {
		slots[max(p0[i], p1[i], p2[i], p3[i])]++
		for _, check := range [...]uint8{p0[i], p1[i], p2[i], p3[i]} {
			if check > checkLocal {
				c.answers[check]++
			}
		}
	}
	s := Slots{Unsent: slots[checkLocal], OffPlan: slots[checkOff], Missing: slots[checkAbsent]}
	for _, sent := range slots[checkUnanswered:] {
		s.Sent += sent
	}
	s.Planned = s.Sent + s.Unsent + s.Missing + s.OffPlan
	c.Slots.add(s)
}

// checks counts the correctness queries, by RSI and vantage point.
func (v *view) checks() [][]checked {
	all := make([][]checked, v.a.n)
	v.a.parallel(v.a.n, func(rsi int) {
		all[rsi] = make([]checked, len(v.vps))
		for _, d := range v.days {
			for vp, b := range d.blocks {
				if d.counted && b != nil {
					all[rsi][vp].count(b, rsi, v.a.n)
				}
			}
		}
	})
	return all
}

// soaSlots are the SOA queries over all paths, by RSI and vantage point.
func (v *view) soaSlots() [][]Slots {
	all := make([][]Slots, v.a.n)
	v.a.parallel(v.a.n, func(rsi int) {
		all[rsi] = make([]Slots, len(v.vps))
		for vp := range v.vps {
			for path := range paths {
				var t tally
				for _, piece := range v.cells(vp, rsi, path) {
					t.count(piece)
				}
				all[rsi][vp].add(t.slots())
			}
		}
	})
	return all
}

// count counts cells; those answered well are what the others leave.
func (t *tally) count(cells []uint32) {
	rest := int64(len(cells))
	for _, c := range cells {
		if c < cellOK {
			t[c]++
			rest--
		}
	}
	t[cellOK] += rest
}

// Presence is how much of what was planned for a vantage point was sent, hour by hour
// over the period, without what exclusions take out of all metrics.
type Presence struct {
	VantagePoint  measurement.VantagePoint
	Planned, Sent []int32
}

func (c *computation) presence() []Presence {
	const perHour = perDay / 24
	v := c.system
	all := make([]Presence, len(v.vps))
	c.parallel(len(all), func(vp int) {
		p := Presence{VantagePoint: v.vps[vp].ID}
		for _, d := range v.days {
			if !d.counted {
				continue
			}
			var plan, asked [24]int32
			if b := d.blocks[vp]; b != nil {
				for i, cell := range b.cells {
					hour := i % perDay / perHour
					plan[hour] += int32(one(planned(cell)))
					asked[hour] += int32(one(sent(cell)))
				}
			}
			p.Planned, p.Sent = append(p.Planned, plan[:]...), append(p.Sent, asked[:]...)
		}
		all[vp] = p
	})
	return all
}
