package simulate

import (
	"maps"
	"math"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/plan"
)

// grace is how many intervals earlier than its second witness a zone may count as
// published: 15 minutes.
const grace = 3

// day is how many intervals a day has.
const day = int(24 * time.Hour / interval.Length)

// period is what the numbers of a period are made of. Indices of intervals count from
// the first of the simulation.
type period struct {
	*tally
	counts           *counts
	from, until, end int
	whole            bool             // all that is simulated
	thresholds       []plan.Threshold // valid at its start
	places           []int            // vantage points that count, by number in w.everyone
	initial          int              // no zone up to this one is new (A10)
	published        []published
}

// published is a zone of the period and T(s).
type published struct{ zone, at int }

func (t *tally) period(c *counts, from, until, dataUntil time.Time) *period {
	w := t.w
	p := &period{tally: t, counts: c, from: w.index(from), until: w.index(until), end: w.index(dataUntil), initial: math.MinInt,
		whole: from.Equal(w.From) && until.Equal(w.Until), thresholds: w.Plan.ThresholdsAt(from)}
	for v := range w.everyone {
		// In a plan without vantage points they are those that have rows.
		if len(w.Plan.VantagePoints) > 0 || c.sums[v].rows {
			p.places = append(p.places, v)
		}
	}
	first, began := math.MaxInt, p.began()
	for z := range t.shown {
		at, found := p.firstThere(z, began)
		switch {
		case !found || at > first:
		case at < first:
			first, p.initial = at, z
		default:
			p.initial = max(p.initial, z)
		}
	}
	for z := range t.shown {
		if at, known := p.publishedAt(z); known && z > p.initial && at >= p.from && at < p.until {
			p.published = append(p.published, published{z, at})
		}
	}
	slices.SortFunc(p.published, func(a, b published) int {
		if a.at != b.at {
			return a.at - b.at
		}
		return a.zone - b.zone
	})
	return p
}

// labels are the intervals in which the vantage points first showed an accepted zone, in
// order.
func (p *period) labels(z int) (all []int) {
	s := p.shown[z]
	if s == nil || !p.accepts(z) {
		return nil
	}
	for _, v := range p.places {
		if v < len(p.w.vps) && s.labels[v] >= 0 && s.labels[v] < p.end {
			all = append(all, s.labels[v])
		}
	}
	slices.Sort(all)
	return all
}

// firstThere is from when a zone was there: its first label; but none that one vantage
// point alone has, more than a day before T(s) or before the second one began.
func (p *period) firstThere(z, began int) (int, bool) {
	all := p.labels(z)
	if len(all) == 0 {
		return 0, false
	}
	first := all[0]
	if at, known := p.publishedAt(z); known && at > first+day {
		return at, true
	}
	if first+day >= began || p.alone(first) {
		return first, true
	}
	if len(all) < 2 {
		return 0, false
	}
	return all[1], true
}

// began is when the second vantage point first showed an accepted zone; early where there
// is none.
func (p *period) began() int {
	first := map[int]int{}
	for z, s := range p.shown {
		for _, v := range p.places {
			if p.accepts(z) && v < len(p.w.vps) && s.labels[v] >= 0 && s.labels[v] < p.end {
				if was, known := first[v]; !known || s.labels[v] < was {
					first[v] = s.labels[v]
				}
			}
		}
	}
	if len(first) < 2 {
		return 0
	}
	return slices.Sorted(maps.Values(first))[1]
}

// publishedAt is T(s): when a zone was first shown, but no more than 15 minutes before
// there was a second witness, another vantage point or, for a day, the archive. False
// where there is none, unless only one vantage point was there to see it.
func (p *period) publishedAt(z int) (at int, known bool) {
	all := p.labels(z)
	if len(all) == 0 {
		return 0, false
	}
	first := all[0]
	if p.alone(first) {
		return first, true
	}
	second := math.MaxInt
	if len(all) > 1 {
		second = all[1]
	}
	if p.w.came(z) {
		archived := p.w.index(labelFrom(time.UnixMicro(p.w.archived(z)).UTC()))
		if archived <= first+day {
			second = min(second, archived)
		}
	}
	return max(first, second-grace), second < math.MaxInt
}

// alone says that only one vantage point is within its dates in the quarter of an hour
// from a label on.
func (p *period) alone(first int) bool {
	there := 0
	for _, v := range p.places {
		place := &p.w.everyone[v]
		if !p.w.label(first+grace).Before(place.from) && (place.until.IsZero() || p.w.label(first).Before(place.until)) {
			there++
		}
	}
	return there == 1
}

// untimed are the zones archived and first used in the period of which nobody knows when
// they were published; of each the interval of its first use.
func (p *period) untimed() (all []int) {
	for z, used := range p.used {
		label := interval.Of(time.UnixMicro(used).UTC())
		if z <= p.initial || label.Before(p.w.label(p.from)) || !label.Before(p.w.label(p.until)) {
			continue
		}
		if _, known := p.publishedAt(z); !known {
			all = append(all, p.w.index(label))
		}
	}
	return all
}

// there reports whether a vantage point is within its dates and an RSI in the frame.
func (p *period) there(v, x, at int) bool {
	label := p.w.label(at)
	f := p.w.frameAt(label)
	return p.w.everyone[v].in(label) && f.has(x)
}

// wait is what is known of how long a zone took to be seen, in minutes: at least low, at
// most high, beyond where it was not seen before the end.
type wait struct{ low, high int64 }

// beyond sorts after every latency: not seen before the end of the data (P4).
const beyond = math.MaxInt64

// wait follows RSI x at vantage point v from T(s) on [kvg].
func (p *period) wait(v, x int, s published) wait {
	low, high := s.at, -1
	for i := s.at; i < p.followed(v, x, s.at); i++ {
		m := p.minimum(i, v, x)
		if m >= s.zone {
			high = i
			break
		}
		if m != unasked {
			low = i + 1
		}
	}
	const length = int64(interval.Length / time.Minute)
	if high < 0 {
		return wait{int64(low-s.at) * length, beyond}
	}
	return wait{int64(low-s.at) * length, int64(high-s.at) * length}
}

// followed is until when a zone is waited for.
func (p *period) followed(v, x, at int) int {
	w := p.w
	end := min(p.end, p.until+int(lookAhead/interval.Length))
	if until := w.everyone[v].until; !until.IsZero() {
		end = min(end, w.index(labelFrom(until)))
	}
	for _, label := range w.changes() {
		if i := w.index(label); i > at && i < end {
			if f := w.frameAt(label); !f.has(x) {
				return i
			}
		}
	}
	return end
}

// waits are the publication latencies of RSIs.
type waits struct {
	slots   // SOA queries over all paths
	minutes []int64
	unobservable,
	lacking int64 // values that are not there, since nobody knows when a zone was published
}

// waits are the values of RSI x. Each is kept where it is certain on which side of the
// threshold it lies.
func (p *period) waits(x int, most int64, untimed []int) (l waits) {
	for _, v := range p.places {
		for path := range paths {
			l.slots.merge(p.counts.sums[v].cells[4*x+path].slots)
		}
		for _, at := range untimed {
			if p.there(v, x, at) {
				l.lacking++
			}
		}
		for _, s := range p.published {
			if !p.there(v, x, s.at) {
				continue
			}
			switch d := p.wait(v, x, s); {
			case d.high == beyond && d.low > most:
				l.minutes = append(l.minutes, beyond)
			case d.high != beyond && (d.low == d.high || (d.low > most) == (d.high > most)):
				l.minutes = append(l.minutes, d.low)
			default:
				l.unobservable++
			}
		}
	}
	return l
}

func (l *waits) merge(o waits) {
	l.slots.merge(o.slots)
	l.minutes = append(l.minutes, o.minutes...)
	l.unobservable, l.lacking = l.unobservable+o.unobservable, l.lacking+o.lacking
}

// minimum is m(v,X,t) as the number of a zone; unseen or unasked, smaller than
// all of them, where it is undefined.
func (t *tally) minimum(i, v, x int) int {
	if v >= len(t.w.vps) {
		return unasked
	}
	p, at := t.dayOf(i)
	n := int(p.minima[(at*len(t.w.vps)+v)*len(t.w.rsis)+x])
	if n <= unseen {
		shown, found := t.minima[doubt{index: i, v: v, rsi: x}]
		if !found {
			return n
		}
		n = shown
	}
	return n + t.w.oldest
}

// dayOf finds the part of an interval, and its number there.
func (t *tally) dayOf(i int) (*part, int) {
	w := t.w
	p := t.parts[int(interval.Day(w.label(i)).Sub(interval.Day(w.From))/(24*time.Hour))]
	return p, i - p.first
}

// index counts intervals from the first of the simulation; label is its inverse.
func (w *world) index(label time.Time) int { return int(label.Sub(w.From) / interval.Length) }
func (w *world) label(index int) time.Time { return w.From.Add(time.Duration(index) * interval.Length) }
