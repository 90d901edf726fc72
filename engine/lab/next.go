package lab

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// Revision says how the next version of a zone differs from the one before.
type Revision struct {
	Serial uint32 // 0: one more than before

	// Validity of the signatures; zero: as before. A new validity signs all
	// again, an old one only what changed.
	Inception  time.Time
	Expiration time.Time

	Unchanged bool // the delegations stay as they are, but for what follows

	Signing *Signing // nil: as before
	ZONEMD  Digests  // nil: as before

	RemoveDS []string              // of these top-level domains, NSEC and all
	Glue     map[string]netip.Addr // another address for a name server, in place of those of its family

	// RRsets that are gone with their signatures although NSEC lists them,
	// "us./DS"; in this version alone. The digest is that of what is left.
	Missing []string
}

// NextVersion makes the version that follows. Of the root, by default, one DS
// record is added, one removed, one changed, a top-level domain comes and one
// goes, each drawn from seed and serial. TLDs that every zone has stay.
func (z *Zone) NextVersion(r Revision) (*Zone, error) {
	next := &Zone{origin: z.origin, Serial: z.Serial + 1, Inception: z.Inception, Expiration: z.Expiration, seed: z.seed,
		signing: z.signing, digests: z.digests, model: z.model}
	if r.Serial != 0 {
		next.Serial = r.Serial
	}
	if !r.Inception.IsZero() {
		next.Inception = r.Inception
	}
	if !r.Expiration.IsZero() {
		next.Expiration = r.Expiration
	}
	if !r.Unchanged && z.origin == "." {
		next.model = z.model.changed(rand.New(stream(z.seed, fmt.Sprintf("version %d", next.Serial))))
	}
	if r.Signing != nil {
		next.signing = r.Signing.clone()
	}
	if r.ZONEMD != nil {
		next.digests = slices.Clone(r.ZONEMD)
	}
	var err error
	if next.model, err = next.model.altered(r.RemoveDS, r.Glue); err != nil {
		return nil, fmt.Errorf("zone %d: %w", next.Serial, err)
	}
	return next.complete(z, r.Missing)
}

// Sequence makes n versions, each following the one before; o is the first.
func Sequence(o Options, n int) ([]*Zone, error) {
	if n < 1 {
		return nil, nil
	}
	return History(o, make([]Revision, n-1)...)
}

// History makes the first version and those that follow it, one a revision.
func History(o Options, revisions ...Revision) ([]*Zone, error) {
	z, err := Generate(o)
	if err != nil {
		return nil, err
	}
	all := []*Zone{z}
	for _, r := range revisions {
		if z, err = z.NextVersion(r); err != nil {
			return nil, err
		}
		all = append(all, z)
	}
	return all, nil
}

func (m *model) clone() *model {
	return &model{tlds: maps.Clone(m.tlds), hosts: maps.Clone(m.hosts), apex: m.apex, roots: slices.Clone(m.roots)}
}

// altered is a copy without those DS RRsets and with that glue.
func (m *model) altered(removeDS []string, glue map[string]netip.Addr) (*model, error) {
	next := m.clone()
	for _, tld := range removeDS {
		d := next.tlds[tld]
		if len(d.ds) == 0 {
			return nil, fmt.Errorf("remove %s/DS: the zone has none", tld)
		}
		next.tlds[tld] = delegation{ns: d.ns}
	}
	for host, ip := range glue {
		old, known := next.hosts[host]
		own := slices.Index(m.apex, host)
		switch {
		case own >= 0:
			next.roots[own] = next.roots[own].with(ip)
		case known:
			next.hosts[host] = old.with(ip)
		default:
			return nil, fmt.Errorf("glue of %s: no such name server", host)
		}
	}
	return next, nil
}

// with is with that address alone of its family.
func (a addresses) with(ip netip.Addr) addresses {
	if ip.Is4() {
		a.v4 = []netip.Addr{ip}
	} else {
		a.v6 = []netip.Addr{ip}
	}
	return a
}

// changed is a copy with a few changes.
func (m *model) changed(r *rand.Rand) *model {
	next := m.clone()
	var free []string // TLDs not touched yet
	for _, tld := range slices.SortedFunc(maps.Keys(m.tlds), compareNames) {
		if !slices.Contains(firstTLDs, tld) {
			free = append(free, tld)
		}
	}
	take := func(want func(string, delegation) bool) (string, bool) {
		for _, i := range r.Perm(len(free)) {
			if tld := free[i]; want(tld, m.tlds[tld]) {
				free = slices.Delete(free, i, i+1)
				return tld, true
			}
		}
		return "", false
	}
	withDS := func(_ string, d delegation) bool { return len(d.ds) > 0 }
	setDS := func(want func(string, delegation) bool, change func(old []dns.DS) []dns.DS) {
		if tld, ok := take(want); ok {
			next.tlds[tld] = delegation{ns: m.tlds[tld].ns, ds: change(m.tlds[tld].ds)}
		}
	}
	setDS(func(tld string, d delegation) bool { return !withDS(tld, d) }, func([]dns.DS) []dns.DS { return dsRecords(r, 1) })
	setDS(withDS, func([]dns.DS) []dns.DS { return nil })
	setDS(withDS, func(old []dns.DS) []dns.DS { return dsRecords(r, len(old)) })
	if tld, ok := take(m.unneeded); ok {
		delete(next.tlds, tld)
	}
	for {
		tld := word(r, pick(r, wordLengths)) + "."
		if _, taken := m.tlds[tld]; taken {
			continue
		}
		next.tlds[tld] = delegation{ns: below(pickPlatform(r), tld), ds: dsRecords(r, 1)}
		break
	}
	next.dress(r)
	return next
}

// unneeded reports whether a TLD can go without taking away the home of another
// one's name servers.
func (m *model) unneeded(tld string, _ delegation) bool {
	for other, d := range m.tlds {
		if other != tld && slices.ContainsFunc(d.ns, func(host string) bool { return dns.IsSubDomain(tld, host) }) {
			return false
		}
	}
	return true
}
