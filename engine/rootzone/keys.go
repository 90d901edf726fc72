package rootzone

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"
	"github.com/miekg/dns"
)

// KeysName is the name of the file of KeyNotes in the folder State.
const KeysName = "keys.json"

// Where a key signing key was met.
const (
	InZone    = "zone"    // the newest zone of the archive
	InRefused = "refused" // a zone that was refused
	InAnswer  = "answer"  // a DNSKEY answer that was judged
)

const (
	mostKeys   = 64      // notes of a file
	mostOfOne  = 8       // keys of one zone or answer: the root has had four at most
	mostSource = 200     // bytes of a source's text
	mostNotes  = 1 << 20 // bytes of the file

	// notedFor is how long a key counts that was met where anybody can put one.
	notedFor = 30 * 24 * time.Hour
	// aheadFor is how far a note may lie ahead: then the clock was wrong.
	aheadFor = 24 * time.Hour
)

// KeyNote is one key signing key and where it was met.
type KeyNote struct {
	Tag       uint16    `json:"tag"` // without REVOKE, as a trust anchor has it
	Algorithm uint8     `json:"algorithm"`
	DS        string    `json:"ds"` // "TAG ALG 2 HEX"
	Revoked   bool      `json:"revoked"`
	Where     string    `json:"where"`  // InZone, InRefused or InAnswer
	Source    string    `json:"source"` // where from, for people
	First     time.Time `json:"first_seen"`
	Last      time.Time `json:"last_seen"`

	// VantagePoints had it in answers: two of them, one if no other had.
	VantagePoints []string `json:"vantage_points,omitempty"`
}

// BornOut says whether two vantage points met the key, or what is no vantage point's.
func (k KeyNote) BornOut() bool { return k.Where != InAnswer || len(k.VantagePoints) != 1 }

// Counts says whether the note still says something: what was met in an answer or in
// a refused zone does for 30 days after it was last met there.
func (k KeyNote) Counts(now time.Time) bool {
	return k.Where == InZone || now.Sub(k.Last) < notedFor && k.Last.Sub(now) < aheadFor
}

// KeyNotes are the key signing keys that were met where no trust anchor is of them, a
// file that may be lost. An operator learns from it of a key of the root before the
// root signs by it. Not for use by several goroutines; several processes may save to
// one file.
type KeyNotes struct {
	Anchors []Anchor // keys of these, whatever their dates, are not noted

	path    string
	notes   []KeyNote
	met     []KeyNote // since the notes were loaded
	damaged bool
}

// LoadKeys reads the notes of a file; none where there is no file. They are good for
// use whatever the error, which says why they begin anew.
func LoadKeys(path string) (*KeyNotes, error) {
	n := &KeyNotes{path: path}
	notes, err := readNotes(path)
	if err != nil {
		n.damaged = true
		return n, fmt.Errorf("keys met: %s: %w; begun anew", path, err)
	}
	n.notes = notes
	return n, nil
}

// keysFile is the file.
type keysFile struct {
	Keys []KeyNote `json:"keys"`
}

func readNotes(path string) ([]KeyNote, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostNotes+1))
	if err == nil && len(text) > mostNotes {
		err = fmt.Errorf("more than %d bytes", mostNotes)
	}
	if err != nil {
		return nil, err
	}
	var file keysFile
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	if file.Keys == nil || len(file.Keys) > mostKeys {
		return nil, errors.New("no list of keys")
	}
	for _, k := range file.Keys {
		if err := k.check(); err != nil {
			return nil, err
		}
	}
	return file.Keys, nil
}

// check looks at what goes into alerts.
func (k KeyNote) check() error {
	ds, digest, _ := strings.Cut(k.DS, " 2 ")
	switch {
	case ds != fmt.Sprintf("%d %d", k.Tag, k.Algorithm) || len(digest) != digestDigits[dns.SHA256] || strings.Trim(digest, "0123456789ABCDEF") != "":
		return fmt.Errorf("key %d: ds %.100q", k.Tag, k.DS)
	case !slices.Contains([]string{InZone, InRefused, InAnswer}, k.Where):
		return fmt.Errorf("key %d: met in %.40q", k.Tag, k.Where)
	case k.First.IsZero() || k.Last.Before(k.First) || len(k.Source) > mostSource || len(k.VantagePoints) > 2:
		return fmt.Errorf("key %d: no times or source", k.Tag)
	}
	return nil
}

// KeyDS is the DS text of a key signing key, "TAG ALG 2 HEX", as an anchor of a plan
// has it: of the key without REVOKE, whose bit changes tag and digest. False for
// other keys: without SEP or ZONE, of another protocol, or that are no key.
func KeyDS(key *dns.DNSKEY) (string, bool) {
	if key == nil || key.Flags&dns.SEP == 0 || key.Flags&dns.ZONE == 0 || key.Protocol != 3 || key.PublicKey == "" {
		return "", false
	}
	ds := unrevoked(key).ToDS(dns.SHA256)
	if ds == nil {
		return "", false
	}
	return fmt.Sprintf("%d %d %d %s", ds.KeyTag, ds.Algorithm, ds.DigestType, strings.ToUpper(ds.Digest)), true
}

// unrevoked is the key as it was before it was revoked.
func unrevoked(key *dns.DNSKEY) *dns.DNSKEY {
	plain := *key
	plain.Hdr.Name = "." // a name in other letters is the same key
	plain.Flags &^= dns.REVOKE
	return &plain
}

// Anchored says whether one of the anchors, whatever its dates, is of this key, revoked
// or not.
func Anchored(key *dns.DNSKEY, anchors []Anchor) bool {
	plain := unrevoked(key)
	return slices.ContainsFunc(anchors, func(a Anchor) bool {
		named, err := a.Names(plain)
		return err == nil && named
	})
}

// Note takes down the key signing keys among these that no anchor is of, eight at
// most: where they were met, by the words of the caller, at a time by this machine's
// clock, and by which vantage point. Of each key and place there is one note.
func (n *KeyNotes) Note(where string, keys []*dns.DNSKEY, source string, at time.Time, by ...string) {
	at = at.UTC().Truncate(time.Second)
	source = strings.ToValidUTF8(source[:min(len(source), mostSource)], "")
	taken := 0
	for _, key := range keys {
		ds, ok := KeyDS(key)
		if !ok || Anchored(key, n.Anchors) {
			continue
		}
		if taken++; taken > mostOfOne {
			return
		}
		note := KeyNote{Tag: unrevoked(key).KeyTag(), Algorithm: key.Algorithm, DS: ds, Revoked: key.Flags&dns.REVOKE != 0,
			Where: where, Source: source, First: at, Last: at, VantagePoints: by}
		n.met = putNote(n.met, note)
		n.notes = bounded(putNote(n.notes, note))
	}
}

// Met says whether anything was noted since the notes were loaded.
func (n *KeyNotes) Met() bool { return len(n.met) > 0 }

// putNote puts a note in the place of the one of the same key and place; when the key
// was met first stays.
func putNote(notes []KeyNote, note KeyNote) []KeyNote {
	i := slices.IndexFunc(notes, func(k KeyNote) bool { return k.DS == note.DS && k.Where == note.Where })
	if i < 0 {
		return append(notes, note)
	}
	if notes[i].First.Before(note.First) {
		note.First = notes[i].First
	}
	for _, vp := range notes[i].VantagePoints {
		if len(note.VantagePoints) < 2 && !slices.Contains(note.VantagePoints, vp) {
			note.VantagePoints = append(slices.Clone(note.VantagePoints), vp)
		}
	}
	notes[i] = note
	return notes
}

// bounded lets go what was met longest ago, first of what was met in answers: any
// server on the way can make those up, and of these what one vantage point alone has met.
func bounded(notes []KeyNote) []KeyNote {
	for len(notes) > mostKeys {
		oldest := slices.MinFunc(notes, func(a, b KeyNote) int {
			return cmp.Or(strings.Compare(a.Where, b.Where), compareBool(a.BornOut(), b.BornOut()), a.Last.Compare(b.Last), strings.Compare(a.DS, b.DS)) // answer, refused, zone
		})
		notes = slices.DeleteFunc(notes, func(k KeyNote) bool { return k.DS == oldest.DS && k.Where == oldest.Where })
	}
	return notes
}

// compareBool orders false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// Notes lists what was met, what the archive had first, what one vantage point alone has
// met last.
func (n *KeyNotes) Notes() []KeyNote {
	all := slices.Clone(n.notes)
	slices.SortFunc(all, func(a, b KeyNote) int {
		return cmp.Or(strings.Compare(b.Where, a.Where), compareBool(b.BornOut(), a.BornOut()), strings.Compare(a.DS, b.DS)) // zone, refused, answer
	})
	return all
}

// Unanchored lists what was met outside the archive and still counts: keys without
// REVOKE that none of Anchors is of, those of refused zones first.
func (n *KeyNotes) Unanchored(now time.Time) []KeyNote {
	return slices.DeleteFunc(n.Notes(), func(k KeyNote) bool {
		return k.Where == InZone || k.Revoked || !k.Counts(now) || slices.ContainsFunc(n.Anchors, func(a Anchor) bool { return k.is(a) })
	})
}

// is says whether an anchor is of the key of the note. A note has no digest but
// SHA-256: of an anchor by another one, tag and algorithm are compared.
func (k KeyNote) is(a Anchor) bool {
	f := strings.Fields(a.DS)
	if len(f) == 4 && f[2] != "2" {
		return f[0]+" "+f[1] == fmt.Sprintf("%d %d", k.Tag, k.Algorithm)
	}
	return strings.EqualFold(strings.Join(f, " "), k.DS)
}

// Save writes what was noted since, whole or not at all, into what others have written
// meanwhile. Where nothing was noted it writes nothing, unless the file was damaged.
func (n *KeyNotes) Save() (err error) {
	if len(n.met) == 0 && !n.damaged {
		return nil
	}
	dir := filepath.Dir(n.path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("keys met: %w", err)
	}
	lock := flock.New(n.path + ".lock")
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("keys met: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	notes, err := readNotes(n.path)
	if err != nil {
		notes = nil // told by LoadKeys, or by the next one
	}
	for _, note := range n.met {
		notes = bounded(putNote(notes, note))
	}
	text, err := json.MarshalIndent(keysFile{append([]KeyNote{}, notes...)}, "", " ")
	if err == nil {
		err = renameio.WriteFile(n.path, append(bytes.TrimSpace(text), '\n'), 0o644, renameio.WithTempDir(dir))
	}
	if err != nil {
		return fmt.Errorf("keys met: %w", err)
	}
	n.notes, n.met, n.damaged = notes, nil, false
	return nil
}

// withKeys attaches the keys of a zone to its refusal.
func withKeys(z *Zone, err error) error {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		refusal.Keys = apexOf(z).Keys
	}
	return err
}
