package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/derive"
	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/plan"
)

type deriveFlags struct{ from, until string }

func (a *app) deriveCommand() *cobra.Command {
	var f deriveFlags
	c := &cobra.Command{
		Use:   "derive",
		Short: "Bring the tables hours and events up to date",
		Long: `Derive makes the tables hours and events of the lake and the plan: what became of each
query hour by hour, and when something was not as it should be. Ingest does so for what is
new; derive makes all days that are not up to date, or those of --from to --until. The
tables depend on the lake and the plan alone; after a change of the plan all days are due.
A day of twenty vantage points takes about a second. It does not run beside an ingest:
whichever comes second ends with exit code 5.`,
		Example: "  mtric derive\n  mtric derive --from 2026-11-01 --until 2026-12-01",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.derive(c.Context(), f) },
	}
	c.Flags().StringVar(&f.from, "from", "", "days with interval labels from this `TIME` (RFC 3339) or day (2026-11-01) on")
	c.Flags().StringVar(&f.until, "until", "", "days with interval labels before this `TIME` or day")
	return c
}

func (a *app) derive(ctx context.Context, f deriveFlags) (err error) {
	from, err := exportTime("from", f.from)
	if err != nil {
		return err
	}
	until, err := exportTime("until", f.until)
	if err != nil {
		return err
	}
	if err := a.onCollector(); err != nil {
		return err
	}
	p, err := a.loadPlan()
	if err != nil {
		return err
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
	store := s.ingester(a).Lake
	release, err := s.changeLake(ctx, store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	defer collectForDays()()
	d := s.deriver(p, store)
	bar := a.progress(0, "deriving")
	d.Progress, d.DryRun = bar.at, a.flags.dryRun
	result, err := d.Run(ctx, from, until)
	bar.done()
	if err := errors.Join(err, errors.Join(result.Failed...)); err != nil {
		return err
	}
	if a.flags.json {
		return a.printJSON(result)
	}
	said := "%s brought up to date\n"
	if d.DryRun {
		said = "%s would be brought up to date\n"
	}
	_, err = fmt.Fprintf(a.out, said, diag.Plural(result.Days, "day"))
	return err
}

func (s *station) deriver(p *plan.Plan, store lake.Store) *derive.Deriver {
	return &derive.Deriver{Plan: p, Lake: store, State: filepath.Join(s.state, "derived")}
}

// Of what a run of ingest derives: it must end before the next one.
const (
	derivedDays  = 3                   // that are read at most
	derivedSince = 40 * 24 * time.Hour // in which days are looked at, but for the first run of each day
)

// deriveRecent brings the tables of change up to date after an ingest, those of older days
// in the first run of each day.
func (s *station) deriveRecent(ctx context.Context, p *plan.Plan, store lake.Store) error {
	d := s.deriver(p, store)
	d.Most = derivedDays
	result, err := d.Run(ctx, s.now().Add(-derivedSince), time.Time{})
	if err != nil {
		return err
	}
	s.condition("ingest", "derived", alert.Warning, errors.Join(result.Failed...))
	if result.Left > 0 {
		return nil
	}
	return s.daily("derived-all", func() (bool, error) {
		result, err := d.Run(ctx, time.Time{}, time.Time{})
		if err == nil {
			s.condition("ingest", "derived-older", alert.Warning, errors.Join(result.Failed...))
		}
		return result.Left == 0, err
	})
}
