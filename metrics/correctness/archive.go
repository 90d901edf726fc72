package correctness

import (
	"fmt"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
)

const (
	// Window is how long before a query a zone may have been first used that may
	// answer it [yhu].
	Window = 48 * time.Hour

	// Renewed is how long after its first use the newest zone takes the place of those
	// before it: two publications of the root.
	Renewed = 24 * time.Hour

	// ClockAllowance is how far the clock of a vantage point may be behind before what it
	// shows is called a sign of it.
	ClockAllowance = 5 * time.Minute

	// unwatched is how long nobody may have looked for new zones before a query.
	unwatched = time.Hour
)

// Known is what is known of a zone.
type Known struct {
	Serial    uint32
	Archived  bool      // at hand; else it was seen and is proven to exist
	FirstUsed time.Time // zero: used by nobody yet who counts, so after any query
	SignedAt  time.Time // zero: not known
	Shown     time.Time // when anybody first showed it; zero: nobody
}

// KnownOf is the row of the table zones; false where the serial is of no zone that
// is accepted.
func KnownOf(z measurement.Zone) (Known, bool) {
	k := Known{Serial: uint32(z.Serial), Archived: z.State == measurement.ZoneArchived}
	for _, f := range []struct {
		to   *time.Time
		from *time.Time
	}{{&k.FirstUsed, z.FirstUsed}, {&k.SignedAt, z.SignedAt}, {&k.Shown, z.FirstSeen}} {
		if f.from != nil {
			*f.to = f.from.UTC()
		}
	}
	return k, z.State != measurement.ZoneBogus
}

// Date says when each zone was first used, which zones must have by their own
// evidence: the earlier of when it was archived and when a second vantage point
// showed it. A zone is dated by its successors too: what is added late, or shown by
// a server that is days behind, does not become new. It is not used before it was
// signed.
func Date(zones []Known) {
	slices.SortFunc(zones, func(a, b Known) int { return rootzone.Compare(a.Serial, b.Serial) })
	var newer time.Time // the earliest use of an archived zone with a higher serial
	for i := len(zones) - 1; i >= 0; i-- {
		z := &zones[i]
		own := z.FirstUsed
		if !newer.IsZero() && (own.IsZero() || newer.Before(own)) {
			z.FirstUsed = newer
		}
		if z.Archived && !own.IsZero() && (newer.IsZero() || own.Before(newer)) {
			newer = own
		}
		if !z.FirstUsed.IsZero() && z.FirstUsed.Before(z.SignedAt) {
			z.FirstUsed = z.SignedAt
		}
	}
}

// Candidates are the zones that may answer a query which was sent in the interval
// of that label, the newest first: those first used in the 48 hours before it or
// later [yhu] and signed by the interval's end, and the newest of those first used
// 24 hours before it. There is no upper end by first use: the first server with a
// new zone has it before anybody fetches it.
func Candidates(zones []Known, sent, label time.Time) []Known {
	end := label.Add(interval.Length)
	newest := -1
	for i, z := range zones {
		if !z.FirstUsed.IsZero() && !z.FirstUsed.After(sent.Add(-Renewed)) &&
			(newest < 0 || rootzone.Compare(z.Serial, zones[newest].Serial) > 0) {
			newest = i
		}
	}
	var all []Known
	for i, z := range zones {
		if i == newest || z.inUse(sent) && z.signedBy(end) {
			all = append(all, z)
		}
	}
	slices.SortFunc(all, func(a, b Known) int { return rootzone.Compare(b.Serial, a.Serial) })
	return all
}

// inUse says whether the zone was first used in the 48 hours before a query, or later.
func (z Known) inUse(sent time.Time) bool {
	return z.FirstUsed.IsZero() || !z.FirstUsed.Before(sent.Add(-Window))
}

// signedBy says whether the zone may have been there at the end of an interval:
// where it is not known when it was signed, whether anybody had shown it.
func (z Known) signedBy(end time.Time) bool {
	if z.SignedAt.IsZero() {
		return !z.Shown.IsZero() && z.Shown.Before(end)
	}
	return !z.SignedAt.After(end.Add(ClockAllowance))
}

// Lacking says whether a zone that is not at hand, and was signed at that time, would
// be a candidate if it were: it is dated by the archived zones that were signed after it.
func Lacking(zones []Known, signed, sent, label time.Time) bool {
	lacking := Known{SignedAt: signed}
	for _, z := range zones {
		if later := z.Archived && z.SignedAt.After(signed); later && (lacking.FirstUsed.IsZero() || z.FirstUsed.Before(lacking.FirstUsed)) {
			lacking.FirstUsed = z.FirstUsed
		}
	}
	return lacking.inUse(sent) && lacking.signedBy(label.Add(interval.Length))
}

// Near are archived zones that are no candidates and were in use as long again
// before or after the query: they may tell which zone a stale answer is of.
func Near(zones, candidates []Known, sent, label time.Time) []Known {
	var all []Known
	for _, z := range zones {
		near := z.FirstUsed.After(sent.Add(-2*Window)) && z.FirstUsed.Before(label.Add(interval.Length+Window))
		if z.Archived && near && !slices.ContainsFunc(candidates, func(c Known) bool { return c.Serial == z.Serial }) {
			all = append(all, z)
		}
	}
	slices.SortFunc(all, func(a, b Known) int { return rootzone.Compare(b.Serial, a.Serial) })
	return all
}

// Fetch is a fetch of the root zone that succeeded, and what it returned.
type Fetch struct {
	At     time.Time
	Serial uint32
}

// Archive is what is known of the root's zones, and when somebody looked for new
// ones. It may be shared once it is made.
type Archive struct {
	Zones []Known // archived and seen, dated

	// Fetches are those that count, in order (Counting).
	Fetches []Fetch

	// Sighted are the times of trusted sightings of accepted serials in [from, until], in
	// order; of several in one interval two are enough, the first and the last.
	Sighted func(from, until time.Time) ([]time.Time, error)
}

// Counting are the fetches that count, in order: not one that returns a serial
// older than one that was already proven then, as a stale mirror does.
func Counting(fetches []Fetch, zones []Known) []Fetch {
	var all []Fetch
	for _, f := range fetches {
		stale := slices.ContainsFunc(zones, func(z Known) bool {
			proven := z.FirstUsed
			if proven.IsZero() {
				proven = z.Shown // by one vantage point and a signature
			}
			return !proven.IsZero() && proven.Before(f.At) && rootzone.Compare(f.Serial, z.Serial) < 0
		})
		if !stale {
			all = append(all, f)
		}
	}
	slices.SortStableFunc(all, func(a, b Fetch) int { return a.At.Compare(b.At) })
	return all
}

// Refuted says whether a serial that nothing proves, shown at a time, was nobody's:
// 48 hours later a fetch that counts still returned an older one. Else whoever shows a
// serial that will never be could hold back all that is said of others, for ever.
func Refuted(counting []Fetch, serial uint32, shown time.Time) bool {
	return slices.ContainsFunc(counting, func(f Fetch) bool {
		return f.At.After(shown.Add(Window)) && rootzone.Compare(f.Serial, serial) < 0
	})
}

// Covers says whether the archive has every zone that an answer to a query may be
// of: only then a mismatch accuses. Hold says what is lacking, as the column failures has
// it; empty where nothing is.
func (a *Archive) Covers(sent, label time.Time) (hold string, err error) {
	end := label.Add(interval.Length)
	if hold := Missing(Candidates(a.Zones, sent, label)); hold != "" {
		return hold, nil
	}
	if len(a.Fetches) == 0 || !a.Fetches[len(a.Fetches)-1].At.After(end.Add(unwatched)) {
		return "no zone fetch since", nil
	}
	return a.gap(sent.Add(-Window), end)
}

// Missing names the newest candidate that is not at hand; empty where all are.
func Missing(candidates []Known) string {
	if len(candidates) == 0 {
		return "no zone is archived"
	}
	for _, z := range candidates {
		if !z.Archived {
			return fmt.Sprintf("zone %d is not archived", z.Serial)
		}
	}
	return ""
}

// gap names the first time in [from, until] in which nobody looked for more than an
// hour; empty where there is none. A gap at an edge is told with the fetch before or
// after it.
func (a *Archive) gap(from, until time.Time) (string, error) {
	watched, err := a.watched(from, until)
	if err != nil {
		return "", err
	}
	begin := from
	for _, at := range append(watched, until) {
		if at.Sub(begin) <= unwatched {
			begin = at
			continue
		}
		if begin.Equal(from) {
			begin = a.lastFetch(from)
		}
		if at.Equal(until) {
			at = a.nextFetch(until)
		}
		const minutes = "2006-01-02T15:04Z"
		return fmt.Sprintf("no zone was watched from %s to %s", begin.UTC().Format(minutes), at.UTC().Format(minutes)), nil
	}
	return "", nil
}

// watched are the times in [from, until] at which somebody looked, in order.
func (a *Archive) watched(from, until time.Time) ([]time.Time, error) {
	sighted, err := a.Sighted(from, until)
	if err != nil {
		return nil, err
	}
	all := slices.Clone(sighted)
	for _, f := range a.Fetches {
		if !f.At.Before(from) && !f.At.After(until) {
			all = append(all, f.At)
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return all, nil
}

// lastFetch is the last fetch that counts before a time, which it is without one.
func (a *Archive) lastFetch(before time.Time) time.Time {
	for _, f := range slices.Backward(a.Fetches) {
		if f.At.Before(before) {
			return f.At
		}
	}
	return before
}

// nextFetch is the first one after a time.
func (a *Archive) nextFetch(after time.Time) time.Time {
	for _, f := range a.Fetches {
		if f.At.After(after) {
			return f.At
		}
	}
	return after
}
