package identity

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"mtric.net/mtric/engine/measurement"
)

// Schema names the form of a file of patterns.
const Schema = "mtric-identities/1"

// Bounds of a file, which may come from anybody.
const (
	maxFile     = 1 << 20 // bytes
	maxPatterns = 1000
	maxPattern  = 1000 // bytes
	maxName     = 200  // bytes of an operator, a source, a remark
	maxRSIs     = 100
)

// Pattern is how one operator names its servers.
type Pattern struct {
	Operator string            `json:"operator"`
	Kind     Kind              `json:"kind"`    // Root or Resolver
	RSIs     []measurement.RSI `json:"rsis"`    // of Root
	Shared   []measurement.RSI `json:"shared"`  // others on the same machines, at which such a text is no sign either
	Pattern  string            `json:"pattern"` // RE2, of the whole text; case does not count
	From     string            `json:"from"`    // first day on which such a text can be a sign; empty: always
	Until    string            `json:"until"`   // first day on which it no longer can; empty: still
	Weak     bool              `json:"weak"`    // never a sign: others may have such names
	Source   string            `json:"source"`
	Remark   string            `json:"remark"`

	re          *regexp.Regexp
	from, until time.Time
}

// strong says whether a text of the pattern can be a sign at a time.
func (p *Pattern) strong(at time.Time) bool {
	return !p.Weak && !at.Before(p.from) && (p.until.IsZero() || at.Before(p.until))
}

func (p *Pattern) match(text string) bool { return p.re.MatchString(text) }

// Set is patterns that are known.
type Set struct {
	date     string // of the file, YYYY-MM-DD
	sha256   string // of the file, in hexadecimal
	more     string // names the file whose patterns were added
	patterns []Pattern
}

// Date is the day of the file that the set was read from, YYYY-MM-DD.
func (s *Set) Date() string { return s.date }

// Name tells sets apart: the date and, where patterns of another file were added, the date and
// the sha256 of that.
func (s *Set) Name() string { return s.date + s.more }

// Patterns are the patterns of the set, in the order of the file.
func (s *Set) Patterns() []Pattern { return slices.Clone(s.patterns) }

// With is the set and the patterns of another, whose date it keeps.
func (s *Set) With(more *Set) *Set {
	named := fmt.Sprintf(" and a file of %s (sha256 %s)", more.date, more.sha256)
	return &Set{date: s.date, sha256: s.sha256, more: s.more + named, patterns: slices.Concat(s.patterns, more.patterns)}
}

//go:embed identities.json
var builtIn []byte

// BuiltIn are the patterns that come with the program.
func BuiltIn() *Set {
	s, err := Parse(bytes.NewReader(builtIn), "identities.json")
	if err != nil {
		panic(err) // a text of our own
	}
	return s
}

// Parse reads a file of patterns. Its mistakes name the file, the line and the pattern.
func Parse(r io.Reader, name string) (*Set, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, maxFile)
	}
	f := file{text: text, d: json.NewDecoder(bytes.NewReader(text))}
	f.d.DisallowUnknownFields()
	if err := f.read(); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", name, f.line(), err)
	}
	f.set.sha256 = fmt.Sprintf("%x", sha256.Sum256(text))
	return &f.set, nil
}

// file is a file that is read: member by member, so that a mistake has its line.
type file struct {
	text   []byte
	d      *json.Decoder
	begins int64 // where what was read last begins
	schema string
	set    Set
}

// line is where what was read last begins, after the white space and the comma before it.
func (f *file) line() int {
	at := min(int(f.begins), len(f.text))
	at += len(f.text[at:]) - len(bytes.TrimLeft(f.text[at:], ", \t\r\n"))
	return 1 + bytes.Count(f.text[:at], []byte("\n"))
}

func (f *file) token() (json.Token, error) {
	f.begins = f.d.InputOffset()
	token, err := f.d.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return token, err
}

func (f *file) want(delim json.Delim) error {
	token, err := f.token()
	if err == nil && token != delim {
		err = fmt.Errorf("want %v, not %.40v", delim, token)
	}
	return err
}

func (f *file) read() error {
	if err := f.want('{'); err != nil {
		return err
	}
	for f.d.More() {
		key, err := f.token()
		if err != nil {
			return err
		}
		switch key {
		case "schema":
			err = f.d.Decode(&f.schema)
		case "date":
			err = f.d.Decode(&f.set.date)
		case "patterns":
			err = f.elements()
		default:
			err = fmt.Errorf("unknown member %.40q: a file has schema, date and patterns", key)
		}
		if err != nil {
			return err
		}
	}
	if err := f.want('}'); err != nil {
		return err
	}
	if _, err := f.token(); !errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("something follows the end of the object")
	}
	f.begins = 0
	if f.schema != Schema {
		return fmt.Errorf("schema is %.40q, want %q", f.schema, Schema)
	}
	if _, err := time.Parse(time.DateOnly, f.set.date); err != nil {
		return fmt.Errorf("date %.40q is not YYYY-MM-DD", f.set.date)
	}
	if len(f.set.patterns) == 0 {
		return errors.New("no patterns")
	}
	return nil
}

func (f *file) elements() error {
	if err := f.want('['); err != nil {
		return err
	}
	for f.d.More() {
		f.begins = f.d.InputOffset()
		n := len(f.set.patterns) + 1
		if n > maxPatterns {
			return fmt.Errorf("more than %d patterns", maxPatterns)
		}
		var p Pattern
		err := f.d.Decode(&p)
		if err == nil {
			err = p.check()
		}
		if err != nil {
			return fmt.Errorf("pattern %d (%.40q): %w", n, p.Operator, err)
		}
		f.set.patterns = append(f.set.patterns, p)
	}
	return f.want(']')
}

// check completes a pattern, or says what is wrong with it.
func (p *Pattern) check() (err error) {
	switch {
	case p.Operator == "" || len(p.Operator) > maxName || strings.ContainsFunc(p.Operator, unicode.IsControl):
		return fmt.Errorf("operator: want a name of at most %d bytes, without control characters", maxName)
	case p.Kind != Root && p.Kind != Resolver:
		return fmt.Errorf("kind is %.40q, want %q or %q", p.Kind, Root, Resolver)
	case p.Kind == Root && len(p.RSIs) == 0:
		return errors.New("rsis: a root server's pattern says of which RSIs it is")
	case p.Kind == Resolver && len(p.RSIs)+len(p.Shared) > 0:
		return errors.New("rsis, shared: a resolver has none")
	case len(p.RSIs)+len(p.Shared) > maxRSIs:
		return fmt.Errorf("more than %d RSIs", maxRSIs)
	case len(p.Source) > maxName || len(p.Remark) > maxName:
		return fmt.Errorf("source, remark: want at most %d bytes", maxName)
	case p.Pattern == "" || len(p.Pattern) > maxPattern:
		return fmt.Errorf("pattern: want an expression of at most %d bytes", maxPattern)
	}
	for _, rsi := range slices.Concat(p.RSIs, p.Shared) {
		if rsi == "" || len(rsi) > 63 || strings.ToLower(string(rsi)) != string(rsi) {
			return fmt.Errorf("RSI %.40q: want a letter in lower case, as in the plan", rsi)
		}
	}
	if _, err := regexp.Compile(p.Pattern); err != nil { // alone: parentheses must close within it
		return fmt.Errorf("pattern: %w", err)
	}
	if p.re, err = regexp.Compile(`(?is)\A(?:` + p.Pattern + `)\z`); err != nil {
		return fmt.Errorf("pattern: %w", err)
	}
	if p.re.MatchString("") {
		return errors.New("pattern: it matches a text of no characters, so it is not of somebody's names")
	}
	if p.from, err = day(p.From); err != nil {
		return fmt.Errorf("from: %w", err)
	}
	if p.until, err = day(p.Until); err != nil {
		return fmt.Errorf("until: %w", err)
	}
	if !p.until.IsZero() && !p.from.Before(p.until) {
		return errors.New("until is not after from")
	}
	return nil
}

// day reads a date; none is the zero time.
func day(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return t, fmt.Errorf("%.40q is not YYYY-MM-DD", text)
	}
	return t, nil
}
