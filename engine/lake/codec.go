package lake

import (
	"encoding/binary"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// codec writes values to the end of buf, or reads them from its head: one
// description of a row serves both.
type codec struct {
	reading  bool
	bad      bool // what was read does not fit; all that follows is empty
	buf      []byte
	interval time.Time
	vp       measurement.VantagePoint
	texts    map[string]*string // each text once in memory
	wire     [][]byte           // the responses, read; a row takes the next
	next     int

	times   []time.Time // for optional values, not yet in use
	longs   []int64
	numbers []int32
}

// wires writes the responses of all rows, before the rows: who only wants to know
// them reads no more.
func (c *codec) wires(rows any) {
	answers, _ := rows.([]measurement.Answer)
	size := 0
	for i := range answers {
		if r := answers[i].Response; r != nil {
			size += len(r) + len(binary.AppendUvarint(nil, uint64(len(r))))
		}
	}
	c.buf = binary.AppendUvarint(c.buf, uint64(size))
	for i := range answers {
		if r := answers[i].Response; r != nil {
			c.buf = append(binary.AppendUvarint(c.buf, uint64(len(r))), r...)
		}
	}
}

// cut reads what wires wrote, of at most so many rows.
func (c *codec) cut(most int) [][]byte {
	size := c.length()
	rest := c.buf[size:]
	c.wire, c.next = c.wire[:0], 0
	for end := len(rest); len(c.buf) > end && !c.bad; {
		n := c.length()
		if c.bad = c.bad || n > len(c.buf)-end || len(c.wire) == most; !c.bad {
			c.wire = append(c.wire, c.buf[:n:n])
			c.buf = c.buf[n:]
		}
	}
	c.buf = rest
	return c.wire
}

// length reads a length that is not beyond the buffer.
func (c *codec) length() int {
	n, used := binary.Uvarint(c.buf)
	if used <= 0 || n > uint64(len(c.buf)-used) {
		c.bad, c.buf = true, nil
		return 0
	}
	c.buf = c.buf[used:]
	return int(n)
}

func number[N ~int32 | ~int64](c *codec, n *N) {
	if !c.reading {
		c.buf = binary.AppendVarint(c.buf, int64(*n))
		return
	}
	v, used := binary.Varint(c.buf)
	if used <= 0 || int64(N(v)) != v {
		c.bad, c.buf = true, nil
		return
	}
	*n, c.buf = N(v), c.buf[used:]
}

func text[S ~string](c *codec, s *S) {
	if !c.reading {
		c.buf = append(binary.AppendUvarint(c.buf, uint64(len(*s))), *s...)
		return
	}
	n := c.length()
	*s, c.buf = S(*c.known(c.buf[:n])), c.buf[n:]
}

// known is the one copy of a text.
func (c *codec) known(b []byte) *string {
	s, found := c.texts[string(b)]
	if !found {
		own := string(b)
		s = &own
		if len(own) < 256 && len(c.texts) < 1<<16 { // names of questions never end
			c.texts[own] = s
		}
	}
	return s
}

func boolean(c *codec, b *bool) {
	n := int32(0)
	if *b {
		n = 1
	}
	number(c, &n)
	*b = n != 0
}

// when is a time near the interval.
func when(c *codec, t *time.Time) {
	micros := t.UnixMicro() - c.interval.UnixMicro()
	if number(c, &micros); c.reading {
		*t = time.UnixMicro(c.interval.UnixMicro() + micros).UTC()
	}
}

// optional is a value that may be missing. Read, it stands among others of its
// kind, for a row has many: memory for each would cost more than the rest.
func optional[V any](c *codec, among *[]V, p **V, value func(*codec, *V)) {
	there := *p != nil
	if boolean(c, &there); !there {
		return
	}
	if c.reading {
		if len(*among) == 0 {
			*among = make([]V, slab)
		}
		*p, *among = &(*among)[0], (*among)[1:]
	}
	value(c, *p)
}

// slab is how many optional values of a kind get their memory at once.
const slab = 512

// optionalText is a text that may be missing; read, many rows point to it.
func optionalText(c *codec, p **string) {
	there := *p != nil
	if boolean(c, &there); !there {
		return
	}
	if !c.reading {
		text(c, *p)
		return
	}
	n := c.length()
	*p, c.buf = c.known(c.buf[:n]), c.buf[n:]
}

// optionalTruth is a boolean that may be missing; read, many rows point to it.
func optionalTruth(c *codec, p **bool) {
	there := *p != nil
	if boolean(c, &there); !there {
		return
	}
	is := !c.reading && **p
	if boolean(c, &is); c.reading {
		*p = truth(is)
	}
}

// list is any number of values.
func repeated[V any](c *codec, s *[]V, value func(*codec, *V)) {
	n := int64(len(*s))
	number(c, &n)
	if c.bad = c.bad || n < 0 || c.reading && n > int64(len(c.buf)); c.bad {
		return
	}
	if c.reading && n > 0 {
		*s = make([]V, n)
	}
	for i := range *s {
		value(c, &(*s)[i])
	}
}

func row[T Measured](c *codec, r *T) {
	switch r := any(r).(type) {
	case *measurement.Answer:
		c.answer(r)
	case *measurement.Route:
		c.route(r)
	case *measurement.Run:
		c.run(r)
	}
}

func (c *codec) answer(a *measurement.Answer) {
	a.VantagePoint, a.Interval = c.vp, c.interval
	optional(c, &c.times, &a.SentAt, when)
	text(c, &a.Query)
	text(c, &a.RSI)
	text(c, &a.Family)
	text(c, &a.Transport)
	text(c, &a.Address)
	text(c, &a.QName)
	text(c, &a.QType)
	text(c, &a.Outcome)
	optionalText(c, &a.Error)
	optional(c, &c.longs, &a.LatencyUS, number)
	optional(c, &c.longs, &a.ConnectUS, number)
	optionalText(c, &a.RCode)
	optionalTruth(c, &a.AA)
	optionalTruth(c, &a.TC)
	number(c, &a.Attempts)
	optional(c, &c.longs, &a.Serial, number)
	optionalText(c, &a.NSID)
	number(c, &a.Strays)
	optional(c, &c.numbers, &a.ResponseSize, number)
	there := a.Response != nil
	if boolean(c, &there); there && c.reading {
		if c.bad = c.bad || c.next == len(c.wire); !c.bad {
			a.Response = c.wire[c.next]
			c.next++
		}
	}
	verdict := (*string)(a.Verdict)
	optionalText(c, &verdict)
	a.Verdict = (*measurement.Verdict)(verdict)
	optional(c, &c.longs, &a.VerdictSerial, number)
	repeated(c, &a.Failures, text)
}

func (c *codec) route(r *measurement.Route) {
	r.VantagePoint, r.Interval = c.vp, c.interval
	when(c, &r.StartedAt)
	text(c, &r.RSI)
	text(c, &r.Family)
	text(c, &r.Address)
	text(c, &r.Method)
	text(c, &r.StopReason)
	boolean(c, &r.Reached)
	boolean(c, &r.Complete)
	number(c, &r.HopCount)
	repeated(c, &r.Hops, func(c *codec, h *measurement.Hop) {
		number(c, &h.TTL)
		optionalText(c, &h.Address)
		optional(c, &c.longs, &h.RTTUS, number)
	})
}

func (c *codec) run(r *measurement.Run) {
	r.VantagePoint, r.Interval = c.vp, c.interval
	when(c, &r.StartedAt)
	number(c, &r.JitterMS)
	number(c, &r.ElapsedMS)
	number(c, &r.Planned)
	number(c, &r.Answered)
	text(c, &r.EngineVersion)
	text(c, &r.Plan)
	text(c, &r.PlanSHA256)
	optionalTruth(c, &r.ClockSynchronized)
	optional(c, &c.longs, &r.ClockErrorUS, number)
	text(c, &r.Timestamps)
	when(c, &r.ReceivedAt)
	text(c, &r.File)
	text(c, &r.SHA256)
}
