package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/rootzone"
)

// zoneLock is the lock of everything that writes to the archive.
const zoneLock = "zone"

func (a *app) zoneFetchCommand() *cobra.Command {
	latest := false
	c := &cobra.Command{
		Use:   "fetch",
		Short: "Fetch the root zone from the plan's sources and keep it once it has proved itself",
		Long: `Fetch asks the plan's zone sources by priority, each once, until one yields a good
root zone: whole, proved by the plan's trust anchors now, not older than the newest
at hand. It is kept as Output/RootZones/<serial>.root.txt, once, and the success is
on record in fetches.jsonl there, also when it brought nothing new. Each source that
was refused is told with the reason, and so are serials that answers show and the
archive lacks. Cron runs it on the collector, and with --latest on vantage points.`,
		Example: "  mtric zone fetch --vp c00\n  mtric zone fetch --vp 101 --latest --json",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.zoneFetch(c.Context(), latest) },
	}
	c.Flags().BoolVar(&latest, "latest", false, "keep the newest zone only and remove the older ones, as on a vantage point")
	return c
}

func (a *app) zoneFetch(ctx context.Context, latest bool) (err error) {
	var p *plan.Plan
	defer func() { a.ended("zone fetch", p, err) }()
	machine, err := a.machine()
	if err != nil && a.flags.vp == "" && !latest {
		// As ingest does, whatever the host is called: all zones are kept by the collector.
		a.flags.vp = collector
		machine, err = a.machine()
	}
	if err != nil {
		return err
	}
	if p, err = a.loadPlan(); err != nil {
		return err
	}
	home, err := a.home()
	if err != nil {
		return err
	}
	sources := zoneSources(p, home)
	if len(sources) == 0 {
		return usagef("plan %s: has no zone_source block, so there is nowhere to fetch a root zone from", p.Name)
	}
	if a.flags.dryRun {
		return a.printSources(sources)
	}
	s, err := a.openStation(p, machine)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.closeLog()) }()
	unlock, err := s.lock(zoneLock)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	f := &fetching{station: s, app: a, sources: sources, latest: latest, seen: a.seenZones(p, home)}
	return f.run(ctx)
}

// zoneSources are the plan's sources by priority.
func zoneSources(p *plan.Plan, home string) []rootzone.Source {
	ordered := slices.SortedStableFunc(slices.Values(p.ZoneSources), func(a, b plan.ZoneSource) int {
		return cmp.Compare(a.Priority, b.Priority)
	})
	var sources []rootzone.Source
	for _, z := range ordered {
		s := rootzone.Source{Label: z.Label, URL: z.URL, AXFR: z.AXFR, Timeout: time.Duration(z.Timeout), MaxSize: z.MaxSize}
		if z.File != "" {
			s.File = under(home, z.File)
		}
		sources = append(sources, s)
	}
	return sources
}

// printSources is the dry run: whom a fetch would ask, in order.
func (a *app) printSources(sources []rootzone.Source) error {
	names := make([]string, len(sources))
	for i, s := range sources {
		names[i] = s.String()
	}
	if a.flags.json {
		return a.printJSON(map[string][]string{"sources": names})
	}
	for _, name := range names {
		if _, err := fmt.Fprintln(a.out, name); err != nil {
			return err
		}
	}
	return nil
}

// fetching is one run of zone fetch.
type fetching struct {
	*station
	app     *app
	sources []rootzone.Source
	latest  bool
	seen    func() ([]uint32, error) // serials that answers show
}

func (f *fetching) run(ctx context.Context) error {
	bar := f.app.progress(len(f.sources), "fetching")
	fetcher := &rootzone.Fetcher{Dir: f.zones, Anchors: anchors(f.plan), Now: f.now, Agent: "mtric/" + Version, Progress: bar.step}
	result, err := fetcher.Fetch(ctx, f.sources)
	bar.done()
	if ctx.Err() != nil {
		return err // an interruption says nothing about the sources
	}
	f.tell(result, err)
	f.noteKeys(result)
	missing, missed := f.missing()
	if err != nil {
		return errors.Join(err, missed)
	}
	f.log.Info("root zone fetched", "serial", result.Serial, "source", result.Source, "added", result.Added)
	var findings []error
	for _, r := range result.Refusals {
		findings = append(findings, r)
	}
	findings = append(append(findings, result.Damaged...), missed)
	if f.latest {
		findings = append(findings, rootzone.KeepLatest(f.zones, result.Serial))
	}
	if err := f.print(result, missing); err != nil {
		return err
	}
	if err := errors.Join(findings...); err != nil {
		return findingsf("zone %d: fetched, but %w", result.Serial, err)
	}
	return nil
}

// tell notes what was refused, one condition a kind, so that cron does not
// repeat each half hour what is known.
func (f *fetching) tell(result rootzone.Result, err error) {
	if err != nil && !errors.Is(err, rootzone.ErrNoSource) {
		return // the archive's trouble; of the sources nothing is known
	}
	for _, kind := range rootzone.Kinds() {
		var refused []error
		for _, r := range result.Refusals {
			if r.Kind == kind {
				refused = append(refused, r)
			}
		}
		f.condition("zone fetch", string(kind), kindSeverity(kind), errors.Join(refused...))
	}
	var damaged error
	if len(result.Damaged) > 0 {
		damaged = fmt.Errorf("%s has files that are no good root zone; move them away: %w", f.zones, errors.Join(result.Damaged...))
	}
	f.condition("zone fetch", "damaged-archive", alert.Critical, damaged)
}

// kindSeverity tells what may be an attack from what goes by.
func kindSeverity(k rootzone.Kind) alert.Severity {
	switch k {
	case rootzone.WrongKey, rootzone.Bogus, rootzone.OtherRecords:
		return alert.Critical
	}
	return alert.Warning
}

// missing lists the serials that answers show and the archive lacks, oldest
// first; judging waits for them. The error says so, or why nobody knows.
func (f *fetching) missing() ([]uint32, error) {
	missing := []uint32{}
	if f.latest {
		return missing, nil // an archive of one zone lacks all others
	}
	serials, err := rootzone.Serials(f.zones)
	if err != nil {
		return missing, err
	}
	seen, err := f.seen()
	if err != nil {
		err = fmt.Errorf("serials that answers show: %w", err)
	}
	f.condition("zone fetch", "unknown-sightings", alert.Warning, err)
	if err != nil {
		return missing, err
	}
	for _, serial := range seen {
		if !slices.Contains(serials, serial) {
			missing = append(missing, serial)
		}
	}
	slices.SortFunc(missing, rootzone.Compare)
	if len(missing) > 0 {
		more := ""
		if n := len(missing) - mostAlerts; n > 0 {
			more = fmt.Sprintf(" and %d more", n)
		}
		err = fmt.Errorf("answers show zones that the archive lacks: %v%s; mtric zone add puts a file into it", missing[:min(len(missing), mostAlerts)], more)
	}
	f.condition("zone fetch", "missing-zones", alert.Warning, err)
	return missing, err
}

// seenZones reads the accepted serials from the lake's table zones; without a
// lake there are none.
func (a *app) seenZones(p *plan.Plan, home string) func() ([]uint32, error) {
	dir := a.lakeDir(home, p)
	return func() ([]uint32, error) {
		rows, err := lake.Store{Dir: dir}.Zones()
		if err != nil {
			return nil, err
		}
		var serials []uint32
		for _, z := range rows {
			if z.State != measurement.ZoneBogus {
				serials = append(serials, uint32(z.Serial))
			}
		}
		return serials, nil
	}
}

// print tells what was fetched on a terminal or as JSON; cron hears nothing.
func (f *fetching) print(r rootzone.Result, missing []uint32) error {
	a := f.app
	if a.flags.json {
		type refused struct {
			Source string        `json:"source"`
			Kind   rootzone.Kind `json:"kind"`
			Reason string        `json:"reason"`
		}
		all := []refused{}
		for _, x := range r.Refusals {
			all = append(all, refused{x.Source.String(), x.Kind, x.Err.Error()})
		}
		return a.printJSON(struct {
			rootzone.Record
			Refused []refused `json:"refused"`
			Missing []uint32  `json:"missing"`
		}{r.Record, all, missing})
	}
	if a.flags.quiet || !isTerminal(a.err) {
		return nil
	}
	outcome := "at hand already"
	if r.Added {
		outcome = "added"
	}
	_, err := fmt.Fprintf(a.out, "zone %d: %s, from %s\n", r.Serial, outcome, r.Source)
	return err
}

// lockZones takes the archive's lock for a command that is run by hand and
// needs no station.
func (a *app) lockZones(p *plan.Plan) (func() error, error) {
	home, err := a.home()
	if err != nil {
		return nil, err
	}
	state := under(home, p.Paths.State)
	if err := os.MkdirAll(state, 0o755); err != nil {
		return nil, fmt.Errorf("folder %s: %w", state, err)
	}
	l := flock.New(filepath.Join(state, zoneLock+".lock"))
	held, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", l.Path(), err)
	}
	if !held {
		return nil, busyf("zone: another run holds %s", l.Path())
	}
	return l.Unlock, nil
}
