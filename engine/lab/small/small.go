// Package small is a small signed zone other than the root, which answers as an authoritative
// server does: for tests of what DNSSEC says of answers. Its keys are those of package lab.
package small

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/lab"
)

// Zone is a version of the zone. Below its name are www (A), alias (CNAME to www), away (CNAME to
// elsewhere), *.wild (TXT), deep.ent (A), old (DNAME to www), insecure (a delegation without DS records)
// and secure (one with).
type Zone struct {
	Name   string // absolute, lower case
	Serial uint32

	Publish, SignKeys, SignData []lab.Key
	Inception, Expiration       time.Time

	NSEC3      bool
	OptOut     bool // the delegation insecure has no NSEC3 record
	Iterations uint16
}

// Simple is a zone with one key signing key and one zone signing key.
func Simple(name string, serial uint32, ksk, zsk lab.Key, inception, expiration time.Time) Zone {
	return Zone{Name: name, Serial: serial, Publish: []lab.Key{ksk, zsk}, SignKeys: []lab.Key{ksk}, SignData: []lab.Key{zsk},
		Inception: inception, Expiration: expiration}
}

// Anchor is the data of the DS record of a key in the zone.
func (z Zone) Anchor(k lab.Key) string {
	_, data, _ := strings.Cut(k.In(z.Name).ToDS(dns.SHA256).String(), "\tDS\t")
	return data
}

const ttl = 3600

func (z Zone) header(owner string, typ uint16) dns.RR_Header {
	return dns.RR_Header{Name: owner, Rrtype: typ, Class: dns.ClassINET, Ttl: ttl}
}

// records are those of the zone by owner and type, without those that deny.
func (z Zone) records() map[string]map[uint16][]dns.RR {
	all := map[string]map[uint16][]dns.RR{}
	put := func(rr dns.RR) {
		h := rr.Header()
		if all[h.Name] == nil {
			all[h.Name] = map[uint16][]dns.RR{}
		}
		all[h.Name][h.Rrtype] = append(all[h.Name][h.Rrtype], rr)
	}
	at := func(label string) string { return label + "." + z.Name }
	put(&dns.SOA{Hdr: z.header(z.Name, dns.TypeSOA), Ns: at("ns"), Mbox: at("hostmaster"), Serial: z.Serial, Refresh: 1, Retry: 1, Expire: 1, Minttl: 1})
	put(&dns.NS{Hdr: z.header(z.Name, dns.TypeNS), Ns: at("ns")})
	put(&dns.NS{Hdr: z.header(z.Name, dns.TypeNS), Ns: "ns.elsewhere."})
	for _, k := range z.Publish {
		put(k.In(z.Name))
	}
	for _, owner := range []string{"ns", "www", "deep.ent"} {
		put(&dns.A{Hdr: z.header(at(owner), dns.TypeA), A: []byte{192, 0, 2, 1}})
	}
	put(&dns.CNAME{Hdr: z.header(at("alias"), dns.TypeCNAME), Target: at("www")})
	put(&dns.CNAME{Hdr: z.header(at("away"), dns.TypeCNAME), Target: "www.elsewhere."})
	put(&dns.CNAME{Hdr: z.header(at("lost"), dns.TypeCNAME), Target: at("nothing")})
	put(&dns.DNAME{Hdr: z.header(at("old"), dns.TypeDNAME), Target: at("ent")})
	put(&dns.TXT{Hdr: z.header(at("*.wild"), dns.TypeTXT), Txt: []string{"wild"}})
	put(&dns.NS{Hdr: z.header(at("insecure"), dns.TypeNS), Ns: "ns.elsewhere."})
	put(&dns.NS{Hdr: z.header(at("secure"), dns.TypeNS), Ns: "ns.elsewhere."})
	put(&dns.DS{Hdr: z.header(at("secure"), dns.TypeDS), KeyTag: 1, Algorithm: 13, DigestType: 2, Digest: strings.Repeat("ab", 32)})
	return all
}

// Sign is the RRset with its signatures.
func (z Zone) Sign(rrs []dns.RR) []dns.RR {
	keys := z.SignData
	if rrs[0].Header().Rrtype == dns.TypeDNSKEY {
		keys = z.SignKeys
	}
	all := slices.Clone(rrs)
	for _, k := range keys {
		sig, err := k.Sign(z.Name, z.Inception, z.Expiration, rrs)
		if err != nil {
			panic(err) // of a key of the test's own
		}
		all = append(all, sig)
	}
	return all
}

// Respond answers a question of class IN with DO, without what stands in Additional.
func (z Zone) Respond(name string, typ uint16) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(name, typ)
	m.SetEdns0(1232, true)
	opt := m.Extra
	m.Response, m.Authoritative, m.RecursionDesired, m.Extra = true, true, false, opt
	z.answer(m, strings.ToLower(name), typ, z.records())
	return m
}

// Wire is a message as it is sent.
func Wire(m *dns.Msg) []byte {
	wire, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return wire
}

func (z Zone) answer(m *dns.Msg, name string, typ uint16, all map[string]map[uint16][]dns.RR) {
	if !dns.IsSubDomain(z.Name, name) {
		return
	}
	for above := name; above != z.Name; above = parent(above) {
		sets := all[above]
		if d := sets[dns.TypeDNAME]; d != nil && above != name {
			target := strings.TrimSuffix(name, above) + d[0].(*dns.DNAME).Target
			m.Answer = append(append(m.Answer, z.Sign(d)...), &dns.CNAME{Hdr: z.header(name, dns.TypeCNAME), Target: target})
			if typ != dns.TypeCNAME {
				z.answer(m, target, typ, all)
			}
			return
		}
		if ns := sets[dns.TypeNS]; ns != nil && (above != name || typ != dns.TypeDS) {
			m.Authoritative = false
			m.Ns = append(m.Ns, ns...)
			if ds := sets[dns.TypeDS]; ds != nil {
				m.Ns = append(m.Ns, z.Sign(ds)...)
			} else {
				m.Ns = append(m.Ns, z.matchOrCover(above, all)...)
			}
			return
		}
	}
	sets, of := all[name], name
	if sets == nil && !exists(name, all) {
		of = "*." + z.encloser(name, all)
		if sets = all[of]; sets == nil {
			m.Rcode = dns.RcodeNameError
			z.deny(m, all, append(z.noName(name, all), z.cover(of, all)...))
			return
		}
		m.Ns = append(m.Ns, z.noName(name, all)...)
	}
	switch {
	case sets[typ] != nil:
		m.Answer = append(m.Answer, renamed(z.Sign(sets[typ]), name)...)
	case sets[dns.TypeCNAME] != nil:
		m.Answer = append(m.Answer, z.Sign(sets[dns.TypeCNAME])...)
		z.answer(m, sets[dns.TypeCNAME][0].(*dns.CNAME).Target, typ, all)
	default:
		z.deny(m, all, z.matchOrCover(of, all))
	}
	m.Ns = once(m.Ns)
}

func (z Zone) deny(m *dns.Msg, all map[string]map[uint16][]dns.RR, proof []dns.RR) {
	m.Ns = once(append(append(z.Sign(all[z.Name][dns.TypeSOA]), m.Ns...), proof...))
}

// renamed gives records of a wildcard the name that was asked for.
func renamed(rrs []dns.RR, name string) []dns.RR {
	for i, rr := range rrs {
		rrs[i] = dns.Copy(rr)
		rrs[i].Header().Name = name
	}
	return rrs
}

func once(rrs []dns.RR) (all []dns.RR) {
	for _, rr := range rrs {
		if !slices.ContainsFunc(all, func(o dns.RR) bool { return o.String() == rr.String() }) {
			all = append(all, rr)
		}
	}
	return all
}

func parent(name string) string {
	_, above, _ := strings.Cut(name, ".")
	return above
}

// exists says whether there are records at a name or below it.
func exists(name string, all map[string]map[uint16][]dns.RR) bool {
	for owner := range all {
		if owner == name || strings.HasSuffix(owner, "."+name) {
			return true
		}
	}
	return false
}

func (z Zone) encloser(name string, all map[string]map[uint16][]dns.RR) string {
	for name = parent(name); !exists(name, all); {
		name = parent(name)
	}
	return name
}

// nextCloser is the name that does not exist, nearest the closest encloser.
func (z Zone) nextCloser(name string, all map[string]map[uint16][]dns.RR) string {
	for !exists(parent(name), all) {
		name = parent(name)
	}
	return name
}

// noName proves that a name does not exist.
func (z Zone) noName(name string, all map[string]map[uint16][]dns.RR) []dns.RR {
	if !z.NSEC3 {
		return z.cover(name, all)
	}
	return append(z.matchOrCover(z.encloser(name, all), all), z.cover(z.nextCloser(name, all), all)...)
}

// cover is the record that covers a name, matchOrCover that of the name itself if there is one.
func (z Zone) cover(name string, all map[string]map[uint16][]dns.RR) []dns.RR {
	for _, rr := range z.chain(all) {
		if n, is := rr.(*dns.NSEC3); is && n.Cover(name) && !n.Match(name) {
			return z.Sign([]dns.RR{rr})
		}
		if n, is := rr.(*dns.NSEC); is && order(n.Hdr.Name, name) < 0 && (n.NextDomain == z.Name || order(name, n.NextDomain) < 0) {
			return z.Sign([]dns.RR{rr})
		}
	}
	return nil
}

func (z Zone) matchOrCover(name string, all map[string]map[uint16][]dns.RR) []dns.RR {
	for _, rr := range z.chain(all) {
		if n, is := rr.(*dns.NSEC3); is && n.Match(name) || !is && rr.Header().Name == name {
			return z.Sign([]dns.RR{rr})
		}
	}
	if z.NSEC3 && name != z.Name { // within opt-out
		return append(z.matchOrCover(z.encloser(name, all), all), z.cover(name, all)...)
	}
	return z.cover(name, all)
}

// order is that of RFC 4034 section 6.1, of names without escapes.
func order(a, b string) int {
	la, lb := dns.SplitDomainName(a), dns.SplitDomainName(b)
	slices.Reverse(la)
	slices.Reverse(lb)
	return slices.Compare(la, lb)
}

// chain is all NSEC or NSEC3 records.
func (z Zone) chain(all map[string]map[uint16][]dns.RR) (chain []dns.RR) {
	types := map[string][]uint16{}
	for owner, sets := range all {
		if z.NSEC3 && z.OptOut && sets[dns.TypeNS] != nil && sets[dns.TypeDS] == nil && owner != z.Name {
			continue
		}
		for t := range sets {
			types[owner] = append(types[owner], t)
		}
		if sets[dns.TypeNS] == nil || sets[dns.TypeSOA] != nil || sets[dns.TypeDS] != nil || !z.NSEC3 {
			types[owner] = append(types[owner], dns.TypeRRSIG)
		}
		for above := owner; z.NSEC3 && above != z.Name; above = parent(above) {
			if _, there := types[above]; !there {
				types[above] = nil
			}
		}
	}
	var owners []string
	for owner := range types {
		owners = append(owners, owner)
	}
	hashed := func(name string) string { return dns.HashName(name, dns.SHA1, z.Iterations, "ab") }
	slices.SortFunc(owners, func(a, b string) int {
		if z.NSEC3 {
			return cmp.Compare(hashed(a), hashed(b))
		}
		return order(a, b)
	})
	for i, owner := range owners {
		next, bits := owners[(i+1)%len(owners)], types[owner]
		if z.NSEC3 {
			n := &dns.NSEC3{Hdr: z.header(strings.ToLower(hashed(owner))+"."+z.Name, dns.TypeNSEC3), Hash: dns.SHA1, Iterations: z.Iterations,
				SaltLength: 1, Salt: "ab", HashLength: 20, NextDomain: hashed(next), TypeBitMap: slices.Sorted(slices.Values(bits))}
			if z.OptOut {
				n.Flags = 1
			}
			chain = append(chain, n)
			continue
		}
		bits = append(slices.Clone(bits), dns.TypeNSEC)
		slices.Sort(bits)
		chain = append(chain, &dns.NSEC{Hdr: z.header(owner, dns.TypeNSEC), NextDomain: next, TypeBitMap: bits})
	}
	return chain
}
