package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/derive"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/rebuild"
)

// rebuildMarker says that the folder is a rebuilt lake, which may be completed; readers of
// the lake pass over names that begin with an underscore.
const rebuildMarker = "_rebuild.lock"

type rebuildFlags struct{ originals, zones, plans, serials, out, check string }

func (a *app) rebuildCommand() *cobra.Command {
	var f rebuildFlags
	c := &cobra.Command{
		Use:   "rebuild --originals DIR [--zones DIR] --out LAKE",
		Short: "Make a lake again from originals, root zones and plans",
		Long: `Rebuild makes LAKE out of the evidence: the files of vantage points as they were
received, loose or packed, the archive of root zones with its records of fetches, the
plans, and what the collector saw at the sources of zones. It runs what ingest runs, a day at a time, and judges all answers by the
plan of --plan. What cannot be used is named and is a finding.

The tables hours and events are derived from the others then, by the same plan.

With --check it compares every column of every other table with another lake and names
the first differences, and looks in both for the plans of their runs; both are findings
too. When files arrived is known from the indexes of packs; of loose ones it is not, and
received_at and ingested_at are not compared. Rows of vantage_points that the plan of
--plan says no more are not rebuilt: they count where a kept plan says the same.

LAKE must be empty, new, or the output of an earlier rebuild. That is completed; with
--check it is emptied first, for the evidence of what it has may be gone. As long as the
folder _rebuild lies in it, it is not whole: give the command again.`,
		Example: "  mtric rebuild --originals Originals --zones Output/RootZones --plans Lake/plans --serials Lake/zone_serials/zone_serials.parquet --out /tmp/lake --check Lake",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.rebuild(c, f) },
	}
	c.Flags().StringVar(&f.originals, "originals", "", "folder of originals, the `DIR` that holds yyyymm/")
	c.Flags().StringVar(&f.zones, "zones", "", "archive of root zones, the `DIR` that holds fetches.jsonl (required where the plan has root zones)")
	c.Flags().StringVar(&f.plans, "plans", "", "plans by their hash, a `DIR` such as Lake/plans (default: those among the originals)")
	c.Flags().StringVar(&f.serials, "serials", "", "serials that sources of zones showed, the table zone_serials: a `FILE`, which no original can replace (default: none)")
	c.Flags().StringVar(&f.out, "out", "", "the `LAKE` to make")
	c.Flags().StringVar(&f.check, "check", "", "compare with this `LAKE`")
	return c
}

func (a *app) rebuild(c *cobra.Command, f rebuildFlags) (err error) {
	defer collectForDays()()
	for _, name := range []string{"originals", "out"} {
		if c.Flag(name).Value.String() == "" {
			return usagef("rebuild: --%s is missing\nTry \"%s --help\".", name, c.CommandPath())
		}
	}
	if _, err := os.Stat(f.serials); f.serials != "" && err != nil {
		return usagef("rebuild: %w", err)
	}
	for _, dir := range []string{f.originals, f.zones, f.plans, f.check} {
		if info, err := os.Stat(dir); dir != "" && err != nil {
			return usagef("rebuild: %w", err)
		} else if dir != "" && !info.IsDir() {
			return usagef("rebuild: %s is no folder", dir)
		}
	}
	if err := ownLake(f.check); f.check != "" && err != nil {
		return err
	}
	p, err := a.loadPlan()
	if err != nil {
		return err
	}
	_, judged := p.Query(measurement.QueryCorrectness)
	if f.zones == "" && (judged || len(p.ZoneSources) > 0) {
		return usagef("rebuild: --zones is missing, and plan %s has root zones\nTry \"%s --help\".", p.Name, c.CommandPath())
	}
	now, err := a.now()
	if err != nil {
		return err
	}
	if err := f.apart(); err != nil {
		return err
	}
	if f.zones == "" {
		f.zones = filepath.Join(f.out, "_rebuild", "none") // where nothing is
	}
	if a.flags.dryRun {
		if err := rebuildable(f.out); err != nil {
			return err
		}
		_, err := fmt.Fprintf(a.out, "would make the lake %s\n", f.out)
		return err
	}
	unlock, err := openRebuilt(f.out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	store := lake.Store{Dir: f.out, Version: Version}
	release, err := store.LockExclusive(c.Context(), 0)
	if err != nil {
		return fmt.Errorf("rebuild: lake %s: %w", f.out, err)
	}
	defer func() { err = errors.Join(err, release()) }()
	if f.check != "" {
		if err := f.empty(); err != nil {
			return err
		}
	}
	bar := a.progress(0, "rebuilding")
	b := &rebuild.Rebuild{Plan: p, Anchors: anchors(p), Originals: f.originals, Zones: f.zones, Plans: f.plans, Serials: f.serials, Lake: store, Now: now,
		Progress: func(int) { bar.step() }}
	done, err := b.Run(c.Context())
	bar.done()
	if err == nil {
		err = a.deriveRebuilt(c.Context(), p, store)
	}
	if err != nil {
		return err
	}
	return a.printRebuilt(c.Context(), done, store, f.check)
}

// deriveRebuilt makes the tables of change of a rebuilt lake.
func (a *app) deriveRebuilt(ctx context.Context, p *plan.Plan, store lake.Store) (err error) {
	d := &derive.Deriver{Plan: p, Lake: store, State: filepath.Join(store.Dir, "_derived")}
	defer func() { err = errors.Join(err, os.RemoveAll(d.State)) }()
	bar := a.progress(0, "deriving")
	d.Progress = bar.at
	result, err := d.Run(ctx, time.Time{}, time.Time{})
	bar.done()
	return errors.Join(err, errors.Join(result.Failed...))
}

// printRebuilt compares where that is wanted, and tells what came of all.
func (a *app) printRebuilt(ctx context.Context, done rebuild.Result, store lake.Store, other string) (err error) {
	var checked *rebuild.Checked
	if other != "" {
		with := lake.Store{Dir: other, Version: Version}
		release, err := with.LockShared(ctx, 0)
		if err != nil {
			return fmt.Errorf("rebuild: lake %s: %w", other, err)
		}
		found, err := rebuild.Check(ctx, store, with)
		if err := errors.Join(err, release()); err != nil {
			return err
		}
		checked = &found
	}
	if a.flags.json {
		err = a.printJSON(struct {
			rebuild.Result
			Check *rebuild.Checked `json:"check,omitempty"`
		}{done, checked})
	} else if !a.flags.quiet {
		_, err = fmt.Fprintf(a.out, "%d days, %d files, %d rows into %s; of %d intervals nobody noted when they arrived\n", done.Days, done.Files, done.Rows, store.Dir, done.Unnoted)
		if err == nil && checked != nil {
			_, err = fmt.Fprintf(a.out, "%d rows are equal to those of %s, %d are not\n", checked.Rows, other, checked.Different)
			if err == nil && checked.Former > 0 {
				_, err = fmt.Fprintf(a.out, "%d rows of vantage_points only %s has, of former plans that are kept\n", checked.Former, other)
			}
		}
	}
	if err != nil {
		return err
	}
	var findings []string
	if n := len(done.Wrong); n > 0 {
		findings = append(findings, fmt.Sprintf("%d could not be used:\n%s", n, strings.Join(done.Wrong[:min(n, mostAlerts)], "\n")))
	}
	if checked != nil && checked.Different > 0 {
		findings = append(findings, fmt.Sprintf("%d rows differ from %s:\n%s", checked.Different, other, strings.Join(checked.Differences, "\n")))
	}
	if checked != nil && len(checked.Plans) > 0 {
		findings = append(findings, "plans that runs name are not kept:\n"+strings.Join(checked.Plans, "\n"))
	}
	if len(findings) > 0 {
		return findingsf("rebuild: %s", strings.Join(findings, "\n"))
	}
	return nil
}

// apart refuses to read what lies in the folder that is made: it would be emptied.
func (f rebuildFlags) apart() error {
	out, err := filepath.Abs(f.out)
	if err != nil {
		return usagef("rebuild: --out: %w", err)
	}
	if real, err := filepath.EvalSymlinks(out); err == nil {
		out = real
	}
	for _, dir := range []string{f.originals, f.zones, f.plans, f.serials, f.check} {
		if dir == "" {
			continue
		}
		real, err := filepath.Abs(dir)
		if err == nil {
			real, err = filepath.EvalSymlinks(real)
		}
		if err != nil {
			return usagef("rebuild: %w", err)
		}
		if inside, err := filepath.Rel(out, real); err == nil && filepath.IsLocal(inside) {
			return usagef("rebuild: %s lies in --out %s; give another folder to make", dir, f.out)
		}
	}
	return nil
}

// empty removes all but the marker, which is locked, and what says that the lake is not
// whole.
func (f rebuildFlags) empty() error {
	if err := os.MkdirAll(filepath.Join(f.out, rebuild.Work), 0o755); err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	entries, err := os.ReadDir(f.out)
	if err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	for _, e := range entries {
		if e.Name() == rebuildMarker || e.Name() == rebuild.Work {
			continue
		}
		if err := os.RemoveAll(filepath.Join(f.out, e.Name())); err != nil {
			return fmt.Errorf("rebuild: %w", err)
		}
	}
	return nil
}

// rebuildable says why a folder may not become a rebuilt lake.
func rebuildable(out string) error {
	entries, err := os.ReadDir(out)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return usagef("rebuild: --out: %w", err)
	}
	if made, err := exists(filepath.Join(out, rebuildMarker)); err != nil || !made {
		return usagef("rebuild: --out %s is not empty and was not made by mtric rebuild; give a new folder", out)
	}
	return nil
}

// openRebuilt makes the folder ours.
func openRebuilt(out string) (unlock func() error, err error) {
	if err := rebuildable(out); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, fmt.Errorf("rebuild: %w", err)
	}
	l := flock.New(filepath.Join(out, rebuildMarker))
	held, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("rebuild: %w", err)
	}
	if !held {
		return nil, busyf("rebuild: another run makes %s", out)
	}
	return l.Unlock, nil
}
