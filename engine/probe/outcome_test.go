package probe_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/probe"
)

// check holds a row to the contract that every row keeps.
func check(t *testing.T, r measurement.Answer) {
	t.Helper()
	answered, local := r.Outcome == measurement.Answered, r.Outcome == measurement.LocalError
	if (r.SentAt == nil) != local || r.SentAt != nil && r.SentAt.IsZero() {
		t.Errorf("sent_at %v with outcome %s", r.SentAt, r.Outcome)
	}
	if (r.LatencyUS != nil) != answered || (r.RCode != nil) != answered || (r.AA != nil) != answered || (r.TC != nil) != answered {
		t.Errorf("latency, rcode or flags do not fit outcome %s", r.Outcome)
	}
	if (r.Error == nil) != answered {
		t.Errorf("error %v with outcome %s", r.Error, r.Outcome)
	}
	if r.Verdict != nil || r.VerdictSerial != nil || len(r.Failures) > 0 {
		t.Error("a vantage point judges nothing")
	}
	if r.Response != nil && (r.ResponseSize == nil || int(*r.ResponseSize) != len(r.Response)) {
		t.Error("response without its size")
	}
	if err := probe.Contradicted(&r); err != nil {
		t.Errorf("what the prober wrote contradicts itself: %v", err)
	}
}

// want is what a case expects of its row.
type want struct {
	outcome measurement.Outcome
	err     string
	strays  int32
}

func hold(t *testing.T, r measurement.Answer, w want) {
	t.Helper()
	check(t, r)
	text := ""
	if r.Error != nil {
		text = *r.Error
	}
	if r.Outcome != w.outcome || text != w.err || r.Strays != w.strays {
		t.Errorf("got %s %q, %d strays; want %s %q, %d", r.Outcome, text, r.Strays, w.outcome, w.err, w.strays)
	}
}

// TestCauses makes each failure happen for real and looks at its outcome.
func TestCauses(t *testing.T) {
	for _, host := range loopback(t) {
		t.Run(host, func(t *testing.T) {
			causes(t, host)
		})
	}
	// No route: the socket may use the loopback interface only, where nothing
	// leads to the documentation prefix; a machine without IPv6 has no such
	// address family, which is the same outcome.
	noRoute := probe.Prober{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if e := c.Control(func(fd uintptr) {
			err = unix.SetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE, "lo")
		}); e != nil {
			return e
		}
		return err
	}}
	for _, transport := range measurement.Transports {
		t.Run("no IPv6 route/"+string(transport), func(t *testing.T) {
			r, _ := noRoute.Ask(t.Context(), vp, label, soaQuery(netip.MustParseAddrPort("[2001:db8::1]:53"), transport))
			hold(t, r, want{measurement.Unreachable, *r.Error, 0})
			if *r.Error != "network unreachable" && *r.Error != "no local address of that family" {
				t.Errorf("error %q", *r.Error)
			}
		})
	}
}

func causes(t *testing.T, host string) {
	silentUDP := serveUDP(t, host, func(*net.UDPConn, netip.AddrPort, []byte) {})
	lateUDP := serveUDP(t, host, func(c *net.UDPConn, from netip.AddrPort, q []byte) {
		time.Sleep(400 * time.Millisecond)
		send(c, from, pack(good(q)))
	})
	tcp := func(f func(c *net.TCPConn, q []byte)) netip.AddrPort { return serveTCP(t, host, f) }
	for _, c := range []struct {
		name      string
		transport measurement.Transport
		at        netip.AddrPort
		want      want
	}{
		{"silence", measurement.UDP, silentUDP, want{measurement.Timeout, "no answer in time", 0}},
		{"late answer", measurement.UDP, lateUDP, want{measurement.Timeout, "no answer in time", 0}},
		{"ICMP port unreachable", measurement.UDP, closedPort(t, host, "udp"), want{measurement.Refused, "connection refused", 0}},
		{"RST to connect", measurement.TCP, closedPort(t, host, "tcp"), want{measurement.Refused, "connection refused", 0}},
		{"connect hangs", measurement.TCP, fullBacklog(t, host), want{measurement.Timeout, "no answer in time", 0}},
		{"silence", measurement.TCP, tcp(func(*net.TCPConn, []byte) { time.Sleep(400 * time.Millisecond) }),
			want{measurement.Timeout, "no answer in time", 0}},
		{"half an answer", measurement.TCP, tcp(func(c *net.TCPConn, q []byte) {
			c.Write(framed(pack(good(q)))[:30])
			time.Sleep(400 * time.Millisecond)
		}), want{measurement.Timeout, "no answer in time", 0}},
		{"RST after connect", measurement.TCP, tcp(func(c *net.TCPConn, _ []byte) { c.SetLinger(0) }),
			want{measurement.Reset, "connection reset", 0}},
		{"closed at once", measurement.TCP, tcp(func(*net.TCPConn, []byte) {}),
			want{measurement.Reset, "closed before a whole message", 0}},
		{"closed in the length", measurement.TCP, tcp(func(c *net.TCPConn, _ []byte) { c.Write([]byte{0}) }),
			want{measurement.Reset, "closed before a whole message", 0}},
		{"closed mid-message", measurement.TCP, tcp(func(c *net.TCPConn, q []byte) { c.Write(framed(pack(good(q)))[:30]) }),
			want{measurement.Reset, "closed before a whole message", 0}},
		{"length 0", measurement.TCP, tcp(func(c *net.TCPConn, _ []byte) { c.Write([]byte{0, 0}) }),
			want{measurement.Malformed, "message of length 0", 0}},
		{"two messages", measurement.TCP, tcp(func(c *net.TCPConn, q []byte) {
			c.Write(append(framed(pack(good(q))), framed(changed(q, func(m *dns.Msg) { m.Id++ }))...))
		}), want{measurement.Answered, "", 0}},
		{"byte by byte", measurement.TCP, tcp(func(c *net.TCPConn, q []byte) {
			for _, b := range framed(pack(good(q))) {
				c.Write([]byte{b})
			}
		}), want{measurement.Answered, "", 0}},
		{"answer, then RST", measurement.TCP, tcp(func(c *net.TCPConn, q []byte) {
			c.Write(framed(pack(good(q))))
			time.Sleep(50 * time.Millisecond)
			c.SetLinger(0)
		}), want{measurement.Answered, "", 0}},
	} {
		t.Run(fmt.Sprintf("%s/%s", c.transport, c.name), func(t *testing.T) {
			t.Parallel()
			q := soaQuery(c.at, c.transport)
			if c.want.outcome != measurement.Answered {
				q.Timeout = 250 * time.Millisecond
			}
			r, _ := new(probe.Prober).Ask(t.Context(), vp, label, q)
			hold(t, r, c.want)
		})
	}
}

// fullBacklog listens and never accepts: once its queue is full the kernel
// drops the SYN, as an overrun server does.
func fullBacklog(t *testing.T, host string) netip.AddrPort {
	t.Helper()
	family, bind := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	if strings.Contains(host, ":") {
		family, bind = unix.AF_INET6, &unix.SockaddrInet6{Addr: netip.MustParseAddr(host).As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmpErr(unix.Bind(fd, bind), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "backlog")
	l, err := net.FileListener(f)
	f.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	for range 4 {
		c, err := net.DialTimeout("tcp", l.Addr().String(), 100*time.Millisecond)
		if err != nil {
			break
		}
		t.Cleanup(func() { c.Close() })
	}
	at := l.Addr().(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

func cmpErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// TestSystemErrors fails the socket with each error a kernel may give, wrapped
// as the network package wraps it.
func TestSystemErrors(t *testing.T) {
	at := serveUDP(t, "127.0.0.1", func(c *net.UDPConn, from netip.AddrPort, q []byte) { send(c, from, pack(good(q))) })
	for _, c := range []struct {
		errno syscall.Errno
		want  want
	}{
		{unix.ECONNREFUSED, want{measurement.Refused, "connection refused", 0}},
		{unix.ECONNRESET, want{measurement.Reset, "connection reset", 0}},
		{unix.EPIPE, want{measurement.Reset, "connection reset", 0}},
		{unix.ECONNABORTED, want{measurement.Reset, "connection reset", 0}},
		{unix.ENETUNREACH, want{measurement.Unreachable, "network unreachable", 0}},
		{unix.EHOSTUNREACH, want{measurement.Unreachable, "host unreachable", 0}},
		{unix.EHOSTDOWN, want{measurement.Unreachable, "host unreachable", 0}},
		{unix.ENETDOWN, want{measurement.Unreachable, "network down", 0}},
		{unix.ENOPROTOOPT, want{measurement.Unreachable, "protocol unreachable", 0}},
		{unix.EPROTO, want{measurement.Unreachable, "parameter problem", 0}},
		{unix.EOPNOTSUPP, want{measurement.Unreachable, "source route refused", 0}},
		{unix.ENONET, want{measurement.Unreachable, "host unreachable", 0}},
		{unix.EACCES, want{measurement.Unreachable, "prohibited", 0}},
		{unix.EADDRNOTAVAIL, want{measurement.Unreachable, "no local address of that family", 0}},
		{unix.EAFNOSUPPORT, want{measurement.Unreachable, "no local address of that family", 0}},
		{unix.ETIMEDOUT, want{measurement.Timeout, "no answer in time", 0}},
		{unix.EMSGSIZE, want{measurement.Timeout, "packet too big", 0}},
		{unix.EPERM, want{measurement.LocalError, "not permitted here", 0}},
		{unix.EMFILE, want{measurement.LocalError, "no file descriptor", 0}},
		{unix.ENFILE, want{measurement.LocalError, "no file descriptor", 0}},
		{unix.ENOBUFS, want{measurement.LocalError, "no buffer", 0}},
		{unix.ENOMEM, want{measurement.LocalError, "no memory", 0}},
		{unix.EAGAIN, want{measurement.LocalError, "no local port", 0}},
		{unix.EXDEV, want{measurement.LocalError, "system error 18", 0}},
	} {
		for _, transport := range measurement.MetricTransports {
			p := probe.Prober{Control: func(string, string, syscall.RawConn) error { return os.NewSyscallError("connect", c.errno) }}
			r, _ := p.Ask(t.Context(), vp, label, soaQuery(at, transport))
			t.Run(fmt.Sprintf("%s/%v", transport, c.errno), func(t *testing.T) { hold(t, r, c.want) })
		}
	}
	for _, c := range []struct {
		err  error
		want want
	}{
		{context.Canceled, want{measurement.LocalError, "interrupted while waiting", 0}},
		{context.DeadlineExceeded, want{measurement.Timeout, "no answer in time", 0}},
		{io.EOF, want{measurement.Reset, "closed before a whole message", 0}},
		{errors.New("of 192.0.2.1:53"), want{measurement.LocalError, "unknown error", 0}},
	} {
		p := probe.Prober{Control: func(string, string, syscall.RawConn) error { return fmt.Errorf("control: %w", c.err) }}
		r, _ := p.Ask(t.Context(), vp, label, soaQuery(at, measurement.UDP))
		t.Run(c.err.Error(), func(t *testing.T) { hold(t, r, c.want) })
	}
}

func TestBadQueries(t *testing.T) {
	at := serveUDP(t, "127.0.0.1", func(c *net.UDPConn, from netip.AddrPort, q []byte) { send(c, from, pack(good(q))) })
	for _, c := range []struct{ name, qtype, want string }{
		{strings.Repeat("a", 64) + ".", "NS", "bad name " + strings.Repeat("a", 64) + "."},
		{"not-absolute", "NS", "bad name not-absolute"},
		{".", "NONSENSE", "unknown type NONSENSE"},
		{".", "TYPE70000", "unknown type TYPE70000"},
	} {
		q := soaQuery(at, measurement.UDP)
		q.Name, q.Type = c.name, c.qtype
		r, _ := new(probe.Prober).Ask(t.Context(), vp, label, q)
		hold(t, r, want{measurement.LocalError, c.want, 0})
	}
}

func TestCanceledBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, _ := new(probe.Prober).Ask(ctx, vp, label, soaQuery(netip.MustParseAddrPort("127.0.0.1:9"), measurement.TCP))
	hold(t, r, want{measurement.LocalError, "interrupted before its turn", 0})
	if r.Attempts != 0 {
		t.Errorf("attempts %d of a query never sent", r.Attempts)
	}
}

// TestInterruptedWithAnError: what the network said before the end came is data;
// what may come of the end itself is charged to nobody.
func TestInterruptedWithAnError(t *testing.T) {
	for _, c := range []struct {
		errno syscall.Errno
		want  want
	}{
		{unix.ECONNREFUSED, want{measurement.Refused, "connection refused", 0}},
		{unix.ENETUNREACH, want{measurement.Unreachable, "network unreachable", 0}},
		{unix.ETIMEDOUT, want{measurement.LocalError, "interrupted while waiting", 0}},
		{unix.ENOBUFS, want{measurement.LocalError, "interrupted while waiting", 0}},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		p := probe.Prober{Control: func(string, string, syscall.RawConn) error { cancel(); return c.errno }}
		r, _ := p.Ask(ctx, vp, label, soaQuery(netip.MustParseAddrPort("127.0.0.1:9"), measurement.TCP))
		hold(t, r, c.want)
		cancel()
	}
}

// TestReadingFails: what this machine does wrong while it waits ends a query at
// once and is charged to nobody. Its socket is made a file that is none.
func TestReadingFails(t *testing.T) {
	silent := serveUDP(t, "127.0.0.1", func(*net.UDPConn, netip.AddrPort, []byte) {})
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	socket, readings := -1, 0
	p := probe.Prober{
		Control: func(_, _ string, c syscall.RawConn) error { return c.Control(func(fd uintptr) { socket = int(fd) }) },
		Now: func() time.Time {
			if readings++; readings == 2 { // just after the send
				if err := unix.Dup3(int(null.Fd()), socket, unix.O_CLOEXEC); err != nil {
					t.Error(err)
				}
			}
			return time.Now()
		},
	}
	q := soaQuery(silent, measurement.UDP)
	q.Timeout = 24 * time.Hour
	r, _ := p.Ask(t.Context(), vp, label, q)
	hold(t, r, want{measurement.LocalError, fmt.Sprintf("system error %d", int(unix.ENOTSOCK)), 0})
}
