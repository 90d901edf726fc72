package report

import (
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
	"mtric.net/mtric/metrics/correctness"
)

// missing is the zone of that serial in a list; nil where there is none.
func missing(list []MissingZone, serial int64) *MissingZone {
	i := slices.IndexFunc(list, func(z MissingZone) bool { return z.Serial == serial })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// bySerial are the zones by their serials.
func bySerial(zones []measurement.Zone) map[int64]measurement.Zone {
	by := make(map[int64]measurement.Zone, len(zones))
	for _, z := range zones {
		by[z.Serial] = z
	}
	return by
}

// asOf is the table zones as the report knew it: those that were archived later were not,
// and of those that it misses nobody may have known when they were signed.
func (d *Document) asOf(zones []measurement.Zone) []measurement.Zone {
	zones = slices.Clone(zones)
	for i := range zones {
		z := &zones[i]
		if d.archivedSince(*z) {
			z.ArchivedAt, z.Source, z.SHA256, z.Proof = nil, nil, nil, nil
			if z.State == measurement.ZoneArchived {
				z.State = measurement.ZoneSeen
			}
		}
		if m := missing(d.Archive.Missing, z.Serial); m != nil && m.SignedAt == nil && z.ArchivedAt == nil {
			z.SignedAt = nil
		}
	}
	return zones
}

// lateZones tells which zones that the report misses are archived now, and which are
// missing that were not known then; again gets what the report could know.
func (v *Verified) lateZones(d, again *Document, r *metrics.Result, zones []measurement.Zone) {
	table, list := bySerial(zones), []MissingZone{}
	for _, then := range d.Archive.Missing {
		z := missing(again.Archive.Missing, then.Serial)
		if z == nil {
			continue
		}
		own, now := *z, table[then.Serial]
		if now.ArchivedAt != nil {
			v.late("zone %d, which the report misses, is archived now", then.Serial)
		}
		if own.FirstSeen = again.firstSeen(then, now, r); !d.inUse(own.FirstSeen) && then.Held == 0 {
			continue
		}
		own.Held = d.heldFor(then)
		own.Proof = then.provenBy(own.Proof)
		list = append(list, own)
	}
	for _, z := range again.Archive.Missing {
		switch {
		case missing(d.Archive.Missing, z.Serial) != nil:
		case slices.Contains(d.Accepted, z.Serial) && d.inUse(z.FirstSeen) && len(again.sighted[z.Serial].vps) > 0:
			v.differ("archive missing %d: the report does not have it, and knows its serial to be of a root zone", z.Serial)
		case table[z.Serial].ArchivedAt == nil:
			v.late("zone %d, which the report did not know, is missing in the archive", z.Serial)
		}
	}
	again.Archive.Missing = list
}

// provenBy is what proved the zone: a signature or the archive itself may have followed.
func (z MissingZone) provenBy(now *measurement.ZoneProof) *measurement.ZoneProof {
	before := z.Proof != nil && (*z.Proof == measurement.ProofWitnesses || *z.Proof == measurement.ProofSignature)
	if before && (now == nil || *now != measurement.ProofWitnesses) {
		return z.Proof
	}
	return now
}

// firstSeen is when the zone had been seen first: as the table has it, unless a run that
// came late shows it earlier, or it is known since that it was signed only later.
func (d *Document) firstSeen(then MissingZone, now measurement.Zone, r *metrics.Result) *time.Time {
	was, is := then.FirstSeen, now.FirstSeen
	takenBack := was != nil && then.SignedAt == nil && now.SignedAt != nil && was.Before(now.SignedAt.Add(-correctness.ClockAllowance)) && (is == nil || was.Before(*is))
	cameLate := is != nil && (was == nil || is.Before(*was)) && d.cameLate(*is, r)
	if takenBack || cameLate {
		return was
	}
	return is
}

// cameLate says whether a sighting at that time may be of a run that came late. Of runs
// before the look-back nobody asked.
func (d *Document) cameLate(at time.Time, r *metrics.Result) bool {
	if at.Before(d.From.Add(-metrics.LookBack)) {
		return true
	}
	label := interval.Of(at)
	for vp := range r.LateRuns {
		for _, before := range []time.Duration{-1, 0, 1, 2} { // a query is sent up to ten minutes after its label, or a little before
			if d.late(measurement.VantagePoint(vp), label.Add(-before*interval.Length)) {
				return true
			}
		}
	}
	return false
}

// heldFor is how many answers wait for a zone by the report's own reasons.
func (d *Document) heldFor(z MissingZone) int64 {
	least := int64(0)
	for _, h := range d.Held {
		if h.Reason == notArchived(z.Serial) {
			return h.Answers
		}
		least = h.Answers
	}
	if len(d.Held) < maxHeld {
		return 0
	}
	return min(z.Held, least) // it is not among those of the most answers
}
