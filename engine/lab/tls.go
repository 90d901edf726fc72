package lab

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"time"
)

// Certificate is what all servers of the lab show over TLS: issued by nobody but itself, for
// a.root-servers.net to m.root-servers.net and ns1.example to ns4.example, with a key that is always the same, so that a
// plan can pin it.
func Certificate() (*x509.Certificate, error) {
	pair, err := certificate()
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(pair.Certificate[0])
}

func certificate() (tls.Certificate, error) {
	seed := sha256.Sum256([]byte("mtric lab"))
	key := ed25519.NewKeyFromSeed(seed[:])
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mtric lab"}, BasicConstraintsValid: true, IsCA: true,
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: certified()}
	der, err := x509.CreateCertificate(nil, c, c, key.Public(), key) // Ed25519 draws nothing
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

func serverTLS() (*tls.Config, error) {
	pair, err := certificate()
	return &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"dot"}}, err
}
