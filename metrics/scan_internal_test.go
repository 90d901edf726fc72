package metrics

import (
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/column/sample"
	"mtric.net/mtric/engine/measurement"
)

// TestSecondReading: a row that was not there at the first reading, over a transport that
// the metrics do not know, is refused with its place as it would have been then.
func TestSecondReading(t *testing.T) {
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	a, err := New(Config{From: start, Until: start.AddDate(0, 0, 1), DataUntil: start.AddDate(0, 0, 1), Limits: RSSAC047(),
		Servers: []Server{{RSI: "a"}}, VantagePoints: []VantagePoint{{ID: "101"}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	truncated := true
	for query, read := range map[string]func(*column.AnswerBatch) error{measurement.QuerySOA: a.rescan, measurement.QueryCorrectness: a.close} {
		err := read(sample.Batch([]measurement.Answer{{Interval: start, VantagePoint: "101", Query: query, RSI: "a",
			Family: measurement.IPv4, Transport: measurement.TLS, TC: &truncated, Outcome: measurement.Answered}}))
		if err == nil || !strings.Contains(err.Error(), "interval 2026-11-01T00:00Z, vantage point 101") || !strings.Contains(err.Error(), "unknown family or transport") {
			t.Errorf("%s: %v", query, err)
		}
	}
}
