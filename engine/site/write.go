package site

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// MaxFile is how many bytes a data file has at most.
const MaxFile = 256 << 10

// errLarge says that a file would be larger than MaxFile.
var errLarge = errors.New("too large")

// writer writes the files of a site. What is there already with the same bytes stays.
type writer struct {
	out    string
	result *Result
}

// data writes a data file.
func (w *writer) data(key string, value any) error {
	text, err := script(key, value)
	if err != nil {
		return err
	}
	if len(text) > MaxFile {
		return fmt.Errorf("data file %s: %d bytes, more than %d: %w", key, len(text), MaxFile, errLarge)
	}
	return w.file(filepath.Join("data", filepath.FromSlash(key)+".js"), text)
}

const before, after = "mtric.tile(", ");\n"

// script is a data file: a call with JSON, whose <, >, & and line separators are escaped, so that
// no text from outside can end the script or the element that it stands in.
func script(key string, value any) ([]byte, error) {
	var b bytes.Buffer
	name, err := json.Marshal(key)
	if err == nil {
		b.WriteString(before)
		b.Write(name)
		b.WriteString(", ")
		err = json.NewEncoder(&b).Encode(value) // escapes HTML
	}
	if err != nil {
		return nil, fmt.Errorf("data file %s: %w", key, err)
	}
	b.Truncate(b.Len() - 1)
	b.WriteString(after)
	return b.Bytes(), nil
}

// read reads a data file back; false where there is none that is whole.
func (w *writer) read(key string, value any) (bool, error) {
	data, err := os.ReadFile(filepath.Join(w.out, "data", filepath.FromSlash(key)+".js"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("site: %w", err)
	}
	name, err := json.Marshal(key)
	if err != nil {
		return false, fmt.Errorf("data file %s: %w", key, err)
	}
	data, begins := bytes.CutPrefix(data, append([]byte(before), append(name, ", "...)...))
	data, ends := bytes.CutSuffix(data, []byte(after))
	return begins && ends && json.Unmarshal(data, value) == nil, nil
}

// file replaces a file whose bytes are others.
func (w *writer) file(name string, data []byte) error {
	path := filepath.Join(w.out, name)
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return nil
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("site: %w", err)
	}
	if err := w.replace(path, data); err != nil {
		return fmt.Errorf("site: %w", err)
	}
	w.result.Files++
	w.result.Bytes += int64(len(data))
	return nil
}

// hidden writes a file that is not the site's.
func (w *writer) hidden(name string, data []byte) error {
	files, size := w.result.Files, w.result.Bytes
	err := w.file(name, data)
	w.result.Files, w.result.Bytes = files, size
	return err
}

// tempDir is where files are written before they have their names; what is in it at the
// beginning a killed run left.
const tempDir = ".new"

// begin makes the folders.
func (w *writer) begin() error {
	err := os.RemoveAll(filepath.Join(w.out, tempDir))
	if err = errors.Join(err, os.MkdirAll(filepath.Join(w.out, tempDir), 0o755)); err != nil {
		return fmt.Errorf("site: %w", err)
	}
	return nil
}

// replace writes a file elsewhere and renames it. The disk is told of all together, in sync.
func (w *writer) replace(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Join(w.out, tempDir), "*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// sync brings all that was written to the disk.
func (w *writer) sync() error {
	d, err := os.Open(w.out)
	if err != nil {
		return fmt.Errorf("site: %w", err)
	}
	if err := errors.Join(unix.Syncfs(int(d.Fd())), d.Close()); err != nil {
		return fmt.Errorf("site: sync %s: %w", w.out, err)
	}
	return nil
}
