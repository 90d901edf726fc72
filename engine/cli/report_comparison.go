package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"mtric.net/mtric/engine/atlas"
	"mtric.net/mtric/engine/atlas/identity"
	"mtric.net/mtric/engine/comparison"
	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
)

// compareLakes makes a comparison.
var compareLakes = comparison.Run

// crowdLake is a lake of RIPE Atlas' results, the set of measurements that it holds, and the
// patterns that tell who answers there.
type crowdLake struct {
	lake.Store
	set        string
	identities *identity.Set
}

// crowdOf opens the lake of --with, and the file of --identities.
func crowdOf(o reportOptions) (*crowdLake, error) {
	dir := o.with
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, usagef("--with %s: not a folder; it names a lake of RIPE Atlas' results, which mtric import atlas makes", dir)
	}
	if there, err := exists(filepath.Join(dir, atlas.Marker)); err != nil {
		return nil, err
	} else if !there {
		return nil, usagef("--with %s: not a lake of RIPE Atlas' results (it lacks %s); mtric import atlas makes one", dir, atlas.Marker)
	}
	set, err := atlas.HeldSet(dir)
	if err != nil {
		return nil, usagef("--with %s: %w", dir, err)
	}
	identities, err := identitiesOf(o.identities)
	if err != nil {
		return nil, err
	}
	return &crowdLake{lake.Store{Dir: dir, Version: Version}, set, identities}, nil
}

// identitiesOf are the patterns of the program, and those of a file if one is named.
func identitiesOf(name string) (*identity.Set, error) {
	if name == "" {
		return identity.BuiltIn(), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, usagef("--identities: %w", err)
	}
	defer f.Close()
	own, err := identity.Parse(f, name)
	if err != nil {
		return nil, usagef("--identities: %w", err)
	}
	return identity.BuiltIn().With(own), nil
}

// comparison lays what the crowd saw beside what ours saw, and prints it. Its files are
// internal, all of them.
func (a *app) comparison(ctx context.Context, p *plan.Plan, o reportOptions, atHome bool, now func() time.Time) error {
	store, out, err := a.reportPlaces(p, o.out)
	if err != nil {
		return err
	}
	if o.with == "" {
		return usagef("--with is missing: it names the lake to compare ours with, which mtric import atlas makes")
	}
	with, err := crowdOf(o)
	if err != nil {
		return err
	}
	from, until, err := comparison.Period(o.period, now())
	if err != nil {
		return usagef("%w", err)
	}
	folder := filepath.Join(out, comparison.Folder(from, until))
	if !from.Before(now().Truncate(time.Hour)) {
		return usagef("comparison: the period begins at %s, there can be no data yet", from.Format(time.RFC3339))
	}
	d, err := report.Frame(p, framed(from, until), from, until, report.DataUntil(until, now()), Version)
	if err != nil {
		return usagef("%w", err)
	}
	until = covered(until, now())
	if a.flags.dryRun {
		_, err := fmt.Fprintf(a.out, "would write %s: %s beside %s (set %s), %s to %s\n", folder, store.Dir, with.Dir, with.set, from.Format(time.RFC3339), until.Format(time.RFC3339))
		return err
	}
	c, err := a.runComparison(ctx, d, store, with, until, folder, o.force)
	if err != nil {
		return err
	}
	if atHome {
		if err := a.logOnCollector(p, "comparison written", "folder", folder, "revision", c.Revision, "fails", len(c.Opinions), "with", with.set); err != nil {
			return err
		}
	}
	switch {
	case a.flags.json:
		return c.WriteJSON(a.out)
	case !a.flags.quiet:
		if err := c.WriteText(a.out); err != nil {
			return err
		}
		_, err := fmt.Fprintf(a.out, "\n%s\n", filepath.Join(folder, "internal", "comparison.html"))
		return err
	}
	return nil
}

// secondOpinion asks the crowd about a report, once that is filled.
func (a *app) secondOpinion(store lake.Store, o reportOptions, from, until time.Time) (func(context.Context, *report.Document) (*comparison.Document, error), error) {
	with, err := crowdOf(o)
	if err != nil {
		return nil, err
	}
	if !from.Before(until) {
		return nil, usagef("--with: the period begins at %s, there is no full hour to compare yet", from.Format(time.RFC3339))
	}
	return func(ctx context.Context, d *report.Document) (*comparison.Document, error) {
		return a.compareWith(ctx, d, store, with, until)
	}, nil
}

// covered is the end of what can be compared of a period: the last full hour.
func covered(until, now time.Time) time.Time {
	if end := now.UTC().Truncate(time.Hour); end.Before(until) {
		return end
	}
	return until
}

// framed is the style of report whose FAILs a comparison asks about. Thresholds are of months:
// those of a week or of days are a diagnostic, as in a weekly report.
func framed(from, until time.Time) report.Style {
	if from.Equal(interval.Month(from)) && until.Equal(interval.NextMonth(from)) {
		return report.Monthly
	}
	return report.Weekly
}

// runComparison makes the files while no other run does. A comparison of a period that is not
// over grows: a later end makes a new revision by itself.
func (a *app) runComparison(ctx context.Context, d *report.Document, store lake.Store, with *crowdLake, until time.Time, folder string, force bool) (c *comparison.Document, err error) {
	out := filepath.Dir(folder)
	err = a.alone(ctx, out, store, func() error {
		old, err := comparison.Existing(folder)
		if err != nil {
			return err
		}
		if old != nil && !force && old.Until.Equal(until) {
			return busyf("%s: comparison until %s, revision %d, %w", folder, old.Until.Format(time.RFC3339), old.Revision, edition.ErrThere)
		}
		if err := report.HalfMerged(ctx, store, d.From, d.DataUntil); err != nil {
			return fmt.Errorf("comparison: %w", err)
		}
		restore := collectAt(reportGarbage)
		_, err = d.Fill(ctx, store)
		restore()
		if err != nil {
			return err
		}
		if c, err = a.compareWith(ctx, d, store, with, until); err != nil {
			return err
		}
		return c.Put(out, filepath.Base(folder), old)
	})
	return c, err
}

// compareWith asks the crowd about a report that is filled: its FAILs, and what both sides saw in
// its period up to until.
func (a *app) compareWith(ctx context.Context, d *report.Document, store lake.Store, with *crowdLake, until time.Time) (c *comparison.Document, err error) {
	release, err := with.LockShared(ctx, 0)
	if errors.Is(err, lake.ErrLocked) {
		return nil, busyf("lake %s: mtric import atlas is at work there; try again later", with.Dir)
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	job, err := d.Comparison()
	if err != nil {
		return nil, err
	}
	job.Set, job.Identities, job.Ours, job.Theirs, job.Until = with.set, with.identities, store, with.Store, until
	defer collectAt(reportGarbage)() // what is held of vantage points stays until the end
	bar := a.progress(-1, "comparing, in hours of both lakes")
	job.Progress = bar.step
	c, err = compareLakes(ctx, job)
	bar.done()
	return c, err
}
