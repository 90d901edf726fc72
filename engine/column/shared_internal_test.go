package column

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/renameio/v2"
)

// A file that begins as a clone of another has, when it is done, what was written to it
// and nothing else: where that is the same, longer, shorter or other than the clone, and
// where there is no clone to be had.
func TestSharedFileIsWhatWasWritten(t *testing.T) {
	copied := func(to, from *os.File) error {
		_, err := io.Copy(to, from)
		return err
	}
	half := func(to, from *os.File) error {
		_, err := io.CopyN(to, from, 3)
		return errors.Join(err, errors.New("no space left"))
	}
	for name, clone := range map[string]func(to, from *os.File) error{"clone": copied, "half": half, "of the file system": nil} {
		for _, parts := range [][]string{{"abcd", "efgh"}, {"abcd", "efgh", "ijkl"}, {"abcd"}, {"abXd", "efgh"}, {"abcd", "XX", "efgh"}, {"abcdefghijk"}, {}} {
			dir := t.TempDir()
			path, other := filepath.Join(dir, "x"), filepath.Join(dir, "old")
			if err := os.WriteFile(other, []byte("abcdefgh"), 0o644); err != nil {
				t.Fatal(err)
			}
			pending, err := renameio.NewPendingFile(path, renameio.WithTempDir(dir))
			if err != nil {
				t.Fatal(err)
			}
			f := &sharedFile{PendingFile: pending, clone: clone}
			err = f.begin(other)
			want := ""
			for _, part := range parts {
				n, writeErr := f.Write([]byte(part))
				if err = errors.Join(err, writeErr); n != len(part) {
					t.Errorf("%s: wrote %d of %q", name, n, part)
				}
				want += part
			}
			if err := errors.Join(err, f.end(), f.CloseAtomicallyReplace()); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != want {
				t.Errorf("%s: %q, want %q, %v", name, got, want, err)
			}
		}
	}
}
