package probe

import (
	"context"
	"encoding/binary"
	"io"
	"math"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"mtric.net/mtric/engine/measurement"
)

// askTCP asks over a connection of its own. The time runs from the start of the
// connect [epp] to the last byte of the first message, and one timeout holds for
// all of it [ywz]. What does not match is malformed here: nobody else can put
// bytes into a connection.
func (p *Prober) askTCP(ctx context.Context, q measurement.Query, message request, a attempt) attempt {
	dialCtx, cancel := context.WithTimeout(ctx, q.Timeout)
	defer cancel()
	conn, deadline, err := p.dialTCP(dialCtx, q, message.framed(), &a)
	if err != nil {
		return a.fail(interrupted(ctx, err))
	}
	defer conn.Close()
	r, err := newReceiver(ctx, conn, deadline, 4096)
	if err != nil {
		return a.fail(err)
	}
	defer r.close()
	wire, stamp, err := r.message()
	now := p.now()
	info := infoOf(conn)
	a.retransmits = retransmits(info)
	if err != nil {
		return a.fail(interrupted(ctx, err))
	}
	if info == nil || info.Data_segs_in != 1 {
		// Only of one segment is the stamp that of the answer's last byte: of several the
		// last may have come before one that was lost and sent again.
		stamp = time.Time{}
	}
	a.latency, a.kernel = latency(a.sent, now, stamp)
	return a.takeStream(q, message, wire)
}

// takeStream ends an attempt with the message that came over its connection.
func (a attempt) takeStream(q measurement.Query, message request, wire []byte) attempt {
	if !inTime(a.latency, q.Timeout) {
		return a.fail(errLate)
	}
	if why := message.mismatch(wire); why != "" {
		a.wire = wire
		return a.fail(malformedError(why))
	}
	return a.take(message, wire, false)
}

// dialTCP connects to the server and sends first in the same moment, and tells the attempt
// when. The time is over at the deadline.
func (p *Prober) dialTCP(ctx context.Context, q measurement.Query, first []byte, a *attempt) (conn net.Conn, deadline time.Time, err error) {
	a.sent = p.now()
	to := netip.AddrPortFrom(q.Address, q.Port)
	dialer := p.dialer(func(c syscall.RawConn) error {
		a.sent, deadline = p.now(), time.Now().Add(q.Timeout)
		var connected time.Time
		var err error
		if controlErr := c.Control(func(fd uintptr) {
			connected, err = p.connect(ctx, int(fd), to, first)
			a.source = localAddress(int(fd))
			if err != nil { // the socket is closed before anybody can look again
				a.retransmits = retransmits(tcpInfo(int(fd)))
			}
		}); controlErr != nil {
			return controlErr
		}
		if !connected.IsZero() {
			a.connect = connected.Sub(a.sent)
		}
		return err
	})
	conn, err = dialer.DialContext(ctx, "tcp", to.String())
	return conn, deadline, err
}

// framed puts the length before the query.
func (r request) framed() []byte {
	b := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(r.wire)), uint16(len(r.wire)))
	return append(b, r.wire...)
}

// message reads the first message of a stream, and the stamp of the read that
// completed it.
func (r *receiver) message() ([]byte, time.Time, error) {
	var got []byte
	for {
		c, err := r.next()
		if err != nil {
			return nil, time.Time{}, err
		}
		if len(c.wire) == 0 {
			return nil, time.Time{}, io.ErrUnexpectedEOF
		}
		got = append(got, c.wire...)
		if len(got) < 2 {
			continue
		}
		n := int(binary.BigEndian.Uint16(got))
		if n == 0 {
			return nil, time.Time{}, malformedError("message of length 0")
		}
		if len(got) >= 2+n {
			return got[2 : 2+n : 2+n], c.stamp, nil
		}
	}
}

// infoOf is what the kernel knows of a connection, nil where it does not say.
func infoOf(conn net.Conn) (info *unix.TCPInfo) {
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil
	}
	if raw.Control(func(fd uintptr) { info = tcpInfo(int(fd)) }) != nil {
		return nil
	}
	return info
}

func tcpInfo(fd int) *unix.TCPInfo {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return nil
	}
	return info
}

// retransmits counts the segments that our side sent again, that of the connect too.
func retransmits(info *unix.TCPInfo) *int32 {
	if info == nil {
		return nil
	}
	return new(int32(min(info.Total_retrans, math.MaxInt32)))
}

// interrupted replaces the error of a call that was cut off because ctx ended.
func interrupted(ctx context.Context, err error) error {
	if outcome, _ := classify(err); ctx.Err() != nil && (outcome == measurement.Timeout || outcome == measurement.LocalError) {
		return errInterrupted
	}
	return err
}
