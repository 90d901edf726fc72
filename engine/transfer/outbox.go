package transfer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const (
	sidecarSuffix = ".sha256"
	maxSidecar    = 512
)

// outboxName is what a vantage point's files are called.
var outboxName = regexp.MustCompile(`^[0-9]{12}-[0-9]{3}\.(answers\.parquet|routes\.parquet|alerts\.json|plan\.json)$`)

// Outbound says whether a vantage point sends files of that name.
func Outbound(name string) bool { return outboxName.MatchString(name) }

// Unsent lists the complete files of an Output folder, oldest first: those with
// a sidecar. What a push was killed at is put right on the way: a sidecar whose
// file is in Sent/ below dir follows it there.
func Unsent(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("unsent files: %w", err)
	}
	var files []string
	for _, e := range entries {
		name, isSidecar := strings.CutSuffix(e.Name(), sidecarSuffix)
		if !isSidecar || !outboxName.MatchString(name) {
			continue
		}
		switch _, err := os.Lstat(filepath.Join(dir, name)); {
		case err == nil:
			files = append(files, filepath.Join(dir, name))
		case errors.Is(err, fs.ErrNotExist):
			if err := follow(dir, name); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("unsent files: %w", err)
		}
	}
	slices.Sort(files) // names begin with the interval
	return files, nil
}

// follow moves a sidecar to the file it belongs to, in Sent/.
func follow(dir, name string) error {
	sent := filepath.Join(dir, "Sent")
	if _, err := os.Lstat(filepath.Join(sent, name)); err != nil {
		return nil // it belongs to nothing here; leave it to a person
	}
	return os.Rename(filepath.Join(dir, name+sidecarSuffix), filepath.Join(sent, name+sidecarSuffix))
}

// moveToSent moves a delivered file and then its sidecar: the file first, so
// that from then on it is not unsent.
func (p *Pusher) moveToSent(file string) error {
	for _, f := range []string{file, file + sidecarSuffix} {
		if err := os.Rename(f, filepath.Join(p.Sent, filepath.Base(f))); err != nil {
			return fmt.Errorf("delivered, but not moved: %w", err)
		}
	}
	return nil
}

// readSidecar reads a file's sidecar as it is to be sent.
func readSidecar(file string) ([]byte, error) {
	f, err := os.Open(file + sidecarSuffix)
	if err != nil {
		return nil, fmt.Errorf("sidecar: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSidecar+1))
	if err != nil {
		return nil, fmt.Errorf("sidecar: %w", err)
	}
	if len(text) == 0 || len(text) > maxSidecar {
		return nil, fmt.Errorf("sidecar %s: %d bytes is not one line of sha256sum", f.Name(), len(text))
	}
	return text, nil
}

// Hand moves complete files, which have their sidecars beside them, into a dropbox on the
// same file system. It returns those that were moved, also with an error. The sidecar goes
// first: a file that a killed run left behind without it gets it again and follows.
func Hand(files []string, dropbox string) (moved []string, err error) {
	if err := os.MkdirAll(dropbox, 0o755); err != nil {
		return nil, fmt.Errorf("dropbox %s: %w", dropbox, err)
	}
	for _, file := range files {
		for _, f := range []string{file + sidecarSuffix, file} {
			if err := os.Rename(f, filepath.Join(dropbox, filepath.Base(f))); err != nil {
				return moved, fmt.Errorf("dropbox: %w", err)
			}
		}
		moved = append(moved, file)
	}
	return moved, nil
}
