package lab

import (
	"math/rand/v2"
	"slices"

	"github.com/miekg/dns"
)

// generateBelow makes a zone below the root.
func generateBelow(o Options) (*Zone, error) {
	if o.Signing == nil {
		o.Signing = Simple(KSK(o.Seed, "ksk "+o.Origin, ECDSAP256SHA256), ZSK(o.Seed, "zsk "+o.Origin, ECDSAP256SHA256))
	}
	z := &Zone{origin: dns.CanonicalName(o.Origin), Serial: o.Serial, Inception: o.Inception, Expiration: o.Expiration, seed: o.Seed,
		signing: o.Signing.clone(), digests: slices.Clone(o.ZONEMD)}
	z.model = newModelBelow(rand.New(stream(o.Seed, "zone "+z.origin)), z.origin, o.TLDs)
	return z.complete(nil, nil)
}

// newModelBelow draws delegations, each to two hosts below itself.
func newModelBelow(r *rand.Rand, origin string, count int) *model {
	m := &model{tlds: make(map[string]delegation, count), hosts: map[string]addresses{}}
	m.apex, m.roots = apexOf(origin)
	for len(m.tlds) < count {
		child := word(r, pick(r, wordLengths)) + "." + origin
		m.tlds[child] = delegation{ns: below(platform{prefixes: "ns1 ns2"}, child), ds: dsRecords(r, pick(r, dsCounts))}
	}
	m.dress(r)
	return m
}

// hosts are the zone's own name servers where their addresses are data of the zone:
// those of the root are in another one.
func (z *Zone) hosts() []string {
	if z.origin == "." {
		return nil
	}
	return z.model.apex
}

func (z *Zone) isHost(name string) bool { return slices.Contains(z.hosts(), name) }

// hostTypes are those of a host's NSEC record.
func (z *Zone) hostTypes(host string) []uint16 {
	types := []uint16{dns.TypeA}
	if z.set(host, dns.TypeAAAA) != nil {
		types = append(types, dns.TypeAAAA)
	}
	return append(types, dns.TypeRRSIG, dns.TypeNSEC)
}

func (z *Zone) composeHost(q asked, f Flavour) draft {
	d := draft{aa: true}
	if set := z.set(q.name, q.rtype); set != nil {
		d.put(q, f, answerSection, truncates, set)
		z.putApexNS(&d, q, f)
		return d
	}
	d.put(q, f, authoritySection, truncates, z.denial(q, z.set(z.origin, dns.TypeSOA), z.set(q.name, dns.TypeNSEC))...)
	return d
}

// wildcard is the name by which one that is not there could have been made up: below the
// longest part of it that is there (RFC 4592).
func (z *Zone) wildcard(name string) string {
	for next, end := dns.NextLabel(name, 0); !end; next, end = dns.NextLabel(name, next) {
		if z.isHost(name[next:]) {
			return "*." + name[next:]
		}
	}
	if z.origin == "." {
		return "*."
	}
	return "*." + z.origin
}
