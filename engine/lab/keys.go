package lab

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/big"
	"math/rand/v2"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"
)

// The keys of the real root zone: RSA of 2048 bits, RSASHA256 (algorithm 8).
const (
	primeBits   = 1024
	exponent    = 65537
	flagsZSK    = 256
	flagsKSK    = 257
	ttlDNSKEY   = 172800
	ttlSigned   = 86400 // SOA, DS, NSEC, ZONEMD
	ttlRoot     = 518400
	ttlReferral = 172800
)

// Keys are the key signing key and the zone signing key of generated zones.
// They follow from a seed that anyone can read: for tests only, never a secret.
type Keys struct{ ksk, zsk key }

type key struct {
	private *rsa.PrivateKey
	public  *dns.DNSKEY
	tag     uint16
}

// NewKeys makes the keys that belong to a seed, always the same ones. It takes
// half a second; zones may share them through Options.Keys.
func NewKeys(seed uint64) (*Keys, error) {
	var k Keys
	var g errgroup.Group
	g.Go(func() (err error) { k.ksk, err = newKey(seed, "ksk", flagsKSK); return err })
	g.Go(func() (err error) { k.zsk, err = newKey(seed, "zsk", flagsZSK); return err })
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return &k, nil
}

// newKey builds the key from its primes: rsa.GenerateKey is random on purpose,
// whatever reader it is given.
func newKey(seed uint64, purpose string, flags uint16) (key, error) {
	e := big.NewInt(exponent)
	var primes [2]*big.Int
	var g errgroup.Group
	for i := range primes {
		g.Go(func() error {
			primes[i] = prime(stream(seed, fmt.Sprintf("%s prime %d", purpose, i)), e)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return key{}, err
	}
	one := big.NewInt(1)
	p, q := primes[0], primes[1]
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	private := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: exponent},
		D:         new(big.Int).ModInverse(e, phi),
		Primes:    primes[:],
	}
	private.Precompute()
	if err := private.Validate(); err != nil {
		return key{}, fmt.Errorf("%s of seed %d: %w", purpose, seed, err)
	}
	public := &dns.DNSKEY{Hdr: header(".", dns.TypeDNSKEY, ttlDNSKEY), Flags: flags, Protocol: 3,
		Algorithm: dns.RSASHA256, PublicKey: publicKey(&private.PublicKey)}
	return key{private, public, public.KeyTag()}, nil
}

// publicKey is the RDATA form of RFC 3110: length of the exponent, exponent, modulus.
func publicKey(k *rsa.PublicKey) string {
	e := big.NewInt(int64(k.E)).Bytes()
	raw := append([]byte{byte(len(e))}, e...)
	return base64.StdEncoding.EncodeToString(append(raw, k.N.Bytes()...))
}

// prime draws odd numbers with their two highest bits set, so that a product of
// two has its full length, until one is a prime that suits the exponent.
func prime(r *rand.ChaCha8, e *big.Int) *big.Int {
	one, p, raw := big.NewInt(1), new(big.Int), make([]byte, primeBits/8)
	for {
		_, _ = r.Read(raw) // a ChaCha8 stream has no end and no errors
		raw[0] |= 0xc0
		raw[len(raw)-1] |= 1
		p.SetBytes(raw)
		if !p.ProbablyPrime(0) {
			continue
		}
		if new(big.Int).GCD(nil, nil, e, new(big.Int).Sub(p, one)).Cmp(one) == 0 {
			return p
		}
	}
}

// stream is the random stream of a seed for one purpose, so that a change in
// one place leaves all others as they were.
func stream(seed uint64, purpose string) *rand.ChaCha8 {
	return rand.NewChaCha8(sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, seed), purpose...)))
}

func header(owner string, t uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: owner, Rrtype: t, Class: dns.ClassINET, Ttl: ttl}
}
