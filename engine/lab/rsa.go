package lab

import (
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
	"math/rand/v2"
	"sync"
)

// The RSA keys of the real root zone have 2048 bits.
const (
	primeBits = 1024
	exponent  = 65537
)

// rsa builds the key from its primes: rsa.GenerateKey is random on purpose,
// whatever reader it is given.
func (p pair) rsa() func() (material, bool) {
	var streams [2]*rand.ChaCha8
	for i := range streams {
		streams[i] = stream(p.seed, fmt.Sprintf("%s prime %d", p.name, i))
	}
	return func() (material, bool) {
		e, one := big.NewInt(exponent), big.NewInt(1)
		var primes [2]*big.Int
		var g sync.WaitGroup
		for i := range primes {
			g.Go(func() { primes[i] = prime(streams[i], e) })
		}
		g.Wait()
		phi := new(big.Int).Mul(new(big.Int).Sub(primes[0], one), new(big.Int).Sub(primes[1], one))
		private := &rsa.PrivateKey{
			PublicKey: rsa.PublicKey{N: new(big.Int).Mul(primes[0], primes[1]), E: exponent},
			D:         new(big.Int).ModInverse(e, phi),
			Primes:    primes[:],
		}
		private.Precompute()
		return material{private, publicKey(&private.PublicKey)}, private.Validate() == nil
	}
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
