package report

import (
	"archive/zip"
	"bytes"
	"cmp"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
)

// DossierSchema names the form of a dossier.
const DossierSchema = "mtric-dossier/1"

// defaultMaxZip is how large a dossier's zip may be: it has to go through the mail. What does
// not fit stays in the folder, and the manifest says where it is public.
const defaultMaxZip = 50_000_000

// perEntry is more than what a zip needs for an entry beside its data and twice its name.
const perEntry = 200

// Manifest is manifest.json of a dossier: every file of it but itself.
type Manifest struct {
	Schema     string          `json:"schema"`
	Version    string          `json:"version"` // of the engine that made it
	Report     string          `json:"report"`  // the report's folder, monthly-2026-11
	Revision   int             `json:"revision"`
	RSI        measurement.RSI `json:"rsi"`
	PlanSHA256 string          `json:"plan_sha256"`
	Incorrect  int             `json:"incorrect"` // answers in lake/ that are to be judged again
	Files      []File          `json:"files"`
}

// File is a file of a dossier.
type File struct {
	Path    string `json:"path"` // in the dossier's folder, with slashes
	Size    int64  `json:"size"`
	SHA256  string `json:"sha256"`
	LeftOut string `json:"left_out,omitempty"` // why it is not in the zip, or not even in the folder
	Address string `json:"address,omitempty"`  // where it is public
	RowsOf  string `json:"rows_of,omitempty"`  // where the file is public that it has rows of
}

// Why files are left out.
const (
	tooLarge  = "too large for the zip"
	notAtHand = "not in the archive"
)

// rank orders files by how much somebody needs them who disputes a verdict.
func (x *dossier) rank(name string) int {
	first, _, inside := strings.Cut(name, "/")
	switch {
	case name == failedFile:
		return 3
	case !inside, first == DossierPlans:
		return 0
	case first == DossierLake, name == DossierZones+"/"+filepath.Base(rootzone.RecordsFile("")):
		return 1
	case first == DossierEvidence:
		return 2
	case first == DossierZones && x.proof.candidates[path.Base(name)]:
		return 4
	case first == DossierZones:
		return 5
	case first == DossierAnswers:
		return 6
	}
	return 7
}

// pack writes the manifest and packs the folder into a file beside it, without times, so
// that equal folders make equal files.
func (x *dossier) pack(file string) error {
	names, err := x.files()
	if err != nil {
		return err
	}
	m := Manifest{Schema: DossierSchema, Version: x.Version, Report: Folder(x.d.Style, x.d.From), Revision: x.d.Revision, RSI: x.rsi,
		PlanSHA256: x.d.PlanSHA256, Incorrect: x.incorrect, Files: x.lacking()}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	most := cmp.Or(x.MaxZip, defaultMaxZip)
	p := &packer{zip: zip.NewWriter(f), top: string(x.rsi), left: most - manifestRoom(len(names))}
	for _, name := range names {
		entry := File{Path: name}
		if entry.Size, entry.SHA256, entry.LeftOut, err = p.add(x.dir, name); err != nil {
			return errors.Join(err, f.Close())
		}
		entry.Address, entry.RowsOf = x.addresses(name)
		m.Files = append(m.Files, entry)
	}
	slices.SortFunc(m.Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	err = edition.WriteFile(filepath.Join(x.dir, ManifestFile), func(w io.Writer) error { return edition.WriteJSON(w, m) })
	if err == nil {
		p.left = most
		_, _, _, err = p.add(x.dir, ManifestFile)
	}
	return errors.Join(err, p.zip.Close(), f.Sync(), f.Close())
}

// manifestRoom is more than the manifest takes in the zip.
func manifestRoom(files int) int64 { return 4096 + int64(files)*200 }

// files are those of the folder, what is needed most first.
func (x *dossier) files() (names []string, err error) {
	err = filepath.WalkDir(x.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(x.dir, path)
		if rel = filepath.ToSlash(rel); rel != ManifestFile {
			names = append(names, rel)
		}
		return err
	})
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(x.rank(a)-x.rank(b), cmp.Compare(a, b)) })
	return names, err
}

// lacking are the zones that the judge needs and that the archive has no file of.
func (x *dossier) lacking() (all []File) {
	for serial := range x.proof.zones {
		name := path.Join(DossierZones, rootzone.FileName(serial))
		if _, err := os.Stat(filepath.Join(x.dir, filepath.FromSlash(name))); err != nil {
			entry := File{Path: name, SHA256: x.proof.Sum(serial), LeftOut: notAtHand}
			entry.Address, _ = x.addresses(name)
			all = append(all, entry)
		}
	}
	return all
}

// addresses are where a file is public, or what it has rows of.
func (x *dossier) addresses(name string) (address, rowsOf string) {
	if x.Plan.Contact == nil || x.Plan.Contact.Data == "" {
		return "", ""
	}
	data, base := x.Plan.Contact.Data, path.Base(name)
	switch dir := path.Dir(name); dir {
	case DossierZones:
		if strings.HasSuffix(base, rootzone.FileName(0)[1:]) {
			return data + "rootzones/" + base, ""
		}
	case string(column.Answers), string(column.Routes):
		day, err := time.Parse(dir+"-20060102.parquet", base)
		if err == nil {
			return "", data + filepath.ToSlash(lake.Store{Dir: "lake"}.Path(column.Table(dir), day))
		}
	}
	return "", ""
}

// packer fills a zip up to a size.
type packer struct {
	zip  *zip.Writer
	top  string // the folder in the zip
	left int64

	deflate *flate.Writer // used again: one takes 800 KB, and some dossiers have thousands of files
	packed  bytes.Buffer
}

// add adds a file if there is room for it, and says what it is.
func (p *packer) add(dir, name string) (size int64, sum, leftOut string, err error) {
	file := filepath.Join(dir, filepath.FromSlash(name))
	info, err := os.Stat(file)
	if err != nil {
		return 0, "", "", err
	}
	h := &zip.FileHeader{Name: path.Join(p.top, name), Method: zip.Deflate}
	h.SetMode(info.Mode().Perm())
	if strings.HasSuffix(name, ".parquet") || strings.HasSuffix(name, ".gz") {
		h.Method = zip.Store // compressed already
	}
	hashed, checked := sha256.New(), crc32.NewIEEE()
	in, err := os.Open(file)
	if err != nil {
		return 0, "", "", err
	}
	defer in.Close()
	to := io.MultiWriter(hashed, checked)
	room := info.Size() <= 16*p.left // else it is not even tried: text shrinks to a quarter
	deflated := room && h.Method == zip.Deflate
	if deflated {
		if err := p.begin(); err != nil {
			return 0, "", "", err
		}
		to = io.MultiWriter(hashed, checked, p.deflate)
	}
	if size, err = io.Copy(to, in); err == nil && deflated {
		err = p.deflate.Close()
	}
	if err != nil {
		return 0, "", "", err
	}
	h.CRC32, h.UncompressedSize64, h.CompressedSize64 = checked.Sum32(), uint64(size), uint64(size)
	if deflated {
		h.CompressedSize64 = uint64(p.packed.Len())
	}
	sum = hex.EncodeToString(hashed.Sum(nil))
	takes := int64(h.CompressedSize64) + int64(2*len(h.Name)) + perEntry
	if !room || takes > p.left {
		return size, sum, tooLarge, nil
	}
	p.left -= takes
	return size, sum, "", p.write(h, in)
}

// begin makes the packer ready to deflate a file.
func (p *packer) begin() (err error) {
	p.packed.Reset()
	if p.deflate == nil {
		p.deflate, err = flate.NewWriter(&p.packed, flate.DefaultCompression)
		return err
	}
	p.deflate.Reset(&p.packed)
	return nil
}

// write adds an entry whose head says what is in it.
func (p *packer) write(h *zip.FileHeader, in io.ReadSeeker) error {
	out, err := p.zip.CreateRaw(h)
	if err != nil {
		return err
	}
	from := io.Reader(&p.packed)
	if h.Method == zip.Store {
		if _, err := in.Seek(0, io.SeekStart); err != nil {
			return err
		}
		from = in
	}
	n, err := io.Copy(out, from)
	if err == nil && n != int64(h.CompressedSize64) {
		err = fmt.Errorf("%s: changed while it was packed", h.Name)
	}
	return err
}
