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
// deadline: what anybody can forge must not end a query. The socket stays open for what
// comes later, which nobody waits for.
func (p *Prober) askUDP(ctx context.Context, q measurement.Query, message request, a attempt) attempt {
	a.sent = p.now()
	dialer := p.dialer(func(c syscall.RawConn) error { wantErrorsAndTTL(c, q.Address); return nil })
	conn, err := dialer.DialContext(ctx, "udp", netip.AddrPortFrom(q.Address, q.Port).String())
	if err != nil {
		return a.fail(err)
	}
	_, err = conn.Write(message.wire)
	a.sent = p.now()
	if local, ok := conn.LocalAddr().(*net.UDPAddr); ok {
		a.source = local.AddrPort()
	}
	var r *receiver
	if err == nil {
		r, err = newReceiver(ctx, conn, time.Now().Add(q.Timeout), maxMessage)
	}
	if err != nil {
		_ = conn.Close() // nothing was sent, or nothing can be read
		return a.fail(err)
	}
	a.extra = []measurement.Extra{}
	a = p.awaitUDP(ctx, q, message, a, r)
	r.close()
	r.wire = nil // large, and its content is copied
	a.later = &later{conn: conn, receiver: r, message: message, sent: a.sent, first: -1}
	if a.wire != nil {
		a.later.first = a.latency
	}
	return a
}

// awaitUDP reads until a reply matches or the time is over.
func (p *Prober) awaitUDP(ctx context.Context, q measurement.Query, message request, a attempt, r *receiver) attempt {
	var noted error
	for {
		c, err := r.next()
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
		a.latency, a.kernel = latency(a.sent, p.now(), c.stamp)
		if why := message.mismatch(c.wire); why != "" {
			a.addStray()
			a.extra = addExtra(a.extra, measurement.ExtraStray, a.latency, c.wire)
			p.logStray(q, a.strays, why, c.wire)
			continue
		}
		if !inTime(a.latency, q.Timeout) {
			a.extra = addExtra(a.extra, measurement.ExtraLate, a.latency, c.wire)
			return a.fail(firstOf(noted, errLate))
		}
		a.ttl = c.ttl
		return a.take(message, bytes.Clone(c.wire), c.cut)
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
