package comparison

import (
	"cmp"
	"fmt"
	"math"
	"slices"

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

// judgements are what is asked of an hour, by the metric that it can say something about.
var judgements = map[measurement.Metric]judgement{measurement.RSIAvailability: failing, measurement.RSILatency: slow}

// cell of a fail; false where it is not of one RSI and path.
func (c *comparer) cell(f Fail) (int, bool) {
	rsi := slices.Index(c.RSIs, f.RSI)
	for p := range pathCount {
		if at := pathOf(p); rsi >= 0 && at.Family == f.Family && at.Transport == f.Transport {
			return rsi*pathCount + p, true
		}
	}
	return 0, false
}

// opinions are what the crowd says of each fail.
func (c *comparer) opinions() []Opinion {
	list := []Opinion{}
	tests := 0
	for _, f := range c.Fails {
		if cell, one := c.cell(f); one && judgements[f.Metric] != nil {
			tests += len(c.oursStruck(cell, judgements[f.Metric]))
		}
	}
	for _, f := range c.Fails {
		list = append(list, c.opinion(f, tests))
	}
	return list
}

// oursStruck lists the hours of the period in which any vantage point of ours was struck.
func (c *comparer) oursStruck(cell int, judge judgement) []int {
	var hours []int
	t := c.ours.table(cell, judge)
	for h := c.ours.before; h < c.ours.hours; h++ {
		if slices.ContainsFunc(t.struck, func(n []uint16) bool { return n[h] > 0 }) {
			hours = append(hours, h)
		}
	}
	return hours
}

// opinion on one fail; tests is how many hours are tested of all fails together.
func (c *comparer) opinion(f Fail, tests int) Opinion {
	o := Opinion{Metric: f.Metric, RSI: f.RSI, Family: f.Family, Transport: f.Transport, Verdict: NoData, Windows: []Window{}}
	cell, one := c.cell(f)
	judge := judgements[f.Metric]
	if !one || judge == nil {
		o.Reason = whyNot(f, c.Set)
		return o
	}
	hours := c.oursStruck(cell, judge)
	if len(hours) == 0 {
		o.Reason = "No hour of ours stands out, so there is none to ask the crowd about."
		return o
	}
	ours := c.ours.table(cell, judge)
	theirs := c.theirs.table(cell, judge).test(leastNetworks, chance/float64(tests), func(h int) bool { return slices.Contains(hours, h) })
	for h := c.ours.before; h < c.ours.hours; h++ {
		w := c.window(f.Metric, cell, h, ours, theirs[h], tests)
		if o.Failed += w.Failed; w.OursStruck == 0 {
			continue
		}
		switch w.Opinion {
		case Confirmed:
			o.Confirmed += w.Failed
		case NotSeen:
			o.NotSeen += w.Failed
		}
		o.Windows = joined(o.Windows, w)
	}
	o.conclude()
	return o
}

// whyNot says why the crowd can say nothing of a fail.
func whyNot(f Fail, set string) string {
	switch f.Metric {
	case measurement.RSIPublication, measurement.RSSPublication:
		if set == "builtin" {
			return "The built-in measurements ask every half hour, which is too seldom to date a publication."
		}
		return "Lags of publication are compared below; no test of them is made."
	case measurement.RSICorrectness, measurement.RSSCorrectness:
		return "Probes do not ask for DNSSEC: beyond the content of the SOA record, nothing that they got can be judged."
	case measurement.RSSAvailability, measurement.RSSLatency:
		return "The crowd is asked about one root server at a time; see those of the metrics of RSIs."
	}
	return "The crowd can say nothing of this metric."
}

// window is the opinion on one hour.
func (c *comparer) window(metric measurement.Metric, cell, h int, ours *table, theirs hourTest, tests int) Window {
	w := Window{From: c.ours.timeOf(h), Until: c.ours.timeOf(h + 1), Opinion: NoData, Strongest: theirs.Strongest}
	for i := range ours.numbers {
		w.Ours += int(ours.asked[i][h])
		w.OursStruck += int(ours.struck[i][h])
	}
	w.Failed, w.Asked = int64(w.OursStruck), int64(w.Ours)
	if metric == measurement.RSIAvailability {
		w.Failed, w.Asked = 0, 0
		for _, b := range c.ours.vps {
			w.Asked += int64(b.asked[cell*c.ours.hours+h])
			w.Failed += int64(b.failed[cell*c.ours.hours+h])
		}
	}
	if w.OursStruck > 0 {
		theirs.conclude(&w, tests)
	}
	return w
}

// conclude fills in what the test says of ours.
func (f *hourTest) conclude(w *Window, tests int) {
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
	case float64(f.NetworksStruck)-f.Expected >= leastNetworks && f.raw < level:
		w.Opinion = Confirmed
	case w.Power >= wantPower:
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
	share := func(n int64) string { return fmt.Sprintf("%d of %d failures of ours", n, o.Failed) }
	switch {
	case 2*o.Confirmed > o.Failed:
		o.Verdict, o.Reason = Confirmed, share(o.Confirmed)+" lie in hours in which the crowd saw more failures than it normally does."
	case 2*o.NotSeen > o.Failed:
		o.Verdict, o.Reason = NotSeen, share(o.NotSeen)+" lie in hours in which the crowd would have seen a tenth of our share, and did not."
	case o.Confirmed+o.NotSeen == 0:
		o.Reason = "In the hours in which ours failed the crowd was too small, or what is normal for it is not known, or ours were too few."
	default:
		o.Reason = fmt.Sprintf("%s lie in hours that the crowd confirms, %d in hours in which it saw nothing: neither is most of them.", share(o.Confirmed), o.NotSeen)
	}
	if len(o.Windows) > mostWindows {
		slices.SortStableFunc(o.Windows, func(a, b Window) int { return cmp.Compare(b.Failed, a.Failed) })
		o.Reason += fmt.Sprintf(" The %d of %d windows with the most failures are listed.", mostWindows, len(o.Windows))
		o.Windows = o.Windows[:mostWindows]
		slices.SortFunc(o.Windows, func(a, b Window) int { return a.From.Compare(b.From) })
	}
}
