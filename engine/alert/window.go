package alert

import (
	"maps"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/interval"
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
	p95      bool
	serials  bool
	nsids    bool
	zoned    bool // some rule reads what windows show of zones of the plan, or of sites

	summed bool // by the sums of days, not row by row

	combos []*combo
	of     []int32 // combo, by tuple
	feeds  []feeds // by tuple
	slots  map[string]*plan.Slots
	begun  bool
	cursor [3]cursor // of rows that enter the window, leave it for the one before, leave that
}

// combo is one combination of labels.
type combo struct {
	index    int32
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
		for _, of := range []string{"window.", "previous."} {
			g.p95 = g.p95 || r.sees(of+"p95_latency")
			g.latency = g.latency || g.p95 || r.sees(of+"median_latency")
			g.serials = g.serials || r.sees(of+"newest_serial") || r.sees(of+"lag")
			g.nsids = g.nsids || r.sees(of+"nsids")
			g.zoned = g.zoned || slices.ContainsFunc(zoneFields, func(f string) bool { return r.sees(of + f) })
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
func (rs *Rules) reach(only string) time.Duration { return farthest(rs.groups(only)) }

func farthest(groups []*group) (far time.Duration) {
	for _, g := range groups {
		far = max(far, g.reach())
	}
	return far
}

func (g *group) reach() time.Duration {
	if g.previous {
		return 2 * g.window
	}
	return g.window
}

// prepare makes the combinations: those of the plan and, where it has no vantage points,
// those of the rows, which the plan bounds but for the vantage points.
func (g *group) prepare(p *plan.Plan, r *rows) {
	index := map[tuple]int32{}
	add := func(t *tuple) int32 {
		key := t.only(g.over)
		i, ok := index[key]
		if !ok {
			i = int32(len(g.combos))
			index[key] = i
			var labels []Label
			for _, name := range g.over {
				labels = append(labels, Label{name, t.label(name)})
			}
			g.combos = append(g.combos, &combo{index: i, labels: labels, expected: g.expected(p, r, t)})
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
