package derive

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/renameio/v2"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// events brings the table events up to date: the days made anew, those whose chain goes on
// from another, and those around zones of which something else is known.
func (d *Deriver) events(first, last time.Time, made map[time.Time]bool) (n int, err error) {
	p, err := d.publications()
	if err != nil {
		return 0, err
	}
	zones, changed, err := d.zonesChanged(p.zones)
	if err != nil {
		return 0, err
	}
	for day := range made {
		changed = append(changed, day)
	}
	due := map[time.Time]bool{}
	for _, day := range changed {
		for n := range 3 { // T(s) rests on three days
			due[day.AddDate(0, 0, n)] = true
		}
	}
	var before chain
	var was, now []measurement.Event // of all days whose chain changes: an event may pass from one to another
	chains := map[time.Time]chain{}
	again, lost := false, false
	for day := first; !day.After(last); day = day.AddDate(0, 0, 1) {
		if !due[day] && !again {
			continue
		}
		if !again { // the day before was left alone
			if before, _, err = d.readChain(day.AddDate(0, 0, -1)); err != nil {
				return n, err
			}
		}
		old, known, err := d.readChain(day)
		if err != nil {
			return n, err
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
		before, again = c, differs || due[day.AddDate(0, 0, 1)]
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
	return n, d.keepZones(zones)
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
	g, err := p.digest(day)
	if err != nil {
		return c, err
	}
	if g != nil {
		stale, err := p.stale(day, g)
		if err != nil {
			return c, err
		}
		segments = slices.Concat(g.Segments, g.Hourly, stale)
	}
	c = link(open, segments, day, d.last)
	c.Sum, err = hashOf(chain{Events: c.Events, Open: c.Open})
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
	data, err := os.ReadFile(d.chainPath(day))
	if errors.Is(err, fs.ErrNotExist) {
		return c, false, nil
	}
	if err != nil {
		return c, false, fmt.Errorf("derive: %w", err)
	}
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&c); err != nil {
		return chain{}, false, nil
	}
	return c, true, nil
}

func (d *Deriver) writeChain(day time.Time, c *chain) error { return d.keep(d.chainPath(day), c) }

// keep writes a value into State.
func (d *Deriver) keep(path string, value any) error {
	var data bytes.Buffer
	if err := gob.NewEncoder(&data).Encode(value); err != nil {
		return fmt.Errorf("derive: %w", err)
	}
	if err := renameio.WriteFile(path, data.Bytes(), 0o644, renameio.WithTempDir(d.State)); err != nil {
		return fmt.Errorf("derive: %w", err)
	}
	return nil
}

func (d *Deriver) zonesPath() string { return filepath.Join(d.State, "zones") }

// zonesChanged gives the zones as they are kept, and the days in which those were first
// seen of which something else was known the last time.
func (d *Deriver) zonesChanged(zones []measurement.Zone) (now []measurement.Zone, days []time.Time, err error) {
	var was []measurement.Zone
	data, err := os.ReadFile(d.zonesPath())
	if err == nil {
		err = gob.NewDecoder(bytes.NewReader(data)).Decode(&was)
	}
	if err != nil {
		was = nil
	}
	for _, z := range zones {
		now = append(now, measurement.Zone{Serial: z.Serial, FirstSeen: z.FirstSeen, ArchivedAt: z.ArchivedAt, SignedAt: z.SignedAt})
	}
	differs := func(of, among []measurement.Zone) {
		for _, z := range of {
			if i := slices.IndexFunc(among, func(o measurement.Zone) bool { return o.Serial == z.Serial }); i < 0 || !alike(z, among[i]) {
				days = append(days, interval.Day(*z.FirstSeen))
			}
		}
	}
	differs(now, was)
	differs(was, now)
	return now, days, nil
}

func alike(a, b measurement.Zone) bool {
	same := func(a, b *time.Time) bool { return a == b || a != nil && b != nil && a.Equal(*b) }
	return same(a.FirstSeen, b.FirstSeen) && same(a.ArchivedAt, b.ArchivedAt) && same(a.SignedAt, b.SignedAt)
}

func (d *Deriver) keepZones(zones []measurement.Zone) error { return d.keep(d.zonesPath(), zones) }
