package lab

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// Algorithm is a DNSSEC algorithm number. One that has no name here is one that
// nobody knows: its public keys and signatures are octets made up.
type Algorithm uint8

// The algorithms that sign. A key of RSA takes a quarter of a second to make,
// once a process; the others take no time.
const (
	RSASHA256       = Algorithm(dns.RSASHA256) // that of the real root zone, with 2048 bits
	ECDSAP256SHA256 = Algorithm(dns.ECDSAP256SHA256)
	ED25519         = Algorithm(dns.ED25519)
)

// PrivateDNS is for private use: whose algorithm it is says a name in front of
// key and signature (RFC 4034 appendix A.1.1).
const PrivateDNS = Algorithm(dns.PRIVATEDNS)

// privateName is that name in wire form: mtric.example.
const privateName = "\x05mtric\x07example\x00"

// Key is a key pair that follows from its seed, name and algorithm, which anyone
// can read: for tests only, never a secret. Equal keys are the same key.
type Key struct {
	Seed      uint64
	Name      string // tells the keys of a seed apart
	Algorithm Algorithm
	KSK       bool // the SEP bit, which alone makes no key sign the DNSKEY RRset
	Revoked   bool // the REVOKE bit of RFC 5011; it changes the key tag
}

// KSK is a key with the SEP bit.
func KSK(seed uint64, name string, a Algorithm) Key {
	return Key{Seed: seed, Name: name, Algorithm: a, KSK: true}
}

// ZSK is a key without it.
func ZSK(seed uint64, name string, a Algorithm) Key {
	return Key{Seed: seed, Name: name, Algorithm: a}
}

// Revoke is the key with the REVOKE bit.
func (k Key) Revoke() Key {
	k.Revoked = true
	return k
}

// DNSKEY is the key's record.
func (k Key) DNSKEY() *dns.DNSKEY { return k.record(k.material()) }

func (k Key) record(m material) *dns.DNSKEY {
	flags := uint16(dns.ZONE)
	if k.KSK {
		flags |= dns.SEP
	}
	if k.Revoked {
		flags |= dns.REVOKE
	}
	return &dns.DNSKEY{Hdr: header(".", dns.TypeDNSKEY, ttlDNSKEY), Flags: flags, Protocol: 3, Algorithm: uint8(k.Algorithm), PublicKey: m.public}
}

// Tag is the key tag.
func (k Key) Tag() uint16 { return k.DNSKEY().KeyTag() }

// DS is a DS record of the key (SHA-256) in master format, without line end. That
// of a revoked key is another one.
func (k Key) DS() string { return k.DNSKEY().ToDS(dns.SHA256).String() }

// Anchor is the data of the DS record: "20326 8 2 E06D…".
func (k Key) Anchor() string {
	_, data, _ := strings.Cut(k.DS(), "\tDS\t")
	return data
}

// DigAnchor is the same as dig prints it, with a blank in the digest.
func (k Key) DigAnchor() string {
	const digits = 56 // before the blank
	at := strings.LastIndex(k.Anchor(), " ") + 1 + digits
	return k.Anchor()[:at] + " " + k.Anchor()[at:]
}

// pair is what a key pair follows from.
type pair struct {
	seed      uint64
	name      string
	algorithm Algorithm
}

// material is a key pair; one of an unknown algorithm has no private half.
type material struct {
	private crypto.Signer
	public  string // in base64
}

// materials are the pairs made so far, each a func() material under its pair.
var materials sync.Map

func (k Key) material() material {
	p := pair{k.Seed, k.Name, k.Algorithm}
	made, ok := materials.Load(p)
	if !ok {
		made, _ = materials.LoadOrStore(p, sync.OnceValue(func() material { return newMaterial(p) }))
	}
	return made.(func() material)()
}

// prepare makes what is missing of the keys at the same time: RSA is slow.
func prepare(keys ...Key) {
	var g sync.WaitGroup
	for _, k := range keys {
		g.Go(func() { k.material() })
	}
	g.Wait()
}

// newMaterial draws pairs until one is fit to be used.
func newMaterial(p pair) material {
	draw := p.madeUp()
	switch p.algorithm {
	case RSASHA256:
		draw = p.rsa()
	case ECDSAP256SHA256:
		draw = p.ecdsa()
	case ED25519:
		draw = p.ed25519()
	}
	for {
		if m, ok := draw(); ok && p.tagged(m) {
			return m
		}
	}
}

// tagged reports whether no record of the key has the tag 0, which the library
// takes for a tag that is missing.
func (p pair) tagged(m material) bool {
	for _, k := range []Key{{}, {KSK: true}, {Revoked: true}, {KSK: true, Revoked: true}} {
		k.Algorithm = p.algorithm
		if k.record(m).KeyTag() == 0 {
			return false
		}
	}
	return true
}

func (p pair) ecdsa() func() (material, bool) {
	r, raw := stream(p.seed, p.name+" p256"), make([]byte, 32)
	return func() (material, bool) {
		_, _ = r.Read(raw) // a ChaCha8 stream has no end and no errors
		private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw)
		if err != nil {
			return material{}, false // above the order of the curve
		}
		point, err := private.PublicKey.Bytes()
		if err != nil {
			return material{}, false
		}
		return material{repeatable{private}, base64.StdEncoding.EncodeToString(point[1:])}, true // 4: not compressed
	}
}

// repeatable gives the same signature each time (RFC 6979).
type repeatable struct{ *ecdsa.PrivateKey }

func (k repeatable) Sign(_ io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	return k.PrivateKey.Sign(nil, digest, o)
}

func (p pair) ed25519() func() (material, bool) {
	r, raw := stream(p.seed, p.name+" ed25519"), make([]byte, ed25519.SeedSize)
	return func() (material, bool) {
		_, _ = r.Read(raw) // as above
		private := ed25519.NewKeyFromSeed(raw)
		return material{private, base64.StdEncoding.EncodeToString(private.Public().(ed25519.PublicKey))}, true
	}
}

func (p pair) madeUp() func() (material, bool) {
	r := stream(p.seed, fmt.Sprintf("%s algorithm %d", p.name, p.algorithm))
	return func() (material, bool) {
		return material{public: base64.StdEncoding.EncodeToString(p.algorithm.octets(r, 64))}, true
	}
}

// octets are made up, after the name that PrivateDNS wants in front.
func (a Algorithm) octets(r *rand.ChaCha8, count int) []byte {
	raw := make([]byte, count)
	_, _ = r.Read(raw) // as above
	raw[0] &= 0x7f     // as RSA signature still below the modulus
	if a == PrivateDNS {
		return append([]byte(privateName), raw...)
	}
	return raw
}

// stream is the random stream of a seed for one purpose, so that a change in
// one place leaves all others as they were.
func stream(seed uint64, purpose string) *rand.ChaCha8 {
	return rand.NewChaCha8(sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, seed), purpose...)))
}
