package rootzone

import (
	"bytes"
	"crypto/sha512"
	"errors"
	"fmt"
	"slices"

	"github.com/miekg/dns"
)

// errNotWhole is a mistake of the program: the records were not kept.
var errNotWhole = errors.New("the zone's records were not read; use ReadWhole")

// Digest is the SHA-384 over the zone's records as RFC 8976 has it (scheme
// SIMPLE): canonical form and order, each record once, without the ZONEMD RRset
// and its signature. Zones with the same digest and the same ZONEMD are the same
// zone, however their text is written.
func (z *Zone) Digest() ([sha512.Size384]byte, error) {
	hash := sha512.New384()
	var sum [sha512.Size384]byte
	if z.records == nil {
		return sum, errNotWhole
	}
	wires := make([]wire, 0, len(z.records))
	for _, rr := range z.records {
		if inDigest(rr) {
			w, err := canonical(rr)
			if err != nil {
				return sum, fmt.Errorf("zone %d: digest: %w", z.Serial, err)
			}
			wires = append(wires, w)
		}
	}
	slices.SortFunc(wires, wire.compare)
	wires = slices.CompactFunc(wires, func(a, b wire) bool { return bytes.Equal(a.octets, b.octets) })
	for _, w := range wires {
		hash.Write(w.octets)
	}
	copy(sum[:], hash.Sum(nil))
	return sum, nil
}

// inDigest leaves out the apex ZONEMD and what signs it (RFC 8976, 3.3.1).
func inDigest(rr dns.RR) bool {
	if dns.CanonicalName(rr.Header().Name) != "." {
		return true
	}
	sig, isSig := rr.(*dns.RRSIG)
	return rr.Header().Rrtype != dns.TypeZONEMD && !(isSig && sig.TypeCovered == dns.TypeZONEMD)
}

// wire is a record in canonical form with what it is ordered by.
type wire struct {
	labels []string // of the owner, from the right, unescaped
	octets []byte
	data   int // where type, class, TTL, length and data begin
}

// compare is the canonical order: by name (RFC 4034, 6.1), then type, then data
// (6.3); the class is always IN.
func (w wire) compare(other wire) int {
	if c := slices.Compare(w.labels, other.labels); c != 0 {
		return c
	}
	a, b := w.octets[w.data:], other.octets[other.data:]
	if c := bytes.Compare(a[:2], b[:2]); c != 0 {
		return c
	}
	const fixed = 10 // type, class, TTL, length: neither TTL nor length orders
	return bytes.Compare(a[fixed:], b[fixed:])
}

// canonical packs a record without compression, owner and the names in the data
// of the types of RFC 4034, 6.2 as amended by RFC 6840, 5.1 in lower case.
func canonical(rr dns.RR) (wire, error) {
	rr = dns.Copy(rr)
	h := rr.Header()
	h.Name = dns.CanonicalName(h.Name)
	switch data := rr.(type) {
	case *dns.NS:
		data.Ns = dns.CanonicalName(data.Ns)
	case *dns.SOA:
		data.Ns, data.Mbox = dns.CanonicalName(data.Ns), dns.CanonicalName(data.Mbox)
	case *dns.RRSIG:
		data.SignerName = dns.CanonicalName(data.SignerName)
	}
	octets := make([]byte, dns.Len(rr)+1)
	n, err := dns.PackRR(rr, octets, 0, nil, false)
	if err != nil {
		return wire{}, fmt.Errorf("%s/%s: %w", h.Name, dns.Type(h.Rrtype), err)
	}
	w := wire{octets: octets[:n]}
	for octets[w.data] != 0 {
		size := int(octets[w.data])
		w.labels = append(w.labels, string(octets[w.data+1:w.data+1+size]))
		w.data += 1 + size
	}
	w.data++
	slices.Reverse(w.labels)
	return w, nil
}
