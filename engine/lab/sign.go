package lab

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"
)

// sign signs what the root signs, on all cores, takes out what is to be missing
// and puts the zone digest over it.
func (z *Zone) sign(before *Zone, missing []string) error {
	z.names = slices.SortedFunc(maps.Keys(z.owners()), compareNames)
	prepare(z.signing.keys()...)
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for k, s := range z.sets {
		if orders := z.orders(k); len(orders) > 0 {
			g.Go(func() error { return s.sign(orders, before.set(k.owner, k.rtype)) })
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := z.checkStrays(); err != nil {
		return err
	}
	// Those of the digest go after it is made.
	var last []string
	for _, set := range missing {
		if set == "./ZONEMD" {
			last = append(last, set)
		} else if err := z.takeOut(set); err != nil {
			return err
		}
	}
	if err := z.addZONEMD(); err != nil {
		return err
	}
	for _, set := range last {
		if err := z.takeOut(set); err != nil {
			return err
		}
	}
	return nil
}

func (z *Zone) owners() map[string]bool {
	owners := make(map[string]bool, len(z.sets))
	for k := range z.sets {
		owners[k.owner] = true
	}
	return owners
}

// signed tells the authoritative data of the zone from delegations and glue.
func (z *Zone) signed(k setKey) bool {
	return k.rtype == dns.TypeDS || k.rtype == dns.TypeNSEC || k.owner == z.origin || z.isHost(k.owner)
}

// sign makes the signatures over an RRset. Those of the version before, which
// may have none, are kept where the RRset and the order are the same.
func (s *rrset) sign(orders []order, before *rrset) error {
	var had []signature
	if before != nil && slices.EqualFunc(before.rrs, s.rrs, sameRR) {
		had = before.sigs
	}
	for _, o := range orders {
		if i := slices.IndexFunc(had, func(h signature) bool { return h.order == o }); i >= 0 {
			s.sigs = append(s.sigs, signature{o, dns.Copy(had[i].rr).(*dns.RRSIG)})
			continue
		}
		sig, err := o.sign(s.rrs)
		if err != nil {
			return err
		}
		s.sigs = append(s.sigs, sig)
	}
	return nil
}

// checkStrays wants an RRset under each stray signature.
func (z *Zone) checkStrays() error {
	for i, stray := range z.signing.Stray {
		found := len(z.digests) > 0 && stray.over(z, setKey{z.origin, dns.TypeZONEMD})
		for k := range z.sets {
			found = found || stray.over(z, k)
		}
		if !found {
			return fmt.Errorf("stray signature %d: no RRset %s/%s", i+1, stray.Owner, stray.Type)
		}
	}
	return nil
}

// takeOut removes an RRset and its signatures, "us./DS", as if it had never been.
func (z *Zone) takeOut(set string) error {
	at := strings.LastIndex(set, "/")
	if at < 0 {
		return fmt.Errorf("missing RRset %q: want OWNER/TYPE", set)
	}
	k := setKey{set[:at], dns.StringToType[set[at+1:]]}
	switch {
	case k.rtype == dns.TypeSOA || k.rtype == dns.TypeNS:
		return fmt.Errorf("missing RRset %q: %w", set, errNeeded)
	case z.sets[k] == nil:
		return fmt.Errorf("missing RRset %q: the zone has none", set)
	}
	delete(z.sets, k)
	return nil
}

var errNeeded = errors.New("a zone without SOA or delegations cannot be served")
