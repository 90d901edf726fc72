package simulate

import (
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// values writes down the eight metrics in the order of reports.
func (t *tally) values(c *counts, from, until, dataUntil time.Time) []Value {
	w, soa := t.w, t.w.soaServers()
	var all []Value
	paths := reportPaths()
	for _, x := range soa {
		for _, p := range paths {
			cell := 4*x + pathNumber(p)
			all = append(all, w.share("rsi_availability", x, &p, c.ok[cell], c.sent[cell], c.sent[cell]))
		}
	}
	for _, x := range soa {
		for _, p := range paths {
			all = append(all, w.latencyValue("rsi_response_latency", x, p, &c.latency[4*x+pathNumber(p)]))
		}
	}
	received, correct := int64(0), int64(0)
	for _, x := range soa {
		all = append(all, w.share("rsi_correctness", x, nil, c.correct[x], c.received[x], c.received[x]))
		received, correct = received+c.received[x], correct+c.correct[x]
	}
	pooled := publication{}
	for _, x := range soa {
		p := t.publication(x, from, until, dataUntil)
		all = append(all, w.publicationValue("rsi_publication_latency", x, p))
		pooled.minutes = append(pooled.minutes, p.minutes...)
		pooled.unobservable += p.unobservable
	}
	for _, p := range paths {
		rss := c.rss[pathNumber(p)]
		all = append(all, w.share("rss_availability", -1, &p, rss.good, rss.asked, rss.sent))
	}
	for _, p := range paths {
		all = append(all, w.latencyValue("rss_response_latency", -1, p, &c.rssLatency[pathNumber(p)]))
	}
	return append(all, w.share("rss_correctness", -1, nil, correct, received, received),
		w.publicationValue("rss_publication_latency", -1, pooled))
}

// reportPaths are the four paths in the order of reports.
func reportPaths() []measurement.Path {
	var all []measurement.Path
	for _, f := range measurement.Families {
		for _, t := range measurement.Transports {
			all = append(all, measurement.Path{Family: f, Transport: t})
		}
	}
	return all
}

// value begins a value; x is negative for the RSS.
func (w *world) value(metric, unit string, x int, p *measurement.Path) (Value, *plan.Threshold) {
	v := Value{Metric: metric, Unit: unit, Verdict: "no_data"}
	if x >= 0 {
		v.RSI = w.rsis[x]
	}
	if p != nil {
		v.Family, v.Transport = p.Family, p.Transport
	}
	for i := range w.Plan.Thresholds {
		if t := &w.Plan.Thresholds[i]; t.Metric == metric {
			return v, t
		}
	}
	return v, nil
}

func (v *Value) verdict(meets bool) {
	v.Verdict = "fail"
	if meets {
		v.Verdict = "pass"
	}
}

// share is a value in percent: good of asked. Equality meets the threshold (A8).
func (w *world) share(metric string, x int, p *measurement.Path, good, asked, count int64) Value {
	v, t := w.value(metric, "percent", x, p)
	v.Count = count
	if t != nil && t.AtLeast != nil {
		v.Threshold = new(json.Number(t.AtLeast.String()))
	}
	if asked == 0 {
		return v
	}
	v.Numerator, v.Denominator = &good, &asked
	if t != nil && t.AtLeast != nil {
		v.verdict(big.NewRat(100*good, asked).Cmp(t.AtLeast.Rat()) >= 0)
	}
	return v
}

// latencyValue is the median of a histogram in µs [mzx] [jbr].
func (w *world) latencyValue(metric string, x int, p measurement.Path, h *histogram) Value {
	v, t := w.value(metric, "ms", x, &p)
	v.Count = h.count
	var most *plan.Duration
	if t != nil {
		most = map[measurement.Transport]*plan.Duration{measurement.UDP: t.UDP, measurement.TCP: t.TCP}[p.Transport]
	}
	if most != nil {
		v.Threshold = inUnit(*most, time.Millisecond)
	}
	if h.count == 0 {
		return v
	}
	n, d := h.median()
	v.Numerator, v.Denominator = &n, &d
	if most != nil {
		v.verdict(n <= time.Duration(*most).Microseconds()*d)
	}
	return v
}

// publication is the publication latencies of RSIs: minutes, censored ones as
// beyond.
type publication struct {
	minutes      []int64
	unobservable int64
}

// beyond sorts after every latency: not seen before the end of the data (P4).
const beyond = math.MaxInt64

// publication measures RSI x by the definitions of 4.5: L(v,X,s) is the time from
// T(s), the first interval in which anybody had s from anybody, to the first in
// which v has at least s from all four pairs of X that answer. Serials that were
// there before the data have no T(s) (A10).
func (t *tally) publication(x int, from, until, dataUntil time.Time) publication {
	w := t.w
	var p publication
	index := func(at time.Time) int { return int(at.Sub(w.From) / interval.Length) }
	end := index(dataUntil)
	for _, zone := range t.news() {
		begun := t.begun[zone]
		if begun < index(from) || begun >= index(until) {
			continue
		}
		for v := range w.vps {
			seen, asked := -1, false
			for i := begun; i < end && seen < 0; i++ {
				switch z := t.minimum(i, v, x); {
				case z >= zone:
					seen = i
				case z != unasked:
					asked = true
				}
			}
			switch {
			case seen >= 0 && (seen == begun || asked):
				p.minutes = append(p.minutes, int64(seen-begun)*int64(interval.Length/time.Minute))
			case seen < 0 && asked:
				p.minutes = append(p.minutes, beyond)
			default:
				p.unobservable++ // nobody asked meanwhile (A12)
			}
		}
	}
	return p
}

// news are the zones with a T(s), oldest first: those newer than all of the first
// interval that shows any.
func (t *tally) news() []int {
	start := math.MaxInt
	for _, i := range t.begun {
		start = min(start, i)
	}
	initial := math.MinInt
	for z, i := range t.begun {
		if i == start {
			initial = max(initial, z)
		}
	}
	var all []int
	for z := range t.begun {
		if z > initial {
			all = append(all, z)
		}
	}
	slices.Sort(all)
	return all
}

// dayOf finds the part of an interval, and its number there.
func (t *tally) dayOf(i int) (*part, int) {
	w := t.w
	at := w.From.Add(time.Duration(i) * interval.Length)
	p := t.parts[int(interval.Day(at).Sub(interval.Day(w.From))/(24*time.Hour))]
	return p, i - p.first
}

// minimum is m(v,X,t) as the number of a zone; unseen or unasked, smaller than
// all of them, where it is undefined.
func (t *tally) minimum(i, v, x int) int {
	p, at := t.dayOf(i)
	n := p.minima[(at*len(t.w.vps)+v)*len(t.w.rsis)+x]
	if n <= unseen {
		return int(n)
	}
	return int(n) + t.w.oldest
}

// publicationValue is the median in minutes [yzp] [zgb].
func (w *world) publicationValue(metric string, x int, p publication) Value {
	v, t := w.value(metric, "min", x, nil)
	v.Count, v.Unobservable = int64(len(p.minutes)), p.unobservable
	if t != nil && t.AtMost != nil {
		v.Threshold = inUnit(*t.AtMost, time.Minute)
	}
	if len(p.minutes) == 0 {
		return v
	}
	slices.Sort(p.minutes)
	n, d := p.minutes[len(p.minutes)/2], int64(1)
	if len(p.minutes)%2 == 0 {
		low := p.minutes[len(p.minutes)/2-1]
		if n != beyond {
			n, d = n+low, 2
		}
	}
	// A middle value beyond the data makes the median unknown, and too long (P4).
	if n == beyond {
		v.Censored, v.Verdict = true, "fail"
		return v
	}
	v.Numerator, v.Denominator = &n, &d
	if t != nil && t.AtMost != nil {
		v.verdict(n*int64(time.Minute) <= int64(*t.AtMost)*d)
	}
	return v
}

// inUnit writes a duration as a decimal number of units, for people: verdicts
// compare the durations themselves.
func inUnit(d plan.Duration, unit time.Duration) *json.Number {
	text := big.NewRat(int64(d), int64(unit)).FloatString(12)
	return new(json.Number(strings.TrimRight(strings.TrimRight(text, "0"), ".")))
}
