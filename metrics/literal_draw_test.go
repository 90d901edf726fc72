package metrics_test

import (
	"math/big"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics"
)

// drawing is a lake while it is drawn.
type drawing struct {
	lakeRows
	r           *rand.Rand
	first, last int // intervals with rows, from the start of the period

	missing, unsent, offPlan, back float64 // how often, of all rows
	health                         map[measurement.VantagePoint]float64
	ill                            map[measurement.RSI]float64
	us                             []int64
	serials                        []uint32
	released                       []int // by serial: from which interval servers have it
	lag                            map[serverAt]int
	liar                           measurement.VantagePoint
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func (d *drawing) chance(p float64) bool { return d.r.Float64() < p }

// drawLake draws a tiny lake: a few intervals at the start or the end of a day, few
// vantage points and servers with dates, and all that can be wrong with rows.
func drawLake(r *rand.Rand) lakeRows {
	d := &drawing{r: r, health: map[measurement.VantagePoint]float64{}, ill: map[measurement.RSI]float64{}, lag: map[serverAt]int{}}
	d.cfg = config(1, 0, 0)
	d.first, d.last = -3, 4+r.IntN(9)
	ends := d.chance(.3)
	if ends {
		d.first, d.last = 280+r.IntN(6), 290+r.IntN(8)
	}
	d.cfg.DataUntil = label(d.last)
	if d.chance(.1) {
		d.last += 2 // rows that came after the data were closed
	}
	d.limits()
	d.vantagePoints(ends)
	d.servers()
	d.faults()
	d.zonesAndSerials()
	if d.chance(.5) {
		d.cfg.Exclusions = d.exclusions()
	}
	d.allRows()
	d.allRuns()
	d.again()
	return d.lakeRows
}

// limits are now and then so low that tiny lakes have waits on both sides.
func (d *drawing) limits() {
	if d.chance(.7) {
		d.cfg.Limits[string(measurement.RSIPublication)] = metrics.Limit{Bound: big.NewRat(pick(d.r, int64(5), 10, 15), 1)}
		d.cfg.Limits[string(measurement.RSSPublication)] = metrics.Limit{Bound: big.NewRat(pick(d.r, int64(5), 10), 1)}
	}
	if d.chance(.4) {
		d.cfg.Limits[string(measurement.RSIAvailability)] = metrics.Limit{AtLeast: true, Bound: big.NewRat(pick(d.r, int64(50), 80), 1)}
		d.cfg.Limits[string(measurement.RSSAvailability)] = metrics.Limit{AtLeast: true, Bound: big.NewRat(pick(d.r, int64(60), 90), 1)}
	}
}

// moment is a time near an interval's label, or the label.
func (d *drawing) moment(at int) *time.Time {
	t := label(at)
	if d.chance(.2) {
		t = t.Add(time.Duration(d.r.IntN(300)) * time.Second)
	}
	return &t
}

func (d *drawing) within() int { return d.first + d.r.IntN(d.last-d.first) }

func (d *drawing) vantagePoints(ends bool) {
	n := 1 + d.r.IntN(4)
	for i := range n {
		v := metrics.VantagePoint{ID: vp(i)}
		if ends {
			v.From = d.moment(d.first)
		}
		if d.chance(.15) {
			v.From = d.moment(d.within())
		}
		if d.chance(.15) {
			v.Until = d.moment(d.within())
		}
		d.cfg.VantagePoints = append(d.cfg.VantagePoints, v)
	}
	if d.chance(.3) {
		d.liar = vp(d.r.IntN(n))
	}
}

func (d *drawing) servers() {
	for i := range 3 + d.r.IntN(3) {
		x := measurement.RSI(letters[i : i+1])
		s := metrics.Server{RSI: x}
		for _, f := range measurement.Families {
			now := plan.Address{Family: f, Address: address(x, f)}
			switch c := d.r.IntN(20); {
			case c == 0 && f == measurement.IPv6:
				continue
			case c == 1:
				now.From = d.moment(d.within())
			case c == 2:
				now.Until = d.moment(d.within())
			case c < 5: // renumbered, now and then with a gap
				old := plan.Address{Family: f, Address: oldAddress(x, f), Until: d.moment(d.within())}
				now.From = old.Until
				if d.chance(.3) {
					later := now.From.Add(time.Duration(d.r.IntN(20)) * time.Minute)
					now.From = &later
				}
				s.Addresses = append(s.Addresses, old)
			}
			s.Addresses = append(s.Addresses, now)
		}
		d.cfg.Servers = append(d.cfg.Servers, s)
	}
	if d.chance(.3) { // joins or leaves over both families
		s := &d.cfg.Servers[d.r.IntN(len(d.cfg.Servers))]
		at, joins := d.moment(d.within()), d.chance(.5)
		s.Addresses = nil
		for _, f := range measurement.Families {
			a := plan.Address{Family: f, Address: address(s.RSI, f)}
			if joins {
				a.From = at
			} else {
				a.Until = at
			}
			s.Addresses = append(s.Addresses, a)
		}
	}
}

// oldAddress is where a renumbered RSI was before.
func oldAddress(x measurement.RSI, f measurement.Family) netip.Addr {
	a := address(x, f).AsSlice()
	a[len(a)-2] = 77
	old, _ := netip.AddrFromSlice(a)
	return old
}

func (d *drawing) faults() {
	common := pick(d.r, 1, 1, .99, .9, .7, .3)
	for i := range 4 {
		d.health[vp(i)] = common
		if d.chance(.2) {
			d.health[vp(i)] = pick(d.r, 1, .8, .3, 0)
		}
	}
	for _, s := range d.cfg.Servers {
		d.ill[s.RSI] = pick(d.r, 0, 0, 0, .1, .5, 1)
	}
	d.missing, d.unsent = pick(d.r, 0, 0, 0, 0, .02, .3), pick(d.r, 0, 0, 0, 0, .02, .3)
	d.offPlan, d.back = pick(d.r, 0, 0, 0, .02, .2), pick(d.r, 0, 0, .05)
	d.us = pick(d.r, []int64{20_000}, []int64{100_000, 150_000, 150_001, 200_000, 250_000, 250_001, 300_001, 500_001, 4_000_000, 4_000_001, 0})
}

// zonesAndSerials has a first serial that is there from the start, others that come one
// after the other, and some that only a liar shows.
func (d *drawing) zonesAndSerials() {
	base := pick(d.r, uint32(2026110100), 4294967294, 0)
	at := d.first - 1
	for i := range uint32(2 + d.r.IntN(4)) {
		d.serials, d.released = append(d.serials, base+i), append(d.released, at)
		at += 1 + d.r.IntN(5)
	}
	later := func(at int, least, most int) *time.Time {
		t := label(at).Add(time.Duration(least+d.r.IntN(most-least)) * time.Minute)
		return &t
	}
	for i, s := range append(d.serials, base+1000, base+1<<31+1) {
		released := d.first + d.r.IntN(d.last-d.first)
		if i < len(d.serials) {
			released = d.released[i]
		}
		z := measurement.Zone{Serial: int64(s), State: pick(d.r, measurement.ZoneArchived, measurement.ZoneArchived, measurement.ZoneArchived, measurement.ZoneSeen, measurement.ZoneBogus)}
		if d.chance(.3) {
			z.SignedAt = later(released, -40, 15)
		}
		switch d.r.IntN(5) {
		case 0:
			z.ArchivedAt = later(released, -30, 60)
		case 1:
			z.ArchivedAt = later(released, 23*60, 25*60)
		}
		if d.chance(.4) {
			z.FirstUsed = later(released, -10, 30)
		}
		if i == 0 && d.chance(.8) {
			z = measurement.Zone{Serial: int64(s), State: measurement.ZoneArchived}
		}
		if d.chance(.9) {
			d.zones = append(d.zones, z)
		}
	}
}

func (d *drawing) exclusions() (list []metrics.Exclusion) {
	for range 1 + d.r.IntN(3) {
		at := d.within()
		e := metrics.Exclusion{From: *d.moment(at), Until: *d.moment(at + 1 + d.r.IntN(4))}
		if d.chance(.5) {
			e.VantagePoints = append(e.VantagePoints, vp(d.r.IntN(4)))
		}
		if d.chance(.5) {
			e.RSIs = append(e.RSIs, pick(d.r, d.cfg.Servers...).RSI)
		}
		for _, p := range allPaths {
			if d.chance(.25) {
				e.Paths = append(e.Paths, p)
			}
		}
		list = append(list, e)
	}
	return list
}

// again makes of some lakes what a report that is computed again rests on.
func (d *drawing) again() {
	if d.chance(.1) {
		d.cfg.VantagePoints = nil
	}
	if d.chance(.1) {
		d.cfg.Accepted = map[uint32]bool{}
		for _, s := range d.serials {
			if d.chance(.8) {
				d.cfg.Accepted[s] = true
			}
		}
	}
	if d.chance(.3) {
		d.cfg.ReceivedUntil = label(d.within())
	}
}

// variant writes an address in another form of the same.
func (d *drawing) variant(a netip.Addr) string {
	switch {
	case d.chance(.9):
		return a.String()
	case a.Is4():
		return "::ffff:" + a.String()
	}
	return strings.ToUpper(a.StringExpanded())
}

// asked is the address of a row: mostly the plan's.
func (d *drawing) asked(s metrics.Server, f measurement.Family, at time.Time) string {
	if a, ok := addressAt(s, f, at); ok && !d.chance(d.offPlan) {
		return d.variant(a)
	}
	return pick(d.r, "", "nonsense", address(s.RSI, f).String(), oldAddress(s.RSI, f).String(), "198.51.100.1")
}

// intervals with rows; now and then one long before the period.
func (d *drawing) intervals() (list []int) {
	if d.chance(.1) {
		list = append(list, -12*30)
	}
	for at := d.first; at < d.last; at++ {
		list = append(list, at)
	}
	return list
}

func (d *drawing) allRuns() {
	yes, no := true, false
	for _, at := range d.intervals() {
		for i := range 4 {
			if d.chance(.3) {
				continue
			}
			r := measurement.Run{VantagePoint: vp(i), Interval: label(at), StartedAt: label(at), ReceivedAt: label(at + 1)}
			r.ClockSynchronized = pick(d.r, nil, &yes, &yes, &yes, &yes, &yes, &yes, &yes, &yes, &yes, &yes, &yes, &no)
			if d.chance(.05) {
				r.ReceivedAt = label(at).Add(-time.Duration(d.r.IntN(2)) * time.Second)
			}
			if d.chance(.7) {
				ingested := label(at + d.r.IntN(2)).Add(interval.Length * time.Duration(d.r.IntN(2)))
				r.IngestedAt = &ingested
			}
			d.runs = append(d.runs, r)
		}
	}
}
