package judge

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// witnesses is what is known of who showed a serial.
func (j *Judge) witnesses(z *measurement.Zone) *witnesses {
	if s := j.backlog.shown[z.Serial]; s != nil || z.State != measurement.ZoneArchived {
		return s
	}
	return j.recalled[z.Serial]
}

// recall finds who showed the open serials before, and adds who does now. Anybody can
// show what serials he likes, at labels of long ago, and must not have the lake looked
// through for them. So who showed what is in the table and not in the archive is
// remembered; of a serial that is new to the table nobody did; and of a zone in the archive
// nothing matters that came after it was first used, which is soon after its signing.
func (j *Judge) recall(ctx context.Context, had, rows map[int64]*measurement.Zone, open, doubted map[int64]time.Time) error {
	asked := map[int64]Span{}
	end := j.Started.AddDate(1, 0, 0)
	lost := false
	for serial, from := range open {
		z, was := rows[serial], had[serial]
		_, doubtful := doubted[serial]
		switch {
		case j.witnesses(z) != nil:
		case was == nil || was.FirstSeen == nil:
			j.backlog.remember(serial)
		case z.State != measurement.ZoneArchived:
			lost = true
		case doubtful:
			asked[serial] = Span{from, end}
		case z.FirstUsed != nil:
			asked[serial] = Span{from, *z.FirstUsed}
		default:
			asked[serial] = Span{from, *z.ArchivedAt}
		}
	}
	if lost {
		j.recallAll(had, rows, open, func(serial int64, from time.Time) { asked[serial] = Span{from, end} })
	}
	err := j.lookUp(ctx, rows, asked)
	if err := j.Failed(ctx, err); err != nil {
		return err
	}
	for k, at := range j.sightings {
		z := rows[k.serial]
		if z == nil || !k.trusted || !believable(z, at) {
			continue
		}
		if s := j.witnesses(z); s != nil && s.add(k.vp, k.rsi, at) {
			j.backlog.news = true
		}
	}
	return nil
}

// recallAll asks for all that should be remembered and is not, at once: the file of it
// was lost, or a zone was withdrawn from the archive.
func (j *Judge) recallAll(had, rows map[int64]*measurement.Zone, open map[int64]time.Time, ask func(serial int64, from time.Time)) {
	for serial, z := range rows {
		if z.State == measurement.ZoneArchived || j.backlog.shown[serial] != nil {
			continue
		}
		was := had[serial]
		switch from, is := open[serial]; {
		case was == nil || was.FirstSeen == nil:
			j.backlog.remember(serial)
		case is:
			ask(serial, from)
		default:
			ask(serial, *was.FirstSeen)
		}
	}
}

// lookUp finds in the lake who showed the serials, each in its span: of zones in the
// archive for this run, of others for ever.
func (j *Judge) lookUp(ctx context.Context, rows map[int64]*measurement.Zone, asked map[int64]Span) error {
	found := map[int64]*witnesses{}
	for serial := range asked {
		found[serial] = &witnesses{}
	}
	for _, s := range joined(slices.Collect(maps.Values(asked)), 4*interval.Length) {
		_, err := j.eachShown(ctx, s.From.Add(-2*interval.Length), s.Until.Add(2*interval.Length), func(k runKey, all []shown, trusted bool) {
			for _, row := range all {
				if s := found[row.serial]; s != nil && trusted && row.asked && believable(rows[row.serial], row.sent) {
					s.add(k.vp, measurement.RSI(strings.Clone(string(row.rsi))), row.sent)
				}
			}
		})
		if err != nil {
			return err // nothing is known then, and the next run asks again
		}
	}
	for serial, s := range found {
		if rows[serial].State == measurement.ZoneArchived {
			j.recalled[serial] = s
		} else {
			j.backlog.shown[serial], j.backlog.news = s, true
		}
	}
	return nil
}

// joined are the spans in order, those made one that overlap or lie no further apart than
// that.
func joined(spans []Span, apart time.Duration) (all []Span) {
	slices.SortFunc(spans, func(a, b Span) int { return a.From.Compare(b.From) })
	for _, s := range spans {
		if n := len(all); n > 0 && !s.From.After(all[n-1].Until.Add(apart)) {
			all[n-1].Until = later(all[n-1].Until, s.Until)
		} else {
			all = append(all, s)
		}
	}
	return all
}
