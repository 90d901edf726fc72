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

	"mtric.net/mtric/engine/attainment"
	"mtric.net/mtric/engine/comparison"
	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/engine/simulate"
	"mtric.net/mtric/engine/survey"
	"mtric.net/mtric/metrics"
)

type reportOptions struct {
	style, period, out, zones, with, identities string
	force                                       bool
}

func (a *app) reportCommand() *cobra.Command {
	var o reportOptions
	c := &cobra.Command{
		Use:   "report",
		Short: "Write a report, or compare candidates or lakes",
		Long: `Report computes the eight metrics of RSSAC047 for a period out of the lake and
writes text, JSON and HTML: public in the report's folder, with every value below
internal/, and below rsi/ a dossier for each root server identifier that missed a
threshold. It is provisional until seven days after the period, and while answers
wait for a verdict. A report that is there already is replaced by its final form, by
the first one that is made after those seven days, and by --force; the old one is
kept below revisions/.

A report waits up to five minutes for an ingest that changes the lake, and then ends in
exit 5; an ingest waits for the report. Where an ingest was killed in the middle of a day
none is made (exit 1) until the next ingest has finished that day.

The style survey compares candidates for vantage points: hops, round trips, servers
and ways that each saw. It writes internal/survey.{txt,json,html} and prints the text.

The style objectives says whether servers met the plan's objectives in windows that end
with the period's day. It writes internal/objectives.{txt,json,html} and prints the text.

With --with, a monthly or weekly report says of each FAIL whether probes of RIPE Atlas saw
it too. No value, verdict, digest or exit code depends on what they saw.

The style comparison compares our vantage points with the probes of RIPE Atlas whose results
are in the lake of --with. It changes no verdict. It writes
internal/comparison.{txt,json,html} and prints the text. A comparison that is there already
is replaced by one with a later end, and by --force.`,
		Example: "  mtric report --style monthly\n  mtric report --style weekly --period 2026-11-16 --lake Lake --out Reports\n  mtric report --style survey --plan survey --plan local/survey --lake Lake --out Reports\n  mtric report --style objectives --plan my-plan\n  mtric report --style comparison --period 2026-11 --with Atlas",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.report(c.Context(), o) },
	}
	c.Flags().StringVar(&o.style, "style", string(report.Monthly), "`STYLE` of the report: monthly, weekly, survey, objectives or comparison")
	c.Flags().StringVar(&o.period, "period", "", "`PERIOD`: a month, 2026-11, or a week by its Monday, 2026-11-16 (default: the last complete one); of a survey days, 2026-11-22/2026-11-25 (default: all in the lake); of objectives the last day, 2026-11-22 (default: yesterday); of a comparison a month, a week, or days of which the end is exclusive")
	c.Flags().StringVar(&o.out, "out", "", "`DIR` that holds the reports' folders (default: Reports below --home)")
	c.Flags().StringVar(&o.zones, "zones", "", "`DIR` of the archive, whose root zones go into dossiers (default: Output/RootZones below --home; with --lake, its rootzones/)")
	c.Flags().StringVar(&o.with, "with", "", "`LAKE` of results of RIPE Atlas, made by mtric import atlas: to compare with, or for a second opinion on each FAIL of a monthly or weekly report")
	c.Flags().StringVar(&o.identities, "identities", "", "`FILE` of patterns of identities, added to those of the program, by which --with finds who answers in place of a root server")
	c.Flags().BoolVar(&o.force, "force", false, "make a new revision of a report that is there")
	return c
}

// report is the command.
func (a *app) report(ctx context.Context, o reportOptions) (err error) {
	var p *plan.Plan
	atHome := a.flags.lake == "" || o.out == "" // with both, nothing is written elsewhere
	if atHome {
		defer func() { err = a.ended("report", p, err) }()
		if err := a.onCollector(); err != nil {
			return err
		}
	}
	if p, err = a.loadPlan(); err != nil {
		return err
	}
	now, err := a.now()
	if err != nil {
		return err
	}
	if o.with != "" && (o.style == survey.Style || o.style == attainment.Style) {
		return usagef("--with: a report of the style %s compares nothing; give --style comparison, monthly or weekly", o.style)
	}
	if o.identities != "" && o.with == "" {
		return usagef("--identities: nothing asks who answers without --with")
	}
	switch o.style {
	case comparison.Style:
		return a.comparison(ctx, p, o, atHome, now)
	case survey.Style:
		return a.survey(ctx, p, o, atHome, now)
	case attainment.Style:
		return a.objectives(ctx, p, o, atHome, now)
	}
	return a.regular(ctx, p, o, atHome, now)
}

// regular makes the monthly or the weekly report.
func (a *app) regular(ctx context.Context, p *plan.Plan, o reportOptions, atHome bool, now func() time.Time) error {
	style := report.Style(o.style)
	store, out, err := a.reportPlaces(p, o.out)
	if err != nil {
		return err
	}
	from, until, err := report.Period(style, o.period, now())
	if err != nil {
		return usagef("%w", err)
	}
	d, err := report.Frame(p, style, from, until, report.DataUntil(until, now()), Version)
	if err != nil {
		return usagef("%w", err)
	}
	zones, err := a.reportZones(p, store, o.zones)
	if err != nil {
		return err
	}
	job := report.Job{Plan: p, Store: store, Out: out, Version: Version, Force: o.force, RootZones: zones}
	if o.with != "" {
		if job.Second, err = a.secondOpinion(store, o, from, covered(until, now())); err != nil {
			return err
		}
	}
	folder := filepath.Join(out, report.Folder(style, from))
	old, err := job.Existing(filepath.Base(folder))
	if err != nil {
		return err
	}
	if old != nil && !o.force && (old.Status == report.Final || !d.Complete()) {
		if old.Schema != report.Schema {
			return busyf("%s: %w", folder, report.ErrOldRules)
		}
		return busyf("%s: %s report, revision %d, %w", folder, old.Status, old.Revision, edition.ErrThere)
	}
	if a.flags.dryRun {
		_, err := fmt.Fprintf(a.out, "would write %s: %s, data until %s\n", folder, d.PeriodTitle(), d.DataUntil.Format(time.RFC3339))
		return err
	}
	if err := a.runReport(ctx, job, d, old); err != nil {
		return err
	}
	if atHome {
		if err := errors.Join(a.logReport(p, d, folder), a.reportRules(p, d)); err != nil {
			return err
		}
	}
	return a.reportDone(d, folder)
}

// runReport makes the report while no other run does.
func (a *app) runReport(ctx context.Context, job report.Job, d, old *report.Document) error {
	bar := a.progress(0, "report")
	days := int(d.DataUntil.Sub(d.From)/(24*time.Hour)) + 1
	done := 0
	job.Progress = func(string) { done++; bar.at(min(done, days), days) }
	restore := collectAt(reportGarbage)
	err := a.alone(ctx, job.Out, job.Store, func() error { return job.Run(ctx, d, old) })
	restore()
	bar.done()
	if errors.Is(err, edition.ErrThere) {
		return busyf("%s: %w", report.Folder(d.Style, d.From), err)
	}
	return err
}

// logReport notes the report in the collector's log, where there is one.
func (a *app) logReport(p *plan.Plan, d *report.Document, folder string) error {
	return a.logOnCollector(p, "report written", "folder", folder, "status", d.Status, "revision", d.Revision, "missed", d.Misses(), "unchecked", d.Unchecked, "digest", d.Digest)
}

// alone makes a report while no other run makes one into out, and ingest leaves the lake as
// it is.
func (a *app) alone(ctx context.Context, out string, store lake.Store, work func() error) (err error) {
	unlock, err := lockFolder("report", out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	release, err := a.keepLake(ctx, store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	return work()
}

// logOnCollector writes a line into the collector's log, where there is one.
func (a *app) logOnCollector(p *plan.Plan, message string, facts ...any) error {
	home, err := a.home()
	if err != nil {
		return err
	}
	logs := under(home, p.Paths.Logs)
	if there, err := exists(logs); err != nil || !there {
		return err
	}
	log, closeLog, err := openLog(logs, collector)
	if err != nil {
		return err
	}
	log.Info(message, facts...)
	return closeLog()
}

// reportPlaces are the lake and the folder of the reports.
func (a *app) reportPlaces(p *plan.Plan, out string) (lake.Store, string, error) {
	dir := a.flags.lake
	if dir == "" || out == "" {
		home, err := a.home()
		if err != nil {
			return lake.Store{}, "", err
		}
		if dir == "" {
			dir = under(home, p.Paths.Lake)
		}
		if out == "" {
			out = under(home, p.Paths.Reports)
		}
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return lake.Store{}, "", usagef("lake %s: not a folder; --lake names the folder that holds answers/", dir)
	}
	return lake.Store{Dir: dir, Version: Version}, out, ownLake(dir)
}

// reportZones is the archive that dossiers take root zones from.
func (a *app) reportZones(p *plan.Plan, store lake.Store, dir string) (string, error) {
	if dir != "" {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return "", usagef("root zones %s: not a folder; --zones names the folder that holds fetches.jsonl", dir)
		}
		return dir, nil
	}
	if a.flags.lake != "" {
		return filepath.Join(store.Dir, simulate.RootZones), nil // of a lake that was simulated; else there is none
	}
	home, err := a.home()
	if err != nil {
		return "", err
	}
	return filepath.Join(under(home, p.Paths.Output), "RootZones"), nil
}

// lockFolder lets one run of a command at a time write into a folder, which it makes.
func lockFolder(command, out string) (func() error, error) {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, fmt.Errorf("folder %s: %w", out, err)
	}
	path := filepath.Join(out, "."+command+".lock")
	l := flock.New(path)
	held, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if !held {
		return nil, busyf("%s: another run holds %s", command, path)
	}
	return l.Unlock, nil
}

// lakePatience is how long a report waits for an ingest to end, which takes seconds but
// for a backlog.
var lakePatience = 5 * time.Minute

// keepLake keeps ingest from changing the lake while it is read.
func (a *app) keepLake(ctx context.Context, store lake.Store) (release func() error, err error) {
	release, err = store.LockShared(ctx, 0)
	if errors.Is(err, lake.ErrLocked) {
		if !a.flags.quiet && isTerminal(a.err) {
			fmt.Fprintf(a.err, "mtric ingest is at work in %s; waiting for it\n", store.Dir)
		}
		release, err = store.LockShared(ctx, lakePatience)
	}
	if errors.Is(err, lake.ErrLocked) {
		return nil, busyf("lake %s: mtric ingest has been at work there for %s and is not done; try again later", store.Dir, lakePatience)
	}
	return release, err
}

// reportDone says where the report is and what it found.
func (a *app) reportDone(d *report.Document, folder string) error {
	misses := d.Misses()
	switch {
	case a.flags.json:
		result := map[string]any{"folder": folder, "html": filepath.Join(folder, "report.html"), "status": d.Status, "revision": d.Revision,
			"missed": misses, "no_data": d.Count(metrics.NoData), "failed_rsis": d.Failed(), "unchecked": d.Unchecked, "digest": d.Digest}
		if s := d.SecondOpinion; s != nil {
			result["second_opinion"] = s.Summary
		}
		if err := a.printJSON(result); err != nil {
			return err
		}
	case !a.flags.quiet:
		var failed []string
		for _, r := range d.Failed() {
			failed = append(failed, diag.Printable(string(r)))
		}
		fmt.Fprintf(a.out, "%s: %s, revision %d\n", d.PeriodTitle(), d.Status, d.Revision)
		for _, n := range d.Notes {
			fmt.Fprintf(a.out, "note: %s\n", diag.Printable(n))
		}
		for _, m := range d.MissedInWords() {
			fmt.Fprintf(a.out, "FAIL: %s\n", diag.Printable(m))
		}
		for _, u := range d.UnknownInWords() {
			fmt.Fprintf(a.out, "no data: %s\n", u)
		}
		if s := d.SecondOpinion; s != nil {
			fmt.Fprintf(a.out, "second opinion: %s\n", s.Summary)
		}
		fmt.Fprintf(a.out, "thresholds missed: %d", misses)
		if n := d.Count(metrics.NoData); n > 0 {
			fmt.Fprintf(a.out, "; no data: %d", n)
		}
		if len(failed) > 0 {
			fmt.Fprintf(a.out, "; dossiers for %s", strings.Join(failed, ", "))
		}
		fmt.Fprintf(a.out, "\n%s\n", filepath.Join(folder, "report.html"))
	}
	switch {
	case misses > 0:
		return &exitError{code: exitFindings}
	case d.Unchecked > 0:
		return &exitError{code: exitPartly}
	}
	return nil
}
