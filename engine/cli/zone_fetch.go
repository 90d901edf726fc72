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
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/rootzone"
)

// zoneLock is the lock of everything that writes to the archive.
const zoneLock = "zone"

func (a *app) zoneFetchCommand() *cobra.Command {
	latest, serials := false, []string(nil)
	c := &cobra.Command{
		Use:   "fetch",
		Short: "Fetch the root zone from the plan's sources and keep it once it has proved itself",
		Long: `Fetch asks the plan's zone sources by priority, each once, for the root zone: whole,
proved by the plan's trust anchors now, not older than the newest in the archive. It is kept
as Output/RootZones/<serial>.root.txt, once, and each source's success is on record in
fetches.jsonl there, also when it brought nothing new. Each source that was refused is
reported with the reason; one that lacks a zone is reported once the archive has had
that zone for three hours.

Serials that answers show and the archive lacks are reported too. Sources whose url has
{serial} in it are asked for these zones, newest first, 20 a run, until one yields the
zone: of that serial, and proved at the time it was signed. With --serial only they
are asked, for these zones.

Cron runs it on the collector. With --latest, as on vantage points, it stops at the
first source that yields a good zone, and asks for no others.`,
		Example: "  mtric zone fetch --vp c00\n  mtric zone fetch --vp 101 --latest --json\n  mtric zone fetch --serial 2026112200 --serial 2026112201",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case c.Flags().Changed("serial") && len(serials) == 0:
				return usagef("--serial: want a zone's serial, 0 to 4294967295")
			case len(serials) == 0:
				return a.zoneFetch(c.Context(), latest)
			case latest:
				return usagef("--serial and --latest: an archive of the latest zone keeps no others")
			}
			return a.zoneFetchSerials(c.Context(), serials)
		},
	}
	c.Flags().BoolVar(&latest, "latest", false, "keep the newest zone only and remove the older ones, as on a vantage point")
	c.Flags().StringSliceVar(&serials, "serial", nil, "fetch the zone of this serial only, from sources whose url has {serial}; repeatable")
	return c
}

func (a *app) zoneFetch(ctx context.Context, latest bool) (err error) {
	var p *plan.Plan
	defer func() { err = a.ended("zone fetch", p, err) }()
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
	sources, bySerial := zoneSources(p, home)
	switch {
	case len(sources) == 0 && len(bySerial) > 0:
		return usagef("plan %s: has only zone_source blocks with {serial}, which are asked for missing zones, so there is nowhere to fetch a root zone from", p.Name)
	case len(sources) == 0:
		return usagef("plan %s: has no zone_source block, so there is nowhere to fetch a root zone from", p.Name)
	case latest:
		bySerial = nil // an archive of one zone lacks all others
	}
	seen := a.seenZones(p, home)
	if a.flags.dryRun {
		return a.dryFetch(p, home, sources, bySerial, seen)
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
	f := &fetching{station: s, app: a, sources: sources, bySerial: bySerial, latest: latest, seen: seen}
	return f.run(ctx)
}

// zoneSources are the plan's sources by priority, those of single zones apart.
func zoneSources(p *plan.Plan, home string) (sources, bySerial []rootzone.Source) {
	ordered := slices.SortedStableFunc(slices.Values(p.ZoneSources), func(a, b plan.ZoneSource) int {
		return cmp.Compare(a.Priority, b.Priority)
	})
	for _, z := range ordered {
		s := rootzone.Source{Label: z.Label, URL: z.URL, AXFR: z.AXFR, Timeout: time.Duration(z.Timeout), MaxSize: z.MaxSize}
		if z.File != "" {
			s.File = under(home, z.File)
		}
		if s.BySerial() {
			bySerial = append(bySerial, s)
		} else {
			sources = append(sources, s)
		}
	}
	return sources, bySerial
}

// fetching is one run of zone fetch.
type fetching struct {
	*station
	app      *app
	sources  []rootzone.Source
	bySerial []rootzone.Source // of single zones
	latest   bool
	seen     func() ([]uint32, error) // serials that answers show
}

func (f *fetching) run(ctx context.Context) error {
	bar := f.app.progress(len(f.sources), "fetching")
	fetcher := f.app.fetcher(f.plan, f.zones, f.now)
	fetcher.Progress, fetcher.First = bar.step, f.latest
	result, err := fetcher.Fetch(ctx, f.sources)
	bar.done()
	if err != nil && ctx.Err() != nil {
		return err // an interruption says nothing about the sources
	}
	filled, fillErr := f.fill(ctx)
	if fillErr != nil && ctx.Err() != nil {
		return errors.Join(err, fillErr)
	}
	for _, r := range slices.Concat(result.Records, filled.Records) {
		f.log.Info("root zone fetched", "serial", r.Serial, "source", r.Source, "added", r.Added, "unchanged", r.Unchanged, "notes", r.Notes)
	}
	f.tell(result, filled, err)
	f.noteKeys(result)
	missing, missed := f.missing()
	if err != nil {
		return errors.Join(err, fillErr, missed)
	}
	if fillErr != nil {
		return fillErr
	}
	var findings []error
	for _, r := range newsworthy(result.Refusals, filled.Refusals) {
		findings = append(findings, r)
	}
	findings = append(append(findings, result.Damaged...), missed)
	if f.latest {
		findings = append(findings, rootzone.KeepLatest(f.zones, result.Serial))
	}
	if err := f.print(result, filled, missing); err != nil {
		return err
	}
	if err := errors.Join(findings...); err != nil {
		return findingsf("zone %d: fetched, but %w", result.Serial, err)
	}
	return nil
}

// fetcher keeps the archive in a folder by the plan's anchors.
func (a *app) fetcher(p *plan.Plan, dir string, now func() time.Time) *rootzone.Fetcher {
	return &rootzone.Fetcher{Dir: dir, Anchors: anchors(p), Now: now, Agent: "mtric/" + Version}
}

// newsworthy are the refusals that somebody should hear of. That sources differ just
// after a publication is none, and a source that lacks a missing zone leaves it
// missing, which is told.
func newsworthy(fetched, filled []*rootzone.Refusal) []*rootzone.Refusal {
	fetched = slices.DeleteFunc(slices.Clone(fetched), func(r *rootzone.Refusal) bool { return r.Young })
	filled = slices.DeleteFunc(slices.Clone(filled), func(r *rootzone.Refusal) bool { return r.Kind == rootzone.Unavailable })
	return append(fetched, filled...)
}

// tell notes what was refused, one condition a kind, so that cron does not
// repeat each half hour what is known.
func (f *fetching) tell(result rootzone.Result, filled rootzone.Filled, err error) {
	if err != nil && !errors.Is(err, rootzone.ErrNoSource) {
		return // the archive's trouble; of the sources nothing is known
	}
	news := newsworthy(result.Refusals, filled.Refusals)
	for _, r := range slices.Concat(result.Refusals, filled.Refusals) {
		if !slices.Contains(news, r) {
			f.log.Info("nothing from a source", "source", r.Source.String(), "kind", string(r.Kind), "reason", r.Err)
		}
	}
	for _, kind := range rootzone.Kinds() {
		var refused []error
		for _, r := range news {
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

// refused is a refusal as JSON has it.
type refused struct {
	Source string        `json:"source"`
	Kind   rootzone.Kind `json:"kind"`
	Reason string        `json:"reason"`
	Young  bool          `json:"young,omitempty"` // no news yet
}

func refusedOnes(refusals ...*rootzone.Refusal) []refused {
	all := []refused{}
	for _, r := range refusals {
		all = append(all, refused{r.Source.String(), r.Kind, r.Err.Error(), r.Young})
	}
	return all
}

// print tells what was fetched on a terminal or as JSON; cron hears nothing.
func (f *fetching) print(r rootzone.Result, filled rootzone.Filled, missing []uint32) error {
	a := f.app
	if a.flags.json {
		return a.printJSON(struct {
			rootzone.Record
			Fetched []rootzone.Record `json:"fetched"` // of each source
			Filled  []rootzone.Record `json:"filled"`  // zones that were missing
			Refused []refused         `json:"refused"`
			Missing []uint32          `json:"missing"`
		}{r.Record, r.Records, listed(filled.Records), refusedOnes(slices.Concat(r.Refusals, filled.Refusals)...), missing})
	}
	if a.flags.quiet || !isTerminal(a.err) {
		return nil
	}
	return a.printRecords(append([]rootzone.Record{r.Record}, filled.Records...))
}

// printRecords writes a line for each zone that came.
func (a *app) printRecords(records []rootzone.Record) error {
	for _, r := range records {
		outcome := "at hand already"
		if r.Added {
			outcome = "added"
		}
		if _, err := fmt.Fprintf(a.out, "zone %d: %s, from %s\n%s", r.Serial, outcome, r.Source, noteLines(r.Notes)); err != nil {
			return err
		}
	}
	return nil
}

// listed is a list that JSON writes as one when it is empty.
func listed[T any](list []T) []T { return append([]T{}, list...) }

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
