package judge

import (
	"context"
	"reflect"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// day judges the rows of a day and rewrites it where a verdict has changed. It
// returns what is unchecked then.
func (e *evaluator) day(ctx context.Context, day time.Time) (left dayBacklog, err error) {
	waits, again, err := e.due(ctx, day)
	if err != nil || waits == 0 && !again {
		return dayBacklog{Unchecked: waits, Waiting: waits}, err
	}
	answers, err := e.answers(ctx, day)
	if err != nil {
		return dayBacklog{}, err
	}
	if err := e.decide(ctx, answers); err != nil {
		return dayBacklog{}, err
	}
	changed := map[int64]verdict{}
	for _, a := range answers {
		if v := a.now.verdict; v != measurement.Correct && v != measurement.Incorrect {
			left.Unchecked++
			switch {
			case a.hopeless:
				left.Unjudgeable++
			case !a.blank:
				left.Waiting++
			}
		}
		if !reflect.DeepEqual(a.had, a.now) {
			changed[a.place] = a.now
		}
	}
	if len(changed) > 0 {
		if err := e.Step("judge %s", day.Format(time.DateOnly)); err != nil {
			return dayBacklog{}, err
		}
		err := lake.Amend(e.Lake, day, func(place int64, row *measurement.Answer) {
			if v, found := changed[place]; found {
				row.Verdict, row.VerdictSerial, row.Failures = &v.verdict, v.serial, v.failures
			}
		})
		if err != nil {
			return dayBacklog{}, err
		}
	}
	e.counts.note(day, answers)
	return left, nil
}

// due counts the rows of a day that wait and says whether others are to be judged
// again, by two narrow columns.
func (e *evaluator) due(ctx context.Context, day time.Time) (waits int64, again bool, err error) {
	err = e.scan(day, day.AddDate(0, 0, 1)).Answers(ctx, []column.Name{column.Verdict}, func(b *column.AnswerBatch) error {
		unchecked, incorrect := b.Verdict.Place(measurement.Unchecked), b.Verdict.Place(measurement.Incorrect)
		for i, v := range b.Verdict.Index {
			switch {
			case v < 0:
			case v == unchecked:
				waits++
			case !again:
				label := b.Interval.At(i)
				again = e.isAgain(label) || v == incorrect && e.anyDoubt(func(s Span) bool { return s.holds(label) })
			}
		}
		return nil
	})
	return waits, again, err
}

func (e *evaluator) isAgain(label time.Time) bool {
	return slices.ContainsFunc(e.again, func(s Span) bool { return s.holds(label) })
}

// anyDoubt says whether a time is meant in which a vantage point shows what nothing
// proves: those it accused then may have to wait.
func (e *evaluator) anyDoubt(meant func(Span) bool) bool {
	for _, spans := range e.doubted {
		if slices.ContainsFunc(spans, meant) {
			return true
		}
	}
	return false
}

// scan is of the rows of a time, in their order.
func (j *Judge) scan(from, until time.Time) lake.Scan {
	return lake.Scan{Store: j.Lake, From: from, Until: until, Workers: 1}
}

// mostWires bounds the responses in memory: a vantage point decides how large they
// are.
const mostWires = 64 << 20

// answers reads the rows of a day that are to be judged, and checks them some at a
// time, to let their responses go.
func (e *evaluator) answers(ctx context.Context, day time.Time) ([]answer, error) {
	var answers []answer
	var place int64
	checked, wires := 0, 0
	check := func() error {
		err := e.checkAll(ctx, answers[checked:])
		for i := range answers[checked:] {
			answers[checked+i].wire = nil
		}
		checked, wires = len(answers), 0
		return err
	}
	columns := []column.Name{column.Verdict, column.VerdictSerial, column.VantagePoint, column.RSI, column.Address, column.NSID, column.SentAt,
		column.QName, column.QType, column.Response}
	err := e.scan(day, day.AddDate(0, 0, 1)).Answers(ctx, columns, func(b *column.AnswerBatch) error {
		for i := range b.Rows {
			place++
			v, label := b.Verdict.At(i), b.Interval.At(i)
			doubted := v == measurement.Incorrect && slices.ContainsFunc(e.doubted[b.VantagePoint.At(i)], func(s Span) bool { return s.holds(label) })
			if v != measurement.Unchecked && !doubted && (v == "" || !e.isAgain(label)) {
				continue
			}
			answers = append(answers, answerOf(b, i, place-1, label))
			if wires += len(b.Response.Bytes[i]); wires > mostWires {
				if err := check(); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err == nil {
		err = check()
	}
	if err != nil || len(answers) == 0 {
		return nil, err
	}
	at := 0
	return answers, lake.Failures(e.Lake.Path(column.Answers, day), func(row int64, failures []string) {
		for at < len(answers) && answers[at].place < row {
			at++
		}
		if at < len(answers) && answers[at].place == row {
			answers[at].had.failures = failures
		}
	})
}

// answerOf is a row of a batch.
func answerOf(b *column.AnswerBatch, i int, place int64, label time.Time) answer {
	a := answer{place: place, label: label, sent: b.SentAt.At(i), vp: b.VantagePoint.At(i), rsi: b.RSI.At(i), address: b.Address.At(i),
		nsid: b.NSID.At(i), name: b.QName.At(i), kind: b.QType.At(i), wire: slices.Clone(b.Response.Bytes[i]), had: verdict{verdict: b.Verdict.At(i)}}
	if b.VerdictSerial.Has(i) {
		a.had.serial = new(b.VerdictSerial.Int[i])
	}
	a.blank = len(a.wire) == 0
	return a
}

// checkAll judges all answers, on all processors.
func (e *evaluator) checkAll(ctx context.Context, answers []answer) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for part := range slices.Chunk(answers, 1000) {
		group.Go(func() error {
			for i := range part {
				if err := ctx.Err(); err != nil {
					return err
				}
				e.check(&part[i])
			}
			return nil
		})
	}
	return group.Wait()
}
