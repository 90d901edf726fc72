package correctness

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/miekg/dns"
)

const (
	headerSize = 12
	maxOwner   = 255 // octets of a name, RFC 1035 section 3.1

	// maxRecords bounds what is looked at: the root's largest answer has some
	// fifty, and grouping costs the square.
	maxRecords = 1024
)

// Bits of the header's second word (RFC 1035 section 4.1.1, RFC 4035 section 3).
const (
	flagQR = 1 << 15
	flagAA = 1 << 10
	flagTC = 1 << 9
	flagRD = 1 << 8
	flagRA = 1 << 7
	flagZ  = 1 << 6
	flagAD = 1 << 5
	flagCD = 1 << 4
)

var (
	errShort   = errors.New("ends within a record")
	errPointer = errors.New("a compression pointer that does not point back")
	errLabel   = errors.New("a label of unknown type")
	errLong    = errors.New("a name longer than 255 octets")
	errRData   = errors.New("record data that does not fit its type")
)

// section is where in the message a record stands.
type section uint8

const (
	answer section = iota + 1
	authority
	additional
)

func (s section) String() string {
	return [...]string{answer: "Answer", authority: "Authority", additional: "Additional"}[s]
}

// record is a record in canonical form (RFC 4034 section 6.2 as amended by RFC
// 6840 section 5.1): names whole and in lower case, the next name of an NSEC as
// it came. The slices live as long as message and wire do.
type record struct {
	section    section
	typ, class uint16
	ttl        uint32
	owner      []byte
	rdata      []byte
}

// message is a parsed response. It is used again and again: arena keeps the
// names that had to be put together.
type message struct {
	flags         uint16
	rcode         int // with the upper bits of OPT
	qname         []byte
	qtype, qclass uint16
	hasOPT, do    bool
	ednsVersion   uint8
	records       []record // without OPT
	arena         []byte
}

// parse reads a whole message. It takes one question, at most one OPT and not a
// byte more than the counts say.
func (m *message) parse(wire []byte) error {
	*m = message{records: m.records[:0], arena: m.arena[:0]}
	if len(wire) < headerSize {
		return errors.New("shorter than a header")
	}
	m.flags = binary.BigEndian.Uint16(wire[2:])
	m.rcode = int(m.flags & 0xf)
	if n := binary.BigEndian.Uint16(wire[4:]); n != 1 {
		return fmt.Errorf("%d questions, want one", n)
	}
	name, at, err := m.name(wire, headerSize, plain|folded)
	if err != nil || at+4 > len(wire) {
		return fmt.Errorf("question: %w", orShort(err))
	}
	m.qname, m.qtype, m.qclass = name, binary.BigEndian.Uint16(wire[at:]), binary.BigEndian.Uint16(wire[at+2:])
	at += 4
	total := 0
	for s := answer; s <= additional; s++ {
		count := int(binary.BigEndian.Uint16(wire[4+2*int(s):]))
		if total += count; total > maxRecords {
			return fmt.Errorf("more than %d records", maxRecords)
		}
		for i := range count {
			if at, err = m.record(wire, at, s); err != nil {
				return fmt.Errorf("%s section, record %d of %d: %w", s, i+1, count, err)
			}
		}
	}
	if at != len(wire) {
		return fmt.Errorf("%d bytes after the last record", len(wire)-at)
	}
	return nil
}

func orShort(err error) error {
	if err == nil {
		return errShort
	}
	return err
}

// record reads one record and returns where the next begins.
func (m *message) record(wire []byte, at int, s section) (int, error) {
	owner, at, err := m.name(wire, at, compressed|folded)
	if err != nil {
		return 0, err
	}
	const fixed = 10
	if at+fixed > len(wire) {
		return 0, errShort
	}
	r := record{section: s, owner: owner, typ: binary.BigEndian.Uint16(wire[at:]), class: binary.BigEndian.Uint16(wire[at+2:]),
		ttl: binary.BigEndian.Uint32(wire[at+4:])}
	end := at + fixed + int(binary.BigEndian.Uint16(wire[at+8:]))
	if end > len(wire) {
		return 0, errShort
	}
	if r.typ == dns.TypeOPT {
		return end, m.opt(r)
	}
	if r.rdata, err = m.rdata(wire, at+fixed, end, r.typ); err != nil {
		return 0, err
	}
	m.records = append(m.records, r)
	return end, nil
}

// opt takes what the judge needs of the OPT pseudo-record [pvz].
func (m *message) opt(r record) error {
	switch {
	case m.hasOPT:
		return errors.New("more than one OPT")
	case r.section != additional || len(r.owner) != 1:
		return errors.New("OPT out of its place")
	}
	const doBit = 1 << 15
	m.hasOPT, m.do, m.ednsVersion = true, r.ttl&doBit != 0, uint8(r.ttl>>16)
	m.rcode |= int(r.ttl>>24) << 4
	return nil
}

// nameForm says how a name is read.
type nameForm uint8

const (
	plain      nameForm = 0
	compressed nameForm = 1 << iota // pointers may stand in it
	folded                          // into lower case
)

// name reads a name into the arena, without compression, and returns where what
// follows it begins. Pointers must point to what came before the labels they
// end, so there are no loops.
func (m *message) name(wire []byte, at int, form nameForm) (name []byte, next int, err error) {
	start, limit := len(m.arena), at
	for {
		if at >= len(wire) {
			return nil, 0, errShort
		}
		b := int(wire[at])
		switch {
		case b&0xc0 == 0xc0 && form&compressed != 0:
			if at+2 > len(wire) {
				return nil, 0, errShort
			}
			target := (b&0x3f)<<8 | int(wire[at+1])
			if target >= limit || target < headerSize {
				return nil, 0, errPointer
			}
			if next == 0 {
				next = at + 2
			}
			limit, at = target, target
			continue
		case b&0xc0 != 0:
			return nil, 0, errLabel
		case at+1+b > len(wire):
			return nil, 0, errShort
		case len(m.arena)-start+1+b > maxOwner:
			return nil, 0, errLong
		}
		m.arena = append(m.arena, wire[at:at+1+b]...)
		if form&folded != 0 {
			fold(m.arena[len(m.arena)-b:])
		}
		at += 1 + b
		if b > 0 {
			continue
		}
		if next == 0 {
			next = at
		}
		return m.arena[start:len(m.arena):len(m.arena)], next, nil
	}
}

// fold turns ASCII letters into lower case.
func fold(text []byte) {
	for i, c := range text {
		if 'A' <= c && c <= 'Z' {
			text[i] = c + 'a' - 'A'
		}
	}
}

// layout is where names stand in the data of a type: after skip octets so many.
type layout struct {
	skip, names int
	form        nameForm
}

// layoutOf knows the types whose names the canonical form changes, and NSEC.
func layoutOf(typ uint16) layout {
	switch typ {
	case dns.TypeNS, dns.TypeCNAME, dns.TypeDNAME, dns.TypePTR, dns.TypeMD, dns.TypeMF, dns.TypeMB, dns.TypeMG, dns.TypeMR:
		return layout{0, 1, compressed | folded}
	case dns.TypeSOA, dns.TypeMINFO, dns.TypeRP:
		return layout{0, 2, compressed | folded}
	case dns.TypeMX, dns.TypeRT, dns.TypeAFSDB, dns.TypeKX:
		return layout{2, 1, compressed | folded}
	case dns.TypeSRV:
		return layout{6, 1, compressed | folded}
	case dns.TypeRRSIG:
		const signer = 18 // RFC 4034 section 3.1
		return layout{signer, 1, folded}
	case dns.TypeNSEC:
		return layout{0, 1, plain}
	}
	return layout{}
}

// rdata reads record data in canonical form; where nothing changes it is the
// wire's own.
func (m *message) rdata(wire []byte, at, end int, typ uint16) ([]byte, error) {
	l := layoutOf(typ)
	if l.names == 0 {
		return wire[at:end:end], nil
	}
	if at+l.skip > end {
		return nil, errRData
	}
	start := len(m.arena)
	m.arena = append(m.arena, wire[at:at+l.skip]...)
	at += l.skip
	var err error
	for range l.names {
		if _, at, err = m.name(wire[:end], at, l.form); err != nil {
			return nil, err
		}
	}
	switch left := end - at; {
	case typ == dns.TypeSOA && left != 20, typ == dns.TypeRRSIG && left == 0, // five numbers; a signature
		left > 0 && (typ == dns.TypeNS || typ == dns.TypeCNAME || typ == dns.TypeDNAME || typ == dns.TypePTR):
		return nil, errRData
	}
	m.arena = append(m.arena, wire[at:end]...)
	return m.arena[start:len(m.arena):len(m.arena)], nil
}
