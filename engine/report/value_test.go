package report_test

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/metrics"
)

// Printed values are cut off towards failing: one that fails never looks like one
// that passes (4.4, 4.6).
func TestPrintedValues(t *testing.T) {
	percent := func(bound string) metrics.Limit {
		r, _ := new(big.Rat).SetString(bound)
		return metrics.Limit{AtLeast: true, Bound: r}
	}
	most := func(n int64) metrics.Limit { return metrics.Limit{Bound: big.NewRat(n, 1)} }
	for _, c := range []struct {
		unit     string
		fraction metrics.Fraction
		limit    metrics.Limit
		want     string
	}{
		{metrics.Percent, metrics.Fraction{Num: 1_382_399, Den: 1_382_400}, percent("99.999"), "99.99992 %"},
		{metrics.Percent, metrics.Fraction{Num: 1_382_386, Den: 1_382_400}, percent("99.999"), "99.99898 %"},
		{metrics.Percent, metrics.Fraction{Num: 1_382_387, Den: 1_382_400}, percent("99.999"), "99.99905 %"},
		{metrics.Percent, metrics.Fraction{Num: 29, Den: 30}, percent("99.999"), "96.66666 %"},
		{metrics.Percent, metrics.Fraction{Num: 9_999_999, Den: 10_000_000}, percent("100"), "99.99999 %"},
		{metrics.Percent, metrics.Fraction{Num: 99_999_999, Den: 100_000_000}, percent("100"), "99.99999 %"},
		{metrics.Percent, metrics.Fraction{Num: 7, Den: 7}, percent("100"), "100 %"},
		{metrics.Percent, metrics.Fraction{Num: 0, Den: 9}, percent("96"), "0 %"},
		{metrics.Percent, metrics.Fraction{Num: 99_999_998, Den: 100_000_000}, percent("99.9999985"), "99.999998 %"},
		{metrics.Millis, metrics.Fraction{Num: 500_002, Den: 2}, most(250), "250.001 ms"},
		{metrics.Millis, metrics.Fraction{Num: 500_001, Den: 2}, most(250), "250.001 ms"},
		{metrics.Millis, metrics.Fraction{Num: 500_000, Den: 2}, most(250), "250 ms"},
		{metrics.Millis, metrics.Fraction{Num: 400, Den: 1}, most(150), "0.4 ms"},
		{metrics.Minutes, metrics.Fraction{Num: 15, Den: 2}, most(35), "7.5 min"},
		{metrics.Minutes, metrics.Fraction{Num: 0, Den: 1}, most(35), "0 min"},
	} {
		f := c.fraction
		v := report.NewValue(metrics.Value{Metric: measurement.RSSAvailability, Unit: c.unit, Limit: c.limit, Side: metrics.Side{Fraction: &f, Verdict: metrics.Fail}})
		if got := v.Shown(); got != c.want {
			t.Errorf("%s of %s: %s, want %s", c.fraction, c.unit, got, c.want)
		}
	}
	none := report.NewValue(metrics.Value{Metric: measurement.RSIPublication, Unit: metrics.Minutes, Limit: most(65), Side: metrics.Side{Censored: true, Count: 3, Verdict: metrics.Fail}})
	text, err := json.Marshal(none)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"numerator":null`, `"denominator":null`, `"value":null`, `"censored":true`, `"count":3`, `"threshold":65`, `"verdict":"fail"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("a median beyond the data: %s lacks %s", text, want)
		}
	}
	if none.Shown() != "beyond the data" {
		t.Errorf("a median beyond the data is shown as %q", none.Shown())
	}
}

// TestPrintedNumbers: numbers in print have their thousands apart, and a median between
// two values is their mean.
func TestPrintedNumbers(t *testing.T) {
	for _, c := range []struct {
		unit           string
		fraction       metrics.Fraction
		exactly, shown string
	}{
		{metrics.Percent, metrics.Fraction{Num: 1_382_399, Den: 1_382_400}, "1,382,399/1,382,400", "99.99992 %"},
		{metrics.Percent, metrics.Fraction{Num: 10, Den: 20}, "10/20", "50 %"},
		{metrics.Millis, metrics.Fraction{Num: 1_234_567, Den: 1}, "1,234,567 µs", "1,234.567 ms"},
		{metrics.Millis, metrics.Fraction{Num: 500_002, Den: 2}, "250,001 µs", "250.001 ms"},
		{metrics.Millis, metrics.Fraction{Num: 500_001, Den: 2}, "250,000.5 µs", "250.001 ms"},
		{metrics.Minutes, metrics.Fraction{Num: 10, Den: 2}, "5 min", "5 min"},
		{metrics.Minutes, metrics.Fraction{Num: 5, Den: 2}, "2.5 min", "2.5 min"},
		{metrics.Minutes, metrics.Fraction{Num: 0, Den: 2}, "0 min", "0 min"},
		{metrics.Minutes, metrics.Fraction{Num: 33_930, Den: 2}, "16,965 min", "16,965 min"},
	} {
		f := c.fraction
		v := report.NewValue(metrics.Value{Metric: measurement.RSSPublication, Unit: c.unit, Limit: metrics.Limit{AtLeast: c.unit == metrics.Percent, Bound: big.NewRat(1, 1)}, Side: metrics.Side{Fraction: &f, Verdict: metrics.Fail}})
		if v.Exactly() != c.exactly || v.Shown() != c.shown {
			t.Errorf("%s of %s: %q, %q, want %q, %q", c.fraction, c.unit, v.Exactly(), v.Shown(), c.exactly, c.shown)
		}
	}
}

// The digest is what design says it is: an independent writing of it agrees.
func TestDigest(t *testing.T) {
	store, _, p := week(t)
	d := frame(t, p, monday.AddDate(0, 0, 14))
	if _, err := d.Fill(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	if got := digestByHand(t, d); got != d.Digest {
		t.Errorf("by hand %s, in the report %s", got, d.Digest)
	}
}
