package metrics

import "mtric.net/mtric/engine/measurement"

// Course is response latency over the period, field by field: of one RSI over one path,
// or of the root server system. Medians are cut off to whole µs, −1 where there is none.
type Course struct {
	RSI         measurement.RSI // empty: the system
	Path        measurement.Path
	Median, P95 []int64
	Good, Bad   []int64 // of the system only: its availability, as proven and disproven [cvf]
}

// Latencies is the course of response latency of each RSI and path, all vantage points
// together, in fields of so many hours, a divisor of 24, with the exclusions of the RSI's
// metrics taken out. After Forget there are those of the hours that were asked for last, and
// no others.
func (r *Result) Latencies(hours int) []Course {
	if r.courseHours != hours {
		if r.computation == nil {
			return nil
		}
		r.latencies, r.courseHours = r.computation.latencies(hours*perDay/24), hours
	}
	return r.latencies
}

// Days is the course of the root server system over each path, day by day; computed when
// it is first asked for.
func (r *Result) Days() []Course {
	if r.days == nil && r.computation != nil {
		r.days = r.computation.systemDays()
	}
	return r.days
}

// latencies are those of fields of so many slots.
func (c *computation) latencies(slots int) []Course {
	all := make([]Course, c.n*len(paths))
	c.parallel(len(all), func(i int) {
		rsi, path := i/len(paths), i%len(paths)
		x := Course{RSI: c.cfg.Servers[rsi].RSI, Path: paths[path]}
		from := (path*c.n + rsi) * perDay
		for _, d := range c.rsi.days {
			for at := 0; d.counted && at < perDay; at += slots {
				var pieces [][]uint32
				for _, b := range d.blocks {
					if b != nil {
						pieces = append(pieces, b.cells[from+at:from+at+slots])
					}
				}
				var g firstPass
				g.count(pieces)
				x.add(g.rank(pieces))
			}
		}
		all[i] = x
	})
	return all
}

// systemDays sums the system up day by day.
func (c *computation) systemDays() []Course {
	all := make([]Course, len(paths))
	c.parallel(len(all), func(path int) {
		x := Course{Path: paths[path]}
		for day, d := range c.system.days {
			if !d.counted {
				continue
			}
			s := &system{parts: make([]part, len(c.system.vps))}
			for vp, b := range d.blocks {
				if b != nil {
					s.sum(c.system, day, vp, path, 0)
				}
			}
			var good, bad int64
			for _, p := range s.parts {
				good, bad = good+p.good, bad+p.bad
			}
			x.Good, x.Bad = append(x.Good, good), append(x.Bad, bad)
			x.add(s.lowest.rank())
		}
		all[path] = x
	})
	return all
}

// add takes a field's order statistics in.
func (x *Course) add(r ranks) {
	median, p95 := int64(-1), int64(-1)
	if r.count > 0 {
		median, p95 = r.median.Num/r.median.Den, r.p95
	}
	x.Median, x.P95 = append(x.Median, median), append(x.P95, p95)
}
