package probe

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/measurement"
)

// Reply is what a row tells of a response, read from its wire alone: the prober fills
// its rows from it, and ingest holds rows against it.
type Reply struct {
	RCode  string  // mnemonic, extended by EDNS; "RCODE" and the number where there is none
	AA, TC bool    // of the header
	Serial *int64  // of the message's only SOA record, where it is the root's and the rcode NOERROR or NXDOMAIN
	NSID   *string // RFC 5001: the text where it is printable ASCII, else 0x and hex digits; nil without the option

	question []byte // name, type and class, as they came
}

// ReadReply reads a response with one question. Every record that its header counts must
// be there, and nothing after them; their data is read only where Reply tells of it, so
// that it costs less than a microsecond. An error says what is malformed.
func ReadReply(wire []byte) (Reply, error) {
	if len(wire) < headerSize {
		return Reply{}, malformedError("shorter than a header")
	}
	if binary.BigEndian.Uint16(wire[4:]) != 1 {
		return Reply{}, malformedError("wrong number of questions")
	}
	end, ok := skipName(wire, headerSize)
	if !ok || end+4 > len(wire) {
		return Reply{}, malformedError("question cut off")
	}
	r := Reply{AA: wire[2]&0x04 != 0, TC: truncated(wire), question: wire[headerSize : end+4]}
	rcode := int(wire[3] & 0xf)
	soas, opts := 0, 0
	var serial *int64
	off := end + 4
	for section := range 3 {
		for range binary.BigEndian.Uint16(wire[6+2*section:]) {
			rr, end, ok := recordAt(wire, off)
			if !ok {
				return Reply{}, malformedError("fewer records than the header counts")
			}
			switch rr.kind {
			case dns.TypeSOA:
				if soas++; rr.class == dns.ClassINET && isRoot(wire, off) {
					serial = serialAt(wire[:end], rr.data)
				}
			case dns.TypeOPT:
				if opts++; opts > 1 {
					return Reply{}, malformedError("more than one OPT")
				}
				rcode |= int(rr.ttl>>24) << 4
				r.NSID = nsid(wire[rr.data:end])
			}
			off = end
		}
	}
	if off != len(wire) {
		return Reply{}, malformedError("bytes after the last record")
	}
	if r.RCode = rcodeName(rcode); soas == 1 && (rcode == dns.RcodeSuccess || rcode == dns.RcodeNameError) {
		r.Serial = serial
	}
	return r, nil
}

// Asks says whether the response's question is that one: the name whatever its letter
// case, the type, and class IN.
func (r Reply) Asks(name, qtype string) bool {
	var want [255]byte
	n, err := dns.PackDomainName(name, want[:], 0, nil, false)
	kind, known := typeOf(qtype)
	if err != nil || !known || len(r.question) != n+4 || !equalFold(r.question[:n], want[:n]) {
		return false
	}
	return binary.BigEndian.Uint16(r.question[n:]) == kind && binary.BigEndian.Uint16(r.question[n+2:]) == dns.ClassINET
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

// record is the head of a record on the wire, and where its data begins.
type record struct {
	kind, class uint16
	ttl         uint32
	data        int
}

// recordAt reads the record at off, and where it ends.
func recordAt(wire []byte, off int) (r record, end int, ok bool) {
	if off, ok = skipName(wire, off); !ok || off+10 > len(wire) {
		return r, 0, false
	}
	r = record{binary.BigEndian.Uint16(wire[off:]), binary.BigEndian.Uint16(wire[off+2:]), binary.BigEndian.Uint32(wire[off+4:]), off + 10}
	end = r.data + int(binary.BigEndian.Uint16(wire[off+8:]))
	return r, end, end <= len(wire)
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

// mostPointers is far more than any name needs.
const mostPointers = 100

// isRoot says whether the name at off is the root's: nothing, or a pointer to it.
func isRoot(wire []byte, off int) bool {
	for range mostPointers {
		if off+1 >= len(wire) || wire[off]&0xc0 != 0xc0 {
			break
		}
		off = int(binary.BigEndian.Uint16(wire[off:]) & 0x3fff)
	}
	return off < len(wire) && wire[off] == 0
}

// serialAt is the serial of SOA data, which follows two names; nil where it is cut off.
func serialAt(wire []byte, off int) *int64 {
	for range 2 {
		var ok bool
		if off, ok = skipName(wire, off); !ok {
			return nil
		}
	}
	if off+20 != len(wire) {
		return nil
	}
	return new(int64(binary.BigEndian.Uint32(wire[off:])))
}

// nsid is the server's identity (RFC 5001) in the options of an OPT record.
func nsid(options []byte) *string {
	for len(options) >= 4 {
		code, size := binary.BigEndian.Uint16(options), int(binary.BigEndian.Uint16(options[2:]))
		if options = options[4:]; size > len(options) {
			return nil
		}
		if code == dns.EDNS0NSID {
			raw := options[:size]
			if bytes.ContainsFunc(raw, func(c rune) bool { return c < ' ' || c > '~' }) {
				return new("0x" + hex.EncodeToString(raw))
			}
			return new(string(raw))
		}
		options = options[size:]
	}
	return nil
}

// rcodeName gives the mnemonic, "RCODE" and the number where there is none. 16
// is BADVERS in an answer without TSIG.
func rcodeName(rcode int) string {
	if rcode == dns.RcodeBadVers {
		return measurement.BadVers
	}
	if name, found := dns.RcodeToString[rcode]; found {
		return name
	}
	return fmt.Sprintf("RCODE%d", rcode)
}
