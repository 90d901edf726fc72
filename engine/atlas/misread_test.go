package atlas_test

import (
	"path/filepath"
	"testing"

	"mtric.net/mtric/engine/atlas"
	"mtric.net/mtric/engine/atlas/identity"
	"mtric.net/mtric/engine/measurement"
)

// What a server calls itself is in its response alone, so a comparison needs it: another
// operator's server answers with AA and without RA, as the right one does.
func TestIdentitiesAreKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lake")
	importLines(t, dir, atlas.Importer{Identity: true}, line(t, with(answer(wire(t, "hostname.bind.", "TXT", nil), nil), map[string]any{"msm_id": 10301})))
	all := rows[measurement.Answer](t, dir)
	if len(all) != 1 {
		t.Fatalf("%d rows", len(all))
	}
	if text, ok := identity.Text(all[0].Response); !ok || text != "nnn1-fra6" {
		t.Errorf("identity %q, response %x", text, all[0].Response)
	}
}
