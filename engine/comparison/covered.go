package comparison

// A lake can begin and end within an hour, and files between can be missing: that something was
// asked in an hour does not say that all of it was covered.

// times are the queries of a cell by interval, of all vantage points and whatever becomes of them.
type times struct{ asked, failed []uint32 }

func newTimes(cells, hours int) times {
	n := cells * hours * perHour
	return times{make([]uint32, n), make([]uint32, n)}
}

func (t times) add(x times) {
	for at, n := range x.asked {
		t.asked[at] += n
		t.failed[at] += x.failed[at]
	}
}

// hour is an hour of a cell, interval by interval.
func (s *side) hour(cell, h int) (asked, failed []uint32) {
	at := (cell*s.hours + h) * perHour
	return s.times.asked[at:][:perHour], s.times.failed[at:][:perHour]
}

// halves are how many queries there are in either half of an hour.
func (s *side) halves(cell, h int) (n [2]uint64) {
	asked, _ := s.hour(cell, h)
	for i, x := range asked {
		n[i/perHalf] += uint64(x)
	}
	return n
}

// settleUsual sums up how the queries of each cell lie in the halves of hours.
func (s *side) settleUsual() {
	s.usual = make([][2]uint64, len(s.apart))
	for cell := range s.usual {
		for h := range s.hours {
			for half, n := range s.halves(cell, h) {
				s.usual[cell][half] += n
			}
		}
	}
}

// whole says whether the side covered an hour: in either half it asked at least half of what is
// usual for it. A few probes whose clocks are wrong do not stand for the crowd.
func (s *side) whole(cell, h int) bool {
	n, usual := s.halves(cell, h), s.usual[cell]
	for half := range n {
		if 2*n[half]*(usual[0]+usual[1]) < usual[half]*(n[0]+n[1]) {
			return false
		}
	}
	return n[0]+n[1] > 0
}

// looked says whether the crowd asked when ours failed: had the same failed for it at the same
// times, it would have lost at least half of the share that ours lost.
func (c *comparer) looked(cell, h int) bool {
	ours, failed := c.ours.hour(cell, h)
	theirs, _ := c.theirs.hour(cell, h)
	var lost, all, wouldLose, theirAll float64
	for i, n := range ours {
		all, theirAll = all+float64(n), theirAll+float64(theirs[i])
		if n > 0 {
			lost += float64(failed[i])
			wouldLose += float64(float64(theirs[i]) * float64(failed[i]) / float64(n))
		}
	}
	return theirAll > 0 && 2*wouldLose*all >= lost*theirAll
}

// covered are the hours that both sides covered, those of the week before too.
func (c *comparer) covered(cell int) []bool {
	both := make([]bool, c.ours.hours)
	for h := range both {
		both[h] = c.ours.whole(cell, h) && c.theirs.whole(cell, h)
	}
	return both
}
