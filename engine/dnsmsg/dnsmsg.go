// Package dnsmsg reads a DNS response from its wire. The prober, ingest and the judge of
// correctness read by it, so that what one of them takes for an answer is none the less a
// message to the others.
//
// It looks at what carries the records: header, question, counts, names, and the data of
// the types whose canonical form is not the wire's own. EDNS options are carried and not
// read: whatever is wrong with them, the message is whole (RFC 6891 section 6.1.2).
package dnsmsg

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/miekg/dns"
)

const (
	HeaderSize = 12  // octets
	MaxName    = 255 // octets of a name, RFC 1035 section 3.1

	// maxRecords bounds what is looked at: the root's largest answer has some
	// fifty, and grouping costs the square.
	maxRecords = 1024
)

// Bits of the header's second word (RFC 1035 section 4.1.1, RFC 4035 section 3).
const (
	FlagQR = 1 << 15
	FlagAA = 1 << 10
	FlagTC = 1 << 9
	FlagRD = 1 << 8
	FlagRA = 1 << 7
	FlagZ  = 1 << 6
	FlagAD = 1 << 5
	FlagCD = 1 << 4
)

// ErrTwoOPT says that a message has more than one OPT record (RFC 6891 section 6.1.1).
var ErrTwoOPT = errors.New("more than one OPT")

var (
	errShort   = errors.New("ends within a record")
	errPointer = errors.New("a compression pointer that does not point back")
	errLabel   = errors.New("a label of unknown type")
	errLong    = errors.New("a name longer than 255 octets")
	errRData   = errors.New("record data that does not fit its type")
)

// RecordError says which record cannot be read, and why.
type RecordError struct {
	Section Section
	Nth, Of int // the first is 1; as many as the header counts
	Err     error
}

// Error names the record by its place.
func (e *RecordError) Error() string {
	return fmt.Sprintf("%s section, record %d of %d: %v", e.Section, e.Nth, e.Of, e.Err)
}

// Unwrap is the cause.
func (e *RecordError) Unwrap() error { return e.Err }

// Section is where in the message a record stands.
type Section uint8

// The sections after the question (RFC 1035 section 4.1).
const (
	Answer Section = iota + 1
	Authority
	Additional
)

// String is the section's name, "Answer".
func (s Section) String() string {
	return [...]string{Answer: "Answer", Authority: "Authority", Additional: "Additional"}[s]
}

// Record is a record in canonical form (RFC 4034 section 6.2 as amended by RFC
// 6840 section 5.1): names whole and in lower case, the next name of an NSEC as
// it came. The slices live as long as message and wire do.
type Record struct {
	Section     Section
	Type, Class uint16
	TTL         uint32
	Owner       []byte
	RData       []byte
}

// Message is a response that was read. It may be used again and again: arena keeps the
// names that had to be put together. The zero value is ready to Parse.
type Message struct {
	Flags         uint16
	RCode         int    // with the upper bits of OPT
	QName         []byte // in lower case; nil of a header-only error
	QType, QClass uint16
	HasOPT, DO    bool
	EDNSVersion   uint8
	Options       []byte   // of OPT, as they came (RFC 6891 section 6.1.2)
	OptionsAt     int      // where in the wire they begin
	Records       []Record // without OPT
	arena         []byte
	pointers      int // that were followed
}

// HeaderOnly says whether a message is an error of twelve octets, which repeats no
// question: what a server says that could not read the question (FORMERR), does not do
// what was asked (NOTIMP), or failed before it had it (SERVFAIL).
func HeaderOnly(wire []byte) bool {
	if len(wire) != HeaderSize || binary.BigEndian.Uint64(wire[4:]) != 0 { // the four counts
		return false
	}
	switch int(wire[3] & 0xf) {
	case dns.RcodeFormatError, dns.RcodeServerFailure, dns.RcodeNotImplemented:
		return true
	}
	return false
}

// Parse reads a whole message. It takes one question, or none in a header-only error, at
// most one OPT and not a byte more than the counts say.
func (m *Message) Parse(wire []byte) error {
	*m = Message{Records: m.Records[:0], arena: m.arena[:0]}
	if len(wire) < HeaderSize {
		return errors.New("shorter than a header")
	}
	m.Flags = binary.BigEndian.Uint16(wire[2:])
	m.RCode = int(m.Flags & 0xf)
	if HeaderOnly(wire) {
		return nil
	}
	if n := binary.BigEndian.Uint16(wire[4:]); n != 1 {
		return fmt.Errorf("%d questions, want one", n)
	}
	name, at, err := m.name(wire, HeaderSize, plain|folded)
	if err != nil || at+4 > len(wire) {
		return fmt.Errorf("question: %w", orShort(err))
	}
	m.QName, m.QType, m.QClass = name, binary.BigEndian.Uint16(wire[at:]), binary.BigEndian.Uint16(wire[at+2:])
	at += 4
	total := 0
	for s := Answer; s <= Additional; s++ {
		count := int(binary.BigEndian.Uint16(wire[4+2*int(s):]))
		if total += count; total > maxRecords {
			return fmt.Errorf("more than %d records", maxRecords)
		}
		for i := range count {
			if at, err = m.record(wire, at, s); err != nil {
				return &RecordError{s, i + 1, count, err}
			}
		}
	}
	if at != len(wire) {
		return fmt.Errorf("%d bytes after the last record", len(wire)-at)
	}
	return nil
}

// ParseRecord reads one record that is not compressed; it is in no section.
func ParseRecord(wire []byte) (Record, error) {
	var m Message
	if _, err := m.record(wire, 0, Answer); err != nil || len(m.Records) != 1 {
		return Record{}, orShort(err)
	}
	return m.Records[0], nil
}

// Plain says where a record ends that stands in a message, if it is of a type that root
// servers answer with most, and every reader takes it: its data is wholly that of its type,
// and its names are short of pointers. What it says of others is nothing. The message is only
// lent for its memory.
func (m *Message) Plain(wire []byte, at int) (end int, is bool) {
	const mostPointers = 32
	m.Records, m.arena, m.pointers = m.Records[:0], m.arena[:0], 0
	end, err := m.record(wire, at, Answer)
	if err != nil || len(m.Records) != 1 || m.pointers > mostPointers {
		return 0, false
	}
	data := m.Records[0].RData
	switch m.Records[0].Type {
	case dns.TypeA:
		is = len(data) == 4
	case dns.TypeAAAA:
		is = len(data) == 16
	case dns.TypeDS, dns.TypeDNSKEY:
		is = len(data) > 4
	case dns.TypeNS, dns.TypeSOA, dns.TypeRRSIG: // of which there is no more than that
		is = true
	}
	return end, is
}

func orShort(err error) error {
	if err == nil {
		return errShort
	}
	return err
}

// record reads one record and returns where the next begins.
func (m *Message) record(wire []byte, at int, s Section) (int, error) {
	owner, at, err := m.name(wire, at, compressed|folded)
	if err != nil {
		return 0, err
	}
	const fixed = 10
	if at+fixed > len(wire) {
		return 0, errShort
	}
	r := Record{Section: s, Owner: owner, Type: binary.BigEndian.Uint16(wire[at:]), Class: binary.BigEndian.Uint16(wire[at+2:]),
		TTL: binary.BigEndian.Uint32(wire[at+4:])}
	end := at + fixed + int(binary.BigEndian.Uint16(wire[at+8:]))
	if end > len(wire) {
		return 0, errShort
	}
	if r.Type == dns.TypeOPT {
		m.Options, m.OptionsAt = wire[at+fixed:end:end], at+fixed
		return end, m.opt(r)
	}
	if r.RData, err = m.rdata(wire, at+fixed, end, r.Type); err != nil {
		return 0, err
	}
	m.Records = append(m.Records, r)
	return end, nil
}

// opt takes what is to be known of the OPT pseudo-record [pvz].
func (m *Message) opt(r Record) error {
	switch {
	case m.HasOPT:
		return ErrTwoOPT
	case r.Section != Additional || len(r.Owner) != 1:
		return errors.New("OPT out of its place")
	}
	const doBit = 1 << 15
	m.HasOPT, m.DO, m.EDNSVersion = true, r.TTL&doBit != 0, uint8(r.TTL>>16)
	m.RCode |= int(r.TTL>>24) << 4
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
func (m *Message) name(wire []byte, at int, form nameForm) (name []byte, next int, err error) {
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
			if target >= limit || target < HeaderSize {
				return nil, 0, errPointer
			}
			if next == 0 {
				next = at + 2
			}
			limit, at = target, target
			m.pointers++
			continue
		case b&0xc0 != 0:
			return nil, 0, errLabel
		case at+1+b > len(wire):
			return nil, 0, errShort
		case len(m.arena)-start+1+b > MaxName:
			return nil, 0, errLong
		}
		m.arena = append(m.arena, wire[at:at+1+b]...)
		if form&folded != 0 {
			Fold(m.arena[len(m.arena)-b:])
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

// Fold turns ASCII letters into lower case.
func Fold(text []byte) {
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
func (m *Message) rdata(wire []byte, at, end int, typ uint16) ([]byte, error) {
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

// NSID is the server's identity (RFC 5001), of the first such option; false where there is
// none. Options after one that is cut off are not read.
func (m *Message) NSID() (id []byte, told bool) {
	for options := m.Options; len(options) >= 4; {
		code, size := binary.BigEndian.Uint16(options), int(binary.BigEndian.Uint16(options[2:]))
		if options = options[4:]; size > len(options) {
			return nil, false
		}
		if code == dns.EDNS0NSID {
			return options[:size:size], true
		}
		options = options[size:]
	}
	return nil, false
}
