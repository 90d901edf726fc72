package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// chunk is one UDP payload or a piece of a TCP stream (empty at its end), valid
// until the next is read; stamp is the kernel's, zero where it gave none; ttl is the IP
// TTL or hop limit of the datagram, nil where the kernel gave none; cut where the buffer
// was too small for the datagram.
type chunk struct {
	wire  []byte
	stamp time.Time
	ttl   *int32
	cut   bool
}

// receiver reads a socket with the kernel's stamps until a deadline or until its
// context ends, whichever is first. After the deadline it still hands out what
// had come in: a reader that is scheduled late must not lose an answer that was
// in time.
type receiver struct {
	raw     syscall.RawConn
	stop    func() bool
	wire    []byte
	oob     []byte
	drained int
}

// newReceiver reads chunks of up to size bytes.
func newReceiver(ctx context.Context, conn net.Conn, deadline time.Time, size int) (*receiver, error) {
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil, err
	}
	if err := conn.SetReadDeadline(deadline); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	return &receiver{raw: raw, stop: stop, wire: make([]byte, size), oob: make([]byte, 256)}, nil
}

func (r *receiver) close() { r.stop() }

// next returns a chunk, the error that the kernel holds for the socket (from an
// ICMP message or an RST), or os.ErrDeadlineExceeded.
func (r *receiver) next() (c chunk, err error) {
	waitErr := r.raw.Read(func(fd uintptr) bool {
		c, err = r.read(fd)
		return !errors.Is(err, unix.EAGAIN)
	})
	if waitErr == nil || !errors.Is(waitErr, os.ErrDeadlineExceeded) {
		return c, firstOf(waitErr, err)
	}
	if r.drained++; r.drained > maxDrained {
		return chunk{}, waitErr
	}
	if controlErr := r.raw.Control(func(fd uintptr) { c, err = r.read(fd) }); controlErr != nil {
		return chunk{}, controlErr
	}
	if errors.Is(err, unix.EAGAIN) {
		return chunk{}, waitErr
	}
	return c, err
}

func (r *receiver) read(fd uintptr) (chunk, error) {
	for {
		n, oobn, flags, _, err := unix.Recvmsg(int(fd), r.wire, r.oob, unix.MSG_DONTWAIT)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return chunk{}, err
		}
		stamp, ttl := controls(r.oob[:oobn])
		return chunk{wire: r.wire[:n], stamp: stamp, ttl: ttl, cut: flags&unix.MSG_TRUNC != 0}, nil
	}
}

// latency is the time from sent to the receipt of what was read at now. The
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

// wantStamps asks the kernel for receive stamps; wantErrorsAndTTL for ICMP errors, of which a
// UDP socket is otherwise told port unreachable only, and for the TTL or hop limit of
// datagrams. All is best effort: where the kernel refuses, the time of reading counts,
// errors time out and the TTL is not recorded. A TCP socket must not ask for errors: a
// forged one would end it; nor does Linux hand a TTL to its reader.
func wantStamps(c syscall.RawConn) {
	_ = c.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) })
}

func wantErrorsAndTTL(c syscall.RawConn, to netip.Addr) {
	_ = c.Control(func(fd uintptr) {
		if to.Unmap().Is4() {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVERR, 1)
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVTTL, 1)
		} else {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1)
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

// controls finds the kernel's receive stamp, and the TTL or hop limit, among control
// messages: zero and nil where they are not.
func controls(oob []byte) (stamp time.Time, ttl *int32) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return time.Time{}, nil
	}
	for _, m := range messages {
		level, kind := m.Header.Level, m.Header.Type
		switch {
		case level == unix.SOL_SOCKET && kind == unix.SCM_TIMESTAMPNS && len(m.Data) >= int(unsafe.Sizeof(unix.Timespec{})):
			ts := *(*unix.Timespec)(unsafe.Pointer(&m.Data[0]))
			stamp = time.Unix(ts.Unix())
		case (level == unix.IPPROTO_IP && kind == unix.IP_TTL || level == unix.IPPROTO_IPV6 && kind == unix.IPV6_HOPLIMIT) && len(m.Data) >= 4:
			ttl = new(int32(binary.NativeEndian.Uint32(m.Data)))
		}
	}
	return stamp, ttl
}
