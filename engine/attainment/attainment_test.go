package attainment_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/attainment"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var (
	day   = time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	until = day.AddDate(0, 0, 1)
)

const zonePlan = `plan "own" {}

schedule "often" {
  every = "5m"
}

server "own" {
  for_each = { ns1 = "192.0.2.1", ns2 = "192.0.2.2", ns3 = "192.0.2.3" }
  rsi      = each.key
  ipv4     = each.value
}

vantage_point "{each.key}" {
  for_each = { 101 = "Nairobi", 102 = "Lagos" }
  region   = "africa"
  metro    = each.value
}

query "apex" {
  schedule   = schedule.often
  servers    = server.own
  qname      = "example."
  qtype      = "SOA"
  transports = ["udp"]
}

zone "example" {
  name    = "example."
  servers = server.own
}

objective "server" {
  queries      = [query.apex]
  window       = "1d"
  availability = 99
  udp          = { percentile = 95, at_most = "50ms" }
  publication  = { percentile = 95, at_most = "15m" }
}

objective "service" {
  queries      = [query.apex]
  per          = "group"
  need         = 2
  window       = "1d"
  availability = 100
}
`

func load(t *testing.T) *plan.Plan {
	t.Helper()
	p, list := plan.Load([]plan.Dir{{Name: "own", FS: fstest.MapFS{"own.hcl": {Data: []byte(zonePlan)}}}}, nil)
	if p == nil {
		t.Fatal(list.Error())
	}
	return p
}

// A day of three servers: ns2 has each new serial twenty minutes late, ns3 is silent for an
// hour, 102 sends nothing in one interval, and in another no clock is synchronised.
func write(t *testing.T, p *plan.Plan) lake.Store {
	t.Helper()
	store := lake.Store{Dir: t.TempDir(), Version: "1"}
	var groups []lake.Group[measurement.Answer]
	var runs []lake.Group[measurement.Run]
	for at := range 288 {
		for _, v := range p.VantagePoints {
			if v.ID == "102" && at == 200 {
				continue
			}
			var rows []measurement.Answer
			for _, s := range p.Servers {
				rows = append(rows, answer(v.ID, at, s))
			}
			groups = append(groups, lake.GroupOf(rows))
			synchronized := at != 12
			runs = append(runs, lake.GroupOf([]measurement.Run{{VantagePoint: v.ID, Interval: rows[0].Interval, ClockSynchronized: &synchronized}}))
		}
	}
	if _, err := lake.Merge(store, day, groups, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := lake.Merge(store, day, runs, nil); err != nil {
		t.Fatal(err)
	}
	if err := store.KeepPlan(p.JSON()); err != nil {
		t.Fatal(err)
	}
	return store
}

func answer(v measurement.VantagePoint, at int, s plan.Server) measurement.Answer {
	label := day.Add(time.Duration(at) * 5 * time.Minute)
	a := measurement.Answer{VantagePoint: v, Interval: label, SentAt: &label, Query: "apex", RSI: s.RSI, Family: measurement.IPv4, Transport: measurement.UDP,
		Address: s.Addresses[0].Address.String(), QName: "example.", QType: "SOA", Outcome: measurement.Answered, Attempts: 1}
	if s.RSI == "ns3" && at >= 120 && at < 132 {
		a.Outcome = measurement.Timeout
		return a
	}
	late := 0
	if s.RSI == "ns2" {
		late = 4
	}
	us, rcode, serial, yes, no := int64(20_000+at), measurement.NoError, int64(100+max(0, at-late)/24), true, false
	a.LatencyUS, a.RCode, a.ZoneSerial, a.AA, a.TC = &us, &rcode, &serial, &yes, &no
	return a
}

func made(t *testing.T) (*attainment.Document, *plan.Plan, lake.Store) {
	t.Helper()
	p := load(t)
	store := write(t, p)
	d, err := attainment.Frame(p, until, until.AddDate(0, 0, 7), "1.0")
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	if err := d.Run(t.Context(), p, store, out, nil); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(out, "objectives-2026-11-29", "internal", "objectives.txt"))
	if err != nil {
		t.Fatal(err)
	}
	file := "testdata/objectives.txt"
	if *update {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(text)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
	return d, p, store
}

func TestReportVerifies(t *testing.T) {
	d, p, store := made(t)
	if d.Count(metrics.Fail) != 2 {
		t.Errorf("%d outcomes fail, want those of ns2 and ns3", d.Count(metrics.Fail))
	}
	var text bytes.Buffer
	if err := d.WriteJSON(&text); err != nil {
		t.Fatal(err)
	}
	read, err := attainment.Read(text.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, given := range []*plan.Plan{nil, p} {
		if _, v, err := attainment.Verify(t.Context(), read, store, given); err != nil || len(v.Differences)+len(v.Late) > 0 {
			t.Errorf("%+v, %v", v, err)
		}
	}
	for name, lie := range map[string]func(*attainment.Document){
		"a verdict":     func(d *attainment.Document) { d.Outcomes[1].Verdict = metrics.Pass },
		"a number":      func(d *attainment.Document) { d.Outcomes[0].Values[0].Good++ },
		"an outcome":    func(d *attainment.Document) { d.Outcomes = d.Outcomes[1:] },
		"a publication": func(d *attainment.Document) { d.Publications[0].T = day },
		"a digest":      func(d *attainment.Document) { d.Digest = "0" },
		"a clock":       func(d *attainment.Document) { d.UntrustedRuns = 0 },
		"a status":      func(d *attainment.Document) { d.Status = "provisional" },
	} {
		lying, err := attainment.Read(text.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		lie(lying)
		if _, v, err := attainment.Verify(t.Context(), lying, store, nil); err != nil || len(v.Differences) == 0 {
			t.Errorf("%s: no difference, %v", name, err)
		}
	}
	read.PlanSHA256 = strings.Repeat("0", 64)
	if _, _, err := attainment.Verify(t.Context(), read, store, nil); err != attainment.ErrNoPlan {
		t.Errorf("without a plan: %v", err)
	}
}

func TestReadRefuses(t *testing.T) {
	for _, text := range []string{"", "{}", `{"schema":"mtric-report/2"}`, `{"schema":"mtric-objectives/1","more":1}`, `{"schema":"mtric-objectives/1"}{}`} {
		if _, err := attainment.Read([]byte(text)); err == nil {
			t.Errorf("%s is read", text)
		}
	}
}

func TestPeriod(t *testing.T) {
	now := time.Date(2026, 11, 30, 5, 0, 0, 0, time.UTC)
	for in, want := range map[string]string{"": "2026-11-30", "2026-11-30": "2026-12-01", "2026-11-01": "2026-11-02", "2026-12-01": "", "2026-11": "", "yesterday": ""} {
		got, err := attainment.Period(in, now)
		if (err == nil) != (want != "") || err == nil && got.Format(time.DateOnly) != want {
			t.Errorf("%q: %v, %v, want %q", in, got, err, want)
		}
	}
	for window, want := range map[string]string{"month": "2026-02-28", "week": "2026-03-24", "28d": "2026-03-03", "1d": "2026-03-30"} {
		if got := (plan.Objective{Window: window}).Span(time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC)); got.Format(time.DateOnly) != want {
			t.Errorf("window %s begins %s, want %s", window, got.Format(time.DateOnly), want)
		}
	}
}
