package lake_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// TestAnswersAreTheRows: the view of answers says what their rows say, and of a column
// that was not asked for nothing.
func TestAnswersAreTheRows(t *testing.T) {
	s, at := lake.Store{Dir: t.TempDir()}, time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	rows := []measurement.Answer{
		{VantagePoint: "101", Interval: at, SentAt: ptr(at.Add(time.Second)), Query: "q", RSI: "a", Family: "ipv4", Transport: "udp", Address: "192.0.2.1",
			QName: "n.", QType: "SOA", Outcome: measurement.Answered, LatencyUS: ptr(int64(7)), RCode: ptr("NOERROR"), TC: ptr(true), Serial: ptr(int64(8)),
			NSID: ptr("id"), Strays: 9, Response: []byte{1}, Verdict: ptr(measurement.Correct), VerdictSerial: ptr(int64(10)), Failures: []string{}},
		{VantagePoint: "101", Interval: at, Query: "q", RSI: "b", Outcome: measurement.LocalError, Failures: []string{}},
		{VantagePoint: "101", Interval: at, Query: "q", RSI: "c", Outcome: measurement.Answered, RCode: ptr("SERVFAIL"), TC: ptr(false), Failures: []string{}},
		{VantagePoint: "101", Interval: at, Query: "q", RSI: "d", Outcome: measurement.Timeout, RCode: ptr("NOERROR"), Failures: []string{}},
	}
	dayOf(t, s, rows)
	all := []column.Name{column.VantagePoint, column.SentAt, column.Query, column.RSI, column.Family, column.Transport, column.Address, column.QName,
		column.QType, column.Outcome, column.LatencyUS, column.RCode, column.TC, column.Serial, column.NSID, column.Strays, column.Response,
		column.Verdict, column.VerdictSerial}
	n := 0
	err := lake.Scan{Store: s, Workers: 1}.Answers(t.Context(), all, func(b *column.AnswerBatch) error {
		good := b.Good()
		for i := range b.Rows {
			got := b.Answer(i)
			got.Failures, got.Strays, got.Response = []string{}, int32(b.Strays.Int[i]), b.Response.Bytes[i]
			if b.TC.Yes(i) || b.TC.No(i) {
				got.TC = ptr(b.TC.Yes(i))
			}
			if d := cmp.Diff(rows[n], got); d != "" {
				t.Errorf("row %d (-want +got):\n%s", n, d)
			}
			if good.At(i) != (n == 0) || (b.Verdict.Index[i] == b.Verdict.Place(measurement.Correct)) != (n == 0) || b.Verdict.Place(measurement.Incorrect) >= -1 {
				t.Errorf("row %d: good %v", n, good.At(i))
			}
			n++
		}
		return nil
	})
	if err != nil || n != len(rows) {
		t.Fatal(n, err)
	}
	err = lake.Scan{Store: s}.Answers(t.Context(), []column.Name{column.RSI}, func(b *column.AnswerBatch) error {
		if d := cmp.Diff(measurement.Answer{Interval: at, RSI: "a"}, b.Answer(0)); d != "" || b.TC.Column != nil {
			t.Errorf("RSI alone (-want +got):\n%s", d)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestRunsAreTheRows is the same of runs.
func TestRunsAreTheRows(t *testing.T) {
	s, at := lake.Store{Dir: t.TempDir()}, time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	rows := []measurement.Run{
		{VantagePoint: "101", Interval: at, Planned: 1, PlanSHA256: "p", SHA256: "s", ClockSynchronized: ptr(false), ReceivedAt: at.Add(time.Minute), IngestedAt: ptr(at.Add(time.Hour))},
		{VantagePoint: "102", Interval: at, Planned: 2, ClockSynchronized: ptr(true), ReceivedAt: at},
		{VantagePoint: "103", Interval: at, ReceivedAt: at},
	}
	if _, err := lake.Merge(s, at, []lake.Group[measurement.Run]{lake.GroupOf(rows[:1]), lake.GroupOf(rows[1:2]), lake.GroupOf(rows[2:])}, nil); err != nil {
		t.Fatal(err)
	}
	columns := []column.Name{column.VantagePoint, column.Planned, column.PlanSHA256, column.ClockSynchronized, column.ReceivedAt, column.SHA256, column.IngestedAt}
	n := 0
	err := lake.Scan{Store: s, Workers: 1}.Runs(t.Context(), columns, func(b *column.RunBatch) error {
		for i := range b.Rows {
			got := measurement.Run{VantagePoint: b.VantagePoint.At(i), Interval: b.Interval.At(i), Planned: int32(b.Planned.Int[i]), PlanSHA256: b.PlanSHA256.At(i),
				SHA256: b.SHA256.At(i), ReceivedAt: b.ReceivedAt.At(i), IngestedAt: b.IngestedAt.Ptr(i)}
			if b.ClockSynchronized.Yes(i) || b.ClockSynchronized.No(i) {
				got.ClockSynchronized = ptr(b.ClockSynchronized.Yes(i))
			}
			if d := cmp.Diff(rows[n], got); d != "" {
				t.Errorf("run %d (-want +got):\n%s", n, d)
			}
			n++
		}
		return nil
	})
	if err != nil || n != len(rows) {
		t.Fatal(n, err)
	}
}

// TestGoodIsOne: the view of answers and the row say the same of each answer that there
// can be.
func TestGoodIsOne(t *testing.T) {
	s, at := lake.Store{Dir: t.TempDir()}, time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	var rows []measurement.Answer
	for _, outcome := range measurement.Outcomes {
		for _, rcode := range []*string{nil, ptr(measurement.NoError), ptr(measurement.NXDomain)} {
			for _, expected := range []*bool{nil, ptr(true), ptr(false)} {
				auths := []*measurement.TLSAuth{nil}
				for _, word := range measurement.TLSAuths {
					auths = append(auths, &word)
				}
				for _, auth := range auths {
					rows = append(rows, measurement.Answer{VantagePoint: "101", Interval: at, Query: fmt.Sprintf("q%04d", len(rows)), Outcome: outcome,
						RCode: rcode, Expected: expected, TLSAuth: auth, Failures: []string{}})
				}
			}
		}
	}
	dayOf(t, s, rows)
	n, goods := 0, 0
	err := lake.Scan{Store: s, Workers: 1}.Answers(t.Context(), column.GoodColumns, func(b *column.AnswerBatch) error {
		good := b.Good()
		for i := range b.Rows {
			a := rows[n]
			if good.At(i) != a.Good() {
				t.Errorf("%s, rcode %v, expected %v, %v: %t by the view", a.Outcome, a.RCode, a.Expected, a.TLSAuth, good.At(i))
			}
			if a.Good() {
				goods++
			}
			n++
		}
		return nil
	})
	if want := 4 * (1 + 3); err != nil || n != len(rows) || goods != want { // of two rcodes and none as expected, and NOERROR; not asked over TLS, or with three words
		t.Errorf("%d of %d rows, %d good, want %d: %v", n, len(rows), goods, want, err)
	}
}
