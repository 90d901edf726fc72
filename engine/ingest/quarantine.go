package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Bounds of what Quarantine keeps of one dropbox: it lies on the collector's own
// disk, for a year, and whoever holds a vantage point's key decides what is put
// there. What is small is always kept whole, as all files of vantage points in good
// order are.
const (
	maxEvidence  = 64 << 10 // bytes kept of a file that is too large, or that exceeds the next
	maxRejected  = 64 << 20 // bytes of all its files
	mostRejected = 4000     // files; what would be more waits in the dropbox, which has a limit of its own
)

var errFull = errShut{fmt.Errorf("%d of its files are in Quarantine: look at them and clear them away; the others wait", mostRejected)}

// usage is what Quarantine holds of one dropbox.
type usage struct {
	files int
	bytes int64
}

// admit finds room for a file of a dropbox at a path of Quarantine, if need be by
// keeping only its first part; cut then says so.
func (r *run) admit(b *dropbox, path, copied string) (cut string, err error) {
	if r.usage == nil {
		if r.usage, err = r.readUsage(); err != nil {
			return "", fmt.Errorf("quarantine: %w", err)
		}
	}
	s := r.usage[b.path]
	if _, err := os.Lstat(path + reasonSuffix); err == nil { // by a run that was killed
		s.files--
		s.bytes -= sizeOf(path)
	}
	if s.files >= mostRejected {
		return "", errFull
	}
	size := int64(0)
	if copied != "" {
		size = sizeOf(copied)
	}
	if size > maxEvidence && s.bytes+size > maxRejected {
		if err := os.Truncate(copied, maxEvidence); err != nil {
			return "", fmt.Errorf("quarantine: %w", err)
		}
		cut = fmt.Sprintf(" (its first %d of %d bytes are kept: those of this dropbox have more than %d)", maxEvidence, size, maxRejected)
		size = maxEvidence
	}
	r.usage[b.path] = usage{s.files + 1, s.bytes + size}
	return cut, nil
}

// readUsage goes by the reasons, which say where a file came from.
func (r *run) readUsage() (map[string]usage, error) {
	reasons, err := filepath.Glob(filepath.Join(escapeGlob(r.Quarantine), "*"+reasonSuffix))
	all := map[string]usage{}
	for _, path := range reasons {
		text, readErr := os.ReadFile(path)
		if errors.Is(readErr, fs.ErrNotExist) {
			continue // somebody clears it away
		}
		err = errors.Join(err, readErr)
		_, rest, _ := strings.Cut(string(text), "\nfrom: ")
		from, _, _ := strings.Cut(rest, "\n")
		s := all[from]
		all[from] = usage{s.files + 1, s.bytes + sizeOf(strings.TrimSuffix(path, reasonSuffix))}
	}
	return all, err
}

// sizeOf is zero where there is no file.
func sizeOf(path string) int64 {
	info, err := os.Lstat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// quarantineForeign moves what does not belong into a dropbox to Quarantine.
func (r *run) quarantineForeign(b *dropbox, name, why string) error {
	info, err := b.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return errShut{err}
	}
	if info.IsDir() {
		r.left(filepath.Join(b.path, name), errFolder.Error())
		return nil
	}
	copied, sum := "", ""
	f, _, err := b.regular(name)
	switch {
	case err == nil:
		copied = filepath.Join(r.intake, "banished")
		var size int64
		size, sum, err = copyTo(copied, io.LimitReader(f, maxEvidence))
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		if size == maxEvidence {
			why += fmt.Sprintf(" (its first %d bytes are kept)", maxEvidence)
		}
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.As(err, new(errShut)):
		return err
	default:
		why += ": " + err.Error()
		if target, err := b.root.Readlink(name); err == nil {
			why += ", a link to " + quoted(target)
		}
	}
	if err := errors.Join(r.quarantine(b, name, copied, why, sum), syncDisk(r.Quarantine)); err != nil {
		return err
	}
	return r.unlink(b, name)
}

// quarantine keeps a file and the reason why it was not ingested; the reason
// comes first, so that no file is there without one. Copied is empty where there
// is nothing to keep but the reason.
func (r *run) quarantine(b *dropbox, name, copied, reason, sum string) error {
	if err := r.step("quarantine %s", name); err != nil {
		return err
	}
	path := r.quarantinePlace(b, name, sum)
	why, err := r.admit(b, path, copied)
	if err != nil {
		return err
	}
	reason += why
	text := fmt.Sprintf("file: %s\nfrom: %s\ntaken: %s\nsha256: %s\nreason: %s\n",
		quoted(name), b.path, r.started.Format(time.RFC3339), sum, oneLine(reason))
	part := filepath.Join(r.Quarantine, "."+filepath.Base(path)+partSuffix)
	if err := errors.Join(os.WriteFile(part, []byte(text), 0o644), os.Rename(part, path+reasonSuffix)); err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	if copied != "" {
		if err := move(copied, path); err != nil {
			return fmt.Errorf("quarantine: %w", err)
		}
	}
	rejected := Rejected{b.vp, name, oneLine(reason)}
	r.result.Quarantined = append(r.result.Quarantined, rejected)
	r.log.Warn("quarantined", "vantage_point", b.vp, "file", name, "reason", reason, "kept", path)
	if r.Tell == nil {
		return nil
	}
	if err := r.step("tell %s", name); err != nil {
		return err
	}
	return r.Tell(rejected)
}

const reasonSuffix = ".reason.txt"

// quarantinePlace is a path that is free, or that holds the same file of the dropbox
// from a run that was killed. No name is that of another file's reason.
func (r *run) quarantinePlace(b *dropbox, name, sum string) string {
	base := filepath.Join(r.Quarantine, plainName(name))
	if strings.HasSuffix(base, reasonSuffix) {
		base += "_"
	}
	for n := 1; ; n++ {
		path := base
		if n > 1 {
			path = fmt.Sprintf("%s.%d", base, n)
		}
		_, file := os.Lstat(path)
		_, reason := os.Lstat(path + reasonSuffix)
		if errors.Is(file, fs.ErrNotExist) && errors.Is(reason, fs.ErrNotExist) || r.saysSum(b, path, sum) {
			return path
		}
	}
}

// saysSum reports whether the reason file at path is of a file of the dropbox with
// that sum.
func (r *run) saysSum(b *dropbox, path, sum string) bool {
	text, err := os.ReadFile(path + reasonSuffix)
	return err == nil && bytes.Contains(text, []byte("\nsha256: "+sum+"\n")) && bytes.Contains(text, []byte("\nfrom: "+b.path+"\n"))
}
