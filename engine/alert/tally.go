package alert

// count is queries of one vantage point or RSI within a tally.
type count struct{ sent, good, answered int64 }

// tally is what a window holds of one combination of labels. Rows enter and
// leave it, so that a month is walked through once.
type tally struct {
	outcomes outcomeCounts
	rcodes   rcodeCounts
	verdicts verdictCounts
	strays   int64
	good     int64
	unlike   int64 // not as expected
	bogus    int64 // by DNSSEC
	byVP     []count
	byRSI    []count
	serials  map[int32]int
	nsids    map[int32]int
	latency  *order // nil where no rule reads it; so are serials and nsids
	p95      bool   // whether some rule reads that
	accused  *accused

	pairs         int64   // (interval, vantage point) with a row that was sent
	added, gone   []int32 // by vantage point: the newest slot that entered, that left
	addSet, gonSt []bool
}

func newTally(r *rows, g *group, of *accused) *tally {
	t := &tally{accused: of, p95: g.p95, byVP: make([]count, len(r.vps)), byRSI: make([]count, len(r.rsis)),
		added: make([]int32, len(r.vps)), gone: make([]int32, len(r.vps)), addSet: make([]bool, len(r.vps)), gonSt: make([]bool, len(r.vps))}
	if g.latency {
		t.latency = &order{}
	}
	if g.serials {
		t.serials = map[int32]int{}
	}
	if g.nsids {
		t.nsids = map[int32]int{}
	}
	return t
}

// feeds says which parts of a tally a row goes into.
type feeds struct{ asked, judged, strays bool }

// change lets a row enter (by 1) or leave (by -1).
func (t *tally) change(r *row, vp, rsi int32, f feeds, by int64) {
	if f.judged && r.verdict == verdictIncorrect {
		t.accused.change(r, vp, by)
	}
	t.count(r, vp, rsi, f, by)
}

// count is change, but for who found answers incorrect.
func (t *tally) count(r *row, vp, rsi int32, f feeds, by int64) {
	if f.strays {
		t.strays += by * int64(r.strays)
	}
	if f.judged {
		t.verdicts[r.verdict] += by
	}
	if !f.asked {
		return
	}
	t.outcomes[r.outcome] += by
	if r.outcome == outcomeLocal {
		return
	}
	t.pair(vp, r.slot, by)
	for _, c := range []*count{&t.byVP[vp], &t.byRSI[rsi]} {
		c.sent += by
		if r.outcome == outcomeAnswered {
			c.answered += by
		}
		if r.met&asExpected != 0 {
			c.good += by
		}
	}
	if r.met&asExpected != 0 {
		t.good += by
	}
	if r.met&unexpected != 0 {
		t.unlike += by
	}
	if r.met&bogus != 0 {
		t.bogus += by
	}
	if r.outcome == outcomeAnswered {
		t.rcodes[r.rcode] += by
	}
	if r.met&ofZone == 0 {
		bump(t.serials, r.serial, by)
	}
	bump(t.nsids, r.nsid, by)
	if t.latency != nil && r.latency >= 0 {
		t.latency.change(r.latency, by)
	}
}

// pair counts each interval of a vantage point once: its rows come together.
func (t *tally) pair(vp, slot int32, by int64) {
	last, set := t.added, t.addSet
	if by < 0 {
		last, set = t.gone, t.gonSt
	}
	if !set[vp] || last[vp] != slot {
		last[vp], set[vp] = slot, true
		t.pairs += by
	}
}

func bump(m map[int32]int, k int32, by int64) {
	if k < 0 || m == nil {
		return
	}
	if n := m[k] + int(by); n == 0 {
		delete(m, k)
	} else {
		m[k] = n
	}
}

func (t *tally) sent() int64 {
	var n int64
	for i, c := range t.outcomes {
		if i != int(outcomeLocal) {
			n += c
		}
	}
	return n
}

// fill writes the tally into the object that rules see; what needs the plan or
// the zones is the caller's.
func (t *tally) fill(w *Window, failing float64, newest func(map[int32]int) *int64) {
	*w = Window{Sent: t.sent(), Answered: t.outcomes[outcomeAnswered], Outcomes: t.outcomes.object(), RCodes: t.rcodes.object(),
		Correct: t.verdicts[verdictCorrect], Incorrect: t.verdicts[verdictIncorrect], Unchecked: t.verdicts[verdictUnchecked],
		NSIDs: int64(len(t.nsids)), Strays: t.strays, NewestSerial: newest(t.serials)}
	w.HasData = w.Sent > 0
	w.Availability, w.Unexpected, w.Bogus = percent(t.good, w.Sent), t.unlike, t.bogus
	if t.latency != nil {
		w.MedianLatency = t.latency.median()
	}
	if t.p95 {
		w.P95Latency = t.latency.p95()
	}
	w.VPs, w.VPsFailing, _ = failures(t.byVP, failing)
	w.RSIs, w.RSIsFailing, w.RSIsSilent = failures(t.byRSI, failing)
}

// percent is 100 part / whole, correctly rounded, so that it compares with a
// threshold as the fractions do; nil of nothing.
func percent(part, whole int64) *float64 {
	if whole == 0 {
		return nil
	}
	v := float64(100*part) / float64(whole)
	return &v
}

// failures counts those that were asked, those below the threshold, and those
// without any answer. One lost query fails nobody: in an hour a vantage point sends
// twelve over a path, and one of them is lost now and then.
func failures(all []count, threshold float64) (asked, failing, silent int64) {
	for _, c := range all {
		if c.sent == 0 {
			continue
		}
		asked++
		if float64(100*c.good)/float64(c.sent) < threshold && (c.sent-c.good > 1 || c.good == 0) {
			failing++
		}
		if c.answered == 0 {
			silent++
		}
	}
	return asked, failing, silent
}
