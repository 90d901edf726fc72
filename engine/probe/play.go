package probe

import (
	"io"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// Server answers queries from memory: the wire of the response to a wire query over
// UDP or TCP, nil where it keeps silent.
type Server func(query []byte, tcp bool) ([]byte, error)

// Play asks a server in memory as Ask asks one of the network, a truncated answer over
// TCP again too, and returns the row that Run writes. Whoever plays says when the query
// was sent and how long each answer took; random gives the ids. The error is the
// server's.
func Play(vp measurement.VantagePoint, label time.Time, q measurement.Query, sent time.Time, latency time.Duration, random io.Reader, s Server) (measurement.Answer, error) {
	once := func(t measurement.Transport) (attempt, error) {
		a := attempt{transport: t, connect: -1, attempts: 1, sent: sent, latency: latency}
		message, err := newRequest(q, random)
		if err != nil {
			return a.fail(err), nil
		}
		if transports[t] == nil {
			return a.fail(unknownTransport(t)), nil
		}
		if t == measurement.TCP {
			a.connect = latency / 2
		}
		wire, err := s(message.wire, t == measurement.TCP)
		switch {
		case err != nil:
			return a, err
		case wire == nil:
			return a.fail(errTimeout), nil
		case message.mismatch(wire) != "":
			a.addStray()
			return a.fail(errTimeout), nil
		}
		return a.take(message, wire, false), nil
	}
	a, err := once(q.Transport)
	if err == nil && q.RetryTCP && q.Transport == measurement.UDP && a.truncated {
		if a, err = once(measurement.TCP); err == nil {
			a.attempts = 2
		}
	}
	return row(vp, label, q, a), err
}
