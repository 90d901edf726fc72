package cli

import (
	"cmp"
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/report"
)

func (a *app) verifyCommand() *cobra.Command {
	var without string
	c := &cobra.Command{
		Use:   "verify full.json|report.json",
		Short: "Recompute a report from the data and name every difference",
		Long: `Verify computes a report again out of the lake and what the report itself carries,
and names each value that differs. What came into the lake after the report was made,
runs, zones and verdicts of answers that waited, is listed as late and is no
difference. Differences end in exit 3, a report that earlier rules made in exit 1. With --plan it also checks that the plan is the one that the report names
and says the same. With --without it computes the values without one vantage point
instead, and lists those whose verdict changes.`,
		Example: "  mtric verify Reports/monthly-2026-11/report.json --lake Lake\n  mtric verify Reports/monthly-2026-11/internal/full.json --without 304",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.verify(c.Context(), args[0], measurement.VantagePoint(without))
		},
	}
	c.Flags().StringVar(&without, "without", "", "`NNN`: leave this vantage point out and list the verdicts that change")
	return c
}

// verify is the command.
func (a *app) verify(ctx context.Context, path string, without measurement.VantagePoint) error {
	f, err := os.Open(path)
	if err != nil {
		return usagef("%w", err)
	}
	defer f.Close()
	d, err := report.Read(f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	dir := a.flags.lake
	var found []string
	if len(a.flags.plans) > 0 || len(a.flags.vars) > 0 {
		p, err := a.loadPlan()
		if err != nil {
			return err
		}
		if found, err = d.CheckPlan(p); err != nil {
			return err
		}
		if home, err := a.home(); err == nil && dir == "" {
			dir = under(home, p.Paths.Lake)
		}
	}
	if dir == "" {
		home, err := a.home()
		if err != nil {
			return err
		}
		dir = under(home, "Lake")
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return usagef("lake %s: not a folder; --lake names the folder that holds answers/", dir)
	}
	store := lake.Store{Dir: dir, Version: Version}
	if without != "" {
		return a.verifyWithout(ctx, d, store, without)
	}
	v, err := report.Verify(ctx, d, store)
	if err != nil {
		return err
	}
	return a.printVerified(d, append(found, v.Differences...), v.Late)
}

// verifyWithout lists the verdicts that change when a vantage point is left out.
func (a *app) verifyWithout(ctx context.Context, d *report.Document, store lake.Store, vp measurement.VantagePoint) error {
	values, err := report.Without(ctx, d, store, vp)
	if err != nil {
		return usagef("%w", err)
	}
	with := map[string]report.Value{}
	for _, v := range d.Values {
		with[v.Name()] = v
	}
	changed := []string{}
	for _, v := range values {
		own, there := with[v.Name()]
		if there && own.Verdict == v.Verdict {
			continue
		}
		changed = append(changed, v.Name())
		if !a.flags.json {
			fmt.Fprintf(a.out, "%s: %s without vantage point %s, %s with it\n", v.Name(), v.Word(), vp, cmp.Or(own.Word(), "nothing"))
		}
	}
	if a.flags.json {
		return a.printJSON(map[string]any{"without": vp, "changed": changed, "values": values})
	}
	if len(changed) == 0 && !a.flags.quiet {
		fmt.Fprintf(a.out, "no verdict changes without vantage point %s\n", vp)
	}
	return nil
}

func (a *app) printVerified(d *report.Document, found, late []string) error {
	if a.flags.json {
		if err := a.printJSON(map[string]any{"digest": d.Digest, "verified": len(found) == 0,
			"differences": append([]string{}, found...), "late": append([]string{}, late...)}); err != nil {
			return err
		}
	} else {
		for _, line := range late {
			fmt.Fprintf(a.out, "late: %s; `mtric report --force` counts it\n", diag.Printable(line))
		}
		for _, line := range found {
			fmt.Fprintln(a.out, diag.Printable(line))
		}
		if len(found) == 0 && !a.flags.quiet {
			fmt.Fprintf(a.out, "verified: %d values, digest %s\n", len(d.Values), d.Digest)
		}
	}
	if len(found) > 0 {
		return &exitError{code: exitFindings}
	}
	return nil
}
