package ingest

import (
	"context"
	"errors"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/spool"
)

// merge brings a day's rows into its tables. Answers and routes come before runs:
// a runs row says that its interval is there.
func (r *run) merge(ctx context.Context, day time.Time, files []*taken, b *bench) error {
	var answers []lake.Group[measurement.Answer]
	var routes []lake.Group[measurement.Route]
	for _, t := range files {
		if t.reason != "" {
			t.answers, t.routes = nil, nil
		}
		if t.answers != nil && t.answers.Len() > 0 {
			answers = append(answers, groupOf(t, t.answers))
		}
		if t.routes != nil && t.routes.Len() > 0 {
			routes = append(routes, groupOf(t, t.routes))
		}
		t.answers, t.routes = nil, nil // the lake lets them go as they are written
	}
	clashes := map[claim]string{}
	if len(answers) > 0 {
		if err := r.step("merge answers"); err != nil {
			return err
		}
		judge := func(rows []measurement.Answer) error { return errors.Join(ctx.Err(), b.judge(rows)) }
		m, err := lake.Merge(r.Lake, day, answers, judge)
		if err != nil {
			return err
		}
		r.count(column.Answers, m, clashes)
	}
	if len(routes) > 0 {
		if err := r.step("merge routes"); err != nil {
			return err
		}
		m, err := lake.Merge(r.Lake, day, routes, nil)
		if err != nil {
			return err
		}
		r.count(column.Routes, m, clashes)
	}
	reject(files, clashes)
	return r.mergeRuns(day, files)
}

// groupOf is a file as a group of rows.
func groupOf[T spool.Sent](t *taken, file *spool.File[T]) lake.Group[T] {
	return lake.Group[T]{Interval: t.label, VantagePoint: t.vp, Size: file.Len(), Rows: file.Rows, Wires: file.Wires}
}

// claim is what a file stands for: it is the only one of its kind.
type claim struct {
	vp    measurement.VantagePoint
	label time.Time
	table column.Table
}

func (r *run) count(table column.Table, m lake.Merged, clashes map[claim]string) {
	if table != column.Runs {
		r.result.Added += m.Added
		r.result.Known += m.Known
	}
	for _, c := range m.Clashes {
		clashes[claim{c.VantagePoint, c.Interval.UTC(), table}] = c.Reason
	}
}

// reject marks the files whose rows the lake has otherwise: the first one wins.
func reject(files []*taken, clashes map[claim]string) {
	for _, t := range files {
		if reason, clash := clashes[claim{t.vp, t.label, t.table}]; clash && t.reason == "" {
			t.reason = "disagrees with the lake: " + reason
		}
	}
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
	if len(rows) == 0 {
		return nil
	}
	if err := r.step("merge runs"); err != nil {
		return err
	}
	m, err := lake.Merge(r.Lake, day, rows, nil)
	if err != nil {
		return err
	}
	clashes := map[claim]string{}
	r.count(column.Runs, m, clashes)
	for c, reason := range clashes {
		delete(clashes, c)
		c.table = column.Answers
		clashes[c] = reason
	}
	reject(files, clashes)
	return nil
}
