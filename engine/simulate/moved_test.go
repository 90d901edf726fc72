package simulate_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/simulate"
)

// moves is a simulation in which one vantage point goes to another site of b over IPv6, and
// one for good to another of m over both families.
func moves(t testing.TB) simulate.Config {
	c := simulate.Config{Plan: survey(t), VantagePoints: []measurement.VantagePoint{"911", "912", "913", "921"}, From: start, Until: start.Add(8 * time.Hour), Seed: 5, Version: "test", Routes: true}
	c.Faults = []plan.Fault{
		{Label: "away", Kind: plan.FaultMoved, RSIs: []measurement.RSI{"b"}, VantagePoints: []measurement.VantagePoint{"912"}, Paths: []string{"ipv6/udp", "ipv6/tcp"},
			From: start.Add(2 * time.Hour), Until: start.Add(4*time.Hour + 30*time.Minute), By: plan.Duration(80 * time.Millisecond), Percent: 100},
		{Label: "for-good", Kind: plan.FaultMoved, RSIs: []measurement.RSI{"m"}, VantagePoints: []measurement.VantagePoint{"921"}, From: start.Add(3 * time.Hour), By: plan.Duration(5 * time.Millisecond), Percent: 100},
	}
	return c
}

// within says whether a place and label is one of a move of moves, and of which.
func within(vp measurement.VantagePoint, rsi measurement.RSI, family measurement.Family, at time.Time) string {
	switch hours := at.Sub(start).Hours(); {
	case vp == "912" && rsi == "b" && family == measurement.IPv6 && hours >= 2 && hours < 4.5:
		return "away"
	case vp == "921" && rsi == "m" && hours >= 3:
		return "for-good"
	}
	return ""
}

// TestMoved: where a vantage point is moved, another server answers, later, and over another
// way; no other row changes.
func TestMoved(t *testing.T) {
	c := moves(t)
	truth, dir := run(t, c)
	quiet := c
	quiet.Faults = nil
	_, before := run(t, quiet)
	after, moved := byKey(t, rowsOf[measurement.Answer](t, dir, column.Answers)), map[string]int64{}
	sites := map[string]map[string]bool{}
	for k, b := range byKey(t, rowsOf[measurement.Answer](t, before, column.Answers)) {
		a, fault := after[k], within(k.vp, k.rsi, k.family, k.at)
		if fault == "" {
			if !reflect.DeepEqual(a, b) {
				t.Fatalf("changed %+v\nto %+v", b, a)
			}
			continue
		}
		if moved[fault]++; b.LatencyUS == nil {
			continue
		}
		by := map[string]int64{"away": 80_000, "for-good": 5_000}[fault]
		if *a.NSID == *b.NSID || *a.LatencyUS < *b.LatencyUS+by*6/10 || !reflect.DeepEqual(a.Serial, b.Serial) || a.Outcome != b.Outcome {
			t.Fatalf("%s: %+v\nwithout it %+v", fault, a, b)
		}
		if sites[fault] == nil {
			sites[fault] = map[string]bool{}
		}
		sites[fault][*a.NSID] = true
	}
	for _, f := range truth.Faults {
		if f.Queries != moved[f.Label] || f.Queries == 0 || len(sites[f.Label]) != 1 {
			t.Errorf("%s struck %d queries, %d in the rows; sites %v", f.Label, f.Queries, moved[f.Label], sites[f.Label])
		}
	}
	theirs := map[string]measurement.Route{}
	for _, r := range rowsOf[measurement.Route](t, before, column.Routes) {
		theirs[routeKey(r)] = r
	}
	ways := map[string]bool{}
	for _, r := range rowsOf[measurement.Route](t, dir, column.Routes) {
		b, fault := theirs[routeKey(r)], within(r.VantagePoint, r.RSI, r.Family, r.Interval)
		if fault == "" {
			if !reflect.DeepEqual(r, b) {
				t.Fatalf("route %+v\nwas %+v", r, b)
			}
			continue
		}
		if ways[fault] = true; r.Reached && b.Reached && hops(r) == hops(b) {
			t.Fatalf("%s: the way is as it was: %s", fault, hops(r))
		}
	}
	if len(ways) != 2 {
		t.Errorf("routes of %v", ways)
	}
}

func routeKey(r measurement.Route) string {
	return fmt.Sprint(r.VantagePoint, r.Interval, r.RSI, r.Family)
}

func hops(r measurement.Route) string {
	var all []string
	for _, h := range r.Hops {
		if h.Address != nil {
			all = append(all, *h.Address)
		}
	}
	return strings.Join(all, " ")
}

// TestMovesAreEvents: a move is an event where it begins, and where it ends when it was for so
// long that nobody remembers; at eight hours of data nothing is slow yet.
func TestMovesAreEvents(t *testing.T) {
	truth, _ := run(t, moves(t))
	var got []string
	for _, e := range truth.Events {
		if e.Kind != measurement.EventOutageLocal { // by chance
			got = append(got, fmt.Sprintf("%s %s %s %s %s %s %v", e.Kind, e.VantagePoint, e.RSI, e.Family, e.From.Format("15:04"), e.Until.Format("15:04"), e.Faults))
		}
	}
	want := []string{"instance 912 b ipv6 02:00 03:00 [away]", "instance 921 m ipv4 03:00 04:00 [for-good]", "instance 921 m ipv6 03:00 04:00 [for-good]"}
	if !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

// TestPlant: as many faults as are wanted, of each kind in turn, apart from each other, the
// same from the same seed; and what cannot be planted is said.
func TestPlant(t *testing.T) {
	c := config(t, 5, 60*24*time.Hour)
	for _, v := range c.VantagePoints {
		c.Plan.VantagePoints = append(c.Plan.VantagePoints, plan.VantagePoint{ID: v})
	}
	faults, err := simulate.Plant(c, 40)
	if err != nil || len(faults) != 40 {
		t.Fatalf("%d faults, %v", len(faults), err)
	}
	kinds, until := map[plan.FaultKind]int{}, c.From
	for _, f := range faults {
		if kinds[f.Kind]++; f.From.Sub(until) < 0 || f.From.Before(c.From) || f.Until.After(c.Until) {
			t.Errorf("%+v begins before %s", f, until)
		}
		if until = f.Until; until.IsZero() {
			until = f.From
		}
		until = until.Add(6 * time.Hour)
		if f.Kind == plan.FaultSlow && f.From.Before(c.From.Add(48*time.Hour)) {
			t.Errorf("slow, and nothing is usual yet: %+v", f)
		}
	}
	for kind, n := range kinds {
		if n != 4 {
			t.Errorf("%d of %s", n, kind)
		}
	}
	if again, _ := simulate.Plant(c, 40); !reflect.DeepEqual(faults, again) {
		t.Error("other faults from the same seed")
	}
	if c.Seed++; len(kinds) != 10 {
		t.Errorf("kinds %v", kinds)
	}
	if others, _ := simulate.Plant(c, 40); reflect.DeepEqual(faults, others) {
		t.Error("the same faults from another seed")
	}
	for _, n := range []int{-1, 61} {
		if _, err := simulate.Plant(c, n); err == nil || !strings.Contains(err.Error(), "at most one a day") {
			t.Errorf("%d events: %v", n, err)
		}
	}
	c.VantagePoints = c.VantagePoints[:1]
	if _, err := simulate.Plant(c, 1); err == nil || !strings.Contains(err.Error(), "one vantage point") {
		t.Errorf("one vantage point: %v", err)
	}
}

// A fault of a region strikes the vantage points there, a share so many of them, and a site
// that is moved to has the name that the fault gives it.
func TestFaultsOfAPlace(t *testing.T) {
	c := config(t, 30, time.Hour)
	p := *c.Plan
	for i, id := range c.VantagePoints {
		region := "europe"
		if i < 3 {
			region = "africa"
		}
		p.VantagePoints = append(p.VantagePoints, plan.VantagePoint{ID: id, Region: region})
	}
	c.Plan = &p
	faults, l := plan.LoadFaults([]byte(`
fault "dead" {
  kind    = "down"
  rsis    = ["k"]
  regions = ["africa"]
  from    = "2026-11-01"
}
fault "some" {
  kind  = "down"
  rsis  = ["a"]
  share = 40
  from  = "2026-11-01"
}
fault "new" {
  kind     = "moved"
  rsis     = ["c"]
  by       = "1ms"
  identity = "pop7.example"
  from     = "2026-11-01"
}`), "faults.hcl", &p)
	if l.HasErrors() {
		t.Fatal(l.Error())
	}
	c.Faults = faults
	dir := t.TempDir()
	if _, err := simulate.Run(t.Context(), dir, c); err != nil {
		t.Fatal(err)
	}
	store := lake.Store{Dir: dir}
	rows, _, err := column.Read[measurement.Answer](store.Path(column.Answers, c.From))
	if err != nil {
		t.Fatal(err)
	}
	asked, lost := map[string]int{}, map[string]int{}
	struck := map[measurement.VantagePoint]bool{}
	for _, r := range rows {
		if r.Query != measurement.QuerySOA {
			continue
		}
		where := string(r.RSI)
		if slices.Contains(c.VantagePoints[:3], r.VantagePoint) {
			where += " africa"
		}
		asked[where]++
		if r.Outcome == measurement.Timeout {
			lost[where]++
			if r.RSI == "a" {
				struck[r.VantagePoint] = true
			}
		}
		if r.RSI == "c" && r.NSID != nil && *r.NSID != "pop7.example" {
			t.Fatalf("moved to %s", *r.NSID)
		}
	}
	if lost["k africa"] != asked["k africa"] || lost["k"] > asked["k"]/100 {
		t.Errorf("lost %v of %v", lost, asked)
	}
	if n := len(struck); n < 5 || n > 20 || lost["a"] < asked["a"]/6 {
		t.Errorf("%d of 30 struck, lost %v of %v", n, lost, asked)
	}
}
