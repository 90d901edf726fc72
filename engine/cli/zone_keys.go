package cli

import (
	"errors"
	"path/filepath"
	"time"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/ingest"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
)

// noteKeys takes down which key signing keys no anchor is of: in zones that were
// refused, where a key that signs before the plan knows it shows first, and in the
// newest zone at hand. The rule new-key tells of them.
func (f *fetching) noteKeys(result rootzone.Result) {
	notes, damaged := rootzone.LoadKeys(filepath.Join(f.state, rootzone.KeysName))
	notes.Anchors = anchors(f.plan)
	for _, r := range result.Refusals {
		notes.Note(rootzone.InRefused, r.Keys, r.Source.String(), f.now())
	}
	apex, err := rootzone.NewestApex(f.zones)
	if err == nil {
		notes.Note(rootzone.InZone, apex.Keys, rootzone.FileName(apex.Serial), f.now())
	}
	if errors.Is(err, rootzone.ErrNone) {
		err = nil // the fetch says why
	}
	f.condition("zone fetch", "key-notes", alert.Warning, errors.Join(damaged, err, notes.Save()))
}

// answeredKeys lets ingest take down the key signing keys of answers that no zone of
// the archive explains; save writes what was met.
func (s *station) answeredKeys(in *ingest.Ingester) (save func()) {
	notes, damaged := rootzone.LoadKeys(filepath.Join(s.state, rootzone.KeysName))
	notes.Anchors = in.Anchors
	in.Keys = func(keys []rootzone.Key, rsi measurement.RSI, _ time.Time) {
		notes.NoteKeys(rootzone.InAnswer, keys, "answer of "+string(rsi), s.now())
	}
	return func() {
		err := damaged
		if notes.Met() {
			err = errors.Join(err, notes.Save())
		}
		s.condition("ingest", "key-notes", alert.Warning, err)
	}
}
