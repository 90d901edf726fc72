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
	err = e.scan(column.Answers, day, day.AddDate(0, 0, 1), "verdict").Run(ctx, func(batch *column.Batch) error {
		verdicts, labels := batch.Column("verdict"), batch.Column("interval")
		unchecked, incorrect := verdicts.Place(string(measurement.Unchecked)), verdicts.Place(string(measurement.Incorrect))
		for i, v := range verdicts.Index {
			switch {
			case v < 0:
			case v == unchecked:
				waits++
			case !again:
				label := time.UnixMicro(labels.Int[i]).UTC()
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

// scan is of columns of a table, in order of its rows.
func (j *Judge) scan(table column.Table, from, until time.Time, columns ...string) lake.Scan {
	return lake.Scan{Store: j.Lake, Table: table, From: from, Until: until, Columns: columns, Workers: 1}
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
	columns := []string{"verdict", "verdict_serial", "vantage_point", "rsi", "address", "nsid", "sent_at", "qname", "qtype", "response"}
	err := e.scan(column.Answers, day, day.AddDate(0, 0, 1), columns...).Run(ctx, func(batch *column.Batch) error {
		verdicts, labels, responses := batch.Column("verdict"), batch.Column("interval"), batch.Column("response")
		vps := batch.Column("vantage_point")
		for i := range batch.Rows {
			place++
			v, label := measurement.Verdict(verdicts.Text(i)), time.UnixMicro(labels.Int[i]).UTC()
			doubted := v == measurement.Incorrect && slices.ContainsFunc(e.doubted[measurement.VantagePoint(vps.Text(i))], func(s Span) bool { return s.holds(label) })
			if v != measurement.Unchecked && !doubted && (v == "" || !e.isAgain(label)) {
				continue
			}
			answers = append(answers, answerOf(batch, i, place-1, label))
			if wires += len(responses.Bytes[i]); wires > mostWires {
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
func answerOf(batch *column.Batch, i int, place int64, label time.Time) answer {
	serials, sent := batch.Column("verdict_serial"), batch.Column("sent_at")
	a := answer{place: place, label: label, sent: time.UnixMicro(sent.Int[i]).UTC(),
		vp: measurement.VantagePoint(batch.Column("vantage_point").Text(i)), rsi: measurement.RSI(batch.Column("rsi").Text(i)),
		address: batch.Column("address").Text(i), nsid: batch.Column("nsid").Text(i),
		name: batch.Column("qname").Text(i), kind: batch.Column("qtype").Text(i),
		wire: slices.Clone(batch.Column("response").Bytes[i]), had: verdict{verdict: measurement.Verdict(batch.Column("verdict").Text(i))}}
	if serials.Null == nil || !serials.Null[i] {
		serial := serials.Int[i]
		a.had.serial = &serial
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
