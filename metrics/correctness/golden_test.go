package correctness_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics/correctness"
)

// The golden zones: three versions of a small root with keys of our own.
var (
	inception  = time.Date(2026, 11, 20, 4, 0, 0, 0, time.UTC)
	expiration = time.Date(2026, 12, 3, 5, 0, 0, 0, time.UTC)
	asked      = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
)

// signer is a key with its private half, made from a number.
type signer struct {
	private ed25519.PrivateKey
	public  *dns.DNSKEY
}

func newSigner(number byte, flags uint16) *signer {
	private := ed25519.NewKeyFromSeed(slices.Repeat([]byte{number}, ed25519.SeedSize))
	public := private.Public().(ed25519.PublicKey)
	return &signer{private, &dns.DNSKEY{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 172800},
		Flags: flags, Protocol: 3, Algorithm: dns.ED25519, PublicKey: base64.StdEncoding.EncodeToString(public)}}
}

var (
	ksk      = newSigner(1, 257)
	zsk      = newSigner(2, 256)
	stranger = newSigner(3, 256)
)

// sign makes the signature over an RRset; change spoils its fields beforehand.
func (s *signer) sign(rrs []dns.RR, change ...func(*dns.RRSIG)) *dns.RRSIG {
	h := rrs[0].Header()
	sig := &dns.RRSIG{Hdr: dns.RR_Header{Name: h.Name, Rrtype: dns.TypeRRSIG, Class: dns.ClassINET, Ttl: h.Ttl}, Algorithm: s.public.Algorithm,
		KeyTag: s.public.KeyTag(), SignerName: ".", Inception: uint32(inception.Unix()), Expiration: uint32(expiration.Unix())}
	for _, f := range change {
		f(sig)
	}
	if err := sig.Sign(s.private, rrs); err != nil {
		panic(err)
	}
	return sig
}

// testZone is a zone as text, as candidate and to take answers from.
type testZone struct {
	serial uint32
	rrs    []dns.RR
	index  map[string][]dns.RR // of rrs once they are complete
	zone   *correctness.Zone
	proven *correctness.Zone
	whole  *rootzone.Zone
}

const apex = `
. 86400 IN SOA a.root-servers.net. nstld.verisign-grs.com. %d 1800 900 604800 86400
. 518400 IN NS a.root-servers.net.
. 518400 IN NS b.root-servers.net.
a.root-servers.net. 518400 IN A 198.41.0.4
a.root-servers.net. 518400 IN AAAA 2001:503:ba3e::2:30
b.root-servers.net. 518400 IN A 170.247.170.2
`

// delegations of the first version: with DS and without, with glue in the domain,
// beside it, of one family, and without any.
const delegations = `
aaa. 172800 IN NS ns1.aaa.
aaa. 172800 IN NS ns2.aaa.
aaa. 86400 IN DS 1 8 2 00000000000000000000000000000000000000000000000000000000000000AA
ns1.aaa. 172800 IN A 192.0.2.1
ns2.aaa. 172800 IN AAAA 2001:db8::2
arpa. 172800 IN NS a.root-servers.net.
arpa. 86400 IN DS 2 8 2 00000000000000000000000000000000000000000000000000000000000000BB
com. 172800 IN NS a.gtld.net.
com. 172800 IN NS b.gtld.net.
com. 86400 IN DS 3 8 2 00000000000000000000000000000000000000000000000000000000000000CC
com. 86400 IN DS 4 13 4 00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000DDDD
a.gtld.net. 172800 IN A 192.0.2.11
a.gtld.net. 172800 IN AAAA 2001:db8::11
b.gtld.net. 172800 IN A 192.0.2.12
b.gtld.net. 172800 IN A 192.0.2.13
far. 172800 IN NS ns.elsewhere.example.
far. 86400 IN DS 5 8 2 00000000000000000000000000000000000000000000000000000000000000EE
net. 172800 IN NS a.gtld.net.
us. 172800 IN NS b.cctld.us.
us. 172800 IN NS x.cctld.us.
us. 172800 IN NS a.gtld.net.
b.cctld.us. 172800 IN A 192.0.2.21
x.cctld.us. 172800 IN A 192.0.2.22
x.cctld.us. 172800 IN AAAA 2001:db8::22
zw. 172800 IN NS a.gtld.net.
`

func parse(text string) []dns.RR {
	var rrs []dns.RR
	parser := dns.NewZoneParser(strings.NewReader(text), "", "")
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		rrs = append(rrs, rr)
	}
	if err := parser.Err(); err != nil {
		panic(err)
	}
	return rrs
}

// build signs a zone: keys, NSEC chain, signatures over what the root signs.
func build(serial uint32, text string, change ...func(*dns.RRSIG)) *testZone {
	z := &testZone{serial: serial, rrs: append(parse(fmt.Sprintf(apex, serial)+text), dns.Copy(ksk.public), dns.Copy(zsk.public))}
	var owners []string
	for _, rr := range z.rrs {
		if h := rr.Header(); h.Rrtype == dns.TypeNS && !slices.Contains(owners, h.Name) {
			owners = append(owners, h.Name)
		}
	}
	slices.Sort(owners) // one lower-case label each: the canonical order
	for i, owner := range owners {
		types := []uint16{dns.TypeNS, dns.TypeRRSIG, dns.TypeNSEC}
		if owner == "." {
			types = append(types, dns.TypeSOA, dns.TypeDNSKEY)
		} else if z.set(owner, dns.TypeDS) != nil {
			types = append(types, dns.TypeDS)
		}
		slices.Sort(types)
		z.rrs = append(z.rrs, &dns.NSEC{Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeNSEC, Class: dns.ClassINET, Ttl: 86400},
			NextDomain: owners[(i+1)%len(owners)], TypeBitMap: types})
	}
	z.rrs = append(z.rrs, z.signatures(change)...)
	z.make()
	return z
}

func (z *testZone) signatures(change []func(*dns.RRSIG)) []dns.RR {
	var sigs []dns.RR
	done := map[string]bool{}
	for _, rr := range z.rrs {
		h := rr.Header()
		id := fmt.Sprint(h.Name, h.Rrtype)
		if done[id] || h.Name != "." && h.Rrtype != dns.TypeDS && h.Rrtype != dns.TypeNSEC {
			continue
		}
		done[id] = true
		by := zsk
		if h.Rrtype == dns.TypeDNSKEY {
			by = ksk
		}
		sigs = append(sigs, by.sign(z.set(h.Name, h.Rrtype), change...))
	}
	return sigs
}

// make reads the zone as the archive does, proves it and indexes it.
func (z *testZone) make() {
	var b strings.Builder
	for _, rr := range z.rrs {
		b.WriteString(rr.String() + "\n")
	}
	var err error
	if z.whole, err = rootzone.ReadWhole(strings.NewReader(b.String()), "golden"); err != nil {
		panic(err)
	}
	at, err := z.whole.SignedAt()
	if err != nil {
		panic(err)
	}
	if err := z.whole.Validate(ours(), at); err != nil {
		panic(err)
	}
	for _, made := range []**correctness.Zone{&z.zone, &z.proven} {
		if *made, err = correctness.NewZone(z.whole); err != nil {
			panic(err)
		}
	}
	z.proven.Prove()
}

// ours is the anchor of the golden zones' key, believed at any time.
func ours() []rootzone.Anchor {
	ds := ksk.public.ToDS(dns.SHA256)
	return []rootzone.Anchor{{DS: fmt.Sprintf("%d %d %d %s", ds.KeyTag, ds.Algorithm, ds.DigestType, ds.Digest)}}
}

// set are copies of the records of an RRset without signatures.
func (z *testZone) set(owner string, typ uint16) []dns.RR {
	from := z.rrs
	if z.index != nil {
		from = z.index[owner]
	}
	var rrs []dns.RR
	for _, rr := range from {
		if rr.Header().Name == owner && rr.Header().Rrtype == typ {
			rrs = append(rrs, dns.Copy(rr))
		}
	}
	return rrs
}

// signed is an RRset with its signature.
func (z *testZone) signed(owner string, typ uint16) []dns.RR {
	rrs := z.set(owner, typ)
	for _, rr := range z.set(owner, dns.TypeRRSIG) {
		if rr.(*dns.RRSIG).TypeCovered == typ {
			rrs = append(rrs, rr)
		}
	}
	return rrs
}

// addresses are the A and AAAA records of hosts.
func (z *testZone) addresses(hosts []dns.RR) []dns.RR {
	var rrs []dns.RR
	for _, rr := range hosts {
		host := rr.(*dns.NS).Ns
		rrs = append(append(rrs, z.set(host, dns.TypeA)...), z.set(host, dns.TypeAAAA)...)
	}
	return rrs
}

// reply is the right answer to a question.
func (z *testZone) reply(name, typ string) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(name, dns.StringToType[typ])
	m.Id, m.Response, m.RecursionDesired, m.Compress = 4711, true, false, true
	owner, t := dns.CanonicalName(name), dns.StringToType[typ]
	m.Authoritative = true
	ns := z.set(owner, dns.TypeNS)
	switch {
	case owner == ".":
		m.Answer = z.signed(owner, t)
		if t == dns.TypeNS {
			m.Extra = z.addresses(ns)
		}
	case ns == nil:
		z.deny(m, owner)
	case t == dns.TypeNS:
		m.Authoritative = false
		m.Ns, m.Extra = append(ns, z.signed(owner, dns.TypeDS)...), z.addresses(ns)
		if z.set(owner, dns.TypeDS) == nil {
			m.Ns = append(ns, z.signed(owner, dns.TypeNSEC)...)
		}
	case z.set(owner, dns.TypeDS) != nil:
		m.Answer = z.signed(owner, dns.TypeDS)
	default:
		m.Ns = append(z.signed(".", dns.TypeSOA), z.signed(owner, dns.TypeNSEC)...)
	}
	opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT},
		Option: []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID, Nsid: "6c6162"}}}
	opt.SetUDPSize(1232)
	opt.SetDo()
	m.Extra = append(m.Extra, opt)
	return m
}

// deny makes NXDOMAIN for a name: SOA, the covering NSEC, the apex's.
func (z *testZone) deny(m *dns.Msg, name string) {
	m.Rcode = dns.RcodeNameError
	m.Ns = append(z.signed(".", dns.TypeSOA), z.signed(".", dns.TypeNSEC)...)
	labels := dns.SplitDomainName(name)
	last := "."
	for _, rr := range z.rrs {
		if nsec, ok := rr.(*dns.NSEC); ok && nsec.Hdr.Name < labels[len(labels)-1]+"." {
			last = nsec.Hdr.Name // in the order of the chain
		}
	}
	if last != "." {
		m.Ns = append(m.Ns, z.signed(last, dns.TypeNSEC)...)
	}
}

func pack(t testing.TB, m *dns.Msg) []byte {
	t.Helper()
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

// question is that of a message, at the time of all golden questions.
func question(m *dns.Msg) correctness.Question {
	q := m.Question[0]
	return correctness.Question{Name: q.Name, Type: dns.Type(q.Qtype).String(), At: asked}
}

// without takes the records away that a test names.
func without(rrs []dns.RR, gone func(dns.RR) bool) []dns.RR {
	return slices.DeleteFunc(slices.Clone(rrs), gone)
}

func isType(typ uint16) func(dns.RR) bool {
	return func(rr dns.RR) bool { return rr.Header().Rrtype == typ }
}

// covers finds the signature over a type.
func covers(typ uint16) func(dns.RR) bool {
	return func(rr dns.RR) bool {
		sig, ok := rr.(*dns.RRSIG)
		return ok && sig.TypeCovered == typ
	}
}

// tags lists the tags of findings, each once, sorted.
func tags(findings []correctness.Finding) string {
	var all []string
	for _, f := range findings {
		all = append(all, f.Tag)
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), " ")
}
