package judge

import (
	"cmp"
	"context"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics/correctness"
)

// ZonesChanged says what became of the table zones.
type ZonesChanged struct {
	New     []int64 `json:"new"`     // serials that were not there
	Earlier []int64 `json:"earlier"` // whose first use moved back: a sighting arrived late
	Missing []int64 `json:"missing"` // accepted, and not in the archive
}

// complete sorts the lists, none of them nil.
func (z *ZonesChanged) complete() {
	for _, list := range []*[]int64{&z.New, &z.Earlier, &z.Missing} {
		slices.Sort(*list)
		*list = append([]int64{}, slices.Compact(*list)...)
	}
}

// settled is the table as it is now, and notes in the result what has changed since
// before.
func (j *Judge) settled(ctx context.Context, had, before []measurement.Zone) ([]measurement.Zone, error) {
	rows, table := map[int64]*measurement.Zone{}, map[int64]*measurement.Zone{}
	for i := range had {
		z := had[i]
		rows[z.Serial], table[z.Serial] = &z, &had[i]
	}
	if err := j.archived(rows); err != nil {
		return nil, err
	}
	if err := j.applySightings(ctx, table, rows); err != nil {
		return nil, err
	}
	date(rows)
	was := bySerial(before)
	changed := &j.result.Zones
	changed.Missing = nil // what is missing now, not what was after an earlier day
	var now []measurement.Zone
	for _, z := range rows {
		old, known := was[z.Serial]
		switch {
		case !known:
			changed.New = append(changed.New, z.Serial)
		case z.FirstUsed != nil && old.FirstUsed != nil && z.FirstUsed.Before(*old.FirstUsed):
			changed.Earlier = append(changed.Earlier, z.Serial)
		}
		if z.State == measurement.ZoneSeen {
			changed.Missing = append(changed.Missing, z.Serial)
		}
		now = append(now, *z)
	}
	slices.SortFunc(now, func(a, b measurement.Zone) int { return cmp.Compare(a.Serial, b.Serial) })
	return now, nil
}

func bySerial(zones []measurement.Zone) map[int64]measurement.Zone {
	m := map[int64]measurement.Zone{}
	for _, z := range zones {
		m[z.Serial] = z
	}
	return m
}

// date says when each accepted zone was first used.
func date(rows map[int64]*measurement.Zone) {
	var zones []correctness.Known
	for _, z := range rows {
		if z.State == measurement.ZoneArchived && (z.FirstUsed == nil || z.ArchivedAt.Before(*z.FirstUsed)) {
			z.FirstUsed = z.ArchivedAt
		}
		if k, accepted := correctness.KnownOf(*z); accepted {
			zones = append(zones, k)
		} else {
			z.FirstUsed = nil
		}
	}
	correctness.Date(zones)
	for _, k := range zones {
		if !k.FirstUsed.IsZero() {
			rows[int64(k.Serial)].FirstUsed = &k.FirstUsed
		}
	}
}

// moved are the spans in which an answer may have other candidates than before:
// where a zone is new, has come into the archive, or is dated otherwise.
func (j *Judge) moved(now, before []measurement.Zone) []Span {
	was, is := bySerial(before), bySerial(now)
	if slices.ContainsFunc(before, func(z measurement.Zone) bool { return z.Proof == nil }) {
		return []Span{{time.Time{}, j.Started}} // judged by the rules of stage 1
	}
	var spans []Span
	for serial := range is {
		k, accepted := correctness.KnownOf(is[serial])
		old, had := correctness.KnownOf(was[serial])
		if _, there := was[serial]; !there {
			old, had = correctness.Known{}, false
		}
		if !accepted && !had || accepted && had && matters(k) == matters(old) {
			continue
		}
		// While it was no zone it explained nothing: who showed its serial, and how long ago,
		// has judged no row.
		if accepted {
			spans = append(spans, j.span(k, now))
		}
		if had {
			spans = append(spans, j.span(old, now))
		}
	}
	return slices.DeleteFunc(spans, func(s Span) bool { return s.From.IsZero() })
}

// matters is what verdicts may depend on: who first showed a zone, only where it is not
// known when it was signed and used. Any vantage point can move that.
func matters(k correctness.Known) correctness.Known {
	if !k.SignedAt.IsZero() && !k.FirstUsed.IsZero() {
		k.Shown = time.Time{}
	}
	return k
}

// doubts are the spans in which answers of a vantage point were judged before it was
// known that it shows a serial which nothing proves, by the files of this run.
func (j *Judge) doubts(accepted map[uint32]bool) map[measurement.VantagePoint][]Span {
	all := map[measurement.VantagePoint][]Span{}
	for k, at := range j.sightings {
		if !accepted[uint32(k.serial)] {
			all[k.vp] = append(all[k.vp], Span{at.Add(-2 * interval.Length), at.Add(correctness.Window + 2*interval.Length)})
		}
	}
	for vp := range all {
		all[vp] = joined(all[vp], 0)
	}
	return all
}

// span is when a zone may be a candidate; none where nothing is known of it.
func (j *Judge) span(k correctness.Known, zones []measurement.Zone) Span {
	from := k.SignedAt
	for _, at := range []time.Time{k.FirstUsed, k.Shown} {
		if k.SignedAt.IsZero() && !at.IsZero() && (from.IsZero() || at.Before(from)) {
			from = at
		}
	}
	if from.IsZero() {
		return Span{}
	}
	until := j.Started
	if !k.FirstUsed.IsZero() {
		until = later(k.FirstUsed.Add(correctness.Window), j.renewed(k, zones))
	}
	return Span{from.Add(-2 * interval.Length), until.Add(interval.Length)}
}

// renewed is until when a zone may be the newest that is a candidate whatever its age.
func (j *Judge) renewed(k correctness.Known, zones []measurement.Zone) time.Time {
	until := j.Started
	for _, z := range zones {
		if n, accepted := correctness.KnownOf(z); accepted && !n.FirstUsed.IsZero() && rootzone.Compare(n.Serial, k.Serial) > 0 {
			until = earlier(until, later(n.FirstUsed, k.FirstUsed).Add(correctness.Renewed))
		}
	}
	return until
}
