package interval_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mtric.net/mtric/engine/interval"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

// Fault F11: the label is floor(start / 5 min) in UTC, however late cron or the
// jitter made the start and whatever the local time is.
func TestOf(t *testing.T) {
	for _, c := range []struct{ start, label string }{
		{"2026-11-22T22:40:00Z", "202611222240"},
		{"2026-11-22T22:41:03.5Z", "202611222240"},
		{"2026-11-22T22:44:59.999999999Z", "202611222240"},
		{"2026-11-22T22:45:00Z", "202611222245"},
		{"2026-11-23T00:30:00+05:45", "202611221845"},
		{"2026-12-31T23:59:59Z", "202612312355"},
		{"2024-02-29T12:03:00Z", "202402291200"},
	} {
		label := interval.Of(at(c.start))
		if got := interval.Format(label); got != c.label {
			t.Errorf("%s: label %s, want %s", c.start, got, c.label)
		}
		if label.Location() != time.UTC {
			t.Errorf("%s: label in %s", c.start, label.Location())
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, s := range []string{"", "2026", "202611222241", "202613012240", "202611222440", "2026112222400", "20261122 240", "202611222240 "} {
		if got, err := interval.Parse(s); err == nil {
			t.Errorf("%q: read as %s", s, got)
		}
	}
}

func TestLabelsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "seconds"), rapid.Int64Range(0, 999999999).Draw(t, "ns"))
		label := interval.Of(start)
		back, err := interval.Parse(interval.Format(label))
		if err != nil || !back.Equal(label) {
			t.Fatalf("%s: read back as %s, %v", label, back, err)
		}
		if age := start.Sub(label); age < 0 || age >= interval.Length {
			t.Fatalf("%s lies %s after its label", start, age)
		}
		if interval.Of(label) != label {
			t.Fatalf("the label of a label differs: %s", label)
		}
	})
}

func TestCalendar(t *testing.T) {
	for _, c := range []struct{ label, partition, day, month, next, week string }{
		{"2026-11-22T22:40:00Z", "202611", "2026-11-22", "2026-11-01", "2026-12-01", "2026-11-16"}, // a Sunday
		{"2026-11-23T00:00:00Z", "202611", "2026-11-23", "2026-11-01", "2026-12-01", "2026-11-23"}, // a Monday
		{"2026-12-31T23:55:00Z", "202612", "2026-12-31", "2026-12-01", "2027-01-01", "2026-12-28"},
		{"2027-01-01T00:00:00+14:00", "202612", "2026-12-31", "2026-12-01", "2027-01-01", "2026-12-28"},
		{"2024-03-01T00:00:00Z", "202403", "2024-03-01", "2024-03-01", "2024-04-01", "2024-02-26"},
	} {
		label := at(c.label)
		for _, got := range []struct{ what, got, want string }{
			{"partition", interval.Partition(label), c.partition},
			{"day", interval.Day(label).Format(time.DateOnly), c.day},
			{"month", interval.Month(label).Format(time.DateOnly), c.month},
			{"next month", interval.NextMonth(label).Format(time.DateOnly), c.next},
			{"week", interval.Week(label).Format(time.DateOnly), c.week},
		} {
			if got.got != got.want {
				t.Errorf("%s: %s %s, want %s", c.label, got.what, got.got, got.want)
			}
		}
	}
}

// [fzk]: uniform over 0 to 60 s. Of 6,000 draws each sixth has about 1,000.
func TestJitter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var sixths [6]int
	for range 6000 {
		j := interval.Jitter(r, time.Minute)
		if j < 0 || j >= time.Minute || j%time.Millisecond != 0 {
			t.Fatalf("jitter %s", j)
		}
		sixths[j/(10*time.Second)]++
	}
	for i, n := range sixths {
		if n < 850 || n > 1150 {
			t.Errorf("%d draws in the %d. sixth of 6000", n, i+1)
		}
	}
	if j := interval.Jitter(r, 0); j != 0 {
		t.Errorf("jitter %s without a bound", j)
	}
}
