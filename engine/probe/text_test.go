package probe_test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/probe"
)

func TestCheckQuestion(t *testing.T) {
	for _, c := range []struct{ name, qtype, want, mistake string }{
		{".", "SOA", ".", ""},
		{"org", "DS", "org.", ""},
		{"oRg.", "TYPE65534", "oRg.", ""},
		{"org", "SAO", "", `type "SAO"`},
		{"a..b", "NS", "", `name "a..b"`},
		{strings.Repeat("a", 64) + ".", "NS", "", "not a domain name"},
		{"", "NS", "", "not a domain name"},
	} {
		got, err := probe.CheckQuestion(c.name, c.qtype)
		if got != c.want || (err == nil) != (c.mistake == "") || (err != nil && !strings.Contains(err.Error(), c.mistake)) {
			t.Errorf("%q %q: %q, %v", c.name, c.qtype, got, err)
		}
	}
}

func TestText(t *testing.T) {
	m := new(dns.Msg)
	m.SetQuestion("org.", dns.TypeNS)
	m.Answer = []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: "org.", Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: []string{"\x1b[31m"}}}
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	text := probe.Text(wire)
	if !strings.Contains(text, "org.") || !strings.Contains(text, "MSG SIZE") || strings.Contains(text, "\x1b") {
		t.Errorf("text %q", text)
	}
	if text := probe.Text([]byte{1, 2, 3}); !strings.Contains(text, "does not parse") || !strings.Contains(text, "01 02 03") {
		t.Errorf("text %q", text)
	}
}
