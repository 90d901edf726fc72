// Package scamper traces the routes to all addresses of an interval with the
// program scamper, and reads what it prints, whole or cut short [vno].
package scamper

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// Bounds of what is read. A trace to a far server is some 10 KB.
const (
	maxOutput = 16 << 20
	maxLine   = 1 << 20
	maxTTL    = 255
)

// Output is what scamper printed.
type Output struct {
	Traces []Trace
	Whole  bool // scamper reached its end: cycle-stop was seen
	Bad    int  // lines that are not JSON, or traces without a readable target
}

// Trace is one route as scamper tells it.
type Trace struct {
	Target     netip.Addr
	Method     string
	StopReason string // COMPLETED, GAPLIMIT, UNREACH, LOOP, …
	Started    time.Time
	HopCount   int
	Source     netip.Addr             // the local address, not valid where scamper does not say
	Hops       []measurement.Hop      // by TTL from 1; silent TTLs have no address
	Replies    []measurement.HopReply // by TTL, of the hops that have an address
	Complete   bool                   // false where its line was cut short or its hops are no list of hops
}

// Reached says whether the target itself answered.
func (t Trace) Reached() bool {
	if t.StopReason == "COMPLETED" {
		return true
	}
	for _, h := range t.Hops {
		if h.Address != nil && *h.Address == t.Target.String() {
			return true
		}
	}
	return false
}

// Parse reads scamper's JSON lines. What is unknown is passed over, what is cut
// short is kept as far as it goes; the error is the reader's alone.
func Parse(r io.Reader) (Output, error) {
	var out Output
	lines := bufio.NewReaderSize(io.LimitReader(r, maxOutput), maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		tooLong := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) { // the rest of a line that is too long
			_, err = lines.ReadSlice('\n')
		}
		switch line = bytes.TrimSpace(line); {
		case tooLong:
			out.Bad++
		case len(line) > 0 && !out.add(line, true) && !out.salvage(line):
			out.Bad++
		}
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, fmt.Errorf("scamper output: %w", err)
		}
	}
}

// object is a line or a hop: fields are read one by one, so that one of an
// unknown type does not cost the others.
type object map[string]json.RawMessage

// add reads one line; false when it is not JSON or a trace without target.
func (o *Output) add(line []byte, complete bool) bool {
	var fields object
	if json.Unmarshal(line, &fields) != nil {
		return false
	}
	switch fields.text("type") {
	case "cycle-stop":
		o.Whole = true
	case "trace":
		target, err := netip.ParseAddr(fields.text("dst"))
		if err != nil {
			return false
		}
		o.Traces = append(o.Traces, fields.trace(target, complete))
	}
	return true
}

// salvage reads a trace whose line was cut: up to the last hop that is whole.
func (o *Output) salvage(line []byte) bool {
	for range maxTTL {
		end := bytes.LastIndexByte(line, '}')
		if end < 0 {
			return false
		}
		line = line[:end]
		for _, ending := range []string{"}]}", "}}"} { // within hops; before them
			if o.add(append(bytes.Clone(line), ending...), false) {
				return true
			}
		}
	}
	return false
}

func (f object) trace(target netip.Addr, complete bool) Trace {
	t := Trace{Target: target, Method: f.text("method"), StopReason: f.text("stop_reason")}
	var start object
	if json.Unmarshal(f["start"], &start) == nil {
		sec, okSec := start.number("sec", 1, 1<<33)
		usec, okUsec := start.number("usec", 1, 999_999)
		if okSec && okUsec {
			t.Started = time.Unix(sec, usec*1000).UTC()
		}
	}
	if source, err := netip.ParseAddr(f.text("src")); err == nil && source.Is4() == target.Is4() {
		t.Source = source.WithZone("")
	}
	hops, readable := f.hops()
	t.Hops, t.Replies = byTTL(hops)
	t.Complete = complete && readable && t.StopReason != ""
	count, ok := f.number("hop_count", 1, maxTTL)
	if !ok {
		count = int64(len(t.Hops))
	}
	t.HopCount = int(count)
	return t
}

// hops reads the list of hops, which is missing when nobody answered; false where
// it is something else, or something else is in it, so that hops may be lost.
func (f object) hops() ([]object, bool) {
	list, found := f["hops"]
	if !found {
		return nil, true
	}
	var hops []object
	err := json.Unmarshal(list, &hops)
	return hops, err == nil && hops != nil && !slices.ContainsFunc(hops, func(h object) bool { return h == nil })
}

// byTTL puts hops in order and fills the silent ones; of several replies for one
// TTL the first counts, of which it tells the rest too.
func byTTL(hops []object) ([]measurement.Hop, []measurement.HopReply) {
	var heard [maxTTL + 1]*measurement.Hop
	var replies [maxTTL + 1]measurement.HopReply
	last := 0
	for _, h := range hops {
		ttl, ok := h.number("probe_ttl", 1, maxTTL)
		if !ok || ttl == 0 || heard[ttl] != nil {
			continue
		}
		address, err := netip.ParseAddr(h.text("addr"))
		if err != nil {
			continue
		}
		text := address.String()
		hop := &measurement.Hop{TTL: int32(ttl), Address: &text}
		if rtt, ok := h.number("rtt", 1000, int64(time.Hour/time.Microsecond)); ok {
			hop.RTTUS = &rtt
		}
		heard[ttl] = hop
		replies[ttl] = measurement.HopReply{TTL: int32(ttl), ReplyTTL: h.octet("reply_ttl"), ICMPType: h.octet("icmp_type"), ICMPCode: h.octet("icmp_code")}
		last = max(last, int(ttl))
	}
	route, told := make([]measurement.Hop, 0, last), []measurement.HopReply{}
	for ttl := 1; ttl <= last; ttl++ {
		if heard[ttl] == nil {
			route = append(route, measurement.Hop{TTL: int32(ttl)})
			continue
		}
		route, told = append(route, *heard[ttl]), append(told, replies[ttl])
	}
	return route, told
}

// octet reads a field of an IP or ICMP header; nil where it is missing (the reply to a TCP
// probe is no ICMP message) or something else.
func (f object) octet(name string) *int32 {
	n, ok := f.number(name, 1, 255)
	if !ok {
		return nil
	}
	return new(int32(n))
}

// text reads a string field; "" where it is missing or something else.
func (f object) text(name string) string {
	var s string
	if json.Unmarshal(f[name], &s) != nil || len(s) > 64 {
		return ""
	}
	return strings.ToValidUTF8(s, "?")
}

// number reads a number field times scale, rounded down to a whole number from 0
// to most, exactly as its decimals say; false for anything else.
func (f object) number(name string, scale, most int64) (int64, bool) {
	var n json.Number
	if json.Unmarshal(f[name], &n) != nil || len(n) > 32 || strings.ContainsAny(string(n), "eE") {
		return 0, false
	}
	r, ok := new(big.Rat).SetString(string(n))
	if !ok {
		return 0, false
	}
	r.Mul(r, big.NewRat(scale, 1))
	whole := new(big.Int).Quo(r.Num(), r.Denom())
	if r.Sign() < 0 || !whole.IsInt64() || whole.Int64() > most {
		return 0, false
	}
	return whole.Int64(), true
}
