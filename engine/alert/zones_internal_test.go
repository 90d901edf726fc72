package alert

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

const zonePlan = `plan "own" {}

schedule "interval" { every = "5m" }

server "own" {
  for_each = { for n in [1, 2, 3, 4, 5, 6, 7, 8, 10] : "ns${n}" => "192.0.2.${n}" }
  rsi      = each.key
  ipv4     = each.value
  sites    = ["${each.key}.fra", "${each.key}.lon"]
}

server "single" {
  rsi  = "ns9"
  ipv4 = "192.0.2.9"
}

vantage_point "{each.key}" {
  for_each = { 101 = "Nairobi", 102 = "Lagos", 103 = "Accra" }
  region   = "africa"
  metro    = each.value
}

query "first" {
  schedule   = schedule.interval
  servers    = [server.own, server.single]
  qname      = "first.example."
  qtype      = "SOA"
  transports = ["udp", "tcp"]
  nsid       = true
}

query "second" {
  schedule   = schedule.interval
  servers    = server.own
  qname      = "second.example."
  qtype      = "SOA"
  transports = ["udp"]
}

query "third" {
  schedule = schedule.interval
  servers  = server.single
  qname    = "third.example."
  qtype    = "SOA"
}

zone "first" {
  name    = "first.example."
  servers = server.own
}

zone "second" {
  name    = "second.example."
  servers = server.own
  source  = "192.0.2.53"
}

zone "third" {
  name    = "third.example."
  servers = server.single
}
`

// zoneRule reads all that windows show of zones.
func zoneRule(name, over, window string) string {
	return fmt.Sprintf(`
rule %q {
  on       = "window"
  over     = %s
  queries  = [query.first, query.second, query.third]
  window   = %q
  severity = "info"
  expr     = "window.zone_lag > 1.0 && window.zone_serial > 0 && window.lone_serials > previous.lone_serials && window.serial_backward > 0 && window.nsids_missing > 0"
  summary  = "x"
}
`, name, over, window)
}

func zoneRules(t *testing.T, more string) *Rules {
	t.Helper()
	p, l := plan.Load([]plan.Dir{{Name: "own", FS: fstest.MapFS{"own.hcl": {Data: []byte(zonePlan + more)}}}}, nil)
	if p == nil {
		t.Fatal(l.Error())
	}
	rules, l := Compile(p)
	if rules == nil {
		t.Fatal(l.Error())
	}
	return rules
}

// TestZoneFactsAreWhatTheyAreDefinedToBe compares what every window of a walk shows of zones
// with what is counted from all rows, wherever the walk begins.
func TestZoneFactsAreWhatTheyAreDefinedToBe(t *testing.T) {
	rules := zoneRules(t, zoneRule("by-server", `["rsi"]`, "30m")+zoneRule("by-path", `["vantage_point", "query"]`, "45m")+zoneRule("all", `[]`, "1h"))
	lengths := map[string]time.Duration{"by-server": 30 * time.Minute, "by-path": 45 * time.Minute, "all": time.Hour}
	for seed := range uint64(2) {
		r := rand.New(rand.NewPCG(seed, 9))
		rows, sights := zoneRows(r, rules.Plan, 26)
		store := lake.Store{Dir: t.TempDir()}
		writeZoneRows(t, store, rows, sights)
		seen, told, memo := 0, Window{}, map[[2]time.Time]*zoneTruth{}
		for name, length := range lengths {
			for _, from := range []time.Time{start, start.Add(70 * time.Minute)} {
				until := start.Add(2 * time.Hour)
				w, err := rules.walker(t.Context(), store, from, until, name)
				if err != nil {
					t.Fatal(err)
				}
				err = w.walk(t.Context(), from, until, func(end time.Time, _ *rule, f *frame, _ finding, err error) error {
					seen++
					for i, w := range []Window{f.object.Interface().(Window), f.previous.Interface().(Window)} {
						until := end.Add(-time.Duration(i) * length)
						want := zoneBrute(memo, rows, sights, f.labels, until.Add(-length), until)
						got := Window{ZoneSerial: w.ZoneSerial, ZoneLag: w.ZoneLag, LoneSerials: w.LoneSerials, SerialBackward: w.SerialBackward, NSIDsMissing: w.NSIDsMissing}
						if d := gocmp.Diff(want, got); d != "" {
							t.Fatalf("world %d: %s %v of %s (-want +got):\n%s", seed, name, f.labels, until, d)
						}
						told.LoneSerials, told.SerialBackward, told.NSIDsMissing = told.LoneSerials+got.LoneSerials, told.SerialBackward+got.SerialBackward, told.NSIDsMissing+got.NSIDsMissing
						if got.ZoneLag != nil && *got.ZoneLag > 0 {
							told.ZoneLag = got.ZoneLag
						}
						if got.ZoneSerial != nil {
							told.ZoneSerial = got.ZoneSerial
						}
					}
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		if seen < 100 || told.LoneSerials == 0 || told.SerialBackward == 0 || told.NSIDsMissing == 0 || told.ZoneLag == nil || told.ZoneSerial == nil {
			t.Errorf("world %d: %d windows show %+v", seed, seen, told)
		}
	}
}

func writeZoneRows(t *testing.T, store lake.Store, rows []measurement.Answer, sights map[string]map[int64]time.Time) {
	t.Helper()
	for len(rows) > 0 {
		day, n := interval.Day(rows[0].Interval), 1
		for n < len(rows) && interval.Day(rows[n].Interval).Equal(day) {
			n++
		}
		if err := os.MkdirAll(filepath.Dir(store.Path(column.Answers, day)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := column.Write(store.Path(column.Answers, day), rows[:n], column.Metadata{}); err != nil {
			t.Fatal(err)
		}
		rows = rows[n:]
	}
	var all []measurement.ZoneSerial
	for zone, of := range sights {
		for serial, at := range of {
			all = append(all, measurement.ZoneSerial{Zone: zone, Serial: serial, Source: "192.0.2.53:53", FirstSeen: at, LastSeen: at})
		}
	}
	column.Sort(all)
	if err := store.SaveSerials(all); err != nil {
		t.Fatal(err)
	}
}

// TestZoneFactsAreNotSummed: sums of days have nothing of zones, so that windows over them are
// made of rows.
func TestZoneFactsAreNotSummed(t *testing.T) {
	for _, field := range zoneFields {
		rules := zoneRules(t, fmt.Sprintf(`
rule "long" {
  on       = "window"
  over     = ["rsi"]
  queries  = [query.first]
  window   = "36h"
  severity = "info"
  expr     = "window.sent > 0"
  summary  = "{window.%s}"
}
`, field))
		g := rules.groups("long")[0]
		if g.summable(rules.Plan) || !g.zoned {
			t.Errorf("%s: summable %v, zoned %v", field, g.summable(rules.Plan), g.zoned)
		}
	}
}

// TestZoneFactsInRuleTests: a rule over them is tested, and tried on a lake.
func TestZoneFactsInRuleTests(t *testing.T) {
	rules := zoneRules(t, `
rule "behind" {
  on       = "window"
  over     = ["rsi"]
  queries  = [query.second]
  window   = "2h"
  severity = "warning"
  expr     = "window.zone_lag >= 60.0"
  summary  = "{rsi} serves {window.zone_serial}, {window.zone_lag} min behind"
}
`)
	const tests = `
test "an hour behind" {
  rule = "behind"

  given {
    labels      = { rsi = "ns1" }
    zone_lag    = "59 60"
    zone_serial = 7
  }

  expect {
    at    = "0m"
    state = "inactive"
  }

  expect {
    at      = "5m"
    state   = "firing"
    summary = "ns1 serves 7, 60 min behind"
  }
}
`
	blocks, l := plan.LoadTests([]plan.Dir{{Name: "own", FS: fstest.MapFS{"a.test.hcl": {Data: []byte(tests)}}}}, rules.Plan)
	if l.HasErrors() {
		t.Fatal(l.Error())
	}
	results, l := rules.RunTests(blocks)
	if l.HasErrors() || len(results) != 1 || len(results[0].Diff) > 0 {
		t.Errorf("%+v, %v", results, l.Error())
	}
	var rows []measurement.Answer
	sights := map[string]map[int64]time.Time{"second.example.": {7: start.Add(-time.Hour), 8: start.Add(10 * time.Minute)}}
	for at := range 48 {
		label := start.Add(time.Duration(at) * interval.Length)
		for _, s := range rules.Plan.ServersOf([]string{"own"}) {
			serial := int64(7)
			if at > 2 && s.RSI != "ns2" || at > 30 {
				serial = 8
			}
			rows = append(rows, measurement.Answer{VantagePoint: "101", Interval: label, SentAt: &label, Query: "second", RSI: s.RSI, Family: "ipv4", Transport: "udp", QName: "second.example.", QType: "SOA",
				Address: s.Addresses[0].Address.String(), Outcome: measurement.Answered, RCode: new("NOERROR"), LatencyUS: new(int64(900)), Attempts: 1, ZoneSerial: &serial})
		}
	}
	column.Sort(rows)
	store := lake.Store{Dir: t.TempDir()}
	writeZoneRows(t, store, rows, sights)
	found, failed, err := rules.Backtest(t.Context(), store, start, start.Add(4*time.Hour), "behind")
	if err != nil || len(failed) > 0 || len(found) != 1 || labelOf(found[0].Labels, "rsi") != "ns2" {
		t.Fatalf("%+v, %v, %v", found, failed, err)
	}
}
