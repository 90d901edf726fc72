package ingest

import (
	"errors"
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

// compact writes yesterday anew where it came in by many merges, and once a day some
// days of an older schema, the newest first, until the lake is of one.
func (r *run) compact() error {
	yesterday := interval.Day(r.started.Add(-afterDay)).AddDate(0, 0, -1)
	if _, err := r.rewrite(column.Answers, yesterday); err != nil {
		return err
	}
	night := &r.backlog.rewritten
	if night.Uniform == column.Schema() || night.Day == dateOf(yesterday) {
		return nil
	}
	more, err := r.upgrade()
	if err != nil {
		return err
	}
	if night.Day = dateOf(yesterday); !more {
		night.Uniform = column.Schema()
	}
	return r.backlog.save()
}

// rewritten is how far the lake has come to be of one schema.
type rewritten struct {
	Day     string `json:"day,omitempty"`     // the last that a night was for
	Uniform int    `json:"uniform,omitempty"` // the schema that all days are of; 0 where nobody has seen that they are
}

// upgrade writes days anew that are of an older schema, and says whether there may be more.
func (r *run) upgrade() (more bool, err error) {
	left := mostRewritten
	for _, table := range []column.Table{column.Answers, column.Routes, column.Runs} {
		days, err := r.Lake.Days(table, time.Time{}, time.Time{})
		if err != nil {
			return true, err
		}
		for _, d := range slices.Backward(days) {
			old := false
			err := column.Open(d.Path, table, func(f *column.File) error {
				old = !f.Current()
				return nil
			})
			switch {
			case errors.Is(err, column.ErrNewer):
				continue
			case err != nil:
				return true, err
			case !old:
				continue
			case left == 0:
				return true, nil
			}
			left--
			if _, err := r.rewrite(table, d.Day); err != nil {
				return true, err
			}
		}
	}
	return false, nil
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
