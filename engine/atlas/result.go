package atlas

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"time"

	"mtric.net/mtric/engine/dnsmsg"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/probe"
)

// What became of a result that is no row.
const (
	NoResult        = "no_result"               // no JSON object of a result
	TooLong         = "too_long"                // longer than MaxLine
	OtherType       = "other_type"              // a traceroute, a ping, …
	OtherSet        = "other_measurement"       // of a measurement that is not in the set
	IdentityLeft    = "identity_not_asked"      // an identity, and identities are not wanted
	UnknownQuestion = "unknown_question"        // nobody says what was asked, or of whom
	NotRoot         = "not_a_root_server"       // asked at an address that is no RSI's
	Contradiction   = "contradicts_measurement" // of another family, transport or RSI than the measurement
	Retried         = "retry"                   // only the last try is shown
	BadTime         = "bad_time"                // before 2010, or in the future
	BadProbe        = "bad_probe"               // no number of a probe
	NoResponse      = "no_response"             // neither a response nor an error
	BadResponse     = "bad_response"            // a response that is not base64, or longer than 64 KiB
	NoTiming        = "no_rt"                   // an answer without its time
)

// What of the lake's own rules leaves a row out.
const (
	Known            = "known"              // the lake has it, or it came twice
	SecondInInterval = "second_in_interval" // another of the same key was sent earlier
	SecondInHour     = "second_in_hour"     // of an identity, of which one an hour stays
)

// result is a result as probes of firmware 4400 to 5000 and later write it. Numbers that
// only some have are pointers; firmware is not looked at, for no field changed its meaning.
type result struct {
	part
	MsmID     int64   `json:"msm_id"`
	PrbID     int64   `json:"prb_id"`
	Timestamp int64   `json:"timestamp"`
	Type      string  `json:"type"`
	From      string  `json:"from"` // the probe's address, for hide alone
	Stored    *int64  `json:"stored_timestamp"`
	Resultset []part  `json:"resultset"`
	DNSErr    rawText `json:"dnserr"`
	Err       rawText `json:"err"`
}

// rawText is a value of any type, read only where it counts.
type rawText = json.RawMessage

// part is what one server said: the line itself, or an element of its resultset.
type part struct {
	LTS       *float64 `json:"lts"`
	Time      *int64   `json:"time"` // of an element
	DstAddr   string   `json:"dst_addr"`
	DstPort   rawText  `json:"dst_port"` // a text, or a number
	SSL       string   `json:"sslvers"`  // of DNS over TLS or HTTPS, which says TCP otherwise
	Addr      string   `json:"addr"`     // before firmware 4460
	Address   string   `json:"address"`  // likewise
	SrcAddr   string   `json:"src_addr"` // as From
	AF        int      `json:"af"`
	PF        int      `json:"pf"` // before firmware 4460
	Proto     string   `json:"proto"`
	Retry     int      `json:"retry"`
	TTL       *int64   `json:"ttl"`
	Result    *reply   `json:"result"`
	ErrorText rawText  `json:"error"`
}

// reply is the response of a part.
type reply struct {
	RT   *float64 `json:"rt"` // ms
	QT   *float64 `json:"qt"` // ms, of the query over TCP once it is connected
	Size *int64   `json:"size"`
	Abuf *string  `json:"abuf"`
}

// maxParts bounds a resultset.
const maxParts = 64

// Times of results that are taken.
var earliest = time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC).Unix()

const ahead = 24 * 3600 // seconds that a clock may be ahead of ours

// converter makes rows of results.
type converter struct {
	servers   map[netip.Addr]measurement.RSI
	identity  bool
	now       int64 // Unix
	counts    *Counts
	number    int64             // of the result, among all
	addresses map[string]string // canonical addresses, each once
	contents  contents
	repeats   repeats
}

// convert makes the rows of a result of a measurement that asks so; what is none is counted.
func (c *converter) convert(line []byte, asked Question, id int64) []entry {
	var r result
	err := json.Unmarshal(line, &r)
	switch {
	case err != nil && otherType(line), err == nil && r.MsmID == id && r.Type != "dns":
		c.counts.left(OtherType)
		return nil
	case err != nil || r.MsmID != id || len(r.Resultset) > maxParts:
		c.counts.bad(NoResult, c.number)
		return nil
	}
	asked.id = id
	if len(r.Resultset) == 0 {
		return c.add(nil, &r, r.part, asked)
	}
	var rows []entry
	for _, p := range r.Resultset {
		if p.LTS == nil {
			p.LTS = r.LTS
		}
		if p.Time != nil {
			r.Timestamp = *p.Time
		}
		p.Retry = cmp.Or(p.Retry, r.Retry)
		rows = c.add(rows, &r, p, asked)
	}
	return rows
}

// otherType says whether a line that has other fields than a DNS result is a result of
// another type.
func otherType(line []byte) bool {
	var r struct {
		Type string `json:"type"`
	}
	return json.Unmarshal(line, &r) == nil && r.Type != "" && r.Type != "dns"
}

func (c *converter) add(rows []entry, r *result, p part, asked Question) []entry {
	c.counts.Results++
	e, reason := c.row(r, p, asked)
	if reason != "" {
		c.counts.left(reason)
		return rows
	}
	return append(rows, e)
}

// row makes the row of one answer, or says why there is none.
func (c *converter) row(r *result, p part, asked Question) (e entry, reason string) {
	q, address, reason := c.asked(r, p, asked)
	switch {
	case reason != "":
		return e, reason
	case q.Identity() && !c.identity:
		return e, IdentityLeft
	case p.Retry != 0 || q.Retries: // what came at once would be all that is left
		return e, Retried
	case r.PrbID <= 0 || r.PrbID > 1<<32-1:
		return e, BadProbe
	case r.Timestamp < earliest || r.Timestamp > c.now+ahead:
		return e, BadTime
	}
	e = entry{At: r.Timestamp, Probe: uint32(r.PrbID), Question: q, Address: address, Latency: none, Connect: none, Serial: none, Size: none, TTL: none, Clock: clockOf(r, p)}
	if r.Stored != nil && *r.Stored >= earliest && *r.Stored <= c.now+ahead {
		e.Stored = *r.Stored
	}
	if reason = c.outcome(&e, r, p); reason == "" && e.Clock == clockWrong {
		c.counts.ClockWrong++
	}
	c.hide(&e, r, p)
	return e, reason
}

// clockOf says whether the probe's clock can be trusted: it was set at most 60 s ago, and
// the result is not of a later time than when it was stored.
func clockOf(r *result, p part) clock {
	const fresh = 60 // seconds
	switch {
	case r.Stored != nil && r.Timestamp > *r.Stored, p.LTS != nil && (*p.LTS < 0 || *p.LTS > fresh):
		return clockWrong
	case p.LTS == nil:
		return clockUnknown
	}
	return clockRight
}

// errorsOf are the errors of a part by their keys.
func errorsOf(r *result, p part) map[string]json.RawMessage {
	fields := map[string]json.RawMessage{}
	switch {
	case len(p.ErrorText) > 0 && string(p.ErrorText) != "null":
		if json.Unmarshal(p.ErrorText, &fields) != nil {
			fields = map[string]json.RawMessage{"error": p.ErrorText}
		}
	case len(r.DNSErr) > 0, len(r.Err) > 0: // very old firmware
		fields["err"] = append(slices.Clone(r.DNSErr), r.Err...)
	}
	return fields
}

// outcome fills in what became of the query. A response decides: a probe ends a query with
// one or with an error, and errors beside a response are of what it did before (a call that
// failed, another address of the server), so they must not hide what was seen.
func (c *converter) outcome(e *entry, r *result, p part) (reason string) {
	heard := p.Result != nil && p.Result.Abuf != nil
	if fields := errorsOf(r, p); len(fields) > 0 {
		outcome, text, fault := outcomeOf(fields)
		if fault != "" {
			c.counts.unknown(fault)
		}
		if !heard {
			e.Outcome, e.Error = outcome, text
			return ""
		}
	}
	if !heard {
		return NoResponse
	}
	wire, err := base64.StdEncoding.DecodeString(*p.Result.Abuf)
	if err != nil || len(wire) > 65535 {
		return BadResponse
	}
	const longest = 60_000 // ms; a probe waits for 5,000
	rt := p.Result.RT
	if rt == nil || *rt < 0 || *rt > longest {
		return NoTiming
	}
	if p.Result.Size != nil && *p.Result.Size != int64(len(wire)) {
		c.counts.SizeDiffers++
	}
	latency := micros(*rt)
	if qt := p.Result.QT; e.Transport == measurement.TCP && qt != nil && *qt >= 0 && *qt <= *rt {
		e.Connect = latency - micros(*qt)
	}
	if e.Transport == measurement.UDP && p.TTL != nil && *p.TTL >= 0 && *p.TTL <= 255 {
		e.TTL = *p.TTL
	}
	c.receive(e, wire, latency)
	switch e.Extra {
	case measurement.ExtraLate:
		c.counts.Late++
	case measurement.ExtraStray:
		c.counts.Strays++
	}
	return ""
}

// micros is a time in milliseconds, which have three decimals, in microseconds.
func micros(ms float64) int64 { return int64(ms*1000 + 0.5) }

// Timeout is how long we wait for an answer; a probe waits for five seconds.
const timeout = 4_000_000 // µs

// receive fills in what our prober would have made of a message that came so late.
func (c *converter) receive(e *entry, wire []byte, latency int64) {
	if latency > timeout {
		e.drop("answer after the timeout", measurement.ExtraLate, wire, latency)
		return
	}
	q := e.Question
	r, stray, err := probe.Received(q.Name, q.Type, q.Class, wire)
	switch {
	case stray == "":
		c.repeats.right(q)
	case stray == probe.WrongQuestion && c.contents.message.Parse(wire) == nil && c.contents.message.QName != nil:
		c.repeats.other(q, e.Probe)
	}
	switch {
	case stray != "" && e.Transport == measurement.UDP:
		e.Strays = 1
		e.drop("no answer in time", measurement.ExtraStray, wire, latency)
		return
	case stray != "":
		err = errors.New(stray)
	}
	e.Size = int64(len(wire))
	if err != nil {
		e.Outcome, e.Error, e.Response = measurement.Malformed, err.Error(), wire
		return
	}
	e.Outcome, e.Latency, e.RCode, e.AA, e.TC, e.NSID = measurement.Answered, latency, r.RCode, r.AA, r.TC, r.NSID
	if r.Serial != nil {
		e.Serial = *r.Serial
	}
	if c.contents.zones != nil && e.judged() {
		said := c.contents.judge(wire)
		e.Verdict, e.Failure = said.verdict, said.failure
	}
	// The text of an identity is nowhere else in the row.
	if recurses(wire) || q.Identity() || e.Verdict == measurement.Incorrect || e.chosen() {
		e.Response = wire
	} else if a := e.answer(); probe.Odd(&a) {
		e.Response = wire
	}
}

// judged says whether the SOA record of an answer is to be judged, as correctness answers
// of ours are.
func (e *entry) judged() bool {
	return e.Query == measurement.QuerySOA && !e.TC && (e.RCode == measurement.NoError || e.RCode == measurement.NXDomain)
}

// recurses says whether RA is set: no root server does that, so who answers is another.
func recurses(wire []byte) bool {
	return len(wire) >= dnsmsg.HeaderSize && binary.BigEndian.Uint16(wire[2:])&dnsmsg.FlagRA != 0
}

// drop makes the row a timeout in spite of a message, which is kept as evidence.
func (e *entry) drop(why, kind string, wire []byte, after int64) {
	e.Outcome, e.Error, e.TTL = measurement.Timeout, why, none
	e.Extra, e.ExtraAfter = kind, after
	e.ExtraWire = wire[:min(len(wire), measurement.MaxExtraWire)]
}
