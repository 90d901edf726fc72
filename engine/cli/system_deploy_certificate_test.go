//go:build system

package cli_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificate makes one for the public site, with a key of its own.
func (d *deployed) certificate(t *testing.T, name string, ends time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: ends.AddDate(0, -2, 0), NotAfter: ends,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
		DNSNames: []string{name}, IPAddresses: []net.IP{net.ParseIP(d.address("c00"))},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	for file, block := range map[string]*pem.Block{
		"fullchain.pem": {Type: "CERTIFICATE", Bytes: certificate},
		"privkey.pem":   {Type: "PRIVATE KEY", Bytes: private},
	} {
		must(t, os.WriteFile(filepath.Join(d.local, "tls", file), pem.EncodeToMemory(block), 0o600))
	}
}

// nextMonth is when a certificate ends that is good.
func nextMonth() time.Time { return time.Now().AddDate(0, 1, 0) }

// testCertificates: one that would not do is refused before the collector is touched.
func (d *deployed) testCertificates(t *testing.T) {
	const name = "c00.mtric.net"
	must(t, os.MkdirAll(filepath.Join(d.local, "keys"), 0o755))
	for _, vp := range []string{"101", "102"} { // the first build brings the true ones
		must(t, os.WriteFile(filepath.Join(d.local, "keys", vp+".pub"), []byte("ssh-ed25519 AAAA\n"), 0o644))
	}
	for want, spoil := range map[string]func(){
		"it has ended":        func() { d.certificate(t, name, time.Now().Add(-time.Minute)) },
		"is of another name":  func() { d.certificate(t, "c99.mtric.net", nextMonth()) },
		"is not the key of f": func() { d.keyOfAnother(t, name) },
	} {
		spoil()
		out, changed, err := d.play("collector_building.yml")
		if said := strings.Join(strings.Fields(out), " "); err == nil || len(changed) > 1 || !strings.Contains(said, want) {
			t.Errorf("want %q: %v, changed %v\n%s", want, err, changed, out)
		}
	}
	d.certificate(t, name, nextMonth())
}

// keyOfAnother is what is left where only fullchain.pem was renewed.
func (d *deployed) keyOfAnother(t *testing.T, name string) {
	t.Helper()
	path := filepath.Join(d.local, "tls", "privkey.pem")
	d.certificate(t, name, nextMonth())
	before, err := os.ReadFile(path)
	must(t, err)
	d.certificate(t, name, nextMonth())
	must(t, os.WriteFile(path, before, 0o600))
}
