// Package originals keeps the files of vantage points as they were received: loose, each
// with its sidecar, and packed, one file a day for all vantage points, once the day is a
// week old (docs/data.md). Readers see no difference: packing is neither arrival nor loss.
//
//	Originals/202611/202611222240-101.answers.parquet (+ .sha256)   loose
//	Originals/202611/20261122.tar.zst (+ .sha256)                   a pack
//	Originals/202611/20261122-2.tar.zst (+ .sha256)                 what came later, or did not fit
//
// A pack is written once, read back, and never rewritten.
package originals

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// Kind is what an original holds: the end of its name.
type Kind string

// The kinds of originals.
const (
	Answers Kind = "answers.parquet"
	Routes  Kind = "routes.parquet"
	Alerts  Kind = "alerts.json"
	Plan    Kind = "plan.json"
)

// packs says which kinds go into packs. Plans stay loose: they are a few a year, and
// looked for whatever their age.
var packs = map[Kind]bool{Answers: true, Routes: true, Alerts: true, Plan: false}

// Name is an original's name taken apart.
type Name struct {
	Label        time.Time // of the interval
	VantagePoint measurement.VantagePoint
	Kind         Kind
}

// String is the name, "202611222240-101.answers.parquet".
func (n Name) String() string {
	return interval.Format(n.Label) + "-" + string(n.VantagePoint) + "." + string(n.Kind)
}

// ParseName reads what String writes; ours is false if the name is not an original's.
func ParseName(name string) (n Name, ours bool) {
	stem, kind, _ := strings.Cut(name, ".")
	stamp, vp, _ := strings.Cut(stem, "-")
	label, err := interval.Parse(stamp)
	n = Name{label, measurement.VantagePoint(vp), Kind(kind)}
	_, known := packs[n.Kind]
	return n, err == nil && known && n.VantagePoint.Machine()
}

// Store is a folder of originals. It may be used by several goroutines; while it is in
// use nobody but its Packer packs. The zero value but for Dir is ready.
type Store struct {
	Dir string

	mu   sync.Mutex
	day  time.Time         // whose packs were looked into last
	sums map[string]string // of what they hold, by name
}

// Path is where an original lies as long as it is loose.
func (s *Store) Path(n Name) string {
	return filepath.Join(s.Dir, interval.Partition(n.Label), n.String())
}

// packPath is the nth pack of a day, from 1 on.
func (s *Store) packPath(day time.Time, n int) string {
	name := day.Format("20060102")
	if n > 1 {
		name += fmt.Sprintf("-%d", n)
	}
	return filepath.Join(s.Dir, interval.Partition(day), name+packSuffix)
}

const packSuffix = ".tar.zst"

// packs are the paths of the day's packs, by number. Numbers may lack: a damaged pack is
// moved away by hand.
func (s *Store) packs(day time.Time) (paths []string, err error) {
	dir := filepath.Join(s.Dir, interval.Partition(day))
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("originals: %w", err)
	}
	defer d.Close()
	prefix := day.Format("20060102")
	for {
		names, err := d.Readdirnames(1000) // a month may have 100,000 loose files
		for _, name := range names {
			if strings.HasPrefix(name, prefix) && isPack(name) {
				paths = append(paths, filepath.Join(dir, name))
			}
		}
		if errors.Is(err, io.EOF) {
			slices.SortFunc(paths, comparePacks)
			return paths, nil
		}
		if err != nil {
			return nil, fmt.Errorf("originals: %w", err)
		}
	}
}

// Sum is the sha256 of an original in hex, loose or packed. One that is not there is
// fs.ErrNotExist.
func (s *Store) Sum(name string) (string, error) {
	n, ours := ParseName(name)
	if !ours {
		return "", fmt.Errorf("original %.100q: %w", name, fs.ErrNotExist)
	}
	sum, err := files.Sum(s.Path(n))
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return sum, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.look(interval.Day(n.Label)); err != nil {
		return "", err
	}
	if sum, packed := s.sums[name]; packed {
		return sum, nil
	}
	return "", fmt.Errorf("original %s: %w", name, fs.ErrNotExist)
}

// look reads the indexes of a day's packs. The files of an ingest come by the day, so
// that one day is remembered.
func (s *Store) look(day time.Time) error {
	if s.sums != nil && s.day.Equal(day) {
		return nil
	}
	s.sums = nil
	paths, err := s.packs(day)
	if err != nil {
		return err
	}
	sums := map[string]string{}
	for _, path := range paths {
		entries, err := ReadIndex(path)
		if err != nil {
			return err
		}
		for _, e := range entries {
			sums[e.Name] = e.SHA256
		}
	}
	s.day, s.sums = day, sums
	return nil
}

// forgetLook is for who has changed the packs.
func (s *Store) forgetLook() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sums = nil
}

// months yields the folders of the months that have begun before a time; a zero time is
// no bound. A folder of originals that is not there has none.
func (s *Store) months(before time.Time) (dirs []string, err error) {
	entries, err := os.ReadDir(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("originals: %w", err)
	}
	for _, e := range entries {
		begin, err := time.Parse("200601", e.Name())
		if err == nil && e.IsDir() && (before.IsZero() || begin.Before(before)) {
			dirs = append(dirs, filepath.Join(s.Dir, e.Name()))
		}
	}
	return dirs, nil
}

// Plans are the paths of the plans that a vantage point has sent.
func (s *Store) Plans(vp measurement.VantagePoint) (paths []string, err error) {
	months, err := s.months(time.Time{})
	if err != nil {
		return nil, err
	}
	for _, dir := range months {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("originals: %w", err)
		}
		for _, e := range entries {
			if n, ours := ParseName(e.Name()); ours && n.Kind == Plan && n.VantagePoint == vp {
				paths = append(paths, filepath.Join(dir, e.Name()))
			}
		}
	}
	return paths, nil
}

// Since counts the originals that were kept after a time: loose ones by the time of their
// file, packed ones by their index. A pack whose newest member is older is not opened.
func (s *Store) Since(t time.Time) (n int64, err error) {
	months, err := s.months(time.Time{})
	if err != nil {
		return 0, err
	}
	for _, dir := range months {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return 0, fmt.Errorf("originals: %w", err)
		}
		for _, e := range entries {
			_, loose := ParseName(e.Name())
			if !loose && !isPack(e.Name()) {
				continue
			}
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) || err == nil && !info.ModTime().After(t) {
				continue
			}
			if err != nil {
				return 0, fmt.Errorf("originals: %w", err)
			}
			if loose {
				n++
				continue
			}
			members, err := ReadIndex(filepath.Join(dir, e.Name()))
			if err != nil {
				return 0, err
			}
			for _, m := range members {
				if m.IngestedAt != nil && m.IngestedAt.After(t) {
					n++
				}
			}
		}
	}
	return n, nil
}

// Forget removes originals that were put here before a time. The packs of a day go
// together, once all that is in them would have gone. Only months that began before then
// are looked through: all but one of them are empty, so the cost does not grow with the
// age of the archive.
func (s *Store) Forget(oldest time.Time) error {
	months, err := s.months(oldest)
	errs := []error{err}
	for _, dir := range months {
		errs = append(errs, forgetIn(dir, oldest))
	}
	s.forgetLook()
	return errors.Join(errs...)
}

func forgetIn(dir string, oldest time.Time) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("originals: %w", err)
	}
	remove := func(name string) error {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("originals: %w", err)
		}
		return nil
	}
	var errs []error
	packed, young := map[string][]string{}, map[string]bool{} // by day
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		pack := strings.TrimSuffix(e.Name(), sidecarSuffix)
		switch {
		case !info.Mode().IsRegular():
		case isPack(pack):
			day := pack[:len("20060102")]
			packed[day] = append(packed[day], e.Name())
			young[day] = young[day] || pack == e.Name() && !info.ModTime().Before(oldest)
		case changed(info).Before(oldest):
			errs = append(errs, remove(e.Name()))
		}
	}
	for day, names := range packed {
		if young[day] {
			continue
		}
		for _, name := range names {
			errs = append(errs, remove(name))
		}
	}
	return errors.Join(errs...)
}

const sidecarSuffix = ".sha256"

// changed is the inode's time of change, set by the kernel alone.
func changed(info os.FileInfo) time.Time {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(s.Ctim.Unix()).UTC()
	}
	return info.ModTime().UTC()
}
