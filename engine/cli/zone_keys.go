package cli

import (
	"path/filepath"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/rootzone"
)

// noteKeys takes down which key signing keys no anchor is of. The rule new-key tells of
// them.
func (f *fetching) noteKeys(result rootzone.Result) {
	err := rootzone.NoteFetch(filepath.Join(f.state, rootzone.KeysName), f.zones, anchors(f.plan), result.Refusals, f.now())
	f.condition("zone fetch", "key-notes", alert.Warning, err)
}
