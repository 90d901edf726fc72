package site

import (
	"math"
	"slices"
	"time"

	"mtric.net/mtric/engine/derive"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/metrics"
)

// delays tell how long after a publication RSIs came to show a serial, and others to show
// theirs no more: by the rule of publication latency (metrics), of all vantage points
// together. A label counts as asked where enough of them asked.
type delays struct {
	*job
	ok        map[int64]bool // serials of root zones
	published []ZoneSerial   // those with a T(s), by it
}

// The state of a delay.
const (
	inTime  = "in_time"
	late    = "late"
	unknown = "unknown"
)

// follow is how long a serial is followed after its publication at most, as in metrics.
const follow = 7 * 24 * time.Hour

func (r *job) delays(months map[string]*Zones) *delays {
	d := &delays{job: r, ok: map[int64]bool{}}
	for _, s := range r.seen {
		for serial := range s.Serials {
			if _, known := d.ok[serial]; !known {
				d.ok[serial] = r.accepted(serial)
			}
		}
	}
	for _, z := range months {
		for _, s := range z.Serials {
			if s.Published != nil {
				d.published = append(d.published, s)
			}
		}
	}
	slices.SortFunc(d.published, func(a, b ZoneSerial) int { return a.Published.Compare(*b.Published) })
	return d
}

// tell adds delays to what is known of serials.
func (d *delays) tell(all []ZoneSerial) {
	for i := range all {
		z := &all[i]
		next := slices.IndexFunc(d.published, func(n ZoneSerial) bool { return metrics.Newer(uint32(n.Serial), uint32(z.Serial)) })
		for _, rsi := range d.rsis {
			at := slices.IndexFunc(z.RSIs, func(s ZoneSerialShown) bool { return s.RSI == rsi })
			if z.Published != nil {
				came := d.came(rsi, z.Serial, *z.Published)
				if at >= 0 {
					z.RSIs[at].Came = &came
				} else if came.State == late {
					z.Never = append(z.Never, rsi)
				}
			}
			if at >= 0 && next >= 0 {
				gone := d.gone(rsi, z.Serial, *d.published[next].Published, z.RSIs[at].Last)
				z.RSIs[at].Gone = &gone
			}
		}
	}
}

// came is how long after its publication an RSI showed a serial, or a newer one, to anybody.
func (d *delays) came(rsi string, serial int64, published time.Time) Delay {
	asked, shown := time.Time{}, time.Time{}
	for label := range d.labels(published, published.Add(follow)) {
		l := d.at(rsi, label)
		if l.any(func(s int64) bool { return s == serial || metrics.Newer(uint32(s), uint32(serial)) }) {
			shown = label
			break
		}
		if l.asked() >= enough {
			asked = label
		}
	}
	return delay(published, asked, shown)
}

// gone is how long after a newer one was published an RSI still showed a serial: to enough
// vantage points, since what one alone says is nobody's delay.
func (d *delays) gone(rsi string, serial int64, published, last time.Time) Delay {
	kept, end := time.Time{}, time.Time{}
	for label := range d.labels(published, later(published, last).Add(follow)) {
		l := d.at(rsi, label)
		switch n := l.shows(func(s int64) bool { return s == serial }); {
		case n >= enough:
			kept, end = label, time.Time{}
		case l.asked() >= enough && end.IsZero():
			end = label
		}
		if !end.IsZero() && label.After(last) {
			break
		}
	}
	return delay(published, kept, end)
}

// delay is what is known of a wait that had not ended at one label, and had at another; zero
// where there is none.
func delay(published, open, ended time.Time) Delay {
	o, most := Delay{State: unknown}, int64(math.MaxInt64)
	if !open.IsZero() {
		o.Minutes = int64((open.Sub(published) + interval.Length) / time.Minute)
	}
	if !ended.IsZero() {
		most = int64(ended.Sub(published) / time.Minute)
		if most > o.Minutes {
			o.Most = &most
		}
	}
	if isLate, known := metrics.Late(o.Minutes, most, int64(derive.StaleAfter/time.Minute)); isLate {
		o.State = late
	} else if known {
		o.State = inTime
	}
	return o
}

// labels are those of a time that are over.
func (d *delays) labels(from, until time.Time) func(func(time.Time) bool) {
	return func(use func(time.Time) bool) {
		for label := from; label.Before(earlier(until, d.until)); label = label.Add(interval.Length) {
			if !use(label) {
				return
			}
		}
	}
}

// look is what an RSI showed at a label.
type look struct {
	*delays
	seen  *seen
	rsi   string
	label int
}

func (d *delays) at(rsi string, label time.Time) look {
	return look{d, d.seen[dayKey(label)], rsi, int(label.Sub(interval.Day(label)) / interval.Length)}
}

// shows counts the witnesses to whom the oldest serial shown was such a one.
func (l look) shows(such func(int64) bool) (n int) {
	if l.seen == nil {
		return 0
	}
	for serial, rsis := range l.seen.Serials {
		if s := rsis[l.rsi]; s != nil && l.ok[serial] && such(serial) {
			n += s.Oldest.at(l.label)
		}
	}
	return n
}

func (l look) any(such func(int64) bool) bool { return l.shows(such) > 0 }

// asked counts the witnesses who asked.
func (l look) asked() int {
	if l.seen == nil {
		return 0
	}
	return l.shows(func(int64) bool { return true }) + l.seen.Unanswered[l.rsi].at(l.label)
}
