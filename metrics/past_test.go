package metrics_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// longAgo is a lake of ten days before a period of eight hours, in which vantage points are
// silent for days, one belongs to nobody, and serials come, are shown late or by one alone.
// The table zones has the first sighting of each, by whomever.
func longAgo(r *rand.Rand) (cfg metrics.Config, rows []measurement.Answer, zones []measurement.Zone) {
	cfg = closed(config(1, 1+r.IntN(3), 2), closes)
	if r.IntN(3) == 0 {
		cfg.VantagePoints = nil
	}
	first := -perDay * 10
	released := []int{first - 1}
	for at := first; at < closes; at += 1 + r.IntN(perDay*2) {
		released = append(released, at)
	}
	silent := map[int][2]int{}
	for v := range 4 {
		from := first + r.IntN(perDay*10)
		silent[v] = [2]int{from, from + r.IntN(perDay*4)}
	}
	seen := map[int64]measurement.Zone{}
	for at := first; at < closes; at++ {
		if at < -perDay-12 && at%36 != 0 && r.IntN(40) > 0 {
			continue // few runs before the look-back, for speed
		}
		for v := range 4 {
			if silent[v][0] <= at && at < silent[v][1] {
				continue
			}
			newest := 0
			for newest+1 < len(released) && released[newest+1] <= at-r.IntN(3) {
				newest++
			}
			if r.IntN(200) == 0 {
				newest = r.IntN(len(released)) // a liar
			}
			serial := int64(2026100100 + newest)
			rows = append(rows, soa(v, at, "a", v4udp, shows(serial)))
			if _, known := seen[serial]; !known {
				sent := label(at)
				seen[serial] = measurement.Zone{Serial: serial, State: measurement.ZoneSeen, FirstSeen: &sent}
			}
		}
	}
	for range r.IntN(3) {
		from := label(-perDay - 20 + r.IntN(perDay))
		cfg.Exclusions = append(cfg.Exclusions, metrics.Exclusion{From: from, Until: from.Add(interval.Length * 200), VantagePoints: []measurement.VantagePoint{vp(r.IntN(4))}})
	}
	for _, z := range seen {
		if r.IntN(3) == 0 {
			at := z.FirstSeen.Add(interval.Length * 3)
			z.State, z.ArchivedAt = measurement.ZoneArchived, &at
		}
		zones = append(zones, z)
	}
	return cfg, rows, zones
}

// closes is where the data of the period end.
const (
	perDay = 288
	closes = 96
)

// keep writes rows as the days of a lake.
func keep(t *testing.T, rows []measurement.Answer) lake.Store {
	t.Helper()
	store := lake.Store{Dir: t.TempDir(), Version: "test"}
	byDay := map[string][]measurement.Answer{}
	for _, a := range rows {
		path := store.Path(column.Answers, a.Interval)
		byDay[path] = append(byDay[path], a)
	}
	for path, rows := range byDay {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := column.Write(path, rows, column.Metadata{Version: "test"}); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

// TestPastIsAllTheLake: of the time before the window little is read, and nothing that
// matters is missed: the publications and their values are those of all rows there are.
func TestPastIsAllTheLake(t *testing.T) {
	found := 0
	for seed := range uint64(60) {
		cfg, rows, zones := longAgo(rand.New(rand.NewPCG(seed, 3)))
		want := compute(t, cfg, rows, zones...)
		a, err := metrics.New(cfg, zones)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Scan(t.Context(), keep(t, slices.Clone(rows)), 1); err != nil {
			t.Fatal(err)
		}
		got := a.Compute()
		if d := cmp.Diff(want.Publications, got.Publications); d != "" {
			t.Fatalf("lake %d (-all rows +the rows that are read):\n%s", seed, d)
		}
		if d := cmp.Diff(want.Values, got.Values, rats); d != "" {
			t.Fatalf("lake %d (-all rows +the rows that are read):\n%s", seed, d)
		}
		found += len(got.Publications)
	}
	if found < 10 {
		t.Errorf("only %d publications", found)
	}
}
