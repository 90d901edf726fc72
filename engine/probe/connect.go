package probe

import (
	"context"
	"io"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// pollSlice bounds how long a connect does not notice that its context ended.
const pollSlice = 50 * time.Millisecond

// connect connects a socket and sends the query at that moment, on the thread
// that waited. Left to Go's dialer, the query goes out when the scheduler comes
// to it, and the time until then is charged to the server [epp]. The socket does
// not block; the dialer finds it connected. It returns when it was connected. Of no query,
// nothing is sent.
func (p *Prober) connect(ctx context.Context, fd int, to netip.AddrPort, query []byte) (time.Time, error) {
	if err := unix.Connect(fd, socketAddress(to)); err != nil && err != unix.EINPROGRESS {
		return time.Time{}, err
	}
	for {
		wait := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		n, err := unix.Poll(wait, int(pollSlice.Milliseconds()))
		if ctx.Err() != nil {
			return time.Time{}, ctx.Err()
		}
		if err != nil && err != unix.EINTR {
			return time.Time{}, err
		}
		if n > 0 {
			break
		}
	}
	if errno, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil {
		return time.Time{}, err
	} else if errno != 0 {
		return time.Time{}, unix.Errno(errno)
	}
	connected := p.now()
	if len(query) == 0 {
		return connected, nil
	}
	n, err := unix.Write(fd, query) // one write, so that length and message travel in one segment
	if err == nil && n < len(query) {
		err = io.ErrShortWrite
	}
	return connected, err
}

func socketAddress(to netip.AddrPort) unix.Sockaddr {
	if a := to.Addr().Unmap(); a.Is4() {
		return &unix.SockaddrInet4{Port: int(to.Port()), Addr: a.As4()}
	}
	return &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
}

// localAddress is that of our side of a socket; the zero value where it has none.
func localAddress(fd int) netip.AddrPort {
	switch a, _ := unix.Getsockname(fd); a := a.(type) { // of an error it is nil
	case *unix.SockaddrInet4:
		return bound(netip.AddrFrom4(a.Addr), a.Port)
	case *unix.SockaddrInet6:
		return bound(netip.AddrFrom16(a.Addr), a.Port)
	}
	return netip.AddrPort{}
}

func bound(a netip.Addr, port int) netip.AddrPort {
	if port == 0 || a.IsUnspecified() {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, uint16(port))
}
