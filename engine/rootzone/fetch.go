package rootzone

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/files"
)

// ErrNoSource says that no source yielded a good zone.
var ErrNoSource = errors.New("no source yielded a good root zone")

// Fetcher keeps an archive of root zones up. The zero value of a field but Dir
// and Anchors is a working default.
type Fetcher struct {
	Dir     string   // of the archive
	Anchors []Anchor // whom zones are signed by

	Transport http.RoundTripper // default: TLS 1.2 or later, verified by the system's roots
	Dial      func(ctx context.Context, network, address string) (net.Conn, error)
	ID        func() uint16 // of the next transfer; default: random
	Now       func() time.Time
	Agent     string // User-Agent of HTTP requests
	Progress  func() // a source is done with
	First     bool   // stop at the first source that yields a good zone, as a vantage point does
}

// Result is what a fetch came to.
type Result struct {
	// Record is that of the newest zone, by the first source that yielded it; empty
	// where none yielded a good one.
	Record
	Records  []Record   // of each source that yielded a good zone, in order, as they were written
	Refusals []*Refusal // of the others that were asked, in order
	Damaged  []error    // files of the archive that claim to be newer than its newest good zone; five at most
}

// Fetch asks the sources in order, each once, for the newest zone; only until one
// yields a good one where First is set. A good zone is whole, valid by the anchors
// now, not older than the newest of the archive and the same where the archive has
// its serial. It is in the archive and the success on record when Fetch returns,
// also when it brought nothing new. The error is ErrNoSource with every refusal
// where no source yielded one, the context's, or what is wrong with the archive
// itself; two Fetches of an archive must not run at once.
func (f *Fetcher) Fetch(ctx context.Context, sources []Source) (result Result, err error) {
	if err := f.open(); err != nil {
		return result, err
	}
	newest, err := f.newest(&result)
	if err != nil {
		return result, err
	}
	// Records that cannot be read are none: it costs a transfer, and Records tells.
	records, _ := Records(f.Dir)
	r := &run{Fetcher: f, newest: newest, known: f.remembered(), records: records}
	defer func() {
		if len(result.Records) > 0 {
			err = errors.Join(err, f.remember(r.known))
		}
	}()
	for _, s := range sources {
		if s.BySerial() {
			continue
		}
		if ctx.Err() != nil {
			return result, fmt.Errorf("source %s: %w", s, ctx.Err())
		}
		record, err := r.from(ctx, s)
		f.step()
		if err != nil {
			if err = blame(ctx, s, err, &result.Refusals); err != nil {
				return result, err
			}
			continue
		}
		result.Records = append(result.Records, record)
		if len(result.Records) == 1 || Compare(record.Serial, result.Serial) > 0 {
			result.Record = record
		}
		if f.First {
			break
		}
	}
	if len(result.Records) > 0 {
		r.excuseOthers(result.Refusals)
		return result, nil
	}
	none := ErrNoSource
	for _, r := range result.Refusals {
		none = fmt.Errorf("%w; %w", none, r)
	}
	return result, none
}

// open makes the archive ready to be written to.
func (f *Fetcher) open() error {
	if err := os.MkdirAll(f.Dir, 0o755); err != nil {
		return fmt.Errorf("root zones: %w", err)
	}
	return errors.Join(sweep(f.Dir), roll(f.Dir))
}

func (f *Fetcher) step() {
	if f.Progress != nil {
		f.Progress()
	}
}

// blame adds a refusal by its source to the others. What is not the source's fault
// is returned: the end of the context, trouble of the archive.
func blame(ctx context.Context, s Source, err error, refusals *[]*Refusal) error {
	var refusal *Refusal
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("source %s: %w", s, ctx.Err())
	case errors.As(err, &refusal):
		refusal.Source = s
		*refusals = append(*refusals, refusal)
		return nil
	}
	return fmt.Errorf("source %s: %w", s, err)
}

func (f *Fetcher) now() time.Time {
	if f.Now == nil {
		return time.Now().UTC()
	}
	return f.Now().UTC()
}

// mostDamaged bounds how many bad files of the archive are named.
const mostDamaged = 5

// newest is the newest zone of the archive that proves itself at the time it
// was signed: a file that somebody put there must not keep newer zones out. Nil
// where there is none.
func (f *Fetcher) newest(result *Result) (*Zone, error) {
	serials, err := Serials(f.Dir)
	if err != nil {
		return nil, err
	}
	for _, serial := range slices.Backward(serials) {
		zone, err := Proved(filepath.Join(f.Dir, FileName(serial)), f.Anchors)
		if err == nil {
			return zone, nil
		}
		if len(result.Damaged) < mostDamaged {
			result.Damaged = append(result.Damaged, err)
		}
	}
	return nil, nil
}

// Proved reads a zone file whole that is valid by the anchors at the time it was
// signed.
func Proved(path string, anchors []Anchor) (*Zone, error) {
	zone, err := Open(path)
	if err != nil {
		return nil, err
	}
	at, err := zone.SignedAt()
	if err != nil {
		return nil, err
	}
	if err := zone.Validate(anchors, at); err != nil {
		return nil, err
	}
	return zone, nil
}

// run is one Fetch.
type run struct {
	*Fetcher
	newest  *Zone           // proved, of the archive and of what came in this run; nil where there is none
	known   validatorsByURL // of servers' validators
	records []Record        // of the archive

	validated *Zone // the newest, when it was validated in this run
	valid     bool
}

// answer is what a source yielded.
type answer struct {
	zone      *Zone
	unchanged bool       // it has said no more than that it still has this zone, which is at hand
	seen      validators // of a URL: what to ask with the next time
}

// from takes a zone from one source into the archive. The error is a Refusal
// where the source is to blame.
func (r *run) from(ctx context.Context, s Source) (Record, error) {
	at := r.now()
	ctx, cancel := context.WithTimeout(ctx, s.timeout())
	defer cancel()
	got, err := r.ask(ctx, s, at)
	if err = inTime(ctx, s, err); err != nil {
		return Record{}, err
	}
	if r.newest != nil && Compare(got.zone.Serial, r.newest.Serial) < 0 {
		return Record{}, r.older(got.zone.Serial, at)
	}
	record, err := r.keep(got.zone, Record{At: at, Source: s.String(), Unchanged: got.unchanged})
	if err != nil {
		return Record{}, err
	}
	if s.URL != "" {
		got.seen.Serial, got.seen.SHA256 = record.Serial, record.SHA256
		r.known.put(s.URL, got.seen)
	}
	r.records = append(r.records, record)
	if r.newest == nil || got.zone.Serial != r.newest.Serial {
		r.newest, r.validated, r.valid = got.zone, got.zone, true
	}
	return record, nil
}

// keep is Keep, of a zone that a source sent.
func (f *Fetcher) keep(zone *Zone, r Record) (Record, error) {
	r, err := Keep(f.Dir, zone, r)
	if errors.Is(err, ErrOther) {
		err = refuse(OtherRecords, "%w; move aside what is wrong", err)
	}
	return r, err
}

// Keep saves a zone that has proved itself in the archive in a folder, as Save does,
// and puts it on record: of the record at, source, by_hand and unchanged are the
// caller's. The archive must not be written to meanwhile.
func Keep(dir string, zone *Zone, r Record) (Record, error) {
	added, err := Save(dir, zone)
	if err != nil {
		return Record{}, err
	}
	r.At, r.Serial, r.Added = r.At.Truncate(time.Microsecond), zone.Serial, added
	if added {
		r.Notes = shortNotes(zone.Notes)
	}
	if r.SHA256, err = files.Sum(filepath.Join(dir, FileName(zone.Serial))); err != nil {
		return Record{}, err
	}
	return r, AppendRecord(dir, r)
}

// maxNote bounds a note on record in bytes: names in it are as long as who made the
// zone likes, and a record has a bound.
const maxNote = 300

func shortNotes(notes []string) []string {
	var short []string
	for _, n := range notes {
		short = append(short, strings.ToValidUTF8(n[:min(len(n), maxNote)], ""))
	}
	return short
}

// inTime says of a refusal that the time for the source was over.
func inTime(ctx context.Context, s Source, err error) error {
	var refusal *Refusal
	if errors.As(err, &refusal) && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return refuse(Unavailable, "no whole zone within %s: %w", s.timeout(), refusal.Err)
	}
	return err
}

// ask gets a zone from a source and proves it.
func (r *run) ask(ctx context.Context, s Source, at time.Time) (answer, error) {
	var text []byte
	var seen validators
	var err error
	switch {
	case s.URL != "":
		before, zone := r.conditional(r.known[s.URL], at)
		var unchanged bool
		text, seen, unchanged, err = r.get(ctx, s, before)
		if err == nil && unchanged {
			return answer{zone: zone, unchanged: true, seen: before}, nil
		}
	case s.AXFR != "":
		still, err := r.unchanged(ctx, s, at)
		if still || err != nil {
			return answer{zone: r.newest, unchanged: true}, err
		}
		text, err = r.transfer(ctx, s)
		if err != nil {
			return answer{}, err
		}
	default:
		text, err = readFile(s)
	}
	if err != nil {
		return answer{}, err
	}
	zone, err := r.prove(text, s, func(*Zone) (time.Time, error) { return at, nil })
	return answer{zone: zone, seen: seen}, err
}

// prove reads a zone that is valid by the anchors at a time of its own.
func (f *Fetcher) prove(text []byte, s Source, when func(*Zone) (time.Time, error)) (*Zone, error) {
	zone, err := ReadWhole(bytes.NewReader(text), s.Label)
	if err != nil {
		return nil, notZone(text, err)
	}
	at, err := when(zone)
	if err != nil {
		return nil, withKeys(zone, refuse(Bogus, "%w", err))
	}
	switch err := zone.Validate(f.Anchors, at); {
	case errors.Is(err, ErrAnchor):
		return nil, withKeys(zone, refuse(WrongKey, "%w", err))
	case err != nil:
		return nil, withKeys(zone, refuse(Bogus, "%w", err))
	}
	return zone, nil
}

// holds says whether the newest zone is valid now. It is asked once a run, as it
// takes its time.
func (r *run) holds(at time.Time) bool {
	if r.validated != r.newest {
		r.validated, r.valid = r.newest, r.newest.Validate(r.Anchors, at) == nil
	}
	return r.valid
}

// newsGrace is for how long after the archive got a zone it is no news that a source
// lacks it.
const newsGrace = 3 * time.Hour

// silent is for how long it is no news that a source gives nothing while another does.
const silent = 24 * time.Hour

// excuseOthers calls it no news that a source gave nothing, or not all, where another one did:
// there are several for that. One that has given nothing for a day is news.
func (r *run) excuseOthers(refusals []*Refusal) {
	for _, refusal := range refusals {
		if refusal.Kind == Unavailable || refusal.Kind == Truncated {
			refusal.Young = slices.ContainsFunc(r.records, func(rec Record) bool {
				return rec.Source == refusal.Source.String() && r.now().Sub(rec.At) < silent
			})
		}
	}
}

// older refuses a serial that is older than that of the newest zone.
func (r *run) older(serial uint32, at time.Time) error {
	since := r.newerSince(serial)
	return &Refusal{Kind: OlderSerial, Young: at.Sub(since) <= newsGrace,
		Err: fmt.Errorf("serial %d is older than %d, which is at hand; a newer one has been since %s",
			serial, r.newest.Serial, since.UTC().Format(time.RFC3339))}
}

// newerSince is when the archive got its first zone that is newer than the serial:
// by the records, or, where they say nothing, the time of the newest zone's file.
func (r *run) newerSince(serial uint32) time.Time {
	var since time.Time
	for _, rec := range r.records {
		newer := Compare(rec.Serial, serial) > 0 && Compare(rec.Serial, r.newest.Serial) <= 0
		if newer && (since.IsZero() || rec.At.Before(since)) {
			since = rec.At
		}
	}
	if since.IsZero() {
		if info, err := os.Stat(filepath.Join(r.Dir, FileName(r.newest.Serial))); err == nil {
			since = info.ModTime()
		}
	}
	return since
}

// notZone tells a zone that was cut off from what never was one.
func notZone(text []byte, err error) error {
	switch {
	case bytes.HasPrefix(bytes.TrimSpace(text), []byte("<")):
		return refuse(NotZone, "a web page: %w", err)
	case errors.Is(err, errCut) || errors.Is(err, errPart):
		return refuse(Truncated, "%w", err)
	}
	return refuse(NotZone, "%w", err)
}
