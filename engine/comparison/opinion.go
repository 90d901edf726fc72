package comparison

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/measurement"
)

// The terms of an opinion.
const (
	leastNetworks = 5     // more than expected, of the crowd
	leastOurs     = 2     // likewise, of our vantage points: one witness alone says nothing
	chance        = 0.001 // after the correction for the hours that were tested
	wantPower     = 0.9   // to find a tenth of our share
	mostWindows   = 100   // that an opinion lists
)

// question is a fail as the crowd is asked about it.
type question struct {
	Fail
	ours, theirs *table
	hours        []int                               // of the period, in which any vantage point of ours was struck
	failed       func(h int) (failed, asked int64)   // of ours; nil: how many vantage points were struck
	apart        int64                               // failures of ours that are set apart, but count in the metric
	span         func(h int) (from, until time.Time) // what an hour is
	seen         func(h int) bool                    // whether the crowd asked when ours failed
}

// ask puts a fail as a question; why says why the crowd can say nothing.
func (c *comparer) ask(f Fail) (q *question, why string) {
	rsi := slices.Index(c.RSIs, f.RSI)
	q = &question{Fail: f, span: func(h int) (from, until time.Time) { return c.ours.timeOf(h), c.ours.timeOf(h + 1) }, seen: func(int) bool { return true }}
	switch {
	case f.Metric == measurement.RSICorrectness || f.Metric == measurement.RSSCorrectness:
		return nil, "Probes do not set DO: beyond the content of the SOA record, none of their answers can be judged."
	case rsi < 0:
		return nil, "The crowd is compared one RSI at a time; see the metrics of RSIs."
	case f.Metric == measurement.RSIPublication && c.Set != "dnsmon":
		return nil, "Only the measurements of DNSMON ask often enough to date a publication."
	case f.Metric == measurement.RSIPublication:
		q.ours, q.theirs = c.ours.serialTable(rsi), c.theirs.serialTable(rsi)
		q.failed = above(f.Above, len(c.ours.vps), func(vp, i int) (int64, bool) { return c.ours.lagOrLeast(vp, rsi, i) })
		q.span = func(i int) (from, until time.Time) {
			at := c.Publications[i].At
			return at.Truncate(time.Hour), at.Truncate(time.Hour).Add(time.Hour)
		}
	default:
		cell := rsi*pathCount + pathNumber(f.Family, f.Transport)
		q.seen = func(h int) bool { return c.looked(cell, h) }
		judge := func(int) judgement { return failing }
		if f.Metric == measurement.RSILatency {
			judge = c.slow
			q.seen = func(h int) bool { return c.theirs.whole(cell, h) }
			q.failed = above(f.Above, len(c.ours.vps), func(vp, h int) (int64, bool) {
				took := c.ours.vps[vp].took[cell*c.ours.hours+h]
				return stepUS(took), took > 0
			})
		} else {
			q.apart = c.ours.apart[cell].Asked - c.ours.apart[cell].Good
			q.failed = func(h int) (failed, asked int64) { return c.ours.sumAt(cell, h) }
		}
		q.ours, q.theirs = c.ours.table(cell, judge(cell)), c.theirs.table(cell, judge(cell))
		q.theirs.widely = c.struckWidely(trouble{cell % pathCount, f.Metric == measurement.RSILatency})
	}
	for h := q.ours.from; h < q.ours.hours; h++ {
		if slices.ContainsFunc(q.ours.struck, func(n []uint16) bool { return n[h] > 0 }) {
			q.hours = append(q.hours, h)
		}
	}
	if len(q.hours) == 0 {
		return nil, "In no hour was any of our vantage points affected, so there is no hour to compare."
	}
	return q, ""
}

// above counts our vantage points of which a value of an hour is too long by the threshold, and
// those that have one. What is so all the time fails for us as well, but stands out in no hour.
func above(threshold int64, vps int, value func(vp, h int) (int64, bool)) func(h int) (failed, asked int64) {
	if threshold <= 0 {
		return nil
	}
	return func(h int) (failed, asked int64) {
		for vp := range vps {
			if x, known := value(vp, h); known {
				asked++
				if x > threshold {
					failed++
				}
			}
		}
		return failed, asked
	}
}

// sumAt is how many queries of an hour failed and were sent.
func (s *side) sumAt(cell, h int) (failed, asked int64) {
	for _, b := range s.vps {
		failed, asked = failed+int64(b.failed[cell*s.hours+h]), asked+int64(b.asked[cell*s.hours+h])
	}
	return failed, asked
}

// opinions are what the crowd says of each fail.
func (c *comparer) opinions() []Opinion {
	list := []Opinion{}
	asked, tests := make([]*question, len(c.Fails)), 0
	for i, f := range c.Fails {
		q, why := c.ask(f)
		list = append(list, Opinion{Metric: f.Metric, RSI: f.RSI, Family: f.Family, Transport: f.Transport, Verdict: NoData, Reason: why, Windows: []Window{}})
		if asked[i] = q; q != nil {
			tests += len(q.hours)
		}
	}
	for i, q := range asked {
		if q != nil {
			q.answer(&list[i], tests)
		}
	}
	return list
}

// answer asks the crowd; tests is how many hours are tested of all fails together.
func (q *question) answer(o *Opinion, tests int) {
	theirs := q.theirs.test(leastNetworks, chance/float64(tests), func(h int) bool { return slices.Contains(q.hours, h) })
	o.Failed = q.apart
	for h := q.ours.from; h < q.ours.hours; h++ {
		w := q.window(h, theirs[h], tests)
		if o.Failed += w.Failed; w.OursStruck == 0 {
			continue
		}
		switch w.Opinion {
		case Confirmed:
			o.Confirmed += w.Failed
		case NotSeen:
			o.NotSeen += w.Failed
		case NoData:
		}
		o.Windows = joined(o.Windows, w)
	}
	o.conclude()
}

// window is the opinion on one hour.
func (q *question) window(h int, theirs hourTest, tests int) Window {
	w := Window{Opinion: NoData, Strongest: theirs.Strongest}
	w.From, w.Until = q.span(h)
	for i := range q.ours.numbers {
		w.Ours += int(q.ours.asked[i][h])
		w.OursStruck += int(q.ours.struck[i][h])
	}
	w.Failed, w.Asked = int64(w.OursStruck), int64(w.Ours)
	if q.failed != nil {
		w.Failed, w.Asked = q.failed(h)
	}
	if w.OursStruck > 0 {
		theirs.conclude(&w, tests, q.seen(h))
	}
	return w
}

// conclude fills in what the test says of ours. Who looked for a part of the hour alone can
// confirm a failure, but cannot say that there was none.
func (f *hourTest) conclude(w *Window, tests int, looked bool) {
	level := chance / float64(tests)
	w.P = rounded(min(1, f.raw*float64(tests)))
	if !f.reachedAny || w.Ours == 0 {
		w.P, w.Expected = 1, 0
		return
	}
	share := float64(w.OursStruck) / float64(w.Ours) / 10
	w.Power = rounded(power(f.rates, share, critical(f.rates, leastNetworks, level)))
	w.Expected = math.Round(f.Expected*100) / 100
	switch {
	case f.confirms(level):
		w.Opinion = Confirmed
	case f.excess: // by networks to which most RSIs were lost
	case looked && w.Power >= wantPower && f.Expected < share*float64(f.Networks):
		// Where as much is struck as normal, a fault may have begun before the week before: it is
		// seen all the time.
		w.Opinion = NotSeen
	}
}

// joined adds an hour to the windows, to the last one where it goes on with the same opinion.
func joined(windows []Window, w Window) []Window {
	if len(windows) == 0 {
		return append(windows, w)
	}
	last := &windows[len(windows)-1]
	if !last.Until.Equal(w.From) || last.Opinion != w.Opinion {
		return append(windows, w)
	}
	last.Until, last.Failed, last.Asked = w.Until, last.Failed+w.Failed, last.Asked+w.Asked
	if w.clearer(last.Strongest) {
		last.Strongest = w.Strongest
	}
	return windows
}

// clearer says whether an hour speaks more clearly than another of the same opinion.
func (s Strongest) clearer(than Strongest) bool {
	return cmp.Or(cmp.Compare(than.P, s.P), cmp.Compare(s.NetworksStruck, than.NetworksStruck), cmp.Compare(s.Power, than.Power)) > 0
}

// conclude says what most of what failed lies in.
func (o *Opinion) conclude() {
	share := func(n int64) string {
		return edition.Thousands(n) + " of our " + edition.Thousands(o.Failed) + " failures"
	}
	switch {
	case 2*o.Confirmed > o.Failed:
		o.Verdict, o.Reason = Confirmed, share(o.Confirmed)+" lie in hours in which more networks of the crowd were affected than normally are."
	case 2*o.NotSeen > o.Failed:
		o.Verdict, o.Reason = NotSeen, share(o.NotSeen)+" lie in hours in which a tenth of our share would have been seen in the crowd, and was not."
	case o.Confirmed+o.NotSeen == 0:
		o.Reason = "In the hours of our failures the crowd was too small, its normal rate is not known or is as bad, it failed at most root servers at once, or too few of ours were affected."
	default:
		o.Reason = fmt.Sprintf("%s lie in hours that the crowd confirms, %s in hours in which it saw nothing: neither is a majority.", share(o.Confirmed), edition.Thousands(o.NotSeen))
	}
	if len(o.Windows) > mostWindows {
		slices.SortStableFunc(o.Windows, func(a, b Window) int { return cmp.Compare(b.Failed, a.Failed) })
		o.Reason += fmt.Sprintf(" The %d of %d windows with the most failures are listed.", mostWindows, len(o.Windows))
		o.Windows = o.Windows[:mostWindows]
		slices.SortFunc(o.Windows, func(a, b Window) int { return a.From.Compare(b.From) })
	}
}
