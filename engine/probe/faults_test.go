package probe_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/probe"
	"mtric.net/mtric/metrics/correctness"
)

// loop is a record whose owner points at itself.
func loop(wire []byte) []byte {
	wire = wire[:12+questionLength(wire)]
	binary.BigEndian.PutUint16(wire[10:], 0)
	return append(wire, 0xc0, byte(len(wire)), 0, 6, 0, 1, 0, 0, 0, 0, 0, 0)
}

func questionLength(wire []byte) int {
	off := 12
	for wire[off] != 0 {
		off += 1 + int(wire[off])
	}
	return off + 5 - 12
}

// header is a message of twelve octets with the query's id.
func header(query []byte, flags, rcode byte) []byte {
	return append(query[:2:2], flags, rcode, 0, 0, 0, 0, 0, 0, 0, 0)
}

// faults are replies with one defect each. Over UDP what does not match is a
// stray and what matches but does not parse is malformed; over TCP both are
// malformed.
var faults = []struct {
	name   string
	reply  func(query []byte) []byte
	stray  bool
	reason string // the error over TCP
}{
	{"wrong id", func(q []byte) []byte { return changed(q, func(m *dns.Msg) { m.Id++ }) }, true, "wrong id"},
	{"QR 0", func(q []byte) []byte { return changed(q, func(m *dns.Msg) { m.Response = false }) }, true, "QR is 0"},
	{"QR 0, every other flag", func(q []byte) []byte {
		return bent(q, func(b []byte) []byte { b[2], b[3] = 0x07, 0xf0; return b })
	}, true, "QR is 0"},
	{"opcode 1", func(q []byte) []byte { return changed(q, func(m *dns.Msg) { m.Opcode = dns.OpcodeIQuery }) }, true, "wrong opcode"},
	{"opcode 4", func(q []byte) []byte { return changed(q, func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }) }, true, "wrong opcode"},
	{"opcode 8", func(q []byte) []byte { return changed(q, func(m *dns.Msg) { m.Opcode = 8 }) }, true, "wrong opcode"},
	{"other name", func(q []byte) []byte { return changed(q, func(m *dns.Msg) { m.Question[0].Name = "www." }) }, true, "wrong question"},
	{"letter case lost", func(q []byte) []byte {
		return changed(q, func(m *dns.Msg) { m.Question[0].Name = strings.ToLower(m.Question[0].Name) })
	}, true, "wrong question"},
	{"other type", func(q []byte) []byte { return changed(q, func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeNS }) }, true, "wrong question"},
	{"other class", func(q []byte) []byte {
		return changed(q, func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS })
	}, true, "wrong question"},
	{"no question", func(q []byte) []byte {
		return changed(q, func(m *dns.Msg) { m.Question = nil; m.Rcode = dns.RcodeFormatError })
	}, true, "wrong number of questions"},
	{"two questions", func(q []byte) []byte {
		return changed(q, func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) })
	}, true, "wrong number of questions"},
	{"bare header, NOERROR", func(q []byte) []byte { return header(q, 0x84, dns.RcodeSuccess) }, true, "wrong number of questions"},
	{"bare header, NXDOMAIN", func(q []byte) []byte { return header(q, 0x84, dns.RcodeNameError) }, true, "wrong number of questions"},
	{"bare header, REFUSED", func(q []byte) []byte { return header(q, 0x80, dns.RcodeRefused) }, true, "wrong number of questions"},
	{"bare header, wrong id", func(q []byte) []byte { return header([]byte{q[0], ^q[1]}, 0x80, dns.RcodeFormatError) }, true, "wrong id"},
	{"bare header, QR 0", func(q []byte) []byte { return header(q, 0x00, dns.RcodeFormatError) }, true, "QR is 0"},
	{"bare header, opcode 4", func(q []byte) []byte { return header(q, 0xa0, dns.RcodeNotImplemented) }, true, "wrong opcode"},
	{"bare header that counts a record", func(q []byte) []byte {
		b := header(q, 0x80, dns.RcodeServerFailure)
		b[11] = 1
		return b
	}, true, "wrong number of questions"},
	{"bare header, a byte more", func(q []byte) []byte { return append(header(q, 0x80, dns.RcodeServerFailure), 0) }, true, "wrong number of questions"},
	{"bare header, a byte less", func(q []byte) []byte { return header(q, 0x80, dns.RcodeServerFailure)[:11] }, true, "shorter than a header"},
	{"short", func(q []byte) []byte { return bent(q, func(b []byte) []byte { return b[:11] }) }, true, "shorter than a header"},
	{"question cut", func(q []byte) []byte { return bent(q, func(b []byte) []byte { return b[:20] }) }, true, "wrong question"},
	{"compression loop", func(q []byte) []byte { return bent(q, loop) }, false, "bad record in answer"},
	{"record cut", func(q []byte) []byte { return bent(q, func(b []byte) []byte { return b[:len(b)-1] }) }, false, "bad record in additional"},
	{"counts lie", func(q []byte) []byte {
		return bent(q, func(b []byte) []byte { binary.BigEndian.PutUint16(b[10:], 2); return b })
	}, false, "fewer records than the header counts"},
	{"bare header claims 13", func(q []byte) []byte {
		return bent(q, func(b []byte) []byte { b[7] = 13; return b[:12+questionLength(b)] })
	}, false, "fewer records than the header counts"},
	{"bytes at the end", func(q []byte) []byte { return bent(q, func(b []byte) []byte { return append(b, 0) }) }, false, "bytes after the last record"},
	{"two OPT", func(q []byte) []byte {
		return changed(q, func(m *dns.Msg) { m.Extra = append(m.Extra, m.Extra[0]) })
	}, false, "more than one OPT"},
	{"record cut in authority", func(q []byte) []byte {
		return bent(q, func(b []byte) []byte { b[9]++; return append(b[:len(b)-20], 0xc0) })
	}, false, "bad record in authority"},
	{"SOA without data", func(q []byte) []byte {
		return changed(q, func(m *dns.Msg) {
			m.Answer = []dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeSOA, Class: dns.ClassINET}}}
		})
	}, false, "record without data in answer"},
}

func TestFaultyReplies(t *testing.T) {
	for _, f := range faults {
		t.Run("udp/"+f.name, func(t *testing.T) {
			t.Parallel()
			// The good answer follows: a stray must not keep it away, and what
			// is malformed must not be saved by it.
			at := serveUDP(t, "127.0.0.1", func(c *net.UDPConn, from netip.AddrPort, q []byte) {
				send(c, from, f.reply(q), pack(good(q)))
			})
			r, _ := new(probe.Prober).Ask(t.Context(), vp, label, soaQuery(at, measurement.UDP))
			if f.stray {
				hold(t, r, want{measurement.Answered, "", 1})
			} else {
				hold(t, r, want{measurement.Malformed, f.reason, 0})
			}
			if r.Response == nil {
				t.Error("the wire of an odd answer is not kept")
			}
		})
		t.Run("tcp/"+f.name, func(t *testing.T) {
			t.Parallel()
			at := serveTCP(t, "127.0.0.1", func(c *net.TCPConn, q []byte) { c.Write(framed(f.reply(q))) })
			r, _ := new(probe.Prober).Ask(t.Context(), vp, label, soaQuery(at, measurement.TCP))
			hold(t, r, want{measurement.Malformed, f.reason, 0})
			if r.Response == nil || r.ConnectUS == nil {
				t.Error("the wire of an odd answer or the connect time is not kept")
			}
		})
	}
}

// TestHeaderOnly: an error without question, from the asked address with our id, is the
// answer [doh]; a better one after it comes too late. It contradicts no question.
func TestHeaderOnly(t *testing.T) {
	for rcode, name := range map[byte]string{dns.RcodeFormatError: "FORMERR", dns.RcodeServerFailure: "SERVFAIL", dns.RcodeNotImplemented: "NOTIMP"} {
		udp := serveUDP(t, "127.0.0.1", func(c *net.UDPConn, from netip.AddrPort, q []byte) {
			send(c, from, header(q, 0x84, rcode), pack(good(q)))
		})
		tcp := serveTCP(t, "127.0.0.1", func(c *net.TCPConn, q []byte) { c.Write(framed(header(q, 0x80, rcode))) })
		for _, q := range []measurement.Query{soaQuery(udp, measurement.UDP), soaQuery(tcp, measurement.TCP)} {
			r, wire := new(probe.Prober).Ask(t.Context(), vp, label, q)
			hold(t, r, want{measurement.Answered, "", 0})
			if *r.RCode != name || *r.AA != (q.Transport == measurement.UDP) || *r.TC || r.Serial != nil || r.NSID != nil || len(wire) != 12 || len(r.Response) != 12 {
				t.Errorf("%s %s: %+v", q.Transport, name, r)
			}
			r.QName, r.QType = "com.", "DS"
			check(t, r)
			if r.Outcome, r.LatencyUS, r.RCode, r.AA, r.TC = measurement.Malformed, nil, nil, nil, nil; probe.Contradicted(&r) != nil {
				t.Errorf("a row of a program that took %s for malformed: %v", name, probe.Contradicted(&r))
			}
			r.Outcome, r.Response[3] = measurement.Answered, dns.RcodeRefused
			if err := probe.Contradicted(&r); err == nil || err.Error() != "answered, the response does not parse: question cut off" {
				t.Errorf("REFUSED without question: %v", err)
			}
		}
	}
}

// TestEDNSOptions: whatever is wrong with options that nobody asked for, the answer is
// one (RFC 6891 section 6.1.2), and an identity before them is read.
func TestEDNSOptions(t *testing.T) {
	const nsid = "\x00\x03\x00\x06lax1.a"
	for name, c := range map[string]struct {
		options string
		nsid    string // empty: none
	}{
		"unknown":                  {nsid + "\xfd\xe9\x00\x02ab", wantNSID},
		"client subnet, no family": {nsid + "\x00\x08\x00\x04\xff\xff\x00\x00", wantNSID},
		"client subnet, too short": {nsid + "\x00\x08\x00\x01\x00", wantNSID},
		"cookie of one byte":       {"\x00\x0a\x00\x01x" + nsid, wantNSID},
		"keepalive of three":       {"\x00\x0b\x00\x03xyz" + nsid, wantNSID},
		"cut off":                  {nsid + "\x00\x0a\x00\x09x", wantNSID},
		"cut off in its head":      {nsid + "\x00\x0a\x00", wantNSID},
		"cut off before NSID":      {"\x00\x0a\xff\xff" + nsid, ""},
		"NSID cut off":             {"\x00\x03\x00\x07lax1.a", ""},
		"NSID twice":               {nsid + "\x00\x03\x00\x01x", wantNSID},
	} {
		reply := func(q []byte) []byte {
			b := changed(q, func(m *dns.Msg) { m.IsEdns0().Option = nil })
			return append(append(b[:len(b)-2], 0, byte(len(c.options))), c.options...)
		}
		udp := serveUDP(t, "127.0.0.1", func(s *net.UDPConn, from netip.AddrPort, q []byte) { send(s, from, reply(q)) })
		tcp := serveTCP(t, "127.0.0.1", func(s *net.TCPConn, q []byte) { s.Write(framed(reply(q))) })
		for _, q := range []measurement.Query{soaQuery(udp, measurement.UDP), soaQuery(tcp, measurement.TCP)} {
			q.Keep = measurement.KeepAlways
			r, wire := new(probe.Prober).Ask(t.Context(), vp, label, q)
			hold(t, r, want{measurement.Answered, "", 0})
			if r.Serial == nil || *r.Serial != soaSerial || (r.NSID == nil) != (c.nsid == "") || r.NSID != nil && *r.NSID != c.nsid {
				t.Errorf("%s: %+v", name, r)
			}
			if text := probe.Text(wire); strings.Contains(text, "does not parse") || !strings.Contains(text, "2026112200") {
				t.Errorf("%s: shown as %s", name, text)
			}
			if _, err := correctness.Inspect(wire); err != nil {
				t.Errorf("%s: no message to the judge: %v", name, err)
			}
		}
	}
}

func TestStrayAloneTimesOut(t *testing.T) {
	at := serveUDP(t, "127.0.0.1", func(c *net.UDPConn, from netip.AddrPort, q []byte) {
		wrong := changed(q, func(m *dns.Msg) { m.Id++ })
		send(c, from, wrong, wrong, wrong, wrong, wrong)
	})
	var log strings.Builder
	q := soaQuery(at, measurement.UDP)
	q.Timeout = 200 * time.Millisecond
	p := probe.Prober{Log: newLog(&log)}
	r, wire := p.Ask(t.Context(), vp, label, q)
	hold(t, r, want{measurement.Timeout, "no answer in time", 5})
	if wire != nil {
		t.Error("a stray was handed out as the reply")
	}
	if n := strings.Count(log.String(), "stray datagram"); n != 3 {
		t.Errorf("%d log lines, want the first 3 strays:\n%s", n, &log)
	}
	if want := `msg="stray datagram" query=soa rsi=a family=ipv4 address=127.0.0.1 reason="wrong id" size=`; strings.Count(log.String(), want) != 3 || strings.Count(log.String(), " header=") != 3 {
		t.Errorf("log does not say what was asked of whom and what came:\n%s", &log)
	}
}

// TestOtherSource: only the asked address and port can answer [doh].
func TestOtherSource(t *testing.T) {
	other, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	at := serveUDP(t, "127.0.0.1", func(_ *net.UDPConn, from netip.AddrPort, q []byte) {
		other.WriteTo(pack(good(q)), net.UDPAddrFromAddrPort(from))
	})
	q := soaQuery(at, measurement.UDP)
	q.Timeout = 200 * time.Millisecond
	r, _ := new(probe.Prober).Ask(t.Context(), vp, label, q)
	hold(t, r, want{measurement.Timeout, "no answer in time", 0})
}

// TestSecondAnswer: the first reply that matches is final.
func TestSecondAnswer(t *testing.T) {
	at := serveUDP(t, "127.0.0.1", func(c *net.UDPConn, from netip.AddrPort, q []byte) {
		send(c, from, pack(good(q)), changed(q, func(m *dns.Msg) { m.Rcode = dns.RcodeRefused }))
	})
	r, _ := new(probe.Prober).Ask(t.Context(), vp, label, soaQuery(at, measurement.UDP))
	hold(t, r, want{measurement.Answered, "", 0})
	if *r.RCode != "NOERROR" {
		t.Errorf("rcode %s of the second answer", *r.RCode)
	}
}

// TestAnswerAfterICMP binds the asked port only when the kernel has told the client
// that nobody listens there.
func TestAnswerAfterICMP(t *testing.T) {
	at := closedPort(t, "127.0.0.1", "udp")
	q := soaQuery(at, measurement.UDP)
	clientPort := make(chan netip.AddrPort, 1)
	p := probe.Prober{
		Rand: zeros{}, // the id, so that the late server knows what to answer
		Control: func(_, _ string, c syscall.RawConn) (err error) {
			if e := c.Control(func(fd uintptr) {
				if err = unix.Bind(int(fd), &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
					return
				}
				var sa unix.Sockaddr
				if sa, err = unix.Getsockname(int(fd)); err == nil {
					clientPort <- netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(sa.(*unix.SockaddrInet4).Port))
				}
			}); e != nil {
				return e
			}
			return err
		},
	}
	go func() {
		to := <-clientPort
		time.Sleep(100 * time.Millisecond)
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		query := new(dns.Msg)
		query.SetQuestion(q.Name, dns.TypeSOA)
		query.Id = 0
		send(c, to, pack(good(pack(query))))
	}()
	r, _ := p.Ask(t.Context(), vp, label, q)
	hold(t, r, want{measurement.Answered, "", 0})
	if *r.LatencyUS < 100_000 {
		t.Errorf("latency %d us, but the answer took at least 100 ms", *r.LatencyUS)
	}
}

// TestAskedOnce: a query without an answer is not asked again [xyl] [dks].
func TestAskedOnce(t *testing.T) {
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	q := soaQuery(udp.LocalAddr().(*net.UDPAddr).AddrPort(), measurement.UDP)
	q.Timeout, q.RetryTCP = 200*time.Millisecond, true
	r, _ := new(probe.Prober).Ask(t.Context(), vp, label, q)
	hold(t, r, want{measurement.Timeout, "no answer in time", 0})
	b := make([]byte, 512)
	if _, err := udp.Read(b); err != nil {
		t.Fatal(err)
	}
	udp.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := udp.Read(b); err == nil {
		t.Errorf("a silent server was sent %d bytes more", n)
	}

	// The kernel accepts connections for this listener and nobody answers them.
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	q = soaQuery(tcp.Addr().(*net.TCPAddr).AddrPort(), measurement.TCP)
	q.Timeout = 200 * time.Millisecond
	r, _ = new(probe.Prober).Ask(t.Context(), vp, label, q)
	hold(t, r, want{measurement.Timeout, "no answer in time", 0})
	c, err := tcp.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := readMessage(c); err != nil {
		t.Error(err)
	}
	if more, err := io.ReadAll(c); len(more) > 0 || err != nil {
		t.Errorf("a silent server was sent %x more, %v", more, err)
	}
	tcp.SetDeadline(time.Now().Add(50 * time.Millisecond))
	if c, err := tcp.Accept(); err == nil {
		c.Close()
		t.Error("a silent server got a second connection")
	}
}

// TestResetBeforeTheQuery: the connection stands, and is gone when the query is
// to be written. Whether the kernel knows by then or not, it is a reset.
func TestResetBeforeTheQuery(t *testing.T) {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	readings := 0
	p := probe.Prober{Now: func() time.Time {
		if readings++; readings == 3 { // connected, not yet written
			if c, err := l.AcceptTCP(); err != nil {
				t.Error(err)
			} else {
				c.SetLinger(0)
				c.Close()
			}
			time.Sleep(20 * time.Millisecond)
		}
		return time.Now()
	}}
	r, _ := p.Ask(t.Context(), vp, label, soaQuery(l.Addr().(*net.TCPAddr).AddrPort(), measurement.TCP))
	hold(t, r, want{measurement.Reset, "connection reset", 0})
	if r.ConnectUS == nil {
		t.Error("the time of the connection is not kept")
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }
