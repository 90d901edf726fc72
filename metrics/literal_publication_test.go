package metrics_test

import (
	"cmp"
	"maps"
	"math/big"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// serverAt is one server at one vantage point and label.
type serverAt struct {
	run
	rsi measurement.RSI
}

// sight is what a server showed there.
type sight struct {
	serials []uint32 // accepted, in trusted sightings
	asked   bool
	m       *uint32 // the oldest of serials, if they have an order
}

// newerThan is RFC 1982 section 3.2: two serials 2³¹ apart are in no order.
func newerThan(a, b uint32) bool { return a != b && a-b < 1<<31 }

func (l *literal) accepted(s uint32) bool {
	if l.mistake == "bogus serials are accepted" {
		return true
	}
	if l.cfg.Accepted != nil {
		return l.cfg.Accepted[s]
	}
	z, known := l.zoneOf[s]
	return known && (z.State == measurement.ZoneArchived || z.State == measurement.ZoneSeen)
}

// early says whether a serial was shown before its zone can have existed.
func (l *literal) early(a measurement.Answer) bool {
	z := l.zoneOf[uint32(*a.Serial)]
	return z.SignedAt != nil && a.SentAt.Before(z.SignedAt.Add(-5*time.Minute)) && l.mistake != "early sightings count"
}

// end is one label beyond all that is looked at.
func (l *literal) end() time.Time {
	if e := l.cfg.Until.AddDate(0, 0, 7); e.Before(l.cfg.DataUntil) {
		return e
	}
	return l.cfg.DataUntil
}

// sights are what all servers showed at a level of exclusions: of the planned queries,
// over all the lake.
func (l *literal) sights(level int) map[serverAt]sight {
	if l.seen[level] != nil {
		return l.seen[level]
	}
	all := map[serverAt]sight{}
	for _, a := range l.rows {
		at := serverAt{runAt(a.VantagePoint, a.Interval), a.RSI}
		if _, done := all[at]; done || a.Query != measurement.QuerySOA {
			continue
		}
		for _, v := range l.vps {
			for _, x := range l.cfg.Servers {
				if v.ID == a.VantagePoint && x.RSI == a.RSI {
					all[at] = l.sightAt(level, v, a.Interval, x)
				}
			}
		}
	}
	l.seen[level] = all
	return all
}

func (l *literal) sightAt(level int, v metrics.VantagePoint, at time.Time, x metrics.Server) (s sight) {
	planned, sent, strange := 0, 0, false
	trusted := l.trust[runAt(v.ID, at)]
	for _, p := range allPaths {
		became, a := l.soa(level, v, at, x, p)
		if became == noSlot {
			continue
		}
		planned++
		if became.sent() {
			sent++
		}
		if became != goodState || a.Serial == nil {
			continue
		}
		switch serial := uint32(*a.Serial); {
		case !l.accepted(serial):
			strange = true
		case trusted && !l.early(a):
			s.serials = append(s.serials, serial)
		}
	}
	s.asked = trusted && (len(s.serials) > 0 || planned > 0 && sent == planned && !strange)
	if l.mistake == "any sent query asks" {
		s.asked = trusted && sent > 0
	}
	for _, m := range s.serials {
		least := true
		for _, o := range s.serials {
			least = least && (o == m || newerThan(o, m))
		}
		if least {
			s.m = &m
		}
	}
	return s
}

// dating is when serials count as published.
type dating struct {
	t       map[uint32]time.Time // T(s)
	period  map[uint32]bool      // of the period
	initial map[uint32]bool      // accepted serials that were there first
}

// old says whether a serial has no T(s) because it was there when the data began.
func (d *dating) old(s uint32) bool {
	for i := range d.initial {
		if !newerThan(s, i) {
			return true
		}
	}
	return false
}

// ceilLabel is a time rounded up to a label.
func ceilLabel(t time.Time) time.Time {
	if l := interval.Of(t); l.Equal(t) {
		return l
	}
	return interval.Of(t).Add(interval.Length)
}

// firsts are the earliest labels of a trusted sighting, by serial and vantage point.
func (l *literal) firsts(level int) map[uint32]map[measurement.VantagePoint]time.Time {
	first := map[uint32]map[measurement.VantagePoint]time.Time{}
	for at, s := range l.sights(level) {
		if !slices.ContainsFunc(l.vps, func(v metrics.VantagePoint) bool { return v.ID == at.vp }) {
			continue
		}
		label := time.Unix(at.at, 0).UTC()
		for _, serial := range s.serials {
			if first[serial] == nil {
				first[serial] = map[measurement.VantagePoint]time.Time{}
			}
			if t, known := first[serial][at.vp]; !known || label.Before(t) {
				first[serial][at.vp] = label
			}
		}
	}
	return first
}

// publishedAt is T(s) of a serial that vantage points showed first at these labels.
func (l *literal) publishedAt(s uint32, first map[measurement.VantagePoint]time.Time) (t time.Time, ok bool) {
	var labels []time.Time
	for _, at := range first {
		labels = append(labels, at)
	}
	slices.SortFunc(labels, time.Time.Compare)
	t1 := labels[0]
	if l.thereAround(t1) == 1 || l.mistake == "t1 is enough" {
		return t1, true
	}
	var t2 []time.Time
	if len(labels) > 1 {
		t2 = append(t2, labels[1])
	}
	if z := l.zoneOf[s]; z.ArchivedAt != nil && !ceilLabel(*z.ArchivedAt).After(t1.Add(24*time.Hour)) {
		t2 = append(t2, ceilLabel(*z.ArchivedAt))
	}
	if len(t2) == 0 {
		return t, false
	}
	t = slices.MinFunc(t2, time.Time.Compare).Add(-15 * time.Minute)
	if t.Before(t1) {
		t = t1
	}
	return t, true
}

// there is from when a serial counts as there when it is asked which were there first:
// t1; but T(s) where that is more than 24 hours later, and else, where t1 is more than 24
// hours before a second vantage point showed anything accepted, and more than one was
// within its dates at t1, what the second vantage point showed of it.
func (l *literal) there(s uint32, all map[uint32]map[measurement.VantagePoint]time.Time) (at time.Time, ok bool) {
	begins := map[measurement.VantagePoint]time.Time{}
	for _, by := range all {
		for v, at := range by {
			if b, known := begins[v]; !known || at.Before(b) {
				begins[v] = at
			}
		}
	}
	sorted := func(by map[measurement.VantagePoint]time.Time) []time.Time {
		return slices.SortedFunc(maps.Values(by), time.Time.Compare)
	}
	labels, began := sorted(all[s]), sorted(begins)
	t1 := labels[0]
	if l.mistake == "one witness dates the first serials" {
		return t1, true
	}
	if t, ok := l.publishedAt(s, all[s]); ok && t.After(t1.Add(24*time.Hour)) {
		return t, true
	}
	if len(began) < 2 || !t1.Before(began[1].Add(-24*time.Hour)) || l.thereAround(t1) == 1 {
		return t1, true
	}
	if len(labels) < 2 {
		return t1, false
	}
	return labels[1], true
}

// thereAround is how many vantage points are within their dates from a label to 15
// minutes later.
func (l *literal) thereAround(t1 time.Time) int {
	there := map[measurement.VantagePoint]bool{}
	for at := t1; !at.After(t1.Add(15 * time.Minute)); at = at.Add(interval.Length) {
		for _, v := range l.vps {
			if within(v, at) {
				there[v.ID] = true
			}
		}
	}
	return len(there)
}

// dated is T(s) at the level of exclusions that a metric's serials are of: exclusions
// with RSIs move none.
func (l *literal) dated(level int) *dating {
	level = min(level, forSystem)
	if l.dates[level] != nil {
		return l.dates[level]
	}
	d := &dating{t: map[uint32]time.Time{}, period: map[uint32]bool{}, initial: map[uint32]bool{}}
	l.dates[level] = d
	first := l.firsts(level)
	there := map[uint32]time.Time{}
	var start time.Time
	for s := range first {
		at, ok := l.there(s, first)
		if !ok {
			continue
		}
		there[s] = at
		if start.IsZero() || at.Before(start) {
			start = at
		}
	}
	for s, at := range there {
		if at.Equal(start) {
			d.initial[s] = true
		}
	}
	if l.whole != nil {
		d.initial = l.whole.dated(level).initial
	}
	for s, by := range first {
		if t, ok := l.publishedAt(s, by); ok && (!d.old(s) || l.mistake == "the first serials are new") {
			d.t[s] = t
			d.period[s] = !t.Before(l.cfg.From) && t.Before(l.cfg.Until)
		}
	}
	switch {
	case l.whole != nil:
		d.period = l.whole.dated(level).period
	case l.cfg.Publications != nil && level == forSystem:
		d.period = map[uint32]bool{}
		for _, p := range l.cfg.Publications {
			d.t[p.Serial], d.period[p.Serial] = p.T, true
		}
	}
	return d
}

// publications of the period, by T(s) and serial.
func (l *literal) publications() (list []metrics.Publication) {
	d := l.dated(forSystem)
	for s, t := range d.t {
		if d.period[s] {
			list = append(list, metrics.Publication{Serial: s, T: t})
		}
	}
	slices.SortFunc(list, func(a, b metrics.Publication) int { return cmp.Or(a.T.Compare(b.T), cmp.Compare(a.Serial, b.Serial)) })
	return list
}

// wait is how long a server took to show a serial: at least lo, at most hi.
type wait struct {
	lo, hi time.Duration
	never  bool // hi is infinite
}

func (l *literal) wait(level int, v metrics.VantagePoint, x metrics.Server, s uint32, t time.Time) (w wait) {
	e := l.end()
	for at := t; at.Before(e); at = at.Add(interval.Length) {
		if v.Until != nil && !at.Before(*v.Until) || at.After(t) && !inFrame(x, at) {
			e = at
		}
	}
	last := t.Add(-interval.Length)
	w.never = true
	for at := t; at.Before(e); at = at.Add(interval.Length) {
		here := l.sights(level)[serverAt{runAt(v.ID, at), x.RSI}]
		if here.asked && here.m != nil && (*here.m == s || newerThan(*here.m, s)) {
			w.never, w.hi = false, at.Sub(t)
			break
		}
		if here.asked {
			last = at
		}
	}
	w.lo = last.Add(interval.Length).Sub(t)
	return w
}

// kept says whether a verdict may rest on a wait: lo and hi are on one side of the bound.
func (l *literal) kept(w wait, bound *big.Rat) bool {
	over := func(d time.Duration) bool { return big.NewRat(int64(d), int64(time.Minute)).Cmp(bound) > 0 }
	switch {
	case l.mistake == "our silence is their delay":
		return true
	case w.never:
		return over(w.lo)
	}
	return w.lo == w.hi || over(w.lo) == over(w.hi)
}

// lags are the waits that publication values of RSIs are made of.
func (l *literal) lags() (list []metrics.Lag) {
	d := l.dated(forRSIs)
	for _, p := range l.publications() {
		for _, v := range l.vps {
			for _, x := range l.cfg.Servers {
				if !within(v, p.T) || !inFrame(x, p.T) || !p.T.Before(l.cfg.DataUntil) {
					continue
				}
				if w := l.wait(forRSIs, v, x, p.Serial, d.t[p.Serial]); l.kept(w, l.cfg.Limits[string(measurement.RSIPublication)].Bound) {
					list = append(list, metrics.Lag{Serial: p.Serial, Published: p.T, VantagePoint: v.ID, RSI: x.RSI, Minutes: int64(w.lo / time.Minute), Censored: w.never})
				}
			}
		}
	}
	return list
}

// waits tallies the waits of one server at one vantage point.
func (l *literal) waits(level int, v metrics.VantagePoint, x metrics.Server, bound *big.Rat, to *tally) {
	d := l.dated(level)
	for s, t := range d.t {
		if !d.period[s] || !within(v, t) || !inFrame(x, t) {
			continue
		}
		w := l.wait(level, v, x, s, t)
		switch {
		case !t.Before(l.cfg.DataUntil), !l.kept(w, bound):
			to.unobservable++
			to.u++
		case w.never:
			to.late++
		default:
			to.list = append(to.list, int64(w.lo/time.Minute))
		}
	}
	for s, z := range l.zoneOf {
		if _, dated := d.t[s]; dated || !l.accepted(s) || z.State != measurement.ZoneArchived || z.FirstUsed == nil || d.old(s) {
			continue
		}
		at := interval.Of(*z.FirstUsed)
		if !at.Before(l.cfg.From) && at.Before(l.cfg.Until) && within(v, at) && inFrame(x, at) {
			to.u++
		}
	}
}
