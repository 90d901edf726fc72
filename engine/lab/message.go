package lab

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// Sizes in octets.
const (
	headerSize  = 12
	classicSize = 512   // of a UDP message without EDNS
	ednsSize    = 1232  // the largest UDP message the three kinds of servers send
	maxMessage  = 65535 // of a TCP message
	axfrChunk   = 100   // records in one message of a zone transfer
)

// responder turns wire queries into answers as one RSI gives them.
type responder struct {
	flavour  Flavour
	identity string // NSID, and the answer to id.server
	version  string // the answer to version.server; empty where it is refused
}

// parsed is a query that deserves more than an error.
type parsed struct {
	msg *dns.Msg
	opt *dns.OPT // nil without EDNS
	tcp bool
}

// question is the only question.
func (p *parsed) question() dns.Question { return p.msg.Question[0] }

// parse reads a query. Both results are nil where a server keeps silent; the
// answer is an error message that is ready to be sent.
func (r responder) parse(raw []byte, tcp bool) (query *parsed, answer *dns.Msg) {
	if len(raw) < headerSize || raw[2]&0x80 != 0 {
		return nil, nil
	}
	q := new(dns.Msg)
	err := q.Unpack(raw)
	// The library takes a message that ends before its counts do.
	counts := [4]int{len(q.Question), len(q.Answer), len(q.Ns), len(q.Extra)}
	for i, n := range counts {
		if n != int(raw[4+2*i])<<8|int(raw[5+2*i]) {
			err = fmt.Errorf("section %d has %d records", i, n)
		}
	}
	p := &parsed{msg: q, tcp: tcp}
	opts := 0
	for _, rr := range q.Extra {
		if opt, ok := rr.(*dns.OPT); ok {
			p.opt = opt
			opts++
		}
	}
	switch {
	case err != nil || opts > 1:
		return nil, &dns.Msg{MsgHdr: dns.MsgHdr{Id: uint16(raw[0])<<8 | uint16(raw[1]), Response: true, Rcode: dns.RcodeFormatError,
			Opcode: int(raw[2]>>3) & 0xf}}
	case q.Opcode != dns.OpcodeQuery:
		return nil, r.refuseOpcode(p)
	case len(q.Question) != 1 || len(q.Answer) > 0 || len(q.Ns) > 0:
		return nil, r.failure(p, dns.RcodeFormatError)
	case p.opt != nil && p.opt.Version() != 0:
		a := r.failure(p, dns.RcodeBadVers)
		if r.flavour != Knot {
			a.IsEdns0().Option = nil
		}
		return nil, a
	}
	return p, nil
}

// refuseOpcode answers what is not a query.
func (r responder) refuseOpcode(p *parsed) *dns.Msg {
	rcodes := map[Flavour]map[int]int{
		NSD:  {dns.OpcodeNotify: dns.RcodeRefused},
		Knot: {dns.OpcodeNotify: dns.RcodeNotAuth, dns.OpcodeUpdate: dns.RcodeNotAuth},
		BIND: {dns.OpcodeNotify: dns.RcodeRefused, dns.OpcodeUpdate: dns.RcodeRefused},
	}
	rcode, ok := rcodes[r.flavour][p.msg.Opcode]
	if !ok {
		rcode = dns.RcodeNotImplemented
	}
	a := r.failure(p, rcode)
	switch r.flavour {
	case NSD:
		a.Question, a.Extra = nil, nil
	case BIND:
		if rcode == dns.RcodeNotImplemented {
			a.Question = nil
		}
	}
	return a
}

// start is the header, question and OPT record of an answer to the query.
func (r responder) start(p *parsed) *dns.Msg {
	q := p.msg
	a := &dns.Msg{MsgHdr: dns.MsgHdr{Id: q.Id, Response: true, Opcode: q.Opcode, RecursionDesired: q.RecursionDesired,
		CheckingDisabled: q.CheckingDisabled && r.flavour == BIND}, Compress: true, Question: q.Question}
	if p.opt == nil {
		return a
	}
	opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
	opt.SetUDPSize(ednsSize)
	if p.opt.Do() {
		opt.SetDo()
	}
	for _, o := range p.opt.Option {
		if o.Option() == dns.EDNS0NSID {
			opt.Option = []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID, Nsid: fmt.Sprintf("%x", r.identity)}}
		}
	}
	a.Extra = []dns.RR{opt}
	return a
}

// failure is an answer without data.
func (r responder) failure(p *parsed, rcode int) *dns.Msg {
	a := r.start(p)
	a.Rcode = rcode
	return a
}

// answer is what the server says to the query from the zone, fitted to the
// room there is.
func (r responder) answer(p *parsed, z *Zone) *dns.Msg {
	q := p.question()
	switch {
	case q.Qclass == dns.ClassCHAOS:
		return r.chaos(p)
	case q.Qclass == dns.ClassANY && r.flavour == BIND:
		return r.failure(p, dns.RcodeFormatError)
	case q.Qclass != dns.ClassINET && q.Qclass != dns.ClassANY:
		return r.failure(p, dns.RcodeRefused)
	case r.flavour == BIND && (q.Qtype == dns.TypeOPT || q.Qtype >= dns.TypeTKEY && q.Qtype <= dns.TypeAXFR):
		return r.failure(p, dns.RcodeFormatError)
	case q.Qtype == dns.TypeAXFR || q.Qtype == dns.TypeIXFR:
		return r.failure(p, dns.RcodeNotImplemented) // over TCP transfer has answered
	}
	d := z.compose(asked{name: strings.ToLower(q.Name), rtype: q.Qtype, do: p.opt != nil && p.opt.Do(), rd: p.msg.RecursionDesired,
		anyClass: q.Qclass == dns.ClassANY}, r.flavour)
	a := r.start(p)
	a.Rcode, a.Authoritative = d.rcode, d.aa && !(q.Qclass == dns.ClassANY && r.flavour == NSD)
	d.recase(q.Name, r.flavour)
	return d.fit(a, p.limit(), r.flavour, p.opt != nil)
}

// chaos tells the server's identity (RFC 4892) and version, and nothing else.
func (r responder) chaos(p *parsed) *dns.Msg {
	q := p.question()
	text := map[string]string{"id.server.": r.identity, "hostname.bind.": r.identity, "version.server.": r.version, "version.bind.": r.version}[strings.ToLower(q.Name)]
	if q.Qtype != dns.TypeTXT || text == "" {
		return r.failure(p, dns.RcodeRefused)
	}
	a := r.start(p)
	a.Authoritative = r.flavour == BIND
	a.Answer = []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeTXT, Class: dns.ClassCHAOS}, Txt: []string{text}}}
	return a
}

// limit is the room for an answer in octets.
func (p *parsed) limit() int {
	switch {
	case p.tcp:
		return maxMessage
	case p.opt == nil:
		return classicSize
	}
	return min(max(int(p.opt.UDPSize()), classicSize), ednsSize)
}

// transfer is the whole zone in messages, nil where the query asks no transfer.
func (r responder) transfer(p *parsed, z *Zone) []*dns.Msg {
	q := p.question()
	if !p.tcp || q.Qtype != dns.TypeAXFR || !strings.EqualFold(q.Name, z.origin) || q.Qclass != dns.ClassINET {
		return nil
	}
	rrs := z.RRs()
	rrs = append(rrs, rrs[0]) // from SOA to SOA, RFC 5936 section 2.2
	var all []*dns.Msg
	for len(rrs) > 0 {
		a := r.start(p)
		a.Authoritative = true
		n := min(axfrChunk, len(rrs))
		a.Answer, rrs = rrs[:n], rrs[n:]
		all = append(all, a)
	}
	return all
}

// fit puts into a message what has room for it.
func (d *draft) fit(a *dns.Msg, limit int, f Flavour, edns bool) *dns.Msg {
	whole := *a
	for _, p := range d.parts {
		place(&whole, p)
	}
	if size(&whole) <= limit {
		return &whole
	}
	fitted := *a
	for _, p := range d.parts {
		trial := fitted
		place(&trial, p)
		if size(&trial) <= limit {
			fitted = trial
			continue
		}
		switch p.without {
		case ends:
			return &fitted
		case truncates:
			if f == BIND {
				return emptied(a, p, limit, edns)
			}
			fitted.Truncated = true
			return &fitted
		case leftWithTC:
			fitted.Truncated = true
		case leftOrFirst:
			fitted.Truncated = fitted.Truncated || len(fitted.Extra) == len(a.Extra)
		}
	}
	return &fitted
}

// emptied is BIND's truncated answer: no data, but without EDNS as many records
// of the answer as have room.
func emptied(a *dns.Msg, p part, limit int, edns bool) *dns.Msg {
	t := *a
	t.Truncated = true
	if edns || p.section != answerSection {
		return &t
	}
	for i := range p.rrs {
		trial := t
		trial.Answer = p.rrs[:i+1]
		if size(&trial) > limit {
			break
		}
		t = trial
	}
	return &t
}

// place appends to a section; the OPT record stays the last one. Sections of
// another message never change.
func place(a *dns.Msg, p part) {
	to := []*[]dns.RR{&a.Answer, &a.Ns, &a.Extra}[p.section]
	grown := make([]dns.RR, 0, len(*to)+len(p.rrs))
	if a.IsEdns0() != nil && p.section == additionalSection {
		last := len(*to) - 1
		*to = append(append(append(grown, (*to)[:last]...), p.rrs...), (*to)[last])
		return
	}
	*to = append(append(grown, *to...), p.rrs...)
}

// size is the length of the packed message; one that cannot be packed fits nowhere.
func size(a *dns.Msg) int {
	wire, err := a.Pack()
	if err != nil {
		return maxMessage + 1
	}
	return len(wire)
}

// recase gives names the letter case of the question where they end as it does:
// NSD and Knot compress against the question whatever its case.
func (d *draft) recase(name string, f Flavour) {
	if f == BIND || name == strings.ToLower(name) {
		return
	}
	for i, p := range d.parts {
		rrs := make([]dns.RR, len(p.rrs))
		for j, rr := range p.rrs {
			rrs[j] = dns.Copy(rr)
			h := rrs[j].Header()
			h.Name = likeQuestion(h.Name, name)
			if ns, ok := rrs[j].(*dns.NS); ok {
				ns.Ns = likeQuestion(ns.Ns, name)
			}
		}
		d.parts[i].rrs = rrs
	}
}

// likeQuestion replaces the labels that a name shares with the end of the question.
func likeQuestion(name, question string) string {
	n := dns.CompareDomainName(name, question) // of labels, without regard to case
	if n == 0 {
		return name
	}
	at, _ := dns.PrevLabel(name, n)
	from, _ := dns.PrevLabel(question, n)
	return name[:at] + question[from:]
}
