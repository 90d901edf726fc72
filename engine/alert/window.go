package alert

import (
	"context"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// group is the rules that look at the same combinations over the same window:
// it is tallied once for all of them.
type group struct {
	over     []string
	queries  []string // those that are counted; none: see counts
	window   time.Duration
	rules    []*rule
	previous bool // some rule reads it
	latency  bool
	serials  bool
	nsids    bool

	combos []*combo
	of     []int32 // combo, by tuple
	feeds  []feeds // by tuple
	slots  map[string]*plan.Slots
	begun  bool
	cursor [3]cursor // of rows that enter the window, leave it for the one before, leave that
}

// combo is one combination of labels.
type combo struct {
	labels   []Label
	counted  bool // some query that is counted has these labels
	now      *tally
	before   *tally
	expected func(from, until time.Time, but string) int64 // intervals of vantage points, those of one left out
}

// cursor walks through rows in order.
type cursor struct{ chunk, at int }

// upTo calls use with every row before the slot that was not visited yet.
func (c *cursor) upTo(r *rows, slot int32, use func(r *row)) {
	for ; c.chunk < len(r.chunks); c.chunk, c.at = c.chunk+1, 0 {
		chunk := r.chunks[c.chunk]
		for ; c.at < len(chunk); c.at++ {
			if chunk[c.at].slot >= slot {
				return
			}
			use(&chunk[c.at])
		}
	}
}

// skip passes over every row before the slot.
func (c *cursor) skip(r *rows, slot int32) {
	for ; c.chunk < len(r.chunks); c.chunk, c.at = c.chunk+1, 0 {
		chunk := r.chunks[c.chunk]
		if n := len(chunk); n > 0 && chunk[n-1].slot >= slot {
			c.at, _ = slices.BinarySearchFunc(chunk, slot, func(r row, slot int32) int { return int(r.slot) - int(slot) })
			return
		}
	}
}

// groups sorts the window rules by what they look at.
func (rs *Rules) groups(only string) []*group {
	var all []*group
	for _, r := range rs.rules {
		if r.On != "window" || (only != "" && r.Label != only) {
			continue
		}
		i := slices.IndexFunc(all, func(g *group) bool {
			return slices.Equal(g.over, r.Over) && slices.Equal(g.queries, r.Queries) && g.window == time.Duration(r.Window)
		})
		if i < 0 {
			i = len(all)
			all = append(all, &group{over: r.Over, queries: r.Queries, window: time.Duration(r.Window)})
		}
		g := all[i]
		g.rules = append(g.rules, r)
		g.previous = g.previous || r.sees("previous.")
		g.latency = g.latency || r.sees("window.median_latency") || r.sees("window.p95_latency") ||
			r.sees("previous.median_latency") || r.sees("previous.p95_latency")
		for _, of := range []string{"window.", "previous."} {
			g.serials = g.serials || r.sees(of+"newest_serial") || r.sees(of+"lag")
			g.nsids = g.nsids || r.sees(of+"nsids")
		}
	}
	return all
}

// sees says whether condition or summary read a name that begins so.
func (r *rule) sees(prefix string) bool {
	return slices.ContainsFunc(r.names(), func(name string) bool { return strings.HasPrefix(name, prefix) })
}

// names are what condition and summary read.
func (r *rule) names() []string {
	names := slices.Collect(maps.Keys(r.condition.reads))
	for _, p := range r.summary {
		if p.expr != nil {
			names = slices.AppendSeq(names, maps.Keys(p.expr.reads))
		}
	}
	return names
}

// reach is how far before the end of an interval the rules look.
func (rs *Rules) reach(only string) time.Duration {
	var far time.Duration
	for _, g := range rs.groups(only) {
		w := g.window
		if g.previous {
			w *= 2
		}
		far = max(far, w)
	}
	return far
}

// prepare makes the combinations: those of the plan and, where it has no vantage points,
// those of the rows, which the plan bounds but for the vantage points.
func (g *group) prepare(p *plan.Plan, r *rows) {
	index := map[string]int32{}
	add := func(t *tuple) int32 {
		var labels []Label
		for _, name := range g.over {
			labels = append(labels, Label{name, t.label(name)})
		}
		key := keyOf("", labels)
		i, ok := index[key]
		if !ok {
			i = int32(len(g.combos))
			index[key] = i
			g.combos = append(g.combos, &combo{labels: labels, expected: g.expected(p, r, t)})
		}
		f := g.feedsOf(t.query)
		g.combos[i].counted = g.combos[i].counted || f.asked || f.judged
		return i
	}
	for i := range r.tuples {
		t := &r.tuples[i]
		g.of = append(g.of, add(t))
		g.feeds = append(g.feeds, g.feedsOf(t.query))
	}
	eachPlanned(p, vantagePoints(p), func(t tuple) { add(&t) })
	now, before := map[string]*accused{}, map[string]*accused{}
	for _, c := range g.combos {
		c.now = newTally(r, g, accusedOf(now, c.labels))
		if g.previous {
			c.before = newTally(r, g, accusedOf(before, c.labels))
		}
	}
}

// advance brings the tallies to the window that ends at end.
func (g *group) advance(r *rows, end time.Time) {
	change := func(before bool, by int64) func(*row) {
		return func(row *row) {
			c := g.combos[g.of[row.tuple]]
			t := c.now
			if before {
				t = c.before
			}
			t.change(row, r.vpOf[row.tuple], r.rsiOf[row.tuple], g.feeds[row.tuple], by)
		}
	}
	slots := int32(g.window / interval.Length)
	last := slotOf(end)
	leave, enter := change(false, -1), change(true, 1)
	if !g.begun { // what no window of the first end reaches enters none
		g.begun = true
		for i := range g.cursor {
			g.cursor[i].skip(r, last-slots)
		}
		if g.previous {
			g.cursor[2] = cursor{}
			g.cursor[2].skip(r, last-2*slots)
			first := g.cursor[2]
			first.upTo(r, last-slots, enter)
		}
	}
	g.cursor[0].upTo(r, last, change(false, 1))
	if !g.previous {
		g.cursor[1].upTo(r, last-slots, leave)
		return
	}
	g.cursor[1].upTo(r, last-slots, func(row *row) {
		leave(row)
		enter(row)
	})
	g.cursor[2].upTo(r, last-2*slots, change(true, -1))
}

// visit is called with each result of a walk, one at a time.
type visit func(end time.Time, r *rule, f *frame, found finding, err error) error

// walker evaluates the window rules over a lake's past, end by end.
type walker struct {
	rules  *Rules
	slide  *slide
	rows   *rows
	groups []*group
	reach  time.Duration

	until, now time.Time // the last end there is to evaluate, and when; zero where nobody is told
}

// walker prepares a walk over the ends of [from, until]. Stop must be called after it.
func (rs *Rules) walker(ctx context.Context, store lake.Store, from, until time.Time, only string) (*walker, error) {
	w := &walker{rules: rs, groups: rs.groups(only), reach: rs.reach(only)}
	var err error
	if w.slide, err = newSlide(ctx, rs.Plan, store, from.Add(-w.reach), until); err != nil {
		return nil, err
	}
	if err := w.slide.meet(ctx, w.reach); err != nil {
		w.stop()
		return nil, err
	}
	w.rows = w.slide.rows
	_ = w.each(func(g *group) error { // nothing of it fails
		g.prepare(rs.Plan, w.rows)
		return nil
	})
	return w, nil
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
			return w.walkGroup(g, at, last, func(end time.Time, rule *rule, f *frame, found finding, err error) error {
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

func (w *walker) walkGroup(g *group, from, until time.Time, use visit) error {
	rs, r := w.rules, w.rows
	failing, month := 0.0, time.Time{}
	var now, before Window
	f := &frame{rules: rs, object: reflect.ValueOf(&now).Elem(), previous: reflect.ValueOf(&before).Elem(), known: w.now}
	for end := from; !end.After(until); end = end.Add(interval.Length) {
		g.advance(r, end)
		rests := &witnessing{group: g, rows: r, end: end}
		f.newest = end.Equal(w.until)
		if m := interval.Month(end.Add(-g.window)); !m.Equal(month) { // thresholds hold for whole months
			month, f.thresholds = m, thresholds(rs.Plan.ThresholdsAt(m))
			if failing = 96; f.thresholds[thresholdOf(measurement.RSIAvailability)] != 0 { // [ydw]
				failing = f.thresholds[thresholdOf(measurement.RSIAvailability)]
			}
		}
		for i, c := range g.combos {
			c.fill(&now, &before, c.now, c.before, view{r, g, end, failing, ""})
			f.labels = c.labels
			f.alone = func(rule *rule) string { return rests.alone(int32(i), rule, f, failing) }
			f.exclusion = func() string {
				began := end
				if f.since != nil {
					began = *f.since
				}
				return exclusion(c.labels, began.Add(-interval.Length), end) // the interval that made it true
			}
			here := c.counted && measured(rs.Plan, c.labels, end.Add(-g.window), end)
			for _, rule := range g.rules {
				found, err := gone, error(nil)
				if here {
					found, err = rule.judge(f)
				}
				if err := use(end, rule, f, found, err); err != nil {
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
