// Package probe sends every query of one interval and brings home one row for
// each, whatever happens: a failed query is data, not an error.
//
// Draw turns a plan into the queries of an interval, in random order. Prober
// sends them, paced, one goroutine each; udp.go, tcp.go and tls.go hold the ways of
// asking, message.go what a reply is, outcome.go what an error means.
package probe

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"mtric.net/mtric/engine/expect"
	"mtric.net/mtric/engine/measurement"
)

// Prober asks. The zero value works; every field is optional.
type Prober struct {
	// Now reads the wall and the monotonic clock together; time.Now by default.
	Now func() time.Time
	// Rand gives the query ids [wsb], to many goroutines at once; crypto/rand
	// by default.
	Rand io.Reader
	// Control is called on every socket before it connects, as that of
	// net.Dialer; its error fails the query as if the system call had failed.
	Control func(network, address string, c syscall.RawConn) error
	// Log receives a line for each datagram that did not match; silent by default.
	Log *slog.Logger
	// Shown is what earlier runs were shown: Run keeps the first answer of an RSI and path
	// that shows another serial or identity, where its query keeps odd ones, and adds to
	// it. Nil keeps none for that.
	Shown *Shown
	// Roots are the authorities that are trusted over TLS; those of the system by default.
	Roots *x509.CertPool
	// Expect are the expectations of the plan that the queries are of; nil expects nothing.
	Expect *expect.Expectations
	// Progress hears how many queries of the run are done, one call at a time.
	Progress func(done, total int)
}

// Result is what came of the queries of one interval.
type Result struct {
	// Answers has one row for each query, sorted by query, RSI, family and
	// transport, as the lake is.
	Answers []measurement.Answer
	// KernelTimestamps is true when no UDP latency rests on the program's own
	// clock reading at receipt. TCP has no say: its stamps count where they can
	// (see tcp.go) and are not needed.
	KernelTimestamps bool
	// SourceIPv4 and SourceIPv6 are the local addresses of the sockets: that of the first
	// query of each family that had one, nil where none had.
	SourceIPv4, SourceIPv6 *string
}

// Run sends the queries in their order, each one its predecessor's Pace later,
// and waits for all of them, for nothing else: what came beside the answers is looked at
// when all are there. When ctx ends it returns at once: queries not yet
// sent or still waiting become local_error, what is answered stays. All sockets
// are closed on return.
func (p *Prober) Run(ctx context.Context, vp measurement.VantagePoint, label time.Time, queries []measurement.Query) Result {
	defer holdStamps()()
	rows := make([]measurement.Answer, len(queries))
	asked := make([]attempt, len(queries))
	var (
		wg     sync.WaitGroup
		open   atomic.Int32
		user   atomic.Bool
		report = p.progress(len(queries))
		next   = time.Now()
	)
	for i, q := range queries {
		if sleepUntil(ctx, next) != nil {
			rows[i] = p.unsent(vp, label, q)
			report()
			continue
		}
		next = time.Now().Add(q.Pace)
		wg.Go(func() {
			done := p.ask(ctx, q)
			rows[i] = row(vp, label, q, done, p.Expect)
			if done.later != nil && open.Add(1) > maxOpen {
				p.endLater(&rows[i], &done)
			}
			asked[i] = done
			if done.outcome == measurement.Answered && done.transport == measurement.UDP && !done.kernel {
				user.Store(true)
			}
			report()
		})
	}
	wg.Wait()
	result := Result{Answers: rows, KernelTimestamps: !user.Load()}
	for i := range rows {
		p.endLater(&rows[i], &asked[i])
		p.keepFirst(&rows[i], queries[i], asked[i].wire)
		result.source(asked[i].source)
	}
	boundExtras(rows)
	boundContent(rows)
	slices.SortStableFunc(rows, compareRows)
	return result
}

// keepFirst keeps the response of an answer that is the first to show something. What a
// query shows that keeps nothing is not remembered: it would be the first, and lost.
func (p *Prober) keepFirst(r *measurement.Answer, q measurement.Query, wire []byte) {
	if p.Shown == nil || r.Outcome != measurement.Answered || q.Keep == measurement.KeepNever {
		return
	}
	if p.Shown.note(r, q.NSID) && q.Keep == measurement.KeepOdd {
		r.Response = wire
	}
}

// source notes the local address of a socket.
func (r *Result) source(a netip.AddrPort) {
	if !a.IsValid() {
		return
	}
	own := &r.SourceIPv6
	if measurement.FamilyOf(a.Addr()) == measurement.IPv4 {
		own = &r.SourceIPv4
	}
	if *own == nil {
		*own = new(a.Addr().Unmap().WithZone("").String())
	}
}

// Ask sends one query now, exactly as Run does, and returns its row and the
// reply's wire, nil where there is none, whatever the query keeps.
func (p *Prober) Ask(ctx context.Context, vp measurement.VantagePoint, label time.Time, q measurement.Query) (measurement.Answer, []byte) {
	defer holdStamps()()
	if ctx.Err() != nil {
		return p.unsent(vp, label, q), nil
	}
	done := p.ask(ctx, q)
	r := row(vp, label, q, done, p.Expect)
	p.endLater(&r, &done)
	return r, done.wire
}

// attempt is what came of asking once, or of both times for a truncated answer.
type attempt struct {
	transport measurement.Transport // of the last time
	outcome   measurement.Outcome
	err       string
	sent      time.Time // zero where nothing was sent
	latency   time.Duration
	connect   time.Duration // TCP; negative where there was no connection
	kernel    bool          // the latency rests on a kernel stamp
	attempts  int32
	strays    int32
	wire      []byte // of the reply that matched
	reply     *Reply // nil where the wire does not parse
	truncated bool   // TC of the reply that matched, parsed or not

	source      netip.AddrPort // of our socket; invalid where it had no address
	ttl         *int32         // UDP: of the datagram that matched
	retransmits *int32         // TCP
	extra       []measurement.Extra
	later       *later     // UDP: what may still come; nil where nothing was sent
	tls         *handshake // TLS: nil where none was completed
	udp         *udpAttempt
}

// udpAttempt is the first of two attempts.
type udpAttempt struct {
	latency time.Duration
	wire    []byte
}

// fail ends an attempt with what an error means.
func (a attempt) fail(err error) attempt {
	a.outcome, a.err = classify(err)
	return a
}

// ask sends a query over its transport and asks a truncated answer again over
// TCP, with a fresh timeout, where the query says so [hjw]. A TC bit is believed
// also where the rest of the message does not parse, since a server may cut
// anywhere (RFC 2181, section 9).
func (p *Prober) ask(ctx context.Context, q measurement.Query) attempt {
	first := p.attempt(ctx, q, q.Transport)
	if !q.RetryTCP || q.Transport != measurement.UDP || !first.truncated {
		return first
	}
	second := p.attempt(ctx, q, measurement.TCP)
	second.sent, second.strays, second.attempts = first.sent, first.strays, 2
	second.extra, second.later, second.udp = first.extra, first.later, &udpAttempt{first.latency, first.wire}
	return second
}

func (p *Prober) attempt(ctx context.Context, q measurement.Query, t measurement.Transport) attempt {
	a := attempt{transport: t, connect: -1, attempts: 1}
	message, err := newRequest(q, p.random())
	if err != nil {
		return a.fail(err)
	}
	ask := transports[t]
	if ask == nil {
		return a.fail(unknownTransport(t))
	}
	return ask(p, ctx, q, message, a)
}

// transports are the ways of asking, by name. A transport that is not here is asked over
// none: its rows are local_error.
var transports = map[measurement.Transport]func(*Prober, context.Context, measurement.Query, request, attempt) attempt{
	measurement.UDP: (*Prober).askUDP,
	measurement.TCP: (*Prober).askTCP,
	measurement.TLS: (*Prober).askTLS,
}

func unknownTransport(t measurement.Transport) error {
	return localError(fmt.Sprintf("unknown transport %.20s", t))
}

// unsent is the row of a query whose turn never came.
func (p *Prober) unsent(vp measurement.VantagePoint, label time.Time, q measurement.Query) measurement.Answer {
	a := attempt{transport: q.Transport, connect: -1, attempts: 0}
	return row(vp, label, q, a.fail(errNeverSent), p.Expect)
}

// dialer opens sockets without any feature that hides latency [zbf]: Go never
// asks for TCP Fast Open, and multipath TCP is off.
func (p *Prober) dialer(before func(c syscall.RawConn) error) *net.Dialer {
	d := &net.Dialer{KeepAlive: -1, ControlContext: func(_ context.Context, network, address string, c syscall.RawConn) error {
		if p.Control != nil {
			if err := p.Control(network, address, c); err != nil {
				return err
			}
		}
		wantStamps(c)
		return before(c)
	}}
	d.SetMultipathTCP(false)
	return d
}

func (p *Prober) now() time.Time {
	if p.Now != nil {
		return p.Now()
	}
	return time.Now()
}

func (p *Prober) log() *slog.Logger {
	if p.Log != nil {
		return p.Log
	}
	return slog.New(slog.DiscardHandler)
}

func (p *Prober) progress(total int) func() {
	if p.Progress == nil {
		return func() {}
	}
	var mu sync.Mutex
	done := 0
	return func() {
		mu.Lock()
		defer mu.Unlock()
		done++
		p.Progress(done, total)
	}
}

// row writes what came of a query as its row. Only a query that is local_error
// was, for the metrics, never sent.
func row(vp measurement.VantagePoint, label time.Time, q measurement.Query, a attempt, x *expect.Expectations) measurement.Answer {
	r := measurement.Answer{
		VantagePoint: vp, Interval: label.UTC(), Query: q.Label, RSI: q.RSI, Family: q.Family, Transport: q.Transport,
		QName: q.Name, QType: q.Type, Outcome: a.outcome, Attempts: a.attempts, Strays: a.strays,
	}
	if q.Class != "" {
		r.QClass = &q.Class
	}
	if q.Address.IsValid() {
		r.Address = q.Address.String()
	}
	if a.err != "" {
		r.Error = &a.err
	}
	if a.outcome == measurement.LocalError {
		return r
	}
	sent := a.sent.UTC().Truncate(time.Microsecond) // Truncate drops the monotonic reading as well
	r.SentAt = &sent
	if a.connect >= 0 {
		r.ConnectUS = new(a.connect.Microseconds())
	}
	if a.source.IsValid() && q.Transport == measurement.UDP && a.udp == nil {
		r.SourcePort = new(int32(a.source.Port()))
	}
	r.ReplyTTL, r.TCPRetransmits, r.Extra = a.ttl, a.retransmits, a.extra
	a.tls.tell(&r)
	if a.udp != nil {
		r.FirstLatencyUS = new(a.udp.latency.Microseconds())
		if q.Keep != measurement.KeepNever { // truncated, it is odd
			r.FirstResponse = a.udp.wire
		}
	}
	if a.outcome == measurement.Answered {
		r.LatencyUS = new(a.latency.Microseconds())
		r.RCode, r.AA, r.TC = new(a.reply.RCode), new(a.reply.AA), new(a.reply.TC)
		r.Serial, r.ZoneSerial, r.NSID = a.reply.Serial, a.reply.ZoneSerial(q.Zone), a.reply.NSID
		meet(&r, x, a.wire)
	}
	if a.wire != nil {
		r.ResponseSize = new(int32(len(a.wire)))
		if q.Keep == measurement.KeepAlways || q.Keep == measurement.KeepOdd && odd(q, &r) {
			r.Response = a.wire
		}
	}
	return r
}

// meet asks whether an answer is as expected.
func meet(r *measurement.Answer, x *expect.Expectations, wire []byte) {
	met, err := x.Meets(r, wire)
	if err != nil { // of a plan that nobody checked
		met.Expected, met.Why = new(false), err.Error()
	}
	r.Expected = met.Expected
	if met.Why != "" {
		r.Error = &met.Why
	}
}

// odd tells whether an answer is anything but plainly good. Only a question for the
// SOA misses a serial, and what was asked to recurse need not answer with authority.
func odd(q measurement.Query, r *measurement.Answer) bool {
	return !r.Good() || !*r.AA && !q.RecursionDesired || *r.TC || r.Strays > 0 || r.Serial == nil && r.ZoneSerial == nil && q.Type == "SOA" && q.Class == ""
}

// compareRows is the order of the lake within one interval and vantage point.
func compareRows(a, b measurement.Answer) int {
	return cmp.Or(
		strings.Compare(a.Query, b.Query),
		strings.Compare(string(a.RSI), string(b.RSI)),
		strings.Compare(string(a.Family), string(b.Family)),
		strings.Compare(string(a.Transport), string(b.Transport)),
	)
}

func sleepUntil(ctx context.Context, t time.Time) error {
	wait := time.Until(t)
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// inTime is the one place of the limit: the answer may take the timeout and not
// a nanosecond more [ywz].
func inTime(latency, timeout time.Duration) bool { return latency <= timeout }

// addStray counts one more datagram that did not match.
func (a *attempt) addStray() {
	if a.strays < math.MaxInt32 {
		a.strays++
	}
}

func (p *Prober) random() io.Reader {
	if p.Rand != nil {
		return p.Rand
	}
	return rand.Reader
}
