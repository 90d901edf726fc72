package rehearse

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/clock"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/ingest"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
)

// collector is the machine that ingests.
const collector = "c00"

// under is a path of the plan in the collector's home.
func (p *player) under(path string) string { return filepath.Join(p.home, path) }

func (p *player) zonesDir() string {
	return filepath.Join(p.under(p.site.plan.Paths.Output), "RootZones")
}

func (p *player) keysFile() string {
	return filepath.Join(p.under(p.site.plan.Paths.State), rootzone.KeysName)
}

func (p *player) makeFolders() error {
	paths := p.site.plan.Paths
	dirs := []string{p.zonesDir(), p.under(paths.Logs), p.under(paths.State), p.under(paths.Lake)}
	for _, vp := range vantagePoints {
		dirs = append(dirs, p.dropbox(vp), p.unsentDir(vp))
	}
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("folder: %w", err)
		}
	}
	return nil
}

func (p *player) clock() time.Time { return p.now }

func (p *player) fetcher() *rootzone.Fetcher {
	return &rootzone.Fetcher{Dir: p.zonesDir(), Anchors: p.anchors(), Now: p.clock, Transport: web{p}, Agent: "mtric/" + p.o.Version}
}

func (p *player) anchors() []rootzone.Anchor { return p.script.anchors }

// sources are those to fetch from, and those of single zones.
func (p *player) sources() (all, bySerial []rootzone.Source) {
	for _, s := range p.script.sources {
		if s.bySerial {
			bySerial = append(bySerial, rootzone.Source{Label: s.label, URL: "https://" + s.label + ".example/{serial}.root.txt"})
		} else {
			all = append(all, rootzone.Source{Label: s.label, URL: "https://" + s.label + ".example/root.zone"})
		}
	}
	return all, bySerial
}

// fetch is what mtric zone fetch does.
func (p *player) fetch() {
	sources, bySerial := p.sources()
	before, err := rootzone.Serials(p.zonesDir())
	if err != nil {
		p.step("zone fetch", err)
		return
	}
	result, err := p.fetcher().Fetch(p.ctx, sources)
	p.result.Refused += len(result.Refusals)
	if !errors.Is(err, rootzone.ErrNoSource) {
		p.step("zone fetch", err)
	}
	if len(bySerial) > 0 {
		p.fill()
	}
	if len(result.Refusals) > 0 || result.Added { // else the notes are as they were
		p.step("zone fetch", rootzone.NoteFetch(p.keysFile(), p.zonesDir(), p.anchors(), result.Refusals, p.now))
	}
	p.step("zone fetch", p.dateZones(before))
}

// dateZones gives the files of new zones the time of now, by which watch goes.
func (p *player) dateZones(before []uint32) error {
	after, err := rootzone.Serials(p.zonesDir())
	if err != nil {
		return err
	}
	for _, serial := range after {
		if slices.Contains(before, serial) {
			continue
		}
		if err := os.Chtimes(filepath.Join(p.zonesDir(), rootzone.FileName(serial)), p.now, p.now); err != nil {
			return fmt.Errorf("root zones: %w", err)
		}
	}
	return nil
}

// missing are the serials that the lake knows of and the archive lacks, newest first, as
// many as a run of zone fetch asks for.
func (p *player) missing() ([]uint32, error) {
	const most = 20
	rows, err := p.store.Zones()
	var missing []uint32
	for _, z := range rows {
		if z.State == measurement.ZoneSeen {
			missing = append(missing, uint32(z.Serial))
		}
	}
	slices.SortFunc(missing, func(a, b uint32) int { return rootzone.Compare(b, a) })
	return missing[:min(len(missing), most)], err
}

// fill asks the sources of single zones for what is missing.
func (p *player) fill() {
	_, sources := p.sources()
	missing, err := p.missing()
	if err == nil && len(missing) > 0 {
		var filled rootzone.Filled
		filled, err = p.fetcher().Fill(p.ctx, sources, missing)
		p.result.Filled += len(filled.Records)
	}
	p.step("zone fetch", err)
}

// add is what mtric zone add does with the file of a version.
func (p *player) add(versions ...version) error {
	for _, v := range versions {
		text, err := p.root.text(v.zone)
		if err != nil {
			return err
		}
		zone, err := rootzone.ReadWhole(bytes.NewReader(text), "file")
		if err != nil {
			return err
		}
		at, err := zone.SignedAt()
		if err != nil {
			return err
		}
		if err := zone.Validate(p.anchors(), at); err != nil {
			return err
		}
		added, err := rootzone.Save(p.zonesDir(), zone)
		if err != nil {
			return err
		}
		sum, err := files.Sum(filepath.Join(p.zonesDir(), rootzone.FileName(zone.Serial)))
		if err != nil {
			return err
		}
		record := rootzone.Record{At: p.now, Serial: zone.Serial, Source: fmt.Sprintf("file %d.zone", zone.Serial), SHA256: sum, Added: added, ByHand: true}
		if err := rootzone.AppendRecord(p.zonesDir(), record); err != nil {
			return err
		}
		p.result.Filled++
	}
	return nil
}

// ingest is what mtric ingest does; the window rules are evaluated where somebody lies.
func (p *player) ingest() {
	paths := p.site.plan.Paths
	met, err := rootzone.LoadKeys(p.keysFile())
	p.step("ingest", err)
	met.Anchors = p.anchors()
	in := &ingest.Ingester{Plan: p.site.plan, Lake: p.store, Dropboxes: p.under(paths.Dropboxes), Originals: p.under(paths.Originals),
		Quarantine: p.under(paths.Quarantine), RootZones: p.zonesDir(), Backlog: filepath.Join(p.under(paths.State), "unchecked.json"),
		Anchors: p.anchors(), Now: p.clock, Came: os.FileInfo.ModTime,
		Keys: func(keys []rootzone.Key, rsi measurement.RSI, vp measurement.VantagePoint, at time.Time) {
			met.NoteAnswer(keys, string(rsi), string(vp), at)
		}}
	relay := &alert.Relay{Logs: p.under(paths.Logs), State: p.under(paths.State), Plan: p.site.plan, Now: p.now}
	in.Alerts = func(vp measurement.VantagePoint, label time.Time, data []byte) (refused string, err error) {
		if err = relay.Take(string(vp), label, data); errors.As(err, new(alert.Refused)) {
			return err.Error(), nil
		}
		return "", err
	}
	result, err := in.Run(p.ctx)
	p.step("ingest", err)
	p.step("ingest", met.Save())
	p.step("ingest", relay.Close())
	p.result.judged += result.Judged.Correct + result.Judged.Incorrect
	for _, q := range result.Quarantined {
		p.result.quarantined(q.File+": "+q.Reason, q.VantagePoint == p.script.liar)
	}
	p.windowRules(result.Accused)
	p.countAlerts()
	for accused := range result.Accused {
		p.truth.accused(accused)
	}
}

// book is the collector's alerts.
func (p *player) book() *alert.Book {
	paths := p.site.plan.Paths
	return &alert.Book{Machine: collector, Logs: p.under(paths.Logs), State: p.under(paths.State), Now: p.clock, Rules: p.rules}
}

// watch is what mtric watch does on the collector; this machine's own disk and clock are
// left out.
func (p *player) watch() {
	paths := p.site.plan.Paths
	book := p.book()
	before, err := book.Facts()
	if err != nil {
		p.step("watch", err)
		return
	}
	l := &alert.Inspector{Plan: p.site.plan, Machine: collector, Store: p.store, Now: p.now, Before: before,
		Home: p.home, Output: p.under(paths.Output), Logs: book.Logs, State: book.State, Originals: p.under(paths.Originals), Quarantine: p.under(paths.Quarantine),
		Clock:   clock.Kernel{Adjtimex: func(*unix.Timex) (int, error) { return unix.TIME_OK, nil }},
		Statfs:  func(_ string, s *unix.Statfs_t) error { s.Blocks, s.Bfree, s.Bavail = 100, 99, 99; return nil },
		Sysinfo: func(i *unix.Sysinfo_t) error { i.Uptime = 86400; return nil }}
	facts, err := l.Inspect(p.ctx)
	if err != nil {
		p.step("watch", err)
		return
	}
	evaluated, err := book.EvaluateMachine(facts, l.Where())
	p.step("watch", errors.Join(append(evaluated.Errors, err)...))
	p.countFiring(evaluated.Firing)
	for _, s := range evaluated.Firing {
		p.result.fired(s.Rule)
	}
	p.step("watch", errors.Join(book.Remember(l.After()), book.Ran("watch", true)))
}

// lakeRows reads a day's answers.
func (p *player) lakeRows(day time.Time) ([]measurement.Answer, error) {
	rows, _, err := column.Read[measurement.Answer](p.store.Path(column.Answers, day))
	return rows, err
}
