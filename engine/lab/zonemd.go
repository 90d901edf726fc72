package lab

import (
	"bytes"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"

	"github.com/miekg/dns"
)

// Digest is one ZONEMD record of a version.
type Digest struct {
	Scheme uint8  // 0: SIMPLE (1)
	Hash   uint8  // SHA384, SHA512, PrivateHash; one not known is octets made up
	Serial uint32 // 0: the zone's, as it must be
	Wrong  bool   // the digest is of another zone
}

// Digests are the ZONEMD RRset of a version: nil is the default or as before,
// one that is empty leaves the RRset out, of the NSEC record too.
type Digests []Digest

// Hashes of ZONEMD records. The root had a private one from September to
// December 2023, before it had SHA-384.
const (
	SHA384      uint8 = dns.ZoneMDHashAlgSHA384
	SHA512      uint8 = dns.ZoneMDHashAlgSHA512
	PrivateHash uint8 = 241
)

const zonemdSimple = dns.ZoneMDSchemeSimple

// addZONEMD puts the digests over what the zone has, and signs them.
func (z *Zone) addZONEMD() error {
	if len(z.digests) == 0 {
		return nil
	}
	for _, d := range z.digests {
		md := &dns.ZONEMD{Hdr: header(z.origin, dns.TypeZONEMD, ttlSigned), Serial: z.Serial, Scheme: zonemdSimple, Hash: d.Hash}
		if d.Scheme != 0 {
			md.Scheme = d.Scheme
		}
		if d.Serial != 0 {
			md.Serial = d.Serial
		}
		sum, err := z.digest(md)
		if err != nil {
			return err
		}
		if d.Wrong {
			sum[0] ^= 1
		}
		md.Digest = hex.EncodeToString(sum)
		z.add(md)
	}
	return z.set(z.origin, dns.TypeZONEMD).sign(z.orders(setKey{z.origin, dns.TypeZONEMD}), nil)
}

// digest is what the record is to say of the zone.
func (z *Zone) digest(md *dns.ZONEMD) ([]byte, error) {
	var sum hash.Hash
	switch {
	case md.Scheme == zonemdSimple && md.Hash == SHA384:
		sum = sha512.New384()
	case md.Scheme == zonemdSimple && md.Hash == SHA512:
		sum = sha512.New()
	default:
		return madeUpDigest(md), nil
	}
	err := z.hash(sum)
	return sum.Sum(nil), err
}

func madeUpDigest(md *dns.ZONEMD) []byte {
	sum := sha512.Sum384(fmt.Appendf(nil, "%d %d %d", md.Serial, md.Scheme, md.Hash))
	return sum[:]
}

// hash takes all records but the ZONEMD RRset and its signatures, in canonical
// form and order (RFC 8976 section 3.3): by name, type, RDATA; signatures stand
// together under their own type number.
func (z *Zone) hash(to hash.Hash) error {
	for _, owner := range z.names {
		var at []dns.RR
		for _, t := range typeOrder {
			if s := z.set(owner, t); s != nil && t != dns.TypeZONEMD {
				at = append(append(at, s.rrs...), s.signatures()...)
			}
		}
		wires := make([][]byte, 0, len(at))
		for _, rr := range at {
			// Names are in lower case already, as the canonical form wants them.
			wire := make([]byte, dns.Len(rr)+1)
			n, err := dns.PackRR(rr, wire, 0, nil, false)
			if err != nil {
				return fmt.Errorf("digest %s: %w", owner, err)
			}
			wires = append(wires, wire[:n])
		}
		slices.SortFunc(wires, func(a, b []byte) int { return compareWires(a, b, owner) })
		for _, w := range slices.CompactFunc(wires, bytes.Equal) { // a signature that a stray repeats counts once
			to.Write(w) // a hash takes everything
		}
	}
	return nil
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
