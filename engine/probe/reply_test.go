package probe_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/probe"
	"mtric.net/mtric/metrics/correctness"
)

// replyOf is a signed answer with one SOA record, as a root server gives it.
func replyOf(t testing.TB) []byte {
	t.Helper()
	m := new(dns.Msg).SetQuestion("Example.", dns.TypeDS)
	m.Response, m.Authoritative, m.Compress = true, true, true
	for _, text := range []string{
		". 86400 IN SOA a.root-servers.net. nstld.verisign-grs.com. 2026112200 1800 900 604800 86400",
		". 86400 IN RRSIG SOA 8 0 86400 20261205050000 20261122040000 61809 . " + sign,
		". 86400 IN NSEC aaa. NS SOA RRSIG NSEC DNSKEY ZONEMD",
		". 86400 IN RRSIG NSEC 8 0 86400 20261205050000 20261122040000 61809 . " + sign,
	} {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		m.Ns = append(m.Ns, rr)
	}
	m.SetEdns0(1220, true)
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID, Nsid: "6e73"}}
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

const sign = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4/QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl9gYWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4A="

// Whatever is cut off or changed, ReadReply ends, and never takes a shorter message for a
// whole one.
func TestReadReplyOfAnything(t *testing.T) {
	wire := replyOf(t)
	r, err := probe.ReadReply(wire)
	if err != nil || r.RCode != "NOERROR" || !r.AA || r.TC || *r.Serial != 2026112200 || *r.NSID != "ns" {
		t.Fatalf("%+v, %v", r, err)
	}
	if !r.Asks("eXAMPLE.", "DS", "") || !r.Asks(`ex\097mple.`, "TYPE43", "") || r.Asks("example.", "NS", "") || r.Asks("example.", "DS", "CH") || r.Asks("examplf.", "DS", "") || r.Asks("x.example.", "DS", "") || r.Asks("example", "DS", "") {
		t.Error("the question")
	}
	for n := range wire {
		if _, err := probe.ReadReply(wire[:n]); err == nil {
			t.Errorf("%d of %d bytes are a whole message", n, len(wire))
		}
	}
	for i := range wire {
		for _, b := range []byte{0, 0xc0, 0xff, wire[i] ^ 1} {
			changed := append([]byte(nil), wire...)
			changed[i] = b
			r, err := probe.ReadReply(changed)
			if err == nil {
				_, _ = r.Question(), r.Asks("example.", "DS", "")
			}
			// What is an answer to the prober is a message to the judge, and the reverse.
			if _, judged := correctness.Inspect(changed); (judged == nil) != (err == nil) {
				t.Errorf("byte %d is %02x: the prober says %v, the judge %v", i, b, err, judged)
			}
		}
	}
}

// A response that programs before schema 2 took for an answer is still one in a row; one
// that they called malformed stays so too, and neither is what it was not.
func TestRowsOfOlderPrograms(t *testing.T) {
	good := replyOf(t)
	r, err := probe.ReadReply(good)
	if err != nil {
		t.Fatal(err)
	}
	// The first record's owner points at the root label at the end of the first signature's
	// signer: ahead of itself.
	ahead := append([]byte(nil), good...)
	question := bytes.Index(ahead, []byte("\x07Example\x00")) + 9 + 4
	zero := bytes.LastIndexByte(ahead, 0)
	forward := slices.Concat(ahead[:question], []byte{0xc0 | byte((zero+1)>>8), byte(zero + 1)}, ahead[question+1:])
	// OPT in the authority section.
	counts := append([]byte(nil), good...)
	counts[9]++
	counts[11]--
	two := append(append([]byte(nil), good...), 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0)
	two[11]++
	for name, c := range map[string]struct {
		wire                []byte
		answered, malformed bool // is a row of that outcome good?
	}{
		"plain":            {good, true, false},
		"pointer ahead":    {forward, true, true},
		"OPT in authority": {counts, true, true},
		"two OPT":          {two, false, true},
		"a byte more":      {append(append([]byte(nil), good...), 0), false, true},
	} {
		a := measurement.Answer{Outcome: measurement.Answered, Transport: measurement.UDP, QName: "example.", QType: "DS", RCode: &r.RCode, AA: &r.AA, TC: &r.TC,
			Serial: r.Serial, NSID: r.NSID, Response: c.wire, ResponseSize: new(int32(len(c.wire)))}
		if err := probe.Contradicted(&a); (err == nil) != c.answered {
			t.Errorf("%s, answered: %v", name, err)
		}
		a.QName, a.Outcome = "Example.", measurement.Malformed
		if err := probe.Contradicted(&a); (err == nil) != c.malformed {
			t.Errorf("%s, malformed: %v", name, err)
		}
	}
}

// BenchmarkContradicted: ingest holds one row in five against its response.
func BenchmarkContradicted(b *testing.B) {
	wire := replyOf(b)
	r, err := probe.ReadReply(wire)
	if err != nil {
		b.Fatal(err)
	}
	a := &measurement.Answer{Outcome: measurement.Answered, QName: "example.", QType: "DS", RCode: &r.RCode, AA: &r.AA, TC: &r.TC,
		Serial: r.Serial, NSID: r.NSID, Response: wire, ResponseSize: new(int32(len(wire)))}
	for b.Loop() {
		if err := probe.Contradicted(a); err != nil {
			b.Fatal(err)
		}
	}
}
