package simulate

import (
	"math"
	"slices"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// Losses that are there without any fault, as often as a quiet network has them,
// in 2^-20: one UDP query in two thousand, one connection in five thousand, of
// which a tenth is reset. The truth counts what came of them.
const (
	lossUDP   = 524
	lossTCP   = 210
	lossReset = 21
)

// The rcodes that rows point at.
var (
	noError  = new(measurement.NoError)
	nxDomain = new(measurement.NXDomain)
	servFail = new(measurement.ServFail)
)

// observe asks: first the way of a query through the network, then what the
// server says. All chance but that of faults has been drawn by the caller, in the
// same number whatever happens here: so a fault changes no other row.
func (d *dayWork) observe(v int, q *query, sent int64, drawn [2]uint64) observation {
	x := q.ask.servers[q.server]
	chance, tcp := drawn[0], tcpPath(q.path)
	o := observation{outcome: measurement.Answered, sent: sent + int64(chance>>52%200), connect: -1, attempts: 1}
	base, _ := d.roundTripOf(v, x, familyOf(q.path))
	o.latency = d.trip(base, chance)
	if tcp {
		o.connect = d.trip(base, drawn[1])
		o.latency += o.connect
	}
	f := d.applyFaults(v, x, q, &o)
	if o.err == nil {
		o.lose(q, tcp, chance>>32&0xfffff)
	}
	if o.latency += f.slower; o.err == nil && o.latency > q.ask.timeout {
		o.fail(q, measurement.Timeout, &textTimeout)
	}
	if o.err == nil {
		d.receive(v, q, &o, f, mix(chance, drawn[1]))
	}
	return o
}

// lose loses some of the queries that no fault has struck.
func (o *observation) lose(q *query, tcp bool, chance uint64) {
	switch {
	case !tcp && chance < lossUDP, tcp && chance < lossTCP-lossReset:
		o.fail(q, measurement.Timeout, &textTimeout)
	case tcp && chance < lossTCP:
		o.fail(q, measurement.Reset, &textReset)
	}
}

// receive is the answer to a query that got through, asked again over TCP where
// it is truncated and the plan says so.
func (d *dayWork) receive(v int, q *query, o *observation, f effect, chance uint64) {
	x, tcp := q.ask.servers[q.server], tcpPath(q.path)
	if f.rcode != nil {
		o.reply = reply{rcode: f.rcode, size: q.bareSize()}
		return
	}
	at := o.sent + o.latency/2 + d.clock.behind // the query reaches the server half way
	served := d.arrivals.served(min(at, f.frozen)-f.older, v, x, familyOf(q.path))
	retry := !tcp && q.ask.OnTruncation == plan.RetryTCP
	if f.future > 0 {
		served = d.w.zoneAt(at + f.future)
	}
	if f.truncated {
		o.reply = reply{rcode: noError, aa: true, tc: true, zone: served, size: q.bareSize()}
	} else {
		d.say(v, q, o, served, tcp)
	}
	if o.reply.tc && retry {
		base, _ := d.roundTripOf(v, x, familyOf(q.path))
		if !d.again(q, o, base, f.slower, chance) {
			return
		}
		d.say(v, q, o, served, true)
	}
	if d.err != nil {
		return
	}
	if q.ask.judged && !o.reply.tc {
		d.judge(q, o, f.wrong)
	}
	if keep := q.ask.KeepResponse; keep == measurement.KeepNever ||
		keep == measurement.KeepOdd && o.reply.aa && !o.reply.tc && o.reply.rcode == noError {
		o.reply.wire = nil
	}
}

// bareSize is that of an answer without data: header, question, OPT.
func (q *query) bareSize() int32 { return int32(12 + len(q.name) + 1 + 4 + 11) }

// again asks a truncated answer over TCP, with a fresh timeout [hjw]; false
// where that fails. All but the time of the first send is then of this attempt.
func (d *dayWork) again(q *query, o *observation, base, slower int64, chance uint64) bool {
	o.attempts, o.reply = 2, reply{}
	o.connect = d.trip(base, chance)
	o.latency = o.connect + d.trip(base, mix(chance)) + slower
	if o.latency > q.ask.timeout || chance>>32&0xfffff < lossTCP {
		o.fail(q, measurement.Timeout, &textTimeout)
		return false
	}
	return true
}

// say is the server's answer, of a wire where there are wires.
func (d *dayWork) say(v int, q *query, o *observation, served int, tcp bool) {
	if q.ask.judged && d.w.wires != nil {
		d.err = d.wire(v, q, o, served, tcp)
		return
	}
	o.reply = d.answer(q, served)
}

// trip is one round trip in µs: the base, spread lognormally, 20 to 150 µs in
// the machines, and a delay now and then.
func (d *dayWork) trip(base int64, chance uint64) int64 {
	t := base*d.w.jitter[chance&4095]>>10 + 20 + int64(chance>>12&127)
	if chance>>20&1023 < 4 {
		t += int64(chance >> 40 % 120_000)
	}
	return t
}

// fail ends a query without answer.
func (o *observation) fail(q *query, outcome measurement.Outcome, text *string) {
	o.outcome, o.err = outcome, text
	o.waited = o.latency
	switch {
	case outcome == measurement.Timeout:
		o.waited, o.connect = q.ask.timeout, -1
	case outcome != measurement.Reset && outcome != measurement.Malformed:
		o.connect = -1
	}
	o.latency = 0
}

// effect is what the faults do to a query that is answered.
type effect struct {
	slower, older, frozen int64 // µs; frozen is a time
	future                int64 // µs
	rcode                 *string
	truncated             bool
	wrong                 *fault
}

const never = 1 << 62

// heldClock is why an answer has no verdict that was asked by a wrong clock.
const heldClock = "hold: clock"

// zoneTags are the rules that another zone could explain.
var zoneTags = []string{"pdd", "vnk"}

// noZone is the verdict of no zone at all.
const noZone = math.MinInt

// applyFaults lets the active faults hit a query, in order of precedence: of those
// that end it the first, of rcodes the first, of delays and ages the sum.
func (d *dayWork) applyFaults(v, x int, q *query, o *observation) effect {
	e := effect{frozen: never}
	for _, f := range d.active {
		if slices.Contains(runFaults, f.Kind) || f.Kind == plan.FaultFuture && !q.ask.soa || !d.w.applies(f, d.label, v, x, q.path, q.ask.Label) {
			continue
		}
		switch f.Kind {
		case plan.FaultLocalError, plan.FaultUnreachable, plan.FaultRefused, plan.FaultReset, plan.FaultDown, plan.FaultMalformed:
			if o.err == nil {
				cut(q, o, f.Kind)
			}
		case plan.FaultRCode, plan.FaultServFail:
			if e.rcode == nil {
				e.rcode = servFail
				if f.Kind == plan.FaultRCode {
					e.rcode = &f.RCode
				}
			}
		case plan.FaultTruncated:
			e.truncated = true
		case plan.FaultSlow:
			e.slower += f.by
		case plan.FaultStale:
			e.older += f.by
		case plan.FaultOffPlan:
			q.address = elsewhere(familyOf(q.path))
		case plan.FaultFuture:
			e.future += f.by
		case plan.FaultFrozen:
			e.frozen = min(e.frozen, f.from.UnixMicro())
		case plan.FaultMoved: // roundTripOf goes by it
		case plan.FaultWrong:
			if !q.ask.judged || e.wrong != nil || f.tag(q.asked.kind, 0) == "" {
				continue
			}
			e.wrong = f
			continue // counted where it changes the answer
		}
		d.part.affected[f.number]++
	}
	return e
}

// cut is a fault of the way: no answer that could be read.
func cut(q *query, o *observation, k plan.FaultKind) {
	switch k {
	case plan.FaultLocalError:
		o.fail(q, measurement.LocalError, &textNoBuffer)
	case plan.FaultUnreachable:
		o.fail(q, measurement.Unreachable, &textUnreachable)
	case plan.FaultRefused:
		o.fail(q, measurement.Refused, &textRefused)
	case plan.FaultReset:
		o.fail(q, measurement.Reset, &textReset)
	case plan.FaultDown:
		o.fail(q, measurement.Timeout, &textTimeout)
	case plan.FaultMalformed:
		o.fail(q, measurement.Malformed, &textMalformed)
		o.reply = reply{size: int32(12 + len(q.name) + 5)}
	}
}

// answer is what a server of that zone says, without a wire.
func (d *dayWork) answer(q *query, served int) reply {
	r := reply{rcode: noError, aa: true, zone: served, verdict: d.newest, size: q.asked.size}
	switch q.asked.kind {
	case negative:
		r.rcode, r.serial = nxDomain, true
	case rootSOA:
		r.serial = true
	case tldNS:
		r.aa = false // a referral
	}
	if r.serial {
		r.verdict = served
	}
	return r
}

// judge gives an answer its verdict. Zones without wires differ in their SOA
// alone, so that only answers that carry it show that a zone is too old, or of a time
// to come. A wrong fault spares what is incorrect or held already, and answers that are
// not of the kind that its rule is about: the truth names one reason for each.
func (d *dayWork) judge(q *query, o *observation, f *fault) {
	r := &o.reply
	r.judged = true
	switch {
	case d.w.wires != nil || !r.serial:
	case r.zone > d.newest && d.w.signed(r.zone) > d.ends+early:
		o.held = heldClock // signed later than the vantage point believes it is
		return
	case r.zone < d.newest-1:
		if oldest, _ := d.w.window(o.sent, d.ends); r.zone < oldest {
			r.verdict = noZone
		}
	}
	if r.verdict == noZone {
		if d.clock.doubtful() {
			o.held = heldClock
			return
		}
		r.verdict = d.newest
		o.wrong = &wrong{tag: "vnk", failure: "vnk: the records are those of no zone of the 48 hours before"}
		return
	}
	if f == nil || (r.rcode == nxDomain) != (q.asked.kind == negative) {
		return
	}
	tag := f.tag(q.asked.kind, mix(f.draw, uint64(o.sent)))
	if r.wire != nil {
		spoiled, changed, err := spoil(r.wire, tag)
		if err != nil || !changed {
			d.err = err
			return
		}
		r.wire, r.size = spoiled, int32(len(spoiled))
	}
	if slices.Contains(aaTags, tag) {
		r.aa = !r.aa
	}
	d.part.affected[f.number]++
	if d.clock.doubtful() && slices.Contains(zoneTags, tag) {
		o.held = heldClock
		return
	}
	o.wrong = &wrong{tag: tag, failure: tag + ": planted by fault " + f.Label, fault: f}
}
