package rootzone

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Record is one source's success in a fetch, or a zone added by hand or filled in: a
// line of fetches.jsonl beside the zones, or of an older file (OldRecords). Who judges
// answers learns from it until when the archive can be taken as complete.
type Record struct {
	// At is when the source was asked, UTC: a zone published later may be
	// missing, however long the transfer took.
	At     time.Time `json:"at"`
	Serial uint32    `json:"serial"`
	Source string    `json:"source"` // label and address, "file NAME" by hand
	SHA256 string    `json:"sha256"` // of the archived file
	Added  bool      `json:"added"`  // the archive lacked the zone

	// ByHand says that this was no fetch that counts, as nobody asked what the newest
	// zone is: a file that somebody added, or a zone that was missing and asked for by
	// its serial (Fill).
	ByHand bool `json:"by_hand,omitempty"`

	// Unchanged says that the source sent no records: it only told that it still has
	// this zone, by "not modified" or by its SOA record. Records of older versions lack
	// it; there a server said so only of what it had sent before.
	Unchanged bool `json:"unchanged,omitempty"`

	// Notes say what is odd about a zone that was added, such as no digest that is known
	// (RFC 8976 section 4).
	Notes []string `json:"notes,omitempty"`
}

// recordsName is the file of the records in the archive's folder.
const recordsName = "fetches.jsonl"

// maxRecord bounds a line of the file in bytes.
const maxRecord = 16 << 10

// RecordsFile is the path of the records in an archive's folder.
func RecordsFile(dir string) string { return filepath.Join(dir, recordsName) }

// Records reads the latest records of an archive in the order they were written, those
// of ten days at least; none where there is no file. A last line that a kill cut
// short is passed over; any other damage is an error that names the line.
func Records(dir string) ([]Record, error) { return readRecords(RecordsFile(dir)) }

func readRecords(path string) ([]Record, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("fetch records: %w", err)
	}
	defer f.Close()
	var records []Record
	r := bufio.NewReaderSize(f, maxRecord)
	for number := 1; ; number++ {
		line, err := r.ReadSlice('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("fetch records: %s:%d: %w", f.Name(), number, err)
		}
		last := err != nil
		if last && len(line) == 0 {
			return records, nil
		}
		record, err := parseRecord(line)
		switch {
		case err == nil:
			records = append(records, record)
		case !last:
			return nil, fmt.Errorf("fetch records: %s:%d: %w; mend or remove the line", f.Name(), number, err)
		}
		if last {
			return records, nil
		}
	}
}

// parseRecord reads one line. Keys that are not known are from a later version
// and are passed over.
func parseRecord(line []byte) (Record, error) {
	var seen struct {
		Record
		Serial *uint32 `json:"serial"`
	}
	if err := json.Unmarshal(line, &seen); err != nil {
		return Record{}, err
	}
	if seen.At.IsZero() || seen.Serial == nil || seen.Source == "" {
		return Record{}, errors.New(`a record has "at", "serial" and "source"`)
	}
	record := seen.Record
	record.At, record.Serial = record.At.UTC(), *seen.Serial
	return record, nil
}

// line is the record as it is written, At to the microsecond.
func (r Record) line() ([]byte, error) {
	r.At = r.At.UTC().Truncate(time.Microsecond)
	text, err := json.Marshal(r)
	if err == nil && len(text) >= maxRecord {
		err = fmt.Errorf("longer than %d bytes", maxRecord)
	}
	if err == nil {
		_, err = parseRecord(text)
	}
	if err != nil {
		return nil, fmt.Errorf("fetch record: %w", err)
	}
	return append(text, '\n'), nil
}

// AppendRecord adds a line to the archive's records, in one write, and returns
// when it is on the disk. What a kill left of a line before it is mended: a
// whole record gets its line end, a piece of one goes. The caller sees to it
// that nobody else writes at the same time.
func AppendRecord(dir string, r Record) error {
	line, err := r.line()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(RecordsFile(dir), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("fetch records: %w", err)
	}
	missing, err := mend(f)
	if err == nil {
		_, err = f.Write(append(missing, line...))
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("fetch records: %w", err)
	}
	return nil
}

// mend returns the line end that the last record of the file lacks, and cuts
// off a last line that is no record.
func mend(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	from := max(0, info.Size()-maxRecord)
	tail := make([]byte, info.Size()-from)
	if _, err := f.ReadAt(tail, from); err != nil {
		return nil, err
	}
	last := tail[bytes.LastIndexByte(tail, '\n')+1:]
	if len(last) == 0 {
		return nil, nil
	}
	if _, err := parseRecord(last); err == nil {
		return []byte{'\n'}, nil
	}
	if len(last) == maxRecord {
		return nil, fmt.Errorf("%s: the last line is longer than %d bytes; mend or remove it", f.Name(), maxRecord)
	}
	return nil, f.Truncate(info.Size() - int64(len(last)))
}
