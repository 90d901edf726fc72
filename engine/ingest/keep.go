package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/interval"
)

// original is where a file that was ingested is kept.
func (r *run) original(w waiting) string {
	return filepath.Join(r.Originals, interval.Partition(w.label), w.name)
}

// settle keeps each file, in Originals with its sidecar or in Quarantine with its
// reason, and then unlinks it in its dropbox. All that is kept reaches the disk at
// once before the first is unlinked: a wait for each file would take most of the
// time of ingest.
func (r *run) settle(files []*taken) error {
	if len(files) == 0 {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(r.original(files[0].waiting)), 0o755); err != nil {
		return fmt.Errorf("originals: %w", err)
	}
	if err := r.relay(files); err != nil {
		return err
	}
	err := each(files, func(t *taken) error {
		if t.reason == "" && t.table != column.Answers && t.table != column.Routes {
			t.reason = r.twin(t)
		}
		if t.reason != "" {
			return nil
		}
		return r.keep(t)
	})
	if err != nil {
		return err
	}
	for _, t := range files {
		if t.reason == "" {
			r.result.Files++
			continue
		}
		err := r.quarantine(t.box, t.name, t.copy, t.reason, t.sha256)
		if errors.As(err, new(errShut)) {
			t.aside = err
		} else if err != nil {
			return err
		}
	}
	if err := r.sync("originals", r.Originals, r.Quarantine); err != nil {
		return err
	}
	err = each(files, func(t *taken) error {
		// The file goes first: a sidecar alone is known for what it is (orphan), a
		// file alone would wait for its sidecar.
		if t.aside == nil {
			t.aside = r.unlink(t.box, t.name)
		}
		if t.aside == nil {
			t.aside = r.unlink(t.box, t.name+sidecarSuffix)
		}
		return nil
	})
	for _, t := range files {
		if err == nil {
			err = r.tolerate(t.box, t.aside)
		}
		r.progress()
	}
	return err
}

// each does all files, several at a time, for each waits for the disk. The first error ends
// it; whoever is tired of waiting does not: what was begun is kept.
func each(files []*taken, do func(*taken) error) error {
	group, going := errgroup.WithContext(context.Background())
	group.SetLimit(takersAtOnce)
	for _, t := range files {
		group.Go(func() error {
			if going.Err() != nil {
				return nil
			}
			return do(t)
		})
	}
	return group.Wait()
}

// sync brings folders onto the disk; what names the step.
func (r *run) sync(what string, dirs ...string) error {
	err := r.step("sync %s", what)
	for _, dir := range dirs {
		if err == nil {
			err = syncDisk(dir)
		}
	}
	return err
}

// syncDisk brings all that was written to a folder's file system onto the disk.
func syncDisk(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	defer d.Close()
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		return fmt.Errorf("ingest: sync %s: %w", dir, err)
	}
	return nil
}

// keep gives the copy its name in Originals, once its sidecar is there: what has a name
// is whole. A sidecar without a file is what a kill leaves in between, and halves removes.
func (r *run) keep(t *taken) error {
	path := r.original(t.waiting)
	if err := r.step("keep %s", t.name); err != nil {
		return err
	}
	part := t.copy + sidecarSuffix
	err := os.WriteFile(part, t.sidecar, 0o644)
	if err == nil && !t.received.IsZero() { // until it is packed the lake alone has it elsewhere
		err = os.Chtimes(part, t.received, t.received)
	}
	if err == nil {
		err = os.Rename(part, files.Sidecar(path))
	}
	if err != nil {
		return fmt.Errorf("originals: %w", err)
	}
	if err := r.step("name %s", t.name); err != nil {
		return err
	}
	if err := os.Rename(t.copy, path); err != nil {
		return fmt.Errorf("originals: %w", err)
	}
	return nil
}

// copyOf is the path of a copy; it names the file, for halves.
func (r *run) copyOf(n int, name string) string {
	return filepath.Join(r.intake, fmt.Sprintf("%06d-%s", n, name))
}

// halves removes the sidecars in Originals whose files a killed run did not rename any
// more: their copies are still there. The file may never come again.
func (r *run) halves() error {
	copies, err := os.ReadDir(r.intake)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, c := range copies {
		_, name, _ := strings.Cut(c.Name(), "-")
		w, ours := parse(nil, name)
		if !ours {
			continue
		}
		if _, there := os.Lstat(r.original(w)); !errors.Is(there, fs.ErrNotExist) {
			continue
		}
		if gone := os.Remove(files.Sidecar(r.original(w))); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}

// kept reports whether Originals have a file of that name and sum, loose or packed.
func (r *run) kept(name, sum string) bool {
	have, err := r.originals.Sum(name)
	return err == nil && have == sum
}

// unlink removes a file of the dropbox; one that is gone already is none of our
// concern.
func (r *run) unlink(b *dropbox, name string) error {
	if err := r.step("unlink %s", name); err != nil {
		return err
	}
	if err := b.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errShut{err}
	}
	return nil
}

// move renames, or copies where the folders lie on different disks.
func move(from, to string) error {
	err := os.Rename(from, to)
	if err == nil {
		return nil
	}
	f, openErr := os.Open(from)
	if openErr != nil {
		return err
	}
	defer f.Close()
	part := filepath.Join(filepath.Dir(to), "."+filepath.Base(to)+partSuffix)
	if _, _, err := copyTo(part, f); err != nil {
		return err
	}
	return errors.Join(os.Rename(part, to), os.Remove(from))
}

// plainName is a name that is harmless in a shell, a log and a file system.
func plainName(name string) string {
	plain := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._-", c) {
			return c
		}
		return '_'
	}, name)
	plain = strings.TrimLeft(plain, ".-")
	if plain == name && len(plain) <= 100 {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return plain[:min(len(plain), 60)] + "_" + hex.EncodeToString(sum[:4])
}

// quoted is a name of a stranger's as it may be printed: bare when harmless.
func quoted(s string) string {
	if plainName(s) == s || filepath.IsAbs(s) && !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' }) {
		return s
	}
	return fmt.Sprintf("%.300q", s)
}

// oneLine makes a reason that may quote a stranger fit for a line of text.
func oneLine(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > 2000 {
		s = s[:2000] + "…"
	}
	return s
}

// leastOriginals is how long originals stay whatever the plan says: a report must
// be provable until it is final.
const leastOriginals = 31 * 24 * time.Hour

// forget removes originals and quarantined files older than the plan keeps them.
func (r *run) forget() error {
	var errs []error
	if keep := r.Plan.Keep("originals"); keep != nil {
		errs = append(errs, r.originals.Forget(r.started.Add(-max(*keep, leastOriginals))))
	}
	if keep := r.Plan.Keep("quarantine"); keep != nil {
		errs = append(errs, forgetIn(r.Quarantine, r.started.Add(-*keep)))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("retention: %w", err)
	}
	return nil
}

// forgetIn goes by the time a file was put there.
func forgetIn(dir string, oldest time.Time) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, f := range files {
		info, err := f.Info()
		if err == nil && info.Mode().IsRegular() && changed(info).Before(oldest) {
			err = os.Remove(filepath.Join(dir, f.Name()))
		}
		if !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
