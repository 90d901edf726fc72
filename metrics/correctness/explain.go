package correctness

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/rootzone"
)

// Bounds of what is told: whoever answers chooses how long names and data are.
const (
	maxListed = 3
	maxText   = 100
)

// difference says for people how an RRset differs from the zone's.
func (e *evaluation) difference(s *rrset) string {
	if s.class != dns.ClassINET {
		return fmt.Sprintf("%s in %s is of class %s", s, s.section, dns.Class(s.class))
	}
	where := fmt.Sprintf("%s in %s", s, s.section)
	if s.zone == nil {
		if near := e.neighbour(s); near != "" {
			return fmt.Sprintf("%s is not in zone %d: one bit different from %s", where, e.zone.serial, near)
		}
		return fmt.Sprintf("%s is not in zone %d: %s", where, e.zone.serial, list(s.owner, s.typ, s.rdatas))
	}
	var extra, lacking [][]byte
	for _, d := range s.rdatas {
		if !s.zone.holds(d) {
			extra = append(extra, d)
		}
	}
	for _, d := range s.zone.rdatas {
		if !s.has(d) {
			lacking = append(lacking, d)
		}
	}
	if s.typ == dns.TypeSOA && len(s.rdatas) == 1 {
		if told := e.otherVersion(s); told != "" {
			return told
		}
	}
	if len(extra) == 1 && len(lacking) == 1 && oneBit(extra[0], lacking[0]) {
		return fmt.Sprintf("%s: %s is one bit different from %s of zone %d", where, data(s.owner, s.typ, extra[0]),
			data(s.owner, s.typ, lacking[0]), e.zone.serial)
	}
	var parts []string
	if len(lacking) > 0 {
		parts = append(parts, "lacks "+list(s.owner, s.typ, lacking))
	}
	if len(extra) > 0 {
		parts = append(parts, "has "+list(s.owner, s.typ, extra)+", which the zone has not")
	}
	return fmt.Sprintf("%s differs from zone %d: %s", where, e.zone.serial, strings.Join(parts, "; "))
}

// serialOf reads the serial of SOA data, whose last five fields are numbers.
func serialOf(rdata []byte) uint32 { return binary.BigEndian.Uint32(rdata[len(rdata)-20:]) }

// otherVersion tells a SOA record that differs in the serial: of another zone if a
// key of this one has signed it so, whenever, or nobody claims to have; with
// signatures that do not hold it is damaged or forged.
func (e *evaluation) otherVersion(s *rrset) string {
	serial, where := serialOf(s.rdatas[0]), fmt.Sprintf("%s in %s", s, s.section)
	if serial == e.zone.serial {
		return ""
	}
	if len(s.sigs) == 0 || e.everSigned(s) {
		told := "older"
		if rootzone.Compare(serial, e.zone.serial) > 0 {
			told = "newer"
		}
		return fmt.Sprintf("%s is of zone %d, which is %s than %d", where, serial, told, e.zone.serial)
	}
	for _, z := range append([]*Zone{e.zone}, e.candidates...) {
		if soa := z.find(s.owner, s.typ); soa != nil && oneBit(s.rdatas[0], soa.rdatas[0]) {
			return fmt.Sprintf("%s: serial %d, %s is one bit different from %s of zone %d", where, serial, data(s.owner, s.typ, s.rdatas[0]),
				data(s.owner, s.typ, soa.rdatas[0]), z.serial)
		}
	}
	return fmt.Sprintf("%s carries serial %d, not signed by the zone's key", where, serial)
}

// everSigned says whether a signature over an RRset holds, be it expired or not.
func (e *evaluation) everSigned(s *rrset) bool {
	const enough = 4 // who answers chooses how many there are
	for _, sig := range s.sigs[:min(len(s.sigs), enough)] {
		if sig := rootzone.Signature(sig); sig.ByRoot() && sig.Labels() == countLabels(s.owner) {
			if s.set().Verify(sig, e.zone.keys) == rootzone.Good {
				return true
			}
		}
	}
	return false
}

func oneBit(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	n := 0
	for i := range a {
		if n += bits.OnesCount8(a[i] ^ b[i]); n > 1 {
			return false
		}
	}
	return n == 1
}

// neighbour is the zone's RRset with the same data whose name or type is one bit
// different; empty where there is none.
func (e *evaluation) neighbour(s *rrset) string {
	same := func(owner []byte, typ uint16) bool {
		z := e.zone.find(owner, typ)
		return z != nil && z.holds(s.rdatas[0])
	}
	for bit := range 16 {
		if typ := s.typ ^ 1<<bit; same(s.owner, typ) {
			return text(s.owner) + "/" + dns.Type(typ).String()
		}
	}
	owner := bytes.Clone(s.owner)
	for i := range owner {
		for bit := range 8 {
			owner[i] ^= 1 << bit
			if same(owner, s.typ) {
				return text(owner) + "/" + dns.Type(s.typ).String()
			}
			owner[i] ^= 1 << bit
		}
	}
	return ""
}

// list names some records by their data.
func list(owner []byte, typ uint16, rdatas [][]byte) string {
	var parts []string
	for i, d := range rdatas {
		if i == maxListed {
			parts = append(parts, fmt.Sprintf("%d more", len(rdatas)-i))
			break
		}
		parts = append(parts, data(owner, typ, d))
	}
	return strings.Join(parts, ", ")
}

// data is record data as a zone file has it, cut where it is long.
func data(owner []byte, typ uint16, rdata []byte) string {
	told := fmt.Sprintf("\\# %d %x", len(rdata), rdata)
	if rr, err := rootzone.LibraryRR(owner, typ, dns.ClassINET, rdata); err == nil {
		told = strings.TrimPrefix(rr.String(), rr.Header().String())
	}
	if len(told) > maxText {
		told = told[:maxText] + "…"
	}
	return strings.ToValidUTF8(told, "?")
}
