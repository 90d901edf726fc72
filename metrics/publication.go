package metrics

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// Intervals are counted from the start of the window; those before it are negative.
const (
	Grace      = 3   // as much earlier than its second witness a serial may count as published
	archiveFor = 288 // after the first sighting, in which the archive is a second witness
)

// sightings are the labels at which each serial was first seen in a trusted sighting, by
// vantage point's number in the view.
type sightings map[uint32]map[int]int

// sightings collects every accepted serial that any vantage point got from any RSI over
// any path [yxn].
func (v *view) sightings() sightings {
	all := sightings{}
	note := func(serial uint32, vp, at int) {
		s := all[serial]
		if s == nil {
			s = map[int]int{}
			all[serial] = s
		}
		if was, known := s[vp]; !known || at < was {
			s[vp] = at
		}
	}
	for d, day := range v.days {
		for vp, b := range day.blocks {
			if b == nil {
				continue
			}
			previous := serialNone
			for i, code := range b.serials {
				if code == previous && i%perDay != 0 {
					continue
				}
				previous = code
				for _, s := range day.sets.of(code) {
					note(s, vp, d*perDay+i%perDay)
				}
			}
		}
	}
	number := map[int]int{}
	for to, from := range v.order {
		number[from] = to
	}
	v.a.eachPast(v.level, true, func(serial uint32, vp, at int) {
		if to, counts := number[vp]; counts {
			note(serial, to, at)
		}
	})
	return all
}

// serials is what the sightings of a view say about publications.
type serials struct {
	view    *view
	seen    sightings
	initial []uint32 // shown first of all: nobody knows when they came (reading A10)
}

func (v *view) serials() *serials {
	s := &serials{view: v, seen: v.sightings()}
	began := s.began()
	there, start := map[uint32]int{}, math.MaxInt
	for serial := range s.seen {
		if at, known := s.there(serial, began); known {
			there[serial], start = at, min(start, at)
		}
	}
	for serial, at := range there {
		if at == start {
			s.initial = append(s.initial, serial)
		}
	}
	return s
}

// began is when the second vantage point first showed an accepted serial; before all
// times where there is none.
func (s *serials) began() int {
	first := map[int]int{}
	for _, by := range s.seen {
		for vp, at := range by {
			if was, known := first[vp]; !known || at < was {
				first[vp] = at
			}
		}
	}
	labels := slices.Sorted(maps.Values(first))
	if len(labels) < 2 {
		return math.MinInt
	}
	return labels[1]
}

// there is from when a serial was there, to tell which were there when the data began:
// its first trusted sighting. No vantage point alone makes it a day older than others
// bear out: neither than T(s), nor than what a second one began with, unless it was alone
// by its dates. Else one old label of the newest serial would leave no serial with a T(s),
// and one of an older serial would make news of what was there (decision 18).
func (s *serials) there(serial uint32, began int) (at int, known bool) {
	labels := slices.Sorted(maps.Values(s.seen[serial]))
	first := labels[0]
	if at, known := s.published(serial, -1); known && at > first+perDay {
		return at, true
	}
	if first+perDay >= began || s.alone(first, -1) {
		return first, true
	}
	if len(labels) < 2 {
		return 0, false
	}
	return labels[1], true
}

// old says that a serial is not newer than one shown first of all.
func (s *serials) old(serial uint32) bool {
	return slices.ContainsFunc(s.initial, func(i uint32) bool { return !before(i, serial) })
}

// published is T(s): the earliest sighting, but no more than 15 minutes before there was
// a second witness, another vantage point or the archive. False where there is none.
// One vantage point may be left out.
func (s *serials) published(serial uint32, left int) (at int, known bool) {
	var labels []int
	for vp, at := range s.seen[serial] {
		if vp != left {
			labels = append(labels, at)
		}
	}
	if len(labels) == 0 {
		return 0, false
	}
	slices.Sort(labels)
	archived := NotArchived
	if at := s.view.a.zones[serial].ArchivedAt; at != nil {
		archived = s.view.a.interval(ceil(*at))
	}
	return Published(labels, archived, s.alone(labels[0], left))
}

// NotArchived is for Published: no archive has the serial.
const NotArchived = math.MaxInt

// Published is T(s) [yxn] of the labels at which vantage points first showed a serial, each
// one's, in order and at least one, as numbers of intervals: the earliest, but no more than
// 15 minutes before there was a second witness, another vantage point or the archive. Who
// is alone within its dates needs none. False where there is no T(s).
func Published(labels []int, archived int, alone bool) (at int, known bool) {
	first := labels[0]
	if alone {
		return first, true
	}
	second, known := 0, false
	if len(labels) > 1 {
		second, known = labels[1], true
	}
	if archived <= first+archiveFor && (!known || archived < second) {
		second, known = archived, true
	}
	return max(first, second-Grace), known
}

// alone says that only one vantage point is within its dates around a sighting: there is
// none to bear it out.
func (s *serials) alone(first, left int) bool {
	n := 0
	for i, vp := range s.view.vps {
		for at := first; i != left && at <= first+Grace; at++ {
			if within(vp, s.view.a.label(at).UnixMicro()) {
				n++
				break
			}
		}
	}
	return n == 1
}

// publication is a serial of the period; at is T(s).
type publication struct {
	serial uint32
	at     int
}

// ofPeriod lists the serials whose T(s) lies in the period, by T(s).
func (s *serials) ofPeriod() []publication {
	a := s.view.a
	from, until := a.interval(a.cfg.From), a.interval(a.cfg.Until)
	var list []publication
	for serial := range s.seen {
		if at, known := s.published(serial, -1); known && at >= from && at < until && !s.old(serial) {
			list = append(list, publication{serial, at})
		}
	}
	slices.SortFunc(list, func(a, b publication) int { return cmp.Or(a.at-b.at, cmp.Compare(a.serial, b.serial)) })
	return list
}

// untimed are the zones that were archived and first used in the period, but of whose
// publication nobody knows the time; of each the interval it was first used in.
func (s *serials) untimed(left int) (list []int) {
	a := s.view.a
	for serial, z := range a.zones {
		at, within := a.usedInPeriod(z)
		if !within || !a.accepts(serial) || s.old(serial) {
			continue
		}
		if _, known := s.published(serial, left); !known {
			list = append(list, at)
		}
	}
	slices.Sort(list)
	return list
}

// usedInPeriod is the interval that a zone of the archive was first used in, where it
// lies in the period.
func (a *Accumulator) usedInPeriod(z measurement.Zone) (at int, within bool) {
	if z.State != measurement.ZoneArchived || z.FirstUsed == nil || z.FirstUsed.Before(a.cfg.From) || !z.FirstUsed.Before(a.cfg.Until) {
		return 0, false
	}
	return a.interval(*z.FirstUsed), true
}

// wait is what is known of how long a serial took to be seen at a vantage point from an
// RSI: at least from T(s) until the interval after the last that was asked in vain, at
// most until the first that showed it. Intervals as everywhere.
type wait struct {
	publication
	asked    int // the last asked before seen; T(s) − 1 where there is none
	seen     int // -1 where it was not seen before the end
	inflated bool
	gap      bool
}

func (w wait) least() int { return w.asked + 1 - w.at }

// minima gives for each code of a day the RFC 1982 minimum of its serials [cnj]; -1
// where there is none [tub].
func (d viewDay) minima() []int64 {
	m := []int64{-1}
	for _, set := range d.sets.sets {
		if s, ok := oldest(set); ok {
			m = append(m, int64(s))
		} else {
			m = append(m, -1)
		}
	}
	return m
}

// shows says what an RSI showed a vantage point in an interval: the minimum, -1 where
// there is none; and whether it counts as asked. It does where it showed a serial of a
// root zone; or where all its planned queries were sent and none was answered with a
// serial of no root zone: neither our silence nor a zone that we lack is its delay.
func (p *publisher) shows(vp, rsi, at int) (m int64, asked bool) {
	d, slot := at/perDay, at%perDay
	b := p.view.days[d].blocks[vp]
	if b == nil {
		return -1, false
	}
	i := rsi*perDay + slot
	code := b.serials[i]
	if code != serialNone {
		return p.minima[d][code], true
	}
	f, _ := p.view.frame(d, slot)
	want := uint8(f.paths[rsi])
	if b.excluded != nil {
		want &^= uint8(b.excluded[i])
	}
	sent := b.asked[i]
	return -1, want != 0 && sent&want == want && (sent>>doubtful)&want == 0
}

// publisher follows serials through a view.
type publisher struct {
	view   *view
	minima [][]int64
	end    int
}

func (v *view) publisher() *publisher {
	p := &publisher{view: v, minima: make([][]int64, len(v.days)), end: v.end()}
	for d, day := range v.days {
		p.minima[d] = day.minima()
	}
	return p
}

// end is the end of the window in intervals from its start.
func (v *view) end() int { return int((v.a.until - v.a.from) / interval.Length.Microseconds()) }

// within says whether there is a value at all: the RSI is in the frame at T(s), the
// vantage point within its dates.
func (p *publisher) within(vp, rsi, at int) bool {
	label := p.view.a.label(at).UnixMicro()
	return within(p.view.vps[vp], label) && p.view.a.frameOf(label).paths[rsi] != 0
}

// until is where following a serial ends.
func (p *publisher) until(vp, rsi, at int) int {
	end := p.end
	a := p.view.a
	if u := p.view.vps[vp].Until; u != nil {
		end = min(end, a.interval(ceil(*u)))
	}
	for _, f := range a.frames {
		if from := a.interval(time.UnixMicro(f.from)); from > at && f.paths[rsi] == 0 {
			return min(end, from)
		}
	}
	return end
}

// follow gives what is known of L(v,X,s) [kvg] [udz].
func (p *publisher) follow(vp, rsi int, s publication) wait {
	w := wait{publication: s, asked: s.at - 1, seen: -1}
	end := p.until(vp, rsi, s.at)
	for at := max(s.at, 0); at < end; at++ {
		m, asked := p.shows(vp, rsi, at)
		if m >= 0 && Reaches(uint32(m), s.serial) {
			w.seen = at
			break
		}
		if asked {
			w.asked = at
		}
		w.gap = w.gap || !asked
		w.inflated = w.inflated || asked && m < 0
	}
	return w
}

// regressions counts how often an RSI went back to an older serial (reading A14).
func (p *publisher) regressions(vp, rsi int) (n int64) {
	last := int64(-1)
	for d, day := range p.view.days {
		b := day.blocks[vp]
		if b == nil {
			continue
		}
		for _, code := range b.serials[rsi*perDay : (rsi+1)*perDay] {
			if m := p.minima[d][code]; m >= 0 {
				n += one(last >= 0 && before(uint32(m), uint32(last)))
				last = m
			}
		}
	}
	return n
}

// interval counts a label from the start of the window.
func (a *Accumulator) interval(label time.Time) int {
	us := label.UnixMicro() - a.from
	length := interval.Length.Microseconds()
	if us < 0 {
		return int(-((-us + length - 1) / length))
	}
	return int(us / length)
}

func (a *Accumulator) label(at int) time.Time {
	return time.UnixMicro(a.from).UTC().Add(time.Duration(at) * interval.Length)
}
