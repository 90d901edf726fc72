package metrics_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// TestCourse: a course of one field says what the value says; one of hours is that of the
// rows of each hour; the days of the system add up to its availability.
func TestCourse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg, rows, _ := world(t)
		r := computed(t, cfg, rows)
		r.Latencies(6)
		whole, days := r.Latencies(24), r.Days()
		if r.Forget(); len(r.Latencies(24)) != len(whole) || r.Latencies(6) != nil {
			t.Error("what was not asked for is told after the measurements are forgotten")
		}
		for _, v := range r.Values {
			path := measurement.Path{Family: v.Family, Transport: v.Transport}
			of := func(list []metrics.Course) metrics.Course {
				return list[slices.IndexFunc(list, func(c metrics.Course) bool { return c.RSI == v.RSI && c.Path == path })]
			}
			switch v.Metric {
			case measurement.RSILatency:
				holds(t, v, of(whole))
			case measurement.RSSLatency:
				holds(t, v, of(days))
			case measurement.RSSAvailability:
				if c := of(days); v.Fraction != nil && (c.Good[0] != v.Fraction.Num || c.Good[0]+c.Bad[0] != v.Fraction.Den) {
					t.Errorf("%s %v: %d good, %d bad; value %v", v.Metric, path, c.Good[0], c.Bad[0], v.Fraction)
				}
			case measurement.RSIAvailability, measurement.RSICorrectness, measurement.RSIPublication, measurement.RSSCorrectness, measurement.RSSPublication:
			}
		}
		cfg.Exclusions = nil
		byHour(t, cfg, rows)
	})
}

func holds(t *rapid.T, v metrics.Value, c metrics.Course) {
	want := int64(-1)
	if v.Fraction != nil {
		want = v.Fraction.Num / v.Fraction.Den
	}
	if len(c.Median) != 1 || c.Median[0] != want || (want < 0) != (c.P95[0] < 0) {
		t.Errorf("%s %s %v: course %v, value %v", v.Metric, v.RSI, c.Path, c.Median, v.Fraction)
	}
}

// byHour compares with the rows, sorted.
func byHour(t *rapid.T, cfg metrics.Config, rows []measurement.Answer) {
	for _, c := range computed(t, cfg, rows).Latencies(1) {
		if len(c.Median) != 24 {
			t.Fatalf("%d hours", len(c.Median))
		}
		for hour, median := range c.Median {
			var us []int64
			for _, a := range rows {
				if a.Query == measurement.QuerySOA && a.RSI == c.RSI && a.Family == c.Path.Family && a.Transport == c.Path.Transport && a.Outcome == measurement.Answered &&
					*a.RCode == measurement.NoError && *a.LatencyUS <= metrics.Deadline.Microseconds() && !a.Interval.Before(label(12*hour)) && a.Interval.Before(label(12*hour+12)) {
					us = append(us, *a.LatencyUS)
				}
			}
			want, p95 := int64(-1), int64(-1)
			if slices.Sort(us); len(us) > 0 {
				want, p95 = (us[(len(us)-1)/2]+us[len(us)/2])/2, us[(95*len(us)+99)/100-1]
			}
			if median != want || c.P95[hour] != p95 {
				t.Errorf("%s %v, hour %d: %d and %d, want %d and %d", c.RSI, c.Path, hour, median, c.P95[hour], want, p95)
			}
		}
	}
}
