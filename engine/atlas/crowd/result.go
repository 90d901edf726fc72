package crowd

import (
	"encoding/base64"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/measurement"
)

// world is a crowd that is being written.
type world struct {
	Config
	truth      *Truth
	random     *rand.Rand
	probes     []probe
	wires      map[wireKey][]byte
	main, late *output
	buf        []byte
	hours      map[hourKey]bool
	hour       int64
}

// wireKey is what a response depends on.
type wireKey struct {
	kind   string
	rsi    measurement.RSI
	serial uint32
}

type hourKey struct {
	probe  uint32
	rsi    measurement.RSI
	family measurement.Family
}

// number is the end of a built-in measurement's id.
var number = map[measurement.RSI]int{"k": 1, "f": 4, "i": 5, "m": 6, "l": 8, "a": 9, "b": 10, "c": 11, "d": 12, "e": 13, "g": 14, "h": 15, "j": 16}

// query is one query of a probe.
type query struct {
	probe  *probe
	at     int64 // by the probe's clock
	sent   int64 // by a right clock
	rsi    measurement.RSI
	family measurement.Family
	tcp    bool
	addr   netip.Addr
	id     int
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
	rsis := make([]measurement.RSI, 0, len(w.Servers))
	for rsi := range w.Servers {
		if number[rsi] > 0 {
			rsis = append(rsis, rsi)
		}
	}
	slices.Sort(rsis)
	for _, rsi := range rsis {
		for f, family := range measurement.Families {
			addr := w.Servers[rsi][f]
			if !addr.IsValid() {
				continue
			}
			q := query{probe: p, sent: at, at: at + p.ahead, rsi: rsi, family: family, addr: addr, id: 10000 + 1000*f + number[rsi]}
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

// send writes a result: one in 500 comes twice, one in 100 two days later.
func (w *world) send(line []byte, counts bool) error {
	to := w.main
	if w.random.IntN(100) == 0 {
		to = w.late
	}
	if err := w.put(to, line); err != nil || w.random.IntN(500) > 0 {
		return err
	}
	if counts {
		w.truth.Left["known"]++
	} else {
		w.truth.Left["identity_not_asked"]++
	}
	return w.put(w.main, line)
}

// row counts what a result comes to.
func (w *world) row(q query, o measurement.Outcome) {
	w.truth.Rows++
	w.truth.Outcomes[o]++
	if q.probe.neverSet || q.probe.ahead > 0 {
		w.truth.ClockWrong++
	}
}

// soa draws what becomes of a query for the SOA.
func (w *world) soa(q query) error {
	draw := w.random.IntN(10_000)
	outcome, text := measurement.Answered, ""
	switch {
	case q.probe.noIPv6 && q.family == measurement.IPv6 && q.tcp:
		outcome, text = measurement.Unreachable, `"error":{"TUCONNECT":"Network is unreachable"}`
	case q.probe.noIPv6 && q.family == measurement.IPv6:
		outcome, text = measurement.Unreachable, `"error":{"socket":"connect failed Network is unreachable"}`
	case draw < 50:
		outcome, text = measurement.Timeout, `"error":{"timeout":5000}`
	case draw < 60:
		outcome, text = measurement.Timeout, w.reply(q, measurement.QuerySOA, 4000.5+999*w.random.Float64())
		w.truth.Late++
	case draw < 70:
		outcome, text = measurement.LocalError, `"error":{"TUDNS":"1"}`
		q.addr = netip.Addr{}
	case draw < 75:
		outcome, text = measurement.LocalError, `"error":{"gremlin":"1"}`
		w.truth.Unknown["gremlin"]++
	case draw < 85 && !q.tcp:
		outcome, text = measurement.Timeout, w.reply(q, "other", q.probe.base)
		w.truth.Strays++
	case draw < 85:
		outcome, text = measurement.Refused, `"error":{"TUCONNECT":"Connection refused"}`
	case draw < 95 && q.tcp:
		outcome, text = measurement.Reset, `"error":{"TU_READ_ERR":"Connection reset by peer"}`
	case draw < 105:
		w.truth.Left["retry"]++
		return w.put(w.main, w.line(q, `"retry":1,`+w.reply(q, measurement.QuerySOA, q.probe.base)))
	case q.probe.intercepted && !q.tcp:
		text = w.reply(q, "intercepted", 2+5*w.random.Float64())
	default:
		text = w.reply(q, measurement.QuerySOA, q.probe.base*(1+0.2*w.random.Float64()))
	}
	line := w.line(q, text)
	twice := w.truth.Left["known"]
	w.row(q, outcome)
	err := w.send(line, true)
	if w.truth.Left["known"] > twice { // what a row is said of is said of each copy
		w.again(q, draw)
	}
	return err
}

// again counts for a copy what the import counts before it knows that it is one.
func (w *world) again(q query, draw int) {
	dead := q.probe.noIPv6 && q.family == measurement.IPv6
	if q.probe.neverSet || q.probe.ahead > 0 {
		w.truth.ClockWrong++
	}
	switch {
	case dead:
	case draw >= 50 && draw < 60:
		w.truth.Late++
	case draw >= 70 && draw < 75:
		w.truth.Unknown["gremlin"]++
	case draw >= 75 && draw < 85 && !q.tcp:
		w.truth.Strays++
	}
}

// identity writes the answer to a query for a server's identity.
func (w *world) identity(q query) error {
	text := `"error":{"timeout":5000}`
	switch {
	case q.probe.noIPv6 && q.family == measurement.IPv6:
		text = `"error":{"socket":"connect failed Network is unreachable"}`
	case q.probe.intercepted:
		text = w.reply(q, "resolver", 2)
	case w.random.IntN(200) > 0:
		text = w.reply(q, "identity", q.probe.base)
	}
	if hour := q.sent / 3600; hour != w.hour || w.hours == nil {
		w.hours, w.hour = map[hourKey]bool{}, hour
	}
	w.truth.Left["identity_not_asked"]++
	if key := (hourKey{q.probe.id, q.rsi, q.family}); !w.hours[key] {
		w.hours[key] = true
		w.truth.Identities++
	}
	return w.send(w.line(q, text), false)
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
		b = append(append(append(b, `,"dst_addr":"`...), q.addr.String()...), `","dst_port":"53","af":`...)
		b = append(b, map[measurement.Family]string{measurement.IPv4: "4", measurement.IPv6: "6"}[q.family]...)
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
func (w *world) reply(q query, kind string, rt float64) string {
	wire := w.wire(wireKey{kind, q.rsi, serialAt(q.sent)})
	id := uint16(w.random.Uint32())
	wire[0], wire[1] = byte(id>>8), byte(id)
	b := append([]byte(`"result":{"rt":`), strconv.FormatFloat(rt, 'f', 3, 64)...)
	if q.tcp && q.probe.firmware >= 5010 {
		b = append(append(b, `,"qt":`...), strconv.FormatFloat(rt/2, 'f', 3, 64)...)
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

// serialAt is the serial of the root zone, of which there are two a day.
func serialAt(at int64) uint32 {
	t := time.Unix(at, 0).UTC()
	half := uint32(0)
	if t.Hour() >= 17 {
		half = 1
	} else if t.Hour() < 5 {
		t, half = t.AddDate(0, 0, -1), 1
	}
	return uint32(t.Year()*10000+int(t.Month())*100+t.Day())*100 + half
}

// wire is a response but for its id.
func (w *world) wire(k wireKey) []byte {
	if made, met := w.wires[k]; met {
		return made
	}
	m := new(dns.Msg)
	m.SetQuestion(".", dns.TypeSOA)
	m.Response, m.Authoritative, m.RecursionDesired, m.Compress = true, true, false, true
	soa := &dns.SOA{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 86400}, Ns: "a.root-servers.net.", Mbox: "nstld.verisign-grs.com.",
		Serial: k.serial, Refresh: 1800, Retry: 900, Expire: 604800, Minttl: 86400}
	m.Answer = []dns.RR{soa}
	switch k.kind {
	case measurement.QuerySOA:
		w.authority(m)
	case "intercepted":
		m.Authoritative, m.RecursionAvailable = false, true
	case "other":
		m.Question[0].Name, m.Answer = "example.", nil
	case "identity", "resolver":
		text := "nnn1-fra" + string(k.rsi)
		if k.kind == "resolver" {
			m.Authoritative, m.RecursionAvailable, text = false, true, "dnsmasq-2.90"
		}
		m.Question[0] = dns.Question{Name: "hostname.bind.", Qtype: dns.TypeTXT, Qclass: dns.ClassCHAOS}
		m.Answer = []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: "hostname.bind.", Rrtype: dns.TypeTXT, Class: dns.ClassCHAOS}, Txt: []string{text}}}
	}
	packed, err := m.Pack()
	if err != nil {
		panic(err) // of texts of our own
	}
	w.wires[k] = packed
	return packed
}

// authority adds the root's NS records and addresses, which most of the servers send.
func (w *world) authority(m *dns.Msg) {
	for letter := 'a'; letter <= 'm'; letter++ {
		rsi := measurement.RSI(letter)
		name := string(letter) + ".root-servers.net."
		m.Ns = append(m.Ns, &dns.NS{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: 518400}, Ns: name})
		if a := w.Servers[rsi][0]; a.IsValid() {
			m.Extra = append(m.Extra, &dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 518400}, A: a.AsSlice()})
		}
		if a := w.Servers[rsi][1]; a.IsValid() {
			m.Extra = append(m.Extra, &dns.AAAA{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeAAAA, Class: dns.ClassINET, Ttl: 518400}, AAAA: a.AsSlice()})
		}
	}
}
