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
	known time.Duration // after its label, that it is bad
}

var kinds = map[measurement.EventKind]kind{
	measurement.EventOutage:      {30 * time.Minute, 2, interval.Length, 0},
	measurement.EventOutageLocal: {30 * time.Minute, 3, interval.Length, 0},
	measurement.EventSlow:        {2 * time.Hour, 2, time.Hour, 0},
	measurement.EventStale:       {30 * time.Minute, 2, interval.Length, 0},
	measurement.EventWrong:       {6 * time.Hour, 1, interval.Length, 0},
	measurement.EventInstance:    {2 * time.Hour, 1, time.Hour, 0},
	measurement.EventSilence:     {10 * time.Minute, 2, interval.Length, settled},
	measurement.EventClock:       {30 * time.Minute, 2, interval.Length, 0},
	measurement.EventOffPlan:     {time.Hour, 1, interval.Length, 0},
	measurement.EventLocal:       {30 * time.Minute, 2, interval.Length, 0},
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
	return t.take(Segment{Scope: t.scope, First: at, Last: at, Bad: 1, Seen: 1, VantagePoints: vps, Worst: worst})
}

// take goes on with a segment whose Lead is of the labels since those that were noted.
func (t *tracker) take(s Segment) *Segment {
	s.Lead, t.lead = s.Lead+t.lead, 0
	if n := len(t.all); n > 0 && s.First.Sub(t.all[n-1].Last) <= t.kind.gap {
		t.all[n-1].extend(s)
		return &t.all[n-1]
	}
	s.VantagePoints = slices.Clone(s.VantagePoints)
	t.all = append(t.all, s)
	return &t.all[len(t.all)-1]
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

// marks are what labels come to: the bad ones, and what the kinds need that reach further.
type marks struct {
	*frame
	outages []tracker // by server, path
	locals  []tracker // by vantage point, server, path
	wrongs  []tracker // by server
	clocks  []tracker // by vantage point
	offPlan []tracker // by vantage point
	own     []tracker // by vantage point, family
	forged  []tracker // by vantage point, path
	shown   shown
}

func newMarks(f *frame, g *digest) *marks {
	m := &marks{frame: f, shown: shown{frame: f, digest: g, at: map[sight]int{}}}
	track := func(to *[]tracker, s Scope) { *to = append(*to, tracker{scope: s, kind: kinds[s.Kind]}) }
	for _, s := range f.servers {
		track(&m.wrongs, Scope{Kind: measurement.EventWrong, RSI: s.RSI})
		for _, p := range allPaths {
			track(&m.outages, Scope{Kind: measurement.EventOutage, RSI: s.RSI, Family: p.Family, Transport: p.Transport})
		}
	}
	for _, vp := range f.vps {
		track(&m.clocks, Scope{Kind: measurement.EventClock, VantagePoint: vp})
		track(&m.offPlan, Scope{Kind: measurement.EventOffPlan, VantagePoint: vp})
		for _, family := range measurement.Families {
			track(&m.own, Scope{Kind: measurement.EventLocal, VantagePoint: vp, Family: family})
		}
		for _, p := range allPaths {
			track(&m.forged, Scope{Kind: measurement.EventLocal, VantagePoint: vp, Family: p.Family, Transport: p.Transport})
		}
		for _, s := range f.servers {
			for _, p := range allPaths {
				track(&m.locals, Scope{Kind: measurement.EventOutageLocal, RSI: s.RSI, VantagePoint: vp, Family: p.Family, Transport: p.Transport})
			}
		}
	}
	return m
}

// label marks what became of the queries of a label.
func (m *marks) label(h *hour, at int, l *label, r *runs) {
	label := m.frame.label(at)
	for vp := range m.vps {
		if run := r.of(vp, at); run != 0 {
			m.clocks[vp].see(label, run&unsynchronized != 0 || l.clock[vp], nil, 0)
			m.offPlan[vp].see(label, l.offPlan[vp] > 0, nil, float64(l.offPlan[vp]))
		}
		for family := range measurement.Families {
			if l.trouble[vp].Sent(family) {
				m.own[vp*len(measurement.Families)+family].see(label, l.trouble[vp].Own(family), nil, 0)
			}
		}
		for path := range allPaths {
			if t := &l.trouble[vp]; t.Judged(path) {
				m.forged[vp*len(allPaths)+path].see(label, t.Forged(path) && !t.Own(path/len(measurement.Transports)), nil, 0)
			}
		}
	}
	for server := range m.servers {
		m.judged(label, l, server)
		for path := range allPaths {
			m.asked(label, l, server, path, h.alone(at-h.first))
		}
	}
	m.shown.note(at, l, r)
}

// judged marks incorrect answers.
func (m *marks) judged(label time.Time, l *label, server int) {
	var vps []measurement.VantagePoint
	wrong, asked := int32(0), false
	for vp, id := range m.vps {
		at := l.pair(vp, server)
		if n := l.wrong(vp, server); n > 0 {
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
// local. One witness is enough where the plan has no other, and not where others are silent.
func (m *marks) asked(label time.Time, l *label, server, path int, alone bool) {
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
	need := max(2, (asked+2)/3)
	if alone {
		need = 1
	}
	out := len(failed) >= need
	m.outages[server*len(allPaths)+path].see(label, out, failed, float64(len(failed))/float64(asked))
	for vp := range m.vps {
		if c := l.of(vp, server, path); c != unsent {
			m.locals[l.pair(vp, server)*len(allPaths)+path].see(label, c == bad && !out, nil, 0)
		}
	}
}

// trackers are all of them, in an order that the frame tells.
func (m *marks) trackers() []tracker {
	return slices.Concat(m.outages, m.locals, m.wrongs, m.clocks, m.offPlan, m.own, m.forged)
}

// part is what the labels of an hour came to.
func (m *marks) part() (p part) {
	for _, t := range m.trackers() {
		p.Segments = append(p.Segments, t.all...)
		p.Trail = append(p.Trail, uint8(t.lead))
	}
	p.Sights = m.shown.all
	slices.SortFunc(p.Sights, compareSights)
	return p
}
