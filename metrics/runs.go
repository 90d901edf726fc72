package metrics

import (
	"cmp"
	"context"
	"math"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// MaxSerials is how many serials the soa rows of a run may show that dates any: an RSI
// shows one or two, nearly all of them the same.
const MaxSerials = 16

// A mark says what the table runs knows of a run.
type mark uint8

const (
	clock mark = 1 << iota // its clock was known to be wrong
	early                  // it arrived before its label
	late                   // it came into the lake after what the report rests on

	untrusted = clock | early // what it shows dates no serial
)

// runKey is one interval at one vantage point; the label in µs.
type runKey struct {
	vp string
	at int64
}

// AddRuns adds rows of the table runs. All of them come before the answers: a run that
// came into the lake after Config.ReceivedUntil does not count, and what a run shows
// whose clock is known to be wrong dates no serial.
func (a *Accumulator) AddRuns(runs []measurement.Run) {
	for i := range runs {
		r := &runs[i]
		a.addRun(string(r.VantagePoint), r.Interval.UnixMicro(), received(r), r.ClockSynchronized != nil && !*r.ClockSynchronized, r.IngestedAt)
	}
}

// received is when a run arrived, in µs; a time that nobody noted is late enough.
func received(r *measurement.Run) int64 {
	if r.ReceivedAt.IsZero() {
		return math.MaxInt64
	}
	return r.ReceivedAt.UnixMicro()
}

// addRun notes what is odd about a run.
func (a *Accumulator) addRun(vp string, at, received int64, wrong bool, ingested *time.Time) {
	if at >= a.until || at != interval.Of(time.UnixMicro(at)).UnixMicro() {
		return
	}
	_, known := a.index[vp]
	known = known || a.anyVP
	var m mark
	if wrong {
		m |= clock
	}
	if received < at {
		m |= early
	}
	if ingested != nil {
		switch until := a.cfg.ReceivedUntil; {
		case !until.IsZero() && ingested.After(until):
			m |= late
			if at >= a.from && (a.firstLate.IsZero() || ingested.Before(a.firstLate)) {
				a.firstLate = ingested.UTC()
			}
			if at >= a.from {
				a.lateRuns[vp]++
			}
		case ingested.After(a.receivedUntil): // of whatever vantage point: who was unexpected is told too
			a.receivedUntil = ingested.UTC()
		}
	}
	switch {
	case m == 0, !known && m&late == 0:
		return
	case at < a.from:
		a.marksBefore[runKey{vp, at}] = m
		return
	case a.marks[vp] == nil && a.anyVP && len(a.marks) == maxVPs:
		a.tooMany = cmp.Or(a.tooMany, strings.Clone(vp))
		return
	case a.marks[vp] == nil:
		a.marks[vp] = make([]mark, len(a.days)*perDay)
	}
	a.marks[vp][slotAt(at-a.from)] = m
}

// within says whether a label lies in the vantage point's dates.
func within(v VantagePoint, at int64) bool {
	return (v.From == nil || at >= v.From.UnixMicro()) && (v.Until == nil || at < v.Until.UnixMicro())
}

// slotAt is the interval that a time in µs from the start of the window lies in.
func slotAt(us int64) int { return int(us / interval.Length.Microseconds()) }

// Runs is what is known of the runs alone: who keeps it keeps no measurements.
type Runs struct {
	from, until int64
	marks       map[string][]mark
	before      map[runKey]mark
}

// Runs is for after all runs were added.
func (a *Accumulator) Runs() *Runs { return &Runs{a.from, a.until, a.marks, a.marksBefore} }

// Late says whether a run came into the lake after Config.ReceivedUntil: then none of its
// rows counts.
func (r *Runs) Late(vp measurement.VantagePoint, label time.Time) bool {
	at := label.UnixMicro()
	if at < r.from {
		return r.before[runKey{string(vp), at}]&late != 0
	}
	marks := r.marks[string(vp)]
	return marks != nil && at < r.until && marks[slotAt(at-r.from)]&late != 0
}

// Trusted says whether what a run shows may date serials, and accuse on grounds of time:
// its clock was not known to be wrong, and it did not arrive before its label.
func (r *Runs) Trusted(vp measurement.VantagePoint, label time.Time) bool {
	at := label.UnixMicro()
	if at < r.from {
		return r.before[runKey{string(vp), at}]&untrusted == 0
	}
	marks := r.marks[string(vp)]
	return marks == nil || at >= r.until || marks[slotAt(at-r.from)]&untrusted == 0
}

// marksOf are the marks of a vantage point, by interval of the window; nil without any.
func (a *Accumulator) marksOf(vp measurement.VantagePoint) []mark { return a.marks[string(vp)] }

// scanRuns adds what the table runs has of a time.
func (a *Accumulator) scanRuns(ctx context.Context, store lake.Store, from, until time.Time) error {
	scan := lake.Scan{Store: store, From: from, Until: until, Workers: 1}
	columns := []column.Name{column.VantagePoint, column.ClockSynchronized, column.ReceivedAt, column.IngestedAt}
	return scan.Runs(ctx, columns, func(b *column.RunBatch) error {
		for i := range b.Rows {
			a.addRun(b.VantagePoint.Text(i), b.Interval.Int[i], b.ReceivedAt.Int[i], b.ClockSynchronized.No(i), b.IngestedAt.Ptr(i))
		}
		return a.crowded()
	})
}
