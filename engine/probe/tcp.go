package probe

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// askTCP asks over a connection of its own. The time runs from the start of the
// connect [epp] to the last byte of the first message, and one timeout holds for
// all of it [ywz]. What does not match is malformed here: nobody else can put
// bytes into a connection.
func (p *Prober) askTCP(ctx context.Context, q measurement.Query, message request, a attempt) attempt {
	dialCtx, cancel := context.WithTimeout(ctx, q.Timeout)
	defer cancel()
	a.sent = p.now()
	dialer := p.dialer(func(syscall.RawConn) { a.sent = p.now() })
	conn, err := dialer.DialContext(dialCtx, "tcp", netip.AddrPortFrom(q.Address, q.Port).String())
	if err != nil {
		return a.fail(interrupted(ctx, err))
	}
	a.connect = p.now().Sub(a.sent)
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(q.Timeout - a.connect)); err != nil {
		return a.fail(err)
	}
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()

	wire, err := exchange(conn, message.wire)
	a.latency = p.now().Sub(a.sent)
	if err != nil {
		return a.fail(interrupted(ctx, err))
	}
	if !inTime(a.latency, q.Timeout) {
		return a.fail(errLate)
	}
	if why := message.mismatch(wire); why != "" {
		a.wire = wire
		return a.fail(malformedError(why))
	}
	return a.take(message, wire, false)
}

// interrupted replaces the error of a call that was cut off because ctx ended.
func interrupted(ctx context.Context, err error) error {
	if outcome, _ := classify(err); ctx.Err() != nil && (outcome == measurement.Timeout || outcome == measurement.LocalError) {
		return errInterrupted
	}
	return err
}

// exchange sends one message with its length before it, in one segment, and
// reads the first message that comes back.
func exchange(conn net.Conn, message []byte) ([]byte, error) {
	framed := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(message)), uint16(len(message)))
	if _, err := conn.Write(append(framed, message...)); err != nil {
		return nil, err
	}
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint16(length[:])
	if n == 0 {
		return nil, malformedError("message of length 0")
	}
	wire := make([]byte, n)
	if _, err := io.ReadFull(conn, wire); err != nil {
		return nil, err
	}
	return wire, nil
}
