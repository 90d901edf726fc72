package crowd_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/atlas/crowd"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/simulate"
	"mtric.net/mtric/plans"
)

// said is a result as far as these tests read it.
type said struct {
	ID     int     `json:"msm_id"`
	Probe  uint32  `json:"prb_id"`
	At     int64   `json:"timestamp"`
	Stored int64   `json:"stored_timestamp"`
	LTS    float64 `json:"lts"`
	Error  map[string]any
	Result *struct {
		RT   float64
		Abuf string
	}
	answer *dns.Msg
}

// results are those of the SOA and of identities, by firmware that says no retries.
func results(t *testing.T, path string) (all []said) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, `"traceroute"`) {
			continue
		}
		var s said
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatal(err)
		}
		if s.Result != nil {
			wire, err := base64.StdEncoding.DecodeString(s.Result.Abuf)
			if err != nil {
				t.Fatal(err)
			}
			s.answer = new(dns.Msg)
			if s.answer.Unpack(wire) != nil {
				s.answer = nil
			}
		}
		if s.ID > 10000 && s.ID != 30001 && !strings.Contains(line, `"retry"`) {
			all = append(all, s)
		}
	}
	return all
}

// rsi is whom a built-in measurement asks: k's are 10001, 10101, 11001, … and a's end in 09.
func (s said) rsi() measurement.RSI {
	return map[int]measurement.RSI{1: "k", 9: "a"}[s.ID%100]
}

func (s said) soa() *dns.SOA {
	if s.answer == nil || len(s.answer.Answer) != 1 {
		return nil
	}
	soa, _ := s.answer.Answer[0].(*dns.SOA)
	return soa
}

func faults(t *testing.T, text string) []plan.Fault {
	t.Helper()
	known := *thePlan(t)
	known.VantagePoints = []plan.VantagePoint{{ID: "901"}}
	all, l := plan.LoadFaults([]byte(text), "faults.hcl", &known)
	if l.HasErrors() {
		t.Fatal(l.Error())
	}
	return all
}

func thePlan(t *testing.T) *plan.Plan {
	t.Helper()
	fsys, _ := plans.Dir("rssac047")
	p, l := plan.Load([]plan.Dir{{Name: "rssac047", FS: fsys}}, nil)
	if l.HasErrors() {
		t.Fatal(l.Error())
	}
	return p
}

// A lake of ours and a crowd of one seed see one world: each serial comes at the same
// time, and an hour later both have it everywhere.
func TestCrowdAndLakeSeeOneWorld(t *testing.T) {
	c := config(200)
	c.From = time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	c.Until = c.From.Add(4 * time.Hour)
	ours := t.TempDir()
	p := thePlan(t)
	vps, err := simulate.VantagePoints(p, 20)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := simulate.Run(context.Background(), ours, simulate.Config{Plan: p, VantagePoints: vps, From: c.From, Until: c.Until, Seed: c.Seed}); err != nil {
		t.Fatal(err)
	}
	theirs := t.TempDir()
	if _, err := crowd.Run(theirs, c); err != nil {
		t.Fatal(err)
	}
	store := lake.Store{Dir: ours}
	days, err := store.Days(column.Answers, time.Time{}, time.Time{})
	if err != nil || len(days) != 1 {
		t.Fatal(days, err)
	}
	rows, _, err := column.Read[measurement.Answer](days[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	type seen struct{ first, last time.Time }
	see := func(to map[int64]seen, serial int64, at time.Time) {
		s := to[serial]
		if s.first.IsZero() || at.Before(s.first) {
			s.first = at
		}
		if at.After(s.last) {
			s.last = at
		}
		to[serial] = s
	}
	oursSaw, theirsSaw := map[int64]seen{}, map[int64]seen{}
	for _, a := range rows {
		if a.Serial != nil && a.Query == measurement.QuerySOA && (a.RSI == "a" || a.RSI == "k") {
			see(oursSaw, *a.Serial, *a.SentAt)
		}
	}
	for _, s := range results(t, filepath.Join(theirs, crowd.Results)) {
		if soa := s.soa(); soa != nil {
			see(theirsSaw, int64(soa.Serial), time.Unix(s.Stored-90, 0).UTC())
		}
	}
	const older, newer = 2026111901, 2026112000
	if len(oursSaw) != 2 || len(theirsSaw) != 2 {
		t.Fatalf("serials %v and %v", oursSaw, theirsSaw)
	}
	// Two hundred probes ask one a second and RSI: theirs are within a minute of ours, or
	// have a straggler of forty.
	if d := theirsSaw[newer].first.Sub(oursSaw[newer].first); d.Abs() > 5*time.Minute {
		t.Errorf("%d came %s later to the crowd", newer, d)
	}
	published := time.UnixMicro(simulate.Calendar{Seed: c.Seed}.Published(simulate.Calendar{Seed: c.Seed}.Newest(c.Until.UnixMicro()))).UTC()
	for who, all := range map[string]map[int64]seen{"ours": oursSaw, "theirs": theirsSaw} {
		if all[newer].first.Before(published.Add(90*time.Second)) || all[older].last.After(published.Add(time.Hour)) {
			t.Errorf("%s: %v, published %s", who, all, published)
		}
	}
}

// What is planted is there, and nowhere else.
func TestFaultsStrikeWhomTheyName(t *testing.T) {
	c := config(400)
	c.DNSMON = true
	c.Faults = faults(t, `
fault "dead" {
  kind    = "down"
  rsis    = ["k"]
  regions = ["north_america"]
  from    = "2026-11-20T23:00:00Z"
  until   = "2026-11-21T00:00:00Z"
}
fault "old" {
  kind  = "frozen"
  rsis  = ["a"]
  share = 20
  from  = "2026-11-20T12:00:00Z"
}
fault "bad" {
  kind    = "wrong"
  rsis    = ["k"]
  percent = 5
  from    = "2026-11-20"
}
fault "new" {
  kind     = "moved"
  rsis     = ["a"]
  regions  = ["europe"]
  by       = "1ms"
  identity = "pop7.example"
  from     = "2026-11-21T00:00:00Z"
}
fault "ours" {
  kind           = "down"
  vantage_points = ["901"]
  from           = "2026-11-20"
}
`)
	dir := t.TempDir()
	truth, err := crowd.Run(dir, c)
	if err != nil {
		t.Fatal(err)
	}
	region, asn := places(t, dir)
	struck := map[string]crowd.FaultTruth{}
	for _, f := range truth.Faults {
		struck[f.Label] = f
	}
	stale := map[uint32]bool{}
	for _, n := range struck["old"].ASNs {
		stale[n] = true
	}
	bad := map[uint32]bool{}
	for _, list := range [][]uint32{truth.Intercepted, truth.NoIPv6, truth.BadClock} {
		for _, id := range list {
			bad[id] = true
		}
	}
	var good, dead, spared, wrong, moved int
	for _, s := range results(t, filepath.Join(dir, crowd.Results)) {
		if bad[s.Probe] {
			continue
		}
		hour := time.Unix(s.At, 0).UTC().Hour()
		soa := s.soa()
		inAmerica := region[s.Probe] == "US" || region[s.Probe] == "CA"
		inOutage := s.rsi() == "k" && inAmerica && hour == 23
		if s.rsi() == "k" && !inAmerica && hour == 23 && s.answer != nil {
			spared++
		}
		switch {
		case inOutage:
			dead++
			if s.Error["timeout"] == nil {
				t.Fatalf("answered in the outage: %+v", s)
			}
		case soa != nil && s.rsi() == "a" && stale[asn[s.Probe]] != (soa.Serial == 2026112000):
			t.Fatalf("stale network %v, serial %d", stale[asn[s.Probe]], soa.Serial)
		case soa != nil && soa.Minttl != 86400:
			wrong++
			if s.rsi() != "k" {
				t.Fatalf("wrong at %s", s.rsi())
			}
		case soa != nil:
			good++
		case s.answer != nil && s.ID%1000/100 == 3:
			text := s.answer.Answer[0].(*dns.TXT).Txt[0]
			if text == "pop7.example" {
				moved++
			}
		}
	}
	if good < 1000 || dead < 50 || spared < 3*dead || wrong < 20 || moved < 50 {
		t.Errorf("%d good, %d dead, %d spared, %d wrong, %d moved", good, dead, spared, wrong, moved)
	}
	if truth.Incorrect["k"] < int64(wrong) || len(truth.Incorrect) != 1 || struck["ours"].Probes > 0 || struck["ours"].Queries > 0 {
		t.Errorf("%v, %+v", truth.Incorrect, struck["ours"])
	}
}

// A fault changes no result but those that it strikes.
func TestFaultsChangeNothingElse(t *testing.T) {
	lines := func(f []plan.Fault) []string {
		c := config(60)
		c.Faults = f
		dir := t.TempDir()
		if _, err := crowd.Run(dir, c); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, crowd.Results))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(string(text), "\n")
	}
	before, after := lines(nil), lines(faults(t, `
fault "x" {
  kind = "rcode"
  rcode = "REFUSED"
  rsis = ["k"]
  from = "2026-11-20"
}
fault "y" {
  kind = "slow"
  by   = "4s"
  rsis = ["k"]
  from = "2026-11-20"
}
`))
	if len(before) != len(after) {
		t.Fatalf("%d and %d results", len(before), len(after))
	}
	differ := 0
	for i := range before {
		if before[i] != after[i] {
			differ++
			if !strings.Contains(before[i], `"msm_id":1`) || !strings.Contains(before[i], `01,"prb_id"`) {
				t.Fatalf("%s\n%s", before[i], after[i])
			}
		}
	}
	if differ < 100 {
		t.Errorf("%d results differ", differ)
	}
}

func TestFaultsOfOursAlone(t *testing.T) {
	c := config(1)
	c.Faults = faults(t, `fault "x" {
  kind = "future"
  by   = "1h"
  from = "2026-11-20"
}`)
	if err := c.Check(); err == nil || !strings.Contains(err.Error(), `fault "x": no probe of a crowd has a fault of kind future`) {
		t.Error(err)
	}
}

// places are the countries and networks of the probes.
func places(t *testing.T, dir string) (country map[uint32]string, asn map[uint32]uint32) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "probes", "20261120.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		ID      uint32 `json:"id"`
		Country string `json:"country_code"`
		ASN     uint32 `json:"asn_v4"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	country, asn = map[uint32]string{}, map[uint32]uint32{}
	of, size := map[uint32]string{}, map[uint32]int{}
	for _, p := range all {
		country[p.ID], asn[p.ID] = p.Country, p.ASN
		if was := cmp.Or(of[p.ASN], p.Country); was != p.Country {
			t.Errorf("AS%d is in %s and %s", p.ASN, was, p.Country)
		}
		of[p.ASN] = p.Country
		size[p.ASN]++
	}
	largest := 0
	for _, n := range size {
		largest = max(largest, n)
	}
	if largest*len(size) < 3*len(all) {
		t.Errorf("the largest of %d networks has %d of %d probes", len(size), largest, len(all))
	}
	return country, asn
}
