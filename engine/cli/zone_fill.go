package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/rootzone"
)

// mostFilled is for how many missing zones a run asks.
const mostFilled = 20

// missing lists the serials that answers show and the archive lacks, oldest
// first; judging waits for them. The error says so, or why nobody knows.
func (f *fetching) missing() ([]uint32, error) {
	if f.latest {
		return []uint32{}, nil // an archive of one zone lacks all others
	}
	missing, err := lacking(f.zones, f.seen)
	f.condition("zone fetch", "unknown-sightings", alert.Warning, err)
	if err != nil {
		return missing, err
	}
	if len(missing) > 0 {
		more := ""
		if n := len(missing) - mostAlerts; n > 0 {
			more = fmt.Sprintf(" and %d more", n)
		}
		err = fmt.Errorf("answers show zones that the archive lacks: %s%s; mtric zone add puts a file into it", commas(missing[:min(len(missing), mostAlerts)]), more)
	}
	f.condition("zone fetch", "missing-zones", alert.Warning, err)
	return missing, err
}

// lacking lists the serials that answers show and the archive in the folder lacks,
// oldest first.
func lacking(dir string, shown func() ([]uint32, error)) ([]uint32, error) {
	missing := []uint32{}
	serials, err := rootzone.Serials(dir)
	if err != nil {
		return missing, err
	}
	seen, err := shown()
	if err != nil {
		return missing, fmt.Errorf("serials that answers show: %w", err)
	}
	for _, serial := range seen {
		if !slices.Contains(serials, serial) {
			missing = append(missing, serial)
		}
	}
	slices.SortFunc(missing, rootzone.Compare)
	return missing, nil
}

// next are the missing zones that a run asks for, newest first: they are what answers
// of today wait for.
func next(missing []uint32) []uint32 {
	asked := slices.Clone(missing)
	slices.Reverse(asked)
	return asked[:min(len(asked), mostFilled)]
}

// fill asks for the zones that are missing. That nobody knows which they are is told
// by missing.
func (f *fetching) fill(ctx context.Context) (rootzone.Filled, error) {
	if len(f.bySerial) == 0 {
		return rootzone.Filled{}, nil
	}
	missing, err := lacking(f.zones, f.seen)
	if err != nil || len(missing) == 0 {
		return rootzone.Filled{}, nil
	}
	serials := next(missing)
	bar := f.app.progress(len(serials), "filling")
	defer bar.done()
	fetcher := f.app.fetcher(f.plan, f.zones, f.now)
	fetcher.Progress = bar.step
	return fetcher.Fill(ctx, f.bySerial, serials)
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

// dryFetch prints whom a fetch would ask, in order: for the newest zone, and for each
// that is missing.
func (a *app) dryFetch(p *plan.Plan, home string, sources, bySerial []rootzone.Source, seen func() ([]uint32, error)) error {
	var missing []uint32
	if len(bySerial) > 0 {
		var err error
		if missing, err = lacking(zonesDir(p, home), seen); err != nil {
			return err
		}
	}
	return a.printSources(sources, bySerial, next(missing))
}

// printSources is the dry run: whom a fetch would ask, in order.
func (a *app) printSources(sources, bySerial []rootzone.Source, serials []uint32) error {
	names, fill := []string{}, []string{}
	for _, s := range sources {
		names = append(names, s.String())
	}
	for _, serial := range serials {
		for _, s := range bySerial {
			fill = append(fill, s.Of(serial).String())
		}
	}
	if a.flags.json {
		return a.printJSON(map[string][]string{"sources": names, "by_serial": fill})
	}
	for _, name := range append(names, fill...) {
		if _, err := fmt.Fprintln(a.out, name); err != nil {
			return err
		}
	}
	return nil
}

// zoneFetchSerials fetches single zones, by hand: whatever comes of it says nothing
// about the fetches of cron.
func (a *app) zoneFetchSerials(ctx context.Context, texts []string) (err error) {
	var serials []uint32
	for _, text := range texts {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return usagef("--serial %q: want a zone's serial, 0 to 4294967295", text)
		}
		if !slices.Contains(serials, uint32(n)) {
			serials = append(serials, uint32(n))
		}
	}
	p, dir, err := a.zoneDir()
	if err != nil {
		return err
	}
	home, err := a.home()
	if err != nil {
		return err
	}
	_, sources := zoneSources(p, home)
	if len(sources) == 0 {
		return usagef("plan %s: has no zone_source block with {serial} in its url, so no zone can be asked for by its serial; mtric zone add puts a file into the archive", p.Name)
	}
	if a.flags.dryRun {
		return a.printSources(nil, sources, serials)
	}
	now, err := a.now()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("root zones: %w", err)
	}
	unlock, err := a.lockZones(p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	bar := a.progress(len(serials), "fetching")
	fetcher := a.fetcher(p, dir, now)
	fetcher.Progress = bar.step
	filled, err := fetcher.Fill(ctx, sources, serials)
	bar.done()
	if err != nil {
		return err
	}
	return a.printFilled(filled)
}

// printFilled tells what came of asking for single zones; one that is not to be had
// is exit 3, and so is a zone that lies.
func (a *app) printFilled(filled rootzone.Filled) error {
	switch {
	case a.flags.json:
		err := a.printJSON(struct {
			Fetched []rootzone.Record `json:"fetched"`
			AtHand  []uint32          `json:"at_hand"`
			Missing []uint32          `json:"missing"`
			Refused []refused         `json:"refused"`
		}{listed(filled.Records), listed(filled.AtHand), listed(filled.Lacking), refusedOnes(filled.Refusals...)})
		if err != nil {
			return err
		}
	case !a.flags.quiet:
		if err := a.printRecords(filled.Records); err != nil {
			return err
		}
		for _, serial := range filled.AtHand {
			if _, err := fmt.Fprintf(a.out, "zone %d: at hand already\n", serial); err != nil {
				return err
			}
		}
	}
	var reasons []error
	for _, r := range filled.Refusals {
		if len(filled.Lacking) > 0 || r.Kind != rootzone.Unavailable {
			reasons = append(reasons, r)
		}
	}
	if len(filled.Lacking) > 0 {
		return findingsf("no source yielded %s, %s: %w", diag.Plural(len(filled.Lacking), "zone"), commas(filled.Lacking[:min(len(filled.Lacking), mostAlerts)]), errors.Join(reasons...))
	}
	if err := errors.Join(reasons...); err != nil {
		return findingsf("all zones are at hand, but %w", err)
	}
	return nil
}
