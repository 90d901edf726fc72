package transfer

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// Dropbox is an SFTP server in this process, for the demo and the tests: each
// user has a folder of its own with incoming/ in it, may upload there and
// nothing else, and sees nobody else's. A collector uses OpenSSH.
type Dropbox struct {
	// Quota is how many bytes one file may have; 0 is no limit. Set it before Serve.
	Quota int64
	// Linger is a fault for tests: the server never ends a session by itself and
	// keeps the connection alive. Set it before Serve.
	Linger bool

	root   string
	signer ssh.Signer

	mu     sync.Mutex
	keys   map[string][]byte // authorized key by user, as on the wire
	open   map[io.Closer]bool
	closed bool
	wg     sync.WaitGroup
}

// NewDropbox makes a dropbox below the folder root, with a new host key.
func NewDropbox(root string) (*Dropbox, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, fmt.Errorf("dropbox: %w", err)
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("dropbox: host key: %w", err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return nil, fmt.Errorf("dropbox: host key: %w", err)
	}
	return &Dropbox{root: root, signer: signer, keys: map[string][]byte{}, open: map[io.Closer]bool{}}, nil
}

// HostKey is the key to pin.
func (d *Dropbox) HostKey() ssh.PublicKey { return d.signer.PublicKey() }

// Allow lets a user in by the key of an authorized_keys line and makes the
// user's folder.
func (d *Dropbox) Allow(user, line string) error {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return fmt.Errorf("dropbox: key of %s: %w", user, err)
	}
	if err := os.MkdirAll(filepath.Join(d.root, user, "incoming"), 0o755); err != nil {
		return fmt.Errorf("dropbox: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.keys[user] = key.Marshal()
	return nil
}

// Serve accepts connections until Close; then it returns nil.
func (d *Dropbox) Serve(l net.Listener) error {
	if !d.track(l) {
		return l.Close()
	}
	defer d.untrack(l)
	for {
		conn, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("dropbox: %w", err)
		}
		if !d.track(conn) {
			return conn.Close()
		}
		go func() {
			defer d.untrack(conn)
			_ = d.serve(conn) // the client hears why
		}()
	}
}

// track remembers what Close has to close; false when that is over.
func (d *Dropbox) track(c io.Closer) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.wg.Add(1)
	d.open[c] = true
	return true
}

func (d *Dropbox) untrack(c io.Closer) {
	_ = c.Close()
	d.mu.Lock()
	delete(d.open, c)
	d.mu.Unlock()
	d.wg.Done()
}

// Close ends all connections and waits for what serves them.
func (d *Dropbox) Close() error {
	d.mu.Lock()
	d.closed = true
	for c := range d.open {
		_ = c.Close()
	}
	d.mu.Unlock()
	d.wg.Wait()
	return nil
}

func (d *Dropbox) authorize(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if known := d.keys[c.User()]; known == nil || !bytes.Equal(known, key.Marshal()) {
		return nil, fmt.Errorf("user %q: unknown key", c.User())
	}
	return nil, nil
}

// serve speaks with one client: sessions with the subsystem sftp, nothing else.
func (d *Dropbox) serve(conn net.Conn) error {
	config := &ssh.ServerConfig{PublicKeyCallback: d.authorize}
	config.AddHostKey(d.signer)
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	c, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return err
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	root, err := os.OpenRoot(filepath.Join(d.root, c.User()))
	if err != nil {
		return err
	}
	defer root.Close()
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		if offered.ChannelType() != "session" {
			if err := offered.Reject(ssh.UnknownChannelType, "sessions only"); err != nil {
				return err
			}
			continue
		}
		channel, requests, err := offered.Accept()
		if err != nil {
			return err
		}
		if err := d.session(channel, requests, root); err != nil {
			return err
		}
	}
	return nil
}

// session waits for the request for sftp and serves it.
func (d *Dropbox) session(channel ssh.Channel, requests <-chan *ssh.Request, root *os.Root) error {
	defer channel.Close()
	for r := range requests {
		if r.Type != "subsystem" || string(r.Payload) != "\x00\x00\x00\x04sftp" {
			if err := r.Reply(false, nil); err != nil {
				return err
			}
			continue
		}
		if err := r.Reply(true, nil); err != nil {
			return err
		}
		go ssh.DiscardRequests(requests)
		u := &upload{root: root, quota: d.Quota}
		server := sftp.NewRequestServer(channel, sftp.Handlers{FileGet: u, FilePut: u, FileCmd: u, FileList: u})
		err := server.Serve()
		for d.Linger { // until the connection is lost
			if _, err := channel.SendRequest("keepalive@openssh.com", true, nil); err != nil {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return errors.Join(err, server.Close())
	}
	return nil
}
