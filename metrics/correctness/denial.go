package correctness

import (
	"bytes"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/dnsmsg"
)

// expansion is an RRset that was made of a wildcard, and how many labels its name shares
// with the wildcard's.
type expansion struct {
	*rrset
	labels int
}

// mostAliases bounds how far a chain of CNAME records is followed.
const mostAliases = 16

// denied judges what a response says to be absent: the name or the type that was asked for,
// what a wildcard stands in for, a DS record at a delegation. Outside says that nothing is.
func (v *verifier) denied() standing {
	if v.e.QType == dns.TypeRRSIG {
		return v.note(open, "signatures are signed by nobody")
	}
	p := v.proofs()
	worst := outside
	for _, x := range v.expanded {
		worst = max(worst, v.noCloser(p, x))
	}
	name, end := v.target()
	if !v.within(name) || v.apex(name) && v.e.QType == dns.TypeDS { // of which the zone above tells
		return worst
	}
	for i := range v.e.sets {
		if s := &v.e.sets[i]; s.section != additional && !v.within(s.owner) {
			worst = max(worst, v.note(open, "%s is not of the zone", s))
		}
	}
	if v.e.RCode == dns.RcodeSuccess && v.answered(name) {
		return worst
	}
	if cut := v.referral(name); cut != nil {
		return max(worst, v.delegated(p, cut))
	}
	if !end {
		return max(worst, v.note(open, "%s: an alias that leads in a circle, or on and on", text(name)))
	}
	return max(worst, v.absent(p, name))
}

// target is the name that the response is about in the end, aliases followed; end is whether
// they do end.
func (v *verifier) target() (name []byte, end bool) {
	name = v.e.QName
	if v.e.QType == dns.TypeCNAME || v.e.QType == dns.TypeANY {
		return name, true
	}
	for range mostAliases {
		s := v.e.get(answer, name, dns.TypeCNAME)
		if s == nil || len(s.rdatas) != 1 {
			return name, true
		}
		name = s.rdatas[0]
	}
	return name, false
}

// follows says whether the response leads by an alias to a name of which it neither has records nor
// says that there are none (RFC 2308 section 2.2): a server need not follow an alias to its end.
func (v *verifier) follows(name []byte) bool {
	return v.e.RCode == dns.RcodeSuccess && !bytes.Equal(name, v.e.QName) && v.e.get(answer, v.e.QName, dns.TypeCNAME) != nil &&
		v.e.get(authority, v.zone.name, dns.TypeSOA) == nil
}

func (v *verifier) answered(name []byte) bool {
	if v.e.QType != dns.TypeANY {
		return v.e.get(answer, name, v.e.QType) != nil
	}
	for i := range v.e.sets {
		if s := &v.e.sets[i]; s.section == answer && bytes.Equal(s.owner, name) {
			return true
		}
	}
	return false
}

// synthesized takes a CNAME record for proven that a proven DNAME record makes (RFC 6672
// section 5.3.1).
func (v *verifier) synthesized() {
	for i := range v.e.sets {
		s := &v.e.sets[i]
		if v.standing[i] != bare || s.section != answer || s.typ != dns.TypeCNAME || len(s.rdatas) != 1 {
			continue
		}
		for j := range v.e.sets {
			d := &v.e.sets[j]
			if v.standing[j] != proven || d.section != answer || d.typ != dns.TypeDNAME || len(d.rdatas) != 1 || !below(s.owner, d.owner) {
				continue
			}
			made := append(bytes.Clone(s.owner[:len(s.owner)-len(d.owner)]), d.rdatas[0]...)
			if bytes.Equal(made, s.rdatas[0]) {
				v.standing[i] = proven
			}
		}
	}
}

// nsecAt is an NSEC record with its owner.
type nsecAt struct {
	owner []byte
	nsec
}

// proofs are the records of a response that prove what is absent, each authentic.
type proofs struct {
	zone  []byte
	plain []nsecAt
	nsec3
}

// proofs collects them. One that a wildcard stands in for proves nothing.
func (v *verifier) proofs() *proofs {
	p := &proofs{zone: v.zone.name, nsec3: nsec3{zone: v.zone.name}}
	for i := range v.e.sets {
		s := &v.e.sets[i]
		if v.standing[i] != proven || s.section != authority || len(s.rdatas) != 1 || v.isExpanded(s) {
			continue
		}
		switch s.typ {
		case dns.TypeNSEC:
			if n, whole := readNSEC(s.rdatas[0]); whole {
				p.plain = append(p.plain, nsecAt{s.owner, n})
			}
		case dns.TypeNSEC3:
			p.add(s)
		}
	}
	return p
}

func (v *verifier) isExpanded(s *rrset) bool {
	for _, x := range v.expanded {
		if x.rrset == s {
			return true
		}
	}
	return false
}

// covering is an NSEC record which proves that a name does not exist.
func (p *proofs) covering(name []byte) *nsecAt {
	for i := range p.plain {
		if n := &p.plain[i]; n.coversIn(p.zone, n.owner, name) {
			return n
		}
	}
	return nil
}

// closest is the closest encloser of a name that the record covers: the longest name above
// it that exists.
func (n *nsecAt) closest(name []byte) []byte {
	return last(name, max(common(name, n.owner), common(name, n.next)))
}

func (p *proofs) matching(name []byte) *nsecAt {
	for i := range p.plain {
		if bytes.Equal(p.plain[i].owner, name) {
			return &p.plain[i]
		}
	}
	return nil
}

// asteriskBelow is the wildcard below a name; nil where that is too long.
func asteriskBelow(name []byte) []byte {
	if len(name)+2 > dnsmsg.MaxName {
		return nil
	}
	return append([]byte("\x01*"), name...)
}

// lacks says whether the record of a name proves that it has no records of a type, nor an
// alias. At a delegation it speaks of DS records only, and of these nowhere else but there
// (RFC 4035 section 5.2, RFC 6840 section 4.1). Of ANY it does not speak: there are other types.
func lacks(has func(uint16) bool, typ uint16) bool {
	cut := has(dns.TypeNS) && !has(dns.TypeSOA)
	return typ != dns.TypeANY && !has(typ) && !has(dns.TypeCNAME) && (typ == dns.TypeDS && !has(dns.TypeSOA) || typ != dns.TypeDS && !cut)
}

// delegates says whether the record of a name proves a delegation without DS records.
func delegates(has func(uint16) bool) bool {
	return has(dns.TypeNS) && !has(dns.TypeSOA) && !has(dns.TypeDS)
}

// noName says whether NSEC records prove that neither a name exists nor a wildcard for it.
func (p *proofs) noName(name []byte) bool {
	if n := p.matching(name); n != nil {
		return n.has(dns.TypeNXNAME) // RFC 9824 section 3.1
	}
	n := p.covering(name)
	if n == nil {
		return false
	}
	asterisk := asteriskBelow(n.closest(name))
	return asterisk == nil || p.covering(asterisk) != nil
}

// noData says whether NSEC records prove that a name has no records of a type: at itself, or
// at the wildcard that stands in for it.
func (p *proofs) noData(name []byte, typ uint16) bool {
	if p.without(name, typ) {
		return true
	}
	n := p.covering(name)
	if n == nil {
		return false
	}
	asterisk := asteriskBelow(n.closest(name))
	return asterisk != nil && p.without(asterisk, typ)
}

// without says whether they prove that there is a name, and nothing of a type at it: its own
// one does, or one that shows names below it.
func (p *proofs) without(name []byte, typ uint16) bool {
	if n := p.matching(name); n != nil {
		return lacks(n.has, typ)
	}
	for _, n := range p.plain {
		cut := n.has(dns.TypeNS) && !n.has(dns.TypeSOA) || n.has(dns.TypeDNAME)
		if compareNames(n.owner, name) < 0 && below(n.next, name) && !(cut && below(name, n.owner)) {
			return true
		}
	}
	return false
}

// noCloser judges whether a name for which a wildcard stands in is proven not to exist, nor
// any between the two (RFC 4035 section 5.3.4, RFC 5155 section 8.8).
func (v *verifier) noCloser(p *proofs, x expansion) standing {
	if n := p.covering(x.owner); n != nil && countLabels(n.closest(x.owner)) == x.labels {
		return proven
	}
	switch c := p.cover(last(x.owner, x.labels+1)); {
	case c == nil:
		return v.insufficient(p, x.owner, "%s is of a wildcard, and nothing proves that no closer name exists", x)
	case optOut(c):
		return v.note(open, "%s: a wildcard within opt-out", x)
	}
	return proven
}

// absent judges whether a name, or the type asked for at it, is proven to be absent.
func (v *verifier) absent(p *proofs, name []byte) standing {
	if v.e.RCode == dns.RcodeNameError {
		if p.noName(name) {
			return proven
		}
		if s := p.noName3(name); s != wrong {
			return v.note(s, "%s: covered by opt-out, or by NSEC3 records of too many iterations", text(name))
		}
		return v.insufficient(p, name, "nothing proves that %s does not exist", text(name))
	}
	if p.noData(name, v.e.QType) {
		return proven
	}
	if s := p.noData3(name, v.e.QType); s != wrong {
		return v.note(s, "%s/%s: covered by opt-out, or by NSEC3 records of too many iterations", text(name), dns.Type(v.e.QType))
	}
	if v.e.QType == dns.TypeANY || v.follows(name) {
		return v.note(open, "%s/%s: neither answered nor denied: an alias that is not followed, or records of any type", text(name), dns.Type(v.e.QType))
	}
	return v.insufficient(p, name, "nothing proves that there is no %s/%s", text(name), dns.Type(v.e.QType))
}

// insufficient is wrong where the zone itself says what it does not prove; a zone below
// this one may say it otherwise.
func (v *verifier) insufficient(p *proofs, name []byte, format string, args ...any) standing {
	if !v.apex(name) && (v.any(bare) || !v.shows()) {
		return v.note(bare, format+": it may be a zone below that says so", args...)
	}
	if p.tooDear {
		return v.note(open, format+": there are NSEC3 records of too many iterations, or too many", args...)
	}
	if p.strange {
		return v.note(open, format+": there are NSEC3 records of a hash or with flags that are not known here", args...)
	}
	if v.any(open) {
		return v.note(open, format, args...)
	}
	return v.note(wrong, format, args...)
}

// shows says whether the response has anything of the zone's name in Authority, or that is signed by
// the zone.
func (v *verifier) shows() bool {
	for i := range v.e.sets {
		s := &v.e.sets[i]
		if v.standing[i] == proven || s.section == authority && v.apex(s.owner) {
			return true
		}
	}
	return false
}

// referral is the NS RRset of a delegation to a zone below, which a response without an
// answer refers to; nil where it is no referral.
func (v *verifier) referral(name []byte) *rrset {
	var cut *rrset
	for i := range v.e.sets {
		s := &v.e.sets[i]
		switch {
		case s.section == answer || v.e.RCode != dns.RcodeSuccess:
			return nil
		case s.section == authority && s.typ == dns.TypeNS && below(s.owner, v.zone.name) && (bytes.Equal(s.owner, name) || below(name, s.owner)):
			cut = s
		}
	}
	return cut
}

// delegated judges a delegation, whose NS records nothing signs: there is a DS RRset, or it
// is proven that there is none.
func (v *verifier) delegated(p *proofs, cut *rrset) standing {
	judged := bare
	n := p.matching(cut.owner)
	switch ds := v.e.get(authority, cut.owner, dns.TypeDS); {
	case ds != nil: // judged by itself
		judged = outside
	case n != nil && delegates(n.has):
		judged = proven
	case n == nil:
		judged = p.delegates3(cut.owner)
	}
	if judged == bare || judged == wrong {
		return v.note(bare, "nothing proves that the delegation of %s has no DS records", text(cut.owner))
	}
	if judged == open {
		return v.note(open, "the delegation of %s is covered by opt-out, or by NSEC3 records of too many iterations", text(cut.owner))
	}
	for i := range v.e.sets {
		if &v.e.sets[i] == cut && v.standing[i] == bare {
			v.standing[i] = outside
		}
	}
	return judged
}
