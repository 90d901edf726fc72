package originals

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/interval"
)

// Day is what a folder of originals has of a day.
type Day struct {
	Day time.Time // 00:00 UTC

	loose []string // paths
	packs []string
}

// Days lists the days of which there are originals, loose or packed, oldest first. Of each
// month only the names are in memory, and of one month at a time where use does not keep
// them.
func (s *Store) Days(use func(Day) error) error {
	months, err := s.months(time.Time{})
	if err != nil {
		return err
	}
	slices.Sort(months)
	for _, dir := range months {
		days, err := daysIn(dir)
		if err != nil {
			return err
		}
		for _, day := range slices.SortedFunc(maps.Keys(days), time.Time.Compare) {
			if err := use(*days[day]); err != nil {
				return err
			}
		}
	}
	return nil
}

func daysIn(dir string) (map[time.Time]*Day, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("originals: %w", err)
	}
	days := map[time.Time]*Day{}
	of := func(day time.Time) *Day {
		if days[day] == nil {
			days[day] = &Day{Day: day}
		}
		return days[day]
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if n, ours := ParseName(e.Name()); ours {
			d := of(interval.Day(n.Label))
			d.loose = append(d.loose, path)
		} else if m := packName.FindStringSubmatch(e.Name()); m != nil {
			if day, err := time.Parse("20060102", m[1]); err == nil {
				d := of(day)
				d.packs = append(d.packs, path)
			}
		}
	}
	for _, d := range days {
		slices.SortFunc(d.packs, comparePacks)
	}
	return days, nil
}

// File is an original with what its pack's index says of it.
type File struct {
	Entry
	Indexed bool   // it is of a pack; ReceivedAt, IngestedAt and Order of others say nothing
	Data    []byte // valid until use returns

	// Sidecar is the time of a loose file's sidecar, which ingest sets to when it arrived.
	// Copying may have lost it.
	Sidecar time.Time
}

// Each gives use every original of the day once, packed ones first, each held against its
// sum. What is wrong with a file or a pack goes to damaged, and the others come all the
// same; an error of use ends it.
func (d Day) Each(use func(File) error, damaged func(error)) error {
	sums := map[string]string{}
	for _, path := range d.packs {
		if err := eachIn(path, sums, use, damaged); err != nil {
			return err
		}
	}
	for _, path := range d.loose {
		name := filepath.Base(path)
		data, sum, at, err := readLoose(path)
		had, packed := sums[name]
		switch {
		case err != nil:
			damaged(fmt.Errorf("%s: %w", path, err))
			continue
		case packed && had != sum:
			damaged(fmt.Errorf("%s: a pack of its day has another file of this name, sha256 %s, and that is taken", path, had))
			continue
		case packed:
			continue
		}
		if err := use(File{Entry: Entry{Name: name, Size: int64(len(data)), SHA256: sum}, Data: data, Sidecar: at}); err != nil {
			return err
		}
	}
	return nil
}

func eachIn(path string, sums map[string]string, use func(File) error, damaged func(error)) (err error) {
	p, err := Open(path)
	if err != nil {
		damaged(err)
		return nil
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	for {
		e, data, err := p.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			damaged(err)
			return nil
		}
		if had, twice := sums[e.Name]; twice {
			if had != e.SHA256 {
				damaged(fmt.Errorf("pack %s: another pack of the day has another %s, sha256 %s, and that is taken", path, e.Name, had))
			}
			continue
		}
		sums[e.Name] = e.SHA256
		if err := use(File{Entry: e, Indexed: true, Data: data}); err != nil {
			return err
		}
	}
}

// readLoose reads a file and holds it against its sidecar, of which it returns the time.
func readLoose(path string) (data []byte, sum string, at time.Time, err error) {
	info, err := os.Stat(files.Sidecar(path))
	if err != nil {
		return nil, "", at, err
	}
	sidecar, err := os.ReadFile(files.Sidecar(path))
	if err != nil {
		return nil, "", at, err
	}
	want, err := files.ParseSidecar(sidecar, filepath.Base(path))
	if err != nil {
		return nil, "", at, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, "", at, err
	}
	defer f.Close()
	if data, err = io.ReadAll(io.LimitReader(f, maxMember+1)); err != nil {
		return nil, "", at, err
	}
	raw := sha256.Sum256(data)
	sum = hex.EncodeToString(raw[:])
	if len(data) > maxMember || sum != want {
		return nil, "", at, fmt.Errorf("is damaged: sha256 is %s, its sidecar says %s", sum, want)
	}
	return data, sum, info.ModTime().UTC(), nil
}
