package simulate

import (
	"mtric.net/mtric/engine/measurement"
)

// What schema 2 records beside an answer. It is drawn by a hash of the row, so that the
// rows themselves are those that were drawn without it.

// initialTTL is what servers send with.
var initialTTL = [...]int32{64, 64, 64, 255, 128}

// none is that no further datagram came.
var none = []measurement.Extra{}

// facts fills the columns of schema 2 of a row that was sent.
func (b *batch) facts(d *dayWork, v, x int, q *query, o *observation, r *measurement.Answer) {
	w := d.w
	h := mix(w.Seed, streamFacts, uint64(o.sent), w.vps[v].word, uint64(x), uint64(q.path))
	r.Extra = none
	tcp := tcpPath(q.path) || o.attempts == 2
	if !tcp {
		r.SourcePort = b.int32(int32(32768 + h%28232)) // Linux's range
	}
	if tcp {
		resent := int32(0)
		if h>>20%1000 == 0 {
			resent = 1 + int32(h>>32%2)
		}
		r.TCPRetransmits = b.int32(resent)
	}
	if o.attempts == 2 {
		base, _ := d.roundTripOf(v, x, familyOf(q.path))
		r.FirstLatencyUS = b.int(base + int64(h>>24%400))
		if wire := o.reply.wire; len(wire) > 12 {
			r.FirstResponse = wire[:12]
		}
	}
	if o.outcome != measurement.Answered {
		return
	}
	if !tcp {
		pair := mix(w.Seed, streamFacts, w.vps[v].word, uint64(x), uint64(q.path/2))
		if f := w.moved(d.active, v, x, familyOf(q.path)); f != nil {
			pair = mix(pair, f.draw)
		}
		ttl := initialTTL[pair%uint64(len(initialTTL))] - 6 - int32(pair>>8%14)
		if pair>>16%4 == 0 { // several ways of equal cost, chosen by the port
			ttl -= int32(mix(uint64(*r.SourcePort), pair) % 3)
		}
		r.ReplyTTL = b.int32(ttl)
	}
	if h>>40%1000 == 0 {
		kind := [...]string{measurement.ExtraSecond, measurement.ExtraLate, measurement.ExtraStray}[h>>50%3]
		wire := make([]byte, min(40+int(h>>52%400), measurement.MaxExtraWire))
		for i := range wire {
			wire[i] = byte(mix(h, uint64(i/16)) >> (i % 8))
		}
		r.Extra = []measurement.Extra{{Kind: kind, AfterUS: o.latency + int64(h>>30%90_000), Wire: wire}}
	}
}

func (b *batch) int32(n int32) *int32 {
	b.sizes = append(b.sizes, n)
	return &b.sizes[len(b.sizes)-1]
}

// source is the address of a vantage point, of the networks that routers have too.
func (w *world) source(v, f int) string {
	return routerAddress(mix(w.Seed, streamFacts, w.vps[v].word), f)
}

// hopReplies are what routers answer: that the packet's time was up (RFC 792, RFC 4443);
// the last one, where it was reached, an echo.
func hopReplies(hops []measurement.Hop, reached bool, family measurement.Family) []measurement.HopReply {
	replies := []measurement.HopReply{}
	timeUp, echo, code := int32(11), int32(0), int32(0)
	if family == measurement.IPv6 {
		timeUp, echo = 3, 129
	}
	for i, hop := range hops {
		if hop.Address == nil {
			continue
		}
		ttl, kind := 255-hop.TTL, timeUp
		if reached && i == len(hops)-1 {
			kind = echo
		}
		replies = append(replies, measurement.HopReply{TTL: hop.TTL, ReplyTTL: &ttl, ICMPType: &kind, ICMPCode: &code})
	}
	return replies
}
