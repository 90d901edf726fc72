package correctness

import (
	"github.com/miekg/dns"

	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/dnsmsg"
)

// rules applies the block that the question and the received rcode choose. A
// NOERROR that no block is for is incorrect, never passed.
func (e *evaluation) rules() {
	owner, labels := e.QName, countLabels(e.QName)
	switch {
	case e.RCode == dns.RcodeNameError:
		e.negative()
	case labels == 0 && e.QType == dns.TypeSOA:
		e.rootSOA()
	case labels == 0 && e.QType == dns.TypeNS:
		e.rootNS()
	case labels == 0 && e.QType == dns.TypeDNSKEY:
		e.rootDNSKEY()
	case labels == 1 && e.QType == dns.TypeNS:
		e.tldNS()
	case labels == 1 && e.QType == dns.TypeDS && e.zone.find(owner, dns.TypeNS) != nil && e.zone.find(owner, dns.TypeDS) == nil:
		e.noDS()
	case labels == 1 && e.QType == dns.TypeDS:
		e.tldDS()
	default:
		e.outside()
	}
}

// tldNS is the block for TLD/NS, a referral [hmk].
func (e *evaluation) tldNS() {
	e.referral()
	switch {
	case e.zone.find(e.QName, dns.TypeNS) == nil: // there is no delegation to say anything of
	case e.zone.find(e.QName, dns.TypeDS) != nil: // [hue]
		e.withDS()
	default: // [fot]
		e.withoutDS()
	}
	e.wantGlue()
}

// referral is what every referral has.
func (e *evaluation) referral() {
	e.wantAA("ujy", false)
	e.wantEmpty("aeg", answer)
	e.wantNS()
}

func (e *evaluation) withDS() { e.wantWhole("kbd", authority, e.QName, dns.TypeDS) }

func (e *evaluation) withoutDS() {
	if e.get(authority, e.QName, dns.TypeDS) != nil {
		e.fail("bgr", "Authority has a DS RRset of %s, %s has none", text(e.QName), e.zone)
	}
	e.wantNoDS("mkl")
}

// wantNS asks for the whole NS RRset of the question's name [pdd].
func (e *evaluation) wantNS() {
	got := e.get(authority, e.QName, dns.TypeNS)
	if e.zone == nil {
		if got == nil {
			e.fail("pdd", "Authority has no NS RRset of %s", text(e.QName))
		}
		return
	}
	switch zone := e.zone.find(e.QName, dns.TypeNS); {
	case zone == nil:
		e.fail("pdd", "%s has no NS RRset of %s", e.zone, text(e.QName))
	case got == nil:
		e.fail("pdd", "Authority has no NS RRset of %s", text(e.QName))
	default:
		var lacking [][]byte
		for _, d := range zone.rdatas {
			if !got.has(d) {
				lacking = append(lacking, d)
			}
		}
		if len(lacking) > 0 {
			e.failUnsigned("pdd", "NS RRset of %s lacks %s", text(e.QName), list(e.QName, dns.TypeNS, lacking))
		}
	}
}

// wantGlue asks for an address, found in the zone, of one of the name servers in
// Authority [cjm].
func (e *evaluation) wantGlue() {
	ns := e.get(authority, e.QName, dns.TypeNS)
	if ns == nil {
		return // [pdd] has said so
	}
	exists := false
	for _, host := range ns.rdatas {
		for _, typ := range []uint16{dns.TypeA, dns.TypeAAAA} {
			zone := e.zone.find(host, typ)
			if zone == nil {
				continue
			}
			exists = true
			if got := e.get(additional, host, typ); got != nil {
				for _, d := range got.rdatas {
					if zone.holds(d) {
						return
					}
				}
			}
		}
	}
	if !exists {
		e.note("cjm", "zone %d has no address of any name server of %s, so none can be asked for", e.zone.serial, text(e.QName))
		return
	}
	e.failUnsigned("cjm", "Additional has no address, found in %s, of a name server of %s", e.zone, text(e.QName))
}

// wantNoDS asks for the signed NSEC of the question's name that shows a
// delegation without DS [mkl]: with SOA it would be the child's own.
func (e *evaluation) wantNoDS(tag string) {
	s := e.wantSigned(tag, authority, e.QName, dns.TypeNSEC)
	if s == nil {
		return
	}
	for _, d := range s.rdatas {
		n, ok := readNSEC(d)
		switch {
		case !ok:
			e.fail(tag, "NSEC of %s: the bitmap is none", text(e.QName))
		case n.has(dns.TypeDS):
			e.fail(tag, "NSEC of %s has the DS bit set", text(e.QName))
		case !n.has(dns.TypeNS):
			e.fail(tag, "NSEC of %s has the NS bit clear", text(e.QName))
		case n.has(dns.TypeSOA):
			e.fail(tag, "NSEC of %s has the SOA bit set: it is the child's", text(e.QName))
		}
	}
}

// tldDS is the block for TLD/DS [dru].
func (e *evaluation) tldDS() {
	e.wantAA("yot", true)
	e.wantWhole("cpf", answer, e.QName, dns.TypeDS)
	e.wantEmpty("xdu", authority)
	e.wantEmpty("mle", additional)
}

// noDS is an extension, noted as such: the specification has no rule for a
// TLD/DS whose zone has no DS, where NODATA is the right answer (RFC 4035 section
// 3.1.4.1).
func (e *evaluation) noDS() {
	const tag = "nodata"
	e.note(tag, "judged by an extension rule: %s has no DS RRset of %s", e.zone, text(e.QName))
	e.wantAA(tag, true)
	e.wantEmpty(tag, answer)
	e.wantSigned(tag, authority, []byte(root), dns.TypeSOA)
	e.wantNoDS(tag)
	for i := range e.sets {
		s := &e.sets[i]
		if s.section == authority && !(len(s.owner) == 1 && s.typ == dns.TypeSOA) && !(s.typ == dns.TypeNSEC && string(s.owner) == string(e.QName)) {
			e.fail(tag, "Authority has %s, want the SOA and the NSEC of %s only", s, text(e.QName))
		}
	}
	e.wantEmpty(tag, additional)
}

// rootSOA is the block for ./SOA [owf].
func (e *evaluation) rootSOA() {
	e.wantAA("xhr", true)
	e.wantSigned("obw", answer, []byte(root), dns.TypeSOA)
	if !e.empty(authority) {
		e.wantWhole("ktm", authority, []byte(root), dns.TypeNS)
	}
}

// rootNS is the block for ./NS [amj].
func (e *evaluation) rootNS() {
	e.wantAA("csz", true)
	e.wantWhole("wal", answer, []byte(root), dns.TypeNS)
	e.wantEmpty("eyk", authority)
}

// rootDNSKEY is the block for ./DNSKEY [djd].
func (e *evaluation) rootDNSKEY() {
	e.wantAA("occ", true)
	e.wantWhole("eou", answer, []byte(root), dns.TypeDNSKEY)
	e.wantEmpty("kka", authority)
	e.wantEmpty("jws", additional)
}

// negative is the block for NXDOMAIN, whatever was asked [vcu].
func (e *evaluation) negative() {
	e.wantAA("gpl", true)
	e.wantEmpty("dvh", answer)
	e.wantSigned("axj", authority, []byte(root), dns.TypeSOA)
	e.wantCover("czb", e.QName, nil)
	e.wantCover("jhz", []byte(wildcard), []byte(root))
	e.wantEmpty("trw", additional)
}

// wantCover asks for a signed NSEC, of that owner if one is given, which proves
// that a name does not exist [czb] [jhz]. One record may prove both names.
func (e *evaluation) wantCover(tag string, name, owner []byte) {
	var unsigned *rrset
	for i := range e.sets {
		s := &e.sets[i]
		if s.section != authority || s.typ != dns.TypeNSEC || s.class != dns.ClassINET || owner != nil && string(s.owner) != string(owner) {
			continue
		}
		n, ok := readNSEC(s.rdatas[0])
		if len(s.rdatas) > 1 || !ok || !n.covers(s.owner, name) {
			continue
		}
		if len(s.sigs) > 0 {
			return
		}
		unsigned = s
	}
	switch {
	case unsigned != nil:
		unsigned.told = true
		e.fail(tag, "%s, which proves that %s does not exist, has no signature%s", unsigned, text(name), e.stripped())
	case e.exists(name):
		e.fail(tag, "NXDOMAIN, but %s exists in %s", text(name), e.zone)
	case owner != nil:
		e.fail(tag, "Authority has no NSEC of %s which proves that %s does not exist", text(owner), text(name))
	default:
		e.fail(tag, "Authority has no NSEC which proves that %s does not exist", text(name))
	}
}

// exists says whether the zone has the name itself or delegates its top-level
// domain.
func (e *evaluation) exists(name []byte) bool {
	var at [128]uint8
	if n := labels(name, &at); n > 0 {
		name = name[at[n-1]:]
	}
	return e.zone != nil && e.zone.find(name, dns.TypeNS) != nil
}

// outside is NOERROR to a question that no block answers so [vcu] [xog].
func (e *evaluation) outside() {
	q := text(e.QName) + "/" + dns.Type(e.QType).String()
	if e.zone == nil || e.exists(e.QName) {
		e.fail("xog", "no rule lets NOERROR to %s pass", q)
		return
	}
	e.fail("vcu", "NOERROR to %s, a name that %s does not have: want NXDOMAIN", q, e.zone)
}

func (e *evaluation) wantAA(tag string, want bool) {
	switch got := e.Flags&dnsmsg.FlagAA != 0; {
	case got && !want:
		e.fail(tag, "AA is set, want it clear")
	case !got && want:
		e.fail(tag, "AA is clear, want it set")
	}
}

// empty says whether a section has no record, OPT aside [pvz].
func (e *evaluation) empty(in dnsmsg.Section) bool {
	for i := range e.Records {
		if e.Records[i].Section == in {
			return false
		}
	}
	return true
}

func (e *evaluation) wantEmpty(tag string, in dnsmsg.Section) {
	if e.empty(in) {
		return
	}
	names := ""
	for i := range e.sets {
		if e.sets[i].section == in {
			names = " of " + e.sets[i].String()
			break
		}
	}
	n := 0
	for i := range e.Records {
		if e.Records[i].Section == in {
			n++
		}
	}
	e.fail(tag, "%s has %s%s, want none", in, diag.Plural(n, "record"), names)
}

// wantWhole is wantSigned of an RRset of which the rule means every record: one
// that lacks a record, or has another one, is not "the signed RRset".
func (e *evaluation) wantWhole(tag string, in dnsmsg.Section, owner []byte, typ uint16) {
	if s := e.wantSigned(tag, in, owner, typ); s != nil && len(s.sigs) > 0 && e.zone != nil && !s.matches {
		e.fail(tag, "%s", e.difference(s))
	}
}

// wantSigned asks for an RRset with a signature over it in the same section;
// whether data and signature hold is for [vnk] and [yds]. It returns the RRset
// where there is one.
func (e *evaluation) wantSigned(tag string, in dnsmsg.Section, owner []byte, typ uint16) *rrset {
	s := e.get(in, owner, typ)
	switch {
	case s == nil:
		e.fail(tag, "%s has no %s RRset of %s", in, dns.Type(typ), text(owner))
	case len(s.sigs) == 0:
		s.told = true
		e.fail(tag, "%s in %s has no signature%s", s, in, e.stripped())
	}
	return s
}
