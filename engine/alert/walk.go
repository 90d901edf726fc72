package alert

import (
	"cmp"
	"context"
	"reflect"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// visit is called with each result of a walk, one at a time.
type visit func(end time.Time, r *rule, f *frame, found finding, err error) error

// walker evaluates the window rules over a lake's past, end by end.
type walker struct {
	rules  *Rules
	slide  *slide
	rows   *rows
	groups []*group
	gauged *group        // whose windows become gauges; nil for none
	gauges gauges        // of the last end
	reach  time.Duration // of the rows that are held
	sums   sums          // of the groups that are summed

	until, now time.Time // the last end there is to evaluate, and when; zero where nobody is told
}

// walker prepares a walk over the ends of [from, until]. Stop must be called after it.
func (rs *Rules) walker(ctx context.Context, store lake.Store, from, until time.Time, only string) (*walker, error) {
	w := &walker{rules: rs, groups: rs.groups(only)}
	w.reach = farthest(w.groups)
	return w, w.prepare(ctx, store, from, until)
}

// walkerOver is walker, and has gauges made at the last end.
func (rs *Rules) walkerOver(ctx context.Context, store lake.Store, from, until time.Time) (*walker, error) {
	w := &walker{rules: rs}
	w.groups, w.gauged = gauged(rs.Plan, rs.groups(""))
	w.reach = farthest(w.groups)
	return w, w.prepare(ctx, store, from, until)
}

// walkerAt is walkerOver for one end, for which sums are kept in a folder.
func (rs *Rules) walkerAt(ctx context.Context, store lake.Store, end time.Time, dir string) (*walker, error) {
	w := &walker{rules: rs}
	w.groups, w.gauged = gauged(rs.Plan, rs.groups(""))
	var sliding []*group
	for _, g := range w.groups {
		if g.summed = g.summable(rs.Plan); !g.summed {
			sliding = append(sliding, g)
		}
	}
	w.reach = farthest(sliding)
	if len(sliding) < len(w.groups) {
		w.sums = newSums(dir, rs.Plan, store, end, farthest(w.groups))
		w.reach = max(w.reach, end.Sub(w.sums.today))
	}
	return w, w.prepare(ctx, store, end, end)
}

func (w *walker) prepare(ctx context.Context, store lake.Store, from, until time.Time) (err error) {
	if w.slide, err = newSlide(ctx, w.rules.Plan, store, from.Add(-w.reach), until); err != nil {
		return err
	}
	if err := w.slide.meet(ctx, w.reach); err != nil {
		w.stop()
		return err
	}
	w.rows = w.slide.rows
	return w.each(func(g *group) error {
		g.prepare(w.rules.Plan, w.rows)
		return nil
	})
}

// stop ends what is being read ahead.
func (w *walker) stop() { w.slide.stop() }

func (w *walker) each(do func(*group) error) error {
	var all errgroup.Group
	all.SetLimit(runtime.GOMAXPROCS(0))
	for _, g := range w.groups {
		all.Go(func() error { return do(g) })
	}
	return all.Wait()
}

// walk evaluates the rules for every end in [from, until], which no walk before has
// passed, and hands each result on. The ends of one alert come oldest first; those of
// several groups run beside one another, so the order of different alerts is none.
func (w *walker) walk(ctx context.Context, from, until time.Time, use visit) error {
	var one sync.Mutex
	for at := from; !at.After(until); {
		last := interval.Day(at.Add(-1)).AddDate(0, 0, 1) // the ends that need no further day
		if last.After(until) {
			last = until
		}
		// What leaves the windows at the first end is of the interval before them.
		if err := w.slide.hold(ctx, at.Add(-w.reach-interval.Length), last); err != nil {
			return err
		}
		err := w.each(func(g *group) error {
			return w.walkGroup(ctx, g, at, last, func(end time.Time, rule *rule, f *frame, found finding, err error) error {
				one.Lock()
				defer one.Unlock()
				return use(end, rule, f, found, err)
			})
		})
		if err != nil {
			return err
		}
		at = last.Add(interval.Length)
	}
	return nil
}

func (w *walker) walkGroup(ctx context.Context, g *group, from, until time.Time, use visit) error {
	rs, r := w.rules, w.rows
	failing, month := 0.0, time.Time{}
	var now, before Window
	f := &frame{rules: rs, object: reflect.ValueOf(&now).Elem(), previous: reflect.ValueOf(&before).Elem(), known: w.now}
	for end := from; !end.After(until); end = end.Add(interval.Length) {
		rests := &witnessing{group: g, rows: r, end: end}
		if g.summed {
			if err := w.sums.tally(ctx, g, r, end); err != nil {
				return err
			}
			rests.read = func() (*rows, error) { return w.sums.read(ctx, end.Add(-g.reach()), end) }
		} else {
			g.advance(r, end)
		}
		f.newest = end.Equal(w.until)
		if m := interval.Month(end.Add(-g.window)); !m.Equal(month) { // thresholds hold for whole months
			month, f.thresholds = m, thresholds(rs.Plan.ThresholdsAt(m))
			if failing = 96; f.thresholds[thresholdOf(measurement.RSIAvailability)] != 0 { // [ydw]
				failing = f.thresholds[thresholdOf(measurement.RSIAvailability)]
			}
		}
		zones := zoneCache{}
		for i, c := range g.combos {
			c.fill(&now, &before, c.now, c.before, view{r, g, end, failing, "", zones})
			f.labels = c.labels
			f.alone = func(rule *rule) string { return rests.alone(int32(i), rule, f, failing) }
			f.exclusion = func() string {
				if !g.countsMetrics() {
					return ""
				}
				began := end
				if f.since != nil {
					began = *f.since
				}
				return exclusion(c.labels, began.Add(-interval.Length), end) // the interval that made it true
			}
			if g == w.gauged && f.newest && c.counted && reachable(rs.Plan, c.labels, end.Add(-g.window), end) {
				w.gauges.note(c, &now, c.expected(end.Add(-g.window), end, ""))
			}
			here := c.counted && measured(rs.Plan, c.labels, end.Add(-g.window), end)
			for _, rule := range g.rules {
				found, err := gone, error(nil)
				if here {
					found, err = rule.judge(f)
				}
				if err := cmp.Or(use(end, rule, f, found, err), rests.failed); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// judge evaluates a condition over a window: nothing is counted as good that was not
// seen to be good.
func (r *rule) judge(f *frame) (finding, error) {
	found, err := r.evaluate(f)
	if w, ok := f.object.Interface().(Window); ok && !w.HasData {
		err = nil // one that divides by what was sent is not wrong for that
		if found == fails && !r.asksData() {
			found = keep
		}
	}
	return found, err
}

// measured says whether the plan measures at these labels in [from, until): a
// vantage point that ended has no data, for ever, and nothing is wrong.
func measured(p *plan.Plan, labels []Label, from, until time.Time) bool {
	for _, l := range labels {
		if l.Name != "vantage_point" {
			continue
		}
		for _, v := range p.VantagePoints {
			if string(v.ID) == l.Value {
				return measures(v, from, until)
			}
		}
	}
	return true
}

// asksData says whether the condition itself deals with windows without data.
func (r *rule) asksData() bool {
	return r.condition.reads["window.has_data"] || r.condition.reads["window.coverage"]
}
