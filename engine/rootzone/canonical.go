package rootzone

import (
	"bytes"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// errNotWhole is a mistake of the program: the records were not kept.
var errNotWhole = errors.New("the zone's records were not read; use ReadWhole")

// Digest is the SHA-384 over the zone's records as RFC 8976 has it (scheme
// SIMPLE): canonical form and order, each record once, without the ZONEMD RRset
// and its signatures. Zones with the same digest and the same ZONEMD are the same
// zone, however their text is written.
func (z *Zone) Digest() (sum [sha512.Size384]byte, err error) {
	h := sha512.New384()
	if err := z.digest(h); err != nil {
		return sum, err
	}
	copy(sum[:], h.Sum(nil))
	return sum, nil
}

func (z *Zone) digest(to hash.Hash) error {
	if z.records == nil {
		return errNotWhole
	}
	wires := make([]wire, 0, len(z.records))
	for _, rr := range z.records {
		if inDigest(rr) {
			w, err := canonical(rr)
			if err != nil {
				return fmt.Errorf("zone %d: digest: %w", z.Serial, err)
			}
			wires = append(wires, w)
		}
	}
	slices.SortFunc(wires, wire.compare)
	wires = slices.CompactFunc(wires, func(a, b wire) bool { return bytes.Equal(a.octets, b.octets) })
	for _, w := range wires {
		to.Write(w.octets)
	}
	return nil
}

// inDigest leaves out the apex ZONEMD and what signs it (RFC 8976 section 3.3.1).
func inDigest(rr dns.RR) bool {
	if dns.CanonicalName(rr.Header().Name) != "." {
		return true
	}
	sig, isSig := rr.(*dns.RRSIG)
	return rr.Header().Rrtype != dns.TypeZONEMD && !(isSig && sig.TypeCovered == dns.TypeZONEMD)
}

// digests are the hashes of scheme SIMPLE that are known (RFC 8976 section 5.3).
var digests = map[uint8]func() hash.Hash{1: sha512.New384, 2: sha512.New}

const zonemdSimple = 1 // the only scheme (RFC 8976 section 5.2)

// Digested says whether the digest of a ZONEMD record is the zone's: then nothing
// in it was changed, glue and delegations included. The zone must come from
// ReadWhole and be valid.
func (z *Zone) Digested() bool {
	if z.vouched == nil {
		verified, _, err := z.checkZONEMD()
		z.vouched = new(verified && err == nil)
	}
	return *z.vouched
}

// checkZONEMD compares the zone with its ZONEMD records (RFC 8976 section 4): one
// that matches is enough. Where none is of a scheme and hash that are known here the
// note says so; where all that are known are wrong there is an error. Two records
// of one scheme and hash count as wrong.
func (z *Zone) checkZONEMD() (verified bool, note string, err error) {
	type kind struct{ scheme, hash uint8 }
	byKind := map[kind][]*dns.ZONEMD{}
	known := false
	for _, rr := range z.records {
		md, ok := rr.(*dns.ZONEMD)
		if !ok || dns.CanonicalName(md.Hdr.Name) != "." {
			continue
		}
		k := kind{md.Scheme, md.Hash}
		known = known || k.scheme == zonemdSimple && digests[k.hash] != nil
		same := func(had *dns.ZONEMD) bool { return had.Serial == md.Serial && strings.EqualFold(had.Digest, md.Digest) }
		if !slices.ContainsFunc(byKind[k], same) {
			byKind[k] = append(byKind[k], md)
		}
	}
	switch {
	case len(byKind) == 0:
		return false, "./ZONEMD: there is none, so delegations and glue are vouched for by their source only", nil
	case !known:
		return false, "./ZONEMD: of no scheme and hash that are known here, so delegations and glue are vouched for by their source only", nil
	}
	for h, newHash := range digests {
		of := byKind[kind{zonemdSimple, h}]
		if len(of) != 1 || of[0].Serial != z.Serial {
			continue
		}
		sum := newHash()
		if err := z.digest(sum); err != nil {
			return false, "", err
		}
		if digest, err := hex.DecodeString(of[0].Digest); err == nil && bytes.Equal(digest, sum.Sum(nil)) {
			return true, "", nil
		}
	}
	return false, "", errors.New("./ZONEMD: the digest is not the zone's")
}

// wire is a record in canonical form with what it is ordered by.
type wire struct {
	labels []string // of the owner, from the right, unescaped
	octets []byte
	data   int // where type, class, TTL, length and data begin
}

const fixed = 10 // octets of type, class, TTL and length

func (w wire) owner() []byte { return w.octets[:w.data] }
func (w wire) typ() uint16   { return binary.BigEndian.Uint16(w.octets[w.data:]) }
func (w wire) rdata() []byte { return w.octets[w.data+fixed:] }

// compare is the canonical order: by name (RFC 4034 section 6.1), then type, then
// data (6.3); the class is always IN. Neither TTL nor length orders.
func (w wire) compare(other wire) int {
	if c := slices.Compare(w.labels, other.labels); c != 0 {
		return c
	}
	a, b := w.octets[w.data:], other.octets[other.data:]
	if c := bytes.Compare(a[:2], b[:2]); c != 0 {
		return c
	}
	return bytes.Compare(a[fixed:], b[fixed:])
}

// canonical packs a record without compression, owner and the names in the data
// of the types of RFC 4034 section 6.2 as amended by RFC 6840 section 5.1 in lower
// case.
func canonical(rr dns.RR) (wire, error) {
	rr = dns.Copy(rr) // packing writes to the header
	octets := make([]byte, dns.Len(rr)+1)
	n, err := dns.PackRR(rr, octets, 0, nil, false)
	if err != nil {
		return wire{}, fmt.Errorf("%s/%s: %w", rr.Header().Name, dns.Type(rr.Header().Rrtype), err)
	}
	w := wire{octets: octets[:n]}
	w.data, _ = lower(octets, 0)
	whole := true
	switch rdata := w.rdata(); rr.Header().Rrtype {
	case dns.TypeNS:
		_, whole = lower(rdata, 0)
	case dns.TypeSOA:
		var end int
		if end, whole = lower(rdata, 0); whole {
			_, whole = lower(rdata, end)
		}
	case dns.TypeRRSIG:
		_, whole = lower(rdata, sigSigner)
	}
	if !whole { // RFC 3597's form may end anywhere
		return wire{}, fmt.Errorf("%s/%s: data that are cut off", rr.Header().Name, dns.Type(rr.Header().Rrtype))
	}
	for at := 0; octets[at] != 0; at += 1 + int(octets[at]) {
		w.labels = append(w.labels, string(octets[at+1:at+1+int(octets[at])]))
	}
	slices.Reverse(w.labels)
	return w, nil
}

// lower turns the ASCII letters of the name that begins there into lower case, and
// returns where it ends; false where there is no whole name.
func lower(octets []byte, at int) (end int, whole bool) {
	for at < len(octets) && octets[at] != 0 {
		next := at + 1 + int(octets[at])
		if next > len(octets) {
			return 0, false
		}
		for i, c := range octets[at+1 : next] {
			if 'A' <= c && c <= 'Z' {
				octets[at+1+i] = c + 'a' - 'A'
			}
		}
		at = next
	}
	return at + 1, at < len(octets)
}

// wireName is a name in wire form and lower case, however it is written: letters may
// stand as \DDD (RFC 1035 section 5.1).
func wireName(name string) (string, error) {
	var buffer [256]byte
	n, err := dns.PackDomainName(dns.Fqdn(name), buffer[:], 0, nil, false)
	if err != nil {
		return "", fmt.Errorf("name %q: %w", name, err)
	}
	lower(buffer[:n], 0)
	return string(buffer[:n]), nil
}

// nameText is a name in wire form as plans and queries write it.
func nameText(wire string) string {
	name, _, err := dns.UnpackDomainName([]byte(wire), 0)
	if err != nil {
		return "(no name)"
	}
	return name
}
