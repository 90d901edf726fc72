package probe

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"mtric.net/mtric/engine/measurement"
)

const (
	// maxMessage is the largest DNS message.
	maxMessage = 65535
	// maxLogged bounds the log lines of one query; all strays are counted.
	maxLogged = 3
	// maxDrained bounds what is read after the deadline, against a flood.
	maxDrained = 1000
)

// askUDP asks over a connected socket of its own with a port of the kernel's
// choice [uym], so that only datagrams from the asked address and port come in.
// The time runs from just after the send [tsm]; a datagram that does not match
// is counted and dropped, an ICMP error is noted, and waiting goes on until the
// deadline: what anybody can forge must not end a query.
func (p *Prober) askUDP(ctx context.Context, q measurement.Query, message request, a attempt) attempt {
	a.sent = p.now()
	dialer := p.dialer(func(c syscall.RawConn) { prepare(c, q.Address) })
	conn, err := dialer.DialContext(ctx, "udp", netip.AddrPortFrom(q.Address, q.Port).String())
	if err != nil {
		return a.fail(err)
	}
	defer conn.Close()
	_, err = conn.Write(message.wire)
	a.sent = p.now()
	if err != nil {
		return a.fail(err)
	}
	deadline := time.Now().Add(q.Timeout)
	r, err := newReceiver(ctx, conn.(*net.UDPConn), deadline)
	if err != nil {
		return a.fail(err)
	}
	defer r.close()

	var noted error
	for {
		d, err := r.next()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil:
			return a.fail(errInterrupted)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return a.fail(firstOf(noted, errTimeout))
		case err != nil:
			if outcome, _ := classify(err); outcome == measurement.LocalError {
				return a.fail(err)
			}
			noted = firstOf(noted, err)
			continue
		}
		a.latency, a.kernel = latency(a.sent, p.now(), d.stamp)
		if why := message.mismatch(d.wire); why != "" {
			a.addStray()
			p.logStray(q, a.strays, why, d.wire)
			continue
		}
		if !inTime(a.latency, q.Timeout) {
			return a.fail(firstOf(noted, errLate))
		}
		return a.take(message, bytes.Clone(d.wire), d.cut)
	}
}

// take ends an attempt with the reply that matched.
func (a attempt) take(message request, wire []byte, cut bool) attempt {
	a.wire, a.truncated = wire, truncated(wire)
	if cut {
		return a.fail(malformedError("longer than a message can be"))
	}
	reply, err := message.parse(wire)
	if err != nil {
		return a.fail(err)
	}
	a.outcome, a.reply = measurement.Answered, reply
	return a
}

func (p *Prober) logStray(q measurement.Query, n int32, why string, wire []byte) {
	if n > maxLogged {
		return
	}
	p.log().Warn("stray datagram", "query", q.Label, "rsi", q.RSI, "family", q.Family, "address", q.Address,
		"reason", why, "size", len(wire), "header", hex.EncodeToString(wire[:min(len(wire), headerSize)]))
}

// firstOf returns the first error that is not nil.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// latency is the time from sent to the receipt of a datagram read at now. The
// kernel's stamp is wall clock, so its age is taken against the wall reading of
// now and subtracted from the monotonic time that has passed: a step of the
// clock between send and receipt does no harm. An age that cannot be (the clock
// stepped within these microseconds, or there is no stamp) leaves the time of
// reading.
func latency(sent, now, stamp time.Time) (d time.Duration, kernel bool) {
	elapsed := now.Sub(sent)
	if stamp.IsZero() {
		return elapsed, false
	}
	age := now.Round(0).Sub(stamp) // Round drops the monotonic reading
	if age < 0 || age > elapsed {
		return elapsed, false
	}
	return elapsed - age, true
}

// prepare asks the kernel for receive stamps and for ICMP errors: without the
// latter only port unreachable is told to a UDP socket. Both are best effort;
// where the kernel refuses, the time of reading counts and errors time out.
func prepare(c syscall.RawConn, to netip.Addr) {
	_ = c.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
		if to.Unmap().Is4() {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVERR, 1)
		} else {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
		}
	})
}

// holdStamps keeps one stamping socket open: the kernel starts to stamp, for all
// sockets, a moment after the first one asks. It returns what closes it.
func holdStamps() func() {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return func() {}
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	return func() { _ = unix.Close(fd) }
}
