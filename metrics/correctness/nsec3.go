package correctness

import (
	"slices"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/rootzone"
)

// Bounds of what NSEC3 records cost, for whoever answers chooses them: each name that is
// looked for is hashed once a record and iteration.
const (
	mostNSEC3      = 8   // records of a response: a proof has three
	mostIterations = 150 // the least of the bounds of RFC 5155 section 10.3
	mostDepth      = 32  // labels below the zone's name
)

// nsec3 proves what is absent by NSEC3 records (RFC 5155 section 8).
type nsec3 struct {
	zone    []byte
	hashed  []*dns.NSEC3
	tooDear bool // there are records that are not looked at for what they cost
	strange bool // there are some whose meaning is not known
}

// add takes an authentic record.
func (p *nsec3) add(s *rrset) {
	rr, err := rootzone.LibraryRR(s.owner, s.typ, s.class, s.rdatas[0])
	n, ok := rr.(*dns.NSEC3)
	if err != nil || !ok || countLabels(s.owner) != countLabels(p.zone)+1 {
		return
	}
	if n.Hash != dns.SHA1 || n.Flags&^1 != 0 { // of no meaning here (RFC 5155 sections 8.1 and 8.2)
		p.strange = true
		return
	}
	if n.Iterations > mostIterations || len(p.hashed) == mostNSEC3 {
		p.tooDear = true
		return
	}
	if len(p.hashed) > 0 && (p.hashed[0].Iterations != n.Iterations || p.hashed[0].Salt != n.Salt) {
		return
	}
	p.hashed = append(p.hashed, n)
}

func optOut(n *dns.NSEC3) bool { return n.Flags&1 != 0 }

func typesOf(n *dns.NSEC3) func(uint16) bool {
	return func(typ uint16) bool { return slices.Contains(n.TypeBitMap, typ) }
}

// match is the record of a name.
func (p *nsec3) match(name []byte) *dns.NSEC3 {
	if name == nil {
		return nil
	}
	for _, n := range p.hashed {
		if n.Match(text(name)) {
			return n
		}
	}
	return nil
}

// cover is a record which proves that a name does not exist. (The library's Cover is true of
// the record of the name itself, too.)
func (p *nsec3) cover(name []byte) *dns.NSEC3 {
	if name == nil {
		return nil
	}
	for _, n := range p.hashed {
		if told := text(name); n.Cover(told) && !n.Match(told) {
			return n
		}
	}
	return nil
}

// encloser is the closest encloser of a name that does not exist, with the record which
// proves that the next closer name does not (RFC 5155 section 8.3); nil where nothing proves it.
func (p *nsec3) encloser(name []byte) (closest []byte, covers *dns.NSEC3) {
	n, least := countLabels(name), countLabels(p.zone)
	if len(p.hashed) == 0 {
		return nil, nil
	}
	if n-least > mostDepth {
		p.tooDear = true
		return nil, nil
	}
	for n--; n >= least; n-- {
		m := p.match(last(name, n))
		if m == nil {
			continue
		}
		if has := typesOf(m); has(dns.TypeDNAME) || has(dns.TypeNS) && !has(dns.TypeSOA) {
			return nil, nil
		}
		return last(name, n), p.cover(last(name, n+1))
	}
	return nil, nil
}

// noName3 says whether it is proven that neither a name exists nor a wildcard for it: wrong
// where it is not, open where it is but for opt-out.
func (p *nsec3) noName3(name []byte) standing {
	closest, covers := p.encloser(name)
	if covers == nil {
		return wrong
	}
	if asterisk := asteriskBelow(closest); asterisk != nil && p.cover(asterisk) == nil {
		return wrong
	}
	return unless(covers)
}

// unless is proven, or open where the record that covers the next closer name has opt-out
// (RFC 5155 section 9.2).
func unless(covers *dns.NSEC3) standing {
	if optOut(covers) {
		return open
	}
	return proven
}

// noData3 says whether it is proven that a name has no records of a type. Where opt-out may hide
// a delegation it may hide one below, whose empty non-terminals have no record either (RFC 5155,
// erratum 3441).
func (p *nsec3) noData3(name []byte, typ uint16) standing {
	if m := p.match(name); m != nil {
		if lacks(typesOf(m), typ) {
			return proven
		}
		return wrong
	}
	closest, covers := p.encloser(name)
	switch {
	case covers == nil:
		return wrong
	case optOut(covers):
		return open
	}
	if m := p.match(asteriskBelow(closest)); m != nil && lacks(typesOf(m), typ) {
		return proven
	}
	return wrong
}

// delegates3 says whether it is proven that a delegation has no DS records.
func (p *nsec3) delegates3(name []byte) standing {
	if m := p.match(name); m != nil {
		if delegates(typesOf(m)) {
			return proven
		}
		return wrong
	}
	if _, covers := p.encloser(name); covers != nil && optOut(covers) {
		return open
	}
	return wrong
}
