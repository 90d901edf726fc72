package probe_test

import (
	"bytes"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/probe"
)

// TestSourcePort: the row has the port that the server saw, of a query without answer too;
// none over TCP.
func TestSourcePort(t *testing.T) {
	for _, host := range loopback(t) {
		ports := make(chan int32, 1)
		udp := serveUDP(t, host, func(s *net.UDPConn, from netip.AddrPort, q []byte) {
			ports <- int32(from.Port())
			send(s, from, pack(good(q)))
		})
		silent := serveUDP(t, host, func(_ *net.UDPConn, from netip.AddrPort, _ []byte) { ports <- int32(from.Port()) })
		tcp := serveTCP(t, host, func(s *net.TCPConn, q []byte) {
			ports <- int32(s.RemoteAddr().(*net.TCPAddr).AddrPort().Port())
			s.Write(framed(pack(good(q))))
		})
		closing := serveTCP(t, host, func(s *net.TCPConn, _ []byte) { ports <- int32(s.RemoteAddr().(*net.TCPAddr).AddrPort().Port()) })
		for _, q := range []measurement.Query{soaQuery(udp, measurement.UDP), soaQuery(silent, measurement.UDP),
			soaQuery(tcp, measurement.TCP), soaQuery(closing, measurement.TCP)} {
			if q.Port == silent.Port() {
				q.Timeout = 50 * time.Millisecond
			}
			r, _ := new(probe.Prober).Ask(t.Context(), vp, label, q)
			if seen := <-ports; (r.SourcePort != nil) != (q.Transport == measurement.UDP) || r.SourcePort != nil && *r.SourcePort != seen {
				t.Errorf("%s %s %s: source port %v, the server saw %d", host, q.Transport, r.Outcome, r.SourcePort, seen)
			}
		}
		for transport, network := range map[measurement.Transport]string{measurement.UDP: "udp", measurement.TCP: "tcp", measurement.TLS: "tcp"} {
			r, _ := new(probe.Prober).Ask(t.Context(), vp, label, func() measurement.Query {
				q := soaQuery(closedPort(t, host, network), transport)
				q.Timeout = 50 * time.Millisecond
				return q
			}())
			if r.Outcome != measurement.Refused || (r.SourcePort != nil) != (transport == measurement.UDP) || r.SourcePort != nil && *r.SourcePort == 0 {
				t.Errorf("%s %s: %s, source port %v", host, transport, r.Outcome, r.SourcePort)
			}
		}
	}
	// Of a query for which no socket had a port there is none.
	p := probe.Prober{Control: func(string, string, syscall.RawConn) error { return unix.ENETUNREACH }}
	for _, transport := range measurement.Transports {
		r, _ := p.Ask(t.Context(), vp, label, soaQuery(netip.MustParseAddrPort("127.0.0.1:9"), transport))
		if r.SourcePort != nil || r.TCPRetransmits != nil || r.Extra != nil || r.ReplyTTL != nil {
			t.Errorf("%s: facts of a query that was not sent: %+v", transport, r)
		}
	}
}

// TestSources: the run has the local address of each family that was asked.
func TestSources(t *testing.T) {
	var queries []measurement.Query
	hosts := loopback(t)
	for _, host := range hosts {
		queries = append(queries, soaQuery(serveUDP(t, host, func(s *net.UDPConn, from netip.AddrPort, q []byte) { send(s, from, pack(good(q))) }), measurement.UDP))
	}
	want := []*string{new("127.0.0.1"), nil}
	if len(hosts) > 1 {
		want[1] = new("::1")
	}
	result := new(probe.Prober).Run(t.Context(), vp, label, queries)
	if diff := cmp.Diff(want, []*string{result.SourceIPv4, result.SourceIPv6}); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	// A socket of TCP tells it as well, and a run of one family has no other.
	tcp := soaQuery(serveTCP(t, "127.0.0.1", func(s *net.TCPConn, q []byte) { s.Write(framed(pack(good(q)))) }), measurement.TCP)
	result = new(probe.Prober).Run(t.Context(), vp, label, []measurement.Query{tcp})
	if result.SourceIPv4 == nil || *result.SourceIPv4 != "127.0.0.1" || result.SourceIPv6 != nil {
		t.Errorf("sources %v, %v", result.SourceIPv4, result.SourceIPv6)
	}
}

// TestReplyTTL: the row has the TTL or hop limit of the datagram that was the answer, not
// that of a stray before it; of TCP it has none.
func TestReplyTTL(t *testing.T) {
	for _, host := range loopback(t) {
		var mu sync.Mutex
		udp := serveUDP(t, host, func(s *net.UDPConn, from netip.AddrPort, q []byte) {
			mu.Lock()
			defer mu.Unlock()
			setTTL(t, s, 201)
			send(s, from, changed(q, func(m *dns.Msg) { m.Id++ }))
			setTTL(t, s, 37)
			send(s, from, pack(good(q)))
		})
		r, _ := new(probe.Prober).Ask(t.Context(), vp, label, soaQuery(udp, measurement.UDP))
		hold(t, r, want{measurement.Answered, "", 1})
		if r.ReplyTTL == nil || *r.ReplyTTL != 37 || r.TCPRetransmits != nil {
			t.Errorf("%s: reply TTL %v, want 37; retransmits %v", host, r.ReplyTTL, r.TCPRetransmits)
		}
		tcp := serveTCP(t, host, func(s *net.TCPConn, q []byte) { s.Write(framed(pack(good(q)))) })
		r, _ = new(probe.Prober).Ask(t.Context(), vp, label, soaQuery(tcp, measurement.TCP))
		hold(t, r, want{measurement.Answered, "", 0})
		if r.ReplyTTL != nil || r.TCPRetransmits == nil || *r.TCPRetransmits != 0 || r.Extra != nil {
			t.Errorf("%s over TCP: reply TTL %v, retransmits %v, extra %v", host, r.ReplyTTL, r.TCPRetransmits, r.Extra)
		}
	}
}

func setTTL(t *testing.T, s *net.UDPConn, ttl int) {
	raw, err := s.SyscallConn()
	if err != nil {
		t.Error(err)
		return
	}
	level, option := unix.IPPROTO_IP, unix.IP_TTL
	if s.LocalAddr().(*net.UDPAddr).IP.To4() == nil {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS
	}
	if e := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), level, option, ttl) }); e != nil || err != nil {
		t.Error(e, err)
	}
}

// TestRetransmits: a connect that nobody answers is sent again after a second, by every
// kernel (RFC 6298 section 2).
func TestRetransmits(t *testing.T) {
	t.Parallel()
	q := soaQuery(fullBacklog(t, "127.0.0.1"), measurement.TCP)
	q.Timeout = 1900 * time.Millisecond
	r, _ := new(probe.Prober).Ask(t.Context(), vp, label, q)
	hold(t, r, want{measurement.Timeout, "no answer in time", 0})
	if r.TCPRetransmits == nil || *r.TCPRetransmits != 1 {
		t.Errorf("retransmits %v, want 1", r.TCPRetransmits)
	}
}

// TestFirstAttempt: the row of an answer asked again over TCP has the time and, as far as
// the query keeps answers, the wire of the UDP attempt.
func TestFirstAttempt(t *testing.T) {
	truncate := func(q []byte) []byte { return changed(q, func(m *dns.Msg) { m.Truncated, m.Answer = true, nil }) }
	cut := func(q []byte) []byte {
		b := changed(q, func(m *dns.Msg) { m.Truncated = true })
		return b[:len(b)-25]
	}
	for _, c := range []struct {
		name string
		udp  func(q []byte) []byte
		keep measurement.Keep
		kept bool
	}{
		{"without data", truncate, measurement.KeepOdd, true},
		{"cut anywhere", cut, measurement.KeepOdd, true},
		{"always", truncate, measurement.KeepAlways, true},
		{"never", truncate, measurement.KeepNever, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			sent := make(chan []byte, 1)
			at := serveBoth(t, func(s *net.UDPConn, from netip.AddrPort, q []byte) {
				time.Sleep(20 * time.Millisecond)
				first := c.udp(q)
				sent <- first
				send(s, from, first)
			}, func(s *net.TCPConn, q []byte) { s.Write(framed(pack(good(q)))) })
			q := soaQuery(at, measurement.UDP)
			q.RetryTCP, q.Keep = true, c.keep
			r, _ := new(probe.Prober).Ask(t.Context(), vp, label, q)
			hold(t, r, want{measurement.Answered, "", 0})
			if r.Attempts != 2 || r.FirstLatencyUS == nil || *r.FirstLatencyUS <= 0 {
				t.Errorf("%d attempts, first latency %v", r.Attempts, r.FirstLatencyUS)
			}
			first := <-sent
			if kept := bytes.Equal(r.FirstResponse, first); kept != c.kept || !c.kept && r.FirstResponse != nil {
				t.Errorf("first response %x of %x", r.FirstResponse, first)
			}
			if r.ReplyTTL != nil || r.TCPRetransmits == nil || r.SourcePort != nil || r.Extra == nil {
				t.Errorf("facts of the TCP attempt, and what came over UDP: %+v", r)
			}
		})
	}
	for _, first := range [][]byte{{}, make([]byte, 11), make([]byte, 12), {0, 0, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0}} {
		if probe.Contradicted(&measurement.Answer{Outcome: measurement.Timeout, FirstResponse: first}) == nil {
			t.Errorf("asked again over TCP for %x", first)
		}
	}
	plain := serveUDP(t, "127.0.0.1", func(s *net.UDPConn, from netip.AddrPort, q []byte) { send(s, from, pack(good(q))) })
	r, _ := new(probe.Prober).Ask(t.Context(), vp, label, soaQuery(plain, measurement.UDP))
	if r.FirstLatencyUS != nil || r.FirstResponse != nil {
		t.Errorf("an answer that was asked once has a first attempt: %+v", r)
	}
}

// serveBoth serves UDP and TCP on one port of the loopback interface.
func serveBoth(t *testing.T, udp func(*net.UDPConn, netip.AddrPort, []byte), tcp func(*net.TCPConn, []byte)) netip.AddrPort {
	t.Helper()
	for {
		at := serveUDP(t, "127.0.0.1", udp)
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
		if err != nil {
			continue // something else has the port
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				s, err := l.AcceptTCP()
				if err != nil {
					return
				}
				if q, err := readMessage(s); err == nil {
					tcp(s, q)
				}
				s.Close()
			}
		}()
		return at
	}
}

// TestEveryTransportIsAsked: a transport of the vocabulary has a way of asking, and one
// that has none is asked over no other.
func TestEveryTransportIsAsked(t *testing.T) {
	at := serveBoth(t, func(s *net.UDPConn, from netip.AddrPort, q []byte) { send(s, from, pack(good(q))) },
		func(s *net.TCPConn, q []byte) { s.Write(framed(pack(good(q)))) })
	for _, transport := range measurement.Transports {
		r, _ := new(probe.Prober).Ask(t.Context(), vp, label, soaQuery(at, transport))
		hold(t, r, want{measurement.Answered, "", 0})
	}
	q := soaQuery(at, "quic")
	p := probe.Prober{Control: func(network, _ string, _ syscall.RawConn) error {
		t.Errorf("a socket of %s was opened", network)
		return nil
	}}
	r, _ := p.Ask(t.Context(), vp, label, q)
	hold(t, r, want{measurement.LocalError, "unknown transport quic", 0})
	for _, r := range p.Run(t.Context(), vp, label, []measurement.Query{q}).Answers {
		hold(t, r, want{measurement.LocalError, "unknown transport quic", 0})
	}
	r, err := probe.Play(vp, label, q, label, time.Millisecond, strings.NewReader("id"), func([]byte, bool) ([]byte, error) {
		t.Error("a server in memory was asked")
		return nil, nil
	})
	if hold(t, r, want{measurement.LocalError, "unknown transport quic", 0}); err != nil {
		t.Error(err)
	}
}

// sameButPort compares rows without what differs from one socket to the next.
var sameButPort = cmp.Options{cmpopts.IgnoreFields(measurement.Answer{}, "SourcePort", "Extra", "Address"), cmpopts.EquateEmpty()}
