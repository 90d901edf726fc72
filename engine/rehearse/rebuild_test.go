package rehearse

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/ingest"
	"mtric.net/mtric/engine/judge"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/originals"
	"mtric.net/mtric/engine/rebuild"
)

// historic are the columns of the table zones that say, in these scenarios, what the
// collector learnt in which order, and that no evidence tells (docs/decisions/0020).
var historic = map[string]string{
	"altered-glue": ": sha256 is ",     // of the file that was proven, and put right behind the table's back
	"site-off":     ": first_seen is ", // a signature proved the zones before they were archived
}

// playersOf gathers who plays by the options.
func playersOf(o *Options) func() []*player {
	var mu sync.Mutex
	var players []*player
	o.before = func(p *player) error {
		mu.Lock()
		defer mu.Unlock()
		players = append(players, p)
		return nil
	}
	return func() []*player { return players }
}

// rebuildSame makes a scenario's lake again from its evidence, packed: whatever happened to
// the root, the archive or the files, it is the lake that the collector has once all its
// answers are judged by what it knows in the end.
func rebuildSame(t *testing.T, p *player) {
	t.Helper()
	name := p.result.Scenario
	p.rejudge(t)
	if name == "fast-clock" { // loose files, too, say that they came before their intervals
		p.sameAs(t, "loose")
	}
	p.pack(t)
	if done := p.sameAs(t, "packed"); done.Unnoted > 0 {
		t.Errorf("%s: %+v", name, done)
	}
}

func (p *player) sameAs(t *testing.T, folder string) rebuild.Result {
	t.Helper()
	name := p.result.Scenario
	again := lake.Store{Dir: filepath.Join(p.home, folder), Version: p.o.Version}
	b := rebuild.Rebuild{Plan: p.site.plan, Anchors: p.anchors(), Originals: p.under(p.site.plan.Paths.Originals), Zones: p.zonesDir(),
		Plans: filepath.Join(p.store.Dir, "plans"), Lake: again, Now: p.clock}
	done, err := b.Run(t.Context())
	if err != nil {
		t.Fatalf("%s: rebuild: %v", name, err)
	}
	c, err := rebuild.Check(t.Context(), again, p.store)
	if err != nil {
		t.Fatalf("%s: rebuild: %v", name, err)
	}
	other := slices.ContainsFunc(c.Differences, func(line string) bool {
		return historic[name] == "" || !strings.HasPrefix(line, "zones ") || !strings.Contains(line, historic[name]) || strings.Contains(line, "; ")
	})
	// The vantage points of a rehearsal send no plans: what the lake lacks, the rebuilt one lacks.
	lacking := func(dir string) int {
		return len(slices.DeleteFunc(slices.Clone(c.Plans), func(line string) bool { return !strings.HasPrefix(line, dir+": ") }))
	}
	if other || c.Rows == 0 || done.Files == 0 || lacking(again.Dir) != lacking(p.store.Dir) {
		t.Errorf("%s: the lake rebuilt of %s originals is another: %+v\n%+v", name, folder, c, done)
	}
	return done
}

// rejudge has all answers judged by what the collector knows in the end.
func (p *player) rejudge(t *testing.T) {
	t.Helper()
	paths := p.site.plan.Paths
	in := &ingest.Ingester{Plan: p.site.plan, Lake: p.store, Dropboxes: p.under(paths.Dropboxes), Originals: p.under(paths.Originals), Quarantine: p.under(paths.Quarantine),
		RootZones: p.zonesDir(), Anchors: p.anchors(), Now: p.clock, Rejudge: []judge.Span{{From: p.script.start.AddDate(-1, 0, 0), Until: p.now.AddDate(1, 0, 0)}}}
	if _, err := in.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// pack packs the originals, so that an index says when they came.
func (p *player) pack(t *testing.T) {
	t.Helper()
	facts := func(day time.Time) (map[string]originals.Fact, error) {
		rows, _, err := column.Read[measurement.Run](p.store.Path(column.Runs, day))
		all := map[string]originals.Fact{}
		for _, r := range rows {
			all[r.File] = originals.Fact{SHA256: r.SHA256, ReceivedAt: &r.ReceivedAt, IngestedAt: r.IngestedAt}
		}
		return all, err
	}
	packer := originals.Packer{Store: &originals.Store{Dir: p.under(p.site.plan.Paths.Originals)}, Facts: facts, Now: p.now.AddDate(0, 1, 0)}
	if done, err := packer.Run(t.Context()); err != nil || done.Packs == 0 || len(done.Left) > 0 {
		t.Fatalf("%s: %+v, %v", p.result.Scenario, done, err)
	}
}
