package correctness

import (
	"cmp"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
)

// Window is how long before a query a zone may have been first seen in use that may
// answer it [yhu].
const Window = 48 * time.Hour

// Use is a zone of the archive and when it was first seen in use.
type Use struct {
	Serial uint32
	At     time.Time
}

// FirstUse is when a zone was first seen in use (A15): the earlier of the first
// sighting and the time the archive had it.
func FirstUse(z measurement.Zone) time.Time {
	switch {
	case z.FirstSeen == nil && z.ArchivedAt == nil:
		return time.Time{}
	case z.FirstSeen == nil || z.ArchivedAt != nil && z.ArchivedAt.Before(*z.FirstSeen):
		return *z.ArchivedAt
	}
	return *z.FirstSeen
}

// Uses lists the zones that are archived, in order of their first use.
func Uses(zones []measurement.Zone) []Use {
	var uses []Use
	for _, z := range zones {
		if z.State == measurement.ZoneArchived {
			uses = append(uses, Use{uint32(z.Serial), FirstUse(z)})
		}
	}
	slices.SortFunc(uses, func(x, y Use) int {
		return cmp.Or(x.At.Compare(y.At), rootzone.Compare(x.Serial, y.Serial))
	})
	return uses
}

// Candidates are the zones that may answer a query: first seen in use within 48
// hours before it or until the end of its interval, and always the newest known
// before it (A15). The newest comes first. Others were in use as long again before
// or after, and may tell which zone a stale answer is of.
func Candidates(uses []Use, sent, label time.Time) (candidates, others []uint32) {
	newest, end := -1, label.Add(interval.Length)
	for i, z := range uses {
		if !z.At.After(sent) && (newest < 0 || rootzone.Compare(z.Serial, uses[newest].Serial) > 0) {
			newest = i
		}
	}
	for i, z := range uses {
		switch {
		case i == newest, !z.At.Before(sent.Add(-Window)) && !z.At.After(end):
			candidates = append(candidates, z.Serial)
		case z.At.After(sent.Add(-2*Window)) && z.At.Before(end.Add(Window)):
			others = append(others, z.Serial)
		}
	}
	slices.SortFunc(candidates, func(x, y uint32) int { return rootzone.Compare(y, x) })
	return candidates, others
}
