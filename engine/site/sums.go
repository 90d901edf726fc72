package site

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"mtric.net/mtric/engine/derive"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// sums are what an hour and a day come to.
type sums struct {
	hour, day totals
	alone     bool // one vantage point only is to measure now: it needs no other to bear it out
}

// totals are sums by server and path.
type totals struct {
	all       []sum
	by        []map[measurement.VantagePoint]*sum // of each vantage point: counts
	latencies bool                                // these have latencies as well
}

func (r *job) newSums() *sums {
	n := len(r.servers) * len(allPaths)
	s := &sums{hour: newTotals(n), day: newTotals(n)}
	s.hour.latencies = true
	return s
}

func newTotals(n int) totals {
	t := totals{all: make([]sum, n), by: make([]map[measurement.VantagePoint]*sum, n)}
	for i := range n {
		t.all[i].reset()
		t.by[i] = map[measurement.VantagePoint]*sum{}
	}
	return t
}

// add adds what a vantage point got.
func (t *totals) add(vp measurement.VantagePoint, place int, s *sum) {
	t.all[place].join(s)
	t.count(vp, place, s)
}

// count adds it to what is known of the vantage point.
func (t *totals) count(vp measurement.VantagePoint, place int, s *sum) {
	own := t.by[place][vp]
	if own == nil {
		own = &sum{}
		own.reset()
		t.by[place][vp] = own
	}
	own.sent, own.failed, own.own, own.incorrect = own.sent+s.sent, own.failed+s.failed, own.own+s.own, own.incorrect+s.incorrect
	if t.latencies {
		own.answered(s.latencies, s.median)
	}
}

// sumDay adds what is known of the last day before the labels that were read: of the hours that
// are over the table tells it, the labels before them are read. It says what the table lacks.
func (r *job) sumDay(ctx context.Context, sums *sums, came map[time.Time]bool) (lacks lack, err error) {
	from := r.end().Add(-24 * time.Hour)
	whole := from.Add(time.Hour - 1).Truncate(time.Hour)
	if from.Before(whole) {
		_, err := r.labels(ctx, from, whole, func(_ time.Time, vp measurement.VantagePoint, place int, s *sum) { sums.day.add(vp, place, s) })
		if err := r.leave(ctx, err); err != nil {
			return lacks, err
		}
	}
	hours, err := r.dayHours(ctx, whole)
	if err != nil {
		return lacks, err
	}
	has := hours.join(&sums.day)
	for hour := whole; hour.Before(r.until); hour = hour.Add(time.Hour) {
		if came[hour] && !has[hour] {
			r.lacking = true
			if lacks.since.IsZero() {
				lacks.since = hour
			}
		}
	}
	lacks.all = len(has) == 0 && !lacks.since.IsZero()
	return lacks, nil
}

// lack is what the table hours does not have of the last day's hours that are over.
type lack struct {
	since time.Time // the first of them with a run of which it has nothing; zero where there is none
	all   bool      // it has none of them
}

// keptOf is what is kept of a day's answers; nil where there is nothing.
func (r *job) keptOf(day time.Time) (*seen, error) {
	if r.seen != nil {
		return r.seen[dayKey(day)], nil
	}
	return r.readSeen(dayKey(day))
}

// eventsUntil is until when the events are known: as far as derive came, and no further than
// the table hours goes. Of a lake alone it is what the table shows that derive must have
// known.
func (r *job) eventsUntil(lacks lack) (*time.Time, error) {
	if lacks.all {
		return nil, nil
	}
	known := r.until.Add(settled)
	if !lacks.since.IsZero() {
		known = lacks.since
	}
	if r.State != "" {
		d := &derive.Deriver{Plan: r.plan, Lake: r.Lake, State: r.State}
		last, remembered, err := d.Derived()
		if err != nil {
			return nil, err
		}
		if remembered && (lacks.since.IsZero() || !lacks.since.Before(until(last))) {
			known = last.Add(interval.Length)
		}
	}
	known = earlier(known, r.end())
	return &known, nil
}

// nowRSIs are what the twelve newest labels came to, and the 288 newest; nothing of these
// where they are not all known.
func (r *job) nowRSIs(sums *sums, whole bool) []NowRSI {
	all := []NowRSI{}
	for server, rsi := range r.rsis {
		o := NowRSI{RSI: rsi, Paths: []NowPath{}}
		for _, path := range r.paths {
			i := server*len(allPaths) + path
			p := NowPath{Path: pathName(path), Hour: r.sum(&sums.hour, i, sums.alone), Day: Sum{State: Missing}}
			if whole {
				p.Day = r.sum(&sums.day, i, sums.alone)
			}
			if r.values {
				p.Hour.UsualUS, p.Hour.Late = r.usualNow(sums.hour.by[i], pathKey(rsi, path), sums.alone)
			}
			o.Paths = append(o.Paths, p)
		}
		all = append(all, o)
	}
	return all
}

// sum is what an edition says of counts.
func (r *job) sum(t *totals, place int, alone bool) Sum {
	s := &t.all[place]
	o := Sum{State: r.state(s.tally(), r.least(r.until)), Planned: int64(s.planned), Sent: int64(s.sent)}
	if r.values {
		good := int64(s.sent - s.failed)
		o.Good, o.Own, o.MedianUS = &good, int64(s.own), s.medianUS()
	}
	if o.State > Own && !alone {
		o.Alone = r.restsOn(s, t.by[place])
	}
	return o
}

func (s *sum) tally() tally {
	return tally{planned: s.asked, sent: s.sent, failed: s.failed, own: s.own, incorrect: s.incorrect}
}

// restsOn is the vantage point without which nothing would be wrong, or too little for the
// plan's share of good answers: what it alone saw is no server's failure. Empty where there
// is none.
func (r *job) restsOn(s *sum, by map[measurement.VantagePoint]*sum) string {
	least := r.least(r.until)
	short := s.tally().short(least)
	for _, vp := range slices.Sorted(maps.Keys(by)) {
		v, rest := by[vp], s.tally()
		rest.sent, rest.failed, rest.own, rest.incorrect = rest.sent-v.sent, rest.failed-v.failed, rest.own-v.own, rest.incorrect-v.incorrect
		if short && !rest.short(least) || !short && rest.failed == rest.own {
			return string(vp)
		}
	}
	return ""
}

// What a pair's hour must have to be told late, as the events of kind slow go by it.
const (
	leastGood = 6
	lateBy    = int64(20 * time.Millisecond / time.Microsecond)
)

// usualNow is what is usual of the vantage points that measured in the last hour, the lower
// median of theirs, and whether as many of them as make an outage are later than each of
// them usually is.
func (r *job) usualNow(by map[measurement.VantagePoint]*sum, name string, alone bool) (usual *int64, isLate bool) {
	days := r.before(interval.Day(r.until))
	var all []int64
	slow := 0
	for _, vp := range slices.Sorted(maps.Keys(by)) {
		median, b := by[vp].medianUS(), usualByte(days, name, string(vp))
		if median == nil || b == 0 {
			continue
		}
		base := latencyOf(b)
		all = append(all, base)
		if by[vp].count() >= leastGood && *median > base+max(lateBy, base/2) {
			slow++
		}
	}
	if len(all) == 0 {
		return nil, false
	}
	slices.SortFunc(all, cmp.Compare)
	need := max(2, (len(all)+2)/3)
	if alone {
		need = 1
	}
	return &all[(len(all)-1)/2], slow >= need
}
