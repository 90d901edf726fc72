package probe

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"io"
	"net/netip"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/dnsmsg"
	"mtric.net/mtric/engine/measurement"
)

// headerSize is the length of a DNS header; the question follows it.
const headerSize = dnsmsg.HeaderSize

// defaultUDPSize is announced where EDNS is used and the plan gives no size [rja].
const defaultUDPSize = 1220

// request is a query on the wire.
type request struct {
	wire     []byte
	question []byte // the part of wire that a reply must repeat byte for byte [doh]
}

// newRequest writes a query with a random id [wsb]. The letter case of the name is kept.
// The size is announced wherever there is an OPT record, which carries all else (RFC 6891,
// section 6.1).
func newRequest(q measurement.Query, source io.Reader) (request, error) {
	var id [2]byte
	if _, err := io.ReadFull(source, id[:]); err != nil {
		return request{}, localError("no random id")
	}
	qtype, known := dnsmsg.TypeOf(q.Type)
	if !known {
		return request{}, localError("unknown type " + q.Type)
	}
	class, known := classOf(q.Class)
	if !known {
		return request{}, localError("unknown class " + q.Class)
	}
	m := new(dns.Msg)
	m.Id = binary.BigEndian.Uint16(id[:])
	m.RecursionDesired, m.CheckingDisabled, m.AuthenticatedData = q.RecursionDesired, q.CheckingDisabled, q.AuthenticData
	m.Question = []dns.Question{{Name: q.Name, Qtype: qtype, Qclass: class}}
	bare, err := m.Pack()
	if err != nil {
		return request{}, localError("bad name " + q.Name)
	}
	if q.NSID || q.DNSSEC || q.UDPSize > 0 || q.Subnet.IsValid() || len(q.Options) > 0 {
		m.SetEdns0(cmp.Or(q.UDPSize, defaultUDPSize), q.DNSSEC)
		opt := m.IsEdns0()
		opt.Option = options(q)
		if q.Transport == measurement.TLS {
			opt.Option = append(opt.Option, padding(m.Len()))
		}
	}
	wire, err := m.Pack()
	if err != nil {
		return request{}, localError("bad name " + q.Name)
	}
	return request{wire: wire, question: wire[headerSize:len(bare)]}, nil
}

// options are those of a query's OPT record.
func options(q measurement.Query) (all []dns.EDNS0) {
	if q.NSID {
		all = append(all, &dns.EDNS0_NSID{Code: dns.EDNS0NSID}) // [mgj]
	}
	if q.Subnet.IsValid() {
		all = append(all, subnet(q.Subnet.Masked()))
	}
	for _, o := range q.Options {
		all = append(all, &dns.EDNS0_LOCAL{Code: o.Code, Data: o.Data})
	}
	return all
}

// subnet is the option of RFC 7871, section 6; the scope of a query is 0.
func subnet(p netip.Prefix) *dns.EDNS0_SUBNET {
	family := uint16(1) // of IANA's address families
	if p.Addr().Is6() {
		family = 2
	}
	return &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: family, SourceNetmask: uint8(p.Bits()), Address: p.Addr().AsSlice()}
}

// paddedTo is the length of which that of a query over TLS is a multiple (RFC 8467,
// section 4.1).
const paddedTo = 128

// padding is the option of RFC 7830 for a query that has so many octets without it.
func padding(size int) *dns.EDNS0_PADDING {
	const head = 4 // code and length of the option
	return &dns.EDNS0_PADDING{Padding: make([]byte, (paddedTo-(size+head)%paddedTo)%paddedTo)}
}

// classOf reads a mnemonic of a class; empty is IN.
func classOf(s string) (uint16, bool) {
	if s == "" {
		return dns.ClassINET, true
	}
	c, found := dns.StringToClass[s]
	return c, found
}

// wrongID is the one mismatch that cannot be told from a message alone.
const wrongID = "wrong id"

// mismatch says why a message is no reply to the request, "" where it is one: a
// response with our id, an ordinary query's opcode, and our one question
// repeated byte for byte, letter case included [doh][zon]. Servers that could not read
// the question, or failed before they did, send a header alone: such an error is a reply
// too. Another without the question proves nothing and matches not.
func (r request) mismatch(wire []byte) string {
	switch {
	case len(wire) < headerSize:
		return "shorter than a header"
	case !bytes.Equal(wire[:2], r.wire[:2]):
		return wrongID
	case wire[2]&0x80 == 0:
		return "QR is 0"
	case wire[2]>>3&0xf != dns.OpcodeQuery:
		return "wrong opcode"
	case dnsmsg.HeaderOnly(wire):
		return ""
	case binary.BigEndian.Uint16(wire[4:]) != 1:
		return "wrong number of questions"
	case len(wire) < headerSize+len(r.question) || !bytes.Equal(wire[headerSize:headerSize+len(r.question)], r.question):
		return WrongQuestion
	}
	return ""
}

// truncated is the TC bit of a message that matches.
func truncated(wire []byte) bool { return wire[2]&0x02 != 0 }

// parse reads a message that matches its request. Every byte must belong to a
// record and every record that the header counts must be there.
func (r request) parse(wire []byte) (*Reply, error) {
	if !dnsmsg.HeaderOnly(wire) {
		if err := checkRecords(wire, headerSize+len(r.question), false); err != nil {
			return nil, err
		}
	}
	reply, err := ReadReply(wire)
	if err != nil {
		return nil, err
	}
	return &reply, nil
}

// checkRecords refuses records, from off on, whose data is none of their type, and counts
// that lie. The data of OPT is its options, which make no message malformed: programs
// before schema 2 checked them too.
func checkRecords(wire []byte, off int, optionsToo bool) error {
	memory := messages.Get().(*dnsmsg.Message)
	defer messages.Put(memory)
	for section, name := range []string{"answer", "authority", "additional"} {
		count := binary.BigEndian.Uint16(wire[6+2*section:])
		for range count {
			if off == len(wire) {
				return malformedError("fewer records than the header counts")
			}
			if end, opt := skipOPT(wire, off); opt && !optionsToo {
				off = end
				continue
			}
			if end, plain := memory.Plain(wire, off); plain {
				off = end
				continue
			}
			rr, end, err := dns.UnpackRR(wire, off)
			if err != nil {
				return malformedError("bad record in " + name)
			}
			if withoutData(rr) {
				return malformedError("record without data in " + name)
			}
			off = end
		}
	}
	if off != len(wire) {
		return malformedError("bytes after the last record")
	}
	return nil
}

// skipOPT returns where the record at off ends, if it is a whole OPT record.
func skipOPT(wire []byte, off int) (end int, opt bool) {
	at, ok := skipName(wire, off)
	if !ok || at+10 > len(wire) || binary.BigEndian.Uint16(wire[at:]) != dns.TypeOPT {
		return 0, false
	}
	end = at + 10 + int(binary.BigEndian.Uint16(wire[at+8:]))
	return end, end <= len(wire)
}

// withoutData finds the empty records that UnpackRR lets pass as updates
// (RFC 2136): read on, an SOA among them would show serial 0.
func withoutData(rr dns.RR) bool {
	if rr.Header().Rdlength > 0 {
		return false
	}
	switch rr.(type) {
	case *dns.OPT, *dns.NULL, *dns.APL, *dns.RFC3597:
		return false
	}
	return true
}
