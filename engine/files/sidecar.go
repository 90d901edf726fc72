package files

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
)

// Sidecar is the name of the file's sidecar.
func Sidecar(path string) string { return path + ".sha256" }

// WriteSidecar writes the file's sha256 beside it, as sha256sum does. It is
// written last: a file without sidecar is not there yet.
func WriteSidecar(path string) error {
	sum, err := Sum(path)
	if err != nil {
		return fmt.Errorf("sidecar of %s: %w", path, err)
	}
	line := sum + "  " + filepath.Base(path) + "\n"
	if err := renameio.WriteFile(Sidecar(path), []byte(line), 0o644, renameio.WithTempDir(filepath.Dir(path))); err != nil {
		return fmt.Errorf("sidecar of %s: %w", path, err)
	}
	return SyncDir(filepath.Dir(path))
}

// MaxSidecar bounds a sidecar in bytes: a sum, two blanks and a file name.
const MaxSidecar = 512

// ParseSidecar returns the sha256, in hex, that a sidecar says of the file name. It reads
// the forms of one line that sha256sum, shasum and the BSDs write: text and binary mode,
// "./" before the name, "SHA256 (name) = sum", LF or CR LF.
func ParseSidecar(text []byte, name string) (string, error) {
	line := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	sum, named, _ := strings.Cut(line, " ")
	if rest, bsd := strings.CutPrefix(line, "SHA256 ("); bsd {
		named, sum, _ = strings.Cut(rest, ") = ")
	} else if mode := strings.TrimLeft(named, " *"); len(named)-len(mode) == 1 {
		named = mode
	} else {
		named = "" // neither " name" nor "*name"
	}
	named = strings.TrimPrefix(named, "./")
	if raw, err := hex.DecodeString(sum); len(text) > MaxSidecar || err != nil || len(raw) != sha256.Size || named != name {
		return "", fmt.Errorf("sidecar: want one line of sha256sum for %s", name)
	}
	return strings.ToLower(sum), nil
}

// CheckSidecar compares the file with its sidecar; a missing sidecar is an error
// that is fs.ErrNotExist.
func CheckSidecar(path string) error {
	f, err := os.Open(Sidecar(path))
	if err != nil {
		return fmt.Errorf("sidecar: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxSidecar+1))
	if err != nil {
		return fmt.Errorf("sidecar %s: %w", f.Name(), err)
	}
	want, err := ParseSidecar(text, filepath.Base(path))
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	got, err := Sum(path)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%s: sha256 is %s, its sidecar says %s", path, got, want)
	}
	return nil
}

// Sum is the sha256 of a file in hex.
func Sum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
