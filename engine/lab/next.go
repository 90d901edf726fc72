package lab

import (
	"fmt"
	"maps"
	"math/rand/v2"
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

	Unchanged bool // the delegations stay as they are
}

// NextVersion makes the version that follows: unless told otherwise one DS
// record is added, one removed, one changed, a top-level domain comes and one
// goes, each drawn from seed and serial. TLDs that every zone has stay.
func (z *Zone) NextVersion(r Revision) (*Zone, error) {
	next := &Zone{Serial: z.Serial + 1, Inception: z.Inception, Expiration: z.Expiration, seed: z.seed, keys: z.keys, model: z.model}
	if r.Serial != 0 {
		next.Serial = r.Serial
	}
	if !r.Inception.IsZero() {
		next.Inception = r.Inception
	}
	if !r.Expiration.IsZero() {
		next.Expiration = r.Expiration
	}
	if !r.Unchanged {
		next.model = z.model.changed(rand.New(stream(z.seed, fmt.Sprintf("version %d", next.Serial))))
	}
	return next.complete(z)
}

// Sequence makes n versions, each following the one before; o is the first.
func Sequence(o Options, n int) ([]*Zone, error) {
	var all []*Zone
	for i := range n {
		var z *Zone
		var err error
		if i == 0 {
			z, err = Generate(o)
		} else {
			z, err = all[i-1].NextVersion(Revision{})
		}
		if err != nil {
			return nil, err
		}
		all = append(all, z)
	}
	return all, nil
}

// changed is a copy with a few changes.
func (m *model) changed(r *rand.Rand) *model {
	next := &model{tlds: maps.Clone(m.tlds), hosts: maps.Clone(m.hosts)}
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
