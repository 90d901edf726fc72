package probe

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// datagram is one UDP payload, valid until the next is read; stamp is the
// kernel's, zero where it gave none; cut where the buffer was too small.
type datagram struct {
	wire  []byte
	stamp time.Time
	cut   bool
}

// receiver reads datagrams with their stamps until a deadline or until its
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

func newReceiver(ctx context.Context, conn *net.UDPConn, deadline time.Time) (*receiver, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	if err := conn.SetReadDeadline(deadline); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	return &receiver{raw: raw, stop: stop, wire: make([]byte, maxMessage), oob: make([]byte, 256)}, nil
}

func (r *receiver) close() { r.stop() }

// next returns a datagram, the error that the kernel holds for the socket (an
// ICMP message), or os.ErrDeadlineExceeded.
func (r *receiver) next() (d datagram, err error) {
	waitErr := r.raw.Read(func(fd uintptr) bool {
		d, err = r.read(fd)
		return !errors.Is(err, unix.EAGAIN)
	})
	if waitErr == nil || !errors.Is(waitErr, os.ErrDeadlineExceeded) {
		return d, firstOf(waitErr, err)
	}
	if r.drained++; r.drained > maxDrained {
		return datagram{}, waitErr
	}
	if controlErr := r.raw.Control(func(fd uintptr) { d, err = r.read(fd) }); controlErr != nil {
		return datagram{}, controlErr
	}
	if errors.Is(err, unix.EAGAIN) {
		return datagram{}, waitErr
	}
	return d, err
}

func (r *receiver) read(fd uintptr) (datagram, error) {
	for {
		n, oobn, flags, _, err := unix.Recvmsg(int(fd), r.wire, r.oob, unix.MSG_DONTWAIT)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return datagram{}, err
		}
		return datagram{wire: r.wire[:n], stamp: stampOf(r.oob[:oobn]), cut: flags&unix.MSG_TRUNC != 0}, nil
	}
}

// stampOf finds the kernel's receive stamp among control messages.
func stampOf(oob []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return time.Time{}
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS &&
			len(m.Data) >= int(unsafe.Sizeof(unix.Timespec{})) {
			ts := *(*unix.Timespec)(unsafe.Pointer(&m.Data[0]))
			return time.Unix(ts.Unix())
		}
	}
	return time.Time{}
}
