package site_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/site"
)

// TestEditionLeavesNothingOfAnother: a folder that had more than an edition tells, of another
// edition or by what the plan opened, has the files of that edition and no others, also where
// a day of the lake can be read no longer, and where nothing says what the folder had.
func TestEditionLeavesNothingOfAnother(t *testing.T) {
	const count = 2*288 + 60
	for what, c := range map[string]struct {
		first site.Edition
		open  []string
		lost  bool
	}{"internal": {site.Internal, nil, false}, "opened": {site.Public, []string{plan.OpenValues, plan.OpenServers}, false}, "of an older program": {site.Internal, nil, true}} {
		h, home := drawn(1, count), t.TempDir()
		s := h.write(t, home, count)
		make := func(edition site.Edition, out string, open []string) {
			h.plan.Sites = []plan.Site{{Edition: plan.SitePublic, FiveMinutes: plan.Duration(36 * time.Hour), Open: open}}
			run := site.Site{Plan: h.plan, Lake: lake.Store{Dir: s.Dir}, State: filepath.Join(home, "derived"), Out: out, Edition: edition, Now: func() time.Time { return at(count) }}
			if _, err := run.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		out, fresh := t.TempDir(), t.TempDir()
		make(c.first, out, c.open)
		if c.lost {
			if err := os.Remove(filepath.Join(out, ".told")); err != nil {
				t.Fatal(err)
			}
		}
		day := s.Path("answers", midnight.AddDate(0, 0, 1))
		if err := os.Truncate(day, 100); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(out, ".seen")); err != nil {
			t.Fatal(err)
		}
		make(site.Public, out, nil)
		make(site.Public, fresh, nil)
		if d := cmp.Diff(files(t, fresh, true), files(t, out, true)); d != "" {
			t.Errorf("%s (-fresh +in the same folder):\n%.2000s", what, d)
		}
	}
}
