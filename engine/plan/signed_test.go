package plan_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

const anchor = "4711 13 2 49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC1234"

// signed loads the demo plan with more blocks.
func signed(t *testing.T, blocks string) *plan.Plan {
	t.Helper()
	p, l := plan.Load([]plan.Dir{demo(t), {Name: "own", FS: fstest.MapFS{"own.hcl": {Data: []byte(blocks)}}}}, nil)
	if p == nil {
		t.Fatal(l.Error())
	}
	return p
}

const apexQueries = `
query "apex" {
  for_each      = toset(["SOA", "DNSKEY"])
  schedule      = schedule.interval
  servers       = server.root
  qname         = "example."
  qtype         = each.value
  dnssec        = true
  keep_response = "always"
}
`

// TestTrustAnchors: texts and dated objects in any order are the same plan; none at all is
// the plan of before.
func TestTrustAnchors(t *testing.T) {
	zone := func(ds string) string {
		return "zone \"example\" {\n  name = \"example.\"\n  servers = server.root\n" + ds + "\n}\n" + apexQueries
	}
	one := `"` + anchor + `"`
	two := `{ ds = "4712 ` + strings.ToLower(anchor[5:60]) + " " + anchor[60:] + `", valid_from = "2026-03-02", valid_until = "2027-01-01T00:00:00Z" }`
	p, again := signed(t, zone("ds = ["+one+", "+two+"]")), signed(t, zone("ds = ["+two+", "+one+"]"))
	if p.SHA256() != again.SHA256() {
		t.Error("the order of trust anchors changes the hash")
	}
	from, until := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	ds := p.Zones[0].DS
	if len(ds) != 2 || ds[0] != (plan.DS{DS: anchor}) || ds[1].DS != "4712"+anchor[4:] || !ds[1].From.Equal(from) || !ds[1].Until.Equal(until) {
		t.Errorf("trust anchors %+v", ds)
	}
	read, err := plan.ReadJSON(p.JSON())
	if err != nil || read.SHA256() != p.SHA256() {
		t.Errorf("the JSON read again: %v", err)
	}
	for _, wrong := range []string{`"4711 13 2 49FD46E6\n$INCLUDE /etc/passwd"`, `"4711 13 2 49FD"`, `""`} {
		if _, err := plan.ReadJSON([]byte(strings.Replace(string(p.JSON()), `"`+anchor+`"`, wrong, 1))); err == nil {
			t.Errorf("ReadJSON takes the trust anchor %s", wrong)
		}
	}
	none, empty := signed(t, zone("")), signed(t, zone("ds = []"))
	if none.SHA256() != empty.SHA256() || strings.Contains(string(none.JSON()), `"ds": [`) {
		t.Error("a zone without trust anchors has them in its JSON")
	}
}

// TestSignedZone: of which zone an answer is, by name, type and server.
func TestSignedZone(t *testing.T) {
	p := signed(t, `
server "other" {
  rsi  = "n"
  ipv4 = "192.0.2.1"
}
zone "above" {
  name    = "example."
  servers = [server.root, server.other]
  ds      = ["`+anchor+`"]
}
zone "below" {
  name    = "co.example."
  servers = server.root
  ds      = ["`+anchor+`"]
}
zone "bare" {
  name    = "bare.example."
  servers = server.root
}
query "any" {
  schedule      = schedule.interval
  servers       = [server.root, server.other]
  dnssec        = true
  keep_response = "always"
  choose "one" { 
    qname = "<letters:10>.example."
    qtype = "A"
  }
}
query "odd" {
  schedule = schedule.interval
  servers  = server.root
  qname    = "www.example."
  qtype    = "A"
  dnssec   = true
}
`+apexQueries)
	q := func(label string) plan.Query {
		q, ok := p.Query(label)
		if !ok {
			t.Fatalf("no query %s", label)
		}
		return q
	}
	for _, c := range []struct{ label, qname, qtype, rsi, want string }{
		{"any", "Example.", "SOA", "a", "above"},
		{"any", "www.example.", "A", "a", "above"},
		{"any", "notexample.", "A", "a", ""},
		{"any", "www.CO.example.", "A", "a", "below"},
		{"any", "co.example.", "SOA", "a", "below"},
		{"any", "co.example.", "DS", "a", "above"},
		{"any", "example.", "DS", "a", ""},
		{"any", "www.co.example.", "A", "n", "above"}, // which that server is not to have
		{"any", "www.bare.example.", "A", "a", ""},
		{"any", "example.", "SOA", "z", ""},
		{"odd", "www.example.", "A", "a", ""},
		{"soa", "example.", "SOA", "a", ""},
		{"correctness", "example.", "NS", "a", ""},
	} {
		z, ok := p.SignedZones().Of(q(c.label), c.qname, c.qtype, measurement.RSI(c.rsi))
		if ok != (c.want != "") || ok && z.Label != c.want {
			t.Errorf("%+v: zone %q, %v", c, z.Label, ok)
		}
	}
	for label, want := range map[string]bool{"any": true, "odd": false, "soa": false, "apex-SOA": true} {
		if got := p.TellsDNSSEC(q(label)); got != want {
			t.Errorf("TellsDNSSEC(%s) = %v", label, got)
		}
	}
}
