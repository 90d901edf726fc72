// Package transfer carries a vantage point's files to its dropbox on the
// collector by SFTP: each whole, each once, and nothing is lost when the
// connection is.
//
// A file is sent under its own name and resumed by its size after a cut; then its
// sidecar is sent as .part and renamed, which makes the file complete for the
// collector; then both are moved to Sent/. Whatever happens between two steps, a
// later push goes on from there. One window remains: when this machine dies
// between the rename and the move, and the collector has taken the file before
// the next push, it is sent again; ingest takes a file that comes twice as one.
package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/pkg/sftp"
)

// Target is a dropbox and how to prove who we are and who it is.
type Target struct {
	Host       string
	Port       uint16
	User       string // transfer-nnn
	KeyFile    string // private key without passphrase, mode 0600
	KnownHosts string // where the collector's host key is pinned
	Directory  string // on the collector, below the user's root: "incoming"
}

// Pusher sends files. Fields after Sent are optional.
type Pusher struct {
	Target Target
	Sent   string // folder that delivered files are moved to

	Log      *slog.Logger
	Progress func() // called for each file delivered
	// Dial opens the connection; net.Dialer by default.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Stall is how long the collector may be silent; 10 s by default.
	Stall time.Duration
}

// Result is what a push achieved, also when it ended with an error.
type Result struct {
	Sent  []string // files delivered, as they were named to Push
	Bytes int64    // of files and sidecars, without what was there already
}

// Push delivers files, which must have their sidecars beside them, in the order
// given. A file that cannot be delivered does not keep back the others unless
// the connection is lost; the error joins what went wrong, and is one of the
// Err values of this package where the cause is known.
func (p *Pusher) Push(ctx context.Context, files []string) (Result, error) {
	var r Result
	if len(files) == 0 {
		return r, nil
	}
	s, err := p.connect(ctx)
	if err != nil {
		return r, fmt.Errorf("push to %s: %w", p.Target.Host, err)
	}
	defer s.close()
	var failed []error
	for _, file := range files {
		n, err := s.deliver(file)
		r.Bytes += n
		if err == nil {
			err = p.moveToSent(file)
		}
		if err == nil {
			r.Sent = append(r.Sent, file)
			if p.Progress != nil {
				p.Progress()
			}
			continue
		}
		err = s.explain(ctx, err)
		failed = append(failed, fmt.Errorf("push %s to %s: %w", filepath.Base(file), p.Target.Host, err))
		if errors.Is(err, ErrCut) || errors.Is(err, ErrStalled) || ctx.Err() != nil {
			break
		}
	}
	return r, errors.Join(failed...)
}

// deliver brings one file and then its sidecar to the dropbox and returns how
// many bytes that took.
func (s *session) deliver(file string) (sent int64, err error) {
	name := filepath.Base(file)
	remote := path.Join(s.directory, name)
	sidecar, err := readSidecar(file)
	if err != nil {
		return 0, err
	}
	if there, err := s.size(remote + sidecarSuffix); err != nil || there == int64(len(sidecar)) {
		return 0, err // delivered before: only the move to Sent was missing
	}
	if sent, err = s.sendData(file, remote); err != nil {
		return sent, err
	}
	part := remote + sidecarSuffix + ".part"
	if err := s.write(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0, byteReader(sidecar)); err != nil {
		return sent, fmt.Errorf("sidecar: %w", err)
	}
	sent += int64(len(sidecar))
	if err := s.client.PosixRename(part, remote+sidecarSuffix); err != nil {
		return sent, fmt.Errorf("sidecar: rename: %w", err)
	}
	return sent, nil
}

// sendData brings what is missing of a file: it resumes a shorter one and starts
// again over a longer one, which cannot be ours.
func (s *session) sendData(file, remote string) (int64, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%s: not a regular file", file)
	}
	there, err := s.size(remote)
	if err != nil {
		return 0, err
	}
	flags := os.O_WRONLY | os.O_CREATE
	switch {
	case there == info.Size():
		return 0, nil
	case there > info.Size():
		flags |= os.O_TRUNC
		there = 0
	}
	offset := max(there, 0)
	if offset > 0 && s.log != nil {
		s.log.Info("push resumed", "file", filepath.Base(file), "at", offset, "of", info.Size())
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return 0, err
	}
	if err := s.write(remote, flags, offset, f); err != nil {
		return 0, err
	}
	switch now, err := s.size(remote); {
	case err != nil:
		return 0, err
	case now != info.Size():
		return 0, fmt.Errorf("%d of %d bytes arrived", now, info.Size())
	}
	return info.Size() - offset, nil
}

// write puts what r has into a remote file from offset on and has the collector
// bring it to its disk where it can.
func (s *session) write(remote string, flags int, offset int64, r io.Reader) (err error) {
	f, err := s.client.OpenFile(remote, flags)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return err
	}
	if _, err := f.ReadFrom(r); err != nil {
		return fmt.Errorf("write: %w", full(err))
	}
	if _, can := s.client.HasExtension("fsync@openssh.com"); can {
		if err := f.Sync(); err != nil {
			return fmt.Errorf("sync: %w", full(err))
		}
	}
	return nil
}

// size is the size of a remote file, -1 where there is none.
func (s *session) size(remote string) (int64, error) {
	info, err := s.client.Stat(remote)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, nil
	}
	if err != nil {
		return 0, fmt.Errorf("stat: %w", err)
	}
	return info.Size(), nil
}

// full marks the general failure that servers answer a write with when the disk
// or the quota is full.
func full(err error) error {
	var status *sftp.StatusError
	if errors.As(err, &status) && status.FxCode() == sftp.ErrSSHFxFailure {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

func (p *Pusher) stall() time.Duration { return cmp.Or(p.Stall, 10*time.Second) }
