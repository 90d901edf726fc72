package lab_test

import (
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/lab"
)

// TestAnswerWithoutSockets asks a zone directly, as the simulator does.
func TestAnswerWithoutSockets(t *testing.T) {
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	z, err := lab.Generate(lab.Options{Seed: 1, Serial: 2026110100, TLDs: 20, Inception: from, Expiration: from.AddDate(0, 0, 14)})
	if err != nil {
		t.Fatal(err)
	}
	secure := z.Secure()
	if len(secure) == 0 || len(secure) > len(z.TLDs()) {
		t.Fatalf("%d of %d are secure", len(secure), len(z.TLDs()))
	}
	q := new(dns.Msg)
	q.SetQuestion(secure[0], dns.TypeDS)
	q.SetEdns0(1220, true)
	wire, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []lab.Flavour{lab.NSD, lab.Knot, lab.BIND} {
		for _, tcp := range []bool{false, true} {
			answer, err := z.Answer(wire, f, "x", tcp)
			var m dns.Msg
			if err != nil || m.Unpack(answer) != nil || len(m.Answer) < 2 || !m.Authoritative {
				t.Errorf("%s tcp=%t: %v %v", f, tcp, err, &m)
			}
		}
	}
	if answer, err := z.Answer([]byte("short"), lab.NSD, "x", false); answer != nil || err != nil {
		t.Errorf("a short message was answered: %x %v", answer, err)
	}
}
