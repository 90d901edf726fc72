package correctness_test

import (
	"slices"
	"testing"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics/correctness"
)

// The window to the microsecond [yhu], with a newer zone in between so that the
// rule of the newest one (A15) does not save the older.
func TestCandidates(t *testing.T) {
	const µs = time.Microsecond
	label := asked.Truncate(5 * time.Minute)
	sent, end := label.Add(7*time.Second), label.Add(5*time.Minute)
	zone := func(serial uint32, at time.Time) correctness.Use { return correctness.Use{Serial: serial, At: at} }
	middle := zone(2, sent.Add(-time.Hour))
	for name, c := range map[string]struct {
		uses               []correctness.Use
		candidates, others []uint32
	}{
		"48 hours less a moment":         {[]correctness.Use{zone(1, sent.Add(-48*time.Hour+µs)), middle}, []uint32{2, 1}, nil},
		"48 hours":                       {[]correctness.Use{zone(1, sent.Add(-48*time.Hour)), middle}, []uint32{2, 1}, nil},
		"48 hours and a moment":          {[]correctness.Use{zone(1, sent.Add(-48*time.Hour-µs)), middle}, []uint32{2}, []uint32{1}},
		"96 hours":                       {[]correctness.Use{zone(1, sent.Add(-96*time.Hour)), middle}, []uint32{2}, nil},
		"the only one, however old":      {[]correctness.Use{zone(1, sent.AddDate(0, 0, -9))}, []uint32{1}, nil},
		"the newest before, however old": {[]correctness.Use{zone(1, sent.AddDate(0, 0, -9)), zone(2, sent.AddDate(0, 0, -8))}, []uint32{2}, nil},
		"newest is by serial, not time":  {[]correctness.Use{zone(3, sent.AddDate(0, 0, -9)), zone(2, sent.AddDate(0, 0, -8))}, []uint32{3}, nil},
		"between query and end":          {[]correctness.Use{middle, zone(3, sent.Add(µs))}, []uint32{3, 2}, nil},
		"at the end of the interval":     {[]correctness.Use{middle, zone(3, end)}, []uint32{3, 2}, nil},
		"after the end":                  {[]correctness.Use{middle, zone(3, end.Add(µs))}, []uint32{2}, []uint32{3}},
		"48 hours after the end":         {[]correctness.Use{middle, zone(3, end.Add(48*time.Hour))}, []uint32{2}, nil},
		"before any":                     {[]correctness.Use{zone(3, end.Add(time.Hour))}, nil, []uint32{3}},
		"none":                           {nil, nil, nil},
	} {
		in, out := correctness.Candidates(c.uses, sent, label)
		if !slices.Equal(in, c.candidates) || !slices.Equal(out, c.others) {
			t.Errorf("%s: candidates %v, others %v; want %v, %v", name, in, out, c.candidates, c.others)
		}
	}
}

// A zone is in use from the earlier of sighting and archiving; what is not archived
// judges nothing.
func TestUses(t *testing.T) {
	at := func(h int) *time.Time { return new(asked.Add(time.Duration(h) * time.Hour)) }
	uses := correctness.Uses([]measurement.Zone{
		{Serial: 1, State: measurement.ZoneArchived, FirstSeen: at(2), ArchivedAt: at(3)},
		{Serial: 2, State: measurement.ZoneArchived, FirstSeen: at(2), ArchivedAt: at(1)},
		{Serial: 3, State: measurement.ZoneArchived, ArchivedAt: at(0)},
		{Serial: 4, State: measurement.ZoneSeen, FirstSeen: at(0)},
		{Serial: 5, State: measurement.ZoneBogus, FirstSeen: at(0)},
	})
	want := []correctness.Use{{Serial: 3, At: *at(0)}, {Serial: 2, At: *at(1)}, {Serial: 1, At: *at(2)}}
	if !slices.Equal(uses, want) {
		t.Errorf("%v, want %v", uses, want)
	}
}
