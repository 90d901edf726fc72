package metrics_test

import (
	"strings"
	"testing"

	"mtric.net/mtric/engine/column/sample"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// TestCrowded: of vantage points that only the data name no more are held in memory than a
// plan may name, whether answers bring them or runs; where a plan names some, others are
// strangers, however many.
func TestCrowded(t *testing.T) {
	rows := make([]measurement.Answer, 1001)
	for i := range rows {
		rows[i] = measurement.Answer{Interval: start, VantagePoint: measurement.AtlasProbe(uint32(i + 1)), Query: measurement.QuerySOA, RSI: "a",
			Family: measurement.IPv4, Transport: measurement.UDP, Address: address("a", measurement.IPv4).String(), Outcome: measurement.Timeout}
	}
	stranger := rows[0]
	stranger.VantagePoint = "one\nmore"
	for _, c := range []struct {
		name string
		vps  int // in the plan
		rows []measurement.Answer
		want string // empty: there is no mistake
	}{
		{"as many as may be", 0, rows[:1000], ""},
		{"one more", 0, rows, "more than 1000 vantage points, such as atlas-1001, a probe of RIPE Atlas: no report is made of those"},
		{"one more of any name", 0, append(rows[:1000:1000], stranger), `such as "one\nmore", and the plan names none: name those that count in vantage_point blocks`},
		{"those of a plan", 1, rows, ""},
		{"those of a plan of as many", 1000, rows, ""},
	} {
		a, err := metrics.New(config(1, c.vps, 1), nil)
		if err != nil {
			t.Fatal(err)
		}
		for from := 0; from < len(c.rows) && err == nil; from += 100 {
			err = a.Add(sample.Batch(c.rows[from:min(from+100, len(c.rows))]))
		}
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}

	a, err := metrics.New(config(1, 0, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	wrong := false
	for i := range rows {
		a.AddRuns([]measurement.Run{{Interval: start, VantagePoint: measurement.AtlasProbe(uint32(i + 1)), ClockSynchronized: &wrong}})
	}
	if err := a.Add(sample.Batch(rows[:1])); err == nil || !strings.Contains(err.Error(), "such as atlas-1001,") {
		t.Errorf("runs: %v", err)
	}
}
