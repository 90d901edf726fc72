package derive

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// events brings the table events up to date: the days made anew, those whose chain goes on
// from another, those of whose serials something else is known, and those whose file is not
// the one that was written.
func (d *Deriver) events(first, last time.Time, made map[time.Time]bool) (n int, err error) {
	p, err := d.publications()
	if err != nil {
		return 0, err
	}
	w := &rewriting{Deriver: d, p: p, chains: map[time.Time]chain{}}
	if _, err := d.remember(d.writtenPath(), &w.written); err != nil || w.written == nil {
		if w.written = map[time.Time]string{}; err != nil {
			return 0, err
		}
	}
	for day := first; !day.After(last); day = day.AddDate(0, 0, 1) {
		if d.heads[day].Of == "" { // nothing is known of it: what there is stays, and nothing goes on from it
			w.before, w.again = nil, false
			continue
		}
		if err := w.day(day, made[day], day.Equal(first)); err != nil {
			return n, err
		}
	}
	for _, c := range w.chains {
		n += len(c.Events)
	}
	if err := w.lost(first, last); err != nil {
		return n, err
	}
	// What is replaced is told by the chains as they were, so these change last.
	if err := w.replace(); err != nil {
		return n, err
	}
	for day, c := range w.chains {
		if err := d.keep(d.chainPath(day), &c); err != nil {
			return n, err
		}
	}
	return n, nil
}

// rewriting is a change of the table events on its way.
type rewriting struct {
	*Deriver
	p       *publications
	before  *chain // of the day before; nil: not known
	again   bool   // it is another than it was
	forgot  bool   // State was lost, or part of it
	chains  map[time.Time]chain
	written map[time.Time]string // the files that were written, by day
	ledger  ledger
	damaged bool // a file of the table was not the one that was written

	was, moved []measurement.Event // of all days whose chain changes: an event may pass from one to another; moved: those that late rows may have moved
	now        []measurement.Event
}

// day makes the chain of a day, where it is another than it was.
func (w *rewriting) day(day time.Time, made, first bool) error {
	old, known, err := w.readChain(day)
	if err != nil {
		return err
	}
	if first {
		if before, there, err := w.readChain(day.AddDate(0, 0, -1)); err != nil {
			return err
		} else if there && w.heads[day.AddDate(0, 0, -1)].Of != "" {
			w.before = &before
		}
	}
	firm := w.before != nil && w.before.Firm || day.Equal(w.begins)
	cut := day.Before(interval.Day(w.last)) && w.heads[day.AddDate(0, 0, 1)].Of == ""
	if !made && !w.again && known && old.Firm == firm && old.Cut == cut {
		dated, err := w.p.dated(day, old.Shown)
		if err != nil {
			return err
		}
		if dated.sum() == old.Dated {
			w.before = &old
			return nil
		}
	}
	var open []Segment
	if w.before != nil {
		open = w.before.Open
	}
	c, err := w.chainDay(w.p, day, open, cut)
	if err != nil {
		return err
	}
	c.Firm, c.Cut = firm, cut
	if !known { // what the table has of the day is what was; some of it ended on later days
		w.forgot = true
		if old.Events, err = w.live(day); err != nil {
			return err
		}
		if cut {
			c.Events = longer(c.Events, old.Events)
		}
	}
	w.again = w.forgot || old.Sum != c.Sum || old.Firm != c.Firm || old.Cut != c.Cut
	if w.again {
		w.chains[day], w.now = c, append(w.now, c.Events...)
		w.was = append(w.was, old.Events...)
		if old.Firm { // else days before it were missing, and it may have begun there
			w.moved = append(w.moved, old.Events...)
		}
	}
	w.before = &c
	return nil
}

// longer takes those of the table that are known to have gone on longer.
func longer(cut, known []measurement.Event) (all []measurement.Event) {
	for _, e := range cut {
		if i := slices.IndexFunc(known, func(k measurement.Event) bool { return k.ID == e.ID && k.Until.After(e.Until) }); i >= 0 {
			e = known[i]
		}
		all = append(all, e)
	}
	return all
}

// lost has the events of days written whose file is not the one that was written.
func (w *rewriting) lost(first, last time.Time) error {
	lost := map[time.Time]bool{}
	for day := first; !day.After(last); day = day.AddDate(0, 0, 1) {
		is, err := identity(w.Lake.Path(column.Events, day))
		if err != nil {
			return err
		}
		if was, known := w.written[day]; known && was != is {
			lost[day] = true
		}
	}
	if len(lost) == 0 {
		return nil
	}
	w.damaged = true
	for day := first; !day.After(last); day = day.AddDate(0, 0, 1) {
		c, changed := w.chains[day]
		if !changed {
			var err error
			if c, _, err = w.readChain(day); err != nil {
				return err
			}
		}
		for _, e := range c.Events {
			if lost[interval.Day(e.From)] && !has(w.now, e.ID) {
				w.now = append(w.now, e)
			}
		}
	}
	return nil
}

// chainDay makes the chain of a day.
func (d *Deriver) chainDay(p *publications, day time.Time, open []Segment, cut bool) (c chain, err error) {
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
		segments = slices.Concat(g.Segments, g.Hourly, g.stale(day, dated, func(label time.Time) bool { return d.only(g, label) }))
	}
	c = link(open, segments, day, d.last, cut)
	c.Shown, c.Dated = shown, dated.sum()
	c.Sum, err = hashOf(c)
	return c, err
}

// replace puts events into the table in place of others. Of one that began at another time
// by rows that came late, the row stays, and says which it became.
func (w *rewriting) replace() error {
	days := map[time.Time]bool{}
	for _, e := range slices.Concat(w.was, w.now) {
		days[interval.Day(e.From)] = true
	}
	var err error
	if w.ledger, err = w.Deriver.ledger(); err != nil {
		return err
	}
	for day := range days {
		if err := w.replaceDay(day); err != nil {
			return err
		}
	}
	if len(days) == 0 {
		return nil
	}
	if err := w.follow(); err != nil {
		return err
	}
	if err := w.keep(w.ledgerPath(), w.ledger); err != nil {
		return err
	}
	return w.keep(w.writtenPath(), w.written)
}

func (w *rewriting) replaceDay(day time.Time) error {
	path := w.Lake.Path(column.Events, day)
	rows, err := w.rows(day)
	if err != nil {
		return err
	}
	before, err := hashOf(rows)
	if err != nil {
		return err
	}
	rows = slices.DeleteFunc(rows, func(e measurement.Event) bool { return e.SupersededBy == nil && has(w.was, e.ID) || has(w.now, e.ID) })
	for _, e := range w.moved {
		if !interval.Day(e.From).Equal(day) || has(w.now, e.ID) || has(rows, e.ID) {
			continue
		}
		if i := slices.IndexFunc(w.now, func(n measurement.Event) bool { return becomes(e, n) }); i >= 0 {
			e.Open, e.SupersededBy = false, &w.now[i].ID
			rows = append(rows, e)
		}
	}
	for _, e := range w.now {
		if interval.Day(e.From).Equal(day) {
			rows = append(rows, e)
		}
	}
	column.Sort(rows)
	after, err := hashOf(rows)
	if err != nil {
		return err
	}
	if after != before || len(rows) == 0 {
		if err := save(w.Lake, day, rows); err != nil {
			return err
		}
	}
	w.ledger.note(day, rows)
	w.written[day], err = identity(path)
	return err
}

// live are the events of a day's file that others have not superseded.
func (d *Deriver) live(day time.Time) ([]measurement.Event, error) {
	rows, err := d.rows(day)
	return slices.DeleteFunc(rows, func(e measurement.Event) bool { return e.SupersededBy != nil }), err
}

// rows are those of a day's file; none of one that is damaged, which is made anew.
func (d *Deriver) rows(day time.Time) ([]measurement.Event, error) {
	rows, _, err := column.Read[measurement.Event](d.Lake.Path(column.Events, day))
	if errors.Is(err, column.ErrNewer) || errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("derive: %w", err)
	}
	return rows, nil
}

func has(all []measurement.Event, id string) bool {
	return slices.ContainsFunc(all, func(e measurement.Event) bool { return e.ID == id })
}

// becomes says whether an event is another's, whose beginning moved.
func becomes(was, now measurement.Event) bool {
	return scopeOf(was) == scopeOf(now) && was.From.Before(now.Until) && now.From.Before(was.Until)
}

func (d *Deriver) chainPath(day time.Time) string { return d.digestPath(day) + ".events" }

func (d *Deriver) writtenPath() string { return filepath.Join(d.State, "written") }

// readChain reads what a day's segments came to; false where nothing is known of it.
func (d *Deriver) readChain(day time.Time) (c chain, known bool, err error) {
	known, err = d.remember(d.chainPath(day), &c)
	return c, known, err
}
