package report

import (
	"fmt"
	"time"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// serials compares what the report says of serials and of the archive, on which its values
// are computed again, with what the data say; false says that they differ. Serials that are
// known since are late.
func (v *Verified) serials(d, again *Document, r *metrics.Result, zones []measurement.Zone) bool {
	before := len(v.Differences)
	v.archivedUntil(d, r, zones)
	if len(v.Differences) > before {
		return false // which zones were known rests on it
	}
	v.accepted(d, again, r.Known, bySerial(zones))
	return len(v.Differences) == before
}

// fetchTakes is more than passes between the beginning of a fetch, which dates a zone, and
// its coming into the archive.
const fetchTakes = 15 * time.Minute

// archivedUntil holds what the report says of when the archive was read to the zones and to
// the runs: an ingest brings the table zones up to the archive after it has merged its
// runs. That it is when a zone was archived, compare sees.
func (v *Verified) archivedUntil(d *Document, r *metrics.Result, zones []measurement.Zone) {
	by := r.LastLabel // no run comes before its label, whether or not anybody noted when
	if d.ReceivedUntil != nil {
		by = *d.ReceivedUntil
	}
	says := "nothing"
	if d.ArchivedUntil != nil {
		says = micro(*d.ArchivedUntil)
	}
	for _, z := range zones {
		if d.archivedSince(z) && z.ArchivedAt.Before(by.Add(-fetchTakes)) {
			v.differ("archived_until: the report says %s, zone %d was archived %s, before the report's last runs came", says, z.Serial, micro(*z.ArchivedAt))
			break
		}
	}
	if at := r.FirstLate; d.ArchivedUntil != nil && !at.IsZero() && at.Before(*d.ArchivedUntil) {
		v.differ("archived_until: the report says %s, but does not count runs that came before, at %s", says, micro(at))
	}
}

func (v *Verified) differ(format string, args ...any) {
	v.Differences = append(v.Differences, fmt.Sprintf(format, args...))
}

// publications compares T(s) with what the data give; true says that they differ.
func (v *Verified) publications(d *Document, derived []metrics.Publication) bool {
	before := len(v.Differences)
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
			gives = edition.Clock(at)
		}
		v.differ("publications %d: the report says %s, the lake gives %s", p.Serial, edition.Clock(p.T), gives)
	}
	for _, p := range derived {
		if serial := int64(p.Serial); !then[serial] {
			v.differ("publications %d: the report does not have it, the lake gives %s", serial, edition.Clock(p.T))
		}
	}
	if len(v.Differences) == before {
		return false
	}
	v.differ("the values are compared with what the lake's publications give")
	return true
}

func (v *Verified) accepted(d, again *Document, known []uint32, zones map[int64]measurement.Zone) {
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
		case archived != nil && !d.archivedSince(zones[serial]):
			v.differ("accepted %d: the report does not have it, its zone was archived %s", serial, edition.Clock(*archived))
		case again.sighted[serial].prove():
			v.differ("accepted %d: the report does not have it, RSIs %s show it to vantage points %s in runs that the report counts", serial,
				edition.Join(again.sighted[serial].rsis), edition.Join(again.sighted[serial].vps))
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

// archivedSince says whether a zone was archived after the report.
func (d *Document) archivedSince(z measurement.Zone) bool {
	return z.ArchivedAt != nil && (d.ArchivedUntil == nil || z.ArchivedAt.After(*d.ArchivedUntil))
}
