//go:build system

package cli_test

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ownSerials is how many versions of the zone example. there are, from r.serial on.
const ownSerials = 8

// TestSystemOwn is about servers and zones of somebody's own: not the root's. NSD, Knot and
// BIND serve example. and co.example., and DNS over TLS where they can.
func TestSystemOwn(t *testing.T) {
	r := newRig(t)
	r.startOwn(t)
	t.Run("first hour", r.testFirstHour)
	t.Run("second vantage point", r.testSecondVantagePoint)
	t.Run("queries of any kind", r.testKinds)
	t.Run("certificates", r.testCertificates)
}

// startOwn has the servers serve the two zones beside the root, and TLS.
func (r *rig) startOwn(t *testing.T) {
	r.makeCertificates(t)
	serials := make([]int64, ownSerials)
	for i := range serials {
		serials[i] = r.serial + int64(i)
	}
	r.signOwn(t, "co.example.", serials[:1], "")
	ds, err := exec.Command("ldns-key2ds", "-n", "-2", filepath.Join(r.dir, "co.example.", "ksk.key")).Output()
	must(t, err)
	r.signOwn(t, "example.", append(serials, r.serial+100), string(ds))
	r.script(t, "up.sh", r.zone, "example.="+r.own("example.", r.serial), "co.example.="+r.own("co.example.", r.serial))
}

// own is the file of a version of a zone.
func (r *rig) own(origin string, serial int64) string {
	return filepath.Join(r.dir, origin, fmt.Sprintf("%s-%d.zone", origin, serial))
}

// signOwn signs versions of a zone of the rig, with a record more.
func (r *rig) signOwn(t *testing.T, origin string, serials []int64, more string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(rigScripts, origin+"zone"))
	must(t, err)
	put(t, filepath.Join(r.dir, origin, "unsigned.zone"), string(text)+more)
	t.Setenv("ORIGIN", origin)
	args := []string{filepath.Join(r.dir, origin), filepath.Join(r.dir, origin, "unsigned.zone")}
	for _, s := range serials {
		args = append(args, fmt.Sprint(s))
	}
	r.script(t, "zones.sh", args...)
}

// publish has servers serve another version of example.
func (r *rig) publish(t *testing.T, serial int64, letters string) {
	t.Helper()
	text, err := os.ReadFile(r.own("example.", serial))
	must(t, err)
	for _, l := range []byte(letters) {
		dir := filepath.Join(r.dir, "run", string(l))
		must(t, os.WriteFile(filepath.Join(dir, "example.zone"), text, 0o644))
		pid, err := os.ReadFile(filepath.Join(dir, "pid"))
		must(t, err)
		n, err := strconv.Atoi(strings.TrimSpace(string(pid)))
		must(t, err)
		must(t, syscall.Kill(n, syscall.SIGHUP))
	}
	for _, l := range []byte(letters) {
		r.await(t, l, serial)
	}
}

// await waits until a server has a version of example.
func (r *rig) await(t *testing.T, letter byte, serial int64) {
	t.Helper()
	for range 200 {
		out, _ := r.command("vp", "dig", "+short", "+tries=1", "+time=1", "@"+v4(letter, 53), "example.", "SOA").Output()
		if strings.Contains(string(out), fmt.Sprintf(" %d ", serial)) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("server %c does not come to serve example. %d", letter, serial)
}

// makeCertificates makes an authority, and for each server a key and a certificate for
// ns-X.example that began three days ago. That of g has expired.
func (r *rig) makeCertificates(t *testing.T) {
	t.Helper()
	dir := filepath.Join(r.dir, "certificates")
	must(t, os.MkdirAll(dir, 0o755))
	r.ca = filepath.Join(dir, "ca.pem")
	began := time.Now().AddDate(0, 0, -3)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mtric rig"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: began, NotAfter: began.AddDate(1, 0, 0)}
	authority := certify(t, r.ca, ca, ca, nil)
	for i, letter := range letters {
		until := time.Now().AddDate(0, 0, 20)
		if letter == 'g' {
			until = time.Now().Add(-time.Hour)
		}
		certify(t, filepath.Join(dir, string(letter)+".pem"), &x509.Certificate{SerialNumber: big.NewInt(int64(i) + 2), DNSNames: []string{fmt.Sprintf("ns-%c.example", letter)},
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, NotBefore: began, NotAfter: until}, ca, authority)
	}
}

// certify writes a certificate for a new key, by that key where by is nil, and the key beside it.
func certify(t *testing.T, file string, c, issuer *x509.Certificate, by *ecdsa.PrivateKey) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.CreateCertificate(rand.Reader, c, issuer, key.Public(), cmp.Or(by, key))
	must(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	must(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644))
	must(t, os.WriteFile(strings.TrimSuffix(file, "pem")+"key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	return key
}
