package rehearse

import (
	"path/filepath"
	"sync"
	"testing"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/rebuild"
)

// TestRebuild makes the lake of each scenario again from its evidence: whatever happened to
// the root, the archive or the files, it is the lake that the collector has.
func TestRebuild(t *testing.T) {
	all := Scenarios()
	if testing.Short() {
		all = []Scenario{named(t, "flipped-bit"), named(t, "young-archive")}
	}
	o := short(t)
	var mu sync.Mutex
	var players []*player
	o.before = func(p *player) error {
		mu.Lock()
		defer mu.Unlock()
		players = append(players, p)
		return nil
	}
	if _, err := Run(t.Context(), o, all); err != nil {
		t.Fatal(err)
	}
	for _, p := range players {
		again := lake.Store{Dir: filepath.Join(p.home, "rebuilt"), Version: o.Version}
		b := rebuild.Rebuild{Plan: p.site.plan, Anchors: p.anchors(), Originals: p.under(p.site.plan.Paths.Originals), Zones: p.zonesDir(),
			Plans: filepath.Join(p.store.Dir, "plans"), Lake: again, Now: p.clock}
		done, err := b.Run(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", p.result.Scenario, err)
		}
		c, err := rebuild.Check(t.Context(), again, p.store)
		if err != nil {
			t.Fatalf("%s: %v", p.result.Scenario, err)
		}
		if c.Different > 0 || c.Rows == 0 || done.Files == 0 {
			t.Errorf("%s: %+v\n%+v", p.result.Scenario, c, done)
		}
	}
}
