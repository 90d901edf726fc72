package rootzone

import (
	"errors"
	"time"

	"github.com/miekg/dns"
)

// NoteFetch takes down, in the file of KeyNotes at path, the key signing keys that no
// anchor is of: in zones that were refused, where a key that signs before the plan knows
// it shows first, and in the newest zone of the archive in the folder.
func NoteFetch(path, dir string, anchors []Anchor, refusals []*Refusal, now time.Time) error {
	notes, damaged := LoadKeys(path)
	notes.Anchors = anchors
	for _, r := range refusals {
		notes.Note(InRefused, r.Keys, r.Source.String(), now)
	}
	apex, err := NewestApex(dir)
	if err == nil {
		notes.Note(InZone, apex.Keys, FileName(apex.Serial), now)
	}
	if errors.Is(err, ErrNone) {
		err = nil // the fetch says why
	}
	return errors.Join(damaged, err, notes.Save())
}

// NoteAnswer takes down those of a DNSKEY answer that no zone explains, and that a vantage
// point had.
func (n *KeyNotes) NoteAnswer(keys []Key, source, vantagePoint string, at time.Time) {
	var records []*dns.DNSKEY
	for _, k := range keys {
		records = append(records, k.RR)
	}
	n.Note(InAnswer, records, source, at, vantagePoint)
}
