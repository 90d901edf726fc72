package objectives

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// needed are the columns of the table answers that objectives read.
var needed = append([]column.Name{column.VantagePoint, column.Query, column.RSI, column.Family, column.Transport,
	column.Address, column.LatencyUS, column.ZoneSerial}, column.GoodColumns...)

// Scan adds what the lake has for the windows, their look-back and look-ahead. Workers is how
// many files are read at a time, 0 one for each CPU.
func (a *Accumulator) Scan(ctx context.Context, store lake.Store, workers int) error {
	scan := lake.Scan{Store: store, From: a.from, Until: a.label(a.end), Workers: 1}
	columns := []column.Name{column.VantagePoint, column.ClockSynchronized, column.ReceivedAt, column.IngestedAt}
	err := scan.Runs(ctx, columns, func(b *column.RunBatch) error {
		for i := range b.Rows {
			var received time.Time
			if b.ReceivedAt.Has(i) {
				received = b.ReceivedAt.At(i)
			}
			a.addRun(b.VantagePoint.At(i), b.Interval.At(i), received, b.ClockSynchronized.No(i), b.IngestedAt.Ptr(i))
		}
		return nil
	})
	if err != nil {
		return err
	}
	scan.Workers = workers
	return scan.Answers(ctx, needed, a.Add)
}

// Add takes a batch of answers; it may be used again afterwards. All runs come before. An
// error says which row contradicts itself: such data is not fit for verdicts.
func (a *Accumulator) Add(batch *column.AnswerBatch) error {
	books := make([]*book, len(batch.Query.Dict))
	for i, label := range batch.Query.Dict {
		books[i] = a.byQ[label]
	}
	addresses := make([]netip.Addr, len(batch.Address.Dict))
	for i, text := range batch.Address.Dict {
		if address, err := netip.ParseAddr(text); err == nil {
			addresses[i] = address.Unmap()
		}
	}
	good := batch.Good()
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range batch.Rows {
		q := batch.Query.Index[i]
		if q < 0 || books[q] == nil {
			continue
		}
		r := row{vp: batch.VantagePoint.At(i), rsi: batch.RSI.At(i),
			path: measurement.Path{Family: batch.Family.At(i), Transport: batch.Transport.At(i)}}
		label := batch.Interval.At(i)
		if label != interval.Of(label) {
			return damaged(batch, i, "the label is not the start of an interval")
		}
		r.at = a.at(label)
		if at := batch.Address.Index[i]; at >= 0 {
			r.address = addresses[at]
		}
		var wrong string
		if r.entry, wrong = books[q].read(batch, good, i); wrong != "" {
			return damaged(batch, i, wrong)
		}
		if batch.Outcome.At(i) == measurement.Answered {
			r.instead = a.weigh(books[q], batch, i, r)
		}
		if err := a.note(books[q], r); err != nil {
			return err
		}
	}
	return nil
}

// weigh says as what an answered row counts instead of what it seems to say of a server,
// missing where it is the server's: nobody looked whether the answer is as expected, since
// the vantage point had another plan; a certificate expired by a clock that was not right; or
// the server had to prove something else than the plan wants now.
func (a *Accumulator) weigh(b *book, batch *column.AnswerBatch, i int, r row) state {
	auth := batch.TLSAuth.At(i)
	switch {
	case b.query.Expect != "" && !batch.Expected.Has(i), auth.ByClock() && a.runs[run{r.vp, r.at}]&untrusted != 0:
		return unsent
	case auth.Good() && auth != b.proof[r.rsi]:
		return offPlan
	}
	return missing
}

// read says what became of the query of a row, and what is wrong with the row.
func (b *book) read(batch *column.AnswerBatch, isGood column.Good, i int) (e entry, wrong string) {
	switch outcome := batch.Outcome.At(i); outcome {
	case measurement.LocalError:
		return entry{state: unsent}, ""
	case measurement.Timeout, measurement.Refused, measurement.Unreachable, measurement.Reset, measurement.Malformed, measurement.TLSFailed:
		return entry{state: bad}, ""
	case measurement.Answered:
	default:
		return e, "unknown outcome"
	}
	switch us := batch.LatencyUS.Int[i]; {
	case !batch.LatencyUS.Has(i) || us < 0:
		return e, "answered without latency"
	case batch.RCode.At(i) == "":
		return e, "answered without rcode"
	case !isGood.At(i) || us > int64(time.Duration(b.query.Timeout)/time.Microsecond):
		e.state = bad
	default:
		e.state = good + state(us)
	}
	if b.zone != "" && batch.ZoneSerial.Has(i) {
		if s := batch.ZoneSerial.Int[i]; s < 0 || s > math.MaxUint32 {
			return e, fmt.Sprintf("zone_serial %d", s)
		}
		e.serial, e.state = uint32(batch.ZoneSerial.Int[i]), e.state|withSerial
	}
	return e, ""
}

// damaged says which row is not fit for verdicts.
func damaged(b *column.AnswerBatch, i int, what string) error {
	return fmt.Errorf("answers, interval %s, vantage point %s, query %s, %s %s/%s: %s", b.Interval.At(i).Format("2006-01-02T15:04Z"),
		b.VantagePoint.At(i), b.Query.Text(i), b.RSI.At(i), b.Family.At(i), b.Transport.At(i), what)
}
