package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"mtric.net/mtric/engine/measurement"
)

// Causes that no system call reports.
var (
	errNeverSent   = errors.New("interrupted before its turn")
	errInterrupted = errors.New("interrupted while waiting")
	errTimeout     = errors.New("no answer in time")
	errLate        = errors.New("answer after the timeout")
)

// malformedError says what is wrong with a reply that matches its question.
type malformedError string

func (e malformedError) Error() string { return string(e) }

// tlsError says why no TLS came about, or how it ended.
type tlsError string

func (e tlsError) Error() string { return string(e) }

// localError says why a query could not be put together.
type localError string

func (e localError) Error() string { return string(e) }

// meanings is what a system error means for the server that was asked. The
// texts are ours: short, the same for every address, the same on every kernel.
//
// What this machine lacks (descriptors, memory, ports, permission of its own
// packet filter: EPERM) is local_error and charged to nobody. A missing route or
// family is unreachable by the contract, and EACCES comes from a router that
// prohibits (ICMPv6 code 1) or a prohibiting route, so it is unreachable too.
// No error that an ICMP message can cause is local_error: a forged one could
// then take a query out of the metrics.
var meanings = map[syscall.Errno]struct {
	outcome measurement.Outcome
	text    string
}{
	syscall.ECONNREFUSED:  {measurement.Refused, "connection refused"},
	syscall.ECONNRESET:    {measurement.Reset, "connection reset"},
	syscall.EPIPE:         {measurement.Reset, "connection reset"},
	syscall.ECONNABORTED:  {measurement.Reset, "connection reset"},
	syscall.ENETUNREACH:   {measurement.Unreachable, "network unreachable"},
	syscall.EHOSTUNREACH:  {measurement.Unreachable, "host unreachable"},
	syscall.EHOSTDOWN:     {measurement.Unreachable, "host unreachable"},
	syscall.ENONET:        {measurement.Unreachable, "host unreachable"},
	syscall.ENETDOWN:      {measurement.Unreachable, "network down"},
	syscall.ENOPROTOOPT:   {measurement.Unreachable, "protocol unreachable"},
	syscall.EOPNOTSUPP:    {measurement.Unreachable, "source route refused"},
	syscall.EPROTO:        {measurement.Unreachable, "parameter problem"},
	syscall.EACCES:        {measurement.Unreachable, "prohibited"},
	syscall.EADDRNOTAVAIL: {measurement.Unreachable, "no local address of that family"},
	syscall.EAFNOSUPPORT:  {measurement.Unreachable, "no local address of that family"},
	syscall.ETIMEDOUT:     {measurement.Timeout, "no answer in time"},
	syscall.EMSGSIZE:      {measurement.Timeout, "packet too big"},
	syscall.EPERM:         {measurement.LocalError, "not permitted here"},
	syscall.EMFILE:        {measurement.LocalError, "no file descriptor"},
	syscall.ENFILE:        {measurement.LocalError, "no file descriptor"},
	syscall.ENOBUFS:       {measurement.LocalError, "no buffer"},
	syscall.ENOMEM:        {measurement.LocalError, "no memory"},
	syscall.EAGAIN:        {measurement.LocalError, "no local port"},
}

// classify is the one place that turns an error into an outcome and a text
// without addresses and ports. An error nobody foresaw is local_error: it must
// neither pass for an answer nor be charged to a server.
func classify(err error) (measurement.Outcome, string) {
	var (
		errno     syscall.Errno
		malformed malformedError
		local     localError
		secured   tlsError
		network   net.Error
	)
	switch {
	case errors.Is(err, errNeverSent):
		return measurement.LocalError, errNeverSent.Error()
	case errors.Is(err, errInterrupted), errors.Is(err, context.Canceled):
		return measurement.LocalError, errInterrupted.Error()
	case errors.Is(err, errTimeout):
		return measurement.Timeout, errTimeout.Error()
	case errors.Is(err, errLate):
		return measurement.Timeout, errLate.Error()
	case errors.As(err, &malformed):
		return measurement.Malformed, malformed.Error()
	case errors.As(err, &secured):
		return measurement.TLSFailed, secured.Error()
	case errors.As(err, &local):
		return measurement.LocalError, local.Error()
	case errors.As(err, &errno):
		if m, found := meanings[errno]; found {
			return m.outcome, m.text
		}
		return measurement.LocalError, fmt.Sprintf("system error %d", int(errno))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return measurement.Reset, "closed before a whole message"
	case errors.As(err, &network) && network.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return measurement.Timeout, errTimeout.Error()
	default:
		return measurement.LocalError, "unknown error"
	}
}
