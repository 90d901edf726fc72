package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"mtric.net/mtric/engine/attainment"
	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/metrics"
)

// objectives writes the report of the plan's objectives.
func (a *app) objectives(ctx context.Context, p *plan.Plan, o reportOptions, atHome bool, now func() time.Time) error {
	store, out, err := a.reportPlaces(p, o.out)
	if err != nil {
		return err
	}
	until, err := attainment.Period(o.period, now())
	if err != nil {
		return usagef("%w", err)
	}
	d, err := attainment.Frame(p, until, report.DataUntil(until, now()), Version)
	if err != nil {
		return usagef("%w", err)
	}
	folder := filepath.Join(out, attainment.Folder(until))
	if a.flags.dryRun {
		_, err := fmt.Fprintf(a.out, "would write %s: windows until %s, data until %s\n", folder, until.Format(time.RFC3339), d.DataUntil.Format(time.RFC3339))
		return err
	}
	if err := a.runObjectives(ctx, p, d, store, folder, o.force); err != nil {
		return err
	}
	if atHome {
		if err := a.logObjectives(p, d, folder); err != nil {
			return err
		}
	}
	return a.objectivesDone(d, folder)
}

// runObjectives makes the files while no other run does. Windows that are not over grow:
// later data make a new revision by themselves.
func (a *app) runObjectives(ctx context.Context, p *plan.Plan, d *attainment.Document, store lake.Store, folder string, force bool) error {
	out := filepath.Dir(folder)
	return a.alone(ctx, out, store, func() error {
		old, err := attainment.Existing(folder)
		if err != nil {
			return err
		}
		if old != nil && !force && (old.Status == report.Final || !old.DataUntil.Before(interval.Of(d.DataUntil))) {
			return busyf("%s: %s report, revision %d, %w", folder, old.Status, old.Revision, edition.ErrThere)
		}
		return d.Run(ctx, p, store, out, old)
	})
}

func (a *app) logObjectives(p *plan.Plan, d *attainment.Document, folder string) error {
	return a.logOnCollector(p, "report of objectives written", "folder", folder, "status", d.Status, "revision", d.Revision, "missed", d.Count(metrics.Fail), "digest", d.Digest)
}

// objectivesDone says where the report is and what it found.
func (a *app) objectivesDone(d *attainment.Document, folder string) error {
	page := filepath.Join(folder, "internal", "objectives.html")
	missed, unknown := d.Count(metrics.Fail), d.Count(metrics.NoData)
	switch {
	case a.flags.json:
		err := a.printJSON(map[string]any{"folder": folder, "html": page, "status": d.Status, "revision": d.Revision,
			"missed": missed, "no_data": unknown, "digest": d.Digest})
		if err != nil {
			return err
		}
	case !a.flags.quiet:
		if err := d.WriteText(a.out); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(a.out, "\n%s\n", page); err != nil {
			return err
		}
	}
	if missed > 0 {
		return &exitError{code: exitFindings}
	}
	return nil
}

// verifyObjectives computes a report of objectives again.
func (a *app) verifyObjectives(ctx context.Context, path string, text []byte, store lake.Store, given *plan.Plan, without []measurement.VantagePoint) error {
	d, err := attainment.Read(text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	again, v, err := attainment.Verify(ctx, d, store, given, without...)
	if errors.Is(err, attainment.ErrNoPlan) {
		return usagef("%s: plan %.12s: %w", path, d.PlanSHA256, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if len(without) > 0 {
		return a.objectivesWithout(d, again, without)
	}
	if a.flags.json {
		err := a.printJSON(map[string]any{"digest": d.Digest, "verified": len(v.Differences) == 0,
			"differences": append([]string{}, v.Differences...), "late": append([]string{}, v.Late...)})
		if err != nil {
			return err
		}
	} else {
		for _, line := range v.Late {
			fmt.Fprintf(a.out, "late: %s; `mtric report --style objectives --force` counts it\n", diag.Printable(line))
		}
		for _, line := range v.Differences {
			fmt.Fprintln(a.out, diag.Printable(line))
		}
		if len(v.Differences) == 0 && !a.flags.quiet {
			fmt.Fprintf(a.out, "verified: %s, digest %s\n", edition.Plural(int64(len(d.Outcomes)), "outcome"), diag.Printable(d.Digest))
			if v.ByLake {
				fmt.Fprintf(a.out, "the plan %.12s is in the lake, without exclusions: these are taken from the report (--plan DIR compares them)\n", diag.Printable(d.PlanSHA256))
			}
		}
	}
	if len(v.Differences) > 0 {
		return &exitError{code: exitFindings}
	}
	return nil
}

// objectivesWithout lists the verdicts that change when vantage points are left out.
func (a *app) objectivesWithout(d, again *attainment.Document, without []measurement.VantagePoint) error {
	own := map[string]attainment.Outcome{}
	for _, o := range d.Outcomes {
		own[o.Name()] = o
	}
	changed := []string{}
	for _, o := range again.Outcomes {
		if was, there := own[o.Name()]; !there || was.Verdict != o.Verdict {
			changed = append(changed, o.Name())
			if !a.flags.json {
				fmt.Fprintf(a.out, "%s: %s without %s, %s in the report\n", diag.Printable(o.Name()), o.Word(), vantagePoints(without), was.Word())
			}
		}
	}
	if a.flags.json {
		return a.printJSON(map[string]any{"without": without, "changed": changed, "outcomes": again.Outcomes})
	}
	if len(changed) == 0 && !a.flags.quiet {
		fmt.Fprintf(a.out, "no verdict changes without %s\n", vantagePoints(without))
	}
	return nil
}
