package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// The causes that an operator acts on; errors of Push wrap them.
var (
	ErrKeyFile        = errors.New("private key cannot be used")
	ErrHostKeyUnknown = errors.New("the collector's host key is not pinned")
	ErrHostKeyChanged = errors.New("the collector's host key has changed")
	ErrAuth           = errors.New("the collector refuses our key")
	ErrFull           = errors.New("the collector cannot store the file (disk or quota full)")
	ErrStalled        = errors.New("the collector went silent")
	ErrCut            = errors.New("the connection was lost")
)

// session is one connection to a dropbox.
type session struct {
	conn      *stallConn
	ssh       *ssh.Client
	client    *sftp.Client
	directory string
	log       *slog.Logger
	stop      func() bool // ends the watch on ctx
}

// connect dials, proves both sides' keys and opens SFTP. When ctx ends the
// connection is closed, whatever waits on it.
func (p *Pusher) connect(ctx context.Context) (*session, error) {
	signer, err := readKey(p.Target.KeyFile)
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort(p.Target.Host, strconv.Itoa(int(p.Target.Port)))
	pinned, err := pin(p.Target.KnownHosts, address)
	if err != nil {
		return nil, err
	}
	s := &session{directory: p.Target.Directory, log: p.Log}
	if s.conn, err = p.dial(ctx, address); err != nil {
		return nil, err
	}
	s.stop = context.AfterFunc(ctx, func() { _ = s.conn.Close() }) // the error of the call that waited says it
	config := &ssh.ClientConfig{User: p.Target.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback: pinned.check, HostKeyAlgorithms: pinned.algorithms}
	c, channels, requests, err := ssh.NewClientConn(s.conn, address, config)
	if err != nil {
		err = s.explain(ctx, handshake(err, pinned.mistake, p.Target))
		return nil, errors.Join(err, s.close())
	}
	s.ssh = ssh.NewClient(c, channels, requests)
	if s.client, err = sftp.NewClient(s.ssh); err != nil {
		return nil, errors.Join(s.explain(ctx, fmt.Errorf("sftp: %w", err)), s.close())
	}
	return s, nil
}

func (p *Pusher) dial(ctx context.Context, address string) (*stallConn, error) {
	dial := p.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	ctx, cancel := context.WithTimeout(ctx, p.stall())
	defer cancel()
	conn, err := dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &stallConn{Conn: conn, limit: p.stall()}, nil
}

// close ends the session; a connection that is lost already is no error. It
// waits for the server's own end, but no longer than the server may be silent,
// nor than ctx allows: keepalives of a server that hangs must not hold us.
func (s *session) close() error {
	defer s.stop()
	enough := time.AfterFunc(s.conn.limit, func() { _ = s.conn.Close() })
	defer enough.Stop()
	if s.client != nil {
		_ = s.client.Close()
	}
	if s.ssh != nil {
		_ = s.ssh.Close()
	}
	_ = s.conn.Close()
	return nil
}

// explain adds the cause to the error of a call that a lost connection ended.
func (s *session) explain(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case s.conn.stalled.Load():
		return fmt.Errorf("%w for %s: %w", ErrStalled, s.conn.limit, err)
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	case errors.Is(err, sftp.ErrSSHFxConnectionLost), errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, io.ErrUnexpectedEOF), s.conn.broken.Load():
		return fmt.Errorf("%w: %w", ErrCut, err)
	}
	return err
}

// handshake tells why the two did not come together.
func handshake(err, mistake error, t Target) error {
	switch {
	case mistake != nil:
		return mistake
	case strings.Contains(err.Error(), "unable to authenticate"):
		return fmt.Errorf("%w as user %s (%s): %w", ErrAuth, t.User, t.KeyFile, err)
	}
	return fmt.Errorf("handshake: %w", err)
}

// readKey reads the private key and refuses one that others can read.
func readKey(file string) (ssh.Signer, error) {
	const most = 64 << 10
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w; make one with ssh-keygen -t ed25519 -N '' -f %s", ErrKeyFile, err, file)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeyFile, err)
	}
	if info.Mode().Perm()&0o077 != 0 || !info.Mode().IsRegular() || info.Size() > most {
		return nil, fmt.Errorf("%w: %s has mode %s and %d bytes; it must be a file that only its owner can read: chmod 600 %s",
			ErrKeyFile, file, info.Mode(), info.Size(), file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeyFile, err)
	}
	signer, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w; cron needs a key without passphrase", ErrKeyFile, file, err)
	}
	return signer, nil
}

// pinning is what known_hosts says of the collector.
type pinning struct {
	callback   ssh.HostKeyCallback
	algorithms []string // of the pinned keys, so that a key of another type is not taken for a change
	mistake    error    // why check refused
	file       string
}

// pin reads known_hosts. A host without any line is refused before anything is
// sent to it.
func pin(file, address string) (*pinning, error) {
	callback, err := knownhosts.New(file)
	if err != nil {
		return nil, fmt.Errorf("%w: known hosts: %w; write the collector's key there", ErrHostKeyUnknown, err)
	}
	p := &pinning{callback: callback, file: file}
	var known *knownhosts.KeyError
	if errors.As(callback(address, noAddress{}, noKey{}), &known) {
		for _, k := range known.Want {
			p.algorithms = append(p.algorithms, algorithms(k.Key.Type())...)
		}
	}
	return p, nil
}

// check compares the collector's host key with the pinned ones.
func (p *pinning) check(host string, remote net.Addr, key ssh.PublicKey) error {
	err := p.callback(host, remote, key)
	if err == nil {
		return nil
	}
	fingerprint := ssh.FingerprintSHA256(key)
	var known *knownhosts.KeyError
	if errors.As(err, &known) && len(known.Want) == 0 {
		p.mistake = fmt.Errorf("%w: %s showed %s %s; compare it with the collector's and add the line of ssh-keyscan to %s: %w",
			ErrHostKeyUnknown, host, key.Type(), fingerprint, p.file, err)
	} else {
		p.mistake = fmt.Errorf("%w: %s showed %s %s, which %s does not have; somebody may stand between, or the collector was built anew: %w",
			ErrHostKeyChanged, host, key.Type(), fingerprint, p.file, err)
	}
	return p.mistake
}

// algorithms are the signature algorithms of a key type, RSA never with SHA-1.
func algorithms(keyType string) []string {
	if keyType == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{keyType}
}

// noKey is a key that no host has: asked about it, known_hosts tells the keys it
// wants.
type noKey struct{}

func (noKey) Type() string                        { return "none" }
func (noKey) Marshal() []byte                     { return nil }
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("no key") }

type noAddress struct{}

func (noAddress) Network() string { return "tcp" }
func (noAddress) String() string  { return "0.0.0.0:0" }

// stallConn ends a read when nothing has moved in either direction for a while:
// neither SSH nor SFTP has time limits of its own.
type stallConn struct {
	net.Conn
	limit           time.Duration
	stalled, broken atomic.Bool
}

func (c *stallConn) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, c.note(err)
	}
	n, err := c.Conn.Read(b)
	return n, c.note(err)
}

func (c *stallConn) Write(b []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, c.note(err)
	}
	n, err := c.Conn.Write(b)
	return n, c.note(err)
}

func (c *stallConn) note(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.stalled.Store(true)
	case err != nil:
		c.broken.Store(true)
	}
	return err
}

func byteReader(b []byte) io.Reader { return bytes.NewReader(b) }
