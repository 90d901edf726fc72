package rootzone

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/miekg/dns"

	"mtric.net/mtric/engine/files"
)

// ErrOther says that the archive has another zone under the same serial.
var ErrOther = errors.New("another zone of that serial is in the archive")

// Save keeps a validated zone, from ReadWhole, as dir/<serial>.root.txt in
// canonical order, whole or not at all, and says whether it was new. The same
// records under the same serial are the same zone, however their text was
// written; other records are ErrOther, and nothing is overwritten.
func Save(dir string, z *Zone) (added bool, err error) {
	if z.records == nil {
		return false, errNotWhole
	}
	path := filepath.Join(dir, FileName(z.Serial))
	if kept, err := Has(dir, z); kept || err != nil {
		return false, err
	}
	text, err := z.text()
	if err != nil {
		return false, err
	}
	if err := renameio.WriteFile(path, text, 0o644, renameio.WithTempDir(dir)); err != nil {
		return false, fmt.Errorf("zone %d: %w", z.Serial, err)
	}
	return true, files.SyncDir(dir)
}

// Has says whether the archive keeps the zone. Other records under its serial are
// ErrOther.
func Has(dir string, z *Zone) (bool, error) {
	path := filepath.Join(dir, FileName(z.Serial))
	kept, err := Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("%w: %w", ErrOther, err)
	}
	same, err := z.same(kept)
	if err == nil && !same {
		err = fmt.Errorf("zone %d: %w: %s has other records", z.Serial, ErrOther, path)
	}
	return same, err
}

// unfinished are the files that a killed run was writing.
var unfinished = regexp.MustCompile(`^\.([0-9]+\.root\.txt|fetches(-[0-9TZ]+)?\.jsonl|validators\.json)[0-9]+$`)

// sweep removes what killed runs left; nobody else may be writing.
func sweep(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("root zones: %w", err)
	}
	for _, e := range entries {
		if unfinished.MatchString(e.Name()) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return fmt.Errorf("root zones: %w", err)
			}
		}
	}
	return nil
}

// Open reads a zone file whole. A file of the archive's form must hold the
// serial of its name.
func Open(path string) (*Zone, error) { return open(path, true) }

// Serials lists the zones of an archive, oldest first (RFC 1982).
func Serials(dir string) ([]uint32, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("root zones: %w", err)
	}
	var serials []uint32
	for _, e := range entries {
		if m := fileName.FindStringSubmatch(e.Name()); m != nil {
			if n, err := strconv.ParseUint(m[1], 10, 32); err == nil {
				serials = append(serials, uint32(n))
			}
		}
	}
	slices.SortFunc(serials, Compare)
	return serials, nil
}

// same compares the records of two zones, those that sign and sum up the zone
// included.
func (z *Zone) same(other *Zone) (bool, error) {
	a, err := z.text()
	if err != nil {
		return false, err
	}
	b, err := other.text()
	return err == nil && bytes.Equal(a, b), err
}

// text is the zone in master format in the one form of the archive: canonical
// order but for the SOA record, which comes first, each record once and on a
// line.
func (z *Zone) text() ([]byte, error) {
	wires := make([]wire, 0, len(z.records))
	for _, rr := range z.records {
		w, err := canonical(rr)
		if err != nil {
			return nil, fmt.Errorf("zone %d: %w", z.Serial, err)
		}
		wires = append(wires, w)
	}
	slices.SortFunc(wires, wire.compare)
	wires = slices.CompactFunc(wires, func(a, b wire) bool { return bytes.Equal(a.octets, b.octets) })
	var soa, rest strings.Builder
	for _, w := range wires {
		rr, _, err := dns.UnpackRR(w.octets, 0)
		if err != nil {
			return nil, fmt.Errorf("zone %d: %w", z.Serial, err)
		}
		to := &rest
		if rr.Header().Rrtype == dns.TypeSOA {
			to = &soa
		}
		to.WriteString(rr.String() + "\n")
	}
	return []byte(soa.String() + rest.String()), nil
}
