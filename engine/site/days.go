package site

import (
	"context"
	"fmt"
	"slices"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/derive"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// due is a day of which something is to be made.
type due struct {
	day          time.Time
	of           madeDay
	fine, coarse bool // its five minutes, its blocks of the month's and the year's tiles
	seen         bool // only what RSIs showed
	left         bool // a file cannot be read: it stays as it was
}

// days makes the tiles of the days that changed.
func (r *job) days(ctx context.Context) error {
	all, err := r.due()
	if err != nil {
		return err
	}
	if err := r.knowVantagePoints(ctx, all); err != nil {
		return err
	}
	for done := 0; done < len(all); {
		n := done + 1
		for n < len(all) && interval.Partition(all[n].day) == interval.Partition(all[done].day) {
			n++
		}
		month := all[done:n]
		if err := r.month(ctx, month, func() {
			done++
			if r.Progress != nil {
				r.Progress(done, len(all))
			}
		}); err != nil {
			return err
		}
		if err := r.writer.made(r.made); err != nil {
			return err
		}
	}
	if !r.lost {
		return nil
	}
	// Tiles are not there, or not whole, that should have the blocks of other days.
	r.lost = false
	for name, m := range r.made.Days {
		m.Coarse, m.Blocks = "", false
		r.made.Days[name] = m
	}
	return r.days(ctx)
}

// due are the days that are not as they were made.
func (r *job) due() (all []due, err error) {
	var days []time.Time
	for _, table := range []column.Table{column.Runs, column.Hours} {
		of, err := r.Lake.Days(table, time.Time{}, r.until)
		if err != nil {
			return nil, fmt.Errorf("site: %w", err)
		}
		for _, d := range of {
			days = append(days, d.Day)
		}
	}
	answers, err := r.Lake.Days(column.Answers, time.Time{}, r.until)
	if err != nil {
		return nil, fmt.Errorf("site: %w", err)
	}
	if err := r.allSeen(); err != nil {
		return nil, err
	}
	for _, asked := range r.Days {
		if !slices.ContainsFunc(days, asked.Equal) {
			return nil, fmt.Errorf("site: the lake has nothing of %s that is over", asked.Format(time.DateOnly))
		}
	}
	slices.SortFunc(days, time.Time.Compare)
	for _, day := range slices.CompactFunc(days, time.Time.Equal) {
		d := due{day: day}
		if d.of, err = r.of(day); err != nil {
			return nil, err
		}
		lost := slices.ContainsFunc(answers, func(a lake.DayFile) bool { return a.Day.Equal(day) }) && r.seen[dayKey(day)] == nil
		was, asked := r.made.Days[dayKey(day)], slices.Contains(r.Days, day)
		d.fine = d.of.Fine != "" && (asked || lost || was.Fine != d.of.Fine)
		d.coarse = asked || was.Coarse != d.of.Coarse
		d.seen = lost && !d.fine
		if d.fine || d.coarse || d.seen {
			all = append(all, d)
		}
	}
	return all, nil
}

// of are hashes of what a day is made of.
func (r *job) of(day time.Time) (of madeDay, err error) {
	answers, err := r.identities(day, column.Answers, column.Runs, column.Events)
	if err != nil {
		return of, err
	}
	hours, err := r.identities(day, column.Hours)
	if err != nil {
		return of, err
	}
	if r.edition == Public {
		answers = answers[:2] // events are for the details, which it has not
	}
	until := r.untilOf(day)
	if until.Before(day.AddDate(0, 0, 1)) {
		hours = nil // it grows; what it has at that time counts
	} else {
		hours = append(hours, answers[:2]...) // these tell who was in trouble itself
	}
	if of.Coarse, err = hashOf(hours, until, r.together(), r.usualHashes(day)); err != nil {
		return of, err
	}
	if answers[0] != "" && r.fiveMinutes(day) {
		of.Fine, err = hashOf(answers, earlier(r.until, day.AddDate(0, 0, 1)), r.together(), r.usualHashes(day))
	}
	return of, err
}

// coarse is how often the blocks of the day under way are written: the tiles of a month are
// large.
const coarse = 6 * time.Hour

// untilOf is where the blocks of a day end.
func (r *job) untilOf(day time.Time) time.Time {
	if end := day.AddDate(0, 0, 1); !r.until.Before(end) {
		return end
	}
	return r.until.Truncate(coarse)
}

// together are the vantage points of the parts, where the plan does not say them: another
// one may change what is in which.
func (r *job) together() []measurement.VantagePoint {
	if len(r.plan.VantagePoints) > 0 || len(r.vps) <= PartSize {
		return nil
	}
	return r.vps
}

// fiveMinutes says whether a day has tiles of five minutes.
func (r *job) fiveMinutes(day time.Time) bool {
	return day.AddDate(0, 0, 1).Add(r.keep).After(r.until) || r.asked(day)
}

// asked says whether somebody asked for a day, now or when it was made.
func (r *job) asked(day time.Time) bool {
	return slices.Contains(r.Days, day) || r.made.Days[dayKey(day)].Asked
}

// knowVantagePoints takes those of the days where the plan names none.
func (r *job) knowVantagePoints(ctx context.Context, all []due) error {
	if len(r.plan.VantagePoints) > 0 {
		return nil
	}
	for _, d := range all {
		day, err := derive.ReadDay(ctx, r.plan, r.Lake, d.day)
		if err != nil {
			if err := r.leave(ctx, ofLake(err)); err != nil {
				return err
			}
			continue
		}
		m := r.made.Days[dayKey(d.day)]
		m.VantagePoints = day.VantagePoints()
		r.made.Days[dayKey(d.day)] = m
	}
	r.gatherVantagePoints()
	return nil
}

// gatherVantagePoints takes those of all days.
func (r *job) gatherVantagePoints() {
	if len(r.plan.VantagePoints) > 0 {
		return
	}
	met := map[measurement.VantagePoint]bool{}
	r.vps = nil
	for _, m := range r.made.Days {
		for _, vp := range m.VantagePoints {
			if !met[vp] {
				met[vp], r.vps = true, append(r.vps, vp)
			}
		}
	}
	slices.Sort(r.vps)
}

// month makes the days of one month.
func (r *job) month(ctx context.Context, days []due, done func()) error {
	tiles := map[string][]block{} // by key
	for i := range days {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.make(ctx, &days[i], tiles); err != nil {
			if err := r.leave(ctx, err); err != nil {
				return err
			}
			days[i].left = true
		} else {
			r.result.Days++
		}
		done()
	}
	for key, blocks := range tiles {
		if err := r.renew(key, blocks); err != nil {
			return err
		}
	}
	for _, d := range days {
		if d.left {
			continue
		}
		was := r.made.Days[dayKey(d.day)]
		d.of.VantagePoints, d.of.Blocks = was.VantagePoints, was.Blocks
		d.of.Asked = r.asked(d.day)
		r.made.Days[dayKey(d.day)] = d.of
	}
	return nil
}

// make makes what is due of a day; blocks of tiles of months and years are added to tiles.
func (r *job) make(ctx context.Context, d *due, tiles map[string][]block) (err error) {
	switch {
	case d.fine:
		err = r.fine(ctx, d.day)
	case d.seen:
		err = r.onlySeen(ctx, d.day)
	}
	if err != nil || !d.coarse {
		return err
	}
	whole, err := r.coarse(d.day, tiles)
	if !whole { // again as soon as the table has them
		d.of.Coarse = ""
	}
	return err
}

// fine makes the five minutes of a day, its details, and what RSIs showed.
func (r *job) fine(ctx context.Context, day time.Time) error {
	labels := int(earlier(r.until, day.AddDate(0, 0, 1)).Sub(day) / interval.Length)
	f, err := r.fold(ctx, r.Lake, day, 0, labels)
	if err != nil {
		return err
	}
	if r.edition == Internal {
		if f.details, err = r.newDetails(f, day); err != nil {
			return err
		}
	}
	if err := f.read(ctx, r.Lake); err != nil {
		return err
	}
	if err := r.each(f.blocks, func(name string, b block) error {
		return r.writeTile(string(Day)+"/"+dayKey(day)+"/"+name, []block{b}, 0)
	}); err != nil {
		return err
	}
	if f.details != nil {
		routes, err := f.routes(ctx, r.Lake)
		if err == nil {
			err = r.details(f, routes)
		}
		if err != nil {
			return err
		}
	}
	return r.writeSeen(day, f.seen)
}

// onlySeen finds what RSIs showed on a day whose five minutes are kept no longer.
func (r *job) onlySeen(ctx context.Context, day time.Time) error {
	f, err := r.fold(ctx, r.Lake, day, 0, int(earlier(r.until, day.AddDate(0, 0, 1)).Sub(day)/interval.Length))
	if err == nil {
		err = f.read(ctx, r.Lake)
	}
	if err != nil {
		return err
	}
	return r.writeSeen(day, f.seen)
}

// coarse adds the blocks of a day to those of the tiles of its month and, once it is over,
// its year. Of the day under way it says whether the table has all hours that are over.
func (r *job) coarse(day time.Time, tiles map[string][]block) (whole bool, err error) {
	until := r.untilOf(day)
	over := !until.Before(day.AddDate(0, 0, 1))
	h := r.frame.hours(day, until, r.vpsOf(day), r.seen[dayKey(day)])
	if some, err := h.read(r.Lake); err != nil || !some {
		return over || until.Equal(day), err
	}
	whole = over || h.hour+1 == int(until.Sub(day)/time.Hour)
	add := func(level Level, of string) func(string, block) error {
		return func(name string, b block) error {
			key := string(level) + "/" + of + "/" + name
			tiles[key] = append(tiles[key], b)
			return nil
		}
	}
	m := r.made.Days[dayKey(day)]
	m.Blocks = true
	r.made.Days[dayKey(day)] = m
	err = r.each(h.hours, add(Month, interval.Partition(day)))
	if err == nil && over {
		err = r.each(h.day, add(Year, day.Format("2006")))
	}
	return whole, err
}

// each calls use with the blocks of each server and path, part by part, and the last part of
// the key of their tile.
func (r *job) each(of func(server, path int) []block, use func(name string, b block) error) error {
	for server := range r.servers {
		for _, path := range r.paths {
			for _, b := range of(server, path) {
				if err := use(fmt.Sprintf("%s-%d", pathKey(r.rsis[server], path), r.part(measurement.VantagePoint(b.vps[0]))), b); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
