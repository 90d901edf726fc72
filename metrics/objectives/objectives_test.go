package objectives_test

import (
	"flag"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics/objectives"
)

var worlds = flag.Int("worlds", 120, "how many drawn worlds the package and the nested loops are compared on")

func drawn() uint64 {
	if testing.Short() {
		return uint64(*worlds / 10)
	}
	return uint64(*worlds)
}

// packaged is what the package says of a world.
func packaged(w world) *objectives.Result {
	a, err := objectives.New(w.cfg)
	if err != nil {
		panic(err)
	}
	a.AddRuns(w.runs)
	if err := a.Add(batch(w.rows)); err != nil {
		panic(err)
	}
	return a.Compute()
}

// compared is what both opinions give.
func compared(r *objectives.Result) []objectives.Outcome {
	for i := range r.Outcomes {
		for j := range r.Outcomes[i].Values {
			r.Outcomes[i].Values[j].Decides = nil
		}
	}
	return r.Outcomes
}

var same = cmp.Options{cmpopts.EquateEmpty(), cmp.Comparer(func(a, b plan.Percent) bool { return a == b })}

// The package and the nested loops agree on every field of drawn worlds.
func TestLiteral(t *testing.T) {
	for seed := range drawn() {
		w := drawWorld(rand.New(rand.NewPCG(seed, 1)))
		want, got := compared(judgeLiterally(w, "")), compared(packaged(w))
		if reflect.DeepEqual(want, got) {
			continue
		}
		if d := cmp.Diff(want, got, same); d != "" {
			t.Fatalf("world %d: the loops (-), the package (+):\n%s", seed, d)
		}
	}
}

// batch makes columns of rows.
func batch(rows []measurement.Answer) *column.AnswerBatch {
	b := &column.AnswerBatch{Batch: &column.Batch{Rows: len(rows)}}
	texts := func(of func(measurement.Answer) *string) *column.Column {
		c, places := &column.Column{}, map[string]int32{}
		for _, r := range rows {
			s := of(r)
			if s == nil {
				c.Index = append(c.Index, -1)
				continue
			}
			if _, known := places[*s]; !known {
				places[*s] = int32(len(c.Dict))
				c.Dict = append(c.Dict, *s)
			}
			c.Index = append(c.Index, places[*s])
		}
		return c
	}
	ints := func(of func(measurement.Answer) *int64) *column.Column {
		c := &column.Column{}
		for _, r := range rows {
			n := of(r)
			c.Null = append(c.Null, n == nil)
			if n == nil {
				n = new(int64)
			}
			c.Int = append(c.Int, *n)
		}
		return c
	}
	text := func(of func(measurement.Answer) string) *column.Column {
		return texts(func(a measurement.Answer) *string { s := of(a); return &s })
	}
	b.Interval.Column = ints(func(a measurement.Answer) *int64 { us := a.Interval.UnixMicro(); return &us })
	b.LatencyUS.Column = ints(func(a measurement.Answer) *int64 { return a.LatencyUS })
	b.ZoneSerial.Column = ints(func(a measurement.Answer) *int64 { return a.ZoneSerial })
	b.Address.Column = text(func(a measurement.Answer) string { return a.Address })
	b.VantagePoint.Column = text(func(a measurement.Answer) string { return string(a.VantagePoint) })
	b.Query.Column = text(func(a measurement.Answer) string { return a.Query })
	b.RSI.Column = text(func(a measurement.Answer) string { return string(a.RSI) })
	b.Family.Column = text(func(a measurement.Answer) string { return string(a.Family) })
	b.Transport.Column = text(func(a measurement.Answer) string { return string(a.Transport) })
	b.Outcome.Column = text(func(a measurement.Answer) string { return string(a.Outcome) })
	b.RCode.Column = texts(func(a measurement.Answer) *string { return a.RCode })
	return b
}
