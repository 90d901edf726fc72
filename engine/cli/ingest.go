package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/ingest"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/plan"
)

func (a *app) ingestCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ingest",
		Short: "Bring what arrived at the collector into the lake",
		Long: `Ingest takes every complete file out of the dropboxes of the vantage points, checks
it, merges its rows into the lake and keeps the file in Originals/. What is wrong
goes to Quarantine/ with its reason, and an alert. Cron runs it every five minutes.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.ingest(c.Context()) },
	}
}

// ingestReaderCommand is the process in which what vantage points sent is read.
func (a *app) ingestReaderCommand() *cobra.Command {
	return &cobra.Command{
		Use:    ingest.ReaderCommand,
		Short:  "Read files for ingest, which starts this",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(*cobra.Command, []string) error { return ingest.ReadFiles(a.in, a.out) },
	}
}

func (a *app) ingest(ctx context.Context) (err error) {
	var p *plan.Plan
	defer func() { a.recordFatal("ingest", p, err) }()
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

	bar := a.progress(0, "ingesting")
	in := s.ingester(a)
	in.Progress = bar.at
	result, err := in.Run(ctx)
	bar.done()
	s.report(result)
	if err != nil {
		return err
	}
	return a.printIngested(result)
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
		Now:        s.now,
		Log:        s.log,
	}
}

// mostAlerts bounds the alert lines of one run: a vantage point that sends
// rubbish by the thousand must not fill the disk of the collector.
const mostAlerts = 20

// report notes in the alert file what needs a person.
func (s *station) report(r ingest.Result) {
	for i, q := range r.Quarantined {
		c := alert.Condition{Rule: "mtric.ingest", Severity: alert.Warning, Summary: q.Reason, Labels: []alert.Label{
			{Name: "condition", Value: "quarantined"}, {Name: "vantage_point", Value: string(q.VantagePoint)}, {Name: "file", Value: q.File}}}
		if i == mostAlerts {
			c.Labels, c.Summary = c.Labels[:1], fmt.Sprintf("%d more files were quarantined; the log names them", len(r.Quarantined)-i)
		}
		if err := s.book.Tell(c); err != nil {
			s.log.Error("alert not written", "error", err)
		}
		if i == mostAlerts {
			break
		}
	}
	var left error
	if len(r.Left) > 0 {
		left = errors.New(strings.Join(r.Left[:min(len(r.Left), mostAlerts)], "; "))
	}
	s.condition("ingest", "dropbox", alert.Warning, left)
	s.log.Info("ingested", "files", r.Files, "rows_added", r.Added, "rows_known", r.Known, "quarantined", len(r.Quarantined),
		"zones_new", len(r.Zones.New), "zones_missing", len(r.Zones.Missing))
}

// printIngested is silent under cron when all is well.
func (a *app) printIngested(r ingest.Result) error {
	var err error
	switch {
	case a.flags.json:
		err = a.printJSON(r)
	case !a.flags.quiet && isTerminal(a.err):
		_, err = fmt.Fprintf(a.out, "%d files: %d rows added, %d known; %d quarantined\n", r.Files, r.Added, r.Known, len(r.Quarantined))
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
