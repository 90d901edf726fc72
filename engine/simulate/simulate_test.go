package simulate_test

import (
	"runtime"
	"testing"
	"time"

	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/simulate"
	"mtric.net/mtric/plans"
)

var start = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func rssac047(t testing.TB) *plan.Plan {
	t.Helper()
	fsys, ok := plans.Dir("rssac047")
	if !ok {
		t.Fatal("no embedded plan rssac047")
	}
	p, l := plan.Load([]plan.Dir{{Name: "rssac047", FS: fsys}}, nil)
	if l.HasErrors() {
		t.Fatal(l.Error())
	}
	return p
}

func config(t testing.TB, vps int, length time.Duration) simulate.Config {
	t.Helper()
	p := rssac047(t)
	ids, err := simulate.VantagePoints(p, vps)
	if err != nil {
		t.Fatal(err)
	}
	return simulate.Config{Plan: p, VantagePoints: ids, From: start, Until: start.Add(length), Seed: 47, Version: "test"}
}

// What a simulation holds does not grow with its length: of a day that is done only what
// publication latency needs stays, some 8 KB a vantage point. Histograms fill up at first.
func TestMemoryOfDaysIsLetGo(t *testing.T) {
	c := config(t, 1, 6*24*time.Hour)
	c.Workers = 1
	var held []uint64
	c.Progress = func(int, int) {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		held = append(held, m.HeapAlloc)
	}
	if _, err := simulate.Run(t.Context(), t.TempDir(), c); err != nil {
		t.Fatal(err)
	}
	if grown := int64(held[5]) - int64(held[1]); grown > 16<<20 {
		t.Errorf("four more days hold %d KiB more", grown>>10)
	}
}
