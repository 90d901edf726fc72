package derive

import (
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// What the kinds of hours go by.
const (
	usualDays  = 7  // of which a pair's usual latency is made
	usualLeast = 48 // hours with a median in these
	slowLeast  = 6  // good answers of an hour
	slowBy     = int64(20 * time.Millisecond / time.Microsecond)
	metHours   = 6 // with any server, that tell which are usual
)

// gather notes latencies and servers of an hour; none where it is not over.
func (g *digest) gather(d *fold, hour int, over bool) {
	var latencies []int64
	for vp := range d.vps {
		for server := range d.servers {
			var met [2][]string
			for path := range allPaths {
				latencies = latencies[:0]
				for query := range d.queries {
					if !over {
						break
					}
					c := d.at(query, vp, server, path)
					latencies = append(latencies, c.latencies...)
					for _, i := range c.instances {
						if !i.none {
							met[path/len(measurement.Transports)] = append(met[path/len(measurement.Transports)], i.nsid)
						}
					}
				}
				at := ((vp*len(d.servers)+server)*len(allPaths)+path)*24 + hour
				g.Medians[at], g.Good[at] = -1, 0
				if n := len(latencies); n > 0 {
					slices.Sort(latencies)
					g.Medians[at], g.Good[at] = int32(min(latencies[(n-1)/2], 1<<31-1)), uint8(min(n, 255))
				}
			}
			for family, names := range met {
				g.Met[((vp*len(d.servers)+server)*len(measurement.Families)+family)*24+hour] = g.set(names)
			}
		}
	}
}

// set is the code of a set of servers.
func (g *digest) set(names []string) uint16 {
	if len(names) == 0 {
		return 0
	}
	slices.Sort(names)
	names = slices.Compact(names)
	at := slices.IndexFunc(g.Names, func(known []string) bool { return slices.Equal(known, names) })
	if at < 0 {
		if at = len(g.Names); at == 1<<16-1 {
			return 0
		}
		g.Names = append(g.Names, names)
	}
	return uint16(at + 1)
}

// week is the digests of a day, the last, and of those before it; nil where there is none.
type week [usualDays + 1]*digest

// hourly marks the hours of the week's last day that were slow, or had other servers.
func (w *week) hourly(day time.Time) (all []Segment) {
	today := w[usualDays]
	for v, vp := range today.VantagePoints {
		for r, rsi := range today.RSIs {
			for p, path := range allPaths {
				scope := Scope{Kind: measurement.EventSlow, RSI: rsi, VantagePoint: vp, Family: path.Family, Transport: path.Transport}
				all = append(all, w.slow(day, scope, (v*len(today.RSIs)+r)*len(allPaths)+p)...)
			}
			for f, family := range measurement.Families {
				scope := Scope{Kind: measurement.EventInstance, RSI: rsi, VantagePoint: vp, Family: family}
				all = append(all, w.instance(day, scope, (v*len(today.RSIs)+r)*len(measurement.Families)+f)...)
			}
		}
	}
	return all
}

// pair finds a vantage point and RSI among a day's, whose frame may be another.
func (g *digest) pair(s Scope) (at int, known bool) {
	v, r := slices.Index(g.VantagePoints, s.VantagePoint), slices.Index(g.RSIs, s.RSI)
	return v*len(g.RSIs) + r, v >= 0 && r >= 0
}

// medians are those of the days before, and of the day itself, oldest first.
func (w *week) medians(s Scope) (all []int32) {
	path := slices.Index(allPaths, measurement.Path{Family: s.Family, Transport: s.Transport})
	for _, g := range w {
		var hours []int32
		if g != nil {
			if at, known := g.pair(s); known {
				at = (at*len(allPaths) + path) * 24
				hours = g.Medians[at : at+24]
			}
		}
		if hours == nil {
			hours = none[:]
		}
		all = append(all, hours...)
	}
	return all
}

var none = func() (hours [24]int32) {
	for i := range hours {
		hours[i] = -1
	}
	return hours
}()

// slow marks the hours whose median is well above the usual of its pair.
func (w *week) slow(day time.Time, s Scope, at int) []Segment {
	today := w[usualDays]
	hours, goods := today.Medians[at*24:at*24+24], today.Good[at*24:at*24+24]
	if slices.Max(hours) < 0 {
		return nil
	}
	all := w.medians(s)
	t := tracker{scope: s, kind: kinds[s.Kind]}
	before := make([]int32, 0, usualDays*24)
	for hour, median := range hours {
		if median < 0 || goods[hour] < slowLeast {
			continue
		}
		before = before[:0]
		for _, m := range all[hour : hour+usualDays*24] {
			if m >= 0 {
				before = append(before, m)
			}
		}
		if len(before) < usualLeast {
			continue
		}
		at := day.Add(time.Duration(hour) * time.Hour)
		if !later(median, before) {
			t.see(at, false, nil, 0)
			continue
		}
		slices.Sort(before)
		t.see(at, true, nil, float64(median-before[(len(before)-1)/2])/1000)
	}
	return t.end()
}

// later says whether a median lies well above the lower median of those before. It counts
// those that it lies well above: to sort them for every hour of every pair would take long.
func later(median int32, before []int32) bool {
	n := 0
	for _, base := range before {
		if int64(median) > int64(base)+max(slowBy, int64(base)/2) {
			n++
		}
	}
	return n > (len(before)-1)/2
}

// instance marks the hours in which other servers answered than in the last ones before.
func (w *week) instance(day time.Time, s Scope, at int) []Segment {
	today := w[usualDays]
	hours := today.Met[at*24 : at*24+24]
	if slices.Max(hours) == 0 {
		return nil
	}
	t := tracker{scope: s, kind: kinds[s.Kind]}
	for hour, code := range hours {
		if code == 0 {
			continue
		}
		now, usual := today.Names[code-1], w.usual(s, hour)
		isBad := len(usual) > 0 && !slices.ContainsFunc(now, func(name string) bool { return slices.Contains(usual, name) })
		if e := t.see(day.Add(time.Duration(hour)*time.Hour), isBad, nil, 0); e != nil {
			if e.Before == "" {
				e.Before = list(usual)
			}
			e.After = list(now)
		}
	}
	return t.end()
}

// usual are the servers of six hours that had any, before one and without the last of them
// where there are others: of an hour in which a vantage point moved to another site it has both.
func (w *week) usual(s Scope, hour int) (names []string) {
	family, hours := slices.Index(measurement.Families, s.Family), 0
	var latest []string
	for n := usualDays; n >= 0 && hours <= metHours; n-- {
		g := w[n]
		if g == nil {
			continue
		}
		at, known := g.pair(s)
		if !known {
			continue
		}
		last := 23
		if n == usualDays {
			last = hour - 1
		}
		at = (at*len(measurement.Families) + family) * 24
		for h := last; h >= 0 && hours <= metHours; h-- {
			if code := g.Met[at+h]; code > 0 {
				if hours++; hours == 1 {
					latest = g.Names[code-1]
					continue
				}
				names = append(names, g.Names[code-1]...)
			}
		}
	}
	if hours == 1 {
		names = append(names, latest...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// list writes names of servers, which may be long and many.
func list(names []string) string {
	const most = 1000
	text := strings.Join(names, " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
