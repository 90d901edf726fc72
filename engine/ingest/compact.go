package ingest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// afterDay is how long after its end a day is written anew, as one: nearly all of it is there.
const afterDay = time.Hour

// mostRewritten is how many days of an older schema a night writes anew.
const mostRewritten = 30

// lookAgain is after how long a lake that was of one schema is looked through again: a day
// may have been put back from a copy.
const lookAgain = 7 * 24 * time.Hour

// compact writes yesterday anew where it came in by many merges, and once a day some
// days of an older schema, the newest first, until the lake is of one; then it looks once
// a week.
func (r *run) compact(ctx context.Context) error {
	yesterday := interval.Day(r.started.Add(-afterDay)).AddDate(0, 0, -1)
	_, failed := r.rewrite(column.Answers, yesterday)
	night := &r.judge.Rewritten
	wait := 24 * time.Hour
	if night.Uniform == column.Schema() {
		wait = lookAgain
	}
	looked, _ := time.Parse(time.DateOnly, night.Day) // what is no day is long ago
	if since := yesterday.Sub(looked); 0 <= since && since < wait {
		return failed
	}
	more, err := r.upgrade(ctx)
	if err != nil {
		return errors.Join(failed, err)
	}
	night.Day, night.Uniform = yesterday.Format(time.DateOnly), 0
	if !more {
		night.Uniform = column.Schema()
	}
	return errors.Join(failed, r.judge.Save())
}

// knows says whether this program may write the lake: not where a newer one did, which
// writes the tables that have one file before all else.
func (r *run) knows() bool {
	for _, table := range column.Tables {
		if table.Daily() {
			continue
		}
		if _, err := r.Lake.Older(table, time.Time{}); errors.Is(err, column.ErrNewer) {
			r.left(r.Lake.Dir, "stays as it is, and files wait in their dropboxes, until mtric is updated here, on the collector: "+err.Error())
			return false
		}
	}
	return true
}

// newer reports whether a table of the day is of a schema that this program does not
// know. Then nothing of the day is touched: its files wait for an update.
func (r *run) newer(day time.Time) bool {
	for _, table := range daily {
		if _, err := r.Lake.Older(table, day); errors.Is(err, column.ErrNewer) {
			r.left(r.Lake.Path(table, day), "needs a newer mtric; files of its day wait in their dropboxes until mtric is updated here, on the collector")
			return true
		}
	}
	return false
}

// daily are the tables of what was measured, which have a file a day.
var daily = slices.DeleteFunc(slices.Clone(column.Tables), func(t column.Table) bool { return !t.Daily() || t.Derived() })

// upgrade writes days anew that are of an older schema, the newest first, and says whether
// there may be more. A day that cannot be read or written holds up nothing, is told once a
// night, and is not one of the thirty: it was damaged before, and its data are as they were.
func (r *run) upgrade(ctx context.Context) (more bool, err error) {
	tables := map[time.Time][]column.Table{}
	for _, table := range daily {
		days, err := r.Lake.Days(table, time.Time{}, time.Time{})
		if err != nil {
			return true, err
		}
		for _, d := range days {
			tables[d.Day] = append(tables[d.Day], table)
		}
	}
	left := mostRewritten
	for _, day := range slices.Backward(slices.SortedFunc(maps.Keys(tables), time.Time.Compare)) {
		if err := ctx.Err(); err != nil {
			return true, err
		}
		rewritten := false
		for _, table := range tables[day] {
			older, err := r.Lake.Older(table, day)
			if older && err == nil && left == 0 {
				return true, nil
			}
			if older && err == nil {
				_, err = r.rewrite(table, day)
				rewritten = rewritten || err == nil
			}
			switch {
			case r.broken:
				return true, err
			case err != nil && !errors.Is(err, column.ErrNewer):
				more = true
				r.left(r.Lake.Path(table, day), "cannot be written in the newest schema: "+err.Error())
			}
		}
		if rewritten {
			left--
		}
	}
	return more, nil
}

// rewrite writes a day of a table anew where that is worth it.
func (r *run) rewrite(table column.Table, day time.Time) (bool, error) {
	begin := func() error { return r.step("compact %s of %s", day.Format(time.DateOnly), table) }
	switch table {
	case column.Routes:
		return lake.Compact[measurement.Route](r.Lake, day, begin)
	case column.Runs:
		return lake.Compact[measurement.Run](r.Lake, day, begin)
	default:
		return lake.Compact[measurement.Answer](r.Lake, day, begin)
	}
}
