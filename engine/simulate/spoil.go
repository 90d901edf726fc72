package simulate

import (
	"slices"

	"github.com/miekg/dns"
)

// aaTags are the rules on the AA bit.
var aaTags = []string{"ujy", "yot", "xhr", "csz", "occ", "gpl"}

// unsignedTags are the rules that an RRset is signed, and its type.
var unsignedTags = map[string]uint16{"cpf": dns.TypeDS, "obw": dns.TypeSOA, "wal": dns.TypeNS, "eou": dns.TypeDNSKEY, "axj": dns.TypeSOA}

// spoil makes a wire break a rule; false where the answer is not of the kind
// that the rule is about. Nothing else in the answer changes.
func spoil(wire []byte, tag string) ([]byte, bool, error) {
	if slices.Contains(aaTags, tag) {
		wire = slices.Clone(wire)
		wire[2] ^= 0x04
		return wire, true, nil
	}
	m := new(dns.Msg)
	if err := m.Unpack(wire); err != nil {
		return nil, false, err
	}
	before := len(m.Answer) + len(m.Ns)
	changed := false
	switch tag {
	case "pdd":
		at := slices.IndexFunc(m.Ns, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeNS })
		if at >= 0 && len(m.Ns) > 1 {
			m.Ns = slices.Delete(m.Ns, at, at+1)
		}
	case "czb": // the proof that the name is not there goes, that of the wildcard stays
		m.Ns = slices.DeleteFunc(m.Ns, proofBelow)
	case "vnk":
		changed = alterGlue(m.Extra) || alterHost(m.Ns)
	default:
		covers := func(rr dns.RR) bool {
			sig, ok := rr.(*dns.RRSIG)
			return ok && sig.TypeCovered == unsignedTags[tag]
		}
		m.Answer, m.Ns = slices.DeleteFunc(m.Answer, covers), slices.DeleteFunc(m.Ns, covers)
	}
	if changed = changed || len(m.Answer)+len(m.Ns) < before; !changed {
		return wire, false, nil
	}
	m.Compress = true // as servers do, or the answer would not fit
	spoiled, err := m.Pack()
	return spoiled, true, err
}

// proofBelow reports whether a record is an NSEC, or signs one, of another owner
// than the apex.
func proofBelow(rr dns.RR) bool {
	if rr.Header().Name == "." {
		return false
	}
	sig, ok := rr.(*dns.RRSIG)
	return rr.Header().Rrtype == dns.TypeNSEC || ok && sig.TypeCovered == dns.TypeNSEC
}

// alterGlue changes a bit of the first IPv4 address.
func alterGlue(rrs []dns.RR) bool {
	for _, rr := range rrs {
		if a, ok := rr.(*dns.A); ok {
			a.A = slices.Clone(a.A)
			a.A[len(a.A)-1] ^= 1
			return true
		}
	}
	return false
}

// alterHost changes a letter of the first name server.
func alterHost(rrs []dns.RR) bool {
	for _, rr := range rrs {
		if ns, ok := rr.(*dns.NS); ok && len(ns.Ns) > 1 {
			letter := byte('q')
			if ns.Ns[0]|0x20 == letter {
				letter = 'x'
			}
			ns.Ns = string(letter) + ns.Ns[1:]
			return true
		}
	}
	return false
}
