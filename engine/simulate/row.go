package simulate

import (
	"time"

	"mtric.net/mtric/engine/measurement"
)

// observation is what comes of a query: all that its row and the truth need.
type observation struct {
	outcome  measurement.Outcome
	err      *string
	sent     int64 // µs
	latency  int64 // µs, where answered
	connect  int64 // µs, negative where there is no connection
	waited   int64 // µs until the query was given up, where not answered
	attempts int32
	reply    reply // where answered, or malformed
	wrong    *wrong
	held     string // why it waits for a verdict; empty where it does not
}

// reply is what an answer says.
type reply struct {
	rcode  *string
	aa, tc bool
	zone   int  // served
	serial bool // the reply carries its SOA
	size   int32
	wire   []byte

	judged  bool // it gets a verdict
	verdict int  // the zone it is judged by
}

// wrong is why an answer is incorrect.
type wrong struct {
	tag, failure string
	fault        *fault // nil where an old zone is why
}

// The texts of rows are the prober's.
var (
	textTimeout     = "no answer in time"
	textRefused     = "connection refused"
	textReset       = "connection reset"
	textUnreachable = "network unreachable"
	textNoBuffer    = "no buffer"
	textMalformed   = "fewer records than the header counts"
)

// batch holds rows and what their pointers point at until they are written.
type batch struct {
	rows  []measurement.Answer
	times []time.Time
	ints  []int64
	sizes []int32
}

func newBatch() batch {
	return batch{make([]measurement.Answer, 0, batchRows), make([]time.Time, 0, batchRows),
		make([]int64, 0, 5*batchRows), make([]int32, 0, 4*batchRows)}
}

func (b *batch) reset() {
	b.rows, b.times, b.ints, b.sizes = b.rows[:0], b.times[:0], b.ints[:0], b.sizes[:0]
}

func (b *batch) int(n int64) *int64 {
	b.ints = append(b.ints, n)
	return &b.ints[len(b.ints)-1]
}

// Rows point at these; nobody may write to them.
var (
	yes, no                       = true, false
	correct, incorrect, unchecked = measurement.Correct, measurement.Incorrect, measurement.Unchecked
)

func boolean(b bool) *bool {
	if b {
		return &yes
	}
	return &no
}

// add appends a row, as probe would write it and ingest would judge it.
func (b *batch) add(d *dayWork, v int, q *query, o *observation) {
	w := d.w
	x := q.ask.servers[q.server]
	b.rows = append(b.rows, measurement.Answer{
		VantagePoint: w.vps[v].id, Interval: d.label, Query: q.ask.Label, RSI: w.rsis[x],
		Family: paths[q.path].Family, Transport: paths[q.path].Transport, Address: q.address,
		QName: q.name, QType: q.asked.qtype, Outcome: o.outcome, Error: o.err, Attempts: o.attempts,
	})
	r := &b.rows[len(b.rows)-1]
	if q.ask.Class != "" {
		r.QClass = &q.ask.Class
	}
	if o.outcome == measurement.LocalError {
		return
	}
	b.times = append(b.times, time.UnixMicro(o.sent).UTC())
	r.SentAt = &b.times[len(b.times)-1]
	if o.connect >= 0 {
		r.ConnectUS = b.int(o.connect)
	}
	if o.reply.size > 0 {
		r.ResponseSize, r.Response = b.int32(o.reply.size), o.reply.wire
	}
	b.facts(d, v, x, q, o, r)
	if o.outcome != measurement.Answered {
		return
	}
	r.LatencyUS, r.RCode, r.AA, r.TC = b.int(o.latency), o.reply.rcode, boolean(o.reply.aa), boolean(o.reply.tc)
	if q.ask.NSID {
		_, r.NSID = d.roundTripOf(v, x, familyOf(q.path))
	}
	if o.reply.serial {
		r.Serial = b.int(serial(o.reply.zone))
	}
	switch {
	case o.held != "":
		r.Verdict, r.Failures = &unchecked, []string{o.held}
	case o.reply.judged:
		r.Verdict, r.VerdictSerial = &correct, b.int(serial(o.reply.verdict))
		if o.wrong != nil {
			r.Verdict, r.Failures = &incorrect, []string{o.wrong.failure}
		}
	}
}
