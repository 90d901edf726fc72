package derive

import (
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// kind is what makes an event of bad labels: neighbours are at most gap apart, and there
// are least of them.
type kind struct {
	gap   time.Duration
	least int
	step  time.Duration
}

var kinds = map[measurement.EventKind]kind{
	measurement.EventOutage:      {30 * time.Minute, 2, interval.Length},
	measurement.EventOutageLocal: {30 * time.Minute, 3, interval.Length},
	measurement.EventSlow:        {2 * time.Hour, 2, time.Hour},
	measurement.EventStale:       {30 * time.Minute, 2, interval.Length},
	measurement.EventWrong:       {6 * time.Hour, 1, interval.Length},
	measurement.EventInstance:    {2 * time.Hour, 1, time.Hour},
	measurement.EventSilence:     {10 * time.Minute, 2, interval.Length},
	measurement.EventClock:       {30 * time.Minute, 2, interval.Length},
	measurement.EventOffPlan:     {time.Hour, 1, interval.Length},
	measurement.EventLocal:       {30 * time.Minute, 2, interval.Length},
}

// Scope is whom or what an event is about; what its kind does not say is empty.
type Scope struct {
	Kind         measurement.EventKind
	RSI          measurement.RSI
	VantagePoint measurement.VantagePoint
	Family       measurement.Family
	Transport    measurement.Transport
	Serial       int64
}

// Segment is bad labels of one scope within a day, neighbours no further apart than its
// kind allows.
type Segment struct {
	Scope
	First, Last   time.Time
	Bad, Seen     int32 // labels from First to Last
	Lead, Trail   int32 // labels seen since the segment before, or the day's start; and to the day's end, of the last one
	VantagePoints []measurement.VantagePoint
	Worst         float64
	Before, After string
}

// tracker makes segments of the labels of a day, which come in order.
type tracker struct {
	scope Scope
	kind  kind
	lead  int32
	all   []Segment
}

// see notes a label of which something was seen.
func (t *tracker) see(at time.Time, isBad bool, vps []measurement.VantagePoint, worst float64) *Segment {
	if !isBad {
		t.lead++
		return nil
	}
	n := len(t.all)
	if n == 0 || at.Sub(t.all[n-1].Last) > t.kind.gap {
		t.all = append(t.all, Segment{Scope: t.scope, First: at, Lead: t.lead, Worst: worst})
		n++
		t.lead = 0
	}
	s := &t.all[n-1]
	s.Seen, s.Bad, s.Last, t.lead = s.Seen+t.lead+1, s.Bad+1, at, 0
	s.Worst = max(s.Worst, worst)
	s.VantagePoints = union(s.VantagePoints, vps)
	return s
}

// end hands over what there is.
func (t *tracker) end() []Segment {
	if n := len(t.all); n > 0 {
		t.all[n-1].Trail = t.lead
	}
	return t.all
}

// union adds vantage points to those in order.
func union(all, more []measurement.VantagePoint) []measurement.VantagePoint {
	for _, vp := range more {
		if at, known := slices.BinarySearch(all, vp); !known {
			all = slices.Insert(all, at, vp)
		}
	}
	return all
}

// marks are what the labels of a day come to: the bad ones, and what the kinds need that
// reach beyond the day.
type marks struct {
	*frame
	last    time.Time // the last label of the lake
	outages []tracker // by server, path
	locals  []tracker // by vantage point, server, path
	wrongs  []tracker // by server
	silent  []tracker // by vantage point
	clocks  []tracker // by vantage point
	offPlan []tracker // by vantage point
	own     []tracker // by vantage point, family
	shown   shown
}

func newMarks(f *frame, last time.Time) *marks {
	m := &marks{frame: f, last: last, shown: newShown(f)}
	track := func(to *[]tracker, s Scope) { *to = append(*to, tracker{scope: s, kind: kinds[s.Kind]}) }
	for _, s := range f.servers {
		track(&m.wrongs, Scope{Kind: measurement.EventWrong, RSI: s.RSI})
		for _, p := range allPaths {
			track(&m.outages, Scope{Kind: measurement.EventOutage, RSI: s.RSI, Family: p.Family, Transport: p.Transport})
		}
	}
	for _, vp := range f.vps {
		track(&m.silent, Scope{Kind: measurement.EventSilence, VantagePoint: vp})
		track(&m.clocks, Scope{Kind: measurement.EventClock, VantagePoint: vp})
		track(&m.offPlan, Scope{Kind: measurement.EventOffPlan, VantagePoint: vp})
		for _, family := range measurement.Families {
			track(&m.own, Scope{Kind: measurement.EventLocal, VantagePoint: vp, Family: family})
		}
		for _, s := range f.servers {
			for _, p := range allPaths {
				track(&m.locals, Scope{Kind: measurement.EventOutageLocal, RSI: s.RSI, VantagePoint: vp, Family: p.Family, Transport: p.Transport})
			}
		}
	}
	return m
}

// settled is how long after its label a run may come without being missed.
const settled = 30 * time.Minute

// label marks what became of the queries of a label.
func (m *marks) label(h *hour, at int, l *label, r *runs) {
	label := m.frame.label(at)
	if label.After(m.last) {
		return
	}
	for vp, id := range m.vps {
		m.machine(h, at, l, r, vp, id)
		for family := range measurement.Families {
			if i := vp*len(measurement.Families) + family; l.sent[i] > 0 {
				m.own[i].see(label, l.troubled(vp, family), nil, 0)
			}
		}
	}
	for server := range m.servers {
		m.judged(label, l, server)
		for path := range allPaths {
			m.asked(label, l, server, path)
		}
	}
	m.shown.note(at, l, r)
}

// machine marks what is a vantage point's own.
func (m *marks) machine(h *hour, at int, l *label, r *runs, vp int, id measurement.VantagePoint) {
	label := m.frame.label(at)
	run := r.of(vp, at)
	if run == 0 {
		if !m.anyVP && !label.After(m.last.Add(-settled)) && h.any(at-h.first, vp) {
			m.silent[vp].see(label, true, nil, 0)
		}
		return
	}
	m.silent[vp].see(label, false, nil, 0)
	m.clocks[vp].see(label, run&unsynchronized != 0 || l.clock[vp], nil, 0)
	m.offPlan[vp].see(label, l.offPlan[vp] > 0, nil, float64(l.offPlan[vp]))
}

// judged marks incorrect answers.
func (m *marks) judged(label time.Time, l *label, server int) {
	var vps []measurement.VantagePoint
	wrong, asked := int32(0), false
	for vp, id := range m.vps {
		at := l.pair(vp, server)
		if n := l.wrongs[at]; n > 0 {
			wrong, vps = wrong+n, append(vps, id)
		}
		for _, c := range l.cells[at*len(allPaths) : (at+1)*len(allPaths)] {
			asked = asked || c != unsent
		}
	}
	if asked {
		m.wrongs[server].see(label, wrong > 0, vps, float64(wrong))
	}
}

// asked marks where a server failed those who asked it over a path, without the vantage
// points that are in trouble themselves. What fails so many that it is an outage is not
// local.
func (m *marks) asked(label time.Time, l *label, server, path int) {
	var failed []measurement.VantagePoint
	asked := 0
	for vp, id := range m.vps {
		switch l.of(vp, server, path) {
		case bad:
			failed = append(failed, id)
			asked++
		case good:
			asked++
		}
	}
	if asked == 0 {
		return
	}
	out := len(failed) > 0 && len(failed) >= min(asked, max(2, (asked+2)/3))
	m.outages[server*len(allPaths)+path].see(label, out, failed, float64(len(failed))/float64(asked))
	for vp := range m.vps {
		if c := l.of(vp, server, path); c != unsent {
			m.locals[l.pair(vp, server)*len(allPaths)+path].see(label, c == bad && !out, nil, 0)
		}
	}
}

// segments are all that was bad.
func (m *marks) segments() (all []Segment) {
	for _, trackers := range [][]tracker{m.outages, m.locals, m.wrongs, m.silent, m.clocks, m.offPlan, m.own} {
		for i := range trackers {
			all = append(all, trackers[i].end()...)
		}
	}
	return all
}
