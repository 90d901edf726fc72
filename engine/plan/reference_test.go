package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

const own = `
plan "own" {}

schedule "s" {
  every = "5m"
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

server "other" {
  for_each = { ns3 = "192.0.2.3", ns4 = "192.0.2.4" }
  rsi      = each.key
  ipv4     = each.value
}

query "ns" {
  for_each = { tld = "example.", second = "co.example." }
  schedule = schedule.s
  servers  = server.own
  qname    = each.value
  qtype    = "NS"
}
`

func queryTo(servers string) string {
	return own + "query \"q\" {\n  schedule = schedule.s\n  qname = \"example.\"\n  qtype = \"SOA\"\n  servers = " + servers + "\n}\n"
}

// TestServers: however servers are named, the canonical form is one.
func TestServers(t *testing.T) {
	for given, want := range map[string]string{
		`server.own`:                                       "own",
		`[server.own]`:                                     "own",
		`server.own["ns1"]`:                                "own/ns1",
		`server.own.ns2`:                                   "own/ns2",
		`[server.own["ns2"], server.own["ns1"]]`:           "own",
		`[server.own["ns1"], server.other]`:                "other own/ns1",
		`[[server.other, [server.own.ns2]]]`:               "other own/ns2",
		`{ for k, s in server.own : k => s if k != "ns2"}`: "own/ns1",
		`[for k in ["ns1", "ns2"] : server.own[k]]`:        "own",
		`values(server.own)`:                               "own",
		`merge(server.own, server.other)`:                  "other own",
		`true ? server.own : server.other`:                 "own",
		`lookup(server.own, "ns1", server.other["ns3"])`:   "own/ns1",
	} {
		p := load(t, nil, inline("p", queryTo(given)))
		q, _ := p.Query("q")
		if got := strings.Join(q.Servers, " "); got != want {
			t.Errorf("%s is %s, want %s", given, got, want)
		}
	}
	p := load(t, nil, inline("p", queryTo(`[server.own["ns2"], server.other.ns4]`)))
	var rsis []measurement.RSI
	q, _ := p.Query("q")
	for _, s := range p.ServersOf(q.Servers) {
		rsis = append(rsis, s.RSI)
	}
	if !slices.Equal(rsis, []measurement.RSI{"ns4", "ns2"}) {
		t.Errorf("asked are %v", rsis)
	}
}

// TestReferencesToForEach: the blocks that a for_each made are named by their keys, one
// that was laid over another of them included.
func TestReferencesToForEach(t *testing.T) {
	site := inline("site", `query "ns-tld" {
  schedule = schedule.s
  servers  = server.own["ns1"]
  qname    = "example."
  qtype    = "NS"
}
traceroute "t" {
  schedule = schedule.s
  servers  = server.own["ns2"]
  after    = [query.ns["tld"]]
  limit    = "10s"
}
traceroute "u" {
  schedule = schedule.s
  servers  = server.own
  after    = query.ns
  limit    = "10s"
}
traceroute "v" {
  schedule = schedule.s
  servers  = server.own
  after    = [query.ns-second, [query.ns["tld"]]]
  limit    = "10s"
}
traceroute "w" {
  schedule = schedule.s
  servers  = server.own
  limit    = "10s"
}
`)
	p := load(t, nil, inline("p", own), site)
	both := []string{"ns-second", "ns-tld"}
	for i, want := range [][]string{{"ns-tld"}, both, both, both} {
		if got := p.Traceroutes[i].After; !slices.Equal(got, want) {
			t.Errorf("traceroute %s is after %v, want %v", p.Traceroutes[i].Label, got, want)
		}
	}
	if q, _ := p.Query("ns-tld"); !slices.Equal(q.Servers, []string{"own/ns1"}) {
		t.Errorf("laid over, query ns-tld asks %v", q.Servers)
	}
}

// TestNoAddress: what has no address of a family is not planned: neither shown nor drawn
// from (the draw is probe's).
func TestNoAddress(t *testing.T) {
	p := load(t, nil, inline("p", queryTo(`[server.own, server.other]`)))
	if p.Servers[0].Name != "" {
		t.Errorf("a server without name is called %s", p.Servers[0].Name)
	}
	count := map[string]int{}
	for _, l := range plan.Sent(p, time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)) {
		if l.Query == "q" {
			count[string(l.RSI)] += l.Count
		}
	}
	if d := cmp.Diff(map[string]int{"ns1": 2, "ns2": 4, "ns3": 2, "ns4": 2}, count); d != "" {
		t.Errorf("sent (-want +got):\n%s", d)
	}
}

func TestLongNames(t *testing.T) {
	name := strings.Repeat("x", 32)
	p := load(t, nil, inline("p", fmt.Sprintf("plan \"p\" {}\nserver \"s\" {\n  rsi = %q\n  ipv4 = \"192.0.2.1\"\n  sites = [\"lon\", \"fra\"]\n}\n", name)))
	if string(p.Servers[0].RSI) != name || !slices.Equal(p.Servers[0].Sites, []string{"fra", "lon"}) {
		t.Errorf("%+v", p.Servers[0])
	}
}

// TestLines reads files with and without a byte order mark, with line ends of any kind.
func TestLines(t *testing.T) {
	fsys := fstest.MapFS{
		"zones.txt":  {Data: []byte("\ufeff# ours\r\nexample.\r\n\n  co.example. \nlast.")},
		"root.hints": {Data: []byte("\ufeff. 3600000 NS A.ROOT-SERVERS.NET.\r\nA.ROOT-SERVERS.NET. 3600000 A 198.41.0.4\r\n")},
		"a.hcl": {Data: []byte(own + `
query "soa-of" {
  for_each = toset([for z in lines("zones.txt") : replace(z, ".", "_")])
  schedule = schedule.s
  servers  = server.own
  qname    = replace(each.key, "_", ".")
  qtype    = "SOA"
}
server "root" {
  for_each = hints("root.hints")
  rsi      = each.key
  name     = each.value.name
  ipv4     = each.value.ipv4
}
`)},
	}
	p := load(t, nil, plan.Dir{Name: "p", FS: fsys})
	var names []string
	for _, q := range p.Queries {
		if q.QType == "SOA" {
			names = append(names, q.QName)
		}
	}
	if !slices.Equal(names, []string{"co.example.", "example.", "last."}) {
		t.Errorf("names %v", names)
	}
	if len(p.ServersOf([]string{"root"})) != 1 {
		t.Error("no server of the hints file")
	}
	long := strings.Repeat("a.\n", 1001)
	fsys["zones.txt"] = &fstest.MapFile{Data: []byte(long)}
	_, l := plan.Load([]plan.Dir{{Name: "p", FS: fsys}}, nil)
	if !strings.Contains(l.Error(), "zones.txt has 1001 lines") {
		t.Error(l.Error())
	}
	fsys["b.hcl"] = &fstest.MapFile{Data: make([]byte, plan.MaxFileSize+1)}
	_, l = plan.Load([]plan.Dir{{Name: "p", FS: fsys}}, nil)
	if !strings.Contains(text(t, l), "p/b.hcl: cannot be read: larger than 1048576 bytes\nSplit it into several files.") {
		t.Error(text(t, l))
	}
}

const bound = `
vantage_point "101" {
  region = "africa"
  metro  = "Nairobi"
}
vantage_point "301" {
  region = "europe"
  metro  = "Frankfurt"
}
vantage_point "302" {
  region = "europe"
  metro  = "Oslo"
}
schedule "late" {
  every  = "6h"
  offset = "25m"
}
`

// TestAsks: a query that names vantage points or regions is asked by those alone.
func TestAsks(t *testing.T) {
	for attributes, want := range map[string]string{
		``:                         "101 301 302 777",
		`vantage_points = ["301"]`: "301",
		`regions = ["europe"]`:     "301 302",
		"regions = [\"europe\"]\n vantage_points = [\"302\", \"101\"]": "302",
	} {
		src := queryTo("server.own\n" + attributes)
		p := load(t, nil, inline("p", src+bound))
		q, _ := p.Query("q")
		var who []string
		for _, vp := range []measurement.VantagePoint{"101", "301", "302", "777"} {
			if p.Asks(q, vp) {
				who = append(who, string(vp))
			}
			if got := len(p.For(vp).Queries); got != map[bool]int{true: 3, false: 2}[p.Asks(q, vp)] {
				t.Errorf("%q: %s has %d queries", attributes, vp, got)
			}
		}
		if got := strings.Join(who, " "); got != want {
			t.Errorf("%q: asked by %s, want %s", attributes, got, want)
		}
	}
	p, l := plan.Load([]plan.Dir{inline("p", queryTo("server.own\nregions = [\"north_america\"]")+bound)}, nil)
	if p == nil || !strings.Contains(text(t, l), `no vantage point asks query "q"`) {
		t.Errorf("asked by nobody: %s", text(t, l))
	}
}

func TestOffset(t *testing.T) {
	p := load(t, nil, inline("p", own+bound))
	var due []string
	for at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC); at.Day() == 22; at = at.Add(5 * time.Minute) {
		if p.Due("late", at) {
			due = append(due, at.Format("15:04"))
		}
	}
	if !slices.Equal(due, []string{"00:25", "06:25", "12:25", "18:25"}) {
		t.Errorf("due at %v", due)
	}
}
