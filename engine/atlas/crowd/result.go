package crowd

import (
	"encoding/base64"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/simulate"
)

// world is a crowd that is being written.
type world struct {
	Config
	truth      *Truth
	random     *rand.Rand
	calendar   simulate.Calendar
	rsis       []measurement.RSI // that are asked
	faults     []*fault
	label      time.Time // of the interval that now is of
	now        []int     // faults that are active
	probes     []probe
	wires      map[wireKey][]byte
	main, late *output
	buf        []byte
	hours      map[hourKey]bool
	hour       int64
	newest     int // zone
	replaced   int64
}

type hourKey struct {
	probe  uint32
	rsi    measurement.RSI
	family measurement.Family
}

// number is the end of a built-in measurement's id.
var number = map[measurement.RSI]int{"k": 1, "f": 4, "i": 5, "m": 6, "l": 8, "a": 9, "b": 10, "c": 11, "d": 12, "e": 13, "g": 14, "h": 15, "j": 16}

func newWorld(c Config) *world {
	w := &world{Config: c, random: rand.New(rand.NewPCG(c.Seed, 0)), wires: map[wireKey][]byte{}, calendar: simulate.Calendar{Seed: c.Seed},
		truth: &Truth{Outcomes: make(map[measurement.Outcome]int64), Left: map[string]int64{}, Unknown: map[string]int64{}, Incorrect: make(map[measurement.RSI]int64),
			Intercepted: []uint32{}, NoIPv6: []uint32{}, BadClock: []uint32{}, Anchors: []Anchor{}, Faults: []FaultTruth{}}}
	for rsi := range c.Servers {
		if number[rsi] > 0 {
			w.rsis = append(w.rsis, rsi)
		}
	}
	slices.Sort(w.rsis)
	for _, f := range c.Faults {
		w.faults = append(w.faults, newFault(c.Seed, f))
	}
	w.people()
	return w
}

// query is one query of a probe.
type query struct {
	probe  *probe
	at     int64 // by the probe's clock
	sent   int64 // by a right clock
	rsi    measurement.RSI
	family measurement.Family
	f      int // number of the family
	tcp    bool
	addr   netip.Addr
	id     int
	nsid   bool // asked for

	// What faults do to it.
	faults []*fault
	fate   *fault    // decides what becomes of it
	moved  *fault    // to another site
	slower float64   // ms
	stale  int64     // µs
	frozen time.Time // zero: not
	wrong  bool
}

// fate is what becomes of a query.
type fate struct {
	outcome measurement.Outcome
	text    string // of the line
	nowhere bool   // no address is said
	retry   bool
	late    bool
	stray   bool
	unknown string // key of an error
	judged  bool   // the answer has an SOA record
	silent  bool   // there is no line
}

// results writes all, half an hour after the other.
func (w *world) results() error {
	order := slices.Clone(w.probes)
	slices.SortStableFunc(order, func(a, b probe) int { return int(a.phase - b.phase) })
	for start := w.From; start.Before(w.Until); start = start.Add(slot) {
		for i := range order {
			p := &order[i]
			at := start.Unix() + p.phase
			if at+10 >= w.Until.Unix() {
				continue
			}
			if err := w.ofProbe(p, at); err != nil {
				return err
			}
		}
		if w.Progress != nil {
			w.Progress()
		}
	}
	return nil
}

func (w *world) ofProbe(p *probe, at int64) error {
	for _, rsi := range w.rsis {
		for f, family := range measurement.Families {
			addr := w.Servers[rsi][f]
			if !addr.IsValid() {
				continue
			}
			q := query{probe: p, sent: at, at: at + p.ahead, rsi: rsi, family: family, f: f, addr: addr, id: 10000 + 1000*f + number[rsi]}
			if err := w.soa(q); err != nil {
				return err
			}
			q.tcp, q.id = true, q.id+100
			if err := w.soa(q); err != nil {
				return err
			}
			q.tcp, q.id = false, q.id+200
			if err := w.identity(q); err != nil {
				return err
			}
		}
	}
	// What all dumps hold besides.
	w.truth.Left["other_measurement"]++
	if err := w.put(w.main, w.line(query{probe: p, at: at, id: 30001}, `"resultset":[{"lts":3,"subid":1,"submax":1,"error":{"timeout":5000}}]`)); err != nil {
		return err
	}
	w.truth.Left["other_type"]++
	w.buf = append(w.buf[:0], `{"fw":5080,"msm_id":5001,"prb_id":`...)
	w.buf = append(strconv.AppendUint(w.buf, uint64(p.id), 10), `,"type":"traceroute","result":[]}`...)
	return w.put(w.main, w.buf)
}

func (w *world) put(to *output, line []byte) error {
	w.truth.Results++
	if _, err := to.Write(line); err != nil {
		return err
	}
	return to.WriteByte('\n')
}

// where draws where a result goes: one in 100 comes two days later, one in 500 twice.
func (w *world) where() (to *output, twice bool) {
	to = w.main
	if w.random.IntN(100) == 0 {
		to = w.late
	}
	return to, w.random.IntN(500) == 0
}

// soa writes what becomes of a query for the SOA.
func (w *world) soa(q query) error {
	w.strike(&q)
	f := w.drawn(q)
	if f.retry {
		w.truth.Left["retry"]++
		return w.put(w.main, w.line(q, f.text))
	}
	if q.fate != nil && !q.dead() {
		f = w.overruled(q, f)
	}
	to, twice := w.where()
	for _, struck := range q.faults {
		struck.queries++
	}
	if f.silent {
		return nil
	}
	if f.nowhere {
		q.addr = netip.Addr{}
	}
	line := w.line(q, f.text)
	w.truth.Rows++
	w.truth.Outcomes[f.outcome]++
	if f.judged && q.wrong {
		w.truth.Incorrect[q.rsi]++
	} else if f.judged {
		w.truth.Correct++
	}
	w.said(q, f)
	if err := w.put(to, line); err != nil || !twice {
		return err
	}
	w.truth.Left["known"]++
	w.said(q, f)
	return w.put(w.main, line)
}

// said counts what the import counts of each line, before it knows that one is a copy.
func (w *world) said(q query, f fate) {
	if q.probe.neverSet || q.probe.ahead > 0 {
		w.truth.ClockWrong++
	}
	if f.late {
		w.truth.Late++
	}
	if f.stray {
		w.truth.Strays++
	}
	if f.unknown != "" {
		w.truth.Unknown[f.unknown]++
	}
}

// dead says whether the probe has no network of the family, whatever it may think.
func (q *query) dead() bool { return q.probe.noIPv6 && q.family == measurement.IPv6 }

// drawn draws what becomes of a query for the SOA.
func (w *world) drawn(q query) fate {
	draw := w.random.IntN(10_000)
	switch {
	case q.dead():
		return unreachable(q)
	case draw < 50:
		return fate{outcome: measurement.Timeout, text: `"error":{"timeout":5000}`}
	case draw < 60:
		return fate{outcome: measurement.Timeout, text: w.reply(q, kindSOA, 4000.5+999*w.random.Float64(), w.messageID()), late: true}
	case draw < 70:
		return fate{outcome: measurement.LocalError, text: `"error":{"TUDNS":"1"}`, nowhere: true}
	case draw < 75:
		return fate{outcome: measurement.LocalError, text: `"error":{"gremlin":"1"}`, unknown: "gremlin"}
	case draw < 85 && !q.tcp:
		return fate{outcome: measurement.Timeout, text: w.reply(q, kindOther, q.probe.base, w.messageID()), stray: true}
	case draw < 85:
		return fate{outcome: measurement.Refused, text: `"error":{"TUCONNECT":"Connection refused"}`}
	case draw < 95 && q.tcp:
		return fate{outcome: measurement.Reset, text: `"error":{"TU_READ_ERR":"Connection reset by peer"}`}
	case draw < 105:
		return fate{retry: true, text: `"retry":1,` + w.reply(q, kindSOA, q.probe.base, w.messageID())}
	case q.probe.intercepted && !q.tcp:
		return w.answered(q, kindIntercepted, 2+5*w.random.Float64())
	}
	return w.answered(q, kindSOA, q.roundTrip()*(1+0.2*w.random.Float64()))
}

// answered is an answer after so many ms, or one that came too late.
func (w *world) answered(q query, kind string, rt float64) fate {
	id := w.messageID()
	switch rt += q.slower; {
	case rt > 5000:
		return fate{outcome: measurement.Timeout, text: `"error":{"timeout":5000}`}
	case rt > 4000:
		return fate{outcome: measurement.Timeout, text: w.reply(q, kind, rt, id), late: true}
	}
	return fate{outcome: measurement.Answered, text: w.reply(q, kind, rt, id), judged: true}
}

// roundTrip is that of a query in ms.
func (q *query) roundTrip() float64 {
	if q.rsi == q.probe.near && q.moved == nil {
		return 0.3
	}
	return q.probe.base
}

func (w *world) messageID() uint16 { return uint16(w.random.Uint32()) }

func unreachable(q query) fate {
	if q.tcp {
		return fate{outcome: measurement.Unreachable, text: `"error":{"TUCONNECT":"Network is unreachable"}`}
	}
	return fate{outcome: measurement.Unreachable, text: `"error":{"socket":"connect failed Network is unreachable"}`}
}

// identity writes the answer to a query for a server's identity.
func (w *world) identity(q query) error {
	w.strike(&q)
	text := `"error":{"timeout":5000}`
	switch {
	case q.dead():
		text = `"error":{"socket":"connect failed Network is unreachable"}`
	case q.probe.intercepted:
		text = w.reply(q, kindResolver, 2, w.messageID())
	case w.random.IntN(200) > 0:
		text = w.reply(q, kindIdentity, q.roundTrip()+q.slower, w.messageID())
	}
	if q.fate != nil && !q.dead() {
		f := w.overruled(q, fate{text: text})
		if f.silent {
			w.where()
			return nil
		}
		if text = f.text; f.nowhere {
			q.addr = netip.Addr{}
		}
	}
	if hour := q.sent / 3600; hour != w.hour || w.hours == nil {
		w.hours, w.hour = map[hourKey]bool{}, hour
	}
	w.truth.Left["identity_not_asked"]++
	if key := (hourKey{q.probe.id, q.rsi, q.family}); !w.hours[key] {
		w.hours[key] = true
		w.truth.Identities++
	}
	to, twice := w.where()
	line := w.line(q, text)
	if err := w.put(to, line); err != nil || !twice {
		return err
	}
	w.truth.Left["identity_not_asked"]++
	return w.put(w.main, line)
}

// line is a result with what is said of its outcome.
func (w *world) line(q query, text string) []byte {
	p := q.probe
	b := append(w.buf[:0], `{"fw":`...)
	b = strconv.AppendInt(b, int64(p.firmware), 10)
	if p.firmware >= 5000 {
		b = append(b, `,"mver":"2.6.2"`...)
	}
	lts := 5 + q.at%50
	if p.neverSet {
		lts = -1
	}
	b = strconv.AppendInt(append(b, `,"lts":`...), lts, 10)
	if q.addr.IsValid() {
		b = append(q.addr.AppendTo(append(b, `,"dst_addr":"`...)), `","dst_port":"53","af":`...)
		b = append(b, "46"[q.f])
	}
	proto := "UDP"
	if q.tcp {
		proto = "TCP"
	}
	b = append(append(append(b, `,"proto":"`...), proto...), `","from":"192.0.2.1","src_addr":"10.0.0.1","msm_id":`...)
	b = strconv.AppendInt(b, int64(q.id), 10)
	b = strconv.AppendUint(append(b, `,"prb_id":`...), uint64(p.id), 10)
	b = strconv.AppendInt(append(b, `,"timestamp":`...), q.at, 10)
	b = strconv.AppendInt(append(b, `,"msm_name":"Tdig","type":"dns","stored_timestamp":`...), q.sent+90, 10)
	b = append(append(b, ','), text...)
	w.buf = append(b, '}')
	return w.buf
}

// reply is the part of a result that is its response.
func (w *world) reply(q query, kind string, rt float64, id uint16) string {
	wire := w.wire(w.keyOf(q, kind))
	wire[0], wire[1] = byte(id>>8), byte(id)
	b := append(make([]byte, 0, 128+len(wire)*4/3), `"result":{"rt":`...)
	b = strconv.AppendFloat(b, rt, 'f', 3, 64)
	if q.tcp && q.probe.firmware >= 5010 {
		b = append(b, `,"qt":`...)
		b = strconv.AppendFloat(b, rt/2, 'f', 3, 64)
	}
	b = strconv.AppendInt(append(b, `,"size":`...), int64(len(wire)), 10)
	b = strconv.AppendUint(append(b, `,"ID":`...), uint64(id), 10)
	b = append(b, `,"QDCOUNT":1,"abuf":"`...)
	b = base64.StdEncoding.AppendEncode(b, wire)
	b = append(b, `"}`...)
	if !q.tcp && q.probe.firmware >= 5010 {
		b = append(b, `,"ttl":55`...)
	}
	return string(b)
}
