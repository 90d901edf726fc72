package metrics

import (
	"context"
	"math"
	"slices"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// pastRun is what a run before the window showed. Of that time only the serials matter:
// which are not new (reading A10), and who showed them first.
type pastRun struct {
	vp    int
	shown map[uint32]bool // by all its soa rows, up to one more than MaxSerials
	seen  map[uint32]bool // in sightings; true where an exclusion without RSIs takes out all of these
}

// before notes the rows [first, end) of a run before the window.
func (a *Accumulator) before(d *decoded, first, end int, vpFrom, vpUntil []int64) error {
	at, vp := d.Interval.Int[first], d.vp[d.VantagePoint.Index[first]+1]
	if vp < 0 || at < vpFrom[vp] || at >= vpUntil[vp] {
		return nil
	}
	label := time.UnixMicro(at).UTC()
	if label != interval.Of(label) {
		return d.damaged(first, "the label is not the start of an interval")
	}
	key := runKey{string([]byte(d.VantagePoint.Text(first))), at}
	if a.marksBefore[key]&late != 0 {
		return nil
	}
	frame := a.frameOf(at)
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := first; i < end; i++ {
		if d.query[d.Query.Index[i]+1] != querySOA || d.rcode[d.RCode.Index[i]+1] != answered ||
			!d.Serial.Has(i) || d.Serial.Int[i] < 0 || d.Serial.Int[i] > math.MaxUint32 {
			continue
		}
		s := uint32(d.Serial.Int[i])
		r := a.history[key]
		if r == nil {
			r = &pastRun{vp: int(vp), shown: map[uint32]bool{}, seen: map[uint32]bool{}}
			a.history[key] = r
		}
		if len(r.shown) <= MaxSerials {
			r.shown[s] = true
		}
		rsi, path := int(d.rsi[d.RSI.Index[i]+1]), int(d.family[d.Family.Index[i]+1]+d.transport[d.Transport.Index[i]+1])
		if rsi < 0 || path < 0 || !a.accepts(s) && !a.known(s) {
			continue
		}
		expected := frame.asked[2*rsi+path/2]
		if cell := d.cell(i); cell < cellOK || cell == cellDamaged || expected < 0 || d.address[d.Address.Index[i]+1] != expected {
			continue
		}
		if signed := a.zones[s].SignedAt; signed != nil && d.SentAt.Column != nil && d.SentAt.Has(i) &&
			d.SentAt.Int[i] < signed.Add(-clockAllowance).UnixMicro() {
			continue
		}
		out := a.excludes(measurement.VantagePoint(key.vp), label, path)
		if was, known := r.seen[s]; !known || was {
			r.seen[s] = out
		}
	}
	return nil
}

// excludes says whether an exclusion without RSIs takes a path of a run out.
func (a *Accumulator) excludes(vp measurement.VantagePoint, label time.Time, path int) bool {
	for _, e := range a.cfg.Exclusions {
		if len(e.RSIs) > 0 || !e.covers(vp, label) {
			continue
		}
		if len(e.Paths) == 0 {
			return true
		}
		for _, p := range e.Paths {
			if p == paths[path] {
				return true
			}
		}
	}
	return false
}

// eachPast hands on the sightings before the window that a view of a level has, of serials
// that are accepted or of those only known, by vantage point's number among all.
func (a *Accumulator) eachPast(l level, accepted bool, note func(serial uint32, vp, at int)) {
	for key, r := range a.history {
		if len(r.shown) > MaxSerials || a.marksBefore[key]&untrusted != 0 {
			continue
		}
		for s, out := range r.seen {
			if a.accepts(s) != accepted {
				continue
			}
			if !out || l == asMeasured {
				note(s, r.vp, int((key.at-a.from)/interval.Length.Microseconds()))
			}
		}
	}
}

// span is a time of interval labels, [from, until).
type span struct{ from, until time.Time }

// sentWithin bounds how long after its label a query of a run is sent, which ingest sees to.
const sentWithin = 2 * interval.Length

// past reads of the time before the window what dates the serials of the period: since
// the first sighting of those that fewer than two vantage points showed in the look-back,
// whose T(s) may lie in the period all the same; and when the data began. The table zones
// has the first sightings.
func (a *Accumulator) past(ctx context.Context, store lake.Store) error {
	start := time.UnixMicro(a.from).UTC()
	first, open := start, start
	for s, z := range a.zones {
		if z.FirstSeen != nil && (a.accepts(s) || a.known(s)) {
			first = earlier(first, interval.Of(*z.FirstSeen))
		}
	}
	if !first.Before(start) {
		return nil
	}
	enough, witnesses := 2, a.lookBackWitnesses()
	if !a.anyVP {
		enough = min(2, max(1, len(a.cfg.VantagePoints)))
	}
	for _, d := range a.days {
		for s := range d.sets.single {
			if z := a.zones[s]; a.accepts(s) && z.FirstSeen != nil && len(witnesses[s]) < enough {
				open = earlier(open, interval.Of(*z.FirstSeen))
			}
		}
	}
	unread := start
	if open.Before(start) {
		unread = open.Add(-sentWithin)
		if err := a.scanPast(ctx, store, span{unread, start}); err != nil {
			return err
		}
	}
	return a.beginning(ctx, store, first, unread, enough)
}

// beginning reads from the first sighting of all until vantage points enough have shown
// what is accepted: mostly one interval. The first may be of one that does not count.
func (a *Accumulator) beginning(ctx context.Context, store lake.Store, first, until time.Time, enough int) error {
	for s := (span{first.Add(-sentWithin), first.Add(interval.Length)}); s.from.Before(until); {
		s.until = earlier(s.until, until)
		if err := a.scanPast(ctx, store, s); err != nil {
			return err
		}
		began := map[int]bool{}
		a.eachPast(forSystem, true, func(_ uint32, vp, at int) {
			if a.label(at).Before(s.until) {
				began[vp] = true
			}
		})
		if len(began) >= enough {
			return nil
		}
		s = span{s.until, s.until.AddDate(0, 0, 1)}
	}
	return nil
}

// lookBackWitnesses lists by serial the vantage points whose trusted sightings of the look-back
// show it, without what an exclusion takes out of the RSS.
func (a *Accumulator) lookBackWitnesses() map[uint32]map[int]bool {
	found := map[uint32]map[int]bool{}
	for _, d := range a.days {
		if d.number >= int(LookBack/(24*time.Hour)) {
			break
		}
		for vp, b := range d.blocks {
			if b == nil {
				continue
			}
			marks, out := a.marksOf(a.vps[vp].ID), a.excluded(d.number, a.vps[vp].ID, forSystem)
			for slot := range perDay {
				if distrusted(&d.sets, b, marks, d.number, slot) ||
					slices.ContainsFunc(out, func(e at) bool { return e.from <= slot && slot < e.until }) {
					continue
				}
				for _, code := range b.serials[slot*a.n : (slot+1)*a.n] { // not turned yet
					for _, s := range d.sets.of(code) {
						if found[s] == nil {
							found[s] = map[int]bool{}
						}
						found[s][vp] = true
					}
				}
			}
		}
	}
	return found
}

// scanPast adds what the lake has of a time before the window.
func (a *Accumulator) scanPast(ctx context.Context, store lake.Store, s span) error {
	if err := a.scanRuns(ctx, store, s.from, s.until); err != nil {
		return err
	}
	return lake.Scan{Store: store, From: s.from, Until: s.until}.Answers(ctx, a.columns(column.SentAt), a.Add)
}
