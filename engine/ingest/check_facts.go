package ingest

import (
	"errors"
	"fmt"

	"mtric.net/mtric/engine/measurement"
)

// facts checks what schema 2 tells of an answer beside the answer. Null is allowed
// everywhere: files of schema 1 have none of it.
func (c checker) facts(a *measurement.Answer) error {
	timeout, known := c.timeouts[a.Query]
	if !known {
		timeout = longest
	}
	again := a.Attempts == 2
	switch {
	case outside(a.SourcePort, 1, 65535):
		return fmt.Errorf("source port %d", *a.SourcePort)
	case outside(a.ReplyTTL, 0, 255):
		return fmt.Errorf("reply TTL %d", *a.ReplyTTL)
	case (a.SourcePort != nil || a.ReplyTTL != nil) && (again || a.Transport != measurement.UDP):
		return errors.New("a source port or reply TTL over TCP")
	case outside(a.TCPRetransmits, 0, 1<<31-1):
		return fmt.Errorf("%d segments sent again", *a.TCPRetransmits)
	case (a.FirstLatencyUS != nil || a.FirstResponse != nil) && !again:
		return fmt.Errorf("a first attempt, and %d attempts", a.Attempts)
	case a.FirstLatencyUS != nil && (*a.FirstLatencyUS < 0 || *a.FirstLatencyUS > timeout):
		return fmt.Errorf("first latency of %d µs, not within 0 and %d", *a.FirstLatencyUS, timeout)
	case len(a.FirstResponse) > 65535:
		return fmt.Errorf("first response of %d bytes", len(a.FirstResponse))
	case len(a.Extra) > measurement.MaxExtras:
		return fmt.Errorf("%d further datagrams, at most %d are kept", len(a.Extra), measurement.MaxExtras)
	}
	for i, e := range a.Extra {
		if !extraKind.fits(e.Kind) || e.AfterUS < 0 || len(e.Wire) > measurement.MaxExtraWire {
			return fmt.Errorf("further datagram %d: %.40q of %d bytes after %d µs", i+1, e.Kind, len(e.Wire), e.AfterUS)
		}
	}
	return nil
}

// extraKind is a word of an open vocabulary.
var extraKind = form{1, 32, letters(lower + digits + "_")}

// sources checks the local addresses of a run.
func sources(r *measurement.Run) error {
	for f, a := range map[measurement.Family]*string{measurement.IPv4: r.SourceIPv4, measurement.IPv6: r.SourceIPv6} {
		if a != nil && (*a == "" || !addressOf(*a, f)) {
			return fmt.Errorf("metadata mtric.run: source %.80q, no address of family %s", *a, f)
		}
	}
	return nil
}

// replies checks what a route tells beside its hops.
func replies(r *measurement.Route) error {
	if r.Source != nil && (*r.Source == "" || !addressOf(*r.Source, r.Family)) {
		return fmt.Errorf("source %.80q, no address of family %s", *r.Source, r.Family)
	}
	if len(r.HopReplies) > len(r.Hops) {
		return fmt.Errorf("replies of %d hops, and %d hops", len(r.HopReplies), len(r.Hops))
	}
	for _, h := range r.HopReplies {
		if h.TTL < 0 || h.TTL > 255 || outside(h.ReplyTTL, 0, 255) || outside(h.ICMPType, 0, 255) || outside(h.ICMPCode, 0, 255) {
			return fmt.Errorf("reply of the hop of TTL %d", h.TTL)
		}
	}
	return nil
}

func outside(n *int32, least, most int32) bool { return n != nil && (*n < least || *n > most) }
