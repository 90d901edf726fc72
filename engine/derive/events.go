package derive

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// events brings the table events up to date: the days made anew, those whose chain goes on
// from another, and those of whose serials something else is known.
func (d *Deriver) events(first, last time.Time, made map[time.Time]bool) (n int, err error) {
	p, err := d.publications()
	if err != nil {
		return 0, err
	}
	var before chain
	var was, now []measurement.Event // of all days whose chain changes: an event may pass from one to another
	chains := map[time.Time]chain{}
	again, lost, left := false, false, true
	for day := first; !day.After(last); day = day.AddDate(0, 0, 1) {
		old, known, err := d.readChain(day)
		if err != nil {
			return n, err
		}
		if !made[day] && !again {
			dated, err := p.dated(day, old.Shown)
			if err != nil {
				return n, err
			}
			if known && dated.sum() == old.Dated {
				left = true
				continue
			}
		}
		if left {
			if before, _, err = d.readChain(day.AddDate(0, 0, -1)); err != nil {
				return n, err
			}
		}
		c, err := d.chainDay(p, day, before.Open)
		if err != nil {
			return n, err
		}
		n += len(c.Events)
		if !known { // State was lost, or part of it: what the table has of the day is what was
			lost = true
			if old.Events, err = d.live(day); err != nil {
				return n, err
			}
		}
		differs := lost
		if lost || old.Sum != c.Sum {
			chains[day], was, now = c, append(was, old.Events...), append(now, c.Events...)
			open, err := differ(old.Open, c.Open)
			if err != nil {
				return n, err
			}
			differs = lost || open
		}
		before, again, left = c, differs, false
	}
	// What is replaced is told by the chains as they were, so these change last.
	if err := d.replace(was, now); err != nil {
		return n, err
	}
	for day, c := range chains {
		if err := d.writeChain(day, &c); err != nil {
			return n, err
		}
	}
	return n, nil
}

// differ says whether what is open at a day's end is not what it was.
func differ(was, now []Segment) (bool, error) {
	a, err := hashOf(was)
	b, other := hashOf(now)
	return a != b, errors.Join(err, other)
}

// chainDay makes the chain of a day.
func (d *Deriver) chainDay(p *publications, day time.Time, open []Segment) (c chain, err error) {
	var segments []Segment
	g, err := d.read(day)
	if err != nil {
		return c, err
	}
	var shown []uint32
	if g != nil {
		shown = g.Serials
	}
	dated, err := p.dated(day, shown)
	if err != nil {
		return c, err
	}
	if g != nil {
		segments = slices.Concat(g.Segments, g.Hourly, g.stale(day, dated))
	}
	c = link(open, segments, day, d.last)
	c.Shown, c.Dated = shown, dated.sum()
	c.Sum, err = hashOf(c)
	return c, err
}

// replace puts events into the table in place of others. Of one that began at another time
// by rows that came late, the row stays, and says which it became.
func (d *Deriver) replace(was, now []measurement.Event) error {
	days := map[time.Time]bool{}
	for _, e := range slices.Concat(was, now) {
		days[interval.Day(e.From)] = true
	}
	for day := range days {
		rows, _, err := column.Read[measurement.Event](d.Lake.Path(column.Events, day))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("derive: %w", err)
		}
		before, err := hashOf(rows)
		if err != nil {
			return err
		}
		rows = slices.DeleteFunc(rows, func(e measurement.Event) bool { return e.SupersededBy == nil && has(was, e.ID) || has(now, e.ID) })
		for _, e := range was {
			if !interval.Day(e.From).Equal(day) || has(now, e.ID) || has(rows, e.ID) {
				continue
			}
			if i := slices.IndexFunc(now, func(n measurement.Event) bool { return becomes(e, n) }); i >= 0 {
				e.Open, e.SupersededBy = false, &now[i].ID
				rows = append(rows, e)
			}
		}
		for _, e := range now {
			if interval.Day(e.From).Equal(day) {
				rows = append(rows, e)
			}
		}
		column.Sort(rows)
		if after, err := hashOf(rows); err != nil || after == before && len(rows) > 0 {
			if err != nil {
				return err
			}
			continue
		}
		if err := save(d.Lake, day, rows); err != nil {
			return err
		}
	}
	return nil
}

// live are the events of a day's file that others have not superseded.
func (d *Deriver) live(day time.Time) ([]measurement.Event, error) {
	rows, _, err := column.Read[measurement.Event](d.Lake.Path(column.Events, day))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("derive: %w", err)
	}
	return slices.DeleteFunc(rows, func(e measurement.Event) bool { return e.SupersededBy != nil }), nil
}

func has(all []measurement.Event, id string) bool {
	return slices.ContainsFunc(all, func(e measurement.Event) bool { return e.ID == id })
}

// becomes says whether an event is another's, whose beginning moved.
func becomes(was, now measurement.Event) bool {
	return scopeOf(was) == scopeOf(now) && was.From.Before(now.Until) && now.From.Before(was.Until)
}

func (d *Deriver) chainPath(day time.Time) string { return d.digestPath(day) + ".events" }

// readChain reads what a day's segments came to; false where nothing is known of it.
func (d *Deriver) readChain(day time.Time) (c chain, known bool, err error) {
	err = d.remember(d.chainPath(day), &c)
	return c, c.Sum != "", err
}

func (d *Deriver) writeChain(day time.Time, c *chain) error { return d.keep(d.chainPath(day), c) }
