package probe_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"

	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/probe"
)

// TestNoShortcuts: queries travel as those of any client do, without a feature
// that makes an answer look faster [zbf]: no multipath TCP, no TCP Fast Open, no
// preferred class of traffic. The environment asks for multipath TCP and the
// server offers it. What is looked at is the socket of each query after its
// answer, so that it does not matter where in the program an option was set.
func TestNoShortcuts(t *testing.T) {
	t.Setenv("GODEBUG", "multipathtcp=1")
	for _, host := range loopback(t) {
		tcp, multipath := serveMultipath(t, host)
		udp := serveUDP(t, host, func(s *net.UDPConn, from netip.AddrPort, q []byte) { send(s, from, pack(good(q))) })
		if !offersMultipath(t, tcp, multipath) {
			t.Log("this kernel has no multipath TCP: that a server is not offered it was not looked at, TestDialer alone holds it")
		}
		for _, q := range []measurement.Query{soaQuery(udp, measurement.UDP), soaQuery(tcp, measurement.TCP)} {
			fd := -1
			p := probe.Prober{Control: func(_, _ string, c syscall.RawConn) (err error) {
				if e := c.Control(func(s uintptr) { fd, err = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 0) }); e != nil {
					return e
				}
				return err
			}}
			r, _ := p.Ask(t.Context(), vp, label, q)
			hold(t, r, want{measurement.Answered, "", 0})
			ordinary(t, fd, q)
			if err := unix.Close(fd); err != nil {
				t.Error(err)
			}
			if r.ConnectUS != nil && <-multipath {
				t.Errorf("%s: the server was asked over multipath TCP", host)
			}
		}
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_FASTOPEN_CONNECT, 1); err != nil {
		t.Logf("this machine allows no TCP Fast Open: that none is asked for shows nothing (%v)", err)
	}
}

// ordinary looks at the socket of a query that was answered. Over UDP alone it
// hears of ICMP errors [dfl]: over TCP a forged one would end the query.
func ordinary(t *testing.T, fd int, q measurement.Query) {
	t.Helper()
	type option struct {
		name          string
		level, number int
		want          int
	}
	protocol, errorsTold := unix.IPPROTO_UDP, 1
	if q.Transport == measurement.TCP {
		protocol, errorsTold = unix.IPPROTO_TCP, 0
	}
	options := []option{
		{"SO_PROTOCOL", unix.SOL_SOCKET, unix.SO_PROTOCOL, protocol},
		{"SO_PRIORITY", unix.SOL_SOCKET, unix.SO_PRIORITY, 0},
		{"SO_TIMESTAMPNS", unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1},
	}
	if q.Family == measurement.IPv4 {
		options = append(options, option{"IP_TOS", unix.IPPROTO_IP, unix.IP_TOS, 0},
			option{"IP_RECVERR", unix.IPPROTO_IP, unix.IP_RECVERR, errorsTold})
	} else {
		options = append(options, option{"IPV6_TCLASS", unix.IPPROTO_IPV6, unix.IPV6_TCLASS, 0},
			option{"IPV6_RECVERR", unix.IPPROTO_IPV6, unix.IPV6_RECVERR, errorsTold})
	}
	if q.Transport == measurement.TCP {
		options = append(options, option{"TCP_FASTOPEN_CONNECT", unix.IPPROTO_TCP, unix.TCP_FASTOPEN_CONNECT, 0},
			option{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 0})
	}
	for _, o := range options {
		if got, err := unix.GetsockoptInt(fd, o.level, o.number); err != nil || got != o.want {
			t.Errorf("%s %s: %s is %d, %v; want %d", q.Family, q.Transport, o.name, got, err, o.want)
		}
	}
	if q.Transport != measurement.TCP {
		return
	}
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		t.Fatal(err)
	}
	// Linux tells of Fast Open in two places: data of the SYN that was acknowledged,
	// and why an attempt came to nothing (two bits that the library does not name).
	const synData, clientFail = 0x20, 0x06
	if fail := unsafe.Slice((*byte)(unsafe.Pointer(info)), 8)[7] & clientFail; info.Options&synData != 0 || fail != 0 {
		t.Errorf("%s: TCP Fast Open was tried: options %#x, failure %d", q.Family, info.Options, fail>>1)
	}
}

// serveMultipath answers plainly on a listener that takes multipath TCP, and
// tells of each connection whether it is one.
func serveMultipath(t *testing.T, host string) (netip.AddrPort, chan bool) {
	t.Helper()
	var lc net.ListenConfig
	lc.SetMultipathTCP(true)
	l, err := lc.Listen(context.Background(), "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	multipath, done := make(chan bool, 8), make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			is, err := c.(*net.TCPConn).MultipathTCP()
			multipath <- is || err != nil
			if q, err := readMessage(c); err == nil {
				c.Write(framed(pack(good(q))))
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	at := l.Addr().(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), multipath
}

// offersMultipath tells whether a client that wants multipath TCP gets it here.
func offersMultipath(t *testing.T, at netip.AddrPort, multipath chan bool) bool {
	t.Helper()
	var d net.Dialer
	d.SetMultipathTCP(true)
	c, err := d.DialContext(t.Context(), "tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return <-multipath
}

// TestOwnConnections: each query over TCP has a connection of its own, which is
// closed after its answer though the server would take another query [zbf].
func TestOwnConnections(t *testing.T) {
	ends, ports := make(chan error, 8), make(chan string, 8)
	at := serveTCP(t, "127.0.0.1", func(s *net.TCPConn, q []byte) {
		ports <- s.RemoteAddr().String()
		s.Write(framed(pack(good(q))))
		s.SetReadDeadline(time.Now().Add(20 * time.Second))
		_, err := readMessage(s)
		ends <- err
	})
	var p probe.Prober
	seen := map[string]bool{}
	for range 3 {
		r, _ := p.Ask(t.Context(), vp, label, soaQuery(at, measurement.TCP))
		hold(t, r, want{measurement.Answered, "", 0})
		seen[<-ports] = true
		if err := <-ends; !errors.Is(err, io.EOF) {
			t.Fatalf("after the answer the server got %v, want the end of the connection", err)
		}
	}
	if len(seen) != 3 {
		t.Errorf("3 queries came over %d connections", len(seen))
	}
}
