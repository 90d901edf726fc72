package lab

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// DefaultTLDs is how many top-level domains a zone has by default.
const DefaultTLDs = 1450

// Times to live in seconds.
const (
	ttlDNSKEY   = 172800
	ttlSigned   = 86400 // SOA, DS, NSEC, ZONEMD
	ttlRoot     = 518400
	ttlReferral = 172800
)

// maxTLDs bounds what Generate is asked for: fifty times the real zone.
const maxTLDs = 72500

// Options say which zone Generate makes. Equal options give equal zones, to the
// last byte of the last signature.
type Options struct {
	Seed   uint64
	Serial uint32 // of the SOA record; by custom YYYYMMDDnn
	TLDs   int    // delegations: top-level domains; 0 is DefaultTLDs, never fewer than seven (com, arpa, …)

	// Origin is the zone's name, "example."; empty: the root. A zone below the root has the name
	// servers of ZoneServers, delegations to hosts below themselves, and no digest by default.
	Origin string

	// Inception and Expiration are those of every signature, in whole seconds.
	Inception  time.Time
	Expiration time.Time

	Signing *Signing // nil: DefaultSigning(Seed); below the root keys of ECDSAP256SHA256
	ZONEMD  Digests  // nil: of the root one that is right, of SHA-384
}

// Zone is one version of a zone, the root's by default, whole and signed. It never changes, so
// goroutines and servers may share it.
type Zone struct {
	Serial     uint32
	Inception  time.Time
	Expiration time.Time

	origin  string
	seed    uint64
	signing *Signing
	digests Digests
	model   *model
	sets    map[setKey]*rrset
	names   []string // owners of records, in canonical order
	chain   []string // owners of NSEC records: the apex, the delegations and the zone's own hosts
}

type setKey struct {
	owner string // in lower case
	rtype uint16
}

// rrset is an RRset with its signatures: none where the root does not sign,
// delegation NS and glue.
type rrset struct {
	rrs  []dns.RR
	sigs []signature
}

func (s *rrset) signatures() []dns.RR {
	var all []dns.RR
	for _, sig := range s.sigs {
		all = append(all, sig.rr)
	}
	return all
}

// Generate makes a root zone of the real one's shape.
func Generate(o Options) (*Zone, error) {
	if o.TLDs == 0 {
		o.TLDs = DefaultTLDs
	}
	if o.TLDs < 0 || o.TLDs > maxTLDs {
		return nil, fmt.Errorf("zone %d: %d top-level domains: want 1 to %d", o.Serial, o.TLDs, maxTLDs)
	}
	if o.Origin != "" && o.Origin != "." {
		return generateBelow(o)
	}
	if o.Signing == nil {
		o.Signing = DefaultSigning(o.Seed)
	}
	if o.ZONEMD == nil {
		o.ZONEMD = Digests{{Hash: SHA384}}
	}
	z := &Zone{origin: ".", Serial: o.Serial, Inception: o.Inception, Expiration: o.Expiration, seed: o.Seed,
		signing: o.Signing.clone(), digests: slices.Clone(o.ZONEMD),
		model: newModel(rand.New(stream(o.Seed, "zone")), max(o.TLDs, len(firstTLDs)))}
	return z.complete(nil, nil)
}

// complete makes the records from the model and signs them. Signatures of the
// version before are kept where nothing is different.
func (z *Zone) complete(before *Zone, missing []string) (*Zone, error) {
	z.Inception, z.Expiration = z.Inception.UTC().Truncate(time.Second), z.Expiration.UTC().Truncate(time.Second)
	if !z.Expiration.After(z.Inception) {
		return nil, fmt.Errorf("zone %d: expiration %s is not after inception %s", z.Serial,
			z.Expiration.Format(time.RFC3339), z.Inception.Format(time.RFC3339))
	}
	z.makeRecords()
	if err := z.sign(before, missing); err != nil {
		return nil, fmt.Errorf("zone %d: %w", z.Serial, err)
	}
	z.share(before)
	return z, nil
}

// share takes the RRsets that are the same from the version before, if there is one: whoever
// holds many versions has nearly all of their records once.
func (z *Zone) share(before *Zone) {
	for k, s := range z.sets {
		had := before.set(k.owner, k.rtype)
		if had != nil && slices.EqualFunc(had.rrs, s.rrs, sameRR) && slices.EqualFunc(had.sigs, s.sigs, func(a, b signature) bool { return a.order == b.order && sameRR(a.rr, b.rr) }) {
			z.sets[k] = had
		}
	}
}

func sameRR(a, b dns.RR) bool { return a.String() == b.String() }

func (z *Zone) makeRecords() {
	z.sets = make(map[setKey]*rrset, 8*len(z.model.tlds))
	z.add(&dns.SOA{Hdr: header(z.origin, dns.TypeSOA, ttlSigned), Ns: z.model.apex[0], Mbox: z.mailbox(),
		Serial: z.Serial, Refresh: 1800, Retry: 900, Expire: 604800, Minttl: 86400})
	for _, k := range z.signing.Publish {
		key := k.DNSKEY()
		key.Hdr.Name = z.origin
		z.add(key)
	}
	for i, host := range z.model.apex {
		z.add(&dns.NS{Hdr: header(z.origin, dns.TypeNS, ttlRoot), Ns: host})
		z.add(z.model.roots[i].records(host, ttlRoot)...)
	}
	for _, tld := range slices.Sorted(maps.Keys(z.model.tlds)) {
		d := z.model.tlds[tld]
		for _, host := range d.ns {
			z.add(&dns.NS{Hdr: header(tld, dns.TypeNS, ttlReferral), Ns: host})
		}
		for _, ds := range d.ds {
			ds.Hdr = header(tld, dns.TypeDS, ttlSigned)
			z.add(&ds)
		}
	}
	for _, host := range slices.Sorted(maps.Keys(z.model.hosts)) {
		z.add(z.model.hosts[host].records(host, ttlReferral)...)
	}
	z.link()
}

func (z *Zone) mailbox() string {
	if z.origin == "." {
		return "nstld.verisign-grs.com."
	}
	return "hostmaster." + z.origin
}

// link makes the NSEC chain: the apex, then the delegations, round.
func (z *Zone) link() {
	z.chain = append(slices.SortedFunc(maps.Keys(z.model.tlds), compareNames), z.origin)
	z.chain = append(z.chain, z.hosts()...)
	slices.SortFunc(z.chain, compareNames)
	for i, owner := range z.chain {
		types := []uint16{dns.TypeNS, dns.TypeRRSIG, dns.TypeNSEC}
		switch {
		case owner == z.origin:
			types = []uint16{dns.TypeNS, dns.TypeSOA, dns.TypeRRSIG, dns.TypeNSEC}
			if len(z.signing.Publish) > 0 {
				types = append(types, dns.TypeDNSKEY)
			}
			if len(z.digests) > 0 {
				types = append(types, dns.TypeZONEMD)
			}
		case len(z.model.tlds[owner].ds) > 0:
			types = []uint16{dns.TypeNS, dns.TypeDS, dns.TypeRRSIG, dns.TypeNSEC}
		case z.isHost(owner):
			types = z.hostTypes(owner)
		}
		z.add(&dns.NSEC{Hdr: header(owner, dns.TypeNSEC, ttlSigned), NextDomain: z.chain[(i+1)%len(z.chain)], TypeBitMap: types})
	}
}

func (z *Zone) add(rrs ...dns.RR) {
	for _, rr := range rrs {
		k := setKey{rr.Header().Name, rr.Header().Rrtype}
		if z.sets[k] == nil {
			z.sets[k] = &rrset{}
		}
		z.sets[k].rrs = append(z.sets[k].rrs, rr)
	}
}

func header(owner string, t uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: owner, Rrtype: t, Class: dns.ClassINET, Ttl: ttl}
}

// set is nil where there is no such RRset, or no zone.
func (z *Zone) set(owner string, rtype uint16) *rrset {
	if z == nil {
		return nil
	}
	return z.sets[setKey{owner, rtype}]
}

// DS is the trust anchor: Key.DS of the first key that signs the DNSKEY RRset
// and is not revoked; empty where there is none.
func (z *Zone) DS() string {
	if k, ok := z.signing.anchor(); ok {
		return z.origin + strings.TrimPrefix(k.DS(), ".") // keys know of no zone
	}
	return ""
}

// Signing is what signed the version, to make that of the next one from.
func (z *Zone) Signing() *Signing { return z.signing.clone() }

// TLDs are the names of the delegations, "us.", in canonical order.
func (z *Zone) TLDs() []string { return slices.SortedFunc(maps.Keys(z.model.tlds), compareNames) }

// Origin is the name of the zone, "." of the root.
func (z *Zone) Origin() string { return z.origin }

// RRs are copies of all records in the order of IANA's file: names in canonical
// order, at the apex the SOA record first, each RRset followed by its signatures.
func (z *Zone) RRs() []dns.RR {
	var all []dns.RR
	for _, owner := range z.names {
		for _, t := range typeOrder {
			s := z.set(owner, t)
			if s == nil {
				continue
			}
			for _, rr := range append(slices.Clone(s.rrs), s.signatures()...) {
				all = append(all, dns.Copy(rr))
			}
		}
	}
	return all
}

// typeOrder is every type a zone has, in the order of IANA's file.
var typeOrder = []uint16{dns.TypeSOA, dns.TypeNS, dns.TypeDS, dns.TypeNSEC, dns.TypeDNSKEY, dns.TypeZONEMD, dns.TypeA, dns.TypeAAAA}

// WriteTo writes the zone in master format, one record a line.
func (z *Zone) WriteTo(w io.Writer) (int64, error) {
	b := bufio.NewWriter(w)
	var written int64
	for _, rr := range z.RRs() {
		n, err := fmt.Fprintln(b, rr)
		written += int64(n)
		if err != nil {
			return written, fmt.Errorf("zone %d: %w", z.Serial, err)
		}
	}
	if err := b.Flush(); err != nil {
		return written - int64(b.Buffered()), fmt.Errorf("zone %d: %w", z.Serial, err)
	}
	return written, nil
}
