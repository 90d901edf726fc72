package edition

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"mtric.net/mtric/engine/files"
)

// ErrThere says that a report of the period is in place that this one must not
// replace: a final one, or one that knew as much.
var ErrThere = errors.New("is there already; --force makes a new revision")

// MaxJSON bounds a JSON edition that is read: 200 vantage points give some 10 MB.
const MaxJSON = 256 << 20

// revisions is the folder that holds what was replaced.
const revisions = "revisions"

// WriteJSON writes a value indented.
func WriteJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// WriteFile writes a file into a folder that nobody reads yet, and its folder.
func WriteFile(path string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return fmt.Errorf("report %s: %w", filepath.Base(path), err)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err = f.Write(b.Bytes())
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// WriteFiles writes files by their names below a folder that nobody reads yet.
func WriteFiles(dir string, files map[string]func(io.Writer) error) error {
	for name, write := range files {
		if err := WriteFile(filepath.Join(dir, filepath.FromSlash(name)), write); err != nil {
			return err
		}
	}
	return nil
}

// ReadFile reads an edition that is in place, at most MaxJSON bytes of it; nil where there is
// none.
func ReadFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxJSON))
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return text, nil
}

// Put puts the folder that write fills in place, whole or not at all. One that was there
// becomes revisions/N of the new one, N being the revision replaced; 0 is none.
func Put(out, folder string, replaced int, write func(dir string) error) error {
	final, next := filepath.Join(out, folder), filepath.Join(out, "."+folder+".new")
	if err := os.RemoveAll(next); err != nil { // of a run that was killed
		return fmt.Errorf("report: %w", err)
	}
	err := write(next)
	if err == nil && replaced > 0 {
		err = keepRevision(final, next, replaced)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(next))
	}
	return swap(next, final)
}

// keepRevision links the files of the report in place into the new folder:
// its own below revisions/N, those of earlier revisions as they are.
func keepRevision(final, next string, revision int) error {
	return filepath.WalkDir(final, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("report: %w", err)
		}
		rel, err := filepath.Rel(final, path)
		if err != nil || e.IsDir() {
			return err
		}
		to := filepath.Join(next, revisions, fmt.Sprint(revision), rel)
		if strings.HasPrefix(rel, revisions+string(filepath.Separator)) {
			to = filepath.Join(next, rel)
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return fmt.Errorf("report: %w", err)
		}
		if err := os.Link(path, to); err != nil {
			return fmt.Errorf("report: keep revision %d: %w", revision, err)
		}
		return nil
	})
}

// swap puts the new folder in the place of the old one in one step: a reader sees
// one report or the other.
func swap(next, final string) error {
	err := unix.Renameat2(unix.AT_FDCWD, next, unix.AT_FDCWD, final, unix.RENAME_EXCHANGE)
	if err != nil {
		// Nothing is there yet, or the file system cannot exchange: then there is a
		// moment without a report, and the old one waits beside.
		old := next + ".old"
		if moved := os.Rename(final, old); moved == nil {
			defer os.RemoveAll(old)
		}
		err = os.Rename(next, final)
	}
	if err == nil {
		err = os.RemoveAll(next)
	}
	if err == nil {
		err = files.SyncDir(filepath.Dir(final))
	}
	if err != nil {
		return fmt.Errorf("report: put %s in place: %w", final, err)
	}
	return nil
}
