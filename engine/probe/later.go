package probe

import (
	"bytes"
	"errors"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"mtric.net/mtric/engine/measurement"
)

const (
	// extraWait is how long after the reply that matched another is kept as evidence.
	extraWait = 100 * time.Millisecond
	// maxOpen bounds the sockets that stay open to the end of a run.
	maxOpen = 256
)

// later is the socket of a UDP attempt that is over. The kernel keeps, with their stamps,
// the datagrams that still come; they are read when the run ends. Nobody waits for them,
// so that they cost neither a query nor the interval any time.
type later struct {
	conn     net.Conn
	receiver *receiver
	message  request
	sent     time.Time
	first    time.Duration // of the reply that matched, since the query was sent; negative where none did in time
}

// endLater reads what came beside a row's answer and closes the socket. It is safe to
// call again.
func (p *Prober) endLater(r *measurement.Answer, a *attempt) {
	l := a.later
	if l == nil {
		return
	}
	a.later = nil
	defer l.conn.Close()
	if r.Outcome == measurement.LocalError { // for the metrics it was never sent
		return
	}
	l.receiver.wire = make([]byte, measurement.MaxExtraWire) // of a datagram no more is kept, nor needed to match it
	for range maxDrained {
		if len(r.Extra) == measurement.MaxExtras {
			return
		}
		var c chunk
		var err error
		if l.receiver.raw.Control(func(fd uintptr) { c, err = l.receiver.read(fd) }) != nil || errors.Is(err, unix.EAGAIN) {
			return
		}
		if err != nil {
			continue // an ICMP error; what it says of the query has been heard or comes too late
		}
		after, _ := latency(l.sent, p.now(), c.stamp)
		if kind := l.kind(after, c.wire); kind != "" {
			r.Extra = addExtra(r.Extra, kind, after, c.wire)
		}
	}
}

// kind says what a datagram is evidence of, "" where it came too long after the answer.
func (l *later) kind(after time.Duration, wire []byte) string {
	switch matches := l.message.mismatch(wire) == ""; {
	case l.first >= 0 && after-l.first > extraWait:
		return ""
	case !matches:
		return measurement.ExtraStray
	case l.first >= 0:
		return measurement.ExtraSecond
	}
	return measurement.ExtraLate
}

// addExtra keeps a datagram, as far as there is room: senders decide what comes.
func addExtra(to []measurement.Extra, kind string, after time.Duration, wire []byte) []measurement.Extra {
	if len(to) >= measurement.MaxExtras {
		return to
	}
	return append(to, measurement.Extra{Kind: kind, AfterUS: after.Microseconds(), Wire: bytes.Clone(wire[:min(len(wire), measurement.MaxExtraWire)])})
}

// boundExtras takes them from the rows beyond the most that may have any. Those say then
// that nothing was recorded, not that nothing came.
func boundExtras(rows []measurement.Answer) {
	n := 0
	for i := range rows {
		if len(rows[i].Extra) == 0 {
			continue
		}
		if n++; n > measurement.MaxExtraRows {
			rows[i].Extra = nil
		}
	}
}
