// Package interval does the calendar of measurements: five-minute intervals,
// days, weeks and months, all in UTC [wyn][nms][jps].
//
// An interval is written as its label, the time.Time of its start; a
// measurement belongs to the interval, day and month of its label however late
// within the interval it was made (reading A9).
package interval

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Length is the length of an interval [wyn].
const Length = 5 * time.Minute

// layout is the form of a label in file names: YYYYMMDDhhmm.
const layout = "200601021504"

// Of returns the label of the interval that t lies in: floor(t / 5 min), UTC.
func Of(t time.Time) time.Time { return t.UTC().Truncate(Length) }

// Format writes a label as file names do, "202611222240".
func Format(label time.Time) string { return label.UTC().Format(layout) }

// Parse reads what Format writes and refuses what is not the start of an interval.
func Parse(s string) (time.Time, error) {
	t, err := time.ParseInLocation(layout, s, time.UTC)
	if err != nil || len(s) != len(layout) {
		return time.Time{}, fmt.Errorf("interval %q: want YYYYMMDDhhmm", s)
	}
	if t != Of(t) {
		return time.Time{}, fmt.Errorf("interval %q: minutes are not a multiple of five", s)
	}
	return t, nil
}

// Partition returns the lake's partition of a label, "202611".
func Partition(label time.Time) string { return label.UTC().Format("200601") }

// Day returns 00:00 UTC of the label's day.
func Day(label time.Time) time.Time {
	y, m, d := label.UTC().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// Month returns 00:00 UTC of the first of the label's month [ver].
func Month(label time.Time) time.Time {
	y, m, _ := label.UTC().Date()
	return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
}

// NextMonth returns the start of the month after the label's.
func NextMonth(label time.Time) time.Time { return Month(label).AddDate(0, 1, 0) }

// Week returns the Monday 00:00 UTC at or before the label.
func Week(label time.Time) time.Time {
	d := Day(label)
	return d.AddDate(0, 0, -(int(d.Weekday())+6)%7)
}

// Jitter draws the wait before an interval's queries, uniform over [0, most)
// in whole milliseconds [fzk]; most below 1 ms draws 0.
func Jitter(r *rand.Rand, most time.Duration) time.Duration {
	ms := int64(most / time.Millisecond)
	if ms <= 0 {
		return 0
	}
	return time.Duration(r.Int64N(ms)) * time.Millisecond
}
