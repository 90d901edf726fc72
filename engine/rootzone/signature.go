package rootzone

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// This is the one law for signatures (RFC 4035 sections 5.3.1 to 5.3.3, RFC 6840
// section 5.11): the archive asks it whether a zone is genuine, the judge whether
// an answer is, of the root or of another zone. An RRset is authentic at a time if one signature over it is Good.

// KnownAlgorithm says which algorithms of signatures can be verified.
func KnownAlgorithm(a uint8) bool {
	switch a {
	case dns.RSASHA1, dns.RSASHA1NSEC3SHA1, dns.RSASHA256, dns.RSASHA512, dns.ECDSAP256SHA256, dns.ECDSAP384SHA384, dns.ED25519:
		return true
	}
	return false
}

// Set is an RRset in canonical form (RFC 4034 section 6.2, RFC 6840 section 5.1):
// the owner in wire form and lower case, the data as they are signed.
type Set struct {
	Owner       []byte
	Type, Class uint16
	RDatas      [][]byte
}

// Key is a key that may sign what is in the zone.
type Key struct {
	RR  *dns.DNSKEY
	Tag uint16
}

// SigningKey says whether a key may sign what is in the root zone.
func SigningKey(k *dns.DNSKEY) bool { return SigningKeyOf(k, ".") }

// SigningKeyOf says whether a key may sign what is in the zone of that name, in lower case:
// a zone key without REVOKE (RFC 4034 section 2.1.1, RFC 5011 section 2.1).
func SigningKeyOf(k *dns.DNSKEY, zone string) bool {
	return dns.CanonicalName(k.Hdr.Name) == zone && k.Flags&dns.ZONE != 0 && k.Flags&dns.REVOKE == 0 && k.Protocol == 3
}

// NewKey computes the tag once.
func NewKey(rr *dns.DNSKEY) Key { return Key{rr, rr.KeyTag()} }

// Signature is the data of an RRSIG record in canonical form (RFC 4034 section 3.1).
type Signature []byte

// Where the fields begin.
const (
	sigAlgorithm  = 2
	sigLabels     = 3
	sigExpiration = 8
	sigInception  = 12
	sigTag        = 16
	sigSigner     = 18
)

// Whole says whether all fields are there; the other methods need them.
func (s Signature) Whole() bool {
	at := sigSigner
	for at < len(s) && s[at] != 0 {
		at += 1 + int(s[at])
	}
	return at+1 < len(s)
}

// Covered is the type of the RRset that is signed.
func (s Signature) Covered() uint16 { return binary.BigEndian.Uint16(s) }

// Algorithm is the number of the algorithm.
func (s Signature) Algorithm() uint8 { return s[sigAlgorithm] }

// Labels is how many labels the name has that was signed.
func (s Signature) Labels() int { return int(s[sigLabels]) }

// Expiration is the last second in which it holds, modulo 2^32.
func (s Signature) Expiration() uint32 { return binary.BigEndian.Uint32(s[sigExpiration:]) }

// Inception is the first second in which it holds, modulo 2^32.
func (s Signature) Inception() uint32 { return binary.BigEndian.Uint32(s[sigInception:]) }

// Tag is that of the key.
func (s Signature) Tag() uint16 { return binary.BigEndian.Uint16(s[sigTag:]) }

// ByRoot says whether the signer is the root.
func (s Signature) ByRoot() bool { return s[sigSigner] == 0 }

// SignerName is who signed, in wire form.
func (s Signature) SignerName() []byte {
	end := sigSigner
	for s[end] != 0 {
		end += 1 + int(s[end])
	}
	return s[sigSigner : end+1]
}

// By says whether one of the keys may have made it, by tag and algorithm.
func (s Signature) By(keys []Key) bool { return slices.ContainsFunc(keys, s.by) }

// Candidates are the keys that may have made it, each once.
func (s Signature) Candidates(keys []Key) (all []Key) {
	for _, k := range keys {
		same := func(o Key) bool { return o.RR.PublicKey == k.RR.PublicKey }
		if s.by(k) && !slices.ContainsFunc(all, same) {
			all = append(all, k)
		}
	}
	return all
}

func (s Signature) by(k Key) bool { return k.Tag == s.Tag() && k.RR.Algorithm == s.Algorithm() }

// Signer is who signed, in presentation form.
func (s Signature) Signer() string {
	name, _, err := dns.UnpackDomainName(s, sigSigner)
	if err != nil {
		return "(no name)"
	}
	return name
}

// Worth is what a signature over an RRset is worth.
type Worth uint8

// The worths, from the best to the worst: of several signatures the best counts.
const (
	Good        Worth = iota
	Unknown           // of a key of the zone, by an algorithm that is not known here, or a key that cannot be used
	OtherSigner       // not by the root
	OtherLabels       // of another name, or a wildcard's
	Early             // not valid yet
	Expired           // valid no more
	StrangeKey        // of no key of the zone that may sign
	Broken            // does not verify
)

// Screen judges what needs no key: signer, labels, validity in the serial
// arithmetic of RFC 4034 section 3.1.5. Good says that nothing is wrong so far.
func (s Signature) Screen(owner []byte, at time.Time) Worth {
	switch {
	case !s.ByRoot():
		return OtherSigner
	case s.Labels() != countLabels(owner):
		return OtherLabels
	}
	return s.When(at)
}

// When is Screen of the validity alone.
func (s Signature) When(at time.Time) Worth {
	now := uint32(at.Unix())
	switch {
	case int32(now-s.Inception()) < 0:
		return Early
	case int32(s.Expiration()-now) < 0:
		return Expired
	}
	return Good
}

// Verify judges a signature over the RRset by the keys, whatever the time: two
// keys may share a tag.
func (set Set) Verify(sig Signature, keys []Key) Worth {
	worth := StrangeKey
	for _, k := range keys {
		if !sig.by(k) {
			continue
		}
		if !KnownAlgorithm(k.RR.Algorithm) {
			return Unknown
		}
		if verified.of(set, sig, k.RR, func() bool { return set.verify(sig, k.RR) == nil }) {
			return Good
		}
		if !verifiable(k.RR) {
			worth = Unknown
		} else if worth != Unknown {
			worth = Broken
		}
	}
	return worth
}

// verifiable says whether signatures by a key can be verified here. RSA keys that are too short or too
// long cannot, nor those with a large exponent (RFC 3110 section 2): that says nothing of who signs by them.
func verifiable(k *dns.DNSKEY) bool {
	switch k.Algorithm {
	case dns.RSASHA1, dns.RSASHA1NSEC3SHA1, dns.RSASHA256, dns.RSASHA512:
	default:
		return true
	}
	key, err := base64.StdEncoding.DecodeString(k.PublicKey)
	if err != nil || len(key) < 3 {
		return true // no key
	}
	size, key := int(key[0]), key[1:]
	if size == 0 {
		size, key = int(binary.BigEndian.Uint16(key)), key[2:]
	}
	if size >= len(key) {
		return true
	}
	const leastBits, mostBits, mostExponent = 1024, 4096, 31
	exponent, modulus := new(big.Int).SetBytes(key[:size]), new(big.Int).SetBytes(key[size:])
	return exponent.BitLen() <= mostExponent && modulus.BitLen() >= leastBits && modulus.BitLen() <= mostBits
}

// Prove is Screen and Verify: what a signature is worth at a time.
func (set Set) Prove(sig Signature, keys []Key, at time.Time) Worth {
	if worth := sig.Screen(set.Owner, at); worth != Good {
		return worth
	}
	return set.Verify(sig, keys)
}

// verify brings the records into the library's form and does the cryptography.
// The TTL is not compared: what is signed is the original one (RFC 4034 section
// 3.1.8.1).
func (set Set) verify(sig Signature, k *dns.DNSKEY) error {
	rr, err := set.record(dns.TypeRRSIG, sig)
	if err != nil {
		return err
	}
	rrsig, ok := rr.(*dns.RRSIG)
	if !ok {
		return errors.New("no signature")
	}
	records := make([]dns.RR, 0, len(set.RDatas))
	for _, d := range set.RDatas {
		rr, err := set.record(set.Type, d)
		if err != nil {
			return err
		}
		records = append(records, rr)
	}
	return rrsig.Verify(k, records)
}

func (set Set) record(typ uint16, rdata []byte) (dns.RR, error) {
	return LibraryRR(set.Owner, typ, set.Class, rdata)
}

// LibraryRR makes a record of the library, with TTL 0, from canonical parts.
func LibraryRR(owner []byte, typ, class uint16, rdata []byte) (dns.RR, error) {
	wire := append(make([]byte, 0, len(owner)+10+len(rdata)), owner...)
	wire = binary.BigEndian.AppendUint16(wire, typ)
	wire = binary.BigEndian.AppendUint16(wire, class)
	wire = binary.BigEndian.AppendUint32(wire, 0)
	wire = binary.BigEndian.AppendUint16(wire, uint16(len(rdata)))
	wire = append(wire, rdata...)
	rr, n, err := dns.UnpackRR(wire, 0)
	if err == nil && n != len(wire) {
		err = errors.New("data left over")
	}
	if err != nil {
		name, _, _ := dns.UnpackDomainName(owner, 0)
		return nil, fmt.Errorf("%s/%s: %w", name, dns.Type(typ), err)
	}
	return rr, nil
}

// countLabels counts the labels of a name in wire form, the root's left out.
func countLabels(name []byte) (n int) {
	for i := 0; i < len(name) && name[i] != 0; i += 1 + int(name[i]) {
		n++
	}
	return n
}

// Signs says what the root zone signs: all at the apex, DS and NSEC; neither the
// NS records of a delegation nor glue.
func Signs(owner []byte, typ uint16) bool {
	return len(owner) == 1 || typ == dns.TypeDS || typ == dns.TypeNSEC
}
