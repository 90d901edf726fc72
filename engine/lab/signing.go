package lab

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// Signing says which keys a version of a zone has and who signs what. A key may
// sign that is not published, and be published that does not sign.
type Signing struct {
	Publish  []Key // the DNSKEY RRset, in this order
	SignKeys []Key // sign the DNSKEY RRset, each once, in this order
	SignData []Key // sign all the rest that the root signs
	Stray    []Stray
}

// Simple is one key signing key and one zone signing key, as the root mostly has.
func Simple(ksk, zsk Key) *Signing {
	return &Signing{Publish: []Key{zsk, ksk}, SignKeys: []Key{ksk}, SignData: []Key{zsk}}
}

// DefaultSigning is what signs the zones of a seed by default: RSA, as in the
// real root zone.
func DefaultSigning(seed uint64) *Signing {
	return Simple(KSK(seed, "ksk", RSASHA256), ZSK(seed, "zsk", RSASHA256))
}

func (s *Signing) clone() *Signing {
	return &Signing{slices.Clone(s.Publish), slices.Clone(s.SignKeys), slices.Clone(s.SignData), slices.Clone(s.Stray)}
}

// anchor is the key that a trust anchor is to be of: the first that signs the
// DNSKEY RRset and is not revoked.
func (s *Signing) anchor() (Key, bool) {
	for _, k := range s.SignKeys {
		if !k.Revoked {
			return k, true
		}
	}
	return Key{}, false
}

// keys are all that the version needs.
func (s *Signing) keys() []Key {
	all := slices.Concat(s.Publish, s.SignKeys, s.SignData)
	for _, stray := range s.Stray {
		all = append(all, stray.Key)
	}
	return all
}

// Stray is a signature beside those that count. What makes it one is its key
// (absent, revoked), its signer, its time, or that it is garbage. A stray over
// nothing is a mistake.
type Stray struct {
	Owner string // of the RRset, "us.", whether the root signs it or not; empty: of every one that it signs
	Type  string // of the RRset, "SOA"; empty: every type

	Key     Key
	Signer  string // empty: the zone
	Garbage bool   // octets that are no signature, under the key's tag and algorithm

	// Validity; zero: that of the version.
	Inception  time.Time
	Expiration time.Time
}

func (s Stray) over(z *Zone, k setKey) bool {
	if s.Type != "" && s.Type != dns.TypeToString[k.rtype] {
		return false
	}
	return s.Owner == k.owner || s.Owner == "" && z.signed(k)
}

func (s Stray) order(z *Zone) order {
	o := z.order(s.Key)
	o.garbage = s.Garbage
	if s.Signer != "" {
		o.signer = s.Signer
	}
	if !s.Inception.IsZero() {
		o.inception = uint32(s.Inception.Unix())
	}
	if !s.Expiration.IsZero() {
		o.expiration = uint32(s.Expiration.Unix())
	}
	return o
}

// order is a signature to be made, whatever it is over.
type order struct {
	key                   Key
	signer                string
	garbage               bool
	inception, expiration uint32
}

// signature is one made to order.
type signature struct {
	order
	rr *dns.RRSIG
}

// order is a good signature by a key.
func (z *Zone) order(k Key) order {
	return order{key: k, signer: z.origin, inception: uint32(z.Inception.Unix()), expiration: uint32(z.Expiration.Unix())}
}

// orders are the signatures that an RRset gets.
func (z *Zone) orders(k setKey) []order {
	var all []order
	if z.signed(k) {
		keys := z.signing.SignData
		if k.rtype == dns.TypeDNSKEY {
			keys = z.signing.SignKeys
		}
		for _, key := range keys {
			all = append(all, z.order(key))
		}
	}
	for _, s := range z.signing.Stray {
		if s.over(z, k) {
			all = append(all, s.order(z))
		}
	}
	return all
}

// sign makes the signature over an RRset, the same each time.
func (o order) sign(rrs []dns.RR) (signature, error) {
	h := rrs[0].Header()
	m := o.key.material()
	sig := &dns.RRSIG{Hdr: header(h.Name, dns.TypeRRSIG, h.Ttl), TypeCovered: h.Rrtype, Algorithm: uint8(o.key.Algorithm),
		Labels: uint8(dns.CountLabel(h.Name)), OrigTtl: h.Ttl, KeyTag: o.key.record(m).KeyTag(), SignerName: o.signer,
		Inception: o.inception, Expiration: o.expiration}
	if o.garbage || m.private == nil {
		sig.Signature = o.madeUp(rrs)
		return signature{o, sig}, nil
	}
	if err := sig.Sign(m.private, rrs); err != nil {
		return signature{}, fmt.Errorf("sign %s/%s: %w", h.Name, dns.TypeToString[h.Rrtype], err)
	}
	return signature{o, sig}, nil
}

// madeUp are octets of a signature's length that depend on all that a signature
// depends on.
func (o order) madeUp(rrs []dns.RR) string {
	length := 64
	if o.key.Algorithm == RSASHA256 {
		length = 2 * primeBits / 8
	}
	all := sha256.New()
	fmt.Fprint(all, o) // a hash takes everything
	for _, rr := range rrs {
		fmt.Fprintln(all, rr)
	}
	r := stream(binary.BigEndian.Uint64(all.Sum(nil)), "signature")
	return base64.StdEncoding.EncodeToString(o.key.Algorithm.octets(r, length))
}

// Sign makes the signature of the key over an RRset of any zone, the signer, the same each time.
func (k Key) Sign(signer string, inception, expiration time.Time, rrs []dns.RR) (*dns.RRSIG, error) {
	sig, err := order{key: k, signer: signer, inception: uint32(inception.Unix()), expiration: uint32(expiration.Unix())}.sign(rrs)
	return sig.rr, err
}

// In is the key's record in another zone than the root.
func (k Key) In(zone string) *dns.DNSKEY {
	rr := k.DNSKEY()
	rr.Hdr.Name = zone
	return rr
}
