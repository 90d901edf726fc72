package simulate

import (
	"maps"
	"math"
	"slices"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// The times of a new zone, in µs after its publication. The archive has it
// before any server, so that "first seen in use" (A15) is the time of archiving.
const (
	archivedBy = 60 * second
	firstSite  = 90 * second
	lastSite   = firstSite + (240+120+2400)*second // no site is later, but for faults
)

// zoneAt is the newest zone published at t (µs since 1970).
func (w *world) zoneAt(t int64) int { return w.calendar().Newest(t) }

// published is the time of a zone's publication in µs.
func (w *world) published(z int) int64 { return w.calendar().Published(z) }

func (w *world) calendar() Calendar { return Calendar{w.Seed} }

// archived is when the collector has it.
func (w *world) archived(z int) int64 {
	return w.published(z) + int64(mix(w.Seed, streamZone, uint64(z), 1)%archivedBy)
}

// reaches is when the site that answers a vantage point gets a zone, in µs.
func (w *world) reaches(z, v, x, f int) int64 {
	return w.calendar().reaches(z, w.vps[v].word, w.rsis[x], w.delay[x], f)
}

// arrivals are the times at which the zones of a day reach every site.
type arrivals struct {
	w      *world
	newest int   // the last zone of the day
	until  int64 // µs; when the one after it is published
	times  [4][]int64
}

func (w *world) arrivals(day time.Time) *arrivals {
	a := &arrivals{w: w, newest: int(day.Unix()/86400)*2 + 1}
	a.until = w.published(a.newest + 1)
	for i := range a.times {
		a.times[i] = make([]int64, len(w.vps)*len(w.rsis)*2)
		for v := range w.vps {
			for x := range w.rsis {
				for f := range 2 {
					a.times[i][w.baseOf(v, x, f)] = w.reaches(a.newest-i, v, x, f)
				}
			}
		}
	}
	return a
}

// served is the zone that a site serves at t. Beyond the times at hand, where
// only faults go, each zone is asked for.
func (a *arrivals) served(t int64, v, x, f int) int {
	at := a.w.baseOf(v, x, f)
	for i := range a.times {
		if t < a.until && a.times[i][at] <= t {
			return a.newest - i
		}
	}
	z := a.w.zoneAt(t)
	for a.w.reaches(z, v, x, f) > t {
		z--
	}
	return z
}

// window is the range of zones that correctness may be judged by at q, the
// interval ending at end, all in µs: those archived from 48 hours before q to
// before end, and always the newest known before q [yhu], A15.
func (w *world) window(q, end int64) (oldest, newest int) {
	newest = w.zoneAt(end)
	for w.archived(newest) >= end {
		newest--
	}
	before := newest
	for w.archived(before) > q {
		before--
	}
	oldest = before
	for w.archived(oldest-1) >= q-48*3600*second {
		oldest--
	}
	return oldest, newest
}

// signed is when a zone was signed, in µs: the hour before that of its publication, as
// that of the real root. With wires all are signed at the same time.
func (w *world) signed(z int) int64 {
	if w.wires != nil {
		return w.wires.signed.UnixMicro()
	}
	return (int64(z/2)*86400 + int64(4+z%2*12)*3600) * second
}

// alone reports whether there is one vantage point only, whose word then counts.
func (w *world) alone() bool { return len(w.everyone) == 1 }

// zones are the rows of the zones table: those archived from two days before From on, as
// an archive would have them, those shown before, and those that somebody invented.
func (t *tally) zones() []measurement.Zone {
	w := t.w
	oldest := w.zoneAt(w.From.Add(-48 * time.Hour).UnixMicro())
	for z := range t.shown {
		oldest = min(oldest, z)
	}
	if w.wires != nil {
		oldest = w.oldest // each has its file
	}
	var all []int
	for z := oldest; z <= w.last; z++ {
		all = append(all, z)
	}
	all = append(all, slices.Sorted(maps.Keys(t.unarchived))...)
	rows := make([]measurement.Zone, len(all))
	used := int64(math.MaxInt64) // the earliest of a zone and those archived after it
	for i, z := range slices.Backward(all) {
		own := used
		if at := t.firstShown(z); t.accepts(z) {
			own = min(own, at)
		}
		if w.came(z) {
			own = min(own, w.archived(z))
			used = own
			t.used[z] = max(own, w.signed(z))
		}
		rows[i] = t.zoneRow(z, own)
	}
	return rows
}

// firstShown is when a second vantage point, or the only one, first showed a zone, µs.
func (t *tally) firstShown(z int) int64 {
	if s := t.shown[z]; s != nil {
		if all := s.witnesses(); t.w.alone() || len(all) > 1 {
			return all[min(1, len(all)-1)]
		}
	}
	return math.MaxInt64
}

func (t *tally) zoneRow(z int, used int64) measurement.Zone {
	w := t.w
	row := measurement.Zone{Serial: serial(z), State: measurement.ZoneBogus, Proof: new(measurement.ProofNone)}
	switch {
	case w.came(z):
		source := "simulate"
		row.State, *row.Proof, row.Source = measurement.ZoneArchived, measurement.ProofArchive, &source
		row.ArchivedAt, row.SignedAt = moment(w.archived(z)), moment(w.signed(z))
		row.FirstUsed = moment(t.used[z])
		if w.wires != nil {
			sum := w.wires.sums[z]
			row.SHA256 = &sum
		}
	case t.proven[z]:
		row.State, *row.Proof, row.FirstUsed = measurement.ZoneSeen, measurement.ProofWitnesses, moment(used)
	}
	if s := t.shown[z]; s != nil {
		row.FirstSeen, row.FirstSeenRSI = moment(s.first.at), &w.rsis[s.first.rsi]
	}
	return row
}

func moment(us int64) *time.Time {
	at := time.UnixMicro(us).UTC()
	return &at
}
