package transfer_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mtric.net/mtric/engine/transfer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a vantage point with files and a dropbox that a test may break.
type site struct {
	t       testing.TB
	home    string // the vantage point's
	box     string // the folder of transfer-101 on the collector
	dropbox *transfer.Dropbox
	pusher  *transfer.Pusher
	sent    atomic.Int64 // bytes that left the vantage point
}

func newSite(t testing.TB) *site {
	s := &site{t: t, home: t.TempDir()}
	collector := t.TempDir()
	s.box = filepath.Join(collector, "transfer-101", "incoming")
	s.mkdir("Output/Sent")
	var err error
	if s.dropbox, err = transfer.NewDropbox(collector); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(s.home, "key")
	line, err := transfer.GenerateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.dropbox.Allow("transfer-101", line); err != nil {
		t.Fatal(err)
	}
	port := s.serve(s.dropbox)
	s.pusher = &transfer.Pusher{
		Target: transfer.Target{Host: "127.0.0.1", Port: port, User: "transfer-101", KeyFile: key,
			KnownHosts: filepath.Join(s.home, "known_hosts"), Directory: "incoming"},
		Sent: filepath.Join(s.home, "Output", "Sent"),
	}
	s.pin(transfer.KnownHostsLine("127.0.0.1", port, s.dropbox.HostKey()))
	return s
}

func (s *site) serve(d *transfer.Dropbox) uint16 {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- d.Serve(l) }()
	s.t.Cleanup(func() {
		if err := errors.Join(d.Close(), <-done); err != nil {
			s.t.Error(err)
		}
	})
	_, port, _ := net.SplitHostPort(l.Addr().String())
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		s.t.Fatal(err)
	}
	return uint16(n)
}

func (s *site) mkdir(name string) {
	if err := os.MkdirAll(filepath.Join(s.home, name), 0o755); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) pin(line string) {
	if err := os.WriteFile(s.pusher.Target.KnownHosts, []byte(line), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// file makes the answers file of an interval with its sidecar; its content
// depends on the minute.
func (s *site) file(minute, size int) string {
	name := fmt.Sprintf("2026112222%02d-101.answers.parquet", minute)
	path := filepath.Join(s.home, "Output", name)
	data := bytes.Repeat([]byte{byte(minute)}, size)
	sidecar := fmt.Sprintf("%x  %s\n", sha256.Sum256(data), name)
	if err := errors.Join(os.WriteFile(path, data, 0o644), os.WriteFile(path+".sha256", []byte(sidecar), 0o644)); err != nil {
		s.t.Fatal(err)
	}
	return path
}

func (s *site) push(files ...string) (transfer.Result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return s.pusher.Push(ctx, files)
}

func (s *site) unsent() []string {
	files, err := transfer.Unsent(filepath.Join(s.home, "Output"))
	if err != nil {
		s.t.Fatal(err)
	}
	return files
}

// delivered checks that exactly these files are complete in the dropbox and in
// Sent, and nothing else anywhere.
func (s *site) delivered(files ...string) {
	s.t.Helper()
	want := map[string]bool{}
	for _, f := range files {
		want[filepath.Base(f)], want[filepath.Base(f)+".sha256"] = true, true
	}
	for _, dir := range []string{s.box, s.pusher.Sent} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, e := range entries {
			if !want[e.Name()] {
				s.t.Errorf("%s: has %s", dir, e.Name())
			}
		}
		if len(entries) != len(want) {
			s.t.Errorf("%s: %d files, want %d", dir, len(entries), len(want))
		}
	}
	for name := range want {
		a, errA := os.ReadFile(filepath.Join(s.box, name))
		b, errB := os.ReadFile(filepath.Join(s.pusher.Sent, name))
		if err := errors.Join(errA, errB); err != nil || !bytes.Equal(a, b) {
			s.t.Errorf("%s: %d bytes arrived of %d, %v", name, len(a), len(b), err)
		}
	}
	if left := s.unsent(); len(left) > 0 {
		s.t.Errorf("unsent: %v", left)
	}
}

func TestPush(t *testing.T) {
	s := newSite(t)
	done := 0
	s.pusher.Progress = func() { done++ }
	a, b := s.file(5, 100_000), s.file(10, 1)
	empty := s.file(15, 0)
	r, err := s.push(a, b, empty)
	if err != nil || len(r.Sent) != 3 || r.Sent[0] != a || done != 3 {
		t.Fatalf("%+v, %v, progress %d", r, err, done)
	}
	s.delivered(a, b, empty)
	if r, err := s.push(); err != nil || len(r.Sent) != 0 {
		t.Errorf("nothing to push: %+v, %v", r, err)
	}
}

func TestPushHundred(t *testing.T) {
	s := newSite(t)
	var files []string
	for i := range 100 {
		files = append(files, s.file(i, 300*i))
	}
	if r, err := s.push(files...); err != nil || len(r.Sent) != 100 {
		t.Fatalf("%d sent, %v", len(r.Sent), err)
	}
	s.delivered(files...)
}

// Killed between any two steps, the next push brings the file once and whole.
func TestPushGoesOnFromEveryStep(t *testing.T) {
	for _, c := range []struct {
		name string
		left func(s *site, file string) // what an earlier push left behind
	}{
		{"nothing", func(*site, string) {}},
		{"a part of the data", func(s *site, f string) { s.remote(f, "", 700) }},
		{"all data", func(s *site, f string) { s.remote(f, "", 1000) }},
		{"more than the data", func(s *site, f string) { s.remote(f, "", 1500) }},
		{"half a sidecar", func(s *site, f string) { s.remote(f, "", 1000); s.remote(f, ".sha256.part", 30) }},
		{"the sidecar", func(s *site, f string) { s.complete(f) }},
		{"the file moved, not its sidecar", func(s *site, f string) {
			s.complete(f)
			if err := os.Rename(f, filepath.Join(s.pusher.Sent, filepath.Base(f))); err != nil {
				s.t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			file := s.file(5, 1000)
			c.left(s, file)
			if _, err := s.push(s.unsent()...); err != nil {
				t.Fatal(err)
			}
			part := filepath.Join(s.box, filepath.Base(file)+".sha256.part")
			if _, err := os.Stat(part); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s is left: %v", part, err)
			}
			s.delivered(file)
		})
	}
}

// remote puts the first n bytes of a file, and zeros beyond it, into the dropbox.
func (s *site) remote(file, suffix string, n int) {
	data, err := os.ReadFile(strings.TrimSuffix(file+suffix, ".part"))
	if err != nil {
		s.t.Fatal(err)
	}
	data = append(data, make([]byte, n)...)[:n]
	if err := os.WriteFile(filepath.Join(s.box, filepath.Base(file)+suffix), data, 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) complete(file string) {
	for _, suffix := range []string{"", ".sha256"} {
		data, err := os.ReadFile(file + suffix)
		if err == nil {
			err = os.WriteFile(filepath.Join(s.box, filepath.Base(file)+suffix), data, 0o644)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

func TestUnsent(t *testing.T) {
	s := newSite(t)
	late, early := s.file(50, 10), s.file(5, 10)
	for _, name := range []string{"202611222255-101.answers.parquet", "notes.txt", "notes.txt.sha256", "202611222200-101.routes.parquet.sha256"} {
		if err := os.WriteFile(filepath.Join(s.home, "Output", name), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got := s.unsent()
	if len(got) != 2 || got[0] != early || got[1] != late {
		t.Errorf("unsent %v", got)
	}
	if _, err := transfer.Unsent(filepath.Join(s.home, "none")); err == nil {
		t.Error("no error for a missing folder")
	}
}

func TestMissingFileDoesNotStopTheOthers(t *testing.T) {
	s := newSite(t)
	gone, good := s.file(5, 10), s.file(10, 10)
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	r, err := s.push(gone, good)
	if err == nil || !strings.Contains(err.Error(), filepath.Base(gone)) || len(r.Sent) != 1 || r.Sent[0] != good {
		t.Errorf("%+v, %v", r, err)
	}
}
