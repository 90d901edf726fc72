package plan_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

const pin = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

// TestWire: each attribute comes into the plan and its JSON, and comes back from there.
func TestWire(t *testing.T) {
	const src = `
server "own" {
  rsi  = "ns1"
  name = "ns1.example."
  ipv4 = "192.0.2.1"
  tls  = { port = 8853, verify = "pin", pins = ["` + pin + `"] }
}

server "other" {
  rsi  = "ns2"
  name = "ns2.example."
  ipv4 = "192.0.2.2"
}

query "wire" {
  schedule          = schedule.interval
  servers           = [server.own, server.other]
  qname             = "id.server."
  qtype             = "TXT"
  class             = "CH"
  transports        = ["tls", "udp"]
  recursion_desired = true
  checking_disabled = true
  authentic_data    = true
  client_subnet     = "2001:db8::/56"
  edns_options      = { 65002 = "0x", 65001 = "0xabcd" }
  random_case       = false
}

query "bare" {
  schedule = schedule.interval
  servers  = server.own
  qname    = "."
  qtype    = "NS"
  edns     = false
}
`
	p, diags := plan.Load([]plan.Dir{demo(t), {Name: "local", FS: fstest.MapFS{"own.hcl": {Data: []byte(src)}}}}, nil)
	if diags.HasErrors() {
		t.Fatal(text(t, diags))
	}
	text := string(p.JSON())
	for _, want := range []string{`"class": "CH"`, `"recursion_desired": true`, `"checking_disabled": true`, `"authentic_data": true`, `"client_subnet": "2001:db8::/56"`,
		`"fixed_case": true`, `"no_edns": true`, `"port": 8853`, `"verify": "pin"`, `"data": "abcd"`} {
		if n := strings.Count(text, want); n != 1 {
			t.Errorf("%s stands %d times in the JSON", want, n)
		}
	}
	again, err := plan.ReadJSON(p.JSON())
	if err != nil || again.SHA256() != p.SHA256() {
		t.Errorf("read again: %v", err)
	}
	q, _ := p.Query("wire")
	if o := q.EDNSOptions; len(o) != 2 || o[0].Code != 65001 || string(o[0].Data) != "\xab\xcd" || o[1].Code != 65002 || len(o[1].Data) != 0 {
		t.Errorf("options %v", o)
	}
	if bare, _ := p.Query("bare"); bare.NSID || bare.DNSSEC || bare.UDPSize != 0 {
		t.Errorf("without EDNS: %+v", bare)
	}
	label := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for rsi, want := range map[measurement.RSI][]string{"ns1": {"ipv4/udp", "ipv4/tls"}, "ns2": {"ipv4/udp"}} {
		var got []string
		i := slices.IndexFunc(p.Servers, func(s plan.Server) bool { return s.RSI == rsi })
		for _, path := range q.PathsTo(p.Servers[i], label) {
			got = append(got, path.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s is asked over %v, want %v", rsi, got, want)
		}
	}
}

// TestPlainWireIsSilent: plans that use none of it have none of it in their JSON, and so
// the hash that they had before there was any.
func TestPlainWireIsSilent(t *testing.T) {
	p, _ := plan.Load([]plan.Dir{demo(t)}, nil)
	for _, key := range []string{"class", "recursion_desired", "checking_disabled", "authentic_data", "no_edns", "client_subnet", "edns_options", "fixed_case", `"tls"`} {
		if strings.Contains(string(p.JSON()), key) {
			t.Errorf("the JSON of the demo has %s", key)
		}
	}
}
