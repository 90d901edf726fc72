package alert

import (
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"mtric.net/mtric/engine/plan"
)

const spread = `
plan "spread" {}

vantage_point "101" {
  region = "africa"
  metro  = "Nairobi"
}

vantage_point "301" {
  region = "europe"
  metro  = "Frankfurt"
  from   = "2026-11-02"
}

server "own" {
  rsi  = "ns1"
  ipv4 = "192.0.2.1"
}

server "own" {
  rsi  = "ns2"
  ipv4 = "192.0.2.2"
  ipv6 = "2001:db8::2"
}

schedule "often" {
  every = "5m"
}

schedule "late" {
  every  = "6h"
  offset = "1h10m"
}

query "often" {
  schedule = schedule.often
  servers  = server.own["ns1"]
  qname    = "example."
  qtype    = "SOA"
}

query "late" {
  schedule = schedule.late
  servers  = server.own
  qname    = "example."
  qtype    = "NS"
  regions  = ["europe"]
}
`

// TestExpected: coverage is held against what the plan has due, of each vantage point.
func TestExpected(t *testing.T) {
	p, l := plan.Load([]plan.Dir{{Name: "p", FS: fstest.MapFS{"a.hcl": {Data: []byte(spread)}}}}, nil)
	if p == nil {
		t.Fatal(l.Error())
	}
	for _, c := range []struct {
		queries     []string
		from, until string
		but         string
		want        int64
	}{
		{[]string{"often"}, "2026-11-02T00:00:00Z", "2026-11-02T01:00:00Z", "", 24},
		{[]string{"often"}, "2026-11-02T00:00:00Z", "2026-11-02T01:00:00Z", "101", 12},
		{[]string{"often"}, "2026-11-01T23:30:00Z", "2026-11-02T00:30:00Z", "", 18},
		{[]string{"late"}, "2026-11-02T00:00:00Z", "2026-11-02T01:10:00Z", "", 0},
		{[]string{"late"}, "2026-11-02T00:00:00Z", "2026-11-02T01:15:00Z", "", 1},
		{[]string{"late"}, "2026-11-02T00:00:00Z", "2026-11-04T00:00:00Z", "", 8},
		{[]string{"late"}, "2026-11-02T00:00:00Z", "2026-11-04T00:00:00Z", "301", 0},
		{[]string{"late", "often"}, "2026-11-02T00:00:00Z", "2026-11-02T06:00:00Z", "", 144},
		{nil, "2026-11-02T00:00:00Z", "2026-11-02T00:10:00Z", "", 4}, // query soa, which it lacks
	} {
		at := func(s string) time.Time {
			when, err := time.Parse(time.RFC3339, s)
			if err != nil {
				t.Fatal(err)
			}
			return when
		}
		g := &group{queries: c.queries}
		if got := g.expected(p, &rows{}, &tuple{})(at(c.from), at(c.until), c.but); got != c.want {
			t.Errorf("%v from %s until %s without %q: %d expected, want %d", c.queries, c.from, c.until, c.but, got, c.want)
		}
	}
}

// TestPlanned: what has no address of a family is not planned, nor what a vantage point
// does not ask.
func TestPlanned(t *testing.T) {
	p, l := plan.Load([]plan.Dir{{Name: "p", FS: fstest.MapFS{"a.hcl": {Data: []byte(spread)}}}}, nil)
	if p == nil {
		t.Fatal(l.Error())
	}
	planned := plannedBy(p)
	for of, want := range map[tuple]bool{
		{"ns1", "ipv4", "udp", "101", "often"}: true,
		{"ns1", "ipv6", "udp", "101", "often"}: false,
		{"ns2", "ipv4", "udp", "101", "often"}: false,
		{"ns2", "ipv6", "tcp", "301", "late"}:  true,
		{"ns2", "ipv6", "tcp", "101", "late"}:  false,
	} {
		if planned.has(of) != want {
			t.Errorf("%v planned: %v", of, !want)
		}
	}
	if len(planned.tuples) != 4+6 {
		t.Errorf("%d tuples", len(planned.tuples))
	}
}

// TestCounted: rules are not evaluated for servers of which no query that they count asks.
func TestCounted(t *testing.T) {
	p, l := plan.Load([]plan.Dir{{Name: "p", FS: fstest.MapFS{"a.hcl": {Data: []byte(spread)}}}}, nil)
	if p == nil {
		t.Fatal(l.Error())
	}
	for _, c := range []struct {
		queries []string
		over    string
		want    map[string]bool
	}{
		{[]string{"often"}, "rsi", map[string]bool{"ns1": true, "ns2": false}},
		{[]string{"often", "late"}, "rsi", map[string]bool{"ns1": true, "ns2": true}},
		{[]string{"late"}, "query", map[string]bool{"often": false, "late": true}},
		{nil, "query", map[string]bool{"often": true, "late": true}},
		{nil, "rsi", map[string]bool{"ns1": false, "ns2": false}}, // query soa, which the plan lacks
	} {
		g := &group{over: []string{c.over}, queries: c.queries}
		g.prepare(p, &rows{})
		for _, combo := range g.combos {
			if value := combo.labels[0].Value; combo.counted != c.want[value] {
				t.Errorf("%v over %s: %s counted: %v", c.queries, c.over, value, combo.counted)
			}
		}
		if len(g.combos) != 2 {
			t.Errorf("%d combinations", len(g.combos))
		}
	}
}

// Only of queries that metrics are made of anything can be excluded.
func TestCountsMetrics(t *testing.T) {
	for _, c := range []struct {
		over, queries []string
		want          bool
	}{
		{[]string{"rsi"}, nil, true}, {[]string{"rsi", "query"}, nil, true}, {[]string{"rsi"}, []string{"soa", "ns"}, true}, {[]string{"rsi"}, []string{"ns"}, false},
	} {
		if g := (&group{over: c.over, queries: c.queries}); g.countsMetrics() != c.want {
			t.Errorf("over %q, queries %q: %t", c.over, c.queries, !c.want)
		}
	}
}

// What a clock that is known to be wrong says of certificates is not the server's failure.
func TestExpiredByWrongClock(t *testing.T) {
	g := &gatherer{doubtful: map[runAt]bool{{"101", 7}: true}, tuples: numbers[tuple]{values: []tuple{{vantagePoint: "101"}, {vantagePoint: "301"}}}}
	failed := row{slot: 7, serial: -1, latency: -1, outcome: outcomeAnswered, rcode: 1, met: byClock}
	other, right := failed, failed
	right.tuple, other.met, other.serial = 1, 0, 3
	g.day = []row{failed, right, other}
	g.dropDoubtful()
	want := []row{{slot: 7, serial: -1, latency: -1, outcome: outcomeLocal}, right, {slot: 7, serial: -1, latency: -1, outcome: outcomeAnswered, rcode: 1}}
	if !slices.Equal(g.day, want) {
		t.Errorf("%+v, want %+v", g.day, want)
	}
}
