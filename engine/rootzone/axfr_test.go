package rootzone_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
)

// By AXFR from each kind of server comes the zone that the file has.
func TestAXFRFromTheLab(t *testing.T) {
	zones := versions(t, 1)
	s, err := lab.Start(lab.Config{Zone: zones[0]})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	byFile := fetcher(t, zones[0])
	fetch(t, byFile, file(t, text(zones[0].RRs())))
	want := content(t, byFile.Dir)["2026112000.root.txt"]
	for _, rsi := range []measurement.RSI{"a", "b", "c"} {
		f := fetcher(t, zones[0])
		source := rootzone.Source{Label: "lab", AXFR: s.Addr(rsi, measurement.IPv4).String()}
		if r := fetch(t, f, source); !r.Added || r.Source != "lab axfr "+source.AXFR {
			t.Errorf("%s: %+v", rsi, r)
		}
		if content(t, f.Dir)["2026112000.root.txt"] != want {
			t.Errorf("%s: another file than from the text", rsi)
		}
	}
	must(t, s.SetFaults(lab.Fault{Kind: lab.CloseMidMessage}))
	refused(t, fetcher(t, zones[0]), rootzone.Source{Label: "lab", AXFR: s.Addr("a", measurement.IPv4).String()}, rootzone.Unavailable, "no response: ")
}

// scripted is a server that sends these messages to whoever asks, then closes.
func scripted(t testing.TB, messages ...[]byte) rootzone.Source {
	t.Helper()
	return serve(t, func(c net.Conn) {
		for _, m := range messages {
			if _, err := c.Write(framed(m)); err != nil {
				return
			}
		}
	})
}

func framed(m []byte) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...) }

// serve lets f answer each connection once a query has come.
func serve(t testing.TB, f func(net.Conn)) rootzone.Source {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			var length [2]byte
			if _, err := io.ReadFull(c, length[:]); err == nil {
				if _, err := io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint16(length[:]))); err == nil {
					f(c)
				}
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return rootzone.Source{Label: "peer", AXFR: l.Addr().String(), Timeout: 30 * time.Second}
}

const id = 4711

// response is a message of a transfer with these records, changed as wanted.
func response(t testing.TB, rrs []dns.RR, change ...func(*dns.Msg)) []byte {
	t.Helper()
	m := new(dns.Msg)
	m.SetAxfr(".")
	m.Id, m.Response, m.Authoritative, m.Answer, m.Compress = id, true, true, rrs, true
	for _, f := range change {
		f(m)
	}
	wire, err := m.Pack()
	must(t, err)
	return wire
}

// transferOf is a good transfer of records that begin with SOA, a hundred a message,
// the question in the first only.
func transferOf(t testing.TB, rrs []dns.RR) [][]byte {
	t.Helper()
	var messages [][]byte
	for part := range slices.Chunk(append(slices.Clone(rrs), rrs[0]), 100) {
		messages = append(messages, response(t, part, func(m *dns.Msg) {
			if len(messages) > 0 {
				m.Question = nil
			}
		}))
	}
	return messages
}

func withSerial(rr dns.RR, serial uint32) dns.RR {
	soa := dns.Copy(rr).(*dns.SOA)
	soa.Serial = serial
	return soa
}

func TestAXFR(t *testing.T) {
	zones := versions(t, 1)
	f := fetcher(t, zones[0])
	f.ID = func() uint16 { return id }
	rrs := zones[0].RRs()
	extra := response(t, rrs[:2], func(m *dns.Msg) { m.Question = nil })
	for name, messages := range map[string][][]byte{
		"in parts":                transferOf(t, rrs),
		"and something behind it": append(transferOf(t, rrs), extra),
		"with AA clear":           {response(t, append(slices.Clone(rrs), rrs[0]), func(m *dns.Msg) { m.Authoritative = false })},
		"with other sections": {response(t, append(slices.Clone(rrs), rrs[0]), func(m *dns.Msg) {
			m.Ns, m.Extra = rrs[:1], []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: "evil.", Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(127, 0, 0, 1)}}
		})},
	} {
		f.Dir = t.TempDir()
		if r := fetch(t, f, scripted(t, messages...)); !r.Added || r.Serial != 2026112000 {
			t.Errorf("%s: %+v", name, r)
		}
		if strings.Contains(content(t, f.Dir)["2026112000.root.txt"], "evil.") {
			t.Errorf("%s: a record of the additional section was taken", name)
		}
	}
}

func TestAXFRRefuses(t *testing.T) {
	zones := versions(t, 1)
	rrs := zones[0].RRs()
	good := transferOf(t, rrs)
	closed := append(slices.Clone(rrs), rrs[0])
	set := func(f func(*dns.Msg)) [][]byte { return [][]byte{response(t, closed, f)} }
	with := func(rr dns.RR) [][]byte {
		return [][]byte{response(t, slices.Insert(slices.Clone(closed), 5, rr))}
	}
	chaos := dns.Copy(rrs[1])
	chaos.Header().Class = dns.ClassCHAOS
	lies := slices.Clone(good[0])
	binary.BigEndian.PutUint16(lies[6:], 9999)
	for _, c := range []struct {
		name     string
		messages [][]byte
		kind     rootzone.Kind
		want     string
	}{
		{"nothing", nil, rootzone.Unavailable, "no response: EOF"},
		{"REFUSED", set(func(m *dns.Msg) { m.Rcode, m.Answer = dns.RcodeRefused, nil }), rootzone.Unavailable, "rcode REFUSED: the server gives no transfer"},
		{"an rcode without a name", set(func(m *dns.Msg) { m.Rcode = 14 }), rootzone.Unavailable, "rcode 14"},
		{"SERVFAIL midway", append(slices.Clone(good[:1]), response(t, nil, func(m *dns.Msg) { m.Rcode = dns.RcodeServerFailure })), rootzone.Unavailable, "rcode SERVFAIL"},
		{"broken off", good[:len(good)-1], rootzone.Truncated, "the transfer broke off after"},
		{"wrong id", set(func(m *dns.Msg) { m.Id++ }), rootzone.NotZone, "message 1: id 4712, asked with 4711"},
		{"wrong id midway", append(slices.Clone(good[:1]), response(t, rrs[1:], func(m *dns.Msg) { m.Id-- })), rootzone.NotZone, "message 2: id 4710"},
		{"a query", set(func(m *dns.Msg) { m.Response = false }), rootzone.NotZone, "no response to a query"},
		{"a notify", set(func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }), rootzone.NotZone, "no response to a query"},
		{"TC set", set(func(m *dns.Msg) { m.Truncated = true }), rootzone.NotZone, "truncated (TC set)"},
		{"another question", set(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeSOA }), rootzone.NotZone, "another question"},
		{"another zone", set(func(m *dns.Msg) { m.Question[0].Name = "arpa." }), rootzone.NotZone, "another question"},
		{"no question", set(func(m *dns.Msg) { m.Question = nil }), rootzone.NotZone, "0 questions"},
		{"two questions", set(func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }), rootzone.NotZone, "2 questions"},
		{"no records", set(func(m *dns.Msg) { m.Answer = nil }), rootzone.NotZone, "no records"},
		{"counts that lie", [][]byte{lies}, rootzone.NotZone, "message 1: "},
		{"garbage", [][]byte{[]byte("<html>what is DNS?</html>")}, rootzone.NotZone, "message 1: "},
		{"an empty message", [][]byte{{}}, rootzone.NotZone, "message 1: "},
		{"no SOA first", [][]byte{response(t, rrs[1:])}, rootzone.NotZone, "want the SOA record of the root"},
		{"SOA of another zone", [][]byte{response(t, []dns.RR{&dns.SOA{Hdr: dns.RR_Header{Name: "arpa.", Rrtype: dns.TypeSOA, Class: dns.ClassINET}, Ns: ".", Mbox: "."}})}, rootzone.NotZone, "the first record is arpa./SOA"},
		{"two SOA records only", [][]byte{response(t, []dns.RR{rrs[0], rrs[0]})}, rootzone.NotZone, "no NS at the apex"},
		{"one SOA record only", [][]byte{response(t, rrs[:1])}, rootzone.Truncated, "broke off after 1 records"},
		{"the serial changes", with(withSerial(rrs[0], 2026112001)), rootzone.NotZone, "the serial changes from 2026112000 to 2026112001"},
		{"another SOA closes", [][]byte{response(t, append(slices.Clone(rrs), func() dns.RR { soa := dns.Copy(rrs[0]); soa.Header().Ttl++; return soa }()))}, rootzone.NotZone, "the closing SOA record is not the first one"},
		{"records behind", [][]byte{response(t, append(slices.Clone(closed), rrs[1]))}, rootzone.NotZone, "records after the closing SOA record"},
		{"SOA too early", [][]byte{response(t, slices.Concat(rrs[:9], rrs[:1]))}, rootzone.NotZone, "no DNSKEY"},
		{"class CH", with(chaos), rootzone.NotZone, "class CH, want IN"},
		{"OPT as a record", with(&dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT, Class: dns.ClassINET}}), rootzone.NotZone, "./OPT is no record of a zone"},
		{"a TSIG as a record", with(&dns.RFC3597{Hdr: dns.RR_Header{Name: ".", Rrtype: 250, Class: dns.ClassINET}, Rdata: "00"}), rootzone.NotZone, "message 1: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := fetcher(t, zones[0])
			f.ID = func() uint16 { return id }
			refused(t, f, scripted(t, c.messages...), c.kind, c.want)
		})
	}
}

func TestAXFRBounds(t *testing.T) {
	zones := versions(t, 1)
	rrs := zones[0].RRs()
	f := fetcher(t, zones[0])
	f.ID = func() uint16 { return id }
	first, more := response(t, rrs[:1]), response(t, rrs[1:50])
	t.Run("endless", func(t *testing.T) {
		s := serve(t, func(c net.Conn) {
			_, err := c.Write(framed(first))
			for err == nil {
				_, err = c.Write(framed(more))
			}
		})
		s.MaxSize = 1 << 20
		refused(t, f, s, rootzone.TooLarge, "more than 1048576 bytes")
	})
	t.Run("compressed", func(t *testing.T) {
		long := strings.Repeat(strings.Repeat("a", 63)+".", 3)
		var many []dns.RR
		for range 4000 {
			many = append(many, &dns.NS{Hdr: dns.RR_Header{Name: long, Rrtype: dns.TypeNS, Class: dns.ClassINET}, Ns: long})
		}
		bomb := response(t, many)
		s := serve(t, func(c net.Conn) {
			_, err := c.Write(framed(first))
			for err == nil {
				_, err = c.Write(framed(bomb))
			}
		})
		s.MaxSize = 4 << 20
		refused(t, f, s, rootzone.TooLarge, "more than 4194304 bytes of text")
	})
	t.Run("silent", func(t *testing.T) {
		s := serve(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
		s.Timeout = 200 * time.Millisecond
		refused(t, f, s, rootzone.Unavailable, "no whole zone within 200ms")
	})
	t.Run("a message cut short", func(t *testing.T) {
		s := serve(t, func(c net.Conn) { _, _ = c.Write(framed(first)[:40]) })
		refused(t, f, s, rootzone.Unavailable, "unexpected EOF")
	})
	t.Run("nobody there", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		must(t, l.Close())
		refused(t, f, rootzone.Source{Label: "gone", AXFR: l.Addr().String()}, rootzone.Unavailable, "connection refused")
	})
}

// FuzzAXFR feeds a transfer to the fetcher: no answer makes it panic, and none
// brings a zone into the archive that does not prove itself.
func FuzzAXFR(f *testing.F) {
	zones := versions(f, 1)
	var stream []byte
	for _, m := range transferOf(f, zones[0].RRs()) {
		stream = append(stream, framed(m)...)
	}
	f.Add(stream)
	f.Add(stream[:500])
	f.Add(framed([]byte("short")))
	fetcher := fetcher(f, zones[0])
	fetcher.ID = func() uint16 { return id }
	good := fetch(f, fetcher, file(f, text(zones[0].RRs())))
	f.Fuzz(func(t *testing.T, answer []byte) {
		fetcher.Dir = t.TempDir()
		fetcher.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return &replay{Reader: bytes.NewReader(answer)}, nil
		}
		r, err := fetcher.Fetch(context.Background(), []rootzone.Source{{Label: "fuzz", AXFR: "x:53"}})
		if err == nil && r.SHA256 != good.SHA256 {
			t.Errorf("taken: %+v", r)
		}
	})
}

// replay is a connection that answers with what it was given.
type replay struct{ io.Reader }

func (r *replay) Write(b []byte) (int, error)      { return len(b), nil }
func (r *replay) Close() error                     { return nil }
func (r *replay) LocalAddr() net.Addr              { return nil }
func (r *replay) RemoteAddr() net.Addr             { return nil }
func (r *replay) SetDeadline(time.Time) error      { return nil }
func (r *replay) SetReadDeadline(time.Time) error  { return nil }
func (r *replay) SetWriteDeadline(time.Time) error { return nil }

// One fetch of a zone of the real one's size, by AXFR from the lab.
func BenchmarkFetchAXFR(b *testing.B) {
	z, err := lab.Generate(lab.Options{Seed: 1, Serial: 2026112000, Inception: signedAt, Expiration: signedAt.AddDate(0, 0, 14)})
	must(b, err)
	s, err := lab.Start(lab.Config{Zone: z})
	must(b, err)
	b.Cleanup(func() { must(b, s.Close()) })
	f := fetcher(b, z)
	for b.Loop() {
		must(b, os.RemoveAll(f.Dir))
		fetch(b, f, rootzone.Source{Label: "lab", AXFR: s.Addr("b", measurement.IPv4).String()})
	}
}
