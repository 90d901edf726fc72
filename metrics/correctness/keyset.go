package correctness

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/dnsmsg"
	"mtric.net/mtric/engine/rootzone"
)

// mostKeys bounds the keys of a set that are looked at: a zone has some five while it
// changes its algorithm.
const mostKeys = 32

// KeySet is the DNSKEY RRset of a zone as a response has it, with the signatures over it:
// canonical data, each once and in order.
type KeySet struct {
	Owner        []byte // in wire form and lower case
	RDatas, Sigs [][]byte
}

// ReadKeySet is that of the name which a response was asked for; nil where it has none.
func ReadKeySet(wire []byte) *KeySet {
	var m dnsmsg.Message
	if m.Parse(wire) != nil || m.QType != dns.TypeDNSKEY || m.QClass != dns.ClassINET {
		return nil
	}
	k := &KeySet{Owner: bytes.Clone(m.QName)}
	for _, r := range m.Records {
		switch {
		case r.Section != answer || r.Class != dns.ClassINET || !bytes.Equal(r.Owner, k.Owner):
		case r.Type == dns.TypeDNSKEY:
			k.RDatas = append(k.RDatas, bytes.Clone(r.RData))
		case r.Type == dns.TypeRRSIG && rootzone.Signature(r.RData).Covered() == dns.TypeDNSKEY:
			k.Sigs = append(k.Sigs, bytes.Clone(r.RData))
		}
	}
	if len(k.RDatas) == 0 {
		return nil
	}
	k.RDatas, k.Sigs = inOrderOnce(k.RDatas), inOrderOnce(k.Sigs)
	return k
}

// Sum tells the set from others.
func (k *KeySet) Sum() [sha256.Size]byte {
	var all []byte
	for _, part := range [][][]byte{{k.Owner}, k.RDatas, k.Sigs} {
		all = binary.BigEndian.AppendUint32(all, uint32(len(part)))
		for _, data := range part {
			all = append(binary.BigEndian.AppendUint32(all, uint32(len(data))), data...)
		}
	}
	return sha256.Sum256(all)
}

func inOrderOnce(all [][]byte) [][]byte {
	slices.SortFunc(all, bytes.Compare)
	return slices.CompactFunc(all, bytes.Equal)
}

// Keys are those of a set that may sign what is in the zone, once the set is trusted.
type Keys struct {
	rdatas [][]byte
	keys   []rootzone.Key
}

// keysOf makes the keys of a set; nil where it is none, or has too many.
func keysOf(owner []byte, rdatas [][]byte) *Keys {
	if len(rdatas) > mostKeys {
		return nil
	}
	name := text(owner)
	k := &Keys{rdatas: rdatas}
	for _, data := range rdatas {
		rr, err := rootzone.LibraryRR(owner, dns.TypeDNSKEY, dns.ClassINET, data)
		if key, ok := rr.(*dns.DNSKEY); ok && err == nil && rootzone.SigningKeyOf(key, name) {
			k.keys = append(k.keys, rootzone.NewKey(key))
		}
	}
	return k
}

// SignedZone is a zone other than the root, whose keys are believed by trust anchors. It
// never changes.
type SignedZone struct {
	name    []byte // in wire form and lower case
	text    string
	anchors []anchor
}

// anchor is a trust anchor with what tells whether it may be of a key.
type anchor struct {
	rootzone.Anchor
	tag       uint16
	algorithm uint8
}

// NewSignedZone takes the absolute name of a zone and its trust anchors, DS data without
// the name. The error is of what is none.
func NewSignedZone(name string, anchors []rootzone.Anchor) (*SignedZone, error) {
	var buffer [dnsmsg.MaxName + 1]byte
	n, err := dns.PackDomainName(dns.Fqdn(name), buffer[:], 0, nil, false)
	if err != nil || n < 2 {
		return nil, fmt.Errorf("signed zone %.80q: no name of a zone below the root", name)
	}
	dnsmsg.Fold(buffer[:n])
	z := &SignedZone{name: bytes.Clone(buffer[:n])}
	z.text = text(z.name)
	for _, a := range anchors {
		fields := strings.Fields(a.DS)
		if len(fields) < 4 {
			return nil, fmt.Errorf("signed zone %s: anchor %.80q: no DS record", z.text, a.DS)
		}
		tag, err := strconv.ParseUint(fields[0], 10, 16)
		if err != nil {
			return nil, fmt.Errorf("signed zone %s: anchor %.80q: %w", z.text, a.DS, err)
		}
		algorithm, err := strconv.ParseUint(fields[1], 10, 8)
		if err != nil {
			return nil, fmt.Errorf("signed zone %s: anchor %.80q: %w", z.text, a.DS, err)
		}
		z.anchors = append(z.anchors, anchor{a, uint16(tag), uint8(algorithm)})
	}
	return z, nil
}

// Anchored says whether any trust anchor is believed at a time: else the zone is insecure
// then, and nothing is asked of its answers.
func (z *SignedZone) Anchored(at time.Time) bool {
	return slices.ContainsFunc(z.anchors, func(a anchor) bool { return a.Believed(at) })
}

// Keys makes those of a set that was trusted before, of the zone; nil where it is none.
func (z *SignedZone) Keys(rdatas [][]byte) *Keys { return keysOf(z.name, rdatas) }

// anchored are those of the keys that a trust anchor believed at the time is of.
func (z *SignedZone) anchored(keys []rootzone.Key, at time.Time) (all []rootzone.Key) {
	for _, k := range keys {
		if slices.ContainsFunc(z.anchors, func(a anchor) bool {
			if a.tag != k.Tag || a.algorithm != k.RR.Algorithm || !a.Believed(at) {
				return false
			}
			named, err := a.Names(k.RR)
			return named && err == nil
		}) {
			all = append(all, k)
		}
	}
	return all
}

// Trust says whether a set of keys is trusted at a time: a key that a trust anchor is of
// signs it. From and until are those of the signature that ends last.
func (z *SignedZone) Trust(set *KeySet, at time.Time, b *Budget) (keys *Keys, from, until time.Time) {
	if !bytes.Equal(set.Owner, z.name) {
		return nil, from, until
	}
	keys = keysOf(set.Owner, set.RDatas)
	if keys == nil {
		return nil, from, until
	}
	anchored := z.anchored(keys.keys, at)
	s := rrset{typ: dns.TypeDNSKEY, class: dns.ClassINET, owner: set.Owner, rdatas: set.RDatas, sigs: set.Sigs}
	v := verifier{zone: z, at: at, budget: b}
	for _, sig := range v.usable(&s) {
		if v.worth(&s, sig, anchored) != rootzone.Good {
			continue
		}
		if end := timeNear(sig.Expiration(), at); end.After(until) {
			from, until = timeNear(sig.Inception(), at), end
		}
	}
	if until.IsZero() {
		return nil, from, until
	}
	return keys, from, until
}

// Budget bounds how many signatures are verified, for whoever answers chooses how many
// there are: of a response, of what one server said, and of all.
type Budget struct {
	left int
	of   *Budget // that this one is a part of; nil for none
}

// NewBudget is one for so many signatures, a part of another or of none.
func NewBudget(signatures int, of *Budget) *Budget { return &Budget{signatures, of} }

// take says whether one more may be verified. One that is remembered counts too, so that
// remembering changes no verdict.
func (b *Budget) take() bool {
	if b == nil {
		return true
	}
	if b.left <= 0 || !b.of.take() {
		return false
	}
	b.left--
	return true
}
