package ingest_test

import (
	"testing"
	"time"

	"mtric.net/mtric/engine/judge"
	"mtric.net/mtric/engine/measurement"
)

// A second --rejudge of the same days changes nothing, and says so.
func TestRejudgeOfTheSameChangesNothing(t *testing.T) {
	c := newZoneCollector(t, 2)
	c.keep(c.zones[0], day.Add(-90*time.Hour))
	c.keep(c.zones[1], day.Add(-50*time.Hour))
	c.watched(c.zones[1], day.Add(-49*time.Hour), day.Add(20*time.Hour))
	c.all(c.zones[1])
	c.serve["c"] = c.zones[0]
	c.twist, c.twisted = unsigned, []measurement.RSI{"b"}
	for slot := range 200 { // more rows than are read at once
		if slot%50 == 49 {
			c.twisted = []measurement.RSI{"a", "b", "c"}
		}
		c.ask("101", day.Add(time.Duration(slot)*5*time.Minute))
		c.twisted = []measurement.RSI{"b"}
	}
	c.ingest()
	c.ingest()
	c.in.Rejudge = []judge.Span{{From: day, Until: day.AddDate(0, 0, 1)}}
	for range 2 {
		if r := c.ingest(); r.Judged.Changed != 0 || r.Judged.Correct+r.Judged.Incorrect+r.Judged.Unchecked != 1200 {
			t.Errorf("%+v", r.Judged)
		}
	}
}

// An answer that proves a zone has the others judged once more: each is counted once, and
// accused only of what it ends with.
func TestEachRowIsCountedOnce(t *testing.T) {
	c := newZoneCollector(t, 3)
	c.keep(c.zones[0], day.Add(-90*time.Hour))
	c.watched(c.zones[0], day.Add(-89*time.Hour), day.Add(20*time.Hour))
	c.all(c.zones[0])
	c.serve["c"] = c.zones[1] // which the archive lacks
	c.twist, c.twisted = unsigned, []measurement.RSI{"b"}
	c.ask("101", day)
	c.ingest()
	want := judge.Judged{Correct: 2, Incorrect: 2, Unchecked: 2}
	c.expect(day, "correct incorrect unchecked")
	c.in.Rejudge = []judge.Span{{From: day, Until: day.AddDate(0, 0, 1)}}
	for range 2 {
		if r := c.ingest(); r.Judged != want || len(r.Accused) != 0 {
			t.Errorf("%+v, want %+v; accused %v", r.Judged, want, r.Accused)
		}
	}
	c.mistake(day) // all were accused
	want.Changed = 6
	if r := c.ingest(); r.Judged != want || len(r.Accused) != 0 {
		t.Errorf("%+v, want %+v; accused %v", r.Judged, want, r.Accused)
	}
}
