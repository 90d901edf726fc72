package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/rehearse"
)

// rehearseFlags are the command's own.
type rehearseFlags struct {
	list bool
	keep string
}

func (a *app) rehearseCommand() *cobra.Command {
	var f rehearseFlags
	c := &cobra.Command{
		Use:   "rehearse [SCENARIO…]",
		Short: "Play events of the root through a collector before they happen",
		Long: `Rehearse plays a root and a collector of its own through fetch, measure, ingest, watch
and report: generated zones, keys and vantage points, days in seconds, no network, no
root, a temporary folder. It uses the site's plan (--plan): its servers, queries, rules
and thresholds; anchors, zone sources, vantage points and paths are the rehearsal's own.
Without SCENARIO it plays all.

A line a scenario says how many honest answers and RSIs were accused wrongly, by verdicts
and by reports, which must be none; how many of the planted faults, of the thresholds
that were missed and of the alerts that are due were found, which must be all; how many answers were held, no more than the scenario allows and none once it is
mended; which commands stopped; and what happened. Exit 1 if any falls short of that;
then the reasons follow.

With --now it all begins on the day of TIME, for a plan with dated addresses.`,
		Example: "  mtric rehearse --list\n  mtric rehearse ksk-roll anchor-missing --plan rssac047 --plan local\n  mtric rehearse --json",
		RunE:    func(c *cobra.Command, names []string) error { return a.rehearse(c.Context(), f, names) },
	}
	c.Flags().BoolVar(&f.list, "list", false, "list the scenarios")
	c.Flags().StringVar(&f.keep, "keep", "", "keep the collectors' homes in this `DIR`, new or empty")
	return c
}

func (a *app) rehearse(ctx context.Context, f rehearseFlags, names []string) (err error) {
	if a.flags.home != "" || a.flags.lake != "" {
		return usagef("rehearse has homes and lakes of its own; --keep DIR says where")
	}
	scenarios, err := scenariosOf(names)
	if err != nil {
		return err
	}
	if f.list || a.flags.dryRun {
		return a.printScenarios(scenarios)
	}
	p, err := a.loadPlan()
	if err != nil {
		return err
	}
	o := rehearse.Options{Plan: p, Version: Version}
	if a.flags.now != "" {
		now, err := a.now()
		if err != nil {
			return err
		}
		o.Start = now()
	}
	if o.Dir, err = homes(f.keep); err != nil {
		return err
	}
	if f.keep == "" {
		defer func() { err = errors.Join(err, os.RemoveAll(o.Dir)) }()
	}
	bar := a.progress(len(scenarios), "rehearsing")
	o.Progress = func(rehearse.Result) { bar.step() }
	began := a.clock()
	results, err := rehearse.Run(ctx, o, scenarios)
	bar.done()
	if errors.Is(err, rehearse.ErrPlan) {
		return usagef("%w", err)
	}
	if err != nil {
		return err
	}
	return a.printRehearsed(results, a.clock().Sub(began))
}

// scenariosOf are the scenarios of these names, all where there are none.
func scenariosOf(names []string) ([]rehearse.Scenario, error) {
	all := rehearse.Scenarios()
	if len(names) == 0 {
		return all, nil
	}
	near := &cobra.Command{SuggestionsMinimumDistance: 2}
	for _, s := range all {
		near.AddCommand(&cobra.Command{Use: s.Name, Run: func(*cobra.Command, []string) {}})
	}
	var wanted []rehearse.Scenario
	for _, name := range names {
		i := slices.IndexFunc(all, func(s rehearse.Scenario) bool { return s.Name == name })
		if i < 0 {
			if s := near.SuggestionsFor(name); len(s) > 0 {
				return nil, usagef("no scenario %q\nDid you mean %q?", name, s[0])
			}
			return nil, usagef("no scenario %q; mtric rehearse --list names them", name)
		}
		if !slices.ContainsFunc(wanted, func(s rehearse.Scenario) bool { return s.Name == name }) {
			wanted = append(wanted, all[i])
		}
	}
	return wanted, nil
}

// inMemory is where Linux keeps files in memory: thousands of small files that nobody
// needs afterwards have no business on a disk.
const inMemory = "/dev/shm"

// homes is the folder of the collectors' homes: to keep, or a temporary one.
func homes(keep string) (string, error) {
	if keep == "" {
		dir, err := os.MkdirTemp(inMemory, "mtric-rehearse-")
		if err != nil || os.Getenv("TMPDIR") != "" {
			_ = os.RemoveAll(dir) // empty still
			return os.MkdirTemp("", "mtric-rehearse-")
		}
		return dir, nil
	}
	dir, err := filepath.Abs(keep)
	if err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		return "", usagef("--keep %s: is not empty; give a folder that is new or empty", keep)
	}
	return dir, os.MkdirAll(dir, 0o755)
}

func (a *app) printScenarios(scenarios []rehearse.Scenario) error {
	if a.flags.json {
		return a.printJSON(map[string]any{"scenarios": scenarios})
	}
	for _, s := range scenarios {
		if _, err := fmt.Fprintf(a.out, "%-20s %s\n", s.Name, s.About); err != nil {
			return err
		}
	}
	return nil
}

// printRehearsed prints a line a scenario and, below, what fell short.
func (a *app) printRehearsed(results []rehearse.Result, took time.Duration) error {
	var short []string
	for _, r := range results {
		if !r.OK {
			short = append(short, r.Scenario)
		}
	}
	if a.flags.json {
		if err := a.printJSON(map[string]any{"ok": len(short) == 0, "scenarios": results}); err != nil {
			return err
		}
	} else {
		for _, r := range results {
			fmt.Fprintln(a.out, r.Line())
			for _, reason := range slices.Concat(r.Problems, r.Stopped) {
				fmt.Fprintf(a.out, "     %s\n", reason)
			}
		}
		if !a.flags.quiet && isTerminal(a.err) {
			fmt.Fprintf(a.err, "%d scenarios in %.0f s\n", len(results), took.Seconds())
		}
	}
	if len(short) > 0 {
		return &exitError{exitFailed, fmt.Errorf("%d of %d scenarios fell short: %s", len(short), len(results), strings.Join(short, ", "))}
	}
	return nil
}
