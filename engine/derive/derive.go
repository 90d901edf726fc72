// Package derive makes the tables of change of a lake: hours, what became of each query of
// the plan hour by hour, and events, when something was not as it should be. Both are
// functions of the lake and the plan alone, whatever the order or the parts in which they
// are brought up to date.
package derive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// Deriver brings the tables of change up to date. The caller holds the lake's lock.
type Deriver struct {
	Plan  *plan.Plan
	Lake  lake.Store
	State string // folder of what was made of each day; it may be lost

	DryRun   bool // count the days that are due, and write nothing
	Progress func(done, of int)

	basis string
	last  time.Time // the last label of the lake
}

// Result is what a run did.
type Result struct {
	Days   int `json:"days"`   // made anew, or due
	Events int `json:"events"` // in the days looked at
}

// Run brings the days of [from, until) up to date where they are not; a zero time is no
// bound.
func (d *Deriver) Run(ctx context.Context, from, until time.Time) (result Result, err error) {
	if d.basis, err = basis(d.Plan); err != nil {
		return result, err
	}
	days, err := d.Lake.Days(column.Runs, time.Time{}, time.Time{})
	if err != nil || len(days) == 0 {
		return result, err
	}
	if d.last, err = d.lastLabel(ctx, days[len(days)-1].Day); err != nil {
		return result, err
	}
	first, last := days[0].Day, days[len(days)-1].Day
	due, current, err := d.due(first, last, from, until)
	if err != nil {
		return result, err
	}
	if d.DryRun {
		return Result{Days: len(due)}, nil
	}
	made := map[time.Time]bool{}
	for day := first; !day.After(last); day = day.AddDate(0, 0, 1) {
		// A day that was up to date may no longer be, because of one that was just made.
		if at := slices.Index(due, day); at < 0 && (len(made) == 0 || !current[day]) {
			continue
		}
		if known, err := d.known(day); err != nil || known {
			if err != nil {
				return result, err
			}
			continue
		}
		if err := ctx.Err(); err != nil {
			return result, err
		}
		if err := d.day(ctx, day); err != nil {
			return result, err
		}
		made[day] = true
		if d.Progress != nil {
			d.Progress(len(made), max(len(made), len(due)))
		}
	}
	result.Days = len(made)
	result.Events, err = d.events(first, last, made)
	return result, err
}

// due are the days of [from, until) that are not up to date, the newest first, and those
// that are.
func (d *Deriver) due(first, last, from, until time.Time) (due []time.Time, current map[time.Time]bool, err error) {
	current = map[time.Time]bool{}
	for day := last; !day.Before(first); day = day.AddDate(0, 0, -1) {
		known, err := d.known(day)
		if err != nil {
			return nil, nil, err
		}
		switch within := (until.IsZero() || day.Before(until)) && (from.IsZero() || day.AddDate(0, 0, 1).After(from)); {
		case known:
			current[day] = true
		case within:
			due = append(due, day)
		}
	}
	return due, current, nil
}

// lastLabel is the newest label of a day's runs.
func (d *Deriver) lastLabel(ctx context.Context, day time.Time) (last time.Time, err error) {
	scan := lake.Scan{Store: d.Lake, From: day, Until: day.AddDate(0, 0, 1), Workers: 1}
	err = scan.Runs(ctx, []column.Name{column.VantagePoint}, func(b *column.RunBatch) error {
		for i := range b.Rows {
			if at := b.Interval.At(i); at.After(last) {
				last = at
			}
		}
		return nil
	})
	return last, err
}

// of is all that a day is made of: the plan, and the day's files in the lake, which are
// replaced whole. The last label tells what may still come.
func (d *Deriver) of(day time.Time) (string, error) {
	key := d.basis
	for _, table := range []column.Table{column.Answers, column.Runs} {
		file, err := files.Identity(d.Lake.Path(table, day))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("derive: %w", err)
		}
		key += " " + file
	}
	return key + " " + earlier(d.last, day.AddDate(0, 0, 1).Add(2*time.Hour)).Format(time.RFC3339), nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// known says whether a day is made of what it would be made of now.
func (d *Deriver) known(day time.Time) (bool, error) {
	of, err := d.of(day)
	if err != nil {
		return false, err
	}
	g, err := d.read(day)
	if err != nil || g == nil {
		return false, err
	}
	if _, err := os.Stat(d.chainPath(day)); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("derive: %w", err)
	}
	return g.Of == of && g.Around == d.around(day) && d.kept(day, g), nil
}

// kept says whether the rows of a day in the table hours are there.
func (d *Deriver) kept(day time.Time, g *digest) bool {
	_, err := os.Stat(d.Lake.Path(column.Hours, day))
	return err == nil || g.Hours == 0
}

// around are the hashes of the days that a day's usual latencies and servers are of.
func (d *Deriver) around(day time.Time) (all string) {
	for n := usualDays; n > 0; n-- {
		all += d.usualOn(day.AddDate(0, 0, -n)) + ","
	}
	return all
}

// day makes the rows of a day in the table hours, and its digest.
func (d *Deriver) day(ctx context.Context, day time.Time) error {
	before, err := d.read(day)
	if err != nil {
		return err
	}
	g := &digest{}
	if g.Of, err = d.of(day); err != nil {
		return err
	}
	if before != nil && before.Of == g.Of && d.kept(day, before) {
		g = before
	} else if err := d.fold(ctx, day, g, before); err != nil {
		return err
	}
	var w week
	for n := range w {
		if w[n], err = d.read(day.AddDate(0, 0, n-usualDays)); err != nil {
			return err
		}
	}
	w[usualDays] = g
	g.Around, g.Hourly = d.around(day), w.hourly(day)
	return d.write(day, g)
}

// fold reads a day.
func (d *Deriver) fold(ctx context.Context, day time.Time, g, before *digest) error {
	r, err := readRuns(ctx, d.Lake, day)
	if err != nil {
		return err
	}
	f := newFrame(d.Plan, day, r.met)
	r.in(f)
	g.begin(f)
	m := newMarks(f, d.last)
	var rows []measurement.Hour
	var a *fold
	a = newFold(f, r, m, func(of []measurement.Hour) error {
		if start := f.label(a.hour.first); over(start, d.last) {
			rows = append(rows, of...)
			g.gather(a, a.hour.first/perHour)
		}
		return nil
	})
	scan := lake.Scan{Store: d.Lake, From: day, Until: day.AddDate(0, 0, 1), Workers: 1}
	if err := scan.Answers(ctx, columns, a.add); err != nil {
		return err
	}
	if err := a.reach(perDay); err != nil {
		return err
	}
	g.end(m)
	if g.Rows, err = hashOf(rows); err != nil {
		return err
	}
	g.Hours = len(rows)
	if before != nil && before.Rows == g.Rows && d.kept(day, g) {
		return nil
	}
	return save(d.Lake, day, rows)
}

// begin makes room for what a day of the frame has.
func (g *digest) begin(f *frame) {
	g.VantagePoints = f.vps
	for _, s := range f.servers {
		g.RSIs = append(g.RSIs, s.RSI)
	}
	pairs := len(f.vps) * len(f.servers)
	g.Medians, g.Good = make([]int32, pairs*len(allPaths)*24), make([]uint8, pairs*len(allPaths)*24)
	for i := range g.Medians {
		g.Medians[i] = -1
	}
	g.Met = make([]uint16, pairs*len(measurement.Families)*24)
}

// end takes what was marked.
func (g *digest) end(m *marks) {
	g.Segments = m.segments()
	g.Serials, g.Shown, g.First = m.shown.serials, m.shown.codes, m.shown.first
	slices.SortFunc(g.First, compareFirst)
}

// save replaces a day of a table, and removes its file where there are no rows. What a newer
// program wrote stays.
func save[T column.Row](s lake.Store, day time.Time, rows []T) error {
	path := s.Path(column.TableOf[T](), day)
	if _, err := s.Older(column.TableOf[T](), day); errors.Is(err, column.ErrNewer) {
		return fmt.Errorf("derive: %w", err)
	}
	if len(rows) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("derive: %w", err)
		}
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("derive: %w", err)
	}
	w, err := lake.CreateDay[T](s, day)
	if err != nil {
		return err
	}
	if err := w.Write(rows); err != nil {
		return errors.Join(err, w.Discard())
	}
	return w.Close()
}
