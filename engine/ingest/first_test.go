package ingest_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/spool"
)

// sumOf is that of an original.
func (c *collector) sumOf(name string) string {
	c.t.Helper()
	sum, err := files.Sum(filepath.Join(c.in.Originals, name[:6], name))
	if err != nil {
		c.t.Fatal(err)
	}
	return sum
}

// answersFile sends some answers of 101 for the first interval of the day, and returns
// the path in the dropbox.
func (c *collector) answersFile(rows []measurement.Answer) string {
	return send(c, c.box("101"), spool.Name(day, "101", column.Answers), rows, metaOf(runOf(rows, "101", day)))
}

func (c *collector) routesFile(rows []measurement.Route) string {
	return send(c, c.box("101"), spool.Name(day, "101", column.Routes), rows, metaOf(runOf(nil, "101", day)))
}

// An interval that the lake has without rows takes none later, neither answers nor
// routes, nor does what they show reach the table zones: what goes to Quarantine has left
// nothing in the lake.
func TestNoRowsComeFirst(t *testing.T) {
	for _, forgotten := range []bool{false, true} { // the originals
		c := newCollector(t)
		c.measure("102", day)
		c.answersFile(nil)
		c.routesFile(nil)
		c.ingest()
		if forgotten {
			if err := os.Remove(filepath.Join(c.in.Originals, "202611", spool.Name(day, "101", column.Answers))); err != nil {
				t.Fatal(err)
			}
		}
		before := c.state()
		c.in.Now = func() time.Time { return now.Add(48 * time.Hour) }
		rows := answersOf("101", day)
		for i := range rows {
			if rows[i].Query == "soa" {
				rows[i].Serial = ptr(int64(2026112201))
			}
		}
		c.answersFile(rows)
		c.routesFile(routesOf("101", day))
		r := c.ingest()
		if len(r.Quarantined) != 2 || r.Files != 0 || r.Added != 0 || len(r.Accused) != 0 || len(r.Zones.New) != 0 {
			t.Errorf("%+v", r)
		}
		after := c.state()
		for _, what := range []string{"answers1122", "routes1122", "runs1122", "zones"} {
			if diff := cmp.Diff(before[what], after[what], cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("originals forgotten %t: %s: %s", forgotten, what, diff)
			}
		}
	}
}

// killedAt sends the files of an interval to an ingest that ends before a step: rows of
// them are in the lake, and no runs row.
func killedAt(t *testing.T, step string, rows []measurement.Answer) *collector {
	t.Helper()
	c := newCollector(t)
	c.answersFile(rows)
	c.routesFile(routesOf("101", day))
	c.in.Step = func(what string) error {
		if strings.HasPrefix(what, step) {
			return errKilled
		}
		return nil
	}
	if _, err := c.in.Run(t.Context()); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	c.in.Step = nil
	if n := len(readDay[measurement.Answer](c, column.Answers, day)); n != len(rows) {
		t.Fatalf("%d rows", n)
	}
	return c
}

// After a kill between answers and runs the same files come in whole.
func TestRowsOfAKilledRunAreCompleted(t *testing.T) {
	all := answersOf("101", day)
	for _, step := range []string{"merge routes", "merge runs", "keep", "sync originals", "unlink"} {
		c := killedAt(t, step, all)
		if r := c.ingest(); len(r.Quarantined) != 0 || r.Files != 2 {
			t.Errorf("killed before %s: %+v", step, r)
		}
		runs := readDay[measurement.Run](c, column.Runs, day)
		if len(runs) != 1 || runs[0].SHA256 != c.sumOf(spool.Name(day, "101", column.Answers)) || len(readDay[measurement.Route](c, column.Routes, day)) != 1 {
			t.Errorf("killed before %s: %+v", step, runs)
		}
	}
}

// Of two files of one interval the rows do not mix, whichever takes the other's place
// after a kill: what is in the lake belongs to one of them.
func TestAnotherFileAfterAKill(t *testing.T) {
	all := answersOf("101", day)
	changed := answersOf("101", day)
	changed[3].LatencyUS = ptr(int64(1))
	for name, other := range map[string][]measurement.Answer{"none": {}, "fewer": all[:11], "others": changed, "some others": changed[3:]} {
		c := killedAt(t, "merge runs", all)
		c.answersFile(other)
		c.routesFile(nil)
		if r := c.ingest(); len(r.Quarantined) != 2 || r.Files != 0 || r.Added != 0 {
			t.Errorf("%s: %+v", name, r)
		}
		if runs := readDay[measurement.Run](c, column.Runs, day); len(runs) != 0 {
			t.Errorf("%s: %+v", name, runs)
		}
		c.answersFile(all)
		c.routesFile(routesOf("101", day))
		if r := c.ingest(); len(r.Quarantined) != 0 || r.Files != 2 {
			t.Errorf("%s: the first file: %+v", name, r)
		}
		rows := readDay[measurement.Answer](c, column.Answers, day)
		runs := readDay[measurement.Run](c, column.Runs, day)
		if len(rows) != 12 || len(runs) != 1 || runs[0].Planned != 12 || *rows[3].LatencyUS == 1 {
			t.Errorf("%s: %d rows, %+v", name, len(rows), runs)
		}
	}
}
