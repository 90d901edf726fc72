package lab

import (
	"slices"
	"sort"
	"strings"

	"github.com/miekg/dns"
)

// Flavour is the kind of server software whose answers an RSI imitates.
type Flavour string

// The flavours: how NSD 4.6, Knot DNS 3.2 and BIND 9.18 serve a root zone. They
// differ in the authority and additional sections, in the order of records, in
// what a truncated answer carries and in the answer to what is no plain query.
const (
	NSD  Flavour = "nsd"
	Knot Flavour = "knot"
	BIND Flavour = "bind"
)

// part is what stands or falls together when an answer must fit into a datagram.
type part struct {
	section int
	rrs     []dns.RR
	without int // what happens where it does not fit
}

const (
	answerSection = iota
	authoritySection
	additionalSection
)

const (
	truncates   = iota // TC is set and nothing follows
	ends               // nothing follows
	left               // it is left out
	leftWithTC         // it is left out and TC is set: in-domain glue of Knot, RFC 9471
	leftOrFirst        // it is left out, and TC is set where it is the first: in-domain glue of NSD
)

// draft is an answer before it is fitted.
type draft struct {
	aa    bool
	rcode int
	parts []part
}

// asked is what the composition of an answer depends on.
type asked struct {
	name  string // in lower case
	rtype uint16
	do    bool
	rd    bool

	anyClass bool
}

// compose answers a question of class IN from the zone.
func (z *Zone) compose(q asked, f Flavour) draft {
	switch {
	case !dns.IsSubDomain(z.origin, q.name):
		return draft{rcode: dns.RcodeRefused}
	case q.name == z.origin:
		return z.composeApex(q, f)
	case z.isHost(q.name):
		return z.composeHost(q, f)
	}
	labels := dns.Split(q.name)
	tld := q.name[labels[len(labels)-dns.CountLabel(z.origin)-1]:] // just below the zone's name
	if z.set(tld, dns.TypeNS) == nil {
		return z.composeNXDOMAIN(q, f)
	}
	d := draft{aa: true}
	switch {
	case q.name == tld && q.rtype == dns.TypeDS && z.set(tld, dns.TypeDS) != nil:
		d.put(q, f, answerSection, truncates, z.set(tld, dns.TypeDS))
	case q.name == tld && q.rtype == dns.TypeDS:
		d.put(q, f, authoritySection, truncates, z.denial(q, z.set(z.origin, dns.TypeSOA), z.set(tld, dns.TypeNSEC))...)
	case q.name == tld && q.rtype == dns.TypeNSEC && f == BIND:
		d.put(q, f, answerSection, truncates, z.set(tld, dns.TypeNSEC))
		z.putApexNS(&d, q, f)
	default:
		// At the cut itself only DS (and BIND's NSEC) is the parent's to answer.
		return z.composeReferral(q, f, tld)
	}
	return d
}

func (z *Zone) composeApex(q asked, f Flavour) draft {
	d := draft{aa: true}
	switch set := z.set(z.origin, q.rtype); {
	case q.rtype == dns.TypeANY || q.rtype == dns.TypeRRSIG:
		z.putAll(&d, q, f)
	case set == nil:
		d.put(q, f, authoritySection, truncates, z.denial(q, z.set(z.origin, dns.TypeSOA), z.set(z.origin, dns.TypeNSEC))...)
	default:
		d.put(q, f, answerSection, truncates, set)
		if q.rtype == dns.TypeNS {
			z.putGlue(&d, q, f, z.origin)
		} else if q.rtype != dns.TypeDNSKEY {
			z.putApexNS(&d, q, f)
		}
	}
	return d
}

// putAll answers ANY and RRSIG: NSD gives the first RRset but all signatures,
// Knot the NS RRset alone (RFC 8482), BIND everything.
func (z *Zone) putAll(d *draft, q asked, f Flavour) {
	var sets []*rrset
	for _, t := range typeOrder {
		if s := z.set(z.origin, t); s != nil {
			sets = append(sets, s)
		}
	}
	if f == Knot {
		sets = []*rrset{z.set(z.origin, dns.TypeNS)}
	}
	if q.rtype == dns.TypeRRSIG {
		var sigs []dns.RR
		for _, s := range sets {
			sigs = append(sigs, s.signatures()...)
		}
		d.parts = append(d.parts, part{answerSection, sigs, truncates})
		z.putApexNS(d, q, f)
		return
	}
	if f == NSD {
		sets = sets[:1]
	}
	d.put(q, f, answerSection, truncates, sets...)
	if f == Knot {
		z.putGlue(d, q, f, z.origin)
	}
}

// putApexNS adds the NS RRset to the authority section, as NSD and BIND do
// where there is room.
func (z *Zone) putApexNS(d *draft, q asked, f Flavour) {
	if f == Knot || f == BIND && q.rd || q.anyClass {
		return
	}
	d.put(q, f, authoritySection, ends, z.set(z.origin, dns.TypeNS))
	if f == NSD {
		z.putGlue(d, q, f, z.origin)
	}
}

func (z *Zone) composeReferral(q asked, f Flavour, tld string) draft {
	var d draft
	sets := []*rrset{z.set(tld, dns.TypeNS)}
	if q.do { // the DS RRset, or the proof that there is none (RFC 4035 section 3.1.4)
		proof := z.set(tld, dns.TypeDS)
		if proof == nil {
			proof = z.set(tld, dns.TypeNSEC)
		}
		sets = append(sets, proof)
	}
	d.put(q, f, authoritySection, truncates, sets...)
	z.putGlue(&d, q, f, tld)
	return d
}

func (z *Zone) composeNXDOMAIN(q asked, f Flavour) draft {
	d := draft{aa: true, rcode: dns.RcodeNameError}
	soa, cover, wildcard := z.set(z.origin, dns.TypeSOA), z.covering(q.name), z.covering(z.wildcard(q.name))
	sets := []*rrset{soa, cover, wildcard}
	switch f {
	case NSD:
		sets = []*rrset{cover, wildcard, soa}
	case BIND:
		sets = []*rrset{soa, wildcard, cover}
	}
	d.put(q, f, authoritySection, truncates, z.denial(q, sets...)...)
	return d
}

// denial keeps of the sets of a negative answer what is to be sent: each once,
// proofs with DO only, the SOA record with the TTL of RFC 2308 section 3.
func (z *Zone) denial(q asked, sets ...*rrset) []*rrset {
	var kept []*rrset
	for _, s := range sets {
		if s == nil {
			continue // missing on purpose
		}
		soa, isSOA := s.rrs[0].(*dns.SOA)
		if isSOA {
			soa = dns.Copy(soa).(*dns.SOA)
			soa.Hdr.Ttl = min(soa.Hdr.Ttl, soa.Minttl)
			s = &rrset{rrs: []dns.RR{soa}, sigs: s.sigs}
		}
		if (isSOA || q.do) && !slices.Contains(kept, s) {
			kept = append(kept, s)
		}
	}
	return kept
}

// covering is the NSEC RRset of the last owner before a name that is not there.
func (z *Zone) covering(name string) *rrset {
	i := sort.Search(len(z.chain), func(i int) bool { return compareNames(z.chain[i], name) >= 0 })
	return z.set(z.chain[max(i-1, 0)], dns.TypeNSEC)
}

// put adds RRsets, with their signatures where DO asks for them: NSD and BIND
// send each with its own, Knot all signatures of a section after its records.
func (d *draft) put(q asked, f Flavour, section, without int, sets ...*rrset) {
	var late []part
	for _, s := range sets {
		if s == nil {
			continue // missing on purpose
		}
		rrs := slices.Clone(s.rrs)
		switch {
		case len(s.sigs) == 0 || !q.do:
		case f == Knot:
			late = append(late, part{section, s.signatures(), without})
		default:
			rrs = append(rrs, s.signatures()...)
		}
		d.parts = append(d.parts, part{section, rrs, without})
	}
	d.parts = append(d.parts, late...)
}

// putGlue adds the addresses of a zone's name servers: Knot host by host, the
// others IPv4 before IPv6, BIND from the last host to the first. Signatures are
// there by mistake only, and go along.
func (z *Zone) putGlue(d *draft, q asked, f Flavour, zone string) {
	var v4, v6, each, late []part
	ns := slices.Clone(z.set(zone, dns.TypeNS).rrs)
	if f == BIND {
		slices.Reverse(ns)
	}
	for _, rr := range ns {
		host := strings.ToLower(rr.(*dns.NS).Ns)
		without := left
		if inDomain := zone != z.origin && dns.IsSubDomain(zone, host); inDomain && f == Knot {
			without = leftWithTC
		} else if inDomain && f == NSD {
			without = leftOrFirst
		}
		for _, t := range []uint16{dns.TypeA, dns.TypeAAAA} {
			s := z.set(host, t)
			if s == nil {
				continue
			}
			p := part{additionalSection, s.rrs, without}
			switch {
			case len(s.sigs) == 0 || !q.do:
			case f == Knot:
				late = append(late, part{additionalSection, s.signatures(), left})
			default:
				p.rrs = slices.Concat(s.rrs, s.signatures())
			}
			each = append(each, p)
			if t == dns.TypeA {
				v4 = append(v4, p)
			} else {
				v6 = append(v6, p)
			}
		}
	}
	if f != Knot {
		each = append(v4, v6...)
	}
	d.parts = append(append(d.parts, each...), late...)
}
