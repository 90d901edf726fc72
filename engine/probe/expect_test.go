package probe_test

import (
	"bytes"
	"reflect"
	"testing"
	"testing/fstest"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/expect"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/probe"
)

const expecting = `
plan "p" {}
schedule "often" { every = "5m" }
server "own" {
  rsi  = "a"
  name = "a.example."
  ipv4 = "192.0.2.1"
}
query "q" {
  schedule = schedule.often
  servers  = server.own
  qname    = "example."
  qtype    = "A"
  expect   = "answer.rcode == 'NXDOMAIN' && int(answer.records('authority', 'TXT')[0].text) == 1"
}
`

// TestExpected: the row says what is expected, what is not keeps its response, and the
// collector, which has the plan's JSON and the row alone, comes to the same.
func TestExpected(t *testing.T) {
	p, l := plan.Load([]plan.Dir{{Name: "plan", FS: fstest.MapFS{"a.hcl": {Data: []byte(expecting)}}}}, nil)
	if p == nil {
		t.Fatal(l.Error())
	}
	x, l := expect.Compile(p)
	if x == nil {
		t.Fatal(l.Error())
	}
	sent, err := plan.ReadJSON(p.JSON())
	if err != nil {
		t.Fatal(err)
	}
	collectors := expect.Of(sent)
	for _, c := range []struct {
		name, label string
		rcode       int
		txt         string
		expected    *bool
		why         string
		kept        bool
	}{
		{"as expected", "q", dns.RcodeNameError, "1", new(true), "", false},
		{"another rcode", "q", dns.RcodeSuccess, "1", new(false), "", true},
		{"another text", "q", dns.RcodeNameError, "2", new(false), "", true},
		{"no number", "q", dns.RcodeNameError, "x", new(false), "expect: type conversion error from 'string' to 'int'", true},
		{"no record", "q", dns.RcodeNameError, "", new(false), "expect: index out of bounds: 0", true},
		{"another query", "r", dns.RcodeNameError, "1", nil, "", true},
		{"another query, good", "r", dns.RcodeSuccess, "1", nil, "", false},
		{"silence", "q", -1, "", nil, "no answer in time", false},
	} {
		q := measurement.Query{Label: c.label, RSI: "a", Family: measurement.IPv4, Transport: measurement.UDP, Name: "eXample.", Type: "A", Timeout: time.Second, Keep: measurement.KeepOdd}
		server := func(query []byte, _ bool) ([]byte, error) {
			m := new(dns.Msg)
			if err := m.Unpack(query); err != nil || c.rcode < 0 {
				return nil, err
			}
			m.Response, m.Authoritative, m.Rcode = true, true, c.rcode
			if c.txt != "" {
				m.Ns = []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: "example.", Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: []string{c.txt}}}
			}
			return m.Pack()
		}
		a, err := probe.Play("101", label, q, label, time.Millisecond, bytes.NewReader([]byte{1, 2}), server, x)
		if err != nil {
			t.Fatal(err)
		}
		why := ""
		if a.Error != nil {
			why = *a.Error
		}
		if !reflect.DeepEqual(a.Expected, c.expected) || why != c.why || (a.Response != nil) != c.kept {
			t.Errorf("%s: expected %v, error %q, kept %t", c.name, a.Expected, why, a.Response != nil)
		}
		if err := probe.Contradicted(&a); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if a.Response == nil {
			continue
		}
		if met, err := collectors.Meets(&a, a.Response); err != nil || !reflect.DeepEqual(met.Expected, a.Expected) || c.expected != nil && met.Why != why {
			t.Errorf("%s: the collector says %+v, %v", c.name, met, err)
		}
	}
}
