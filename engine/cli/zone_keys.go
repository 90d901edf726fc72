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

// noteKeys takes down which key signing keys no anchor is of. The rule new-key tells of
// them.
func (f *fetching) noteKeys(result rootzone.Result) {
	err := rootzone.NoteFetch(filepath.Join(f.state, rootzone.KeysName), f.zones, anchors(f.plan), result.Refusals, f.now())
	f.condition("zone fetch", "key-notes", alert.Warning, err)
}

// answeredKeys lets ingest take down the key signing keys of answers that no zone of
// the archive explains; save writes what was met.
func (s *station) answeredKeys(in *ingest.Ingester) (save func()) {
	notes, damaged := rootzone.LoadKeys(filepath.Join(s.state, rootzone.KeysName))
	notes.Anchors = in.Anchors
	in.Keys = func(keys []rootzone.Key, rsi measurement.RSI, vp measurement.VantagePoint, _ time.Time) {
		notes.NoteAnswer(keys, "answer of "+string(rsi), string(vp), s.now())
	}
	return func() {
		err := damaged
		if notes.Met() {
			err = errors.Join(err, notes.Save())
		}
		s.condition("ingest", "key-notes", alert.Warning, err)
	}
}
