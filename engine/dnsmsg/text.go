package dnsmsg

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// badVers is rcode 16 in an answer without TSIG.
const badVers = "BADVERS"

// RCodeText is the mnemonic of an rcode, "RCODE" and the number where there is none.
func RCodeText(rcode int) string {
	if rcode == dns.RcodeBadVers {
		return badVers
	}
	if name, found := dns.RcodeToString[rcode]; found {
		return name
	}
	return "RCODE" + strconv.Itoa(rcode)
}

// RCodes are the mnemonics that RCodeText knows, sorted.
func RCodes() []string {
	all := []string{badVers}
	for rcode, name := range dns.RcodeToString {
		if rcode != dns.RcodeBadVers {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TypeText is the mnemonic of a record type, "TYPE" and the number where there is none.
func TypeText(t uint16) string { return dns.Type(t).String() }

// TypeOf reads a mnemonic or RFC 3597's TYPE123.
func TypeOf(text string) (uint16, bool) {
	if t, found := dns.StringToType[text]; found {
		return t, true
	}
	number, found := strings.CutPrefix(text, "TYPE")
	t, err := strconv.ParseUint(number, 10, 16)
	return uint16(t), found && err == nil
}

// Types are the mnemonics of the types that records of a message can have, sorted: OPT is
// none of them, nor are those that only a question has.
func Types() []string {
	all := slices.Sorted(maps.Values(dns.TypeToString))
	return slices.DeleteFunc(all, func(name string) bool {
		switch dns.StringToType[name] {
		case dns.TypeNone, dns.TypeOPT, dns.TypeANY, dns.TypeAXFR, dns.TypeIXFR, dns.TypeMAILA, dns.TypeMAILB, dns.TypeReserved:
			return true
		}
		return false
	})
}

// SectionOf reads the name of a section in lower case, "answer".
func SectionOf(text string) (Section, bool) {
	for s := Answer; s <= Additional; s++ {
		if strings.ToLower(s.String()) == text {
			return s, true
		}
	}
	return 0, false
}

// Sections are the names that SectionOf reads, in the order of a message.
func Sections() (all []string) {
	for s := Answer; s <= Additional; s++ {
		all = append(all, strings.ToLower(s.String()))
	}
	return all
}

// NSIDText is the text of an identity (RFC 5001) where it is printable ASCII, else 0x and
// hex digits.
func NSIDText(id []byte) string {
	if bytes.ContainsFunc(id, func(c rune) bool { return c < ' ' || c > '~' }) {
		return "0x" + hex.EncodeToString(id)
	}
	return string(id)
}

// soaNumbers are the octets of SOA data that follow its two names (RFC 1035 section
// 3.3.13); the serial is the first of them.
const soaNumbers = 20

// SOA is the message's only SOA record and its serial; nil where there is none, or more
// than one.
func (m *Message) SOA() (only *Record, serial uint32) {
	for i := range m.Records {
		r := &m.Records[i]
		if r.Type != dns.TypeSOA {
			continue
		}
		if only != nil {
			return nil, 0
		}
		only, serial = r, binary.BigEndian.Uint32(r.RData[len(r.RData)-soaNumbers:])
	}
	return only, serial
}

// Name is the owner in presentation form, in lower case.
func (r *Record) Name() string {
	text, _, _ := dns.UnpackDomainName(r.Owner, 0) // Parse has read it
	return text
}

// Data is the record's data in presentation form, names in lower case where the
// canonical form has them so; what is no data of the type as RFC 3597 writes it.
func (r *Record) Data() string {
	if len(r.RData) <= 65535 {
		wire := make([]byte, 0, 11+len(r.RData))
		wire = append(wire, 0)
		wire = binary.BigEndian.AppendUint16(wire, r.Type)
		wire = binary.BigEndian.AppendUint16(wire, r.Class)
		wire = binary.BigEndian.AppendUint32(wire, r.TTL)
		wire = binary.BigEndian.AppendUint16(wire, uint16(len(r.RData)))
		wire = append(wire, r.RData...)
		if rr, end, err := dns.UnpackRR(wire, 0); err == nil && end == len(wire) && len(r.RData) > 0 {
			return strings.TrimPrefix(rr.String(), rr.Header().String())
		}
	}
	return fmt.Sprintf(`\# %d %s`, len(r.RData), hex.EncodeToString(r.RData))
}

// Text is what the strings of a TXT record say together, without quotation marks; bytes
// that are no UTF-8 are U+FFFD. It is empty for other types.
func (r *Record) Text() string {
	if r.Type != dns.TypeTXT {
		return ""
	}
	var text []byte
	for left := r.RData; len(left) > 0; {
		n := min(int(left[0]), len(left)-1)
		text = append(text, left[1:1+n]...)
		left = left[1+n:]
	}
	return strings.ToValidUTF8(string(text), "\uFFFD")
}
