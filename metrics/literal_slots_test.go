package metrics_test

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// lakeRows is a tiny lake and what is asked of it.
type lakeRows struct {
	cfg   metrics.Config
	rows  []measurement.Answer
	runs  []measurement.Run
	zones []measurement.Zone
}

// literal is the second opinion: nested loops over lists of rows that follow the rules
// of docs/method.md word for word, without any thought of speed. It shares no code with
// the package but its types. A mistake is planted to see whether the laws find it.
type literal struct {
	lakeRows
	mistake string

	vps      []metrics.VantagePoint
	fromData bool
	rowsOf   map[slot][]measurement.Answer // that count, of known vantage points
	runOf    map[run]measurement.Run
	zoneOf   map[uint32]measurement.Zone
	trust    map[run]bool
	seen     [3]map[serverAt]sight // by level of exclusions
	at       []time.Time
	tallies  map[tallied]tally
	waited   map[tallied]tally // of publications

	// Of the whole report where a vantage point is left out of it.
	whole *literal
	dates [2]*dating // by level: asMeasured, forSystem
}

// Levels of exclusions: none, those of the system, all.
const (
	asMeasured = iota
	forSystem
	forRSIs
)

// slot names a planned query; a correctness query's has no path.
type slot struct {
	run
	query string
	rsi   measurement.RSI
	path  measurement.Path
}

// run is one interval at one vantage point.
type run struct {
	at int64 // the label in seconds
	vp measurement.VantagePoint
}

func runAt(vp measurement.VantagePoint, at time.Time) run { return run{at.Unix(), vp} }

func pathOf(a measurement.Answer) measurement.Path {
	return measurement.Path{Family: a.Family, Transport: a.Transport}
}

func newLiteral(w lakeRows, mistake string) *literal {
	l := &literal{lakeRows: w, mistake: mistake, vps: w.cfg.VantagePoints, fromData: len(w.cfg.VantagePoints) == 0,
		rowsOf: map[slot][]measurement.Answer{}, runOf: map[run]measurement.Run{}, zoneOf: map[uint32]measurement.Zone{}, trust: map[run]bool{},
		tallies: map[tallied]tally{}, waited: map[tallied]tally{}}
	for _, r := range w.runs {
		l.runOf[runAt(r.VantagePoint, r.Interval)] = r
	}
	for _, z := range w.zones {
		l.zoneOf[uint32(z.Serial)] = z
	}
	l.rows = nil
	for _, a := range w.rows {
		if (a.Query == measurement.QuerySOA || a.Query == measurement.QueryCorrectness) && a.Interval.Before(w.cfg.DataUntil) && l.received(a) {
			l.rows = append(l.rows, a)
		}
	}
	if l.fromData {
		for _, a := range l.rows {
			if l.inPeriod(a.Interval) && !slices.ContainsFunc(l.vps, func(v metrics.VantagePoint) bool { return v.ID == a.VantagePoint }) {
				l.vps = append(l.vps, metrics.VantagePoint{ID: a.VantagePoint})
			}
		}
		slices.SortFunc(l.vps, func(a, b metrics.VantagePoint) int { return cmp.Compare(a.ID, b.ID) })
	}
	serials := map[run]map[int64]bool{}
	for _, a := range l.rows {
		s := slot{runAt(a.VantagePoint, a.Interval), a.Query, a.RSI, pathOf(a)}
		if a.Query == measurement.QueryCorrectness {
			s.path = measurement.Path{}
		}
		l.rowsOf[s] = append(l.rowsOf[s], a)
		if serials[s.run] == nil {
			serials[s.run] = map[int64]bool{}
		}
		if a.Query == measurement.QuerySOA && a.RCode != nil && *a.RCode == "NOERROR" && a.Serial != nil {
			serials[s.run][*a.Serial] = true
		}
	}
	for r, list := range serials {
		l.trust[r] = l.trusted(r, len(list))
	}
	return l
}

// received says whether a row's run had come when the report was made.
func (l *literal) received(a measurement.Answer) bool {
	r, known := l.runOf[runAt(a.VantagePoint, a.Interval)]
	if l.cfg.ReceivedUntil.IsZero() || !known || r.IngestedAt == nil || l.mistake == "late runs count" {
		return true
	}
	return !r.IngestedAt.After(l.cfg.ReceivedUntil)
}

// trusted says whether what a run shows may date a serial; a run without rows shows none.
func (l *literal) trusted(at run, serials int) bool {
	r, known := l.runOf[at]
	switch {
	case l.mistake == "every run is trusted":
		return true
	case serials > 16:
		return false
	case !known:
		return true
	case r.ClockSynchronized != nil && !*r.ClockSynchronized:
		return false
	}
	return r.ReceivedAt.IsZero() || !r.ReceivedAt.Before(r.Interval)
}

func (l *literal) inPeriod(at time.Time) bool {
	return !at.Before(l.cfg.From) && at.Before(l.cfg.Until) && at.Before(l.cfg.DataUntil)
}

// labels of the period that are before the data end, and at which anybody is at work.
func (l *literal) labels() []time.Time {
	if l.at == nil {
		l.at = []time.Time{}
		for at := l.cfg.From; l.inPeriod(at); at = at.Add(interval.Length) {
			if slices.ContainsFunc(l.vps, func(v metrics.VantagePoint) bool { return within(v, at) }) {
				l.at = append(l.at, at)
			}
		}
	}
	return l.at
}

func within(v metrics.VantagePoint, at time.Time) bool {
	return (v.From == nil || !at.Before(*v.From)) && (v.Until == nil || at.Before(*v.Until))
}

// addressAt is where a server is asked at a label, if the plan has it then.
func addressAt(s metrics.Server, f measurement.Family, at time.Time) (netip.Addr, bool) {
	for _, a := range s.Addresses {
		if a.Family == f && (a.From == nil || !at.Before(*a.From)) && (a.Until == nil || at.Before(*a.Until)) {
			return a.Address.Unmap(), true
		}
	}
	return netip.Addr{}, false
}

// planned are the paths of a server at a label.
func planned(s metrics.Server, at time.Time) (list []measurement.Path) {
	for _, p := range allPaths {
		if _, ok := addressAt(s, p.Family, at); ok {
			list = append(list, p)
		}
	}
	return list
}

// inFrame says whether a server has any address at a label.
func inFrame(s metrics.Server, at time.Time) bool {
	_, four := addressAt(s, measurement.IPv4, at)
	_, six := addressAt(s, measurement.IPv6, at)
	return four || six
}

func (l *literal) excluded(level int, v measurement.VantagePoint, at time.Time, x measurement.RSI, p measurement.Path) bool {
	for _, e := range l.cfg.Exclusions {
		if l.mistake == "an RSI's exclusion is the system's" && level == forSystem {
			level = forRSIs
		}
		if level == asMeasured || level == forSystem && len(e.RSIs) > 0 || at.Before(e.From) || !at.Before(e.Until) {
			continue
		}
		if (len(e.VantagePoints) == 0 || slices.Contains(e.VantagePoints, v)) && (len(e.RSIs) == 0 || slices.Contains(e.RSIs, x)) &&
			(len(e.Paths) == 0 || slices.Contains(e.Paths, p)) {
			return true
		}
	}
	return false
}

// state is what became of a planned slot.
type state int

const (
	noSlot state = iota // not planned, or excluded
	goodState
	badState
	unsent
	missing
	offPlan
)

func (s state) sent() bool { return s == goodState || s == badState }

func isGood(a measurement.Answer) bool {
	return a.Outcome == measurement.Answered && a.RCode != nil && *a.RCode == "NOERROR" && *a.LatencyUS <= 4_000_000
}

// onPlan says whether a row was asked at the address that the plan has at its label.
func (l *literal) onPlan(s metrics.Server, a measurement.Answer) bool {
	want, ok := addressAt(s, a.Family, a.Interval)
	if l.mistake == "off plan counts" {
		return ok
	}
	got, err := netip.ParseAddr(a.Address)
	return ok && err == nil && got.Unmap() == want
}

// soa is what became of a SOA slot, with its row.
func (l *literal) soa(level int, v metrics.VantagePoint, at time.Time, s metrics.Server, p measurement.Path) (state, measurement.Answer) {
	if _, ok := addressAt(s, p.Family, at); !ok || !within(v, at) || l.excluded(level, v.ID, at, s.RSI, p) {
		return noSlot, measurement.Answer{}
	}
	rows := l.rowsOf[slot{runAt(v.ID, at), measurement.QuerySOA, s.RSI, p}]
	switch {
	case len(rows) == 0:
		return missing, measurement.Answer{}
	case rows[0].Outcome == measurement.LocalError:
		return unsent, rows[0]
	case !l.onPlan(s, rows[0]):
		return offPlan, rows[0]
	case isGood(rows[0]):
		return goodState, rows[0]
	}
	return badState, rows[0]
}

// check is what became of a correctness slot, with the on-plan answers in it.
func (l *literal) check(level int, v metrics.VantagePoint, at time.Time, s metrics.Server) (state, []measurement.Answer) {
	if !inFrame(s, at) || !within(v, at) {
		return noSlot, nil
	}
	rows := l.rowsOf[slot{runAt(v.ID, at), measurement.QueryCorrectness, s.RSI, measurement.Path{}}]
	if len(rows) == 0 {
		for _, p := range planned(s, at) {
			if !l.excluded(level, v.ID, at, s.RSI, p) {
				return missing, nil
			}
		}
		return noSlot, nil
	}
	became := noSlot
	var sent []measurement.Answer
	for _, a := range rows {
		switch {
		case l.excluded(level, v.ID, at, s.RSI, pathOf(a)):
		case a.Outcome == measurement.LocalError:
			became = unsent
		case l.onPlan(s, a):
			sent = append(sent, a)
		case became == noSlot:
			became = offPlan
		}
	}
	if len(sent) > 0 {
		became = goodState // sent; whether it is good is not asked here
	}
	return became, sent
}

// slots counts what became of all planned queries, at the system's level.
func (l *literal) slots() (n metrics.Slots) {
	count := func(s state) {
		if s == noSlot {
			return
		}
		n.Planned++
		switch s {
		case unsent:
			n.Unsent++
		case missing:
			n.Missing++
		case offPlan:
			n.OffPlan++
		default:
			n.Sent++
		}
	}
	for _, at := range l.labels() {
		for _, v := range l.vps {
			for _, x := range l.cfg.Servers {
				for _, p := range allPaths {
					s, _ := l.soa(forSystem, v, at, x, p)
					count(s)
				}
				s, _ := l.check(forSystem, v, at, x)
				count(s)
			}
		}
	}
	return n
}

// stray counts rows of the plan's vantage points and servers that are in no slot.
func (l *literal) stray() (n int64) {
	for _, a := range l.rows {
		vp := slices.IndexFunc(l.vps, func(v metrics.VantagePoint) bool { return v.ID == a.VantagePoint })
		x := slices.IndexFunc(l.cfg.Servers, func(s metrics.Server) bool { return s.RSI == a.RSI })
		if vp < 0 || x < 0 || !l.inPeriod(a.Interval) || l.excluded(forSystem, a.VantagePoint, a.Interval, a.RSI, pathOf(a)) {
			continue
		}
		s, _ := l.check(forSystem, l.vps[vp], a.Interval, l.cfg.Servers[x])
		if a.Query == measurement.QuerySOA {
			s, _ = l.soa(forSystem, l.vps[vp], a.Interval, l.cfg.Servers[x], pathOf(a))
		}
		if s == noSlot {
			n++
		}
	}
	return n
}

// frame is who the system was at a label.
func (l *literal) frame(at time.Time) (rsis []measurement.RSI) {
	rsis = []measurement.RSI{}
	for _, s := range l.cfg.Servers {
		if inFrame(s, at) {
			rsis = append(rsis, s.RSI)
		}
	}
	return rsis
}

func kOf(n int) int {
	for k := 1; ; k++ {
		if 3*k >= 2*(n-1) {
			return k
		}
	}
}

// frames lists the frames of the whole period, label by label.
func (l *literal) frames() (list []metrics.Frame) {
	for at := l.cfg.From; at.Before(l.cfg.Until); at = at.Add(interval.Length) {
		rsis := l.frame(at)
		if last := len(list) - 1; last < 0 || !slices.Equal(list[last].RSIs, rsis) {
			list = append(list, metrics.Frame{From: at, N: len(rsis), K: kOf(len(rsis)), RSIs: rsis})
		}
		list[len(list)-1].Until = at.Add(interval.Length)
	}
	return list
}
