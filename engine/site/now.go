package site

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"mtric.net/mtric/engine/derive"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

const (
	recent    = 2 * time.Hour // of five minutes in now.js
	usualDays = 7
	mostShown = 8 // serials

	// Bytes of now.js; there is a file of events, and alert files.
	mostOpen   = 64 << 10
	mostAlerts = 32 << 10
)

// now writes the last two hours, and what the last hour and day came to.
func (r *job) now(ctx context.Context) error {
	n := Now{Last: r.last, Listed: len(r.plan.VantagePoints) > 0, RSIs: []NowRSI{}, VPs: []NowVP{}, Serials: []ZoneSerial{}, Open: r.openEvents(), Alerts: []AlertLine{}, Tiles: map[string]Tile{}}
	if r.last.IsZero() {
		return r.data("now", n)
	}
	sums := r.newSums()
	parts, shown, err := r.recent(ctx, sums)
	if err != nil {
		return err
	}
	if n.Serials, err = r.shownNow(shown); err != nil {
		return err
	}
	came := map[time.Time]bool{}
	if n.VPs, err = r.nowVPs(ctx, came); err != nil {
		return err
	}
	if n.Alerts, err = r.alerts(); err != nil {
		return err
	}
	lacks, err := r.sumDay(ctx, sums, came)
	if err != nil {
		return err
	}
	n.RSIs = r.nowRSIs(sums, lacks.since.IsZero())
	if n.Derived, err = r.eventsUntil(lacks); err != nil {
		return err
	}
	return r.writeNow(n, parts)
}

// writeNow leaves off what it has no room for: columns, then the last vantage points.
func (r *job) writeNow(n Now, parts map[string][]block) error {
	for without := 0; ; without++ {
		for name, blocks := range parts {
			n.Tiles[name] = r.tile(pathOf(name), blocks, min(without, len(leftOff)))
		}
		err := r.data("now", n)
		if !errors.Is(err, errLarge) || len(parts) == 0 {
			return err
		}
		if without < len(leftOff) {
			continue
		}
		last := 0
		for _, blocks := range parts {
			last = max(last, r.partOf(blocks))
		}
		maps.DeleteFunc(parts, func(_ string, blocks []block) bool { return r.partOf(blocks) == last })
		clear(n.Tiles)
	}
}

func (f *frame) partOf(blocks []block) int { return f.part(measurement.VantagePoint(blocks[0].vps[0])) }

// end is where the newest label ends.
func (r *job) end() time.Time { return r.last.Add(interval.Length) }

// recent are the blocks of the last two hours, and who showed which serial.
func (r *job) recent(ctx context.Context, sums *sums) (parts map[string][]block, shown sightings, err error) {
	parts, shown = map[string][]block{}, sightings{}
	end := r.end()
	for from := end.Add(-recent); from.Before(end); {
		to := earlier(end, interval.Day(from).AddDate(0, 0, 1))
		f, err := r.labels(ctx, from, to, func(at time.Time, vp measurement.VantagePoint, place int, s *sum) {
			if !at.Before(r.until) {
				sums.day.add(vp, place, s)
			}
			if !at.Before(end.Add(-time.Hour)) {
				sums.hour.add(vp, place, s)
			}
		})
		if err == nil {
			err = r.each(f.blocks, func(name string, b block) error {
				parts[name] = append(parts[name], b)
				return nil
			})
			shown.add(f.seen)
			shown.addNow(f.seen, int(from.Sub(interval.Day(from))/interval.Length), int(to.Sub(interval.Day(from))/interval.Length), int(end.Sub(to)/interval.Length))
			sums.alone = f.day.Alone(int(to.Add(-interval.Length).Sub(interval.Day(from)) / interval.Length))
		}
		if err := r.leave(ctx, err); err != nil {
			return nil, nil, err
		}
		from = to
	}
	return parts, shown, nil
}

// labels reads the labels [from, to) of a day, and notes what they come to.
func (r *job) labels(ctx context.Context, from, to time.Time, note func(at time.Time, vp measurement.VantagePoint, place int, s *sum)) (*fold, error) {
	day := interval.Day(from)
	f, err := r.fold(ctx, r.Lake, day, int(from.Sub(day)/interval.Length), int(to.Sub(day)/interval.Length))
	if err != nil {
		return nil, err
	}
	f.note = func(at time.Time, vp, place int, s *sum) { note(at, f.vps[vp], place, s) }
	return f, f.read(ctx, r.Lake)
}

// openEvents are those that may go on, the most severe first.
func (r *job) openEvents() []Event {
	all := slices.Clone(r.open)
	slices.SortStableFunc(all, func(a, b Event) int {
		return cmp.Or(cmp.Compare(slices.Index(severity, a.Kind), slices.Index(severity, b.Kind)), a.From.Compare(b.From))
	})
	for i := range all { // the file of events has them whole
		all[i].Before, all[i].After = shorter(all[i].Before), shorter(all[i].After)
	}
	return within(all, mostOpen)
}

func shorter(text *string) *string {
	if text == nil {
		return nil
	}
	return new(short(*text))
}

// within are the first of a list that have room in so many bytes of JSON.
func within[T any](all []T, bytes int) []T {
	for n, v := range all {
		text, err := json.Marshal(v)
		if bytes -= len(text) + 1; err != nil || bytes < 0 {
			return all[:n]
		}
	}
	return all
}

// shownNow are the serials that were shown in the last two hours, the oldest first, with
// what is known of them since the day before yesterday.
func (r *job) shownNow(shown sightings) ([]ZoneSerial, error) {
	known := sightings{}
	for n := range 3 {
		s, err := r.readSeen(dayKey(r.last.AddDate(0, 0, n-2)))
		if err != nil {
			return nil, err
		}
		if s != nil {
			known.add(s)
		}
	}
	all := []ZoneSerial{}
	for serial, rsis := range shown {
		for rsi, by := range rsis {
			if was := known[serial][rsi]; was != nil {
				by.first = earlier(by.first, was.first)
				for vp := range was.vps {
					by.vps[vp] = true
				}
			}
		}
		if z, _ := shown.of(serial, r.rsis); r.accepted(serial) {
			all = append(all, z)
		}
	}
	slices.SortFunc(all, compareSerials)
	all = all[max(0, len(all)-mostShown):]
	r.newestNow(all, shown)
	published, err := r.published(func(serial int64) bool {
		return slices.ContainsFunc(all, func(z ZoneSerial) bool { return z.Serial == serial })
	})
	for i := range all {
		if at, ok := published[all[i].Serial]; ok {
			all[i].Published = &at
		}
	}
	return all, err
}

// halfHour is how many labels the newest zone of an RSI is looked for in.
const halfHour = int(30 * time.Minute / interval.Length)

// addNow takes from a day's labels [first, last), after which so many others come, those of the
// last half hour.
func (all sightings) addNow(s *seen, first, last, after int) {
	for serial, rsis := range s.Serials {
		for rsi, sight := range rsis {
			for n := max(first, last+after-halfHour); n < last; n++ {
				all[serial][rsi].now = max(all[serial][rsi].now, sight.Oldest.at(n))
			}
		}
	}
}

// newestNow tells of each RSI which of the serials is the newest that it showed in the last
// half hour, to how many witnesses, and whether an event says that it should have a newer one:
// the rule of who is behind is that of the events.
func (r *job) newestNow(all []ZoneSerial, shown sightings) {
	told := map[string]bool{}
	for i := range slices.Backward(all) {
		z := &all[i]
		for n := range z.RSIs {
			rsi := z.RSIs[n].RSI
			if now := shown[z.Serial][rsi].now; now > 0 && !told[rsi] {
				told[rsi], z.RSIs[n].Now = true, now
				if slices.ContainsFunc(r.open, func(e Event) bool {
					return e.Kind == measurement.EventStale && e.SupersededBy == nil && e.RSI != nil && *e.RSI == rsi && e.Serial != nil &&
						newest(*e.Serial, z.Serial) != z.Serial && e.Until.After(r.end().Add(-time.Duration(halfHour)*interval.Length))
				}) {
					z.Behind = append(z.Behind, rsi)
				}
			}
		}
	}
}

// nowVPs are how much of what was planned the vantage points sent. It notes the hours that have
// a run.
func (r *job) nowVPs(ctx context.Context, hours map[time.Time]bool) ([]NowVP, error) {
	all := []NowVP{}
	for _, id := range r.vps {
		v := NowVP{Name: string(id)}
		for _, e := range r.open {
			if e.VantagePoint != nil && *e.VantagePoint == string(id) && e.RSI == nil && e.SupersededBy == nil {
				v.Open = append(v.Open, e.ID)
			}
		}
		all = append(all, v)
	}
	for at := r.end().Add(-24 * time.Hour); !interval.Day(at).After(r.last); at = at.AddDate(0, 0, 1) {
		start := interval.Day(at)
		day, err := derive.ReadDay(ctx, r.plan, r.Lake, start)
		if err != nil {
			if err := r.leave(ctx, ofLake(err)); err != nil {
				return nil, err
			}
			continue
		}
		for vp, id := range day.VantagePoints() {
			if i := slices.Index(r.vps, id); i >= 0 {
				r.count(&all[i], day, start, vp)
			}
			for n := range labels {
				if day.Came(vp, n) {
					hours[start.Add(time.Duration(n)*interval.Length).Truncate(time.Hour)] = true
				}
			}
		}
	}
	return all, nil
}

// count counts the runs of a day.
func (r *job) count(v *NowVP, day *derive.Day, start time.Time, vp int) {
	for n := range labels {
		label := start.Add(time.Duration(n) * interval.Length)
		came := day.Came(vp, n)
		if label.After(r.last) || label.Before(r.end().Add(-24*time.Hour)) {
			continue
		}
		if came {
			synchronized := day.Synchronized(vp, n)
			v.Last, v.Clock = label, &synchronized
		}
		if !came && !day.Asked(vp, n) {
			continue
		}
		for _, c := range []struct {
			count *[2]int64
			since time.Duration
		}{{&v.Hour, time.Hour}, {&v.Day, 24 * time.Hour}} {
			if !label.Before(r.end().Add(-c.since)) {
				c.count[1]++
				if came {
					c.count[0]++
				}
			}
		}
	}
}

// vpsOf are the vantage points of a day.
func (r *job) vpsOf(day time.Time) []measurement.VantagePoint {
	if len(r.plan.VantagePoints) > 0 {
		return r.vps
	}
	return r.made.Days[dayKey(day)].VantagePoints
}
