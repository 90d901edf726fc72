package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/dispute"
	"mtric.net/mtric/engine/edition"
)

func (a *app) disputeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "dispute DIR|ZIP",
		Short: "Judge the incorrect answers of a dossier again, by the dossier alone",
		Long: `Dispute takes the dossier of a root server identifier that missed a threshold, as a
folder or as the zip that it was sent as. It compares every file with the manifest, proves
the root zones by the trust anchors of the plan in it, and has the judge that ingest uses
look at each incorrect answer again, with the zones, the fetches and the sightings in the
dossier. It downloads nothing and changes nothing. A line each says:

  confirmed      the answer is incorrect, by these rules
  not confirmed  it is correct, by this zone
  held           something is lacking by which it could be judged

Then it counts the failed rows again: those of missed availabilities and of correctness
against the fractions of the report. What the dossier cannot show is said.

Whoever disputes a verdict of an older or newer program judges by the rules of this one.
--json prints all of it as one object.

It ends with 0 if nothing contradicts the dossier; with 3 if something does, or if a file is missing or
not what the manifest says; else with 4 if something is held; with 2 if there is no dossier.`,
		Example: "  mtric dispute monthly-2026-11-c.zip\n  mtric dispute Reports/monthly-2026-11/rsi/c --json",
		Args:    cobra.ExactArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return a.dispute(c.Context(), args[0]) },
	}
}

func (a *app) dispute(ctx context.Context, name string) error {
	r, err := dispute.Run(ctx, name, "", Version)
	if errors.Is(err, dispute.ErrNone) {
		return usagef("dispute: %w; name the dossier's folder or its zip", err)
	}
	if err != nil {
		return err
	}
	if a.flags.json {
		err = a.printJSON(r)
	} else {
		err = a.printDispute(r)
	}
	if err != nil {
		return err
	}
	switch {
	case r.Differs():
		return &exitError{code: exitFindings}
	case r.Held+r.Absent > 0:
		return &exitError{code: exitPartly}
	}
	return nil
}

// printDispute prints a line for each answer, what else was found, and a summary.
func (a *app) printDispute(r *dispute.Result) error {
	t := edition.Text{W: a.out}
	if !a.flags.quiet {
		for _, w := range r.Answers {
			nsid := "-"
			if w.NSID != nil {
				nsid = diag.Printable(*w.NSID)
			}
			t.Line("%-13s  %s VP %s %s/%s %s %s NSID %s: %s", w.Finding, w.Interval.Format(time.RFC3339), w.VantagePoint, w.Family, w.Transport,
				diag.Printable(w.QName), diag.Printable(w.QType), nsid, diag.Printable(w.Reason))
		}
		for _, c := range r.Counts {
			word := dispute.Confirmed
			said := edition.Thousands(c.Got)
			if c.Got != c.Want {
				word, said = dispute.NotConfirmed, fmt.Sprintf("%s, the report says %s", said, edition.Thousands(c.Want))
			}
			t.Line("%-13s  %s: %s", word, diag.Printable(c.What), said)
		}
		for _, n := range r.NotCounted {
			t.Line("%-13s  %s", "not counted", diag.Printable(n))
		}
		for _, f := range r.LeftOut {
			said := f.LeftOut
			if f.Size > 0 {
				said += ", " + edition.Thousands(f.Size) + " bytes"
			}
			t.Line("%-13s  %s, %s, sha256 %s %s", "not here", diag.Printable(f.Path), diag.Printable(said), diag.Printable(f.SHA256), diag.Printable(edition.Dash(f.Address+f.RowsOf)))
		}
		for _, n := range r.Unlisted {
			t.Line("%-13s  %s, which the manifest does not name", "unknown", diag.Printable(n))
		}
	}
	for _, p := range r.Problems {
		t.Line("%-13s  %s", "not as sent", diag.Printable(p))
	}
	if r.Absent > 0 {
		t.Line("%-13s  %s, in files that were left out", "not judged", edition.Plural(int64(r.Absent), "incorrect answer"))
	}
	t.Line("%s, revision %d, %s: of %s %d confirmed, %d not confirmed, %d held; %s as the manifest has them", diag.Printable(r.Report), r.Revision,
		diag.Printable(string(r.RSI)), edition.Plural(int64(len(r.Answers)), "incorrect answer"), r.Confirmed, r.NotConfirmed, r.Held, edition.Plural(int64(r.Files), "file"))
	return t.Err
}
