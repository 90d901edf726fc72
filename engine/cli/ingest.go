package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/ingest"
	"mtric.net/mtric/engine/judge"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// ingestFlags say what is judged again beside what waits.
type ingestFlags struct {
	rejudge     bool
	from, until string
}

func (a *app) ingestCommand() *cobra.Command {
	var f ingestFlags
	c := &cobra.Command{
		Use:   "ingest",
		Short: "Bring what arrived at the collector into the lake",
		Long: `Ingest takes every complete file out of the dropboxes of the vantage points, checks
it, merges its rows into the lake and keeps the file in Originals/. What is wrong
goes to Quarantine/ with its reason, and an alert. Cron runs it every five minutes.

Correctness answers are judged by the root zones in the archive. A match is correct at
once, and what is wrong whatever the zone is incorrect at once. Any other mismatch
is incorrect only where the archive covers the query: every zone that it may be of
is archived, somebody looked for new ones without a break of an hour in the 48 hours
before, and a zone fetch succeeded an hour later. Until then it is unchecked, with
the reason in failures ("hold: …"), and each run looks again, however old it is.
With --rejudge all answers of a time are judged anew.

Before that the source of each zone block is asked for its serial, for a minute at
most; one that gives none is logged.`,
		Example: "  mtric ingest\n  mtric ingest --rejudge --from 2026-11-01 --until 2026-11-08",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			spans, err := f.spans()
			if err != nil {
				a.mistyped(c, err)
				return err
			}
			return a.ingest(c.Context(), spans)
		},
	}
	c.Flags().BoolVar(&f.rejudge, "rejudge", false, "judge all answers of --from to --until again, whatever their verdict")
	c.Flags().StringVar(&f.from, "from", "", "first interval to judge again, a TIME (RFC 3339) or day (2026-11-01)")
	c.Flags().StringVar(&f.until, "until", "", "end of the intervals to judge again, exclusive")
	return c
}

// spans reads the flags.
func (f ingestFlags) spans() ([]judge.Span, error) {
	if !f.rejudge {
		if f.from != "" || f.until != "" {
			return nil, usagef("--from and --until say what --rejudge judges again; give that too")
		}
		return nil, nil
	}
	from, err := parseLabel(f.from)
	if err != nil {
		return nil, usagef("--from: %w", err)
	}
	until, err := parseLabel(f.until)
	if err != nil {
		return nil, usagef("--until: %w", err)
	}
	if !from.Before(until) {
		return nil, usagef("--from %s is not before --until %s", f.from, f.until)
	}
	return []judge.Span{{From: from, Until: until}}, nil
}

func (a *app) ingest(ctx context.Context, spans []judge.Span) (err error) {
	var p *plan.Plan
	defer func() { err = a.ended("ingest", p, err) }()
	if err := a.onCollector(); err != nil {
		return err
	}
	if p, err = a.loadPlan(); err != nil {
		return err
	}
	if a.flags.dryRun {
		return a.printArrived(p)
	}
	s, err := a.openStation(p, collector)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.closeLog()) }()
	unlock, err := s.lock("ingest")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()

	in, relay, rejected := s.ingester(a), s.relay(), quarantined{s, map[measurement.VantagePoint]int{}}
	in.Sights = a.askSources(ctx, s) // before a report has to wait
	release, err := s.changeLake(ctx, in.Lake)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	bar := a.progress(0, "ingesting")
	in.Progress, in.Rejudge, in.Alerts, in.Tell = bar.at, spans, takeAlerts(relay), rejected.tell
	saveKeys := s.answeredKeys(in)
	defer collectForDays()() // to the end: what follows shall not add to what is garbage then
	result, err := in.Run(ctx)
	bar.done()
	saveKeys()
	rejected.more()
	err = errors.Join(err, relay.Close())
	s.alertAccused(ctx, in.Lake, result.Accused)
	if err != nil && !errors.As(err, new(*ingest.DaysError)) {
		return err
	}
	s.tellDiffering(result.Differing)
	s.report(result, in.Lake.Dir)
	s.tellSilent(in.Lake)
	s.windowRules(ctx, in.Lake)
	if !result.Newer { // else no day's runs can be read
		err = errors.Join(err, s.deriveRecent(ctx, p, in.Lake), s.pack(ctx, in))
	}
	if err != nil {
		return err
	}
	return a.printIngested(result)
}

// changeLake keeps reports from being made of the lake while ingest changes it; one that
// is being made is waited for.
func (s *station) changeLake(ctx context.Context, store lake.Store) (release func() error, err error) {
	if err := ownLake(store.Dir); err != nil {
		return nil, err
	}
	release, err = store.LockExclusive(ctx, 0)
	if errors.Is(err, lake.ErrLocked) {
		s.log.Info("waiting for a report that is being made", "lake", store.Dir)
		release, err = store.LockExclusive(ctx, time.Hour)
	}
	if errors.Is(err, lake.ErrLocked) {
		return nil, busyf("ingest: a report has been read out of %s for an hour and is not done", store.Dir)
	}
	return release, err
}

// collector is the machine that ingests, keeps root zones and reports.
const collector = "c00"

// onCollector makes this machine the collector, whatever its host name, unless
// --vp says otherwise.
func (a *app) onCollector() error {
	if a.flags.vp != "" && a.flags.vp != collector {
		return usagef("--vp %s: this command runs on the collector, %s", a.flags.vp, collector)
	}
	a.flags.vp = collector
	return nil
}

// lakeDir is the folder that holds answers/.
func (a *app) lakeDir(home string, p *plan.Plan) string {
	if a.flags.lake != "" {
		return a.flags.lake
	}
	return under(home, p.Paths.Lake)
}

func (s *station) ingester(a *app) *ingest.Ingester {
	paths := s.plan.Paths
	return &ingest.Ingester{
		Plan:       s.plan,
		Lake:       lake.Store{Dir: a.lakeDir(s.home, s.plan), Version: Version},
		Dropboxes:  under(s.home, paths.Dropboxes),
		Originals:  under(s.home, paths.Originals),
		Quarantine: under(s.home, paths.Quarantine),
		RootZones:  s.zones,
		Backlog:    filepath.Join(s.state, "unchecked.json"),
		Anchors:    anchors(s.plan),
		Now:        s.now,
		Log:        s.log,
	}
}

// mostAlerts bounds the alert lines of one run and one vantage point, and the lines of
// one message: a vantage point that sends rubbish by the thousand must not fill the disk
// of the collector, nor hide what is wrong with another.
const mostAlerts = 20

// quarantined tells of files that were rejected.
type quarantined struct {
	*station
	files map[measurement.VantagePoint]int
}

// tell writes a line to the alert file. One that cannot be written holds up no file.
func (q *quarantined) tell(f ingest.Rejected) error {
	if q.files[f.VantagePoint]++; q.files[f.VantagePoint] < mostAlerts {
		q.write(f.VantagePoint, f.Reason, alert.Label{Name: "file", Value: f.File})
	}
	return nil
}

// more says how many files of each vantage point had no line.
func (q *quarantined) more() {
	for _, vp := range slices.Sorted(maps.Keys(q.files)) {
		if n := q.files[vp] - (mostAlerts - 1); n > 0 {
			q.write(vp, fmt.Sprintf("%d more files of vantage point %s were quarantined; the log names them", n, vp))
		}
	}
}

func (q *quarantined) write(vp measurement.VantagePoint, summary string, labels ...alert.Label) {
	c := alert.Condition{Rule: "mtric.ingest", Severity: alert.Warning, Summary: summary, Labels: append([]alert.Label{
		{Name: "condition", Value: "quarantined"}, {Name: "vantage_point", Value: string(vp)}}, labels...)}
	if err := q.book.Tell(c); err != nil {
		q.log.Error("alert not written", "error", err)
	}
}

// report notes what needs a person and whether it still does. It is of a whole run:
// one that was broken off has not seen everything.
func (s *station) report(r ingest.Result, lakeDir string) {
	// What is wrong with the archive of root zones, or with the lake, is another matter
	// than a dropbox.
	of := map[string][]string{}
	for _, line := range r.Left {
		switch {
		case strings.HasPrefix(line, s.zones):
			of["archive"] = append(of["archive"], line)
		case strings.HasPrefix(line, lakeDir):
			of["lake"] = append(of["lake"], line)
		default:
			of["dropbox"] = append(of["dropbox"], line)
		}
	}
	for _, name := range []string{"dropbox", "archive", "lake"} {
		s.condition("ingest", name, alert.Warning, joined(of[name]))
	}
	var unjudgeable error
	if n := r.Judged.Unjudgeable; n > 0 {
		unjudgeable = fmt.Errorf("%d answers are signed by an algorithm that this version cannot verify; they stay unchecked", n)
	}
	s.condition("ingest", "unjudgeable", alert.Warning, unjudgeable)
	s.log.Info("ingested", "files", r.Files, "rows_added", r.Added, "rows_known", r.Known, "quarantined", len(r.Quarantined),
		"zones_new", len(r.Zones.New), "zones_missing", len(r.Zones.Missing),
		string(measurement.Correct), r.Judged.Correct, string(measurement.Incorrect), r.Judged.Incorrect, string(measurement.Unchecked), r.Judged.Unchecked)
}

// joined is an error of some lines, nil of none.
func joined(lines []string) error {
	if len(lines) == 0 {
		return nil
	}
	text := strings.Join(lines[:min(len(lines), mostAlerts)], "; ")
	if more := len(lines) - mostAlerts; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return errors.New(text)
}

// printIngested is silent under cron when all is well.
func (a *app) printIngested(r ingest.Result) error {
	var err error
	switch {
	case a.flags.json:
		err = a.printJSON(r)
	case !a.flags.quiet && isTerminal(a.err):
		_, err = fmt.Fprintf(a.out, "%d files: %d rows added, %d known; %d quarantined\n%d answers judged correct, %d incorrect; %d wait unchecked\n",
			r.Files, r.Added, r.Known, len(r.Quarantined), r.Judged.Correct, r.Judged.Incorrect, r.Judged.Unchecked)
	}
	if err == nil && len(r.Quarantined)+len(r.Left) > 0 {
		var why []string
		for _, q := range r.Quarantined[:min(len(r.Quarantined), mostAlerts)] {
			why = append(why, fmt.Sprintf("quarantined %q of %s: %s", q.File, q.VantagePoint, q.Reason))
		}
		if more := len(r.Quarantined) - len(why); more > 0 {
			why = append(why, fmt.Sprintf("and %d more", more))
		}
		why = append(why, r.Left...)
		return findingsf("%d files ingested, %d quarantined:\n%s", r.Files, len(r.Quarantined), strings.Join(why, "\n"))
	}
	return err
}

// printArrived is the dry run: the complete files that an ingest would take.
func (a *app) printArrived(p *plan.Plan) error {
	home, err := a.home()
	if err != nil {
		return err
	}
	in := &ingest.Ingester{Plan: p, Dropboxes: under(home, p.Paths.Dropboxes)}
	files, err := in.Arrived()
	if err != nil {
		return err
	}
	if a.flags.json {
		return a.printJSON(append([]string{}, files...))
	}
	for _, f := range files {
		fmt.Fprintln(a.out, f)
	}
	return nil
}
