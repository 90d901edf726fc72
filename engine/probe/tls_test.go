package probe_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/probe"
)

// authority issues certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// newCertificate makes a certificate for a key of its own, issued by its own key where by
// is nil.
func newCertificate(t *testing.T, c *x509.Certificate, by *authority) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := authority{t: t, key: key}
	issuer, signer := c, key
	if by != nil {
		issuer, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, issuer, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func newAuthority(t *testing.T) authority {
	return newCertificate(t, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}, nil)
}

// issue makes a server's certificate, with others sent along.
func (a authority) issue(name string, from, until time.Duration, along ...*x509.Certificate) tls.Certificate {
	leaf := newCertificate(a.t, &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{name}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(until)}, &a)
	pair := tls.Certificate{Certificate: [][]byte{leaf.cert.Raw}, PrivateKey: leaf.key, Leaf: leaf.cert}
	for _, c := range along {
		pair.Certificate = append(pair.Certificate, c.Raw)
	}
	return pair
}

// accept hands each connection to serve, and then closes it.
func accept(t *testing.T, serve func(c *net.TCPConn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c.(*net.TCPConn))
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// serveTLS shakes hands, and hands each query to answer.
func serveTLS(t *testing.T, config *tls.Config, answer func(c *tls.Conn, query []byte)) netip.AddrPort {
	return accept(t, func(raw *net.TCPConn) {
		c := tls.Server(raw, config)
		defer c.Close()
		if query, err := readMessage(c); err == nil {
			answer(c, query)
		}
	})
}

func answerWell(c *tls.Conn, query []byte) { _, _ = c.Write(framed(pack(good(query)))) }

func tlsQuery(at netip.AddrPort, want measurement.TLSPolicy) measurement.Query {
	q := soaQuery(at, measurement.TLS)
	q.Label, q.NSID, q.TLS = "dot", true, &want
	return q
}

const serverName = "ns1.example"

// TestTLSAuth: what the certificate says is told, and the query is asked whatever it is.
func TestTLSAuth(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	good := ca.issue(serverName, -time.Minute, time.Hour, ca.cert)
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	name := measurement.TLSPolicy{Verify: measurement.VerifyName, Name: serverName + "."}
	pin := func(c *x509.Certificate) measurement.TLSPolicy {
		return measurement.TLSPolicy{Verify: measurement.VerifyPin, Name: serverName + ".", Pins: []string{probe.SPKI(other.cert), probe.SPKI(c)}[1:]}
	}
	for _, c := range []struct {
		want   measurement.TLSAuth
		cert   tls.Certificate
		policy measurement.TLSPolicy
		most   uint16 // version
	}{
		{measurement.AuthName, good, name, tls.VersionTLS13},
		{measurement.AuthName, good, name, tls.VersionTLS12},
		{measurement.AuthExpired, ca.issue(serverName, -time.Hour, -time.Minute), name, 0},
		{measurement.AuthNotYetValid, ca.issue(serverName, time.Minute, time.Hour), name, 0},
		{measurement.AuthNameMismatch, ca.issue("ns2.example", -time.Minute, time.Hour), name, 0},
		{measurement.AuthNameMismatch, good, measurement.TLSPolicy{Verify: measurement.VerifyName}, 0},
		{measurement.AuthUntrusted, other.issue(serverName, -time.Minute, time.Hour), name, 0},
		{measurement.AuthPin, good, pin(good.Leaf), 0},
		{measurement.AuthPin, good, pin(ca.cert), 0},
		{measurement.AuthPinMismatch, good, pin(other.cert), 0},
		{measurement.AuthPinMismatch, ca.issue(serverName, -time.Minute, time.Hour, other.cert), pin(other.cert), 0}, // anybody can send it along
		{measurement.AuthNone, other.issue("x.example", -time.Hour, -time.Minute), measurement.TLSPolicy{Verify: measurement.VerifyOpportunistic}, 0},
	} {
		t.Run(fmt.Sprint(c.want, c.most), func(t *testing.T) {
			at := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{c.cert}, MaxVersion: c.most, NextProtos: []string{"dot"}}, answerWell)
			p := probe.Prober{Roots: roots}
			r, wire := p.Ask(t.Context(), vp, label, tlsQuery(at, c.policy))
			hold(t, r, want{measurement.Answered, "", 0})
			if wire == nil || r.TLSAuth == nil || *r.TLSAuth != c.want {
				t.Fatalf("tls_auth %v, want %s", r.TLSAuth, c.want)
			}
			version := "1.3"
			if c.most == tls.VersionTLS12 {
				version = "1.2"
			}
			leaf, _ := x509.ParseCertificate(c.cert.Certificate[0])
			if *r.TLSVersion != version || *r.TLSSPKI != probe.SPKI(leaf) || !r.TLSNotAfter.Equal(leaf.NotAfter) {
				t.Errorf("TLS %s, key %s, until %s", *r.TLSVersion, *r.TLSSPKI, r.TLSNotAfter)
			}
			if r.ConnectUS == nil || *r.TLSUS <= 0 || *r.ConnectUS+*r.TLSUS > *r.LatencyUS {
				t.Errorf("connect %v, handshake %d of %d µs", r.ConnectUS, *r.TLSUS, *r.LatencyUS)
			}
			if r.SourcePort != nil || r.ReplyTTL != nil || r.Extra != nil || r.TCPRetransmits == nil {
				t.Errorf("facts of UDP, or none of TCP: %+v", r)
			}
		})
	}
}

// TestTLSFailures: what ends before TLS is there, or in it, has its outcome.
func TestTLSFailures(t *testing.T) {
	ca := newAuthority(t)
	certs := []tls.Certificate{ca.issue(serverName, -time.Minute, time.Hour)}
	reset := func(c *net.TCPConn) {
		var b [1]byte
		_, _ = c.Read(b[:])
		_ = c.SetLinger(0)
	}
	hang := make(chan struct{})
	defer close(hang)
	for _, c := range []struct {
		name   string
		at     netip.AddrPort
		want   want
		shaken bool
	}{
		{"refused", closedPort(t, "127.0.0.1", "tcp"), want{measurement.Refused, "connection refused", 0}, false},
		{"RST", accept(t, reset), want{measurement.Reset, "connection reset", 0}, false},
		{"closed", accept(t, func(c *net.TCPConn) { _, _ = c.Read(make([]byte, 4096)) }), want{measurement.Reset, "closed before a whole message", 0}, false},
		{"silent", accept(t, func(*net.TCPConn) { <-hang }), want{measurement.Timeout, "no answer in time", 0}, false},
		{"not TLS", accept(t, func(c *net.TCPConn) {
			_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			_, _ = c.Read(make([]byte, 4096))
		}), want{measurement.TLSFailed, "not TLS", 0}, false},
		{"no common version", serveTLS(t, &tls.Config{Certificates: certs, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, answerWell),
			want{measurement.TLSFailed, "alert: protocol version not supported", 0}, false},
		{"alert", serveTLS(t, &tls.Config{Certificates: certs, NextProtos: []string{"h2"}}, answerWell),
			want{measurement.TLSFailed, "alert: no application protocol", 0}, false},
		{"alert after the handshake", serveTLS(t, &tls.Config{Certificates: certs, ClientAuth: tls.RequireAnyClientCert}, answerWell),
			want{measurement.TLSFailed, "alert: certificate required", 0}, true},
		{"closed after the handshake", serveTLS(t, &tls.Config{Certificates: certs}, func(*tls.Conn, []byte) {}),
			want{measurement.Reset, "closed before a whole message", 0}, true},
		{"half an answer", serveTLS(t, &tls.Config{Certificates: certs}, func(c *tls.Conn, q []byte) { _, _ = c.Write(framed(pack(good(q)))[:9]) }),
			want{measurement.Reset, "closed before a whole message", 0}, true},
		{"nothing", serveTLS(t, &tls.Config{Certificates: certs}, func(c *tls.Conn, _ []byte) { _, _ = c.Write([]byte{0, 0}) }),
			want{measurement.Malformed, "message of length 0", 0}, true},
		{"another answer", serveTLS(t, &tls.Config{Certificates: certs}, func(c *tls.Conn, q []byte) {
			_, _ = c.Write(framed(changed(q, func(m *dns.Msg) { m.Id++ })))
		}), want{measurement.Malformed, "wrong id", 0}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := tlsQuery(c.at, measurement.TLSPolicy{Verify: measurement.VerifyOpportunistic})
			if c.name == "silent" {
				q.Timeout = 200 * time.Millisecond
			}
			r, _ := new(probe.Prober).Ask(t.Context(), vp, label, q)
			hold(t, r, c.want)
			if (r.TLSAuth != nil) != c.shaken || (r.TLSUS != nil) != c.shaken || (r.TLSSPKI != nil) != c.shaken {
				t.Errorf("a handshake: %v, %v", r.TLSAuth, r.TLSUS)
			}
		})
	}
}

// TestTLSAsksAnew: no connection rests on an earlier one, ALPN and padding are as the
// standards say.
func TestTLSAsksAnew(t *testing.T) {
	ca := newAuthority(t)
	states, queries := make(chan tls.ConnectionState, 4), make(chan []byte, 4)
	at := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.issue(serverName, -time.Minute, time.Hour)}, NextProtos: []string{"dot"}}, func(c *tls.Conn, q []byte) {
		states <- c.ConnectionState()
		queries <- q
		answerWell(c, q)
	})
	p := new(probe.Prober)
	for _, name := range []string{".", "example.", "www.rssac047-test.abcdefghij."} {
		q := tlsQuery(at, measurement.TLSPolicy{Verify: measurement.VerifyOpportunistic, Name: serverName + "."})
		q.Name = name
		r, _ := p.Ask(t.Context(), vp, label, q)
		check(t, r)
		state, wire := <-states, <-queries
		if state.DidResume || state.NegotiatedProtocol != "dot" || state.ServerName != serverName {
			t.Errorf("%s: resumed %v, protocol %q, name %q", name, state.DidResume, state.NegotiatedProtocol, state.ServerName)
		}
		if len(wire)%128 != 0 { // RFC 8467, section 4.1
			t.Errorf("%s: a query of %d octets", name, len(wire))
		}
	}
}
