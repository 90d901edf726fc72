package simulate

import (
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// The verdicts.
const (
	pass   = "pass"
	fail   = "fail"
	noData = "no_data"
)

// numbers works out what is true of a period.
func (p *period) numbers() Numbers {
	w := p.w
	from, until := w.label(p.from), w.label(p.until)
	n := Numbers{Frames: w.frames(from, until), Publications: []Publication{}, Values: p.values()}
	last := n.Frames[len(n.Frames)-1]
	n.N, n.K = last.N, last.K
	var all slots
	for _, v := range p.places {
		for _, c := range p.counts.sums[v].cells {
			all.merge(c.slots)
		}
		for _, c := range p.counts.sums[v].checks {
			all.merge(c.slots)
		}
		n.Coverage.Stray += p.counts.sums[v].stray
	}
	c := &n.Coverage
	c.Planned, c.Sent, c.Unsent, c.Missing, c.OffPlan = all.planned(), all.sent, all.unsent, all.missing, all.offPlan
	n.Thin = all.tooFewSent()
	for _, s := range p.published {
		n.Publications = append(n.Publications, Publication{serial(s.zone), w.label(s.at)})
	}
	n.ReceivedUntil = p.receivedUntil()
	return n
}

// receivedUntil is when the last of the runs came into the lake that were looked at.
func (p *period) receivedUntil() *time.Time {
	last := int64(0)
	for _, d := range p.parts {
		if at := p.w.label(d.first); at.Before(p.w.label(p.end)) && !at.Before(p.w.label(p.from).Add(-lookBack)) {
			last = max(last, d.ingested)
		}
	}
	if last == 0 {
		return nil
	}
	return moment(last)
}

// values writes down the eight metrics in the order of reports.
func (p *period) values() (all []Value) {
	soa := p.w.soaAsk().servers
	sum := p.sum()
	for _, x := range soa {
		for _, way := range measurement.Paths {
			c := sum.cells[4*x+pathNumber(way)]
			all = append(all, p.availability(measurement.RSIAvailability, x, way, system{slots: c.slots, proven: c.good, disproven: c.sent - c.good, unknown: c.unknown()}))
		}
	}
	for _, x := range soa {
		for _, way := range measurement.Paths {
			cell := 4*x + pathNumber(way)
			all = append(all, p.rsiLatency(x, way, &p.counts.latency[cell], sum.cells[cell].slots))
		}
	}
	everybody := checks{}
	for _, x := range soa {
		everybody.merge(sum.checks[x])
	}
	for _, x := range soa {
		all = append(all, p.correctness(measurement.RSICorrectness, x, sum.checks[x], everybody))
	}
	pooled, untimed := waits{}, p.untimed()
	for _, x := range soa {
		all = append(all, p.publicationValue(measurement.RSIPublication, x, p.waits(x, p.most(measurement.RSIPublication), untimed)))
		pooled.merge(p.waits(x, p.most(measurement.RSSPublication), untimed))
	}
	for _, way := range measurement.Paths {
		all = append(all, p.availability(measurement.RSSAvailability, -1, way, sum.rss[pathNumber(way)]))
	}
	for _, way := range measurement.Paths {
		n := pathNumber(way)
		all = append(all, p.rssLatency(way, &p.counts.rssLatency[n], sum.rss[n]))
	}
	return append(all, p.correctness(measurement.RSSCorrectness, -1, everybody, everybody), p.publicationValue(measurement.RSSPublication, -1, pooled))
}

// sum adds up the vantage points.
func (p *period) sum() *sums {
	all := &p.w.newSums()[0]
	for _, v := range p.places {
		all.merge(&p.counts.sums[v])
	}
	return all
}

// value begins a value; x is negative for the RSS.
func (p *period) value(metric measurement.Metric, unit string, x int, way *measurement.Path) (Value, *plan.Threshold) {
	v := Value{Metric: metric, Unit: unit, Verdict: noData}
	if x >= 0 {
		v.RSI = p.w.rsis[x]
	}
	if way != nil {
		v.Family, v.Transport = way.Family, way.Transport
	}
	return v, threshold(p.thresholds, metric)
}

// threshold is a metric's among those of a time; nil where there is none.
func threshold(list []plan.Threshold, metric measurement.Metric) *plan.Threshold {
	for i := range list {
		if t := &list[i]; t.Metric == metric {
			return t
		}
	}
	return nil
}

// rssBound is the threshold of the RSS latency in µs, by path.
func rssBound(list []plan.Threshold) (all [4]int64) {
	for i, p := range paths {
		if limit := latencyLimit(threshold(list, measurement.RSSLatency), p.Transport); limit != nil {
			all[i] = time.Duration(*limit).Microseconds()
		}
	}
	return all
}

// share compares good of asked with a threshold in percent; equality meets it (A8).
func share(t *plan.Threshold, good, asked int64) string {
	switch {
	case t == nil || t.AtLeast == nil || asked == 0:
		return noData
	case big.NewRat(100*good, asked).Cmp(t.AtLeast.Rat()) >= 0:
		return pass
	}
	return fail
}

// availability is what was proven of what is known. Of a thin one the verdict is that on
// which the least and the most that it can have been agree.
func (p *period) availability(metric measurement.Metric, x int, way measurement.Path, s system) Value {
	v, t := p.value(metric, "percent", x, &way)
	v.Count, v.Thin = s.sent, s.tooFewSent()
	if t != nil && t.AtLeast != nil {
		v.Threshold = new(json.Number(t.AtLeast.String()))
	}
	known, all := s.proven+s.disproven, s.proven+s.disproven+s.unknown
	if known > 0 {
		v.Numerator, v.Denominator, v.Verdict = &s.proven, &known, share(t, s.proven, known)
	}
	low, high := share(t, s.proven, all), share(t, s.proven+s.unknown, all)
	if all > 0 && len(p.w.Plan.VantagePoints) > 0 {
		v.Bounds = &Bounds{Bound{s.proven, all, low}, Bound{s.proven + s.unknown, all, high}}
	}
	if v.Thin {
		if v.Verdict = low; low != high {
			v.Verdict = noData
		}
	}
	return v
}

// rsiLatency is the median of a histogram in µs [mzx]. One that is thin is judged only
// where no latency that is missing could change it.
func (p *period) rsiLatency(x int, way measurement.Path, h *histogram, s slots) Value {
	v, most := p.latency(measurement.RSILatency, x, way, h)
	if v.Thin = s.tooFewSent(); v.Thin {
		below := h.upTo(most)
		v.hold(h.count-below, below+s.unknown(), below, h.count-below+s.unknown())
	}
	return v
}

// rssLatency is the median of the k lowest of each interval [jbr].
func (p *period) rssLatency(way measurement.Path, h *histogram, s system) Value {
	v, _ := p.latency(measurement.RSSLatency, -1, way, h)
	if v.Thin = s.tooFewSent(); v.Thin {
		by := s.month
		if p.whole {
			by = s.whole
		}
		v.hold(by.bestAbove, by.bestBelow, by.worstBelow, by.worstAbove)
	}
	return v
}

// hold takes back a verdict that what is missing could change: a fail unless more lies
// above than below at best, a pass unless more lies below than above at worst.
func (v *Value) hold(bestAbove, bestBelow, worstBelow, worstAbove int64) {
	if v.Verdict == fail && bestAbove <= bestBelow || v.Verdict == pass && worstBelow <= worstAbove {
		v.Verdict = noData
	}
}

// latency is a median and its threshold in whole µs.
func (p *period) latency(metric measurement.Metric, x int, way measurement.Path, h *histogram) (v Value, most int64) {
	v, t := p.value(metric, "ms", x, &way)
	v.Count = h.count
	limit := latencyLimit(t, way.Transport)
	if limit == nil {
		return v, 0
	}
	v.Threshold, most = inUnit(*limit, time.Millisecond), time.Duration(*limit).Microseconds()
	if h.count == 0 {
		return v, most
	}
	n, d := h.median()
	v.Numerator, v.Denominator, v.Verdict = &n, &d, fail
	if n*int64(time.Microsecond) <= int64(*limit)*d {
		v.Verdict = pass
	}
	return v, most
}

func latencyLimit(t *plan.Threshold, transport measurement.Transport) *plan.Duration {
	if t == nil {
		return nil
	}
	return t.Latency(transport)
}

// correctness is the share of correct answers. It passes where hardly any waits for a
// verdict, or they wait no more often than everybody's.
func (p *period) correctness(metric measurement.Metric, x int, own, all checks) Value {
	v, t := p.value(metric, "percent", x, nil)
	judged := own.correct + own.incorrect
	v.Count, v.Thin, v.Held = judged, own.tooFewSent(), own.held
	if t != nil && t.AtLeast != nil {
		v.Threshold = new(json.Number(t.AtLeast.String()))
	}
	if judged == 0 {
		return v
	}
	v.Numerator, v.Denominator, v.Verdict = &own.correct, &judged, share(t, own.correct, judged)
	responses, everybody := judged+own.held, all.correct+all.incorrect+all.held
	many := 100*own.held > responses || own.held > 10 && own.held*everybody > 2*all.held*responses
	if v.Verdict == pass && many {
		v.Verdict = noData
	}
	return v
}

// most is a publication latency's threshold in minutes.
func (p *period) most(metric measurement.Metric) int64 {
	if t := threshold(p.thresholds, metric); t != nil && t.AtMost != nil {
		return int64(time.Duration(*t.AtMost) / time.Minute)
	}
	return beyond - 1
}

// publicationValue is the median in minutes [yzp] [zgb].
func (p *period) publicationValue(metric measurement.Metric, x int, l waits) Value {
	v, t := p.value(metric, "min", x, nil)
	v.Count, v.Unobservable, v.Thin = int64(len(l.minutes)), l.unobservable, l.tooFewSent()
	if t == nil || t.AtMost == nil {
		return v
	}
	v.Threshold = inUnit(*t.AtMost, time.Minute)
	if len(l.minutes) == 0 {
		return v
	}
	slices.Sort(l.minutes)
	n, d := l.minutes[len(l.minutes)/2], int64(1)
	if len(l.minutes)%2 == 0 && n != beyond {
		n, d = n+l.minutes[len(l.minutes)/2-1], 2
	}
	v.Verdict = fail
	// A middle value beyond the data makes the median unknown, and too long (P4).
	if v.Censored = n == beyond; !v.Censored {
		v.Numerator, v.Denominator = &n, &d
		if n*int64(time.Minute) <= int64(*t.AtMost)*d {
			v.Verdict = pass
		}
	}
	if v.Thin {
		below, _ := slices.BinarySearch(l.minutes, p.most(metric)+1)
		above, missing := int64(len(l.minutes)-below), l.unobservable+l.lacking
		v.hold(above, int64(below)+missing, int64(below), above+missing)
	}
	return v
}

// inUnit writes a duration as a decimal number of units, for people: verdicts
// compare the durations themselves.
func inUnit(d plan.Duration, unit time.Duration) *json.Number {
	text := big.NewRat(int64(d), int64(unit)).FloatString(12)
	return new(json.Number(strings.TrimRight(strings.TrimRight(text, "0"), ".")))
}
