package ingest

import (
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// What a vantage point may say beside an answer is bounded; null says nothing and is good.
func TestFacts(t *testing.T) {
	c := checker{timeouts: map[string]int64{"soa": 4_000_000}}
	extra := func(kind string, after int64, size int) []measurement.Extra {
		return []measurement.Extra{{Kind: kind, AfterUS: after, Wire: make([]byte, size)}}
	}
	for _, k := range []struct {
		want string // empty where it is good
		edit func(a *measurement.Answer)
	}{
		{"", func(*measurement.Answer) {}},
		{"", func(a *measurement.Answer) {
			a.SourcePort, a.ReplyTTL, a.Extra = new(int32(65535)), new(int32(255)), []measurement.Extra{}
		}},
		{"", func(a *measurement.Answer) {
			a.Attempts, a.TCPRetransmits, a.FirstLatencyUS, a.FirstResponse = 2, new(int32(3)), new(int64(4_000_000)), make([]byte, 65535)
		}},
		{"", func(a *measurement.Answer) { a.Extra = extra("stray", 0, 512) }},
		{"", func(a *measurement.Answer) { a.Extra = extra("of_later_versions", 1<<62, 0) }},
		{"", func(a *measurement.Answer) {
			a.Query, a.Attempts, a.FirstLatencyUS = "other", 2, new(int64(60_000_000))
		}},
		{"source port 0", func(a *measurement.Answer) { a.SourcePort = new(int32(0)) }},
		{"source port 65536", func(a *measurement.Answer) { a.SourcePort = new(int32(65536)) }},
		{"reply TTL -1", func(a *measurement.Answer) { a.ReplyTTL = new(int32(-1)) }},
		{"reply TTL 256", func(a *measurement.Answer) { a.ReplyTTL = new(int32(256)) }},
		{"a source port or reply TTL over TCP", func(a *measurement.Answer) { a.Transport, a.ReplyTTL = measurement.TCP, new(int32(64)) }},
		{"a source port or reply TTL over TCP", func(a *measurement.Answer) { a.Attempts, a.ReplyTTL = 2, new(int32(64)) }},
		{"a source port or reply TTL over TCP", func(a *measurement.Answer) { a.Transport, a.SourcePort = measurement.TCP, new(int32(64)) }},
		{"-1 segments sent again", func(a *measurement.Answer) { a.TCPRetransmits = new(int32(-1)) }},
		{"a first attempt, and 1 attempts", func(a *measurement.Answer) { a.FirstLatencyUS = new(int64(1)) }},
		{"a first attempt, and 1 attempts", func(a *measurement.Answer) { a.FirstResponse = []byte{} }},
		{"first latency of -1 µs", func(a *measurement.Answer) { a.Attempts, a.FirstLatencyUS = 2, new(int64(-1)) }},
		{"first latency of 4000001 µs, not within 0 and 4000000", func(a *measurement.Answer) { a.Attempts, a.FirstLatencyUS = 2, new(int64(4_000_001)) }},
		{"first response of 65536 bytes", func(a *measurement.Answer) { a.Attempts, a.FirstResponse = 2, make([]byte, 65536) }},
		{"5 further datagrams, at most 4", func(a *measurement.Answer) { a.Extra = make([]measurement.Extra, 5) }},
		{"further datagram 1: \"\"", func(a *measurement.Answer) { a.Extra = extra("", 0, 0) }},
		{"further datagram 1: \"Stray!\"", func(a *measurement.Answer) { a.Extra = extra("Stray!", 0, 0) }},
		{"further datagram 1", func(a *measurement.Answer) { a.Extra = extra(strings.Repeat("x", 33), 0, 0) }},
		{"further datagram 1", func(a *measurement.Answer) { a.Extra = extra("stray", -1, 0) }},
		{"further datagram 1: \"stray\" of 513 bytes", func(a *measurement.Answer) { a.Extra = extra("stray", 0, 513) }},
	} {
		a := measurement.Answer{Query: "soa", Transport: measurement.UDP, Attempts: 1}
		k.edit(&a)
		says(t, c.facts(&a), k.want)
	}
}

// What only schema 3 can say fits together, and never concerns a reserved query.
func TestAsked(t *testing.T) {
	key := strings.Repeat("A", 43) + "="
	shaken := func(a *measurement.Answer) {
		a.Query, a.Transport, a.Outcome, a.LatencyUS, a.ConnectUS = "other", measurement.TLS, measurement.Answered, new(int64(900)), new(int64(300))
		a.TLSUS, a.TLSAuth, a.TLSVersion, a.TLSSPKI = new(int64(500)), new(measurement.AuthPin), new("1.3"), &key
	}
	with := func(edit func(a *measurement.Answer)) func(a *measurement.Answer) {
		return func(a *measurement.Answer) { shaken(a); edit(a) }
	}
	for _, k := range []struct {
		want   string // empty where it is good
		schema int
		edit   func(a *measurement.Answer)
	}{
		{"", 1, func(*measurement.Answer) {}},
		{"", 3, shaken},
		{"transport tls and outcome answered in a file of schema 2", 2, shaken},
		{"transport udp and outcome tls_failed in a file of schema 2", 2, func(a *measurement.Answer) { a.Outcome = measurement.TLSFailed }},
		{"query soa over TLS", 3, with(func(a *measurement.Answer) { a.Query = "soa" })},
		{"query correctness over TLS", 3, with(func(a *measurement.Answer) { a.Query = "correctness" })},
		{"query soa over TLS, of another class", 3, func(a *measurement.Answer) { a.QClass = new("CH") }},
		{"query soa over TLS, of another class", 3, func(a *measurement.Answer) { a.ZoneSerial = new(int64(1)) }},
		{"query soa over TLS, of another class", 3, func(a *measurement.Answer) { a.Expected = new(true) }},
		{"", 3, func(a *measurement.Answer) { a.Query, a.QClass = "other", new("CH") }},
		{"", 3, func(a *measurement.Answer) {
			a.Query, a.Outcome, a.ZoneSerial, a.Expected = "other", measurement.Answered, new(int64(1<<32-1)), new(false)
		}},
		{`class "IN"`, 3, func(a *measurement.Answer) { a.Query, a.QClass = "other", new("IN") }},
		{`class "c h"`, 3, func(a *measurement.Answer) { a.Query, a.QClass = "other", new("c h") }},
		{"outcome timeout and zone serial 1", 3, func(a *measurement.Answer) { a.Query, a.ZoneSerial = "other", new(int64(1)) }},
		{"outcome answered and zone serial 4294967296", 3, func(a *measurement.Answer) {
			a.Query, a.Outcome, a.ZoneSerial = "other", measurement.Answered, new(int64(1<<32))
		}},
		{"outcome timeout and an expectation", 3, func(a *measurement.Answer) { a.Query, a.Expected = "other", new(true) }},
		{"TLS over udp", 3, with(func(a *measurement.Answer) { a.Transport = measurement.UDP })},
		{"TLS over tcp", 3, func(a *measurement.Answer) { a.Transport, a.Outcome = measurement.TCP, measurement.TLSFailed }},
		{"answered over TLS, without a handshake", 3, with(func(a *measurement.Answer) { a.TLSUS, a.TLSAuth, a.TLSVersion, a.TLSSPKI = nil, nil, nil, nil })},
		{"a part of", 3, with(func(a *measurement.Answer) { a.TLSUS = nil })},
		{"a part of", 3, with(func(a *measurement.Answer) { a.TLSAuth = nil })},
		{"a part of", 3, with(func(a *measurement.Answer) { a.TLSVersion = nil })},
		{"a part of", 3, func(a *measurement.Answer) { a.Query, a.TLSSPKI = "other", &key }},
		{"TLS handshake of 601 µs", 3, with(func(a *measurement.Answer) { a.TLSUS = new(int64(601)) })},
		{"TLS handshake of -1 µs", 3, with(func(a *measurement.Answer) { a.TLSUS = new(int64(-1)) })},
		{"TLS handshake of 500 µs", 3, with(func(a *measurement.Answer) { a.ConnectUS = nil })},
		{`TLS authentication "yes"`, 3, with(func(a *measurement.Answer) { a.TLSAuth = new(measurement.TLSAuth("yes")) })},
		{`TLS version "TLS 1.3"`, 3, with(func(a *measurement.Answer) { a.TLSVersion = new("TLS 1.3") })},
		{"", 3, with(func(a *measurement.Answer) { a.TLSNotAfter = new(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)) })},
		{"TLS certificate until the year 38504", 3, with(func(a *measurement.Answer) { a.TLSNotAfter = new(time.UnixMicro(1 << 60)) })},
		{`TLS key "AAAA", want base64`, 3, with(func(a *measurement.Answer) { a.TLSSPKI = new("AAAA") })},
		{"", 3, func(a *measurement.Answer) {
			a.Query, a.Transport, a.Outcome = "other", measurement.TLS, measurement.TLSFailed
		}},
	} {
		c := checker{timeouts: map[string]int64{"soa": 4_000_000}, schema: k.schema}
		a := measurement.Answer{Query: "soa", Transport: measurement.UDP, Attempts: 1, Outcome: measurement.Timeout}
		k.edit(&a)
		says(t, c.asked(&a), k.want)
	}
}

func says(t *testing.T, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}

func TestSourcesAndReplies(t *testing.T) {
	const v4, v6 = "192.0.2.1", "2001:db8::1"
	for _, k := range []struct{ v4, v6, want string }{
		{"-", "-", ""}, {v4, v6, ""}, {v6, "-", `metadata mtric.run: source "2001:db8::1", no address of family ipv4`},
		{"-", v4, `metadata mtric.run: source "192.0.2.1", no address of family ipv6`}, {"", "-", "metadata mtric.run: source"}, {"x", "-", "metadata mtric.run: source"},
	} {
		r := measurement.Run{SourceIPv4: &k.v4, SourceIPv6: &k.v6}
		if k.v4 == "-" {
			r.SourceIPv4 = nil
		}
		if k.v6 == "-" {
			r.SourceIPv6 = nil
		}
		says(t, sources(&r), k.want)
	}
	hops := []measurement.Hop{{TTL: 1}, {TTL: 2}}
	reply := func(ttl int32, n ...int32) []measurement.HopReply {
		return []measurement.HopReply{{TTL: ttl, ReplyTTL: &n[0], ICMPType: &n[1], ICMPCode: &n[2]}}
	}
	for _, k := range []struct {
		source  *string
		replies []measurement.HopReply
		want    string
	}{
		{nil, nil, ""}, {new(v4), reply(2, 0, 255, 255), ""}, {nil, []measurement.HopReply{{TTL: 1}}, ""},
		{new(v6), nil, "source"}, {new(""), nil, "source"}, {nil, make([]measurement.HopReply, 3), "replies of 3 hops, and 2 hops"},
		{nil, reply(256, 0, 0, 0), "reply of the hop of TTL 256"}, {nil, reply(-1, 0, 0, 0), "reply of the hop of TTL -1"},
		{nil, reply(1, 256, 0, 0), "reply of"}, {nil, reply(1, 0, -1, 0), "reply of"}, {nil, reply(1, 0, 0, 256), "reply of"},
	} {
		says(t, replies(&measurement.Route{Family: measurement.IPv4, Source: k.source, Hops: hops, HopReplies: k.replies}), k.want)
	}
}
