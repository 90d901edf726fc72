package probe_test

import (
	"bytes"
	"encoding/hex"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/probe"
)

// record parses one record of a test.
func record(s string) dns.RR {
	rr, err := dns.NewRR(s)
	if err != nil {
		panic(err)
	}
	return rr
}

// TestQuerySent looks at what servers get: id, flags, question, EDNS.
func TestQuerySent(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*measurement.Query)
		want string // the OPT record
	}{
		{"plain", func(q *measurement.Query) { q.NSID, q.UDPSize = false, 0 }, ""},
		{"NSID", func(q *measurement.Query) {}, "00" + "0029" + "04c4" + "00000000" + "0004" + "00030000"},
		{"NSID, no size", func(q *measurement.Query) { q.UDPSize = 0 }, "00" + "0029" + "04c4" + "00000000" + "0004" + "00030000"},
		{"DO", func(q *measurement.Query) { q.DNSSEC, q.UDPSize = true, 4096 }, "00" + "0029" + "1000" + "00008000" + "0004" + "00030000"},
		{"size only", func(q *measurement.Query) { q.NSID = false }, "00" + "0029" + "04c4" + "00000000" + "0000"},
		{"least size", func(q *measurement.Query) { q.NSID, q.UDPSize = false, 1 }, "00" + "0029" + "0001" + "00000000" + "0000"},
	} {
		for _, transport := range measurement.MetricTransports {
			t.Run(c.name+"/"+string(transport), func(t *testing.T) {
				got := make(chan []byte, 1)
				at := netip.AddrPort{}
				if transport == measurement.UDP {
					at = serveUDP(t, "127.0.0.1", func(s *net.UDPConn, from netip.AddrPort, q []byte) { got <- q; send(s, from, pack(good(q))) })
				} else {
					at = serveTCP(t, "127.0.0.1", func(s *net.TCPConn, q []byte) { got <- q; s.Write(framed(pack(good(q)))) })
				}
				q := soaQuery(at, transport)
				c.edit(&q)
				p := probe.Prober{Rand: bytes.NewReader([]byte{0xab, 0xcd})}
				r, _ := p.Ask(t.Context(), vp, label, q)
				hold(t, r, want{measurement.Answered, "", 0})
				arcount := "0000"
				if c.want != "" {
					arcount = "0001"
				}
				wantHex := "abcd" + "0000" + "0001" + "0000" + "0000" + arcount +
					hex.EncodeToString([]byte("\x03www\x10Rssac047-TEST\x0akDxvQoeAfB\x00")) + "00060001" + c.want
				wantHex = replaceLength(wantHex)
				if diff := cmp.Diff(wantHex, hex.EncodeToString(<-got)); diff != "" {
					t.Errorf("query (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// replaceLength puts the true length of the second label of the question.
func replaceLength(s string) string {
	b, _ := hex.DecodeString(s)
	b[16] = byte(len("Rssac047-TEST"))
	return hex.EncodeToString(b)
}

// TestRandomIDs: ids come from the source, differ, and fill both bytes [wsb].
func TestRandomIDs(t *testing.T) {
	ids := make(chan uint16, 64)
	at := serveUDP(t, "127.0.0.1", func(s *net.UDPConn, from netip.AddrPort, q []byte) {
		ids <- uint16(q[0])<<8 | uint16(q[1])
		send(s, from, pack(good(q)))
	})
	var or, and uint16 = 0, 0xffff
	for range 40 {
		new(probe.Prober).Ask(t.Context(), vp, label, soaQuery(at, measurement.UDP))
		id := <-ids
		or, and = or|id, and&id
	}
	if or != 0xffff || and != 0 {
		t.Errorf("some bits of 40 ids never changed: or %04x, and %04x", or, and)
	}
}

// TestRow compares whole rows of replies that are answered.
func TestRow(t *testing.T) {
	serial := int64(soaSerial)
	type row struct {
		RCode  string
		AA, TC bool
		Serial *int64
		NSID   *string
		Kept   bool // under keep "odd"
	}
	plain := row{"NOERROR", true, false, &serial, new(wantNSID), false}
	with := func(f func(*row)) row { r := plain; f(&r); return r }
	nsid := func(hexText string) func(*dns.Msg) {
		return func(m *dns.Msg) {
			m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID, Nsid: hexText}}
		}
	}
	for _, c := range []struct {
		name string
		edit func(*dns.Msg)
		want row
	}{
		{"plain good", func(*dns.Msg) {}, plain},
		{"SERVFAIL", func(m *dns.Msg) { m.Rcode, m.Answer = dns.RcodeServerFailure, nil },
			with(func(r *row) { r.RCode, r.Serial, r.Kept = "SERVFAIL", nil, true })},
		{"REFUSED with an SOA", func(m *dns.Msg) { m.Rcode = dns.RcodeRefused },
			with(func(r *row) { r.RCode, r.Serial, r.Kept = "REFUSED", nil, true })},
		{"NXDOMAIN", func(m *dns.Msg) { m.Rcode, m.Answer, m.Ns = dns.RcodeNameError, nil, m.Answer },
			with(func(r *row) { r.RCode, r.Kept = "NXDOMAIN", true })},
		{"BADVERS", func(m *dns.Msg) { m.Rcode, m.Answer = dns.RcodeBadVers, nil },
			with(func(r *row) { r.RCode, r.Serial, r.Kept = "BADVERS", nil, true })},
		{"unknown rcode", func(m *dns.Msg) { m.Rcode, m.Answer = 3855, nil },
			with(func(r *row) { r.RCode, r.Serial, r.Kept = "RCODE3855", nil, true })},
		{"AA clear", func(m *dns.Msg) { m.Authoritative = false }, with(func(r *row) { r.AA, r.Kept = false, true })},
		{"flags that say nothing here", func(m *dns.Msg) {
			m.Authoritative, m.RecursionDesired, m.RecursionAvailable = false, true, true
			m.Zero, m.AuthenticatedData, m.CheckingDisabled = true, true, true
		}, with(func(r *row) { r.AA, r.Kept = false, true })},
		{"TC, not asked again", func(m *dns.Msg) { m.Truncated = true }, with(func(r *row) { r.TC, r.Kept = true, true })},
		{"empty answer", func(m *dns.Msg) { m.Answer = nil }, with(func(r *row) { r.Serial, r.Kept = nil, true })},
		{"SOA in authority", func(m *dns.Msg) { m.Answer, m.Ns = nil, m.Answer }, plain},
		{"two SOA records", func(m *dns.Msg) {
			m.Answer = append(m.Answer, record(". 1 IN SOA a. b. 2026112201 1 1 1 1"))
		}, with(func(r *row) { r.Serial, r.Kept = nil, true })},
		{"a second SOA elsewhere", func(m *dns.Msg) { m.Ns = []dns.RR{record("com. 1 IN SOA a. b. 1 1 1 1 1")} },
			with(func(r *row) { r.Serial, r.Kept = nil, true })},
		{"SOA of another zone", func(m *dns.Msg) { m.Answer = []dns.RR{record("com. 1 IN SOA a. b. 1 1 1 1 1")} },
			with(func(r *row) { r.Serial, r.Kept = nil, true })},
		{"SOA of another class", func(m *dns.Msg) { m.Answer[0].Header().Class = dns.ClassCHAOS },
			with(func(r *row) { r.Serial, r.Kept = nil, true })},
		{"greatest serial", func(m *dns.Msg) { m.Answer[0].(*dns.SOA).Serial = 4294967295 },
			with(func(r *row) { r.Serial = new(int64(4294967295)) })},
		{"no OPT", func(m *dns.Msg) { m.Extra = nil }, with(func(r *row) { r.NSID = nil })},
		{"OPT without NSID", func(m *dns.Msg) { m.IsEdns0().Option = nil }, with(func(r *row) { r.NSID = nil })},
		{"empty NSID", nsid(""), with(func(r *row) { r.NSID = new("") })},
		{"binary NSID", nsid("00ff41"), with(func(r *row) { r.NSID = new("0x00ff41") })},
		{"NSID that is no UTF-8", nsid("c3"), with(func(r *row) { r.NSID = new("0xc3") })},
		{"NSID of the first and the last printable", nsid("207e"), with(func(r *row) { r.NSID = new(" ~") })},
		{"NSID below the printable", nsid("1f"), with(func(r *row) { r.NSID = new("0x1f") })},
		{"NSID above the printable", nsid("7f"), with(func(r *row) { r.NSID = new("0x7f") })},
		{"NSID after another option", func(m *dns.Msg) {
			m.IsEdns0().Option = append([]dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102030405060708"}}, m.IsEdns0().Option...)
		}, plain},
		{"NSID with a line end", nsid("410a"), with(func(r *row) { r.NSID = new("0x410a") })},
		{"record with one byte of data", func(m *dns.Msg) { m.Ns = []dns.RR{record("x. 1 IN NS .")} }, plain},
		{"unknown type", func(m *dns.Msg) { m.Ns = []dns.RR{record("x. 1 IN TYPE65280 \\# 2 0102")} }, plain},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := serveUDP(t, "127.0.0.1", func(s *net.UDPConn, from netip.AddrPort, q []byte) { send(s, from, changed(q, c.edit)) })
			before := time.Now()
			r, wire := new(probe.Prober).Ask(t.Context(), vp, label, soaQuery(at, measurement.UDP))
			hold(t, r, want{measurement.Answered, "", 0})
			got := row{*r.RCode, *r.AA, *r.TC, r.Serial, r.NSID, r.Response != nil}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("row (-want +got):\n%s", diff)
			}
			if int(*r.ResponseSize) != len(wire) || r.Response != nil && !bytes.Equal(r.Response, wire) {
				t.Errorf("size %d and kept wire of %d bytes, reply %d bytes", *r.ResponseSize, len(r.Response), len(wire))
			}
			if r.SentAt.Location() != time.UTC || r.SentAt.Nanosecond()%1000 != 0 || r.SentAt.Before(before.Add(-time.Millisecond)) || r.SentAt.After(time.Now()) {
				t.Errorf("sent at %v", r.SentAt)
			}
			if *r.LatencyUS < 0 || *r.LatencyUS > time.Since(before).Microseconds() || r.ConnectUS != nil || r.Attempts != 1 {
				t.Errorf("latency %d us, connect %v, attempts %d", *r.LatencyUS, r.ConnectUS, r.Attempts)
			}
			if r.VantagePoint != vp || r.Interval != label || r.Query != "soa" || r.RSI != "a" || r.Family != "ipv4" ||
				r.Transport != "udp" || r.Address != "127.0.0.1" || r.QName != "www.Rssac047-TEST.kDxvQoeAfB." || r.QType != "SOA" {
				t.Errorf("row names another query: %+v", r)
			}
		})
	}
}

func TestKeep(t *testing.T) {
	fine := serveUDP(t, "127.0.0.1", func(s *net.UDPConn, from netip.AddrPort, q []byte) { send(s, from, pack(good(q))) })
	refused := serveUDP(t, "127.0.0.1", func(s *net.UDPConn, from netip.AddrPort, q []byte) {
		send(s, from, changed(q, func(m *dns.Msg) { m.Rcode = dns.RcodeRefused }))
	})
	noSerial := serveUDP(t, "127.0.0.1", func(s *net.UDPConn, from netip.AddrPort, q []byte) {
		send(s, from, changed(q, func(m *dns.Msg) { m.Answer = []dns.RR{record("com. 1 IN NS a.")} }))
	})
	for _, c := range []struct {
		keep  measurement.Keep
		at    netip.AddrPort
		qtype string
		kept  bool
	}{
		{measurement.KeepNever, fine, "SOA", false},
		{measurement.KeepNever, refused, "SOA", false},
		{measurement.KeepOdd, fine, "SOA", false},
		{measurement.KeepOdd, refused, "SOA", true},
		{measurement.KeepOdd, noSerial, "SOA", true},
		{measurement.KeepOdd, noSerial, "NS", false},
		{measurement.KeepAlways, fine, "SOA", true},
	} {
		q := soaQuery(c.at, measurement.UDP)
		q.Keep, q.Type = c.keep, c.qtype
		r, wire := new(probe.Prober).Ask(t.Context(), vp, label, q)
		hold(t, r, want{measurement.Answered, "", 0})
		if (r.Response != nil) != c.kept || wire == nil {
			t.Errorf("keep %q, %s %s: kept %v, handed out %v", c.keep, c.qtype, *r.RCode, r.Response != nil, wire != nil)
		}
	}
}

// TestRetryTCP asks truncated answers again, and only those, and only where the
// query says so [hjw].
func TestRetryTCP(t *testing.T) {
	const tcpRCode = "NXDOMAIN"
	truncate := func(m *dns.Msg) { m.Truncated, m.Answer = true, nil }
	cut := func(q []byte) []byte { // a server that cuts anywhere
		b := changed(q, func(m *dns.Msg) { m.Truncated = true })
		return b[:len(b)-25]
	}
	for _, c := range []struct {
		name   string
		udp    func(q []byte) [][]byte
		tcp    func(s *net.TCPConn, q []byte)
		retry  bool
		want   want
		rcode  string
		asked  int32 // over TCP
		strays int32
	}{
		{"truncated", func(q []byte) [][]byte { return [][]byte{changed(q, truncate)} }, nil, true,
			want{measurement.Answered, "", 0}, tcpRCode, 1, 0},
		{"truncated anywhere", func(q []byte) [][]byte { return [][]byte{cut(q)} }, nil, true,
			want{measurement.Answered, "", 0}, tcpRCode, 1, 0},
		{"strays of the first time", func(q []byte) [][]byte {
			return [][]byte{changed(q, func(m *dns.Msg) { m.Id++ }), changed(q, truncate)}
		}, nil, true, want{measurement.Answered, "", 1}, tcpRCode, 1, 1},
		{"not truncated", func(q []byte) [][]byte { return [][]byte{pack(good(q))} }, nil, true,
			want{measurement.Answered, "", 0}, "NOERROR", 0, 0},
		{"not wanted", func(q []byte) [][]byte { return [][]byte{changed(q, truncate)} }, nil, false,
			want{measurement.Answered, "", 0}, "NOERROR", 0, 0},
		{"TCP closes", func(q []byte) [][]byte { return [][]byte{changed(q, truncate)} }, func(*net.TCPConn, []byte) {}, true,
			want{measurement.Reset, "closed before a whole message", 0}, "", 1, 0},
		{"TC over TCP too", func(q []byte) [][]byte { return [][]byte{changed(q, truncate)} },
			func(s *net.TCPConn, q []byte) { s.Write(framed(changed(q, truncate))) }, true,
			want{measurement.Answered, "", 0}, "NOERROR", 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var asked atomic.Int32
			var at netip.AddrPort
			for { // until one port serves both
				at = serveUDP(t, "127.0.0.1", func(s *net.UDPConn, from netip.AddrPort, q []byte) { send(s, from, c.udp(q)...) })
				l, err := net.Listen("tcp", at.String())
				if err != nil {
					continue
				}
				t.Cleanup(func() { l.Close() })
				go func() {
					for {
						s, err := l.Accept()
						if err != nil {
							return
						}
						asked.Add(1)
						if q, err := readMessage(s); err == nil && c.tcp != nil {
							c.tcp(s.(*net.TCPConn), q)
						} else if err == nil {
							s.Write(framed(changed(q, func(m *dns.Msg) { m.Rcode = dns.RcodeNameError })))
						}
						s.Close()
					}
				}()
				break
			}
			q := soaQuery(at, measurement.UDP)
			q.RetryTCP = c.retry
			r, wire := new(probe.Prober).Ask(t.Context(), vp, label, q)
			hold(t, r, c.want)
			if asked.Load() != c.asked || r.Attempts != 1+c.asked || (r.ConnectUS != nil) != (c.asked == 1) {
				t.Errorf("asked over TCP %d times, attempts %d, connect %v", asked.Load(), r.Attempts, r.ConnectUS)
			}
			if r.Transport != measurement.UDP {
				t.Errorf("transport %s is not the one drawn", r.Transport)
			}
			if c.rcode != "" && (*r.RCode != c.rcode || wire == nil) {
				t.Errorf("rcode %s, want that of the last attempt %s", *r.RCode, c.rcode)
			}
		})
	}
}

// TestLargeAnswers: the longest messages that UDP over IPv4 and TCP can carry
// come through whole, far above the size that we announce.
func TestLargeAnswers(t *testing.T) {
	fill := func(size int) func(*dns.Msg) {
		return func(m *dns.Msg) {
			filler := &dns.NULL{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeNULL, Class: dns.ClassINET}}
			m.Answer = append(m.Answer, filler)
			filler.Data = strings.Repeat("x", size-m.Len())
		}
	}
	const longestUDP, longestTCP = 65507, 65535
	udp := serveUDP(t, "127.0.0.1", func(s *net.UDPConn, from netip.AddrPort, q []byte) { send(s, from, changed(q, fill(longestUDP))) })
	tcp := serveTCP(t, "127.0.0.1", func(s *net.TCPConn, q []byte) { s.Write(framed(changed(q, fill(longestTCP)))) })
	for _, c := range []struct {
		query measurement.Query
		size  int
	}{{soaQuery(udp, measurement.UDP), longestUDP}, {soaQuery(tcp, measurement.TCP), longestTCP}} {
		r, wire := new(probe.Prober).Ask(t.Context(), vp, label, c.query)
		hold(t, r, want{measurement.Answered, "", 0})
		if len(wire) != c.size || *r.Serial != soaSerial {
			t.Errorf("%s: %d bytes of %d, serial %v", r.Transport, len(wire), c.size, r.Serial)
		}
	}
}
