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
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/plan"
)

// Deriver brings the tables of change up to date. The caller holds the lake's lock.
type Deriver struct {
	Plan  *plan.Plan
	Lake  lake.Store
	State string // folder of what was made of each day; it may be lost

	Most     int  // days that are read at most, the newest first, and last those that could not be read before; 0 is all that are due
	DryRun   bool // count the days that are due, and write nothing
	Progress func(done, of int)

	basis  string
	last   time.Time // the last label of the lake
	begins time.Time // its first day
	hours  int       // that were read
	heads  map[time.Time]head
	fresh  map[time.Time]*digest // the one that was written last
}

// Result is what a run did.
type Result struct {
	Days   int `json:"days"`   // made anew, or due
	Hours  int `json:"hours"`  // of these days that were read, since they were not as before
	Events int `json:"events"` // in the days looked at
	Left   int `json:"left"`   // days that are due as well, and were too many for the run

	Failed []error `json:"-"` // why days stay as they are: they cannot be read
}

// Run brings the days of [from, until) up to date where they are not; a zero time is no
// bound. A day that cannot be read stays as it is, and is in the result; the others are made.
func (d *Deriver) Run(ctx context.Context, from, until time.Time) (result Result, err error) {
	if column.Schema() < since {
		return result, nil
	}
	if d.basis, err = basis(d.Plan); err != nil {
		return result, err
	}
	days, err := d.Lake.Days(column.Runs, time.Time{}, time.Time{})
	if err != nil || len(days) == 0 {
		return result, err
	}
	if err := d.now(ctx, days); err != nil {
		return result, err
	}
	first, last := days[0].Day, days[len(days)-1].Day
	d.begins = first
	if from.After(first) {
		first = interval.Day(from)
	}
	d.heads, d.fresh, d.hours = map[time.Time]head{}, nil, 0
	for day := first.AddDate(0, 0, -usualDays); !day.After(last); day = day.AddDate(0, 0, 1) {
		d.heads[day] = d.head(day)
	}
	w, err := d.work(first, last, until)
	if err != nil {
		return result, err
	}
	if d.DryRun {
		return Result{Days: len(w.due)}, nil
	}
	if err := os.MkdirAll(d.State, 0o755); err != nil {
		return result, fmt.Errorf("derive: %w", err)
	}
	made, err := d.make(ctx, first, last, &w, &result)
	if err != nil {
		return result, err
	}
	result.Days, result.Hours = len(made), d.hours
	if result.Events, err = d.events(first, last, made); err != nil {
		return result, err
	}
	if err := d.reached(); err != nil {
		return result, err
	}
	return result, d.renew()
}

// make makes the days of a run, and those that were made of days as they were before it.
func (d *Deriver) make(ctx context.Context, first, last time.Time, w *work, result *Result) (map[time.Time]bool, error) {
	made := map[time.Time]bool{}
	for day := first; !day.After(last); day = day.AddDate(0, 0, 1) {
		if !w.due[day] && (len(made) == 0 || !d.overtaken(day)) {
			continue
		}
		failed := d.day(ctx, day)
		if failed != nil && ctx.Err() != nil {
			return nil, failed
		}
		if err := w.tried(d, day, failed); err != nil {
			return nil, err
		}
		if failed != nil {
			result.Failed = append(result.Failed, failed)
			continue
		}
		made[day] = true
		if d.Progress != nil {
			d.Progress(len(made), max(len(made), len(w.due)))
		}
	}
	result.Failed, result.Left = append(result.Failed, w.kept...), w.left
	return made, w.end(d)
}

// reached notes the last label of the lake where its day is up to date.
func (d *Deriver) reached() error {
	known, err := d.known(interval.Day(d.last))
	if err != nil || !known {
		return err
	}
	return d.keep(d.reachedPath(), d.last)
}

func (d *Deriver) reachedPath() string { return filepath.Join(d.State, "until") }

// Derived is the newest label that the events were brought up to date with; false where that
// is not known.
func (d *Deriver) Derived() (last time.Time, known bool, err error) {
	known, err = d.remember(d.reachedPath(), &last)
	return last.UTC(), known, err
}

// since is the schema that has the tables.
const since = 3

// now finds the newest label of the lake, of the last day that can be read.
func (d *Deriver) now(ctx context.Context, days []lake.DayFile) (err error) {
	for _, day := range slices.Backward(days) {
		if d.last, err = d.lastLabel(ctx, day.Day); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// overtaken says whether a day was made of other days as they were before those of this run.
func (d *Deriver) overtaken(day time.Time) bool {
	h := d.heads[day]
	return h.Of != "" && h.Around != d.around(day)
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
	key, err := d.rests(day)
	return hexOf([]byte(key + " " + earlier(d.last, day.AddDate(0, 0, 1).Add(2*time.Hour)).Format(time.RFC3339))), err
}

// rests is the plan and the day's files.
func (d *Deriver) rests(day time.Time) (string, error) {
	key := d.basis
	rests := []string{d.Lake.Path(column.Answers, day), d.Lake.Path(column.Runs, day)}
	if len(d.Plan.VantagePoints) == 0 { // who else measures
		rests = append(rests, d.Lake.Path(column.Runs, day.AddDate(0, 0, -1)))
	}
	for _, path := range rests {
		file, err := files.Identity(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("derive: %w", err)
		}
		key += " " + file
	}
	return key, nil
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
	h := d.heads[day]
	if h.Of != of || h.Around != d.around(day) {
		return false, nil
	}
	if whole, err := d.remember(d.sightsPath(day), &evidence{}); err != nil || !whole {
		return false, err
	}
	rows, err := identity(d.Lake.Path(column.Hours, day))
	return rows == h.Rows, err
}

// identity is a hash that tells a file from others, and from none.
func identity(path string) (string, error) {
	is, err := files.Identity(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("derive: %w", err)
	}
	return hexOf([]byte(is)), nil
}

// around is a hash of the days that a day's usual latencies and servers are of.
func (d *Deriver) around(day time.Time) string {
	var all strings.Builder
	for n := usualDays; n > 0; n-- {
		fmt.Fprintln(&all, d.heads[day.AddDate(0, 0, -n)].Usual)
	}
	return hexOf([]byte(all.String()))
}

// day brings the rows of a day in the table hours, and its digest, up to date.
func (d *Deriver) day(ctx context.Context, day time.Time) error {
	h := head{Around: d.around(day)}
	g, err := d.read(day)
	if err != nil {
		return err
	}
	if h.Of, err = d.of(day); err != nil {
		return err
	}
	was, known := d.heads[day], g != nil
	if g, err = d.fold(ctx, day, g); err != nil {
		return err
	}
	if h.Rows, err = identity(d.Lake.Path(column.Hours, day)); err != nil {
		return err
	}
	if h.Usual, err = g.usual(); err != nil {
		return err
	}
	if !known || h.Usual != was.Usual || h.Around != was.Around {
		var w week
		for n := range usualDays {
			if w[n], err = d.read(day.AddDate(0, 0, n-usualDays)); err != nil {
				return err
			}
		}
		w[usualDays] = g
		g.Hourly = w.hourly(day)
	}
	return d.write(day, h, g)
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
