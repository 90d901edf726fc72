package comparison_test

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/comparison"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// The time of a world: some hours of what is normal, then the period.
var (
	began = time.Date(2026, 11, 19, 10, 0, 0, 0, time.UTC)
	from  = began.Add(14 * time.Hour)
	until = from.Add(10 * time.Hour)
)

var rsis = []measurement.RSI{"a", "b", "k"}

// Two serials of the period, the second of them published in it.
var publications = []comparison.Published{{Serial: 2026111901, At: began.Add(-2 * time.Hour)}, {Serial: 2026112000, At: from.Add(2 * time.Hour)}}

// person is a vantage point of a world: a probe, or one of ours.
type person struct {
	id      measurement.VantagePoint
	asn     int64
	region  string
	tags    []string
	every   time.Duration
	latency int64 // µs
	n       int
}

// world draws what a vantage point gets. A rule may change a row, or drop it by an outcome that
// is empty; the last one decides.
type world struct {
	crowd, ours []person
	rules       []func(p person, a *measurement.Answer)
	clocks      []func(p person, r *measurement.Run)
	zones       []comparison.Published
	since       time.Time
}

var places = []string{"europe", "europe", "europe", "north_america", "asia_pacific"}

// calm is a world without events: of so many probes, two or three of a network, and twenty of
// ours. One query in 400 is lost.
func calm(probes int) *world {
	w := &world{zones: publications, since: began}
	for i := range probes {
		as := i * 2 / 5
		w.crowd = append(w.crowd, person{id: measurement.AtlasProbe(uint32(1000 + i)), asn: int64(64512 + as), region: places[as%len(places)], n: i,
			tags: []string{"system-ipv4-works", "system-ipv6-works"}, every: 30 * time.Minute, latency: 2000 + int64(hash("latency", i)%60_000)})
	}
	for i := range 20 {
		w.ours = append(w.ours, person{id: measurement.VantagePoint(fmt.Sprintf("%03d", 301+i)), asn: int64(i), region: places[i%len(places)], n: i, every: 10 * time.Minute, latency: 5000 + int64(i)*2000})
	}
	return w
}

func hash(parts ...any) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		switch p := p.(type) {
		case time.Time:
			_ = binary.Write(h, binary.BigEndian, p.Unix())
		case int:
			_ = binary.Write(h, binary.BigEndian, int64(p))
		default:
			fmt.Fprint(h, p)
		}
	}
	return rand.NewPCG(h.Sum64(), 0).Uint64()
}

// rows of one side.
func (w *world) rows(people []person) (answers []measurement.Answer, runs []measurement.Run) {
	answers = make([]measurement.Answer, 0, len(people)*12*int(until.Sub(began)/people[0].every))
	for at := w.since; at.Before(until); at = at.Add(interval.Length) {
		for _, p := range people {
			if at.Sub(w.since)%p.every != time.Duration(p.n)*interval.Length%p.every {
				continue
			}
			answers = append(answers, w.asks(p, at)...)
			r := measurement.Run{VantagePoint: p.id, Interval: at, StartedAt: at, ReceivedAt: at.Add(interval.Length)}
			for _, rule := range w.clocks {
				rule(p, &r)
			}
			runs = append(runs, r)
		}
	}
	return answers, runs
}

// asks are the queries of one interval.
func (w *world) asks(p person, at time.Time) (all []measurement.Answer) {
	for _, rsi := range rsis {
		for _, family := range measurement.Families {
			for _, transport := range []measurement.Transport{measurement.TCP, measurement.UDP} {
				serial := w.serialAt(at)
				us := p.latency + int64(hash("us", p.id, at, rsi, family, transport)%1000)
				a := measurement.Answer{VantagePoint: p.id, Interval: at, SentAt: &at, Query: measurement.QuerySOA, RSI: rsi, Family: family, Transport: transport, QName: ".", QType: "SOA",
					Outcome: measurement.Answered, LatencyUS: &us, RCode: new(measurement.NoError), AA: new(true), TC: new(false), Serial: &serial, Attempts: 1}
				if hash("lost", p.id, at, rsi, family, transport)%400 == 0 {
					fail(&a)
				}
				for _, rule := range w.rules {
					rule(p, &a)
				}
				all = append(all, a)
			}
		}
	}
	return all
}

// serialAt is that of the newest zone.
func (w *world) serialAt(at time.Time) (serial int64) {
	for _, z := range w.zones {
		if !at.Before(z.At) {
			serial = int64(z.Serial)
		}
	}
	return serial
}

func fail(a *measurement.Answer) {
	a.Outcome, a.LatencyUS, a.RCode, a.AA, a.TC, a.Serial = measurement.Timeout, nil, nil, nil, nil, nil
}

// write makes a lake of rows.
func write(t testing.TB, answers []measurement.Answer, runs []measurement.Run) lake.Store {
	t.Helper()
	s := lake.Store{Dir: t.TempDir(), Version: "test"}
	slices.SortFunc(answers, func(a, b measurement.Answer) int {
		return cmp.Or(a.Interval.Compare(b.Interval), strings.Compare(string(a.VantagePoint), string(b.VantagePoint)), strings.Compare(a.Query, b.Query), strings.Compare(string(a.RSI), string(b.RSI)),
			strings.Compare(string(a.Family), string(b.Family)), strings.Compare(string(a.Transport), string(b.Transport)))
	})
	slices.SortFunc(runs, func(a, b measurement.Run) int {
		return cmp.Or(a.Interval.Compare(b.Interval), strings.Compare(string(a.VantagePoint), string(b.VantagePoint)))
	})
	merge(t, s, answers, func(a *measurement.Answer) (time.Time, measurement.VantagePoint) { return a.Interval, a.VantagePoint })
	merge(t, s, runs, func(r *measurement.Run) (time.Time, measurement.VantagePoint) { return r.Interval, r.VantagePoint })
	return s
}

// merge writes sorted rows, day by day.
func merge[T lake.Measured](t testing.TB, s lake.Store, rows []T, key func(*T) (time.Time, measurement.VantagePoint)) {
	t.Helper()
	for len(rows) > 0 {
		first, _ := key(&rows[0])
		day := first.Truncate(24 * time.Hour)
		var groups []lake.Group[T]
		for len(rows) > 0 {
			at, vp := key(&rows[0])
			if !at.Truncate(24 * time.Hour).Equal(day) {
				break
			}
			n := 1
			for n < len(rows) {
				if t, v := key(&rows[n]); !t.Equal(at) || v != vp {
					break
				}
				n++
			}
			groups, rows = append(groups, lake.GroupOf(rows[:n:n])), rows[n:]
		}
		if _, err := lake.Merge(s, day, groups, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// job compares a world.
func (w *world) job(t testing.TB) comparison.Job {
	t.Helper()
	ours, oursRuns := w.rows(w.ours)
	theirs, theirRuns := w.rows(w.crowd)
	j := comparison.Job{Version: "test", Plan: "world", Set: "builtin", Ours: write(t, ours, oursRuns), Theirs: write(t, theirs, theirRuns), From: from, Until: until, RSIs: rsis,
		Regions: map[measurement.VantagePoint]string{}, Publications: slices.Clone(w.zones), Draws: 100, Seed: 1, Workers: 2}
	for _, p := range w.ours {
		j.Regions[p.id] = p.region
	}
	j.Counts = func(measurement.VantagePoint, time.Time, measurement.RSI, measurement.Path) bool { return true }
	var sites []measurement.Site
	for _, p := range w.crowd {
		sites = append(sites, measurement.Site{VantagePoint: p.id, Region: p.region, Host: string(p.id), ASNIPv4: new(p.asn), ASNIPv6: new(p.asn), Tags: p.tags})
	}
	slices.SortFunc(sites, func(a, b measurement.Site) int {
		return strings.Compare(string(a.VantagePoint), string(b.VantagePoint))
	})
	if err := j.Theirs.SaveSites(sites); err != nil {
		t.Fatal(err)
	}
	return j
}

// compare is what the comparison says of a world.
func (w *world) compare(t testing.TB, fails ...comparison.Fail) *comparison.Document {
	t.Helper()
	j := w.job(t)
	j.Fails = fails
	return run(t, j)
}

func run(t testing.TB, j comparison.Job) *comparison.Document {
	t.Helper()
	d, err := comparison.Run(context.Background(), j)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
