package simulate_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/simulate"
	"mtric.net/mtric/plans"
)

// survey is the embedded plan of that name with four candidates, two of them at
// one provider in one place.
func survey(t testing.TB) *plan.Plan {
	t.Helper()
	fsys, ok := plans.Dir("survey")
	if !ok {
		t.Fatal("no embedded plan survey")
	}
	p, l := plan.Load([]plan.Dir{{Name: "survey", FS: fsys}}, nil)
	if l.HasErrors() {
		t.Fatal(l.Error())
	}
	for _, v := range [][]string{{"911", "Frankfurt", "a"}, {"912", "Frankfurt", "a"}, {"913", "Frankfurt", "b"}, {"921", "Dallas", "b"}} {
		p.VantagePoints = append(p.VantagePoints, plan.VantagePoint{ID: measurement.VantagePoint(v[0]), Region: "europe", Metro: v[1], Provider: v[2]})
	}
	return p
}

func simulated(t *testing.T, c simulate.Config) (lake.Store, *simulate.Truth) {
	t.Helper()
	dir := t.TempDir()
	truth, err := simulate.Run(context.Background(), dir, c)
	if err != nil {
		t.Fatal(err)
	}
	return lake.Store{Dir: dir}, truth
}

// TestRoutes counts the rows once more and compares with the truth; faults and
// the routes' own losses are in both.
func TestRoutes(t *testing.T) {
	p := survey(t)
	c := simulate.Config{Plan: p, VantagePoints: []measurement.VantagePoint{"911", "912", "913", "921"}, From: start, Until: start.Add(26 * time.Hour), Seed: 5, Version: "test", Routes: true}
	c.Faults = []plan.Fault{
		{Label: "down", Kind: plan.FaultDown, RSIs: []measurement.RSI{"c"}, VantagePoints: []measurement.VantagePoint{"912"}, From: start, Until: start.Add(48 * time.Hour), Percent: 100},
		{Label: "silent", Kind: plan.FaultSilent, VantagePoints: []measurement.VantagePoint{"921"}, From: start.Add(time.Hour), Until: start.Add(3 * time.Hour), Percent: 100},
	}
	s, truth := simulated(t, c)
	got := map[measurement.VantagePoint]*simulate.RouteTruth{}
	ways := map[string]bool{}
	for _, day := range []time.Time{start, start.AddDate(0, 0, 1)} {
		rows, _, err := column.Read[measurement.Route](s.Path(column.Routes, day))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			n := got[r.VantagePoint]
			if n == nil {
				n = &simulate.RouteTruth{VantagePoint: r.VantagePoint}
				got[r.VantagePoint] = n
			}
			n.Traces++
			last := r.Hops[len(r.Hops)-1]
			if int(r.HopCount) != len(r.Hops) || r.Reached != (last.Address != nil && *last.Address == r.Address) {
				t.Fatalf("%+v", r)
			}
			if r.VantagePoint == "912" && r.RSI == "c" && r.Reached || r.VantagePoint == "921" && !r.Interval.Before(start.Add(time.Hour)) && r.Interval.Before(start.Add(3*time.Hour)) {
				t.Errorf("a fault does not show: %s %s %s", r.VantagePoint, r.RSI, r.Interval)
			}
			if !r.Reached {
				continue
			}
			n.Reached++
			var hops []string
			for _, h := range r.Hops {
				hops = append(hops, text(h.Address))
			}
			if way := fmt.Sprint(r.VantagePoint, r.RSI, r.Family, strings.Join(hops, " ")); !ways[way] {
				ways[way] = true
				n.Paths++
			}
		}
	}
	var list []simulate.RouteTruth
	for _, v := range c.VantagePoints {
		list = append(list, *got[v])
	}
	if d := cmp.Diff(truth.Routes, list); d != "" {
		t.Error(d)
	}
	// 15 targets over both families, every quarter of an hour.
	if want := int64(30 * 26 * 4); got["911"].Traces != want || got["921"].Traces != want-30*2*4 || truth.Rows.Routes != 4*want-30*2*4 {
		t.Errorf("%d and %d traces of %d, %d rows", got["911"].Traces, got["921"].Traces, want, truth.Rows.Routes)
	}
}

func text(s *string) string {
	if s == nil {
		return "*"
	}
	return *s
}

// TestRoutesChangeNoAnswer: the rest of the lake is the same with routes and without.
func TestRoutesChangeNoAnswer(t *testing.T) {
	c := simulate.Config{Plan: survey(t), VantagePoints: []measurement.VantagePoint{"911", "921"}, From: start, Until: start.Add(time.Hour), Seed: 5, Version: "test"}
	without, plain := simulated(t, c)
	c.Routes = true
	with, _ := simulated(t, c)
	again, _ := simulated(t, c)
	for _, f := range []struct{ a, b string }{
		{without.Path(column.Answers, start), with.Path(column.Answers, start)},
		{without.Path(column.Runs, start), with.Path(column.Runs, start)},
		{with.Path(column.Routes, start), again.Path(column.Routes, start)},
	} {
		a, err := os.ReadFile(f.a)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(f.b); err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s and %s differ, %v", f.a, f.b, err)
		}
	}
	if plain.Routes != nil || plain.Rows.Routes != 0 {
		t.Error("routes in the truth of a lake without")
	}
	if _, err := os.Stat(without.Path(column.Routes, start)); !os.IsNotExist(err) {
		t.Errorf("routes that nobody asked for: %v", err)
	}
}
