package rootzone

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/google/renameio/v2"

	"mtric.net/mtric/engine/files"
)

// keptRecords is how many records remain of an archive that keeps one zone.
const keptRecords = 100

// KeepLatest makes an archive one of a single zone, as a vantage point has it:
// zones older than the serial go, and all but the last 100 records. Newer files
// stay: who put them there should see that they were not good.
func KeepLatest(dir string, serial uint32) error {
	if _, err := os.Stat(filepath.Join(dir, FileName(serial))); err != nil {
		return fmt.Errorf("root zones: %w", err) // the one to keep must be there
	}
	serials, err := Serials(dir)
	if err != nil {
		return err
	}
	for _, s := range serials {
		if Compare(s, serial) < 0 {
			if err := os.Remove(filepath.Join(dir, FileName(s))); err != nil {
				return fmt.Errorf("root zones: %w", err)
			}
		}
	}
	records, err := Records(dir)
	if err != nil || len(records) <= keptRecords {
		return err
	}
	return writeRecords(RecordsFile(dir), records[len(records)-keptRecords:])
}

// WriteRecords makes the records of an archive.
func WriteRecords(dir string, records []Record) error { return writeRecords(RecordsFile(dir), records) }

func writeRecords(path string, records []Record) error {
	var text []byte
	for _, r := range records {
		line, err := r.line()
		if err != nil {
			return err
		}
		text = append(text, line...)
	}
	if err := renameio.WriteFile(path, text, 0o644, renameio.WithTempDir(filepath.Dir(path))); err != nil {
		return fmt.Errorf("fetch records: %w", err)
	}
	return files.SyncDir(filepath.Dir(path))
}

const (
	rollSize  = 256 << 10           // of fetches.jsonl, less is not worth it
	rollAway  = 1000                // records that are rolled away at once, at least
	rollLeave = 500                 // records that stay in it, and
	rollAge   = 10 * 24 * time.Hour // those of so long: judging asks for them, each ingest
)

// roll moves the older records of an archive to a file of their own, named by the
// first of them, when there are many. Broken off between the two files, the next one
// writes the first anew. A file that is damaged stays as it is; Records says so.
func roll(dir string) error {
	info, err := os.Stat(RecordsFile(dir))
	if err != nil || info.Size() <= rollSize {
		return nil // none is none
	}
	records, err := Records(dir)
	if err != nil {
		return nil
	}
	old := len(records) - rollLeave
	for old > 0 && records[len(records)-1].At.Sub(records[old-1].At) < rollAge {
		old--
	}
	for old > 0 && !slices.ContainsFunc(records[old:], func(r Record) bool { return !r.ByHand }) {
		old-- // the last fetch is what judging asks for
	}
	if old < rollAway {
		return nil
	}
	name := "fetches-" + records[0].At.Format("20060102T150405Z") + ".jsonl"
	if err := writeRecords(filepath.Join(dir, name), records[:old]); err != nil {
		return err
	}
	return writeRecords(RecordsFile(dir), records[old:])
}

// OldRecords reads the records of an archive that are older than those that Records
// reads, in the order of their files.
func OldRecords(dir string) ([]Record, error) {
	entries, err := os.ReadDir(dir) // by name
	if err != nil {
		return nil, fmt.Errorf("fetch records: %w", err)
	}
	all := []Record{}
	for _, e := range entries {
		if oldRecords.MatchString(e.Name()) {
			some, err := readRecords(filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
	}
	return all, nil
}

var oldRecords = regexp.MustCompile(`^fetches-[0-9]{8}T[0-9]{6}Z\.jsonl$`)
