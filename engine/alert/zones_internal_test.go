package alert

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// zoneRows are answers of some hours, with all that servers can show.
func zoneRows(r *rand.Rand, p *plan.Plan, labels int) (all []measurement.Answer, sights map[string]map[int64]time.Time) {
	sights = map[string]map[int64]time.Time{"second.example.": {}}
	base := int64(pick(r, 2026112900, 1<<32-2))
	serial := func(n int) int64 { return (base + int64(n)) % (1 << 32) }
	for n := range labels/5 + 1 {
		if r.IntN(3) > 0 {
			sights["second.example."][serial(n)] = start.Add(time.Duration(n)*25*time.Minute - time.Duration(r.IntN(600))*time.Second)
		}
	}
	disorder := r.IntN(2) == 0
	lag := map[string]int{}
	for at := range labels {
		label := start.Add(time.Duration(at) * interval.Length)
		for _, vp := range p.VantagePoints {
			crowd := r.IntN(12) == 0
			for _, q := range p.Queries {
				for _, s := range p.ServersOf(q.Servers) {
					for _, over := range q.Transports {
						if !crowd && r.IntN(8) == 0 {
							continue
						}
						key := string(s.RSI)
						if r.IntN(200) == 0 {
							lag[key] = pick(r, 0, 0, 0, 3, 7)
						}
						a := measurement.Answer{VantagePoint: vp.ID, Interval: label, SentAt: &label, Query: q.Label, RSI: s.RSI, Family: "ipv4", Transport: over, QName: q.QName, QType: "SOA",
							Address: s.Addresses[0].Address.String(), Outcome: measurement.Answered, RCode: new("NOERROR"), LatencyUS: new(int64(900)), Attempts: 1}
						n := serial(max(0, at-lag[key]) / 5)
						switch r.IntN(250) {
						case 0:
							n = serial(9000 + r.IntN(3)) // lone
						case 1, 2:
							n = base
						}
						if disorder && r.IntN(20) == 0 {
							n = (n + 1<<31) % (1 << 32) // in no order
						}
						if crowd {
							n = serial(5000 + r.IntN(1000))
						}
						if a.ZoneSerial = &n; !crowd && r.IntN(6) == 0 {
							a.ZoneSerial = nil
						}
						if q.NSID && r.IntN(5) > 0 {
							a.NSID = new(key + pick(r, ".fra1", ".lon7", ".fra", ".par", ""))
						}
						if !crowd && r.IntN(10) == 0 {
							a = measurement.Answer{VantagePoint: vp.ID, Interval: label, SentAt: &label, Query: q.Label, RSI: s.RSI, Family: "ipv4", Transport: over, QName: q.QName, QType: "SOA",
								Address: a.Address, Outcome: measurement.Timeout, Attempts: 1}
						}
						all = append(all, a)
					}
				}
			}
		}
	}
	column.Sort(all)
	return all, sights
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// zoneTruth is what all combinations of a window share.
type zoneTruth struct {
	window  []measurement.Answer
	crowded map[string]map[int64]bool
	known   map[string]knownSince
	firsts  map[string][]time.Time
}

type knownSince struct {
	at time.Time
	ok bool
}

// zoneBrute is what docs/rules.md says of a window, counted from all rows.
func zoneBrute(memo map[[2]time.Time]*zoneTruth, rows []measurement.Answer, sights map[string]map[int64]time.Time, labels []Label, from, until time.Time) (w Window) {
	truth := memo[[2]time.Time{from, until}]
	if truth == nil {
		truth = &zoneTruth{crowded: map[string]map[int64]bool{}, known: map[string]knownSince{}, firsts: map[string][]time.Time{}}
		memo[[2]time.Time{from, until}] = truth
	}
	zoneOf := map[string]string{"first": "first.example.", "second": "second.example.", "third": "third.example."}
	of := func(a measurement.Answer) bool {
		for _, l := range labels {
			if is := map[string]string{"rsi": string(a.RSI), "vantage_point": string(a.VantagePoint), "query": a.Query}[l.Name]; is != l.Value {
				return false
			}
		}
		return true
	}
	order := func(a, b int64) int { return int(int32(uint32(a) - uint32(b))) }
	crowded := truth.crowded
	run := func(a measurement.Answer) string { return fmt.Sprint(a.VantagePoint, a.Interval, a.Query) }
	shows := func(a measurement.Answer) bool {
		return a.ZoneSerial != nil && (a.Query == "third" || a.RSI != "ns9") && len(crowded[run(a)]) <= 16
	}
	for _, a := range rows {
		if truth.window != nil || a.Interval.Before(from) || !a.Interval.Before(until) {
			continue
		}
		if crowded[run(a)] == nil {
			crowded[run(a)] = map[int64]bool{}
		}
		if a.ZoneSerial != nil && (a.Query == "third" || a.RSI != "ns9") {
			crowded[run(a)][*a.ZoneSerial] = true
		}
	}
	window := truth.window
	for _, a := range rows {
		if truth.window == nil && a.Outcome == measurement.Answered && !a.Interval.Before(from) && a.Interval.Before(until) {
			window = append(window, a)
		}
	}
	truth.window = window
	firsts := func(query string, serial int64, by func(measurement.Answer) string) (all []time.Time) {
		key := fmt.Sprint(query, serial, by(measurement.Answer{RSI: "x"}))
		if all, ok := truth.firsts[key]; ok {
			return all
		}
		defer func() { truth.firsts[key] = all }()
		seen := map[string]bool{}
		for _, a := range window {
			if a.Query == query && shows(a) && *a.ZoneSerial == serial && !seen[by(a)] {
				seen[by(a)] = true
				all = append(all, a.Interval)
			}
		}
		return all
	}
	rsis := func(a measurement.Answer) string { return string(a.RSI) }
	vps := func(a measurement.Answer) string { return string(a.VantagePoint) }
	known := func(query string, serial int64) (at time.Time, ok bool) {
		key := fmt.Sprint(query, serial)
		if k, done := truth.known[key]; done {
			return k.at, k.ok
		}
		defer func() { truth.known[key] = knownSince{at, ok} }()
		if t, ok := sights[zoneOf[query]][serial]; ok && t.Before(until) {
			if t.Before(from) {
				return from, true
			}
			return t, true
		}
		servers := 2
		if query == "third" {
			servers = 1
		}
		x, v := firsts(query, serial, rsis), firsts(query, serial, vps)
		if len(x) < servers || len(v) < 2 {
			return time.Time{}, false
		}
		if v[1].After(x[servers-1]) {
			return v[1], true
		}
		return x[servers-1], true
	}
	served, last := map[string]map[int64]bool{}, map[string]int64{}
	sites, identities := map[string]bool{}, map[string]bool{}
	for _, a := range window {
		if !of(a) {
			continue
		}
		if a.NSID != nil && a.RSI != "ns9" {
			identities[string(a.RSI)] = true
			for _, s := range []string{".fra", ".lon"} {
				if strings.HasPrefix(*a.NSID, string(a.RSI)+s) {
					sites[string(a.RSI)+s] = true
				}
			}
		}
		if !shows(a) {
			continue
		}
		path := fmt.Sprint(a.VantagePoint, a.Query, a.RSI, a.Transport)
		if before, ok := last[path]; ok && order(before, *a.ZoneSerial) > 0 {
			w.SerialBackward++
		}
		last[path] = *a.ZoneSerial
		if served[a.Query] == nil {
			served[a.Query] = map[int64]bool{}
		}
		served[a.Query][*a.ZoneSerial] = true
	}
	w.NSIDsMissing = int64(2*len(identities) - len(sites))
	zones := 0
	var newest []int64
	for query, serials := range served {
		var all []int64
		for s := range serials {
			if _, ok := known(query, s); ok {
				all = append(all, s)
			} else if query != "third" && len(firsts(query, s, rsis)) == 1 {
				w.LoneSerials++
			}
		}
		if len(all) > 0 {
			zones++
		}
		for _, s := range all {
			if slices.ContainsFunc(all, func(o int64) bool { return o != s && order(s, o) <= 0 }) {
				continue
			}
			newest = append(newest, s)
			lag := 0.0
			candidates := map[int64]bool{}
			for o := range sights[zoneOf[query]] {
				candidates[o] = true
			}
			for _, a := range window {
				if a.Query == query && shows(a) {
					candidates[*a.ZoneSerial] = true
				}
			}
			for o := range candidates {
				if t, ok := known(query, o); ok && order(o, s) > 0 {
					lag = max(lag, until.Sub(t).Minutes())
				}
			}
			if w.ZoneLag == nil || lag > *w.ZoneLag {
				w.ZoneLag = &lag
			}
		}
	}
	if zones == 1 && len(newest) == 1 {
		w.ZoneSerial = &newest[0]
	}
	return w
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
