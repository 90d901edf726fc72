package correctness

import (
	"bytes"
	"fmt"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/dnsmsg"
	"mtric.net/mtric/engine/rootzone"
)

// Where in the message a record stands.
const (
	answer     = dnsmsg.Answer
	authority  = dnsmsg.Authority
	additional = dnsmsg.Additional
)

// rrset is an RRset of the response, in one section, duplicates taken away.
type rrset struct {
	section    dnsmsg.Section
	typ, class uint16
	ttl        uint32 // the greatest
	owner      []byte
	rdatas     [][]byte
	sigs       [][]byte // RRSIG data over it in the same section
	twice      bool     // a record came more than once

	// As against the zone that is being tried.
	zone      *set
	identical bool // the same records in canonical form
	matches   bool // the same records, names without regard to case [vnk]
	told      bool // a rule has said that the signature is missing
}

// String names the RRset, "us./DS".
func (s *rrset) String() string { return text(s.owner) + "/" + dns.Type(s.typ).String() }

// evaluation judges one response against one zone after the other. It is pooled:
// nothing of it is kept.
type evaluation struct {
	dnsmsg.Message
	sets    []rrset
	orphans int // signatures over nothing in their section
	at      time.Time
	forget  bool // verify each signature, for the proof that remembering changes nothing

	zone       *Zone
	candidates []*Zone // all of the judge's
	failures   []Finding
	notes      []Finding
	tried      int  // signatures looked at with the zone's keys
	unknown    bool // a signature is by an algorithm that is not known
	grave      bool // a failure is not of unsigned data alone
}

// maxFindings is how many findings of a tag are told one by one: who answers
// chooses how much there is to find.
const maxFindings = 8

func (e *evaluation) fail(tag, format string, args ...any) {
	e.grave = true
	e.failures = add(e.failures, tag, format, args)
}

// failUnsigned is fail where what is wrong is that delegation NS records or glue are
// not the zone's: nothing in the answer or in the zone is signed there.
func (e *evaluation) failUnsigned(tag, format string, args ...any) {
	e.failures = add(e.failures, tag, format, args)
}

func (e *evaluation) note(tag, format string, args ...any) {
	e.notes = add(e.notes, tag, format, args)
}

func add(to []Finding, tag, format string, args []any) []Finding {
	n := 0
	for _, f := range to {
		if f.Tag == tag {
			n++
		}
	}
	switch {
	case n < maxFindings:
		return append(to, Finding{tag, fmt.Sprintf(format, args...)})
	case n == maxFindings:
		return append(to, Finding{tag, "and more of the kind"})
	}
	return to
}

// group makes RRsets of the records, wherever in the section they stand, and
// gives each the signatures over it.
func (e *evaluation) group() {
	e.sets, e.orphans = e.sets[:0], 0
	for i := range e.Records {
		r := &e.Records[i]
		if r.Type == dns.TypeRRSIG {
			continue
		}
		s := e.lookup(r.Section, r.Owner, r.Type, r.Class)
		if s == nil {
			s = e.newSet(r)
		}
		s.ttl = max(s.ttl, r.TTL)
		if s.has(r.RData) {
			s.twice = true
		} else {
			s.rdatas = append(s.rdatas, r.RData)
		}
	}
	for i := range e.Records {
		r := &e.Records[i]
		if r.Type != dns.TypeRRSIG {
			continue
		}
		if s := e.lookup(r.Section, r.Owner, rootzone.Signature(r.RData).Covered(), r.Class); s != nil {
			s.sigs = append(s.sigs, r.RData)
		} else {
			e.orphans++
		}
	}
}

// newSet uses the slices of an earlier response again.
func (e *evaluation) newSet(r *dnsmsg.Record) *rrset {
	n := len(e.sets)
	if n < cap(e.sets) {
		e.sets = e.sets[:n+1]
	} else {
		e.sets = append(e.sets, rrset{})
	}
	s := &e.sets[n]
	*s = rrset{section: r.Section, typ: r.Type, class: r.Class, owner: r.Owner, rdatas: s.rdatas[:0], sigs: s.sigs[:0]}
	return s
}

func (s *rrset) has(rdata []byte) bool {
	for _, d := range s.rdatas {
		if bytes.Equal(d, rdata) {
			return true
		}
	}
	return false
}

// lookup is the RRset in a section, nil where there is none.
func (e *evaluation) lookup(in dnsmsg.Section, owner []byte, typ, class uint16) *rrset {
	for i := range e.sets {
		s := &e.sets[i]
		if s.section == in && s.typ == typ && s.class == class && bytes.Equal(s.owner, owner) {
			return s
		}
	}
	return nil
}

// get is lookup in class IN.
func (e *evaluation) get(in dnsmsg.Section, owner []byte, typ uint16) *rrset {
	return e.lookup(in, owner, typ, dns.ClassINET)
}

// against judges the response by one zone; the findings are in the evaluation.
func (e *evaluation) against(z *Zone) {
	e.zone, e.failures, e.notes, e.tried, e.unknown, e.grave = z, nil, nil, 0, false, false
	for i := range e.sets {
		e.sets[i].compare(z)
	}
	e.rules()
	e.matching()
	e.signatures()
	e.oddities()
}

// compare holds an RRset against the zone's: as sets, in canonical wire form.
func (s *rrset) compare(z *Zone) {
	s.zone, s.identical, s.matches, s.told = nil, false, false, false
	if s.class != dns.ClassINET {
		return
	}
	if s.zone = z.find(s.owner, s.typ); s.zone == nil || len(s.rdatas) != len(s.zone.rdatas) {
		return
	}
	s.identical = true
	for _, d := range s.rdatas {
		if !s.zone.holds(d) {
			s.identical = false
			break
		}
	}
	s.matches = s.identical || s.typ == dns.TypeNSEC && sameNSEC(s.rdatas[0], s.zone.rdatas[0])
}

// sameNSEC compares the next names without regard to case, which the canonical
// form does not (RFC 6840 section 5.1).
func sameNSEC(a, b []byte) bool {
	nA, okA := readNSEC(a)
	nB, okB := readNSEC(b)
	return okA && okB && bytes.Equal(nA.next, nB.next) && bytes.Equal(nA.bitmap, nB.bitmap)
}

// matching is the rule that every RRset equals the zone's [vnk]. Signatures are
// compared with nothing [ygx], OPT is exempt [pvz].
func (e *evaluation) matching() {
	foreign := len(e.sets) > 0
	for i := range e.sets {
		foreign = foreign && e.sets[i].zone == nil
	}
	if foreign {
		e.fail("vnk", "foreign responder: no record of the response is of zone %d", e.zone.serial)
	}
	strange := 0
	for i := range e.sets {
		s := &e.sets[i]
		if s.matches {
			continue
		}
		if strange++; strange > 2*maxFindings {
			break // comparing for people costs more than all the rest
		}
		if s.class != dns.ClassINET || rootzone.Signs(s.owner, s.typ) {
			e.fail("vnk", "%s", e.difference(s))
		} else {
			e.failUnsigned("vnk", "%s", e.difference(s))
		}
		if s.section == additional && s.zone != nil && below(s.owner, []byte(rootServers)) {
			e.note("vnk", "%s: who serves root-servers.net. too may answer from there, which is changed at other times", s)
		}
	}
}

// signatures is the rule that the signature of every signed RRset validates
// [yds]: of each that the root zone signs, and of each that carries one by the
// root. A signature by somebody else over what the root does not sign proves
// nothing and is noted, and so is one that the zone itself has there.
func (e *evaluation) signatures() {
	for i := range e.sets {
		s := &e.sets[i]
		needed := rootzone.Signs(s.owner, s.typ)
		if len(s.sigs) == 0 {
			if !s.told && needed {
				e.fail("yds", "%s in %s has no signature%s", s, s.section, e.stripped())
			}
			continue
		}
		switch worth, sig := e.signed(s); {
		case worth == rootzone.Good:
		case !needed && (worth == rootzone.OtherSigner || e.zone.Has(s.owner, s.typ, sig)):
			e.note("yds", "%s; the root does not sign this", e.explain(s, worth, sig))
		case worth == rootzone.Unknown:
			e.unknown = true
			e.note("yds", "%s", e.explain(s, worth, sig))
		default:
			e.fail("yds", "%s", e.explain(s, worth, sig))
		}
	}
}

// stripped says why signatures may be missing.
func (e *evaluation) stripped() string {
	for i := range e.Records {
		if e.Records[i].Type == dns.TypeRRSIG {
			return ""
		}
	}
	switch {
	case !e.HasOPT:
		return "; the response has no OPT record and no signature at all, as if DO had not been set"
	case !e.DO:
		return "; the response has DO clear and no signature at all"
	}
	return "; signatures stripped: the response has none at all"
}

// oddities are worth a look and break no rule.
func (e *evaluation) oddities() {
	const odd = dnsmsg.FlagRD | dnsmsg.FlagRA | dnsmsg.FlagZ | dnsmsg.FlagAD | dnsmsg.FlagCD
	if e.Flags&odd != 0 {
		for _, f := range []struct {
			bit  uint16
			name string
		}{{dnsmsg.FlagRD, "RD"}, {dnsmsg.FlagRA, "RA"}, {dnsmsg.FlagZ, "Z"}, {dnsmsg.FlagAD, "AD"}, {dnsmsg.FlagCD, "CD"}} {
			if e.Flags&f.bit != 0 {
				e.note("flags", "%s is set", f.name)
			}
		}
	}
	if e.EDNSVersion != 0 {
		e.note("edns", "EDNS version %d", e.EDNSVersion)
	}
	if e.orphans > 0 {
		e.note("ygx", "%d signatures over nothing in their section", e.orphans)
	}
	for i := range e.sets {
		s := &e.sets[i]
		if s.zone != nil && s.ttl > s.zone.ttl {
			e.note("ttl", "%s: TTL %d, in zone %d it is %d", s, s.ttl, e.zone.serial, s.zone.ttl)
		}
		if s.twice {
			e.note("duplicate", "%s in %s has a record twice", s, s.section)
		}
		if s.section == additional {
			continue
		}
		for in := s.section + 1; in <= additional; in++ {
			if e.lookup(in, s.owner, s.typ, s.class) != nil {
				e.note("duplicate", "%s is in %s and in %s", s, s.section, in)
			}
		}
	}
}
