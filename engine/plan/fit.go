package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// pushLimit is the time between the queries and the traces, docs/architecture.md "Data flow".
const pushLimit = Duration(30 * time.Second)

// Usual is how much of an interval the production plan and its like spend on a part.
// Together they leave time to spare: of a plan that does not fit one part is longer.
const (
	usualJitter  = Duration(60 * time.Second)
	usualSending = Duration(10 * time.Second)
	usualWait    = Duration(8 * time.Second)
	usualTraces  = Duration(150 * time.Second)
)

// load is what is due together takes of an interval.
type load struct {
	jitter        Duration
	count         int      // of queries
	pace          Duration // of all sends together
	wait          Duration // the longest for an answer
	traces        Duration
	paced, waited *Query // the queries that take the most of pace and of wait
	pacedFor      Duration
}

// add makes l what both take together.
func (l *load) add(o load) {
	l.jitter = max(l.jitter, o.jitter)
	l.count, l.pace, l.traces = l.count+o.count, l.pace+o.pace, l.traces+o.traces
	if o.wait > l.wait {
		l.wait, l.waited = o.wait, o.waited
	}
	if l.paced == nil || o.pacedFor > l.pacedFor {
		l.paced, l.pacedFor = o.paced, o.pacedFor
	}
}

// total is how long the interval takes.
func (l load) total() Duration {
	t := l.jitter + l.pace + l.wait + l.traces
	if l.traces > 0 {
		t += pushLimit
	}
	return t
}

// waitFor is how long an answer is waited for: truncated, it is asked for again with a
// fresh timeout [hjw].
func waitFor(q *Query) Duration {
	if q.OnTruncation == RetryTCP {
		return 2 * q.Timeout
	}
	return q.Timeout
}

// fit is an interval of a day at a vantage point.
type fit struct {
	load
	label Duration                 // since 00:00 UTC
	vp    measurement.VantagePoint // "" where all vantage points are alike
}

// checkFit reports a plan of which an interval is too short for what is due in it:
// jitter, queries, push and traces must end before the next one. Each of a day's labels
// is looked at, and each vantage point; those that ask the same are one.
func (l *loader) checkFit() {
	p := l.plan
	if l.diags.HasErrors() {
		return
	}
	sends := make([]int, len(p.Queries)) // of one interval at most, by query
	for i, q := range p.Queries {
		for _, s := range p.ServersOf(q.Servers) {
			sends[i] += most(q, s)
		}
	}
	var worst fit
	for _, vp := range p.kinds() {
		var slots [day / Duration(interval.Length)]load
		for _, t := range p.loads(vp, sends) {
			for at := t.offset; at < day; at += t.every {
				slots[at/Duration(interval.Length)].add(t.load)
			}
		}
		for n, s := range slots {
			if worst.total() < s.total() {
				worst = fit{s, Duration(n) * Duration(interval.Length), vp.ID}
			}
		}
	}
	if over := worst.total() - Duration(interval.Length); over > 0 {
		l.tooLong(worst, over)
	}
}

// kinds are vantage points of which each asks other queries than the others; one without
// a name where no query is bound to any.
func (p *Plan) kinds() []VantagePoint {
	all := p.VantagePoints
	if len(all) == 0 { // those that send data, whoever they are
		all = []VantagePoint{{}}
		for _, q := range p.Queries {
			for _, id := range q.VantagePoints {
				all = append(all, VantagePoint{ID: id})
			}
		}
	}
	if !slices.ContainsFunc(p.Queries, Query.Bound) {
		return []VantagePoint{{}}
	}
	var kinds []VantagePoint
	seen := map[string]bool{}
	for _, v := range all {
		asked := make([]byte, len(p.Queries))
		for i := range p.Queries {
			if p.Queries[i].askedBy(v) {
				asked[i] = 1
			}
		}
		if !seen[string(asked)] {
			seen[string(asked)] = true
			kinds = append(kinds, v)
		}
	}
	return kinds
}

// timed is what is due at the same labels of every day.
type timed struct {
	every, offset Duration
	load
}

// loads are what the schedules make a vantage point do.
func (p *Plan) loads(vp VantagePoint, sends []int) []timed {
	var all []timed
	of := map[string]int{} // by schedule
	for _, s := range p.Schedules {
		i := slices.IndexFunc(all, func(t timed) bool { return t.every == s.Every && t.offset == s.Offset })
		if i < 0 {
			i, all = len(all), append(all, timed{every: s.Every, offset: s.Offset})
		}
		of[s.Label] = i
		all[i].jitter = max(all[i].jitter, s.Jitter)
	}
	for i := range p.Queries {
		if q := &p.Queries[i]; q.askedBy(vp) {
			pace := Duration(sends[i]) * q.Pace
			all[of[q.Schedule]].add(load{count: sends[i], pace: pace, wait: waitFor(q), paced: q, waited: q, pacedFor: pace})
		}
	}
	for _, t := range p.Traceroutes {
		all[of[t.Schedule]].traces += t.Limit
	}
	return all
}

// most is how many queries one interval sends at most to the server: over the
// families of which it ever has an address.
func most(q Query, s Server) int {
	paths := 0
	for _, f := range q.Families {
		if s.Has(f) {
			paths += len(q.TransportsTo(s))
		}
	}
	return min(paths, cmp.Or(q.Pick, paths))
}

// tooLong reports the interval that takes the longest, at what makes it so: of its
// parts the one that is the most above what is usual.
func (l *loader) tooLong(f fit, over Duration) {
	parts := []struct {
		takes, usual Duration
		at           func(fit, Duration) (hcl.Range, string)
	}{
		{f.wait, usualWait, l.longestWait}, {f.traces, usualTraces, l.longestTraces}, {f.pace, usualSending, l.longestPace}, {f.jitter, usualJitter, l.longestJitter},
	}
	longest := parts[0]
	for _, p := range parts[1:] {
		if p.takes-p.usual > longest.takes-longest.usual {
			longest = p
		}
	}
	says := fmt.Sprintf("jitter %s, sending %d queries %s, waiting for the last answer %s", f.jitter, f.count, f.pace, f.wait)
	if f.traces > 0 {
		says += fmt.Sprintf(", pushing the answers %s, traces %s", pushLimit, f.traces)
	}
	where := "at " + f.clock()
	if f.vp != "" {
		where += " on vantage point " + string(f.vp)
	}
	at, remedy := longest.at(f, over)
	l.errorf(at, remedy+" It takes "+says+".", "the interval %s takes %s and must end within 5m", where, f.total())
}

// clock is the label as a person reads it: "18:05 UTC".
func (f fit) clock() string {
	return time.Unix(0, 0).UTC().Add(time.Duration(f.label)).Format("15:04") + " UTC"
}

// due reports whether a schedule measures in the interval.
func (f fit) due(p *Plan, schedule string) bool {
	return p.Due(schedule, time.Unix(0, 0).Add(time.Duration(f.label)))
}

// longestPace points at the query that takes the longest to send.
func (l *loader) longestPace(f fit, _ Duration) (hcl.Range, string) {
	d := l.decoders["query "+f.paced.Label]
	name := "pace"
	if d.attrs[name] == nil {
		name = "servers"
	}
	return d.place(name), fmt.Sprintf("Shorten the pace of query %q, ask fewer servers, or give queries schedules with another offset.", f.paced.Label)
}

// longestWait points at the timeout that ends last.
func (l *loader) longestWait(f fit, over Duration) (hcl.Range, string) {
	remedy := "Shorten the timeout of query " + quote(f.waited.Label)
	if f.waited.OnTruncation == RetryTCP {
		over = (over + 1) / 2
		remedy += ", which counts twice with retry_tcp,"
	}
	remedy += atMost(f.waited.Timeout - over)
	return l.decoders["query "+f.waited.Label].place("timeout"), remedy + "."
}

// atMost says in whole seconds how long a part may be; nothing where no whole one is left.
func atMost(d Duration) string {
	if d -= d % Duration(time.Second); d > 0 {
		return " to at most " + d.String()
	}
	return ""
}

// longestTraces points at the traceroute block with the longest limit.
func (l *loader) longestTraces(f fit, over Duration) (hcl.Range, string) {
	var longest *Traceroute
	for i := range l.plan.Traceroutes {
		t := &l.plan.Traceroutes[i]
		if f.due(l.plan, t.Schedule) && (longest == nil || t.Limit > longest.Limit) {
			longest = t
		}
	}
	remedy := "Shorten the limit of traceroute " + quote(longest.Label) + atMost(longest.Limit-over)
	return l.decoders["traceroute "+longest.Label].place("limit"), remedy + ", or give it a schedule with another offset."
}

// longestJitter points at the schedule that may wait the longest.
func (l *loader) longestJitter(f fit, _ Duration) (hcl.Range, string) {
	for _, s := range l.plan.Schedules {
		if s.Jitter == f.jitter && f.due(l.plan, s.Label) {
			return l.decoders["schedule "+s.Label].place("jitter"), "Shorten the jitter of schedule " + quote(s.Label) + "."
		}
	}
	return hcl.Range{}, "Shorten the jitter."
}
