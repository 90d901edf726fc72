package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// Cause is what a failed row of a dossier is attributed to. It is evidence for people, and
// changes no number of the report: every row counts against the RSI as RSSAC047 has it.
type Cause string

// The causes, in the order in which the first that fits is taken.
const (
	CauseOwn    Cause = "vantage_point" // no RSI answered the vantage point over the family (Proposal)
	CauseChange Cause = "change"        // another instance began to answer then, or the route became another
	CauseRSI    Cause = "rsi"           // nothing else explains it
)

// Causes lists them, the RSI first.
var Causes = []Cause{CauseRSI, CauseOwn, CauseChange}

var causeTitles = map[Cause]string{
	CauseRSI:    "the RSI",
	CauseOwn:    "a vantage point's own trouble",
	CauseChange: "a change of instance or route at that moment",
}

// Title is the cause in print.
func (c Cause) Title() string { return causeTitles[c] }

const (
	// momentary is how far apart two answers, or traces, may be for a change to lie between
	// them that explains what failed meanwhile.
	momentary = 15 * time.Minute

	// remembered is for how long an instance, or a route, must not have been seen to be new,
	// as the events of kind instance have it (docs/data.md).
	remembered = 6 * time.Hour
)

// follower follows what answers, or which way, over time, to tell when it becomes another.
type follower struct {
	since, last time.Time
	seen        map[string]time.Time
	changes     []moment // of the day
}

// moment is the time from after the last of the old to the first of the new.
type moment struct{ after, until time.Time }

// note takes what was seen at a label; labels come in order.
func (f *follower) note(at time.Time, what string) {
	if f.last.IsZero() || at.Sub(f.last) > remembered {
		*f = follower{since: at, seen: map[string]time.Time{}, changes: f.changes}
	}
	seen, known := f.seen[what]
	fresh := !known || at.Sub(seen) > remembered
	if fresh && at.Sub(f.since) >= remembered && at.Sub(f.last) <= momentary {
		f.changes = append(f.changes, moment{f.last, at})
	}
	if fresh {
		what = strings.Clone(what)
	}
	f.seen[what], f.last = at, at
}

func (f *follower) changed(at time.Time) bool {
	return f != nil && slices.ContainsFunc(f.changes, func(m moment) bool { return m.after.Before(at) && !at.After(m.until) })
}

// place is where answers come from, or a route leads.
type place struct {
	vp        measurement.VantagePoint
	family    measurement.Family
	transport measurement.Transport // of routes empty
}

// followers are those of a dossier.
type followers map[place]*follower

func (f followers) at(p place) *follower {
	of := f[p]
	if of == nil {
		p.vp = measurement.VantagePoint(strings.Clone(string(p.vp)))
		of = &follower{}
		f[p] = of
	}
	return of
}

// turn forgets the changes of the day before.
func (f followers) turn() {
	for _, of := range f {
		of.changes = of.changes[:0]
	}
}

// answered notes which instance gave the answer of a row.
func (x *dossier) answered(b *column.AnswerBatch, i int) {
	if nsid := b.NSID.Text(i); nsid != "" {
		x.instances.at(place{b.VantagePoint.At(i), b.Family.At(i), b.Transport.At(i)}).note(b.Interval.At(i), nsid)
	}
}

// traced notes which way the routes went, by the last router before the server: those on
// the way differ from trace to trace. Where it kept silent nothing is known.
func (x *dossier) traced(rows []measurement.Route) error {
	for i := range rows {
		r := &rows[i]
		for _, h := range r.Hops {
			if r.Reached && h.TTL == r.HopCount-1 && h.Address != nil {
				x.routes.at(place{vp: r.VantagePoint, family: r.Family}).note(r.Interval, *h.Address)
				break
			}
		}
	}
	return nil
}

// cause is what a failed row is attributed to. An answer that came is no vantage point's own
// outage; nor is one of the vantage point that all others had at the same time.
func (x *dossier) cause(c breach, r *measurement.Answer) Cause {
	came := r.Outcome == measurement.Answered && (c.metric == measurement.RSICorrectness || c.metric == measurement.RSILatency)
	switch {
	case !came && x.alone(r.VantagePoint, r.Family, r.Interval):
		return CauseOwn
	case x.instances[place{r.VantagePoint, r.Family, r.Transport}].changed(r.Interval), x.routes[place{vp: r.VantagePoint, family: r.Family}].changed(r.Interval):
		return CauseChange
	}
	return CauseRSI
}

// alone says whether no RSI answered a vantage point over a family, while another vantage
// point was answered.
func (x *dossier) alone(vp measurement.VantagePoint, family measurement.Family, at time.Time) bool {
	covers := func(p Proposal) bool { return p.Family == family && !at.Before(p.From) && at.Before(p.Until) }
	if !slices.ContainsFunc(x.d.proposals, func(p Proposal) bool { return p.VantagePoint == vp && covers(p) }) {
		return false
	}
	struck := map[measurement.VantagePoint]bool{}
	for _, p := range x.d.proposals {
		if covers(p) {
			struck[p.VantagePoint] = true
		}
	}
	return len(struck) < len(x.d.VantagePoints) || len(x.d.VantagePoints) == 1
}

// Attribution says how many failed rows of a missed metric are attributed to what.
type Attribution struct {
	Metric measurement.Metric                 `json:"metric"`
	Rows   int64                              `json:"rows"`
	Causes map[Cause]int64                    `json:"causes"`
	Own    map[measurement.VantagePoint]int64 `json:"own"` // of vantage_point: whose trouble

	vps   map[measurement.VantagePoint]int64 // of the rows attributed to the RSI, and the next two
	paths []int64
	nsids map[string]int64
	hours []span // of the period, of the rows attributed to the RSI
	own   span   // of those that are vantage points' own trouble
}

// span is the time of some rows, by their labels.
type span struct {
	first, last time.Time
	rows        int64
}

// add takes a row in; rows come in their order, but for those of other vantage points.
func (s *span) add(at time.Time) {
	if s.rows == 0 || at.Before(s.first) {
		s.first = at
	}
	if s.rows == 0 || at.After(s.last) {
		s.last = at
	}
	s.rows++
}

// String is from the first label to the end of the last interval.
func (s span) String() string {
	return fmt.Sprintf("from %s to %s", s.first.UTC().Format("2 January 15:04"), s.last.Add(interval.Length).UTC().Format("2 January 15:04 UTC"))
}

// Title is the metric in print.
func (a *Attribution) Title() string { return a.Metric.Title() }

// attribute counts a row.
func (x *dossier) attribute(c breach, r *measurement.Answer, to Cause) {
	a := x.attributed[c.metric]
	if a == nil {
		a = &Attribution{Metric: c.metric, Causes: make(map[Cause]int64), Own: map[measurement.VantagePoint]int64{},
			vps: map[measurement.VantagePoint]int64{}, paths: make([]int64, len(measurement.Paths)), nsids: map[string]int64{}}
		x.attributed[c.metric] = a
	}
	a.Rows++
	a.Causes[to]++
	switch to {
	case CauseOwn:
		a.Own[r.VantagePoint]++
		a.own.add(r.Interval)
	case CauseRSI:
		a.vps[r.VantagePoint]++
		for at := int(r.Interval.Sub(x.d.From) / time.Hour); len(a.hours) <= at; {
			a.hours = append(a.hours, span{})
		}
		a.hours[int(r.Interval.Sub(x.d.From)/time.Hour)].add(r.Interval)
		if i := slices.Index(measurement.Paths, measurement.Path{Family: r.Family, Transport: r.Transport}); i >= 0 {
			a.paths[i]++
		}
		if r.NSID != nil {
			a.nsids[*r.NSID]++
		}
	case CauseChange:
	}
}

// attributions are those of the missed metrics, in the order of reports.
func (x *dossier) attributions() []*Attribution {
	all := []*Attribution{}
	for _, metric := range measurement.Metrics {
		if a := x.attributed[metric]; a != nil {
			all = append(all, a)
		}
	}
	return all
}

// sentence says what failed, over which paths, when, seen by whom, and what of it is not
// the RSI's.
func (x *dossier) sentence(a *Attribution) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: ", a.Title())
	if own := a.Causes[CauseRSI]; own > 0 {
		fmt.Fprintf(&b, "%s over %s, %s, seen by %d of %s", x.subject(a), a.over(), a.when(), a.witnesses(), edition.Plural(int64(len(x.d.VantagePoints)), "vantage point"))
	} else {
		b.WriteString("no row is attributed to the RSI")
	}
	of := " of " + edition.Plural(a.Rows, "row")
	for _, part := range []struct {
		rows int64
		what string
	}{
		{a.Causes[CauseOwn], "%s " + whose(a.Own) + " own outage, " + a.own.String()},
		{a.Causes[CauseChange], "%s of a change of instance or route at that moment"},
	} {
		if part.rows > 0 {
			is := "are"
			if part.rows == 1 {
				is = "is"
			}
			fmt.Fprintf(&b, "; %s%s "+part.what, edition.Thousands(part.rows), of, is)
			of = ""
		}
	}
	if of != "" {
		fmt.Fprintf(&b, "; %s", edition.Plural(a.Rows, "row"))
	}
	return b.String()
}

// witnesses counts the vantage points that have a tenth as many of the RSI's rows as the one
// with most: of a few that are always lost nobody says that it saw what happened.
func (a *Attribution) witnesses() (n int) {
	var most int64
	for _, rows := range a.vps {
		most = max(most, rows)
	}
	for _, rows := range a.vps {
		if 10*rows >= most {
			n++
		}
	}
	return n
}

// whose names vantage points, those of most rows first.
func whose(own map[measurement.VantagePoint]int64) string {
	var vps []measurement.VantagePoint
	for vp := range own {
		vps = append(vps, vp)
	}
	slices.SortFunc(vps, func(a, b measurement.VantagePoint) int { return cmp.Or(cmp.Compare(own[b], own[a]), cmp.Compare(a, b)) })
	if len(vps) == 1 {
		return "vantage point " + string(vps[0]) + "'s"
	}
	if len(vps) <= 3 {
		return "the vantage points' (" + edition.Join(vps) + ")"
	}
	return fmt.Sprintf("the vantage points' (%s and %d more)", edition.Join(vps[:3]), len(vps)-3)
}

// subject is the server that nearly all rows name, else the RSI.
func (x *dossier) subject(a *Attribution) string {
	for nsid, n := range a.nsids {
		if 10*n >= 9*a.Causes[CauseRSI] {
			return diag.Printable(nsid)
		}
	}
	return string(x.rsi)
}

// over names the paths that have a hundredth of the rows at least.
func (a *Attribution) over() string {
	var names []string
	for i, n := range a.paths {
		if 100*n >= a.Causes[CauseRSI] {
			names = append(names, pathNames()[i])
		}
	}
	if len(names) == len(measurement.Paths) {
		return "all paths"
	}
	return strings.Join(names, ", ")
}

// when tells the times of the rows attributed to the RSI, by the hours that had a tenth as
// many as the worst: a few that are always lost begin nothing.
func (a *Attribution) when() string {
	var worst, total, inside int64
	for _, h := range a.hours {
		worst, total = max(worst, h.rows), total+h.rows
	}
	var times []span
	for _, h := range a.hours {
		n := len(times)
		switch {
		case h.rows == 0 || 10*h.rows < worst:
			continue
		case n == 0 || h.first.Sub(times[n-1].last) > remembered:
			times = append(times, h)
		default:
			times[n-1].last = h.last
		}
	}
	var said []string
	for _, t := range times {
		said = append(said, t.String())
		for _, h := range a.hours {
			if h.rows > 0 && !h.first.Before(t.first) && !h.last.After(t.last) {
				inside += h.rows
			}
		}
	}
	const most = 3
	text := strings.Join(said[:min(len(said), most)], ", ")
	if len(said) > most {
		text += fmt.Sprintf(" and %s more", edition.Plural(int64(len(said)-most), "time"))
	}
	if inside < total {
		text += fmt.Sprintf(" (%d %% of its rows)", 100*inside/total)
	}
	return text
}
