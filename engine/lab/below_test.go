package lab_test

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
)

// belowRoot is a zone below the root, of one serial and of the next.
func belowRoot(t *testing.T) (z, next *lab.Zone) {
	t.Helper()
	o := options(12)
	o.Origin = "example."
	zones, err := lab.Sequence(o, 2)
	if err != nil {
		t.Fatal(err)
	}
	return zones[0], zones[1]
}

// signedBy wants a signature by a key of the zone over every RRset of a section but delegations
// and glue, and says what there was: "NS/example. A/ns1.example.".
func signedBy(t *testing.T, z *lab.Zone, rrs []dns.RR) string {
	t.Helper()
	keys, sets, sigs := map[uint16]*dns.DNSKEY{}, map[string][]dns.RR{}, map[string]*dns.RRSIG{}
	for _, rr := range z.RRs() {
		if k, ok := rr.(*dns.DNSKEY); ok {
			keys[k.KeyTag()] = k
		}
	}
	var order []string
	for _, rr := range rrs {
		if sig, ok := rr.(*dns.RRSIG); ok {
			sigs[dns.TypeToString[sig.TypeCovered]+"/"+sig.Hdr.Name] = sig
			continue
		}
		key := dns.TypeToString[rr.Header().Rrtype] + "/" + rr.Header().Name
		if sets[key] == nil {
			order = append(order, key)
		}
		sets[key] = append(sets[key], rr)
	}
	for key, set := range sets {
		sig := sigs[key]
		switch {
		case sig == nil && strings.HasPrefix(key, "NS/") && key != "NS/example.": // a delegation
		case sig == nil:
			t.Errorf("%s is not signed", key)
		case sig.SignerName != "example." || keys[sig.KeyTag] == nil || sig.Verify(keys[sig.KeyTag], set) != nil:
			t.Errorf("%s: signature %s does not verify", key, sig)
		}
	}
	slices.Sort(order)
	return strings.Join(order, " ")
}

// TestZoneBelowRoot asks the servers of a zone below the root, of each kind of software:
// everything that is the zone's is signed by it, and what is denied is proved.
func TestZoneBelowRoot(t *testing.T) {
	z, next := belowRoot(t)
	if !strings.HasPrefix(z.DS(), "example.\t") {
		t.Errorf("anchor %s", z.DS())
	}
	s := start(t, lab.Config{Zone: z, Servers: lab.ZoneServers("example.")})
	child := z.TLDs()[0]
	for _, rsi := range []measurement.RSI{"ns1", "ns2", "ns3"} {
		for _, c := range []struct {
			name          string
			qtype         uint16
			rcode         int
			aa            bool
			answer, proof string
		}{
			{"example.", dns.TypeSOA, 0, true, "SOA/example.", ""},
			{"example.", dns.TypeNS, 0, true, "NS/example.", ""},
			{"example.", dns.TypeDNSKEY, 0, true, "DNSKEY/example.", ""},
			{"example.", dns.TypeMX, 0, true, "", "NSEC/example. SOA/example."},
			{"ns1.example.", dns.TypeAAAA, 0, true, "AAAA/ns1.example.", ""},
			{"ns4.example.", dns.TypeAAAA, 0, true, "", "NSEC/ns4.example. SOA/example."},
			{"nsx.example.", dns.TypeA, dns.RcodeNameError, true, "", ""},
			{"a.ns1.example.", dns.TypeA, dns.RcodeNameError, true, "", "NSEC/ns1.example. SOA/example."},
			{"www." + child, dns.TypeA, 0, false, "", ""},
			{"com.", dns.TypeNS, dns.RcodeRefused, false, "", ""},
			{".", dns.TypeNS, dns.RcodeRefused, false, "", ""},
		} {
			q := question(c.name, c.qtype)
			a, _ := mustAsk(t, s, rsi, tcp4, q)
			what := fmt.Sprintf("%s %s %s", rsi, c.name, dns.TypeToString[c.qtype])
			if a.Rcode != c.rcode || a.Authoritative != c.aa {
				t.Errorf("%s: %s, AA %v", what, dns.RcodeToString[a.Rcode], a.Authoritative)
			}
			if got := signedBy(t, z, a.Answer); got != c.answer {
				t.Errorf("%s: answer %q, want %q", what, got, c.answer)
			}
			if got := signedBy(t, z, a.Ns); c.proof != "" && got != c.proof {
				t.Errorf("%s: authority %q, want %q", what, got, c.proof)
			}
		}
		if err := s.SetZone(rsi, next); err != nil {
			t.Fatal(err)
		}
		if a, _ := mustAsk(t, s, rsi, tcp4, question("example.", dns.TypeSOA)); serial(t, a) != next.Serial || next.Serial != z.Serial+1 {
			t.Errorf("%s: serial %d after %d", rsi, serial(t, a), z.Serial)
		}
	}
}

// TestZoneServers: two have IPv4 alone, one answers over TLS, and no root server is among them.
func TestZoneServers(t *testing.T) {
	z, _ := belowRoot(t)
	s := start(t, lab.Config{Zone: z, Servers: lab.ZoneServers("example.")})
	for i, g := range s.Servers() {
		at := s.Addr(g.RSI, measurement.IPv4)
		if at != netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 54, byte(i + 1)}), uint16(s.PortBase()+i+1)) || g.Name != string(g.RSI)+".example." {
			t.Errorf("%s is at %s", g.Name, at)
		}
		if six := s.Addr(g.RSI, measurement.IPv6).IsValid(); six != (s.IPv6 && i < 2) {
			t.Errorf("%s: IPv6 %v", g.RSI, six)
		}
		c, err := tls.Dial("tcp", netip.AddrPortFrom(at.Addr(), at.Port()+lab.TLSPorts).String(), &tls.Config{InsecureSkipVerify: true})
		if (err == nil) != (g.RSI == "ns1") {
			t.Errorf("%s over TLS: %v", g.RSI, err)
		}
		if err == nil {
			if name := c.ConnectionState().PeerCertificates[0].VerifyHostname("ns1.example"); name != nil {
				t.Error(name)
			}
			_ = c.Close()
		}
	}
	if s.Addr("a", measurement.IPv4).IsValid() || s.SetFaults(lab.Fault{Kind: lab.Drop, RSIs: []measurement.RSI{"a"}}) == nil {
		t.Error("a is one of the zone's servers")
	}
	setFaults(t, s, lab.Fault{Kind: lab.Drop, RSIs: []measurement.RSI{"ns4"}})
}

// TestImpostor: another one answers with an identity and a version of its own, and knows the zone.
func TestImpostor(t *testing.T) {
	s := start(t, lab.Config{Versions: true, Faults: []lab.Fault{{Kind: lab.Impostor, RSIs: []measurement.RSI{"d"}}}})
	for rsi, want := range map[measurement.RSI][2]string{"c": {lab.NSID("c"), "lab-bind"}, "d": {lab.ImpostorIdentity, lab.ImpostorVersion}} {
		for i, name := range []string{"hostname.bind.", "version.bind."} {
			q := question(name, dns.TypeTXT)
			q.Question[0].Qclass = dns.ClassCHAOS
			if a, _ := mustAsk(t, s, rsi, udp4, q); a.Answer[0].(*dns.TXT).Txt[0] != want[i] {
				t.Errorf("%s %s: %s, want %s", rsi, name, a.Answer[0], want[i])
			}
		}
		a, _ := mustAsk(t, s, rsi, udp4, question(".", dns.TypeSOA))
		if nsid := a.IsEdns0().Option[0].(*dns.EDNS0_NSID).Nsid; nsid != fmt.Sprintf("%x", want[0]) || serial(t, a) != small(t).Serial {
			t.Errorf("%s: NSID %s", rsi, nsid)
		}
	}
}
