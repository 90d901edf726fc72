package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/diag"
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
		Long: `Site writes static files: a page and its data, of the lake and the tables hours and
events. It writes what changed and no more: the last two hours each time, all else once an
hour. The public edition has neither values of single RSIs nor addresses, routes or
responses.`,
		Example: "  mtric site --out Site\n  mtric site --out /var/www/root --edition public",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.site(c.Context(), f) },
	}
	c.Flags().StringVar(&f.out, "out", "", "`DIR` of the site")
	c.Flags().StringVar(&f.edition, "edition", string(site.Internal), "for whom: `EDITION` public or internal")
	c.Flags().StringArrayVar(&f.days, "day", nil, "make the five minutes of the day `YYYYMMDD` too, however old it is; repeatable")
	return c
}

func (a *app) site(ctx context.Context, f siteFlags) (err error) {
	if f.out == "" {
		return usagef("site: --out is missing\nTry \"mtric site --help\".")
	}
	s := &site.Site{Out: f.out, Edition: site.Edition(f.edition), Version: Version}
	if s.Edition != site.Public && s.Edition != site.Internal {
		return usagef("--edition %q: want public or internal", f.edition)
	}
	for _, text := range f.days {
		day, err := time.Parse("20060102", text)
		if err != nil {
			return usagef("--day %q: want YYYYMMDD, such as 20261127", text)
		}
		s.Days = append(s.Days, day)
	}
	if s.Plan, err = a.loadPlan(); err != nil {
		return err
	}
	if s.Now, err = a.now(); err != nil {
		return err
	}
	if err := a.sitePlaces(s); err != nil {
		return err
	}
	release, err := a.keepLake(ctx, s.Lake)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	defer collectForDays()()
	bar := a.progress(0, "site")
	s.Progress = bar.at
	result, err := s.Run(ctx)
	bar.done()
	if err != nil {
		return err
	}
	if a.flags.json {
		return a.printJSON(result)
	}
	if !isTerminal(a.out) || a.flags.quiet {
		return nil
	}
	_, err = fmt.Fprintf(a.out, "%s made, %s written\n", diag.Plural(result.Days, "day"), diag.Plural(result.Files, "file"))
	return err
}

// sitePlaces are where a site is made of. Alerts, reports and what derive remembers are
// those of the home: of a lake that lies elsewhere they would be somebody else's.
func (a *app) sitePlaces(s *site.Site) error {
	reports := "."
	if a.flags.lake == "" || a.flags.home != "" {
		home, err := a.home()
		if err != nil {
			return err
		}
		reports = under(home, s.Plan.Paths.Reports)
		s.Reports, s.Logs, s.State = reports, under(home, s.Plan.Paths.Logs), filepath.Join(under(home, s.Plan.Paths.State), "derived")
	}
	var err error
	s.Lake, _, err = a.reportPlaces(s.Plan, reports)
	return err
}
