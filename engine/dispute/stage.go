package dispute

import (
	"archive/zip"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"mtric.net/mtric/engine/report"
)

// Bounds of a dossier, which may come from anybody.
const (
	mostManifest = 16 << 20 // bytes
	mostFiles    = 20_000
	mostFile     = 256 << 20 // bytes, unpacked
	mostBytes    = 2 << 30   // of all files
)

// ErrNone says that what was named is no dossier.
var ErrNone = errors.New("no dossier")

func none(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrNone, fmt.Errorf(format, args...))
}

// source is a dossier's folder, in the file system or in a zip.
type source struct {
	files fs.FS
	close func() error
}

// open opens a folder or a zip.
func open(name string) (*source, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, none("%w", err)
	case info.IsDir():
		root, err := os.OpenRoot(name) // no link leads out of it
		if err != nil {
			return nil, none("%w", err)
		}
		return &source{root.FS(), root.Close}, nil
	case !info.Mode().IsRegular():
		return nil, none("%s is neither a folder nor a file", name)
	case info.Size() > mostBytes:
		return nil, none("%s has more than %d bytes", name, int64(mostBytes))
	}
	z, err := zip.OpenReader(name)
	if err != nil {
		return nil, none("%s: %w", name, err)
	}
	files, err := inZip(&z.Reader)
	if err != nil {
		return nil, errors.Join(none("%s: %w", name, err), z.Close())
	}
	return &source{files, z.Close}, nil
}

// inZip is the folder in a zip that has the manifest. A name that leads out of the zip, or
// that it has twice, is refused before anything is read.
func inZip(z *zip.Reader) (fs.FS, error) {
	if len(z.File) > mostFiles {
		return nil, fmt.Errorf("has %d files, more than %d", len(z.File), mostFiles)
	}
	top, seen := "", map[string]bool{}
	for _, f := range z.File {
		name := strings.TrimSuffix(f.Name, "/")
		switch {
		case !fs.ValidPath(name) || strings.ContainsAny(name, "\\:\x00"):
			return nil, fmt.Errorf("has a file %.80q, which leads elsewhere", f.Name)
		case seen[name]:
			return nil, fmt.Errorf("has %.80q twice", f.Name)
		case !f.Mode().IsRegular() && !f.Mode().IsDir():
			return nil, fmt.Errorf("has %.80q, which is no file", f.Name)
		case path.Base(name) == report.ManifestFile && strings.Count(name, "/") < 2 && top == "":
			top = path.Dir(name)
		}
		seen[name] = true
	}
	if top == "" {
		return nil, fmt.Errorf("has no %s", report.ManifestFile)
	}
	return fs.Sub(z, top)
}

// manifest reads what the dossier says that it has.
func (s *source) manifest() (*report.Manifest, error) {
	text, err := s.read(report.ManifestFile, mostManifest)
	if err != nil {
		return nil, none("%w", err)
	}
	var m report.Manifest
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&m); err != nil {
		return nil, none("%s: %w", report.ManifestFile, err)
	}
	if m.Schema != report.DossierSchema {
		return nil, none("%s is of %.40q, and this program knows %s", report.ManifestFile, m.Schema, report.DossierSchema)
	}
	if len(m.Files) > mostFiles {
		return nil, none("%s names %d files, more than %d", report.ManifestFile, len(m.Files), mostFiles)
	}
	var all int64
	seen := map[string]bool{}
	for _, f := range m.Files {
		if !fs.ValidPath(f.Path) || strings.ContainsAny(f.Path, "\\:\x00") || f.Path == "." {
			return nil, none("%s names a file %.80q, which leads elsewhere", report.ManifestFile, f.Path)
		}
		if f.Size < 0 || f.Size > mostFile {
			return nil, none("%s says that %s has %d bytes; at most %d are read", report.ManifestFile, f.Path, f.Size, int64(mostFile))
		}
		if all += f.Size; all > mostBytes {
			return nil, none("%s names more than %d bytes", report.ManifestFile, int64(mostBytes))
		}
		if seen[f.Path] {
			return nil, none("%s names %s twice", report.ManifestFile, f.Path)
		}
		seen[f.Path] = true
	}
	return &m, nil
}

// regular opens a file that is one: opening a pipe would wait for ever.
func (s *source) regular(name string) (fs.File, error) {
	info, err := fs.Stat(s.files, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", name)
	}
	return s.files.Open(name)
}

func (s *source) read(name string, most int64) ([]byte, error) {
	f, err := s.regular(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s has more than %d bytes", name, most)
	}
	return text, err
}

// The reasons why a file is not used.
var (
	errAltered = errors.New("altered")
	errMissing = errors.New("missing")
)

// stage copies a file into a folder if it is what the manifest says. What the judge does not
// need is only looked at.
func (s *source) stage(f report.File, dir string) (err error) {
	in, err := s.regular(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return errMissing
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errAltered, err)
	}
	defer in.Close()
	hashed := sha256.New()
	to := io.Writer(hashed)
	var out *os.File
	target := filepath.Join(dir, filepath.FromSlash(f.Path))
	if wanted(f.Path) {
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if out, err = os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644); err != nil {
			return err
		}
		defer func() {
			if err = errors.Join(err, out.Close()); err != nil {
				err = errors.Join(err, os.Remove(target))
			}
		}()
		to = io.MultiWriter(hashed, out)
	}
	limit := f.Size
	if f.LeftOut != "" && f.Size == 0 { // a zone that somebody has put there; nobody knew its size
		limit = mostFile
	}
	n, err := io.Copy(to, io.LimitReader(in, limit+1))
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", errAltered, err)
	case n > limit || n < f.Size || hex.EncodeToString(hashed.Sum(nil)) != f.SHA256:
		return errAltered
	}
	return nil
}

// wanted says whether anything is read of a file but its sum.
func wanted(name string) bool {
	first, _, inside := strings.Cut(name, "/")
	return slices.Contains([]string{report.DossierLake, report.DossierZones, report.DossierPlans, report.DossierAnswers}, first) ||
		!inside && !strings.HasSuffix(name, ".html") && !strings.HasSuffix(name, ".txt")
}

// unlisted are the files that the manifest does not name, at most twenty of them.
func (s *source) unlisted(m *report.Manifest) (names []string, err error) {
	listed := map[string]bool{report.ManifestFile: true}
	for _, f := range m.Files {
		listed[f.Path] = true
	}
	seen := 0
	err = fs.WalkDir(s.files, ".", func(name string, e fs.DirEntry, err error) error {
		if seen++; err != nil || seen > 2*mostFiles || len(names) == 20 {
			return cmp.Or(err, fs.SkipAll)
		}
		if !e.IsDir() && !listed[name] {
			names = append(names, name)
		}
		return nil
	})
	return names, err
}
