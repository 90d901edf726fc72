package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/report"
)

func (a *app) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify full.json|report.json",
		Short: "Recompute a report from the data and name every difference",
		Long: `Verify computes a report again out of the lake and what the report itself carries,
and names each value that differs. With --plan it also checks that the plan is the
one that the report names and says the same.`,
		Example: "  mtric verify Reports/monthly-2026-11/report.json --lake Lake",
		Args:    cobra.ExactArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return a.verify(c.Context(), args[0]) },
	}
}

// verify is the command.
func (a *app) verify(ctx context.Context, path string) error {
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
	differences, err := report.Verify(ctx, d, lake.Store{Dir: dir, Version: Version})
	if err != nil {
		return err
	}
	return a.printVerified(d, append(found, differences...))
}

func (a *app) printVerified(d *report.Document, found []string) error {
	if a.flags.json {
		if err := a.printJSON(map[string]any{"digest": d.Digest, "verified": len(found) == 0, "differences": append([]string{}, found...)}); err != nil {
			return err
		}
	} else {
		for _, line := range found {
			fmt.Fprintln(a.out, line)
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
