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
	n := Now{Last: r.last, RSIs: []NowRSI{}, VPs: []NowVP{}, Serials: []ZoneSerial{}, Open: r.openEvents(), Alerts: []AlertLine{}, Tiles: map[string]Tile{}}
	if r.last.IsZero() {
		return r.data("now", n)
	}
	sums := newSums(len(r.servers) * len(allPaths))
	parts, shown, err := r.recent(ctx, sums)
	if err != nil {
		return err
	}
	if n.Serials, err = r.shownNow(shown); err != nil {
		return err
	}
	if n.VPs, err = r.nowVPs(ctx); err != nil {
		return err
	}
	if n.Alerts, err = r.alerts(); err != nil {
		return err
	}
	if n.RSIs, err = r.nowRSIs(ctx, sums); err != nil {
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
		f, err := r.labels(ctx, from, to, func(at time.Time, place int, s *sum) {
			if !at.Before(r.until) {
				sums.day[place].join(s)
			}
			if !at.Before(end.Add(-time.Hour)) {
				sums.hour[place].join(s)
			}
		})
		if err == nil {
			err = r.each(f.blocks, func(name string, b block) error {
				parts[name] = append(parts[name], b)
				return nil
			})
			shown.add(f.seen)
		}
		if err := r.leave(ctx, err); err != nil {
			return nil, nil, err
		}
		from = to
	}
	return parts, shown, nil
}

// labels reads the labels [from, to) of a day, and notes what they come to.
func (r *job) labels(ctx context.Context, from, to time.Time, note func(at time.Time, place int, s *sum)) (*fold, error) {
	day := interval.Day(from)
	f, err := r.fold(ctx, r.Lake, day, int(from.Sub(day)/interval.Length), int(to.Sub(day)/interval.Length), r.own)
	if err != nil {
		return nil, err
	}
	f.note = note
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

// nowVPs are how much of what was planned the vantage points sent.
func (r *job) nowVPs(ctx context.Context) ([]NowVP, error) {
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
	for at := r.last.Add(-24 * time.Hour); !interval.Day(at).After(r.last); at = at.AddDate(0, 0, 1) {
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

// sums are what an hour and a day come to, by server and path.
type sums struct{ hour, day []sum }

func newSums(n int) *sums {
	s := &sums{make([]sum, n), make([]sum, n)}
	for i := range n {
		s.hour[i].reset()
		s.day[i].reset()
	}
	return s
}

// nowRSIs are what the twelve newest labels came to, and the 288 newest: of these the hours
// that are over are those of the table, the labels before and after them are read.
func (r *job) nowRSIs(ctx context.Context, sums *sums) ([]NowRSI, error) {
	hours, days := false, false // the table has rows of the last of them, of any
	from := r.end().Add(-24 * time.Hour)
	whole := from.Add(time.Hour - 1).Truncate(time.Hour)
	if from.Before(whole) {
		_, err := r.labels(ctx, from, whole, func(_ time.Time, place int, s *sum) { sums.day[place].join(s) })
		if err := r.leave(ctx, err); err != nil {
			return nil, err
		}
	}
	for start := interval.Day(whole); start.Before(r.until); start = start.AddDate(0, 0, 1) {
		h := r.frame.hours(start, r.until, r.vpsOf(start), r.own)
		h.note = func(at time.Time, server, path int, s *sum) {
			days = true
			hours = hours || !at.Before(r.until.Add(-time.Hour))
			if !at.Before(whole) {
				sums.day[server*len(allPaths)+path].join(s)
			}
		}
		_, err := h.read(r.Lake)
		if err := r.leave(ctx, err); err != nil {
			return nil, err
		}
	}
	r.lacking = r.lacking || !hours
	all := []NowRSI{}
	if !days {
		return all, nil // nothing was derived
	}
	for server, rsi := range r.rsis {
		o := NowRSI{RSI: rsi, Paths: []NowPath{}}
		for _, path := range r.paths {
			i := server*len(allPaths) + path
			p := NowPath{Path: pathName(path), Hour: r.sum(&sums.hour[i]), Day: r.sum(&sums.day[i])}
			if r.values {
				p.Hour.UsualUS = r.usual(pathKey(rsi, path))
				p.Day.UsualUS = p.Hour.UsualUS
			}
			o.Paths = append(o.Paths, p)
		}
		all = append(all, o)
	}
	return all, nil
}

// sum is what an edition says of counts.
func (r *job) sum(s *sum) Sum {
	o := Sum{State: r.state(tally{planned: s.asked, sent: s.sent, failed: s.failed, own: s.own, incorrect: s.incorrect}, r.least(r.until)),
		Planned: int64(s.planned), Sent: int64(s.sent)}
	if r.values {
		good := int64(s.sent - s.failed)
		o.Good, o.Own, o.MedianUS = &good, int64(s.own), s.medianUS()
	}
	return o
}

// vpsOf are the vantage points of a day.
func (r *job) vpsOf(day time.Time) []measurement.VantagePoint {
	if len(r.plan.VantagePoints) > 0 {
		return r.vps
	}
	return r.made.Days[dayKey(day)].VantagePoints
}
