package simulate

import (
	"slices"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// Scope is whom or what an event is about; what its kind does not say is empty.
type Scope struct {
	Kind         measurement.EventKind    `json:"kind"`
	RSI          measurement.RSI          `json:"rsi,omitempty"`
	VantagePoint measurement.VantagePoint `json:"vantage_point,omitempty"`
	Family       measurement.Family       `json:"family,omitempty"`
	Transport    measurement.Transport    `json:"transport,omitempty"`
	Serial       int64                    `json:"serial,omitempty"`
}

// labelMarks is what became of the queries of a label, and which of the kinds of events
// find it bad: docs/data.md says when. Package derive finds the same in the rows.
type labelMarks struct {
	w *world
	p *part

	cells        []state // by vantage point, RSI, path: isMissing, or the best of its queries
	sent, failed []int   // by vantage point, family: queries
	silent       []bool  // by everyone
	clock        []bool  // by vantage point: known to be wrong, or shown to be
	offPlan      []bool  // by vantage point
	wrong        []bool  // by vantage point, RSI, path: an incorrect answer
	right        []bool  // by vantage point, path: one that is judged, and is not
	latencies    map[hourly][]int64
}

// hourly is an hour of the day at a place: vantage point, RSI and path, as in cells.
type hourly struct{ cell, hour int }

// median is the lower median of n good latencies, in µs.
type median struct{ us, n int32 }

func (w *world) newLabelMarks(p *part) *labelMarks {
	n := len(w.vps)
	return &labelMarks{w: w, p: p, cells: make([]state, n*len(w.rsis)*len(paths)), sent: make([]int, 2*n), failed: make([]int, 2*n),
		silent: make([]bool, len(w.everyone)), clock: make([]bool, n), offPlan: make([]bool, n), wrong: make([]bool, n*len(w.rsis)*len(paths)), right: make([]bool, n*len(paths)), latencies: map[hourly][]int64{}}
}

// watch finds the places whose latencies and sites the truth must know by the hour.
func (w *world) watch() {
	w.slowed, w.moves = make([]bool, len(w.vps)*len(w.rsis)*len(paths)), make([]bool, len(w.vps)*len(w.rsis)*2)
	for _, f := range w.faults {
		for v := range w.vps {
			for x := range w.rsis {
				for path := range paths {
					if covers := f.vps[v] && f.rsis[x] && f.paths[path]; covers && (f.Kind == plan.FaultSlow || f.Kind == plan.FaultMoved) {
						w.slowed[w.at(v, x)*len(paths)+path] = true
						w.moves[w.baseOf(v, x, familyOf(path))] = w.moves[w.baseOf(v, x, familyOf(path))] || f.Kind == plan.FaultMoved
					}
				}
			}
		}
	}
}

// came notes a run.
func (m *labelMarks) came(d *dayWork, v int) {
	m.p.lastRun = d.index
	m.clock[v] = m.clock[v] || d.clock.unsynchronized
}

// take notes a query.
func (m *labelMarks) take(d *dayWork, v int, q *query, o *observation) {
	if o.outcome == measurement.LocalError {
		return
	}
	x, family := q.ask.servers[q.server], familyOf(q.path)
	m.clock[v] = m.clock[v] || o.held == heldClock
	if q.address != d.planned(q) {
		m.offPlan[v] = true
		return
	}
	cell := m.w.at(v, x)*len(paths) + q.path
	became, answered := isBad, o.outcome == measurement.Answered
	wrong := o.wrong != nil && answered
	m.right[v*len(paths)+q.path] = m.right[v*len(paths)+q.path] || answered && (o.held != "" || o.reply.judged) && !wrong
	switch {
	case answered && *o.reply.rcode == measurement.NoError:
		became = isGood
	case answered && q.ask.judged && *o.reply.rcode == measurement.NXDomain && !wrong: // it may be right
		if o.held != "" {
			return
		}
		became = isGood
	}
	m.cells[cell] = max(m.cells[cell], became)
	m.sent[2*v+family]++
	if became == isBad || wrong {
		m.failed[2*v+family]++
	}
	m.wrong[cell] = m.wrong[cell] || wrong
	if m.w.slowed[cell] && became == isGood && !q.ask.judged {
		at := hourly{cell, d.label.Hour()}
		m.latencies[at] = append(m.latencies[at], o.latency)
	}
	if m.w.moves[m.w.baseOf(v, x, family)] && o.outcome == measurement.Answered && q.ask.NSID {
		m.site(d, v, x, family)
	}
}

// site notes which site answered.
func (m *labelMarks) site(d *dayWork, v, x, family int) {
	at, fault := pair{v, x, family}, -1
	if f := m.w.moved(d.active, v, x, family); f != nil {
		fault = f.number
	}
	all := m.p.sites[at]
	n := len(all) - 1
	switch {
	case n < 0 || all[n].fault != fault:
		all = append(all, atSite{fault: fault, first: d.index, last: d.index, labels: 1})
	case all[n].last != d.index:
		all[n].last = d.index
		all[n].labels++
	}
	m.p.sites[at] = all
}

// mark notes that a kind finds the label bad.
func (m *labelMarks) mark(index int, s Scope) { m.p.marks[s] = append(m.p.marks[s], index) }

// end looks at the label as a whole, and begins another.
func (m *labelMarks) end(index int) {
	w := m.w
	for v, silent := range m.silent {
		// A plan without vantage points cannot miss any.
		if silent && len(w.Plan.VantagePoints) > 0 {
			m.mark(index, Scope{Kind: measurement.EventSilence, VantagePoint: w.everyone[v].id})
		}
	}
	for v := range w.vps {
		if m.clock[v] {
			m.mark(index, Scope{Kind: measurement.EventClock, VantagePoint: w.vps[v].id})
		}
		if m.offPlan[v] {
			m.mark(index, Scope{Kind: measurement.EventOffPlan, VantagePoint: w.vps[v].id})
		}
		for f, family := range measurement.Families {
			if m.cutOff(v, f) {
				m.mark(index, Scope{Kind: measurement.EventLocal, VantagePoint: w.vps[v].id, Family: family})
			}
		}
		for path := range paths {
			if m.forged(v, path) && !m.cutOff(v, familyOf(path)) {
				m.mark(index, Scope{Kind: measurement.EventLocal, VantagePoint: w.vps[v].id, Family: paths[path].Family, Transport: paths[path].Transport})
			}
		}
	}
	for x, rsi := range w.rsis {
		if m.judgedWrong(x) {
			m.mark(index, Scope{Kind: measurement.EventWrong, RSI: rsi})
		}
	}
	if slices.ContainsFunc(m.failed, func(n int) bool { return n > 0 }) {
		for x := range w.rsis {
			for path := range paths {
				m.outage(index, x, path)
			}
		}
	}
	for _, all := range [][]int{m.sent, m.failed} {
		clear(all)
	}
	for _, all := range [][]bool{m.silent, m.clock, m.offPlan, m.wrong, m.right} {
		clear(all)
	}
	clear(m.cells)
}

// judgedWrong says whether an RSI gave an incorrect answer to one who was not cut off, and
// whose answers nobody forged.
func (m *labelMarks) judgedWrong(x int) bool {
	for v := range m.w.vps {
		for path := range paths {
			if m.wrong[m.w.at(v, x)*len(paths)+path] && !m.cutOff(v, familyOf(path)) && !m.forged(v, path) {
				return true
			}
		}
	}
	return false
}

// forged says whether all that was judged over a transport, or over the path, is incorrect,
// of two RSIs at least, while another transport had something that is not: a vantage point's
// own trouble.
func (m *labelMarks) forged(v, path int) bool {
	elsewhere, alike := false, []int{} // paths of the transport
	for p := range paths {
		if paths[p].Transport == paths[path].Transport {
			alike = append(alike, p)
		} else {
			elsewhere = elsewhere || m.right[v*len(paths)+p]
		}
	}
	return elsewhere && len(m.wrongBy(v, path)) > 0 && (m.allWrong(v, path) || m.allWrong(v, alike...))
}

// allWrong says whether all that was judged over paths was incorrect, of two RSIs at least.
func (m *labelMarks) allWrong(v int, over ...int) bool {
	for _, p := range over {
		if m.right[v*len(paths)+p] {
			return false
		}
	}
	return len(m.wrongBy(v, over...)) > 1
}

// wrongBy are the RSIs that were incorrect over any of the paths.
func (m *labelMarks) wrongBy(v int, over ...int) (all []int) {
	for x := range m.w.rsis {
		if slices.ContainsFunc(over, func(p int) bool { return m.wrong[m.w.at(v, x)*len(paths)+p] }) {
			all = append(all, x)
		}
	}
	return all
}

// cutOff says whether nothing that a vantage point sent over a family succeeded: its own
// trouble.
func (m *labelMarks) cutOff(v, family int) bool {
	n := m.sent[2*v+family]
	return n >= 2 && m.failed[2*v+family] == n
}

// outage marks an RSI and path that fails a third of those who ask, two at least, or else
// each whom it fails.
func (m *labelMarks) outage(index, x, path int) {
	w, asked := m.w, 0
	var failed []int
	for v := range w.vps {
		became := m.cells[w.at(v, x)*len(paths)+path]
		if became == isMissing || m.cutOff(v, familyOf(path)) {
			continue
		}
		if asked++; became == isBad {
			failed = append(failed, v)
		}
	}
	scope := w.scope(measurement.EventOutage, -1, x, path)
	// One witness is enough where the plan has no other.
	if n := len(failed); n > 1 && 3*n >= asked || n == 1 && w.lone() {
		m.mark(index, scope)
		return
	}
	for _, v := range failed {
		m.mark(index, w.scope(measurement.EventOutageLocal, v, x, path))
	}
}

// lone says whether one vantage point only is to measure.
func (w *world) lone() bool {
	if len(w.Plan.VantagePoints) == 0 {
		return len(w.vps) == 1
	}
	return len(w.everyone) == 1
}

// scope is of a kind that has an RSI and a path, or the path's family, and of a vantage
// point where there is one.
func (w *world) scope(kind measurement.EventKind, v, x, path int) Scope {
	s := Scope{Kind: kind, RSI: w.rsis[x], Family: paths[path].Family}
	if kind != measurement.EventInstance {
		s.Transport = paths[path].Transport
	}
	if v >= 0 {
		s.VantagePoint = w.vps[v].id
	}
	return s
}

// medians are those of the day's hours.
func (m *labelMarks) medians() map[int]*[24]median {
	all := map[int]*[24]median{}
	for at, us := range m.latencies {
		if all[at.cell] == nil {
			all[at.cell] = &[24]median{}
		}
		slices.Sort(us)
		all[at.cell][at.hour] = median{int32(us[(len(us)-1)/2]), int32(len(us))}
	}
	return all
}

// planned is the address at which the plan has a query asked.
func (d *dayWork) planned(q *query) string {
	return q.ask.addresses[q.server][familyOf(q.path)].at(d.label)
}

// hourOf is the start of an hour counted from 1970.
func hourOf(n int) time.Time { return time.Unix(int64(n)*3600, 0).UTC() }

// hour counts the hour of a label from 1970.
func (w *world) hour(index int) int {
	return int(w.label(index).Unix() / int64(time.Hour/time.Second))
}
