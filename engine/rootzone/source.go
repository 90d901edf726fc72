package rootzone

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Source is a place to fetch the root zone from: exactly one of URL, AXFR and
// File is set [ooy].
type Source struct {
	Label string
	URL   string // https://…; ending in .gz it is gzipped; with {serial} in it, see BySerial
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

// placeholder stands in a URL for the serial of the zone to ask for.
const placeholder = "{serial}"

// BySerial says whether the source has a zone under an address of its own, with
// {serial} in its URL: Fill asks it for zones that are missing, and Fetch never.
func (s Source) BySerial() bool { return strings.Contains(s.URL, placeholder) }

// Of is the source of one zone: {serial} in the URL is that zone's.
func (s Source) Of(serial uint32) Source {
	s.URL = strings.ReplaceAll(s.URL, placeholder, strconv.FormatUint(uint64(serial), 10))
	return s
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
	OtherSerial  Kind = "other-serial"  // another zone than the one that was asked for
	OtherRecords Kind = "other-records" // the archive has another zone under the serial
)

// Kinds lists the kinds of refusal, from harmless to grave.
func Kinds() []Kind {
	return []Kind{Unavailable, OlderSerial, OtherSerial, TooLarge, Truncated, NotZone, WrongKey, Bogus, OtherRecords}
}

// Refusal says why nothing was taken from a source.
type Refusal struct {
	Source Source
	Kind   Kind
	Err    error
	Keys   []*dns.DNSKEY // of a zone that was whole and did not validate

	// Young says that it is no news yet: the archive has what the source lacks for three
	// hours at most, as just after a publication, when sources differ; or the source
	// gives nothing now, another one did, and it gave a zone in the last day.
	Young bool
}

func (r *Refusal) Error() string { return fmt.Sprintf("source %s: %s: %v", r.Source, r.Kind, r.Err) }

func (r *Refusal) Unwrap() error { return r.Err }

// refuse makes the refusal of a source that the caller knows.
func refuse(kind Kind, format string, args ...any) error {
	return &Refusal{Kind: kind, Err: fmt.Errorf(format, args...)}
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
