package report

import (
	"fmt"
	"slices"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// serials compares what the report says of serials, on which its values are computed
// again, with what the data say. What a zone explains that was archived after the report
// is late.
func (v *Verified) serials(d *Document, r *metrics.Result, zones []measurement.Zone) {
	bySerial := map[int64]measurement.Zone{}
	for _, z := range zones {
		bySerial[z.Serial] = z
	}
	v.publications(d, r.Derived, bySerial)
	v.accepted(d, r.Known, bySerial)
}

func (v *Verified) differ(format string, args ...any) {
	v.Differences = append(v.Differences, fmt.Sprintf(format, args...))
}

func (v *Verified) publications(d *Document, derived []metrics.Publication, zones map[int64]measurement.Zone) {
	now, then := map[int64]time.Time{}, map[int64]bool{}
	for _, p := range derived {
		now[int64(p.Serial)] = p.T
	}
	for _, p := range d.Publications {
		if then[p.Serial] {
			v.differ("publications %d: the report has it twice", p.Serial)
			continue
		}
		then[p.Serial] = true
		at, there := now[p.Serial]
		if there && at.Equal(p.T) {
			continue
		}
		gives := "nothing"
		if there {
			gives = clock(at)
		}
		if d.archivedSince(zones[p.Serial]) {
			v.late("serial %d: the report says that it was published %s, the lake gives %s since its zone is archived", p.Serial, clock(p.T), gives)
		} else {
			v.differ("publications %d: the report says %s, the lake gives %s", p.Serial, clock(p.T), gives)
		}
	}
	for _, p := range derived {
		serial := int64(p.Serial)
		switch {
		case then[serial]:
		case d.archivedSince(zones[serial]):
			v.late("serial %d: the lake gives that it was published %s since its zone is archived", serial, clock(p.T))
		default:
			v.differ("publications %d: the report does not have it, the lake gives %s", serial, clock(p.T))
		}
	}
}

func (v *Verified) accepted(d *Document, known []uint32, zones map[int64]measurement.Zone) {
	then, now := map[int64]bool{}, map[int64]bool{}
	for _, s := range d.Accepted {
		then[s] = true
	}
	for _, s := range known {
		serial := int64(s)
		now[serial] = true
		archived := zones[serial].ArchivedAt
		switch {
		case then[serial]:
		case archived != nil && d.ReceivedUntil != nil && !archived.After(*d.ReceivedUntil):
			v.differ("accepted %d: the report does not have it, its zone was archived %s", serial, clock(*archived))
		default:
			v.late("serial %d, which the report did not know to be of a root zone, is known since", serial)
		}
	}
	for _, s := range d.Accepted {
		if !now[s] {
			v.differ("accepted %d: the report has it, the lake does not show it as of a root zone", s)
		}
	}
}

// archivedSince says whether a zone was archived after the report. Where nobody noted when
// the report's runs came, it is one that the report misses.
func (d *Document) archivedSince(z measurement.Zone) bool {
	if z.ArchivedAt == nil {
		return false
	}
	if d.ReceivedUntil != nil {
		return z.ArchivedAt.After(*d.ReceivedUntil)
	}
	return slices.ContainsFunc(d.Archive.Missing, func(m MissingZone) bool { return m.Serial == z.Serial })
}
