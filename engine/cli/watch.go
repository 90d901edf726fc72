package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/plan"
)

func (a *app) watchCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "watch",
		Short: "Look after this machine: disk, clock, output, what arrives",
		Long: `Watch looks at this machine and evaluates the plan's machine rules. What begins or
ends to be so becomes a line of Logs/nnn-alerts.txt, and Logs/nnn-alerts.prom holds
what fires now for Prometheus. Cron runs it: on a vantage point every five minutes, on
the collector every thirty. Exit 3 while an alert fires; away from a terminal it is
silent unless something has begun or ended since.`,
		Example: "  mtric watch --vp 101\n  mtric watch --vp c00 --dry-run",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.watch(c.Context()) },
	}
}

func (a *app) watch(ctx context.Context) (err error) {
	var p *plan.Plan
	defer func() { err = a.ended("watch", p, err) }()
	machine, err := a.machine()
	if err != nil {
		return err
	}
	if p, err = a.loadPlan(); err != nil {
		return err
	}
	if a.flags.dryRun {
		return a.printFacts(ctx, p, machine)
	}
	s, err := a.openStation(p, machine)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.closeLog()) }()
	unlock, err := s.lock("watch")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()

	before, err := s.book.Facts()
	if err != nil {
		return err
	}
	l, err := a.inspector(s.home, p, machine, before, s.now())
	if err != nil {
		return err
	}
	facts, err := l.Inspect(ctx)
	if err != nil {
		return err
	}
	result, err := s.book.EvaluateMachine(facts, l.Where())
	if err != nil {
		return err
	}
	s.evaluated("watch", result, nil)
	if err := errors.Join(s.book.Remember(l.After()), s.book.Ran("watch", true)); err != nil {
		return err
	}
	if machine != collector {
		if err := s.sendAlerts(interval.Of(s.now())); err != nil {
			return err
		}
	}
	return a.printWatched(result)
}

// printWatched is silent under cron when all is well, or as bad as it was: what
// fires for days is in the alert file once, not in a mail every five minutes.
func (a *app) printWatched(r alert.Result) error {
	for _, err := range r.Errors {
		fmt.Fprintf(a.err, "mtric: %v\n", err)
	}
	if a.flags.json {
		if err := a.printJSON(append([]*alert.Status{}, r.Firing...)); err != nil {
			return err
		}
	}
	if len(r.Firing) == 0 {
		return nil
	}
	if a.flags.json || len(r.Events) == 0 && !isTerminal(a.err) {
		return &exitError{code: exitFindings}
	}
	var lines []string
	for _, s := range r.Firing {
		words := []string{string(s.Severity), s.Rule}
		for _, l := range s.Labels {
			words = append(words, l.Name+"="+l.Value)
		}
		lines = append(lines, strings.Join(words, " ")+": "+s.Summary)
	}
	return findingsf("%d alerts fire:\n%s", len(lines), strings.Join(lines, "\n"))
}
