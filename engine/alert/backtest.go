package alert

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
)

// Episode is one time that a rule would have fired. Until is nil while it still
// fires at the end of the backtest; Minutes is then what there was of it.
type Episode struct {
	Rule      string     `json:"rule"`
	Severity  Severity   `json:"severity"` // as last told
	Labels    []Label    `json:"labels"`
	From      time.Time  `json:"from"`
	Until     *time.Time `json:"until"`
	Minutes   int64      `json:"minutes"`
	Summary   string     `json:"summary"`          // as first told
	Raised    *time.Time `json:"raised,omitempty"` // when the severity rose to what it is
	Witnesses            // as last told
}

// Backtest says when the window rules (or the one named) would have fired over
// the lake's past, evaluated at each end of an interval in [from, until], by the
// evaluator and the states of production. A rule begins pending and firing
// nowhere: hold is waited for from the start on. Silences mute nothing here: it is
// the rule that is looked at. A rule that cannot be evaluated keeps its state, as in
// production; failed has the first error of each, by rule.
func (rs *Rules) Backtest(ctx context.Context, store lake.Store, from, until time.Time, only string) (found []Episode, failed map[string]error, err error) {
	from, until = interval.Of(from), interval.Of(until)
	w, err := rs.walker(ctx, store, from, until, only)
	if err != nil {
		return nil, nil, err
	}
	defer w.stop()
	failed = map[string]error{}
	episodes, open := []Episode{}, map[string]int{}
	states := ledger{}
	err = w.walk(ctx, from, until, func(end time.Time, r *rule, f *frame, found finding, err error) error {
		if err != nil && failed[r.Label] == nil {
			failed[r.Label] = fmt.Errorf("%w (first at %s)", err, end.Format(time.RFC3339))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		e := states.apply(collector, r, f, found, end, func(*Status) bool { return false })
		if e == nil {
			return nil
		}
		key := keyOf(e.Rule, e.Labels)
		switch i, is := open[key]; {
		case e.State == Firing && !is:
			open[key] = len(episodes)
			episodes = append(episodes, Episode{Rule: e.Rule, Severity: e.Severity, Labels: append([]Label{}, e.Labels...), From: end, Summary: e.Summary, Witnesses: e.Witnesses})
		case e.State == Firing:
			episodes[i].Severity, episodes[i].Raised, episodes[i].Witnesses = e.Severity, &end, e.Witnesses
		case e.State == Resolved && is:
			episodes[i].Until = &end
			episodes[i].Minutes = int64(end.Sub(episodes[i].From) / time.Minute)
			delete(open, key)
		}
		return nil
	})
	for _, i := range open {
		episodes[i].Minutes = int64(until.Sub(episodes[i].From) / time.Minute)
	}
	slices.SortFunc(episodes, func(x, y Episode) int {
		return cmp.Or(x.From.Compare(y.From), cmp.Compare(keyOf(x.Rule, x.Labels), keyOf(y.Rule, y.Labels)))
	})
	return episodes, failed, err
}
