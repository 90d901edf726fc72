package cli

import (
	"errors"
	"path/filepath"

	"mtric.net/mtric/engine/alert"
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
