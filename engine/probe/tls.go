package probe

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// handshake is a TLS handshake that was completed, and what the server's certificate
// says.
type handshake struct {
	took     time.Duration
	auth     measurement.TLSAuth
	version  string
	spki     string
	notAfter time.Time
}

// tell writes it into the row.
func (h *handshake) tell(r *measurement.Answer) {
	if h == nil {
		return
	}
	r.TLSUS, r.TLSAuth, r.TLSVersion = new(h.took.Microseconds()), &h.auth, &h.version
	if h.spki != "" {
		r.TLSSPKI, r.TLSNotAfter = &h.spki, new(h.notAfter.UTC().Truncate(time.Microsecond))
	}
}

// askTLS asks over a TLS connection of its own (RFC 7858): without resumption and early
// data, so that each query costs what the first would. The time runs as over TCP, from the
// start of the connect to the last byte of the answer, and one timeout holds for all of
// it. What the certificate says is noted and ends nothing: a server whose certificate
// expired yesterday answers all the same, and how fast is worth knowing.
func (p *Prober) askTLS(ctx context.Context, q measurement.Query, message request, a attempt) attempt {
	if q.TLS == nil {
		return a.fail(localError("no TLS policy"))
	}
	dialCtx, cancel := context.WithTimeout(ctx, q.Timeout)
	defer cancel()
	conn, deadline, err := p.dialTCP(dialCtx, q, nil, &a)
	if err != nil {
		return a.fail(interrupted(ctx, err))
	}
	defer conn.Close()
	if err := conn.SetDeadline(deadline); err != nil {
		return a.fail(err)
	}
	wire, err := p.exchangeTLS(dialCtx, conn, q, message, &a)
	now := p.now()
	a.retransmits = retransmits(infoOf(conn))
	if err != nil {
		return a.fail(interrupted(ctx, err))
	}
	a.latency = now.Sub(a.sent)
	return a.takeStream(q, message, wire)
}

// exchangeTLS shakes hands, sends the query and reads the first message.
func (p *Prober) exchangeTLS(ctx context.Context, conn net.Conn, q measurement.Query, message request, a *attempt) ([]byte, error) {
	client := tls.Client(conn, &tls.Config{
		ServerName: strings.TrimSuffix(q.TLS.Name, "."),
		MinVersion: tls.VersionTLS12, // RFC 8310, section 9
		NextProtos: []string{"dot"},  // of IANA's registry of ALPN
		Time:       p.now,

		InsecureSkipVerify:     true, // authenticate looks at the certificate
		SessionTicketsDisabled: true,
	})
	if err := client.HandshakeContext(ctx); err != nil {
		return nil, meaningOfTLS(err, true)
	}
	state := client.ConnectionState()
	a.tls = &handshake{took: p.now().Sub(a.sent) - a.connect, auth: authenticate(state.PeerCertificates, q.TLS, p.Roots, p.now()),
		version: strings.TrimPrefix(tls.VersionName(state.Version), "TLS ")}
	if len(state.PeerCertificates) > 0 {
		a.tls.spki, a.tls.notAfter = SPKI(state.PeerCertificates[0]), state.PeerCertificates[0].NotAfter
	}
	if _, err := client.Write(message.framed()); err != nil { // length and message in one record: RFC 7858, section 3.3
		return nil, meaningOfTLS(err, false)
	}
	var length [2]byte
	if _, err := io.ReadFull(client, length[:]); err != nil {
		return nil, meaningOfTLS(err, false)
	}
	n := binary.BigEndian.Uint16(length[:])
	if n == 0 {
		return nil, malformedError("message of length 0")
	}
	wire := make([]byte, n)
	if _, err := io.ReadFull(client, wire); err != nil {
		return nil, meaningOfTLS(err, false)
	}
	return wire, nil
}

// meaningOfTLS tells what TLS itself says from what happened to the connection, which
// means the same as over TCP. Its texts are the library's, without addresses.
func meaningOfTLS(err error, shaking bool) error {
	var (
		errno  syscall.Errno
		alert  *net.OpError
		record tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &record):
		return tlsError("not TLS")
	case errors.As(err, &alert) && alert.Op == "remote error":
		return tlsError("alert: " + plainTLS(alert.Err))
	case errors.As(err, &alert) && alert.Op == "local error":
		return tlsError(plainTLS(alert.Err))
	case errors.As(err, &errno), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, os.ErrDeadlineExceeded),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case shaking:
		return tlsError(plainTLS(err))
	}
	return err
}

// plainTLS is the library's text of an error, at most 200 bytes.
func plainTLS(err error) string {
	return fmt.Sprintf("%.200s", strings.TrimPrefix(err.Error(), "tls: "))
}

// SPKI is the pin of a certificate's public key: base64 of the SHA-256 of its
// SubjectPublicKeyInfo (RFC 7858, section 4.2).
func SPKI(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// authenticate says what a chain of certificates, the server's first, proves at a time.
// That the server has the key of its certificate the handshake has proved.
func authenticate(chain []*x509.Certificate, want *measurement.TLSPolicy, roots *x509.CertPool, now time.Time) measurement.TLSAuth {
	switch want.Verify {
	case measurement.VerifyOpportunistic:
		return measurement.AuthNone
	case measurement.VerifyPin:
		if pinned(chain, want.Pins, now) {
			return measurement.AuthPin
		}
		return measurement.AuthPinMismatch
	case measurement.VerifyName:
	}
	name := strings.TrimSuffix(want.Name, ".")
	switch {
	case len(chain) == 0:
		return measurement.AuthUntrusted
	case name == "": // Verify would look at no name at all
		return measurement.AuthNameMismatch
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: poolOf(chain[1:]), CurrentTime: now})
	var (
		invalid x509.CertificateInvalidError
		host    x509.HostnameError
	)
	switch {
	case err == nil:
		return measurement.AuthName
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil && now.Before(invalid.Cert.NotBefore):
		return measurement.AuthNotYetValid
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return measurement.AuthExpired
	case errors.As(err, &host):
		return measurement.AuthNameMismatch
	}
	return measurement.AuthUntrusted
}

// pinned reports whether the server's key is one of the pins, or that of an authority
// which did issue the server's certificate: anybody can send somebody else's along.
func pinned(chain []*x509.Certificate, pins []string, now time.Time) bool {
	for i, c := range chain {
		if !slices.Contains(pins, SPKI(c)) {
			continue
		}
		if i == 0 {
			return true
		}
		_, err := chain[0].Verify(x509.VerifyOptions{Roots: poolOf(chain[i : i+1]), Intermediates: poolOf(chain[1:]), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
		if err == nil {
			return true
		}
	}
	return false
}

func poolOf(chain []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range chain {
		pool.AddCert(c)
	}
	return pool
}
