package report

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics/correctness"
)

// atOnce counts by RSI, and under the empty name for all RSIs, the answers that are incorrect
// whatever the zone: they never waited for a verdict. It looks only at RSIs of which more
// answers waited then.
func (d *Document) atOnce(ctx context.Context, store lake.Store, then *Document) (map[measurement.RSI]int64, error) {
	wanted := map[measurement.RSI]bool{}
	for i := range min(len(d.Values), len(then.Values)) {
		if v := &d.Values[i]; v.Metric == measurement.RSICorrectness && v.Count > 0 && v.Held < then.Values[i].Held {
			wanted[v.RSI] = true
		}
	}
	counts := map[measurement.RSI]int64{}
	if len(wanted) == 0 {
		return counts, nil
	}
	days, err := store.Days(column.Answers, d.From, d.end())
	if err != nil {
		return nil, err
	}
	count := func(rsi measurement.RSI) {
		counts[rsi]++
		counts[""]++
	}
	note := func(a *measurement.Answer, failures []string) {
		if slices.ContainsFunc(failures, func(f string) bool { tag, _, _ := strings.Cut(f, ": "); return correctness.AtOnce(tag) }) {
			count(a.RSI)
		}
	}
	// The response is judged again by the same code; of a row without one its failures decide.
	weighed := func(a *measurement.Answer, b *column.Batch, i int) bool {
		response, sent := b.Column("response").Bytes[i], b.Column("sent_at")
		if len(response) == 0 {
			return false
		}
		q := correctness.Question{Name: a.QName, Type: a.QType, At: time.UnixMicro(sent.Int[i])}
		if len(correctness.Judge{}.Weigh(q, response).Broken) > 0 {
			count(measurement.RSI(strings.Clone(string(a.RSI)))) // it is the batch's
		}
		return true
	}
	for _, f := range days {
		if err := d.incorrectIn(ctx, store, f, wanted, note, weighed, "response", "sent_at"); err != nil {
			return nil, fmt.Errorf("incorrect answers of %s: %w", f.Day.Format(time.DateOnly), err)
		}
	}
	return counts, nil
}
