package probe

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/dnsmsg"
	"mtric.net/mtric/engine/measurement"
)

// Reply is what a row tells of a response, read from its wire alone: the prober fills
// its rows from it, and ingest holds rows against it.
type Reply struct {
	RCode  string  // mnemonic, extended by EDNS; "RCODE" and the number where there is none
	AA, TC bool    // of the header
	Serial *int64  // of the message's only SOA record, where it is the root's and the rcode NOERROR or NXDOMAIN
	NSID   *string // RFC 5001: the text where it is printable ASCII, else 0x and hex digits; nil without the option

	question []byte // name, type and class, as they came; nil of a header-only error
	owner    []byte // of the message's only SOA record, in wire form; nil where the rcode is another, or there are more
	soa      uint32 // its serial
}

// messages are those that ReadReply reads into.
var messages = sync.Pool{New: func() any { return new(dnsmsg.Message) }}

// ReadReply reads a response with one question, or with none where it is a header-only
// error. Every record that its header counts must be there, and nothing after them. What
// is wrong with EDNS options is no matter. An error says what is malformed.
func ReadReply(wire []byte) (Reply, error) {
	m := messages.Get().(*dnsmsg.Message)
	defer messages.Put(m)
	if err := m.Parse(wire); err != nil {
		return Reply{}, malformed(err)
	}
	r := Reply{RCode: dnsmsg.RCodeText(m.RCode), AA: m.Flags&dnsmsg.FlagAA != 0, TC: m.Flags&dnsmsg.FlagTC != 0}
	if !dnsmsg.HeaderOnly(wire) {
		r.question = questionOf(wire)
	}
	if id, told := m.NSID(); told {
		r.NSID = new(dnsmsg.NSIDText(id))
	}
	soa, serial := m.SOA()
	if soa != nil && soa.Class == dns.ClassINET && (m.RCode == dns.RcodeSuccess || m.RCode == dns.RcodeNameError) {
		r.owner, r.soa = append([]byte(nil), soa.Owner...), serial
	}
	r.Serial = r.serialOf(".")
	return r, nil
}

// ZoneSerial is the serial of the message's only SOA record where it is that of a zone other
// than the root, by its name.
func (r Reply) ZoneSerial(zone string) *int64 {
	if zone == "" || zone == "." {
		return nil
	}
	return r.serialOf(zone)
}

func (r Reply) serialOf(zone string) *int64 {
	var want [255]byte
	n, err := dns.PackDomainName(zone, want[:], 0, nil, false)
	if err != nil || len(r.owner) != n || !equalFold(r.owner, want[:n]) {
		return nil
	}
	return new(int64(r.soa))
}

// WrongQuestion is why a message is a stray that repeats another question.
const WrongQuestion = "wrong question"

// Received says what the prober would make of a message that came with the right id: stray
// names why it is no reply to the question (over UDP the prober drops it and goes on
// waiting, over TCP it is malformed), err what is malformed in a reply. The letter case of
// the question is not compared, for whoever asked may not have said it.
func Received(name, qtype, qclass string, wire []byte) (r Reply, stray string, err error) {
	asked := request{wire: wire, question: questionOf(wire)}
	if why := asked.mismatch(wire); why != "" {
		return Reply{}, why, nil
	}
	if !dnsmsg.HeaderOnly(wire) && (asked.question == nil || !(Reply{question: asked.question}).Asks(name, qtype, qclass)) {
		return Reply{}, WrongQuestion, nil
	}
	reply, err := asked.parse(wire)
	if err != nil {
		return Reply{}, "", err
	}
	return *reply, "", nil
}

// Odd says whether the wire of an answer is kept that plainly good ones are not; it did not
// ask to recurse.
func Odd(a *measurement.Answer) bool {
	return odd(measurement.Query{Type: a.QType, Class: class(a)}, a)
}

// malformed says in the words of the column error what cannot be read.
func malformed(err error) error {
	var record *dnsmsg.RecordError
	switch {
	case errors.Is(err, dnsmsg.ErrTwoOPT):
		return malformedError(dnsmsg.ErrTwoOPT.Error())
	case errors.As(err, &record):
		return malformedError("bad record in " + strings.ToLower(record.Section.String()))
	}
	return malformedError(err.Error())
}

// questionOf is name, type and class of a message's question as they came; nil where it
// is cut off.
func questionOf(wire []byte) []byte {
	end, ok := skipName(wire, headerSize)
	if !ok || end+4 > len(wire) {
		return nil
	}
	return wire[headerSize : end+4 : end+4]
}

// Asks says whether the response's question is that one: the name whatever its letter
// case, type and class, which is IN where it is empty. A header-only error repeats none,
// and is one to any.
func (r Reply) Asks(name, qtype, qclass string) bool {
	if r.question == nil {
		return true
	}
	var want [255]byte
	n, err := dns.PackDomainName(name, want[:], 0, nil, false)
	kind, known := dnsmsg.TypeOf(qtype)
	class, knownClass := classOf(qclass)
	if err != nil || !known || !knownClass || len(r.question) != n+4 || !equalFold(r.question[:n], want[:n]) {
		return false
	}
	return binary.BigEndian.Uint16(r.question[n:]) == kind && binary.BigEndian.Uint16(r.question[n+2:]) == class
}

// Question is the response's question for people: name, class and type.
func (r Reply) Question() string {
	name, off, err := dns.UnpackDomainName(r.question, 0)
	if err != nil || off+4 > len(r.question) {
		return hex.EncodeToString(r.question)
	}
	return fmt.Sprintf("%s %s %s", name, dns.Class(binary.BigEndian.Uint16(r.question[off+2:])), dns.Type(binary.BigEndian.Uint16(r.question[off:])))
}

// equalFold compares names as on the wire. A length is less than any letter.
func equalFold(a, b []byte) bool {
	lower := func(c byte) byte {
		if 'A' <= c && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}
	for i := range a {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// skipName returns where the name at off ends, without following its pointer.
func skipName(wire []byte, off int) (end int, ok bool) {
	for off < len(wire) {
		switch c := int(wire[off]); {
		case c == 0:
			return off + 1, true
		case c&0xc0 == 0xc0:
			return off + 2, off+2 <= len(wire)
		case c&0xc0 != 0:
			return 0, false
		default:
			off += 1 + c
		}
	}
	return 0, false
}
