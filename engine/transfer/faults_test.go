package transfer_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/transfer"
)

// broken is a connection that fails after a number of bytes sent: it is cut, or
// it swallows everything.
type broken struct {
	net.Conn
	site  *site
	left  int64
	stall bool
}

func (b *broken) Write(p []byte) (int, error) {
	b.site.sent.Add(int64(len(p)))
	if b.left -= int64(len(p)); b.left >= 0 {
		return b.Conn.Write(p)
	}
	if b.stall {
		return len(p), nil
	}
	_ = b.Conn.Close()
	return 0, net.ErrClosed
}

// breakAfter makes the next connections fail after n bytes.
func (s *site) breakAfter(n int64, stall bool) {
	s.sent.Store(0)
	s.pusher.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &broken{Conn: c, site: s, left: n, stall: stall}, nil
	}
}

// A connection cut after any number of bytes loses nothing; the next push ends
// what it began.
func TestCutAnywhere(t *testing.T) {
	s := newSite(t)
	whole := s.file(0, 30_000)
	s.breakAfter(1<<40, false)
	if _, err := s.push(whole); err != nil {
		t.Fatal(err)
	}
	total := s.sent.Load()
	files := []string{whole}
	for i := range int64(24) {
		file := s.file(int(i)+1, 30_000)
		files = append(files, file)
		s.breakAfter(total*i/24, false)
		if r, err := s.push(file); !errors.Is(err, transfer.ErrCut) || len(r.Sent) > 0 {
			t.Errorf("cut after %d of %d bytes: %+v, %v", total*i/24, total, r, err)
		}
		s.breakAfter(1<<40, false)
		if _, err := s.push(s.unsent()...); err != nil {
			t.Errorf("after a cut at %d bytes: %v", total*i/24, err)
		}
	}
	s.delivered(files...)
}

// What arrived before the cut is not sent again.
func TestResume(t *testing.T) {
	s := newSite(t)
	const size = 4 << 20
	file := s.file(5, size)
	s.breakAfter(size*3/4, false)
	if _, err := s.push(file); !errors.Is(err, transfer.ErrCut) {
		t.Fatal(err)
	}
	there, err := os.Stat(filepath.Join(s.box, filepath.Base(file)))
	if err != nil || there.Size() < size/4 {
		t.Fatalf("%v, %v", there, err)
	}
	s.breakAfter(1<<40, false)
	r, err := s.push(file)
	if err != nil {
		t.Fatal(err)
	}
	if again := s.sent.Load(); again > size-there.Size()/2 || r.Bytes >= size {
		t.Errorf("%d bytes sent the second time, %d counted, %d were there", again, r.Bytes, there.Size())
	}
	s.delivered(file)
}

// A collector that goes silent at any stage ends the push after the stall limit.
func TestStallAnywhere(t *testing.T) {
	s := newSite(t)
	whole := s.file(0, 30_000)
	s.breakAfter(1<<40, true)
	if _, err := s.push(whole); err != nil {
		t.Fatal(err)
	}
	total := s.sent.Load()
	s.pusher.Stall = 300 * time.Millisecond
	files := []string{whole}
	for i := range int64(10) {
		files = append(files, s.file(int(i)+1, 30_000))
		s.breakAfter(total*i/10, true)
		r, err := s.push(s.unsent()...)
		if !errors.Is(err, transfer.ErrStalled) || len(r.Sent) > 0 {
			t.Errorf("silent after %d of %d bytes: %+v, %v", total*i/10, total, r, err)
		}
		s.pusher.Stall = 0
		s.breakAfter(1<<40, true)
		if _, err := s.push(s.unsent()...); err != nil {
			t.Error(err)
		}
		s.pusher.Stall = 300 * time.Millisecond
	}
	s.delivered(files...)
}

// The time of the caller bounds everything, also a server that accepts and says
// nothing.
func TestContextEndsThePush(t *testing.T) {
	s := newSite(t)
	s.breakAfter(0, true)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := s.pusher.Push(ctx, []string{s.file(5, 10)})
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 8*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}

// A server that never ends the session after the last file, and keeps it alive,
// does not hold the push.
func TestServerHangsAtTheClose(t *testing.T) {
	s := newSite(t)
	s.dropbox.Linger = true
	s.pusher.Stall = 500 * time.Millisecond
	file := s.file(5, 1000)
	began := time.Now()
	if _, err := s.push(file); err != nil {
		t.Error(err)
	}
	if elapsed := time.Since(began); elapsed > 10*time.Second {
		t.Errorf("took %s", elapsed)
	}
	s.delivered(file)
}

func TestQuotaFull(t *testing.T) {
	s := newSite(t)
	s.dropbox.Quota = 50_000
	big, small := s.file(5, 90_000), s.file(10, 100)
	r, err := s.push(big, small)
	if !errors.Is(err, transfer.ErrFull) || len(r.Sent) != 1 || r.Sent[0] != small {
		t.Fatalf("%+v, %v", r, err)
	}
	if left := s.unsent(); len(left) != 1 || left[0] != big {
		t.Errorf("unsent %v", left)
	}
	s.dropbox.Quota = 0
	if _, err := s.push(s.unsent()...); err != nil {
		t.Fatal(err)
	}
	s.delivered(big, small)
}

func TestRefusals(t *testing.T) {
	other, err := transfer.NewDropbox(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(s *site)
		cause  error
		says   string
	}{
		{"wrong key", func(s *site) { s.must(transfer.GenerateKey(s.pusher.Target.KeyFile)) }, transfer.ErrAuth, "as user transfer-101"},
		{"wrong user", func(s *site) { s.pusher.Target.User = "transfer-102" }, transfer.ErrAuth, "as user transfer-102"},
		{"no key", func(s *site) { s.pusher.Target.KeyFile += ".none" }, transfer.ErrKeyFile, "ssh-keygen -t ed25519"},
		{"key for all to read", func(s *site) { s.check(os.Chmod(s.pusher.Target.KeyFile, 0o644)) }, transfer.ErrKeyFile, "chmod 600"},
		{"no key at all", func(s *site) { s.check(os.WriteFile(s.pusher.Target.KeyFile, []byte("key"), 0o600)) }, transfer.ErrKeyFile, "without passphrase"},
		{"unknown host", func(s *site) { s.pin("") }, transfer.ErrHostKeyUnknown, "ssh-keyscan"},
		{"no known_hosts", func(s *site) { s.pusher.Target.KnownHosts += ".none" }, transfer.ErrHostKeyUnknown, "known_hosts.none"},
		{"changed host key", func(s *site) {
			s.pin(transfer.KnownHostsLine("127.0.0.1", s.pusher.Target.Port, other.HostKey()))
		}, transfer.ErrHostKeyChanged, "somebody may stand between"},
		{"nobody there", func(s *site) { s.pusher.Target.Port = freePort(s.t); s.pinAll() }, nil, "connection refused"},
		{"no folder", func(s *site) { s.pusher.Target.Directory = "elsewhere" }, nil, "permission denied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			file := s.file(5, 10)
			c.change(s)
			r, err := s.push(file)
			if err == nil || (c.cause != nil && !errors.Is(err, c.cause)) || !strings.Contains(err.Error(), c.says) || len(r.Sent) > 0 {
				t.Errorf("%+v, %v", r, err)
			}
			if left := s.unsent(); len(left) != 1 {
				t.Errorf("unsent %v", left)
			}
		})
	}
}

// pinAll pins the dropbox's key for whatever port the target has now.
func (s *site) pinAll() {
	s.pin(transfer.KnownHostsLine("127.0.0.1", s.pusher.Target.Port, s.dropbox.HostKey()))
}

func (s *site) check(err error) {
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) must(_ string, err error) { s.check(err) }

func freePort(t testing.TB) uint16 {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort().Port()
}
