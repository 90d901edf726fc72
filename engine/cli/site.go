package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/simulate"
	"mtric.net/mtric/engine/site"
)

type siteFlags struct {
	out, edition string
	days         []string
}

func (a *app) siteCommand() *cobra.Command {
	var f siteFlags
	c := &cobra.Command{
		Use:   "site --out DIR",
		Short: "Write the state of the system as pages that need no server",
		Long: `Site writes static files into DIR, a page and its data: what is so now, a year down to
five minutes, events, zones and the verdicts of months. It is made of the lake and its
tables hours and events, which ingest brings up to date. It writes what changed and no
more: the last two hours each time, all else once an hour.

The edition internal has everything. The public one says of a single root server
identifier whether a field is good, and no more, unless the plan's site block opens it;
nothing of it has addresses, routes or responses.

With --lake and without --home, the site is made of the lake alone: it has no monthly reports,
no alerts and no times of publication, and its index says so.

Several may read a lake at once. A site waits up to five minutes for an ingest that changes
the lake, and then ends in exit 5, as it does where another run writes into DIR.`,
		Example: "  mtric site --out Site/internal\n  mtric site --out /var/www/root --edition public\n  mtric site --out Site/internal --day 20251127",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.site(c.Context(), f) },
	}
	c.Flags().StringVar(&f.out, "out", "", "`DIR` of the site")
	c.Flags().StringVar(&f.edition, "edition", string(site.Internal), "for whom: `EDITION` public or internal")
	c.Flags().StringArrayVar(&f.days, "day", nil, "make the day `YYYYMMDD` anew, with steps of five minutes however old it is; repeatable")
	return c
}

func (a *app) site(ctx context.Context, f siteFlags) (err error) {
	var p *plan.Plan
	if a.flags.lake == "" { // the collector's own
		defer func() { err = a.ended("site", p, err) }()
		if err := a.onCollector(); err != nil {
			return err
		}
	}
	s, err := f.site()
	if err != nil {
		return err
	}
	if p, err = a.loadPlan(); err != nil {
		return err
	}
	if s.Now, err = a.now(); err != nil {
		return err
	}
	s.Plan, s.DryRun = p, a.flags.dryRun
	if err := a.sitePlaces(s); err != nil {
		return err
	}
	result, err := a.runSite(ctx, s)
	if err != nil {
		return err
	}
	if len(result.Left) > 0 {
		defer func() {
			err = errors.Join(err, findingsf("site: %s cannot be read, and what rests on that stays as it was:\n%s", diag.Plural(len(result.Left), "file"), strings.Join(result.Left, "\n")))
		}()
	}
	switch {
	case a.flags.json:
		return a.printJSON(result)
	case s.DryRun:
		_, err = fmt.Fprintf(a.out, "%s would be made\n", diag.Plural(result.Days, "day"))
	case !a.flags.quiet && isTerminal(a.out):
		_, err = fmt.Fprintf(a.out, "%s made, %s written\n", diag.Plural(result.Days, "day"), diag.Plural(result.Files, "file"))
	}
	return err
}

// site reads the flags.
func (f siteFlags) site() (*site.Site, error) {
	s := &site.Site{Out: f.out, Edition: site.Edition(f.edition), Version: Version}
	if f.out == "" {
		return nil, usagef("site: --out is missing\nTry \"mtric site --help\".")
	}
	if s.Edition != site.Public && s.Edition != site.Internal {
		return nil, usagef("--edition %q: want public or internal", f.edition)
	}
	for _, text := range f.days {
		day, err := time.Parse("20060102", text)
		if err != nil {
			return nil, usagef("--day %q: want YYYYMMDD, such as 20261127", text)
		}
		s.Days = append(s.Days, day)
	}
	return s, nil
}

// runSite writes the site while nobody else does, and ingest leaves the lake as it is.
func (a *app) runSite(ctx context.Context, s *site.Site) (result site.Result, err error) {
	if !s.DryRun {
		unlock, busy := lockFolder("site", s.Out)
		if busy != nil {
			return result, busy
		}
		defer func() { err = errors.Join(err, unlock()) }()
	}
	release, err := a.keepLake(ctx, s.Lake)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, release()) }()
	defer collectForDays()()
	bar := a.progress(0, "making days")
	s.Progress = bar.at
	result, err = s.Run(ctx)
	bar.done()
	return result, err
}

// sitePlaces are where a site is made of. Alerts, reports and what derive remembers are
// those of the home: of a lake that lies elsewhere they would be somebody else's.
func (a *app) sitePlaces(s *site.Site) error {
	reports := s.Out
	if a.flags.lake == "" || a.flags.home != "" {
		home, err := a.home()
		if err != nil {
			return err
		}
		reports = under(home, s.Plan.Paths.Reports)
		s.Zones = append(s.Zones, site.Folder{Dir: filepath.Join(under(home, s.Plan.Paths.Output), "RootZones"), Name: filepath.Join(s.Plan.Paths.Output, "RootZones")})
		s.Reports, s.Logs, s.State = reports, under(home, s.Plan.Paths.Logs), filepath.Join(under(home, s.Plan.Paths.State), "derived")
	}
	var err error
	if s.Lake, _, err = a.reportPlaces(s.Plan, reports); err != nil {
		return err
	}
	beside := s.Lake.Dir // of the zones of mtric simulate; commands are called in the home, where there is one
	if a.flags.lake == "" {
		beside = s.Plan.Paths.Lake
	}
	s.Zones = append(s.Zones, site.Folder{Dir: filepath.Join(s.Lake.Dir, simulate.RootZones), Name: filepath.Join(beside, simulate.RootZones)})
	return nil
}
