package simulate_test

import (
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
