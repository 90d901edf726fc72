package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/judge"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// learn takes in what files show of the keys of signed zones, and notes whose plan is not
// there, before their rows come into the lake. What may be judged otherwise for it is on the disk
// then, so that a kill hides nothing.
func (r *run) learn(day time.Time, files []*taken) error {
	known := r.judge.Signed()
	for _, t := range files {
		if t.run == nil || t.reason != "" {
			continue
		}
		by := r.plannedBy(t.run.PlanSHA256)
		switch {
		case by == nil && !r.Lake.HasPlan(t.run.PlanSHA256):
			known.Wait(day)
		case by != nil && t.trusted():
			known.Learn(by.signed, t.run.PlanSHA256 == r.Plan.SHA256(), t.label, t.keys)
		}
		t.keys = nil
	}
	return r.judge.SaveSigned()
}

// evaluateAgain evaluates rows of the lake whose plan came after them, and those that other
// keys of signed zones are known for than when they came. What is wrong with a day stops no other.
func (r *run) evaluateAgain(ctx context.Context) error {
	known := r.judge.Signed()
	for _, span := range r.Rejudge {
		known.Again(span)
	}
	if r.AllDue {
		known.All()
	}
	if !known.Pending() { // as nearly always
		known.Done()
		return nil
	}
	days, err := r.Lake.Days(column.Answers, time.Time{}, time.Time{})
	if err != nil {
		return err
	}
	if known.Lost() {
		for _, d := range days {
			if err := r.pass(ctx, r.relearn(d.Day)); err != nil {
				return err
			}
		}
	}
	for _, d := range days {
		if err := ctx.Err(); err != nil {
			return err
		}
		again := known.Due(d.Day)
		if known.Waits(d.Day) && len(known.Came()) > 0 {
			came, err := r.cameFor(d.Day)
			if err := r.pass(ctx, err); err != nil {
				return err
			}
			again = again || came
		}
		if !again {
			continue
		}
		if err = r.evaluateDay(d.Day); err != nil {
			err = fmt.Errorf("evaluate %s (once that is mended: mtric ingest --rejudge --from %[1]s --until %s): %w",
				d.Day.Format(time.DateOnly), d.Day.AddDate(0, 0, 1).Format(time.DateOnly), err)
		}
		if err := r.pass(ctx, err); err != nil {
			return err
		}
	}
	known.Done()
	return nil
}

// runsOf are the runs of a day of the lake.
func (r *run) runsOf(day time.Time) (map[runKey]ran, error) {
	rows, _, err := column.Read[measurement.Run](r.Lake.Path(column.Runs, day))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("runs of %s: %w", day.Format(time.DateOnly), err)
	}
	runs := map[runKey]ran{}
	for _, run := range rows {
		runs[runKey{run.VantagePoint, run.Interval.UTC()}] = ran{run.PlanSHA256, inTime(run.Interval, run.ReceivedAt, run.ClockSynchronized)}
	}
	return runs, nil
}

// cameFor says whether a plan that came is that of a run of the day; one that waits for
// none any more is forgotten.
func (r *run) cameFor(day time.Time) (came bool, err error) {
	runs, err := r.runsOf(day)
	if err != nil {
		return false, err
	}
	lacks := false
	for _, of := range runs {
		came = came || slices.Contains(r.judge.Signed().Came(), of.sum)
		lacks = lacks || !r.Lake.HasPlan(of.sum)
	}
	if !lacks {
		r.judge.Signed().Waited(day)
	}
	return came, nil
}

// relearn takes in what a day of the lake shows of signed zones.
func (r *run) relearn(day time.Time) error {
	runs, err := r.runsOf(day)
	if err != nil {
		return err
	}
	signed := false
	for _, of := range runs {
		by := r.plannedBy(of.sum)
		if by == nil && !r.Lake.HasPlan(of.sum) {
			r.judge.Signed().Wait(day)
		}
		signed = signed || by != nil && by.signed != nil
	}
	if !signed {
		return nil
	}
	r.judge.Signed().Again(judge.Span{From: day, Until: day.AddDate(0, 0, 1)})
	return r.eachRun(day, func(_ int64, rows []measurement.Answer) {
		of := runs[runKey{rows[0].VantagePoint, rows[0].Interval.UTC()}]
		if by := r.plannedBy(of.sum); by != nil && of.trusted {
			r.judge.Signed().Learn(by.signed, of.sum == r.Plan.SHA256(), rows[0].Interval.UTC(), judge.KeysShown(rows))
		}
	})
}

// eachRun yields the rows of each run of a day with the place of the first in its file.
func (r *run) eachRun(day time.Time, yield func(place int64, rows []measurement.Answer)) error {
	var rows []measurement.Answer
	var place int64
	end := func() {
		if len(rows) > 0 {
			yield(place, rows)
		}
		place += int64(len(rows))
		rows = nil
	}
	for some, err := range column.Rows[measurement.Answer](r.Lake.Path(column.Answers, day)) {
		if err != nil {
			return err
		}
		for i := range some {
			if len(rows) > 0 && (rows[0].VantagePoint != some[i].VantagePoint || !rows[0].Interval.Equal(some[i].Interval)) {
				end()
			}
			rows = append(rows, some[i])
		}
	}
	end()
	return nil
}

// evaluated is what an evaluation may change of a row.
type evaluated struct {
	expected *bool
	why      *string
	dnssec   *measurement.Security
	serial   *int64 // of a zone
}

func (e evaluated) same(o evaluated) bool {
	return same(e.expected, o.expected) && same(e.why, o.why) && same(e.dnssec, o.dnssec) && same(e.serial, o.serial)
}

func evaluatedOf(a *measurement.Answer) evaluated {
	return evaluated{a.Expected, a.Error, a.DNSSEC, a.ZoneSerial}
}

// evaluateDay evaluates all rows of a day whose plan is there, and rewrites it where that
// comes to something else.
func (r *run) evaluateDay(day time.Time) error {
	runs, err := r.runsOf(day)
	if err != nil {
		return err
	}
	changed := map[int64]evaluated{}
	err = r.eachRun(day, func(place int64, rows []measurement.Answer) {
		had := make([]evaluated, len(rows))
		for i := range rows {
			had[i] = evaluatedOf(&rows[i])
		}
		r.evaluate(runs, rows)
		for i := range rows {
			if now := evaluatedOf(&rows[i]); !now.same(had[i]) {
				changed[place+int64(i)] = now
			}
		}
	})
	if err != nil || len(changed) == 0 {
		return err
	}
	if err := r.step("evaluate %s", day.Format(time.DateOnly)); err != nil {
		return err
	}
	return lake.Amend(r.Lake, interval.Day(day), func(place int64, row *measurement.Answer) {
		if now, found := changed[place]; found {
			row.Expected, row.Error, row.DNSSEC, row.ZoneSerial = now.expected, now.why, now.dnssec, now.serial
		}
	})
}
