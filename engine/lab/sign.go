package lab

import (
	"bytes"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"maps"
	"runtime"
	"slices"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"
)

// What the zone digest is: the whole zone in one piece by SHA-384 (RFC 8976
// section 5.2).
const (
	zonemdSimple = 1
	zonemdSHA384 = 1
)

// sign signs what the root signs, on all cores, and puts the zone digest over it.
func (z *Zone) sign(before *Zone) error {
	z.names = slices.SortedFunc(maps.Keys(z.owners()), compareNames)
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for k, s := range z.sets {
		if !signed(k) {
			continue
		}
		if before != nil {
			if s.sig = z.kept(before, k, s); s.sig != nil {
				continue
			}
		}
		g.Go(func() error { return z.signSet(s) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	digest, err := z.digest()
	if err != nil {
		return err
	}
	z.add(&dns.ZONEMD{Hdr: header(".", dns.TypeZONEMD, ttlSigned), Serial: z.Serial, Scheme: zonemdSimple, Hash: zonemdSHA384,
		Digest: hex.EncodeToString(digest)})
	return z.signSet(z.set(".", dns.TypeZONEMD))
}

func (z *Zone) owners() map[string]bool {
	owners := make(map[string]bool, len(z.sets))
	for k := range z.sets {
		owners[k.owner] = true
	}
	return owners
}

// signed tells the authoritative data of the root from delegations and glue.
func signed(k setKey) bool {
	return k.rtype == dns.TypeDS || k.rtype == dns.TypeNSEC || k.owner == "."
}

// kept is the signature of the same RRset in the version before, nil where it
// cannot serve again.
func (z *Zone) kept(before *Zone, k setKey, s *rrset) *dns.RRSIG {
	old := before.sets[k]
	if old == nil || before.keys != z.keys || !before.Inception.Equal(z.Inception) || !before.Expiration.Equal(z.Expiration) ||
		!slices.EqualFunc(old.rrs, s.rrs, func(a, b dns.RR) bool { return a.String() == b.String() }) {
		return nil
	}
	return dns.Copy(old.sig).(*dns.RRSIG)
}

func (z *Zone) signSet(s *rrset) error {
	k := z.keys.zsk
	if s.rrs[0].Header().Rrtype == dns.TypeDNSKEY {
		k = z.keys.ksk
	}
	sig, err := signature(k, s.rrs, uint32(z.Inception.Unix()), uint32(z.Expiration.Unix()))
	if err != nil {
		return err
	}
	s.sig = sig
	return nil
}

// signature signs an RRset; PKCS #1 v1.5 makes it the same each time.
func signature(k key, rrs []dns.RR, inception, expiration uint32) (*dns.RRSIG, error) {
	h := rrs[0].Header()
	sig := &dns.RRSIG{Hdr: header(h.Name, dns.TypeRRSIG, h.Ttl), Algorithm: dns.RSASHA256, KeyTag: k.tag, SignerName: ".",
		Inception: inception, Expiration: expiration}
	if err := sig.Sign(k.private, rrs); err != nil {
		return nil, fmt.Errorf("sign %s/%s: %w", h.Name, dns.TypeToString[h.Rrtype], err)
	}
	return sig, nil
}

// digest is the SHA-384 over all records but the ZONEMD RRset and its
// signature, in canonical form and order (RFC 8976 section 3.3): by name, type,
// RDATA; signatures stand together under their own type number.
func (z *Zone) digest() ([]byte, error) {
	hash := sha512.New384()
	for _, owner := range z.names {
		var at []dns.RR
		for _, t := range typeOrder {
			if s := z.set(owner, t); s != nil && t != dns.TypeZONEMD {
				at = append(at, s.rrs...)
				if s.sig != nil {
					at = append(at, s.sig)
				}
			}
		}
		wires := make([][]byte, 0, len(at))
		for _, rr := range at {
			// Names are in lower case already, as the canonical form wants them.
			wire := make([]byte, dns.Len(rr)+1)
			n, err := dns.PackRR(rr, wire, 0, nil, false)
			if err != nil {
				return nil, fmt.Errorf("digest %s: %w", owner, err)
			}
			wires = append(wires, wire[:n])
		}
		slices.SortFunc(wires, func(a, b []byte) int { return compareWires(a, b, owner) })
		for _, w := range wires {
			hash.Write(w)
		}
	}
	return hash.Sum(nil), nil
}

// compareWires orders records of one owner by type, then RDATA.
func compareWires(a, b []byte, owner string) int {
	const fixed = 10 // type, class, TTL, RDATA length
	at := len(owner) + 1
	if owner == "." {
		at = 1
	}
	if c := bytes.Compare(a[at:at+2], b[at:at+2]); c != 0 {
		return c
	}
	return bytes.Compare(a[at+fixed:], b[at+fixed:])
}
