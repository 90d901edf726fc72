package objectives

import (
	"slices"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// follower follows the serials of a zone through one of the zone's books, for one subject.
type follower struct {
	*zone
	book    *book
	subject subject
}

// showed says what a server showed a vantage point at a label: the oldest of the known
// serials, false where there is none or they are in no order; and whether it counts as asked.
// It does where it showed a known serial, or where all its planned queries were sent and no
// answer showed one that is not known, and no good one showed none: neither our silence nor
// what nobody else has seen, nor what the vantage point did not look for, is its delay.
func (f follower) showed(vp, at, server int) (oldest uint32, ok, asked bool) {
	if !f.trusts(vp, at) {
		return 0, false, false
	}
	planned, sent, strange := 0, 0, false
	var shown []uint32
	for path := range f.book.paths {
		if !f.a.counts(f.book, f.subject, vp, at, server, path) {
			continue
		}
		planned++
		e := f.book.entry(vp, at, server, path)
		if e.became() >= bad {
			sent++
		}
		switch {
		case !e.shows():
			strange = strange || e.became() >= good
		case f.known[e.serial]:
			shown = append(shown, e.serial)
		default:
			strange = true
		}
	}
	for _, s := range shown {
		if !slices.ContainsFunc(shown, func(o uint32) bool { return o != s && !metrics.Newer(o, s) }) {
			return s, true, true
		}
	}
	return 0, false, len(shown) > 0 || planned > 0 && sent == planned && !strange
}

// wait is what is known of how long a serial took, in labels from T(s).
type wait struct {
	asked, seen int // -1 where there is none
	span
}

// inFrame says whether a server has an address for the query at a label, which may lie beyond
// what is read.
func (f follower) inFrame(at, server int) bool {
	if at < 0 || at >= len(f.book.due) {
		return len(f.book.query.PathsTo(f.book.servers[server], f.a.label(at))) > 0
	}
	return len(f.book.valid[at*len(f.book.servers)+server]) > 0
}

// until is where following a serial ends: with the vantage point's dates, the server's
// addresses, or the data.
func (f follower) until(vp, server, at int) int {
	end := min(f.a.end, f.a.vps[vp].until)
	for l := at + 1; l < end; l++ {
		if !f.inFrame(l, server) {
			return l
		}
	}
	return end
}

// wait follows a serial. It was not there before the query that follows the last one that
// was asked in vain, and was at the first that showed it.
func (f follower) wait(vp, server int, s dated) wait {
	w := wait{asked: -1, seen: -1}
	if s.at >= f.a.data {
		w.span = unknown
		return w
	}
	end := f.until(vp, server, s.at)
	for at := f.book.next(s.at, end); at < end; at = f.book.next(at+1, end) {
		oldest, ok, asked := f.showed(vp, at, server)
		if ok && metrics.Reaches(oldest, s.serial) {
			w.seen = at
			break
		}
		if asked {
			w.asked = at
		}
	}
	w.least = int64(f.book.next(max(w.asked+1, s.at), end)-s.at) * length
	w.most = Never
	if w.seen >= 0 {
		w.most = int64(w.seen-s.at) * length
	}
	return w
}

// waits are those of a subject at a vantage point. Of a group a wait ends when as many of its
// servers show the serial as are needed.
func (f follower) waits(vp int, list []dated, visit func(s dated, w wait)) {
	for _, s := range list {
		var all []wait
		for _, server := range f.subject.servers {
			if f.book.ofZone[server] && f.a.asks(f.book, vp) && f.a.vps[vp].within(s.at) && f.inFrame(s.at, server) {
				all = append(all, f.wait(vp, server, s))
			}
		}
		if len(all) == 0 {
			continue
		}
		if len(all) == 1 {
			visit(s, all[0])
			continue
		}
		n := min(f.subject.need, len(all)) - 1
		w := wait{asked: -1, seen: -1}
		slices.SortFunc(all, func(a, b wait) int { return compare(a.least, b.least) })
		w.least, w.asked = all[n].least, all[n].asked
		slices.SortFunc(all, func(a, b wait) int { return compare(a.most, b.most) })
		w.most, w.seen = all[n].most, all[n].seen
		visit(s, w)
	}
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// samples are the waits of serials, by vantage point, with the planned queries of all paths.
func (f follower) samples(list []dated, from, until int, visit func(vp int, s dated, w wait)) []sample {
	all := make([]sample, len(f.a.vps))
	var c cell
	for vp, v := range f.a.vps {
		for path := range f.book.paths {
			for at := max(from, v.from); at < min(until, v.until, f.a.data); at++ {
				f.a.cell(f.book, f.subject, vp, at, path, &c)
				all[vp].slots = add(all[vp].slots, c.slots)
			}
		}
		f.waits(vp, list, func(s dated, w wait) {
			all[vp].cells = append(all[vp].cells, w.span)
			visit(vp, s, w)
		})
	}
	return all
}

// left gives the samples without a vantage point: it has no say in T(s) either. The serials
// of the window, and what is known, stay.
func (f follower) left(list []dated, from, until int) func(vp int) []sample {
	return func(vp int) []sample {
		var moved []dated
		for _, s := range list {
			if at, ok := f.published(s.serial, vp); ok {
				moved = append(moved, dated{s.serial, at})
			}
		}
		return slices.Delete(f.samples(moved, from, until, func(int, dated, wait) {}), vp, vp+1)
	}
}

// publication computes the value of publication latency.
func (a *Accumulator) publication(b *book, s subject, goal Goal, from, until int, z *zone) (v Value) {
	v = Value{Kind: Publication, Goal: goal}
	ofZone := subject{s.name, nil, s.need, s.per}
	for _, server := range s.servers {
		if b.ofZone[server] {
			ofZone.servers = append(ofZone.servers, server)
		}
	}
	f := follower{z, b, ofZone}
	list := z.ofWindow(from, until)
	var followed []Wait
	var spans []span
	samples := f.samples(list, from, until, func(vp int, s dated, w wait) {
		told := Wait{Serial: s.serial, Published: a.label(s.at), VantagePoint: a.vps[vp].id}
		if w.asked >= 0 {
			told.LastAsked = a.label(w.asked)
		}
		if w.seen >= 0 {
			told.FirstSeen = a.label(w.seen)
		}
		followed, spans = append(followed, told), append(spans, w.span)
	})
	r := rule{goal.Share.Rat(), goal.AtMost, leastPublications}
	v.fill(r, a.ids(), samples, f.left(list, from, until), !a.anyVP)
	for i, w := range spans {
		if kept := w.most <= r.bound || w.least > r.bound; v.Number != nil && kept && w.least == v.Number.Num {
			v.Decides = &followed[i]
			break
		}
	}
	return v
}

// ids are the vantage points' numbers.
func (a *Accumulator) ids() (all []measurement.VantagePoint) {
	for _, v := range a.vps {
		all = append(all, v.id)
	}
	return all
}

// shown says whether a value of publication is to be told of a subject: a server of the zone.
func (b *book) shown(s subject) bool {
	return b.zone != "" && slices.ContainsFunc(s.servers, func(i int) bool { return b.ofZone[i] })
}
