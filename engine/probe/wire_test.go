package probe_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/probe"
)

// TestWire: what a query asks for is in its message, as a parser of others reads it, and
// nothing else.
func TestWire(t *testing.T) {
	subnet := func(s string) func(q *measurement.Query) {
		return func(q *measurement.Query) { q.Subnet = netip.MustParsePrefix(s) }
	}
	for _, c := range []struct {
		want string
		edit func(q *measurement.Query)
	}{
		{"IN", func(q *measurement.Query) { q.NSID, q.UDPSize = false, 0 }},
		{"CH", func(q *measurement.Query) { q.Class, q.NSID, q.UDPSize = "CH", false, 0 }},
		{"HS rd", func(q *measurement.Query) { q.Class, q.RecursionDesired, q.NSID, q.UDPSize = "HS", true, false, 0 }},
		{"IN cd ad", func(q *measurement.Query) {
			q.CheckingDisabled, q.AuthenticData, q.NSID, q.UDPSize = true, true, false, 0
		}},
		{"IN size 1220 option 3 []", func(q *measurement.Query) { q.NSID, q.UDPSize = true, 0 }},
		{"IN size 4096 do", func(q *measurement.Query) { q.NSID, q.UDPSize, q.DNSSEC = false, 4096, true }},
		{"IN size 1220 option 8 [0 1 24 0 192 0 2]", subnet("192.0.2.0/24")},
		{"IN size 1220 option 8 [0 1 23 0 192 0 2]", subnet("192.0.3.7/23")},
		{"IN size 1220 option 8 [0 1 0 0]", subnet("0.0.0.0/0")},
		{"IN size 1220 option 8 [0 2 56 0 32 1 13 184 0 1 2]", subnet("2001:db8:1:200::/56")},
		{"IN size 1220 option 3 [] option 65001 [171 205] option 65002 []", func(q *measurement.Query) {
			q.NSID, q.Options = true, []measurement.EDNSOption{{Code: 65001, Data: []byte{0xab, 0xcd}}, {Code: 65002}}
		}},
	} {
		asked := make(chan []byte, 1)
		at := serveUDP(t, "127.0.0.1", func(s *net.UDPConn, from netip.AddrPort, query []byte) {
			asked <- query
			send(s, from, pack(good(query)))
		})
		q := soaQuery(at, measurement.UDP)
		q.NSID, q.DNSSEC, q.UDPSize, q.Keep = false, false, 0, measurement.KeepAlways
		c.edit(&q)
		r, _ := new(probe.Prober).Ask(t.Context(), vp, label, q)
		hold(t, r, want{measurement.Answered, "", 0})
		got := <-asked
		if class := r.QClass; (class == nil) != (q.Class == "") || class != nil && *class != q.Class {
			t.Errorf("%s: qclass %v", c.want, class)
		}
		other := r
		if other.QClass = new("CH"); q.Class == "CH" {
			other.QClass = nil
		}
		if err := probe.Contradicted(&other); err == nil || !strings.Contains(err.Error(), "the question is ") {
			t.Errorf("%s: of another class: %v", c.want, err)
		}
		if text := described(t, got); text != c.want {
			t.Errorf("the message is %q, want %q", text, c.want)
		}
	}
}

// described is what a query's message says beside its name and type.
func described(t *testing.T, wire []byte) string {
	t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(wire); err != nil {
		t.Fatal(err)
	}
	words := []string{dns.ClassToString[m.Question[0].Qclass]}
	for _, f := range []struct {
		is   bool
		name string
	}{{m.RecursionDesired, "rd"}, {m.CheckingDisabled, "cd"}, {m.AuthenticatedData, "ad"}, {m.Authoritative, "aa"}} {
		if f.is {
			words = append(words, f.name)
		}
	}
	opt := m.IsEdns0()
	if opt == nil {
		return strings.Join(words, " ")
	}
	words = append(words, fmt.Sprint("size ", opt.UDPSize()))
	if opt.Do() {
		words = append(words, "do")
	}
	// The options as bytes: the library's own reading must not be what tests its writing.
	for rest := wire[len(wire)-optionBytes(t, wire):]; len(rest) > 0; {
		code, n := int(rest[0])<<8|int(rest[1]), int(rest[2])<<8|int(rest[3])
		words = append(words, fmt.Sprintf("option %d %v", code, rest[4:4+n]))
		rest = rest[4+n:]
	}
	return strings.Join(words, " ")
}

// optionBytes is the length of the options of a query, whose OPT record is the last.
func optionBytes(t *testing.T, wire []byte) int {
	for n := 0; n < len(wire)-11; n++ {
		at := len(wire) - n - 11 // root, type, class, TTL, length
		if wire[at] == 0 && wire[at+1] == 0 && wire[at+2] == 41 && int(wire[at+9])<<8|int(wire[at+10]) == n {
			return n
		}
	}
	t.Fatalf("no OPT record at the end of %x", wire)
	return 0
}

// An unknown class is our own mistake.
func TestUnknownClass(t *testing.T) {
	q := soaQuery(netip.MustParseAddrPort("127.0.0.1:9"), measurement.UDP)
	q.Class = "XX"
	r, _ := new(probe.Prober).Ask(t.Context(), vp, label, q)
	if r.Outcome != measurement.LocalError || *r.Error != "unknown class XX" {
		t.Errorf("%s %v", r.Outcome, *r.Error)
	}
}
