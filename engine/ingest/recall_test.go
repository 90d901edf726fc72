package ingest_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// unreadable ends whoever reads the answers of a day.
func (c *collector) unreadable(at time.Time) {
	c.t.Helper()
	if err := os.WriteFile(c.in.Lake.Path(column.Answers, at), []byte("PAR1 and rubbish PAR1"), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// What one vantage point shows at labels of long ago has no day of the lake read since:
// neither serials that nobody knows, once or again, nor zones of the archive before they
// were first used.
func TestOldLabelsHaveNoDaysRead(t *testing.T) {
	c := newCourt(t, 1)
	c.threeInPlan()
	c.keep(c.zones[0], signed(0).Add(time.Hour))
	c.watched(c.zones[0], signed(0).Add(time.Hour), day)
	c.all(c.zones[0])
	between := signed(0).AddDate(0, 0, 6)
	c.in.Now = func() time.Time { return signed(0).AddDate(0, 0, 10) }
	c.ask("102", between)
	c.ingest()
	c.ingest()
	c.unreadable(between)
	for n := range 3 {
		at := signed(0).Add(time.Duration(5*n) * time.Minute)
		c.show("103", at.Add(-2*time.Hour), map[measurement.RSI]int64{"a": 2026122200 + int64(n), "b": 2026122299})
		c.show("103", at, map[measurement.RSI]int64{"a": int64(c.zones[0].Serial)})
		if r := c.ingest(); r.Files != 2 || len(r.Quarantined) != 0 {
			t.Errorf("%+v", r)
		}
	}
	if z := c.collector.zones()[int64(c.zones[0].Serial)]; z.FirstSeen == nil || !z.FirstSeen.Equal(seen(signed(0))) {
		t.Errorf("%+v", z)
	}
}

// Who showed a serial is known later, in whatever order the files come, in one run or in
// several, whether what is remembered of it is lost or a run in between was killed.
func TestWitnessesAreRemembered(t *testing.T) {
	const serial = 2026112200
	type file struct {
		vp  measurement.VantagePoint
		at  time.Time
		rsi measurement.RSI
	}
	files := []file{{"101", day.Add(-30 * time.Hour), "a"}, {"101", day.Add(-5 * time.Minute), "b"}, {"102", day, "b"}, {"103", day.Add(-26 * time.Hour), "c"}}
	var want map[int64]measurement.Zone
	for _, lost := range []string{"", "memory", "killed"} {
		for _, order := range [][][]int{{{0, 1, 2, 3}}, {{0}, {1}, {2}, {3}}, {{3}, {2}, {1}, {0}}, {{2, 0}, {1, 3}}, {{1}, {0, 3}, {2}}} {
			c := newCollector(t)
			for _, vp := range []measurement.VantagePoint{"101", "102", "103"} {
				c.in.Plan.VantagePoints = append(c.in.Plan.VantagePoints, plan.VantagePoint{ID: vp})
			}
			for _, portion := range order {
				for _, i := range portion {
					c.show(files[i].vp, files[i].at, map[measurement.RSI]int64{files[i].rsi: serial})
				}
				if lost == "killed" { // when the files of the last day are done, or nearly
					merged := 0
					c.in.Step = func(what string) error {
						if strings.HasPrefix(what, "merge runs") {
							if merged++; merged == len(portion) {
								return errKilled
							}
						}
						return nil
					}
					if _, err := c.in.Run(t.Context()); err != nil && !errors.Is(err, errKilled) {
						t.Fatal(err)
					}
					c.in.Step = nil
				}
				c.ingest()
				if lost == "memory" {
					if err := os.Remove(c.in.Backlog); err != nil {
						t.Fatal(err)
					}
				}
			}
			got := c.zones()
			if want == nil {
				want = got
				z := want[serial]
				if z.State != measurement.ZoneSeen || !z.FirstUsed.Equal(seen(files[3].at)) || !z.FirstSeen.Equal(seen(files[0].at)) {
					t.Fatalf("%+v", z)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("lost %q, %v: %s", lost, order, diff)
			}
		}
	}
}
