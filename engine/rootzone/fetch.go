package rootzone

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Source is a place to fetch the root zone from: exactly one of URL, AXFR and
// File is set [ooy].
type Source struct {
	Label string
	URL   string // https://…; ending in .gz it is gzipped
	AXFR  string // host:port of a server that allows transfers (RFC 5936)
	File  string // master format; ending in .gz it is gzipped

	Timeout time.Duration // for the whole of it; 0 is a minute
	MaxSize int64         // bytes, unzipped and as text; 0 is 16 MiB, at most MaxSize
}

// String is the label and the address, as records and messages have them.
func (s Source) String() string {
	where := s.URL
	switch {
	case s.AXFR != "":
		where = "axfr " + s.AXFR
	case s.File != "":
		where = "file " + s.File
	}
	return s.Label + " " + where
}

func (s Source) timeout() time.Duration {
	if s.Timeout > 0 {
		return s.Timeout
	}
	return time.Minute
}

func (s Source) maxSize() int64 {
	if s.MaxSize > 0 {
		return min(s.MaxSize, MaxSize)
	}
	return 16 << 20
}

// Kind says what was wrong with what a source yielded.
type Kind string

// The kinds of refusal: a closed vocabulary.
const (
	Unavailable  Kind = "unavailable"   // nothing that claims to be a zone, or not in time
	TooLarge     Kind = "too-large"     // more than the source may send
	Truncated    Kind = "truncated"     // a zone that breaks off
	NotZone      Kind = "not-a-zone"    // a web page, or what no root zone and no transfer has
	WrongKey     Kind = "wrong-key"     // not signed by an anchor's key
	Bogus        Kind = "bogus"         // a signature or the digest does not hold
	OlderSerial  Kind = "older-serial"  // the archive has a newer zone
	OtherRecords Kind = "other-records" // the archive has another zone under the serial
)

// Kinds lists the kinds of refusal, from harmless to grave.
func Kinds() []Kind {
	return []Kind{Unavailable, OlderSerial, TooLarge, Truncated, NotZone, WrongKey, Bogus, OtherRecords}
}

// Refusal says why nothing was taken from a source.
type Refusal struct {
	Source Source
	Kind   Kind
	Err    error
	Keys   []*dns.DNSKEY // of a zone that was whole and did not validate
}

func (r *Refusal) Error() string { return fmt.Sprintf("source %s: %s: %v", r.Source, r.Kind, r.Err) }

func (r *Refusal) Unwrap() error { return r.Err }

// refuse makes the refusal of a source that the caller knows.
func refuse(kind Kind, format string, args ...any) error {
	return &Refusal{Kind: kind, Err: fmt.Errorf(format, args...)}
}

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
}

// Result is what a fetch came to.
type Result struct {
	Record              // as it was written; empty where no source yielded a good zone
	Refusals []*Refusal // of the sources asked before that, in order
	Damaged  []error    // files of the archive that claim to be newer than its newest good zone; five at most
}

// Fetch asks the sources in order, each once, until one yields a good zone:
// whole, valid by the anchors now, not older than the newest of the archive and
// the same where the archive has its serial. That zone is in the archive and the
// success on record when Fetch returns, also when it brought nothing new. The
// error is ErrNoSource with every refusal, the context's, or what is wrong with
// the archive itself; two Fetches of an archive must not run at once.
func (f *Fetcher) Fetch(ctx context.Context, sources []Source) (Result, error) {
	var result Result
	if err := os.MkdirAll(f.Dir, 0o755); err != nil {
		return result, fmt.Errorf("root zones: %w", err)
	}
	if err := errors.Join(sweep(f.Dir), roll(f.Dir)); err != nil {
		return result, err
	}
	newest, err := f.newest(&result)
	if err != nil {
		return result, err
	}
	known := f.remembered()
	for _, s := range sources {
		record, err := f.from(ctx, s, newest, known)
		if f.Progress != nil {
			f.Progress()
		}
		var refusal *Refusal
		switch {
		case ctx.Err() != nil:
			return result, fmt.Errorf("source %s: %w", s, ctx.Err())
		case errors.As(err, &refusal):
			refusal.Source = s
			result.Refusals = append(result.Refusals, refusal)
			continue
		case err != nil:
			return result, fmt.Errorf("source %s: %w", s, err)
		}
		result.Record = record
		return result, f.remember(known)
	}
	none := ErrNoSource
	for _, r := range result.Refusals {
		none = fmt.Errorf("%w; %w", none, r)
	}
	return result, none
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

// from takes a zone from one source into the archive. The error is a Refusal
// where the source is to blame.
func (f *Fetcher) from(ctx context.Context, s Source, newest *Zone, known memory) (Record, error) {
	at := f.now()
	ctx, cancel := context.WithTimeout(ctx, s.timeout())
	defer cancel()
	zone, seen, err := f.ask(ctx, s, known, at)
	var refusal *Refusal
	if errors.As(err, &refusal) && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = refuse(Unavailable, "no whole zone within %s: %w", s.timeout(), refusal.Err)
	}
	if err != nil {
		return Record{}, err
	}
	if newest != nil && Compare(zone.Serial, newest.Serial) < 0 {
		return Record{}, refuse(OlderSerial, "serial %d is older than %d, which is at hand", zone.Serial, newest.Serial)
	}
	added, err := Save(f.Dir, zone)
	if errors.Is(err, ErrOther) {
		return Record{}, refuse(OtherRecords, "%w; move aside what is wrong", err)
	}
	if err != nil {
		return Record{}, err
	}
	r := Record{At: at.Truncate(time.Microsecond), Serial: zone.Serial, Source: s.String(), Added: added}
	if r.SHA256, err = FileSHA256(filepath.Join(f.Dir, FileName(zone.Serial))); err != nil {
		return Record{}, err
	}
	if s.URL != "" {
		seen.Serial, seen.SHA256 = r.Serial, r.SHA256
		known.put(s.URL, seen)
	}
	return r, AppendRecord(f.Dir, r)
}

// ask gets a zone from a source and proves it. For a URL it says what to ask
// with the next time.
func (f *Fetcher) ask(ctx context.Context, s Source, known memory, at time.Time) (*Zone, validators, error) {
	var text []byte
	var seen validators
	var err error
	switch {
	case s.URL != "":
		before, zone := f.conditional(known[s.URL], at)
		var unchanged bool
		text, seen, unchanged, err = f.get(ctx, s, before)
		if err == nil && unchanged {
			return zone, before, nil
		}
	case s.AXFR != "":
		text, err = f.transfer(ctx, s)
	default:
		text, err = readFile(s)
	}
	if err != nil {
		return nil, seen, err
	}
	zone, err := ReadWhole(bytes.NewReader(text), s.Label)
	if err != nil {
		return nil, seen, notZone(text, err)
	}
	switch err := zone.Validate(f.Anchors, at); {
	case errors.Is(err, ErrAnchor):
		return nil, seen, withKeys(zone, refuse(WrongKey, "%w", err))
	case err != nil:
		return nil, seen, withKeys(zone, refuse(Bogus, "%w", err))
	}
	return zone, seen, nil
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

func readFile(s Source) ([]byte, error) {
	info, err := os.Stat(s.File)
	if err != nil {
		return nil, refuse(Unavailable, "%w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, refuse(Unavailable, "not a regular file") // opening a pipe would wait for ever
	}
	file, err := os.Open(s.File)
	if err != nil {
		return nil, refuse(Unavailable, "%w", err)
	}
	defer file.Close()
	return readBounded(file, s.File, s.maxSize())
}

// readBounded reads at most so many bytes, unzipped where the name says so.
func readBounded(r io.Reader, name string, most int64) ([]byte, error) {
	if strings.HasSuffix(name, ".gz") {
		unzipped, err := gzip.NewReader(io.LimitReader(r, most+1))
		if err != nil {
			return nil, refuse(broken(err, NotZone), "not gzipped: %w", err)
		}
		r = unzipped
	}
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	switch {
	case err != nil:
		return nil, refuse(broken(err, Unavailable), "after %d bytes: %w", len(text), err)
	case int64(len(text)) > most:
		return nil, refuse(TooLarge, "more than %d bytes", most)
	}
	return text, nil
}

// broken is the kind of an error while reading: what ends early is truncated.
func broken(err error, other Kind) Kind {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return Truncated
	}
	return other
}

// FileSHA256 is the SHA-256 of a file in hexadecimal digits, as sha256sum
// prints it.
func FileSHA256(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("zone: %w", err)
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", fmt.Errorf("zone: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
