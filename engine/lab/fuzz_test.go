package lab

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/measurement"
)

// FuzzQueries gives hostile queries to RSIs of all flavours, without sockets: a
// right one and one with every fault of messages at once.
func FuzzQueries(f *testing.F) {
	zone, err := Generate(Options{Seed: 1, Serial: 1, TLDs: 10, Inception: time.Unix(0, 0), Expiration: time.Unix(86400, 0)})
	if err != nil {
		f.Fatal(err)
	}
	var faults []Fault
	for _, k := range []Kind{NoSignature, ExpiredSignature, BitFlip, WrongCase, WrongQuestion, AAWrong, SpoofedSecond, WrongIDFirst, Garbage} {
		faults = append(faults, Fault{Kind: k})
	}
	for _, name := range []string{".", "com.", "Us.", "a.\\000b.", "nothing.", "x.arpa."} {
		for _, t := range []uint16{dns.TypeSOA, dns.TypeNS, dns.TypeDS, dns.TypeANY, dns.TypeRRSIG, dns.TypeAXFR, 0, 65535} {
			m := new(dns.Msg)
			m.SetQuestion(name, t)
			m.SetEdns0(700, true)
			wire, err := m.Pack()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(wire)
		}
	}
	for _, text := range []string{"", "123400000001000000000000", "12340000000100000000000041000006", "123400000001000000000000c00c00060001",
		"1234280000010000000000000000060001"} {
		wire, err := hex.DecodeString(text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, query []byte) {
		for i, flavour := range []Flavour{NSD, Knot, BIND} {
			for _, transport := range measurement.MetricTransports {
				for _, faults := range [][]Fault{nil, faults} {
					checkHandled(t, query, zone, flavour, Letters[i], transport, faults)
				}
			}
		}
	})
}

// checkHandled wants silence or messages that a client could read: the query's
// id, and without faults the QR bit, parsable and within the limit.
func checkHandled(t *testing.T, query []byte, zone *Zone, flavour Flavour, rsi measurement.RSI, transport measurement.Transport, faults []Fault) {
	t.Helper()
	s := &System{faults: faults, now: time.Now}
	e := &endpoint{system: s, server: &server{responder: responder{flavour, NSID(rsi), ""}, rsi: rsi}, path: measurement.Path{Family: measurement.IPv4, Transport: transport}}
	e.server.zone.Store(zone)
	d := e.handle(query)
	if d == nil {
		return
	}
	for _, wire := range d.messages {
		if len(wire) > maxMessage || transport == measurement.UDP && len(wire) > ednsSize && faults == nil {
			t.Errorf("%s: %d octets", flavour, len(wire))
		}
		if faults != nil {
			continue
		}
		m := new(dns.Msg)
		if err := m.Unpack(wire); err != nil || !m.Response || wire[0] != query[0] || wire[1] != query[1] {
			t.Errorf("%s: answer %x: %v", flavour, wire, err)
		}
	}
}
