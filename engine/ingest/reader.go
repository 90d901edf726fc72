package ingest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// ReaderCommand is the hidden command that serves as Ingester.Reader.
const ReaderCommand = "ingest-reader"

// order is what the reader is to do: one JSON document on its input.
type order struct {
	Spool    string           `json:"spool"` // folder for what it makes
	Memory   int64            `json:"memory"`
	Version  string           `json:"version"`
	Timeouts map[string]int64 `json:"timeouts"`
	Files    []orderFile      `json:"files"`
}

type orderFile struct {
	Path         string                   `json:"path"`
	VantagePoint measurement.VantagePoint `json:"vantage_point"`
	Interval     time.Time                `json:"interval"`
	Table        lake.Table               `json:"table"`
}

// report is a line of the reader's output: what it is about to do with a file,
// what came of it, or a file that it made.
type report struct {
	Begin     *int             `json:"begin,omitempty"`
	Done      *int             `json:"done,omitempty"`
	Reason    string           `json:"reason,omitempty"` // why the file is rejected
	Run       *measurement.Run `json:"run,omitempty"`
	Sightings sightings        `json:"sightings,omitempty"`
	Spool     string           `json:"spool,omitempty"`
	Table     lake.Table       `json:"table,omitempty"`
}

// sighting is a serial that an answer of the query soa showed [kzu].
type sighting struct {
	Serial  int64
	RSI     measurement.RSI
	Address string // that was asked
	At      int64  // the reply in hand, µs since 1970
}

// sightings are one text of a report: a file has dozens, and as objects they took
// longer to say than to find. The address is quoted, for a vantage point chose it.
type sightings []sighting

func (s sightings) MarshalText() (text []byte, err error) {
	for _, one := range s {
		text = append(strconv.AppendInt(text, one.Serial, 10), ' ')
		text = append(strconv.AppendInt(text, one.At, 10), ' ')
		text = append(append(text, one.RSI...), ' ')
		text = append(strconv.AppendQuote(text, one.Address), ' ')
	}
	return text, nil
}

func (s *sightings) UnmarshalText(text []byte) error {
	for rest := string(text); rest != ""; {
		var word [3]string
		for i := range word {
			word[i], rest, _ = strings.Cut(rest, " ")
		}
		serial, err := strconv.ParseInt(word[0], 10, 64)
		at, wrong := strconv.ParseInt(word[1], 10, 64)
		quoted, unquoted := strconv.QuotedPrefix(rest)
		if err := errors.Join(err, wrong, unquoted); err != nil {
			return fmt.Errorf("sightings: %w", err)
		}
		address, err := strconv.Unquote(quoted)
		if err != nil {
			return fmt.Errorf("sightings: %w", err)
		}
		*s = append(*s, sighting{serial, measurement.RSI(word[2]), address, at})
		rest = strings.TrimPrefix(rest[len(quoted):], " ")
	}
	return nil
}

// ReadFiles is the reader: it reads files that may be made to harm, checks every
// row against the contract, and writes the good ones out, file by file. It bounds
// its own memory first. That it dies is expected; what it wrote before does not count.
func ReadFiles(in io.Reader, out io.Writer) error {
	var o order
	if err := json.NewDecoder(bufio.NewReader(in)).Decode(&o); err != nil {
		return fmt.Errorf("%s: order: %w", ReaderCommand, err)
	}
	if err := limitMemory(o.Memory); err != nil {
		return fmt.Errorf("%s: %w", ReaderCommand, err)
	}
	lines := bufio.NewWriter(out)
	r := &reader{order: o, out: json.NewEncoder(lines)}
	for i, f := range o.Files {
		if err := errors.Join(r.out.Encode(report{Begin: &i}), lines.Flush()); err != nil {
			return err
		}
		rep, err := r.file(f)
		if err != nil {
			return err
		}
		rep.Done = &i
		if err := r.out.Encode(rep); err != nil {
			return err
		}
	}
	// The last file is done before the spools are: what goes wrong there is not its fault.
	return errors.Join(lines.Flush(), r.close(), lines.Flush())
}

// limitMemory lets this process have so many bytes more than it has now: beyond
// that it is ended by its own runtime, whatever a file claims.
func limitMemory(more int64) error {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	fields := strings.Fields(string(text))
	if len(fields) < 6 {
		return fmt.Errorf("memory: /proc/self/statm says %q", text)
	}
	pages, err := strconv.ParseUint(fields[5], 10, 64) // data and stack
	if err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	debug.SetMemoryLimit(more / 2)
	debug.SetGCPercent(2000) // what is read is soon of no use, and next to nothing lives long
	runtime.GOMAXPROCS(1)    // there is a reader for each processor
	limit := pages*uint64(os.Getpagesize()) + memoryFactor*uint64(more)
	return errors.Join(
		unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: limit, Max: limit}),
		unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}))
}

// reader hands on the rows of good files.
type reader struct {
	order
	out     *json.Encoder
	answers *lake.Spool[measurement.Answer]
	routes  *lake.Spool[measurement.Route]
}

// hopContent is the memory of a hop.
const hopContent = 64

// file reads one file; what is wrong with it is in the report, an error is of our
// own disk.
func (r *reader) file(f orderFile) (report, error) {
	c := checker{vp: f.VantagePoint, label: f.Interval.UTC(), timeouts: r.Timeouts}
	if f.Table == lake.Answers {
		rows, rep, err := answersOf(f.Path, c)
		if err != nil {
			return rejected(f, err), nil
		}
		return rep, spoolOut(r, &r.answers, f.Table, rows)
	}
	rows, err := routesOf(f.Path, c)
	if err != nil {
		return rejected(f, err), nil
	}
	return report{}, spoolOut(r, &r.routes, f.Table, rows)
}

func rejected(f orderFile, err error) report {
	text := strings.ReplaceAll(err.Error(), f.Path, "file") // the name of our copy says nothing
	return report{Reason: strings.TrimPrefix(text, "file: ")}
}

func answersOf(path string, c checker) ([]measurement.Answer, report, error) {
	rows, meta, err := readRows[measurement.Answer](path)
	if err != nil {
		return nil, report{}, err
	}
	content := 0
	for i := range rows {
		if err := c.answer(&rows[i]); err != nil {
			return nil, report{}, fmt.Errorf("row %d: %w", i+1, err)
		}
		if content += rows[i].Content(); content > MaxContent {
			return nil, report{}, fmt.Errorf("row %d: more than %d bytes of responses and texts", i+1, MaxContent)
		}
		rows[i].Verdict = pending(&rows[i])
	}
	if err := errors.Join(unique(rows), c.metadata(meta, rows)); err != nil {
		return nil, report{}, err
	}
	seen, err := sightingsOf(rows)
	if err != nil {
		return nil, report{}, err
	}
	return rows, report{Run: meta.Run, Sightings: seen}, nil
}

func routesOf(path string, c checker) ([]measurement.Route, error) {
	rows, meta, err := readRows[measurement.Route](path)
	if err != nil {
		return nil, err
	}
	if err := c.metadata(meta, nil); err != nil {
		return nil, err
	}
	content := 0
	for i := range rows {
		if err := c.route(&rows[i]); err != nil {
			return nil, fmt.Errorf("row %d: %w", i+1, err)
		}
		if content += len(rows[i].Hops) * hopContent; content > MaxContent {
			return nil, fmt.Errorf("row %d: more than %d hops in all", i+1, MaxContent/hopContent)
		}
	}
	if err := unique(rows); err != nil {
		return nil, err
	}
	return rows, nil
}

func readRows[T lake.Measured](path string) ([]T, lake.Metadata, error) {
	rows, meta, err := lake.ReadUpTo[T](path, MaxRows)
	if err == nil && rows == nil {
		rows = []T{}
	}
	return rows, meta, err
}

// unique refuses rows that share a key; they come in its order or not at all.
func unique[T lake.Measured](rows []T) error {
	if i := lake.Disorder(rows); i > 0 {
		return fmt.Errorf("row %d: has the key of an earlier row, or is out of order", i+1)
	}
	return nil
}

// mostSightings bounds the serials of one file: an RSI shows one or two.
const mostSightings = 1000

// sightingsOf finds the serials that valid replies show, the earliest of each RSI
// (A13, first part: answered, NOERROR, one SOA of the root).
func sightingsOf(rows []measurement.Answer) (sightings, error) {
	type shown struct {
		serial  int64
		rsi     measurement.RSI
		address string
	}
	earliest := map[shown]time.Time{}
	for i := range rows {
		a := &rows[i]
		if a.Query != "soa" || a.Outcome != measurement.Answered || *a.RCode != "NOERROR" || a.Serial == nil {
			continue
		}
		at := a.SentAt.Add(time.Duration(*a.LatencyUS) * time.Microsecond).UTC()
		k := shown{*a.Serial, a.RSI, a.Address}
		if was, known := earliest[k]; !known || at.Before(was) {
			earliest[k] = at
		}
		if len(earliest) > mostSightings {
			return nil, fmt.Errorf("shows more than %d serials", mostSightings)
		}
	}
	var found sightings
	for k, at := range earliest {
		found = append(found, sighting{k.serial, k.rsi, k.address, at.UnixMicro()})
	}
	return found, nil
}

// spoolOut hands on the rows of a file.
func spoolOut[T lake.Measured](r *reader, to **lake.Spool[T], table lake.Table, rows []T) (err error) {
	if *to == nil {
		if *to, err = lake.CreateSpool[T](r.spool(table)); err != nil {
			return err
		}
	}
	return (*to).Add(rows)
}

func (r *reader) spool(table lake.Table) string { return filepath.Join(r.Spool, string(table)) }

// close ends the spools and reports them.
func (r *reader) close() error {
	if r.answers != nil {
		if err := errors.Join(r.answers.Close(), r.out.Encode(report{Spool: r.spool(lake.Answers), Table: lake.Answers})); err != nil {
			return err
		}
	}
	if r.routes != nil {
		return errors.Join(r.routes.Close(), r.out.Encode(report{Spool: r.spool(lake.Routes), Table: lake.Routes}))
	}
	return nil
}
