package ingest

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

// giveUp is how long a serial that answers show may be missing in the archive:
// then it is bogus, and nothing waits for it any longer.
const giveUp = 7 * 24 * time.Hour

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

// keepZones brings the table zones up to the archive and the sightings of this
// run (A13, A15), and the verdicts in the lake up to both: of answers whose zones
// have changed and, at the end of the run, of all that wait. It comes before the files
// leave their dropboxes: after a kill their sightings come again with them. By the
// bench that it returns new answers are judged. Save saves the table.
func (r *run) keepZones(ctx context.Context, last bool) (b *bench, save func() error, err error) {
	had, err := r.Lake.Zones()
	if err != nil {
		return nil, nil, err
	}
	rows := map[int64]*measurement.Zone{}
	for i := range had {
		z := had[i]
		rows[z.Serial] = &z
	}
	if err := r.archived(rows); err != nil {
		return nil, nil, err
	}
	if err := r.hear(ctx, rows); err != nil {
		return nil, nil, err
	}
	now := r.settled(rows, had)
	b = r.newBench(now, r.moved(now, had))
	if last {
		b.again = append(b.again, r.Rejudge...)
	}
	// Before the zones are saved: after a kill the same changes are found again.
	if err := b.lake(ctx, last); err != nil {
		return nil, nil, err
	}
	if last || len(b.again) > 0 {
		if err := r.backlog.save(); err != nil {
			return nil, nil, err
		}
	}
	return b, func() error {
		if slices.EqualFunc(now, had, sameZone) {
			return nil
		}
		if err := r.step("save zones"); err != nil {
			return err
		}
		return r.Lake.SaveZones(now)
	}, nil
}

// settled is the table by serial, and notes in the result what is new in it.
func (r *run) settled(rows map[int64]*measurement.Zone, had []measurement.Zone) []measurement.Zone {
	archive := false
	for _, z := range rows {
		archive = archive || z.State == measurement.ZoneArchived
	}
	before := map[int64]measurement.Zone{}
	for _, z := range had {
		before[z.Serial] = z
	}
	changed := &r.result.Zones
	changed.Missing = nil // what is missing now, not what was after an earlier day
	var now []measurement.Zone
	for _, z := range rows {
		// Without any archive nothing could ever be archived, and two RSIs are
		// all the proof there is.
		if archive && z.State == measurement.ZoneSeen && r.started.Sub(*z.FirstSeen) > giveUp {
			z.State = measurement.ZoneBogus
		}
		was, known := before[z.Serial]
		switch {
		case !known:
			changed.New = append(changed.New, z.Serial)
		case correctness.FirstUse(*z).Before(correctness.FirstUse(was)):
			changed.Earlier = append(changed.Earlier, z.Serial)
		}
		if z.State == measurement.ZoneSeen {
			changed.Missing = append(changed.Missing, z.Serial)
		}
		now = append(now, *z)
	}
	slices.SortFunc(now, func(a, b measurement.Zone) int { return cmp.Compare(a.Serial, b.Serial) })
	return now
}

// moved are the spans in which an answer may have other candidates than before:
// where a zone is new, has come into the archive, or is first used at another time;
// and those that waited for a serial that is now given up.
func (r *run) moved(now, had []measurement.Zone) []Span {
	before := map[int64]measurement.Zone{}
	for _, z := range had {
		before[z.Serial] = z
	}
	uses := correctness.Uses(now)
	var spans []Span
	for _, z := range now {
		was := before[z.Serial]
		use, old := correctness.FirstUse(z), correctness.FirstUse(was)
		if z.State == measurement.ZoneBogus && was.State == measurement.ZoneSeen {
			spans = append(spans, Span{old.Add(-interval.Length), r.started})
			continue
		}
		if z.State != measurement.ZoneArchived || was.State == measurement.ZoneArchived && use.Equal(old) {
			continue
		}
		first, last := use, use
		if was.State == measurement.ZoneArchived {
			first, last = earlier(use, old), later(use, old)
		}
		until := later(last.Add(correctness.Window), r.newest(uint32(z.Serial), last, uses))
		spans = append(spans, Span{first.Add(-interval.Length), until.Add(interval.Length)})
	}
	return spans
}

// newest is until when a zone that is in use at a time is the newest one known,
// which is a candidate however old it is (A15).
func (r *run) newest(serial uint32, at time.Time, uses []correctness.Use) time.Time {
	for _, u := range uses { // in order of time
		if rootzone.Compare(u.Serial, serial) > 0 {
			return later(at, u.At)
		}
	}
	return r.started
}

func sameZone(a, b measurement.Zone) bool {
	return a.Serial == b.Serial && a.State == b.State && same(a.FirstSeen, b.FirstSeen, time.Time.Equal) &&
		same(a.ArchivedAt, b.ArchivedAt, time.Time.Equal) && same(a.FirstSeenRSI, b.FirstSeenRSI, equal[measurement.RSI]) &&
		same(a.Source, b.Source, equal[string]) && same(a.SHA256, b.SHA256, equal[string])
}

func same[T any](a, b *T, equal func(T, T) bool) bool {
	return a == b || a != nil && b != nil && equal(*a, *b)
}

func equal[T comparable](a, b T) bool { return a == b }
