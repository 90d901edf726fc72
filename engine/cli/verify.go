package cli

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/attainment"
	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
)

func (a *app) verifyCommand() *cobra.Command {
	var without []string
	c := &cobra.Command{
		Use:   "verify DIR|full.json|report.json",
		Short: "Recompute a report from the data and name every difference",
		Long: `Verify computes a report again out of the lake and what the report itself carries,
and names each value that differs. Of a report's folder it takes internal/full.json, where
that is there, else report.json. What came into the lake after the report was made,
runs, zones and verdicts of answers that waited, is listed as late and is no
difference. Differences end in exit 3, a report that earlier rules made in exit 1.

The report is held to the plan that it names: thresholds, RSIs and their addresses, the
vantage points and their dates. The lake has that plan in plans/, without exclusions and
annotations; --plan compares these too. What is taken from the report uncompared, the last
line says.

With --without it computes the values without that vantage point instead, its rows and
what it says of when serials were published, and lists those whose verdict changes.
Several are left out together: --without 304 --without 307.`,
		Example: "  mtric verify Reports/monthly-2026-11/report.json --lake Lake\n  mtric verify Reports/monthly-2026-11/internal/full.json --without 304 --without 307",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var vps []measurement.VantagePoint
			for _, vp := range without {
				vps = append(vps, measurement.VantagePoint(vp))
			}
			return a.verify(c.Context(), args[0], vps)
		},
	}
	c.Flags().StringArrayVar(&without, "without", nil, "`NNN`: leave this vantage point out and list the verdicts that change; repeat it to leave several out together")
	return c
}

// verify is the command.
func (a *app) verify(ctx context.Context, path string, without []measurement.VantagePoint) error {
	path, text, err := reportText(path)
	if err != nil {
		return err
	}
	var d *report.Document
	ofObjectives := attainment.Is(text)
	if !ofObjectives {
		if d, err = report.Read(bytes.NewReader(text)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	var given *plan.Plan
	if len(a.flags.plans) > 0 || len(a.flags.vars) > 0 {
		if given, err = a.loadPlan(); err != nil {
			return err
		}
	}
	dir, err := a.verifyLake(given)
	if err != nil {
		return err
	}
	store := lake.Store{Dir: dir, Version: Version}
	defer collectAt(reportGarbage)()
	if ofObjectives {
		return a.verifyObjectives(ctx, path, text, store, given, without)
	}
	if len(without) > 0 {
		return a.verifyWithout(ctx, d, store, without)
	}
	v, err := report.VerifyWith(ctx, d, store, given)
	if err != nil {
		return err
	}
	return a.printVerified(d, v)
}

// reportFile is the report in a folder, the one with every value first; a file is itself.
func reportFile(path string) (string, error) {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return path, nil // opening it says what is wrong
	}
	for _, name := range []string{filepath.Join("internal", "full.json"), filepath.Join("internal", "objectives.json"), "full.json", "objectives.json", "report.json"} {
		file := filepath.Join(path, name)
		if there, err := exists(file); err != nil || there {
			return file, err
		}
	}
	return "", usagef("%s: holds no report: no internal/full.json, internal/objectives.json or report.json; name the folder of one report, such as Reports/monthly-2026-11", path)
}

// reportText reads a report, also by the folder that it is in.
func reportText(path string) (string, []byte, error) {
	path, err := reportFile(path)
	if err != nil {
		return "", nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", nil, usagef("%w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, edition.MaxJSON+1))
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", path, err)
	}
	return path, text, nil
}

// verifyLake is the lake to verify by: that of --lake, of the given plan or of the home.
func (a *app) verifyLake(given *plan.Plan) (string, error) {
	dir := a.flags.lake
	if dir == "" {
		home, err := a.home()
		if err != nil {
			return "", err
		}
		if dir = under(home, "Lake"); given != nil {
			dir = under(home, given.Paths.Lake)
		}
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", usagef("lake %s: not a folder; --lake names the folder that holds answers/", dir)
	}
	return dir, ownLake(dir)
}

// verifyWithout lists the verdicts that change when vantage points are left out, all of them together.
func (a *app) verifyWithout(ctx context.Context, d *report.Document, store lake.Store, vps []measurement.VantagePoint) error {
	values, err := report.Without(ctx, d, store, vps...)
	if err != nil {
		return usagef("%w", err)
	}
	named := vantagePoints(vps)
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
			fmt.Fprintf(a.out, "%s: %s without %s, %s in the report\n", v.Name(), v.Word(), named, cmp.Or(own.Word(), "nothing"))
		}
	}
	if a.flags.json {
		return a.printJSON(map[string]any{"without": vps, "changed": changed, "values": values})
	}
	if len(changed) == 0 && !a.flags.quiet {
		fmt.Fprintf(a.out, "no verdict changes without %s\n", named)
	}
	return nil
}

func (a *app) printVerified(d *report.Document, v *report.Verified) error {
	if a.flags.json {
		result := map[string]any{"digest": d.Digest, "verified": len(v.Differences) == 0, "plan": v.Plan,
			"differences": append([]string{}, v.Differences...), "late": append([]string{}, v.Late...)}
		if d.SecondOpinion != nil {
			result["second_opinion"] = "not recomputed"
		}
		if err := a.printJSON(result); err != nil {
			return err
		}
	} else {
		for _, line := range v.Late {
			fmt.Fprintf(a.out, "late: %s; `mtric report --force` counts it\n", diag.Printable(line))
		}
		for _, line := range v.Differences {
			fmt.Fprintln(a.out, diag.Printable(line))
		}
		if !a.flags.quiet {
			if len(v.Differences) == 0 {
				fmt.Fprintf(a.out, "verified: %d values, digest %s\n", len(d.Values), d.Digest)
			}
			if line := onTrust(d, v.Plan); line != "" {
				fmt.Fprintln(a.out, diag.Printable(line))
			}
			if d.SecondOpinion != nil {
				fmt.Fprintln(a.out, "the second opinion was not recomputed: it rests on another lake, and no value of the report depends on it")
			}
		}
	}
	if len(v.Differences) > 0 {
		return &exitError{code: exitFindings}
	}
	return nil
}

// onTrust says what was taken from the report, for nothing was at hand to compare it with.
func onTrust(d *report.Document, by string) string {
	switch by {
	case report.PlanOfReport:
		return fmt.Sprintf("the plan %.12s is not in the lake: thresholds, exclusions and dates are taken from the report (--plan DIR compares them)", d.PlanSHA256)
	case report.PlanOfLake:
		return fmt.Sprintf("the plan %.12s is in the lake, without exclusions and annotations: these are taken from the report (--plan DIR compares them)", d.PlanSHA256)
	}
	return ""
}
