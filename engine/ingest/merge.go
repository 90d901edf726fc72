package ingest

import (
	"context"
	"errors"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// merge brings a day's rows into its tables. Answers and routes come before runs:
// a runs row says that its interval is there.
func (r *run) merge(ctx context.Context, day time.Time, files []*taken, judge func([]measurement.Answer) error) error {
	var answers []lake.Group[measurement.Answer]
	var routes []lake.Group[measurement.Route]
	runs := map[runKey]ran{}
	for _, t := range files {
		if t.answers != nil && t.run != nil {
			runs[runKey{t.vp, t.label.UTC()}] = ran{t.run.PlanSHA256, t.trusted()}
		}
		if t.reason != "" {
			t.answers, t.routes = nil, nil
		}
		if t.answers != nil {
			answers = append(answers, *t.answers)
		}
		if t.routes != nil {
			routes = append(routes, *t.routes)
		}
		t.answers, t.routes = nil, nil // the lake lets them go as they are written
	}
	verdicts := func(rows []measurement.Answer) error {
		r.evaluate(runs, rows)
		return errors.Join(ctx.Err(), judge(rows))
	}
	if err := mergeTable(r, day, column.Answers, answers, verdicts, files); err != nil {
		return err
	}
	if err := mergeTable(r, day, column.Routes, routes, nil, files); err != nil {
		return err
	}
	return r.mergeRuns(day, files)
}

// mergeTable merges groups of rows, each with what to do to those that are new, and rejects
// the files whose rows the lake has otherwise: the first one wins. Answers have their runs
// row rejected with them.
func mergeTable[T lake.Measured](r *run, day time.Time, table column.Table, rows []lake.Group[T], each func([]T) error, files []*taken) error {
	if len(rows) == 0 {
		return nil
	}
	if err := r.step("merge %s", table); err != nil {
		return err
	}
	m, err := lake.Merge(r.Lake, day, rows, each)
	if err != nil {
		return err
	}
	of := table
	if table == column.Runs {
		of = column.Answers
	} else {
		r.result.Added += m.Added
		r.result.Known += m.Known
	}
	clashes := map[runKey]string{}
	for _, c := range m.Clashes {
		clashes[runKey{c.VantagePoint, c.Interval.UTC()}] = c.Reason
	}
	for _, t := range files {
		if reason, clash := clashes[runKey{t.vp, t.label}]; clash && t.table == of && t.reason == "" {
			t.reason = "disagrees with the lake: " + reason
		}
	}
	return nil
}

// mergeRuns brings in the runs row of every file of answers that was accepted.
func (r *run) mergeRuns(day time.Time, files []*taken) error {
	var rows []lake.Group[measurement.Run]
	now := r.now().UTC().Truncate(time.Microsecond)
	for _, t := range files {
		if t.reason == "" && t.table == column.Answers && t.run != nil {
			row := *t.run
			row.ReceivedAt, row.File, row.SHA256, row.IngestedAt = t.received, t.name, t.sha256, &now
			if r.Ingested != nil {
				row.IngestedAt = r.Ingested(t.name)
			}
			rows = append(rows, lake.GroupOf([]measurement.Run{row}))
		}
	}
	return mergeTable(r, day, column.Runs, rows, nil, files)
}
