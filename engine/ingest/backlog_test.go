package ingest_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
)

// stale has c serve a zone that was replaced two days before, on a day after which no
// fetch succeeds.
func stale(t *testing.T) *court {
	c := newCourt(t, 2)
	c.keep(c.zones[0], day.Add(-90*time.Hour))
	c.keep(c.zones[1], day.Add(-50*time.Hour))
	c.watched(c.zones[1], day.Add(-49*time.Hour), day)
	c.all(c.zones[1])
	c.serve["c"] = c.zones[0]
	c.ask("101", day)
	return c
}

// later is an ingest so many days after the day.
func (c *court) later(days int) {
	c.t.Helper()
	c.in.Now = func() time.Time { return day.AddDate(0, 0, days) }
	c.ingest()
}

// However long no fetch succeeds, a row that waits gets its verdict; the file of
// the days that wait only saves looking.
func TestWaitingIsNeverForgotten(t *testing.T) {
	for name, lose := range map[string]func(c *court) error{
		"kept":    func(*court) error { return nil },
		"lost":    func(c *court) error { return os.Remove(c.in.Backlog) },
		"damaged": func(c *court) error { return os.WriteFile(c.in.Backlog, []byte("{"), 0o644) },
		"another version's": func(c *court) error {
			return os.WriteFile(c.in.Backlog, []byte(`{"version": "0.9", "days": {}}`), 0o644)
		},
		"nowhere": func(c *court) error { c.in.Backlog = ""; return nil },
	} {
		t.Run(name, func(t *testing.T) {
			c := stale(t)
			for days := 1; days < 40; days += 12 {
				c.later(days)
				c.expect(day, "correct correct unchecked")
				if r := c.ingest(); r.Judged.Unchecked != 2 {
					t.Errorf("%d days later %d wait", days, r.Judged.Unchecked)
				}
			}
			if err := lose(c); err != nil {
				t.Fatal(err)
			}
			c.fetched(c.zones[1].Serial, day.AddDate(0, 0, 40), false)
			c.later(41)
			c.expect(day, "correct correct incorrect")
			if r := c.ingest(); r.Judged.Unchecked != 0 {
				t.Errorf("%d still wait", r.Judged.Unchecked)
			}
		})
	}
}

// Nor are they by a run that was killed after their files had left the dropbox.
func TestWaitingOutlivesAKill(t *testing.T) {
	c := stale(t)
	c.later(1)
	c.ask("101", day.AddDate(0, 0, 1))
	c.ask("101", day.AddDate(0, 0, 2))
	merges := 0
	c.in.Step = func(what string) error {
		if what == "merge answers" {
			if merges++; merges == 2 {
				return errKilled
			}
		}
		return nil
	}
	c.in.Now = func() time.Time { return day.AddDate(0, 0, 3) }
	if _, err := c.in.Run(t.Context()); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	c.in.Step = nil
	c.watched(c.zones[1], day, day.AddDate(0, 0, 3))
	c.later(41)
	for days := range 3 {
		c.expect(day.AddDate(0, 0, days), "correct correct incorrect")
	}
}

// A day in which nothing waits costs nothing: once it is past it is not even read.
func TestJudgedDaysAreLeftAlone(t *testing.T) {
	c := newCourt(t, 1)
	c.all(c.zones[0])
	c.keep(c.zones[0], day.Add(-time.Hour))
	c.ask("101", day)
	c.later(1)
	c.expect(day, "correct correct correct")
	path := c.in.Lake.Path(column.Answers, day)
	if err := os.WriteFile(path, []byte("no Parquet"), 0o644); err != nil {
		t.Fatal(err)
	}
	c.ask("101", day.AddDate(0, 0, 2)) // yesterday is looked at, by its footer
	c.later(3)
	c.expect(day.AddDate(0, 0, 2), "correct correct correct")
	if err := os.Remove(c.in.Backlog); err != nil {
		t.Fatal(err)
	}
	if _, err := c.in.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "judge 2026-11-22") {
		t.Errorf("with the list lost every day is read: %v", err)
	}
}

// Without any zone nothing can be judged, but what waits is counted.
func TestWaitingWithoutZones(t *testing.T) {
	c := newCourt(t, 1)
	c.all(c.zones[0])
	c.ask("101", day)
	for range 2 {
		if r := c.ingest(); r.Judged.Unchecked != 6 {
			t.Errorf("%+v", r.Judged)
		}
	}
	c.keep(c.zones[0], day.AddDate(0, 0, 20))
	c.later(21)
	c.expect(day, "correct correct correct")
}
