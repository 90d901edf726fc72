package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/plan"
)

type backtestFlags struct{ from, until, rule string }

func (a *app) backtestCommand() *cobra.Command {
	var f backtestFlags
	c := &cobra.Command{
		Use:   "backtest --from TIME --until TIME [--rule NAME]",
		Short: "Say when the rules of a plan would have fired over the lake's past",
		Long: `Backtest evaluates the window rules of a plan as they would have been evaluated at
each end of an interval from --from up to --until, or up to now, and lists when each
would have fired, for how long and on what. It changes nothing: tune a rule before it is deployed.
Run, machine and report rules look at what the lake does not keep; they have no past.
Silences are not heeded. A rule that cannot be evaluated is named at the end, exit 3.`,
		Example: "  mtric backtest --from 2026-11-01 --until 2026-12-01 --rule rsi-unavailable --plan plans/rssac047 --plan local",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.backtest(c.Context(), f) },
	}
	c.Flags().StringVar(&f.from, "from", "", "first end of an interval, a `TIME` (RFC 3339) or day (2026-11-01)")
	c.Flags().StringVar(&f.until, "until", "", "last end of an interval, a `TIME` or day; what is still to come is left out")
	c.Flags().StringVar(&f.rule, "rule", "", "this rule `NAME` only")
	return c
}

func (a *app) backtest(ctx context.Context, f backtestFlags) error {
	from, err := moment("--from", f.from)
	if err != nil {
		return err
	}
	until, err := moment("--until", f.until)
	if err != nil {
		return err
	}
	if !from.Before(until) || until.Sub(from) > 366*24*time.Hour {
		return usagef("--until %s: want a time after --from, at most 366 days later", f.until)
	}
	p, err := a.loadPlan()
	if err != nil {
		return err
	}
	if err := checkBacktest(p, f.rule); err != nil {
		return err
	}
	home, err := a.home()
	if err != nil {
		return err
	}
	store := lake.Store{Dir: a.lakeDir(home, p), Version: Version}
	if err := ownLake(store.Dir); err != nil {
		return err
	}
	days, err := store.Days(column.Answers, from, until)
	if err != nil {
		return err
	}
	if len(days) == 0 {
		return usagef("lake %s: has no answers from %s up to %s; give another --lake or time", store.Dir, stamp(from), stamp(until))
	}
	if until, err = a.past(until, days[len(days)-1].Day); err != nil {
		return err
	}
	if until.Before(from) {
		return usagef("--from %s: is not over yet; rules are evaluated 4 minutes after an interval", f.from)
	}
	episodes, failed, err := a.rules.Backtest(ctx, store, from, until, f.rule)
	if err != nil {
		return err
	}
	if err := a.printEpisodes(episodes); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		fmt.Fprintf(a.err, "mtric: %v\n", failed[name])
	}
	if len(episodes)+len(failed) > 0 {
		return &exitError{code: exitFindings}
	}
	return nil
}

// past is until, or the newest end of an interval that is over, where that is earlier: of
// what is still to come nothing is known, and nothing fires. A lake with later days is a
// simulated one, which has it.
func (a *app) past(until, lastDay time.Time) (time.Time, error) {
	now, err := a.now()
	if err != nil {
		return time.Time{}, err
	}
	if due := alert.Due(now()); due.Before(until) && !due.Before(lastDay) {
		return due, nil
	}
	return until, nil
}

// checkBacktest refuses rules that the plan does not have, or that look at what the lake
// does not keep: none would fire, which says nothing.
func checkBacktest(p *plan.Plan, name string) error {
	if err := knownRule(p, name); err != nil {
		return err
	}
	for _, r := range p.Rules {
		if r.Label == name && r.On != "window" {
			return usagef("--rule %s: a rule on %s has no past in the lake; only window rules have", name, r.On)
		}
	}
	return nil
}

// moment reads a time or day of a flag and refuses what is not whole intervals.
func moment(flag, s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			if t = t.UTC(); !interval.Of(t).Equal(t) {
				return time.Time{}, usagef("%s %s: want a multiple of five minutes", flag, s)
			}
			return t, nil
		}
	}
	return time.Time{}, usagef("%s %q: want a time such as 2026-11-22T22:40:00Z, or a day such as 2026-11-22", flag, s)
}

func (a *app) printEpisodes(episodes []alert.Episode) error {
	if a.flags.json {
		return a.printJSON(episodes)
	}
	err := writeTable(a.out, "RULE ON FROM UNTIL DURATION SUMMARY", episodes, func(e alert.Episode) []string {
		var labels []string
		for _, l := range e.Labels {
			labels = append(labels, l.Name+"="+l.Value)
		}
		until := "still firing"
		if e.Until != nil {
			until = stamp(*e.Until)
		}
		return []string{e.Rule, strings.Join(labels, " "), stamp(e.From), until,
			(time.Duration(e.Minutes) * time.Minute).String(), strings.ReplaceAll(e.Summary, "\n", " ")}
	})
	if err != nil || a.flags.quiet {
		return err
	}
	_, err = fmt.Fprintf(a.out, "\n%d alerts\n", len(episodes))
	return err
}
