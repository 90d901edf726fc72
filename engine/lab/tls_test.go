package lab_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
)

// TestTLS: every RSI answers over TLS as over TCP, by a certificate that can be verified
// by name and by pin, and says who it is in class CH.
func TestTLS(t *testing.T) {
	s, err := lab.Start(lab.Config{Zone: small(t), TLS: true, Versions: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	certificate, err := lab.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	for _, rsi := range lab.Letters {
		for _, family := range measurement.Families {
			at := s.Addr(rsi, family)
			if !at.IsValid() {
				continue // no IPv6 here
			}
			c, err := tls.Dial("tcp", netip.AddrPortFrom(at.Addr(), at.Port()+lab.TLSPorts).String(),
				&tls.Config{ServerName: string(rsi) + ".root-servers.net", RootCAs: roots, NextProtos: []string{"dot"}})
			if err != nil {
				t.Fatal(err)
			}
			if protocol := c.ConnectionState().NegotiatedProtocol; protocol != "dot" {
				t.Errorf("%s: protocol %q", rsi, protocol)
			}
			for name, want := range map[string]string{"id.server.": lab.NSID(rsi), "hostname.bind.": lab.NSID(rsi), "version.bind.": lab.Version(rsi)} {
				q := question(name, dns.TypeTXT)
				q.Question[0].Qclass = dns.ClassCHAOS
				if txt, ok := askOver(t, c, q).Answer[0].(*dns.TXT); !ok || len(txt.Txt) != 1 || txt.Txt[0] != want {
					t.Errorf("%s %s: %v, want %s", rsi, name, txt, want)
				}
			}
			_ = c.Close()
		}
	}
}

func askOver(t *testing.T, c io.ReadWriter, q *dns.Msg) *dns.Msg {
	t.Helper()
	wire, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(wire))), wire...)); err != nil {
		t.Fatal(err)
	}
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(c, answer); err != nil {
		t.Fatal(err)
	}
	a := new(dns.Msg)
	if err := a.Unpack(answer); err != nil {
		t.Fatal(err)
	}
	return a
}
