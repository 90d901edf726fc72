package derive

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// ledger is which events superseded rows name, by the day of the rows. It may be lost.
type ledger map[time.Time][]string

func (d *Deriver) ledgerPath() string { return filepath.Join(d.State, "superseded") }

// ledger reads it, or makes it of the table.
func (d *Deriver) ledger() (ledger, error) {
	l := ledger{}
	if known, err := d.remember(d.ledgerPath(), &l); err != nil || known {
		return l, err
	}
	days, err := d.Lake.Days(column.Events, time.Time{}, time.Time{})
	if err != nil {
		return nil, fmt.Errorf("derive: %w", err)
	}
	for _, day := range days {
		rows, err := d.rows(day.Day)
		if err != nil {
			return nil, err
		}
		l.note(day.Day, rows)
	}
	return l, nil
}

func (l ledger) note(day time.Time, rows []measurement.Event) {
	delete(l, day)
	for _, e := range rows {
		if e.SupersededBy != nil {
			l[day] = append(l[day], *e.SupersededBy)
		}
	}
}

// follow has rows that name an event which is there no longer name the one that it became, or
// else themselves become; where there is none they go with it.
func (w *rewriting) follow() error {
	gone, err := w.gone()
	if err != nil {
		return err
	}
	for again := true; again; {
		again = false
		for _, day := range slices.SortedFunc(maps.Keys(w.ledger), time.Time.Compare) {
			if !slices.ContainsFunc(w.ledger[day], func(id string) bool { return gone[id] }) {
				continue
			}
			rows, err := w.rows(day)
			if err != nil {
				return err
			}
			kept := rows[:0:0]
			for _, e := range rows {
				if e.SupersededBy != nil && gone[*e.SupersededBy] {
					if e.SupersededBy, err = w.successor(e); err != nil {
						return err
					}
					if e.SupersededBy == nil {
						gone[e.ID], again = true, true
						continue
					}
				}
				kept = append(kept, e)
			}
			if err := save(w.Lake, day, kept); err != nil {
				return err
			}
			w.ledger.note(day, kept)
			if w.written[day], err = identity(w.Lake.Path(column.Events, day)); err != nil {
				return err
			}
		}
	}
	return nil
}

// gone are the events that superseded rows name and the table has no longer: among those that
// changed, or where files were lost among all.
func (w *rewriting) gone() (map[string]bool, error) {
	named, days := map[string]bool{}, map[time.Time]bool{}
	for _, ids := range w.ledger {
		for _, id := range ids {
			named[id] = true
		}
	}
	if !w.damaged {
		maps.DeleteFunc(named, func(id string, _ bool) bool { return !has(w.was, id) })
		for _, e := range w.was {
			days[interval.Day(e.From)] = true
		}
	} else {
		all, err := w.Lake.Days(column.Events, time.Time{}, time.Time{})
		if err != nil {
			return nil, fmt.Errorf("derive: %w", err)
		}
		for _, day := range all {
			days[day.Day] = true
		}
	}
	for day := range days {
		if len(named) == 0 {
			break
		}
		rows, err := w.rows(day)
		if err != nil {
			return nil, err
		}
		for _, e := range rows {
			delete(named, e.ID)
		}
	}
	return named, nil
}

// successor is the live event that one became; nil where there is none.
func (w *rewriting) successor(was measurement.Event) (*string, error) {
	if i := slices.IndexFunc(w.now, func(n measurement.Event) bool { return becomes(was, n) }); i >= 0 {
		return &w.now[i].ID, nil
	}
	for day := interval.Day(was.From).AddDate(0, 0, -1); day.Before(was.Until); day = day.AddDate(0, 0, 1) {
		live, err := w.live(day)
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(live, func(n measurement.Event) bool { return becomes(was, n) }); i >= 0 {
			return &live[i].ID, nil
		}
	}
	return nil, nil
}
