package derive_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/simulate"
	"mtric.net/mtric/plans"
)

// world is a plan of the root with a few of its RSIs, and vantage points of its own.
func world(t testing.TB, vps, rsis int) *plan.Plan {
	t.Helper()
	fsys, _ := plans.Dir("rssac047")
	p, mistakes := plan.Load([]plan.Dir{{Name: "rssac047", FS: fsys}}, nil)
	if mistakes.HasErrors() {
		t.Fatal(mistakes.Error())
	}
	p.Servers = p.Servers[:rsis]
	for n := range vps {
		p.VantagePoints = append(p.VantagePoints, plan.VantagePoint{ID: measurement.VantagePoint(strconv.Itoa(101 + n))})
	}
	return p
}

// scopeOf is whom or what a row of the table is about, as the truth writes it.
func scopeOf(e measurement.Event) simulate.Scope {
	s := simulate.Scope{Kind: e.Kind}
	if e.RSI != nil {
		s.RSI = measurement.RSI(*e.RSI)
	}
	if e.VantagePoint != nil {
		s.VantagePoint = measurement.VantagePoint(*e.VantagePoint)
	}
	if e.Family != nil {
		s.Family = measurement.Family(*e.Family)
	}
	if e.Transport != nil {
		s.Transport = measurement.Transport(*e.Transport)
	}
	if e.Serial != nil {
		s.Serial = *e.Serial
	}
	return s
}

// Found says whether a row of the table is a true event: of the same kind and scope, and it
// begins and ends within a step of it.
func Found(e measurement.Event, truth simulate.Event) bool {
	step := interval.Length
	if e.Kind == measurement.EventSlow || e.Kind == measurement.EventInstance {
		step = time.Hour
	}
	return scopeOf(e) == truth.Scope && e.From.Sub(truth.From).Abs() <= step && e.Until.Sub(truth.Until).Abs() <= step
}

// held is what became of the true events of a lake.
type held struct {
	truth    *simulate.Truth
	derived  map[measurement.EventKind]int
	mistakes []string
}

// hold derives the events of a simulated lake and holds them against the truth. Every true
// event must be found, and no row may be without one that is. Where faults were planted for
// events each must have its own, and none but an outage_local may come by chance.
func hold(t testing.TB, c simulate.Config, dir string, planted []plan.Fault) *held {
	t.Helper()
	truth, err := simulate.Run(t.Context(), filepath.Join(dir, "Lake"), c)
	if err != nil {
		t.Fatal(err)
	}
	store := lake.Store{Dir: filepath.Join(dir, "Lake"), Version: "1.0.0"}
	run(t, c.Plan, store, filepath.Join(dir, "State"))
	h := &held{truth: truth, derived: make(map[measurement.EventKind]int)}
	rows := read[measurement.Event](t, store)
	for _, e := range rows {
		h.derived[e.Kind]++
		if !slices.ContainsFunc(truth.Events, func(o simulate.Event) bool { return Found(e, o) }) {
			h.mistakes = append(h.mistakes, fmt.Sprintf("invented: %+v %s to %s", scopeOf(e), e.From, e.Until))
		}
	}
	for _, o := range truth.Events {
		if !slices.ContainsFunc(rows, func(e measurement.Event) bool { return Found(e, o) }) {
			h.mistakes = append(h.mistakes, fmt.Sprintf("missed: %+v", o))
		}
		if planted == nil {
			continue
		}
		if len(o.Faults) == 0 && o.Kind != measurement.EventOutageLocal {
			h.mistakes = append(h.mistakes, fmt.Sprintf("by no fault: %+v", o))
		}
	}
	for _, f := range planted {
		if !slices.ContainsFunc(truth.Events, func(e simulate.Event) bool { return makes(f, e) }) {
			h.mistakes = append(h.mistakes, fmt.Sprintf("planted without effect: %+v", f))
		}
	}
	return h
}

// kindOf is the kind of event that a planted fault is for.
var kindOf = map[plan.FaultKind]measurement.EventKind{
	plan.FaultDown: measurement.EventOutage, plan.FaultServFail: measurement.EventOutageLocal, plan.FaultSlow: measurement.EventSlow,
	plan.FaultFrozen: measurement.EventStale, plan.FaultWrong: measurement.EventWrong, plan.FaultMoved: measurement.EventInstance,
	plan.FaultSilent: measurement.EventSilence, plan.FaultUnsynchronized: measurement.EventClock, plan.FaultOffPlan: measurement.EventOffPlan,
	plan.FaultUnreachable: measurement.EventLocal,
}

// makes says whether a true event is the one that a fault was planted for: where and when
// the fault is. A zone is late 65 minutes after it came, and a move is an hour.
func makes(f plan.Fault, e simulate.Event) bool {
	from, until, step := f.From, f.Until, interval.Length
	switch f.Kind {
	case plan.FaultFrozen:
		from = e.From
		if late := e.From.Sub(f.From); late < 65*time.Minute || late > 2*time.Hour {
			return false
		}
	case plan.FaultMoved:
		until, step = from.Add(time.Hour), time.Hour
	case plan.FaultSlow:
		step = time.Hour
	case plan.FaultServFail: // a single query that is lost within the gap makes it longer
		step = 30*time.Minute + interval.Length
	}
	return e.Kind == kindOf[f.Kind] && slices.Contains(e.Faults, f.Label) && e.From.Sub(from).Abs() <= step && e.Until.Sub(until).Abs() <= step &&
		(e.RSI == "" || len(f.RSIs) == 0 || slices.Contains(f.RSIs, e.RSI)) && (e.VantagePoint == "" || len(f.VantagePoints) == 0 || slices.Contains(f.VantagePoints, e.VantagePoint)) &&
		(e.Transport == "" || len(f.Paths) == 0 || slices.Contains(f.Paths, string(e.Family)+"/"+string(e.Transport)))
}

// lakes lets rapid draw twenty, unless -rapid.checks says how many: each takes a while.
func lakes(t *testing.T) {
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		if err := checks.Value.Set("20"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = checks.Value.Set(checks.DefValue) })
	}
}

// What is planted in a lake is found, and nothing else.
func TestPlantedIsFound(t *testing.T) {
	lakes(t)
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		p := world(t, rapid.IntRange(2, 4).Draw(rt, "vantage points"), rapid.IntRange(2, 3).Draw(rt, "RSIs"))
		days := rapid.IntRange(3, 6).Draw(rt, "days")
		c := simulate.Config{Plan: p, From: midnight, Until: midnight.AddDate(0, 0, days), Seed: rapid.Uint64().Draw(rt, "seed"), Version: "1.0.0"}
		for _, v := range p.VantagePoints {
			c.VantagePoints = append(c.VantagePoints, v.ID)
		}
		var err error
		if c.Faults, err = simulate.Plant(c, rapid.IntRange(1, days).Draw(rt, "events")); err != nil {
			t.Fatal(err)
		}
		of := filepath.Join(dir, strconv.Itoa(n))
		for _, m := range hold(t, c, of, c.Faults).mistakes {
			rt.Error(m)
		}
		if err := os.RemoveAll(of); err != nil {
			t.Fatal(err)
		}
	})
}

// A year with forty events, of twenty vantage points: MTRIC_EVENTS_DAYS=366 and some hours.
// Otherwise a few days of few.
func TestPlantedYear(t *testing.T) {
	days, vps, rsis, events := 22, 3, 3, 20
	if text := os.Getenv("MTRIC_EVENTS_DAYS"); text != "" {
		var err error
		if days, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
		vps, rsis, events = 20, 13, min(40, days)
	} else {
		t.Logf("%d days of %d vantage points and %d RSIs with %d events; MTRIC_EVENTS_DAYS=366 makes it a year of 20 and 13 with 40", days, vps, rsis, events)
	}
	p := world(t, vps, rsis)
	c := simulate.Config{Plan: p, From: midnight, Until: midnight.AddDate(0, 0, days), Seed: 366, Version: "1.0.0"}
	for _, v := range p.VantagePoints {
		c.VantagePoints = append(c.VantagePoints, v.ID)
	}
	var err error
	if c.Faults, err = simulate.Plant(c, events); err != nil {
		t.Fatal(err)
	}
	h := hold(t, c, t.TempDir(), c.Faults)
	for _, m := range h.mistakes {
		t.Error(m)
	}
	planted, chance := make(map[measurement.EventKind]int), make(map[measurement.EventKind]int)
	for _, f := range c.Faults {
		planted[kindOf[f.Kind]]++
	}
	for _, e := range h.truth.Events {
		if len(e.Faults) == 0 {
			chance[e.Kind]++
		}
	}
	kinds := slices.SortedFunc(slices.Values(measurement.EventKinds), func(a, b measurement.EventKind) int { return cmp.Compare(a, b) })
	for _, k := range kinds {
		t.Logf("%-12s %3d planted, %4d in the table, %d by chance", k, planted[k], h.derived[k], chance[k])
		if days >= 20 && planted[k] == 0 {
			t.Errorf("no %s was planted", k)
		}
	}
}

// drawFaults draws faults of any kind, anywhere, that may meet each other, come again after a
// while and strike some queries only.
func drawFaults(t *rapid.T, c *simulate.Config) {
	labels := int(c.Until.Sub(c.From) / interval.Length)
	for n := range rapid.IntRange(1, 5).Draw(t, "faults") {
		f := plan.Fault{Kind: rapid.SampledFrom(plan.FaultKinds).Draw(t, "kind"), Percent: 100}
		f.VantagePoints = rapid.SliceOfNDistinct(rapid.SampledFrom(c.VantagePoints), 0, len(c.VantagePoints), rapid.ID).Draw(t, "vantage points")
		by := map[plan.FaultKind][]time.Duration{plan.FaultSlow: {100 * time.Millisecond, 5 * time.Second}, plan.FaultMoved: {time.Millisecond, 90 * time.Millisecond},
			plan.FaultFuture: {30 * time.Minute, 6 * time.Hour, 14 * time.Hour}, plan.FaultStale: {30 * time.Minute, 3 * time.Hour, 60 * time.Hour}, plan.FaultSlowClock: {5 * time.Minute, time.Hour}, plan.FaultFastClock: {5 * time.Minute, 2 * time.Hour}}[f.Kind]
		if by != nil {
			f.By = plan.Duration(rapid.SampledFrom(by).Draw(t, "by"))
		}
		if f.Kind == plan.FaultRCode {
			f.RCode = measurement.RRefused
		}
		step := 1
		switch f.Kind {
		case plan.FaultSilent, plan.FaultUnsynchronized, plan.FaultSlowClock, plan.FaultFastClock:
		case plan.FaultMoved:
			step = 12 // see Plant
			fallthrough
		default:
			f.RSIs = rapid.SliceOfNDistinct(rapid.SampledFrom([]measurement.RSI{"a", "b"}), 0, 2, rapid.ID).Draw(t, "RSIs")
			f.Paths = rapid.SampledFrom([][]string{nil, {"ipv4/tcp", "ipv4/udp"}, {"ipv6/tcp", "ipv6/udp"}, {"ipv4/udp", "ipv6/udp"}, {"ipv6/tcp"}}).Draw(t, "paths")
			if f.Kind != plan.FaultMoved && f.Kind != plan.FaultStale && f.Kind != plan.FaultFrozen {
				f.Percent = rapid.SampledFrom([]int{100, 100, 60}).Draw(t, "percent")
			}
		}
		from := rapid.IntRange(0, labels-1).Draw(t, "from") / step * step
		length := rapid.SampledFrom([]int{1, 2, 3, 20, 100, 300}).Draw(t, "for") * step
		pause := rapid.SampledFrom([]int{1, 5, 6, 7, 12, 13, 72, 73}).Draw(t, "pause") * step
		for again := range rapid.IntRange(1, 3).Draw(t, "times") {
			f.Label = fmt.Sprintf("%d-%d-%s", n, again, f.Kind)
			f.From = c.From.Add(time.Duration(from+again*(length+pause)) * interval.Length)
			f.Until = f.From.Add(time.Duration(length) * interval.Length)
			c.Faults = append(c.Faults, f)
		}
	}
}

// Whatever goes wrong, the truth says what the table has, and the other way round.
func TestTruthOfAnyFaults(t *testing.T) {
	lakes(t)
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		p := world(t, rapid.IntRange(1, 4).Draw(rt, "vantage points"), rapid.IntRange(2, 6).Draw(rt, "RSIs"))
		c := simulate.Config{Plan: p, From: midnight, Until: midnight.AddDate(0, 0, rapid.SampledFrom([]int{1, 1, 2, 3}).Draw(rt, "days")), Seed: rapid.Uint64().Draw(rt, "seed"), Version: "1.0.0"}
		for _, v := range p.VantagePoints {
			c.VantagePoints = append(c.VantagePoints, v.ID)
		}
		drawFaults(rt, &c)
		of := filepath.Join(dir, strconv.Itoa(n))
		for _, m := range hold(t, c, of, nil).mistakes {
			rt.Error(m)
		}
		if err := os.RemoveAll(of); err != nil {
			t.Fatal(err)
		}
	})
}
