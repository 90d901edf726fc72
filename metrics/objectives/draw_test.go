package objectives_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics/objectives"
)

// world is a tiny lake and the plan that it is of.
type world struct {
	cfg  objectives.Config
	rows []measurement.Answer
	runs []measurement.Run
}

// end is where windows end; day is the first label of windows of a day.
var (
	end = time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	day = end.AddDate(0, 0, -1)
)

func label(at int) time.Time { return day.Add(time.Duration(at) * interval.Length) }

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

type drawing struct {
	world
	*rand.Rand
	first, last int
	serials     []uint32
	released    []int
	lag         map[string]int
	ill         map[measurement.RSI]float64
	health      map[measurement.VantagePoint]float64
	unsent, off float64
	liar        measurement.VantagePoint
}

func (d *drawing) chance(p float64) bool { return d.Float64() < p }

func (d *drawing) moment() *time.Time {
	t := label(d.first + d.IntN(d.last-d.first))
	if d.chance(.2) {
		t = t.Add(time.Duration(d.IntN(300)) * time.Second)
	}
	return &t
}

// drawWorld draws a few intervals at the start or the end of a window, and all that can be
// wrong with rows.
func drawWorld(r *rand.Rand) world {
	d := &drawing{Rand: r, first: -3, last: 6 + r.IntN(10), lag: map[string]int{}, ill: map[measurement.RSI]float64{}, health: map[measurement.VantagePoint]float64{}}
	ends := d.chance(.3)
	if ends {
		d.first, d.last = 280+r.IntN(6), 292+r.IntN(8)
	}
	d.cfg = objectives.Config{Plan: &plan.Plan{Name: "drawn"}, Until: end, DataUntil: label(d.last)}
	p := d.cfg.Plan
	for i := range 1 + r.IntN(4) {
		v := plan.VantagePoint{ID: measurement.VantagePoint(fmt.Sprint(101 + i))}
		if ends {
			first := label(d.first)
			v.From = &first
		}
		if d.chance(.15) {
			v.From = d.moment()
		}
		if d.chance(.15) {
			v.Until = d.moment()
		}
		p.VantagePoints = append(p.VantagePoints, v)
		d.health[v.ID] = pick(r, 1, 1, 1, .95, .6, 0)
	}
	if d.chance(.3) {
		d.liar = pick(r, p.VantagePoints...).ID
	}
	d.servers()
	d.queries()
	d.objectives()
	if d.chance(.4) {
		d.exclusions()
	}
	d.unsent, d.off = pick(r, 0, 0, 0, .05, .3), pick(r, 0, 0, 0, .05)
	d.zone()
	d.answers()
	d.allRuns()
	if d.chance(.1) {
		p.VantagePoints = nil
	}
	if d.chance(.2) {
		d.cfg.ReceivedUntil = *d.moment()
	}
	return d.world
}

func address(i int, f measurement.Family) netip.Addr {
	if f == measurement.IPv4 {
		return netip.MustParseAddr(fmt.Sprintf("192.0.2.%d", i+1))
	}
	return netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", i+1))
}

func (d *drawing) servers() {
	for i := range 1 + d.IntN(4) {
		s := plan.Server{Group: "own", RSI: measurement.RSI(fmt.Sprintf("ns%d", i+1))}
		if i == 3 {
			s.Group = "other"
		}
		for _, f := range measurement.Families {
			a := plan.Address{Family: f, Address: address(i, f)}
			switch d.IntN(12) {
			case 0:
				if f == measurement.IPv6 {
					continue
				}
			case 1:
				a.From = d.moment()
			case 2:
				a.Until = d.moment()
			}
			s.Addresses = append(s.Addresses, a)
		}
		if d.chance(.5) {
			s.TLS = &plan.TLS{Verify: pick(d.Rand, measurement.TLSVerifies...)}
		}
		d.cfg.Plan.Servers = append(d.cfg.Plan.Servers, s)
		d.ill[s.RSI] = pick(d.Rand, 0, 0, 0, .1, .5, 1)
	}
}

func (d *drawing) queries() {
	p := d.cfg.Plan
	p.Schedules = []plan.Schedule{{Label: "often", Every: plan.Duration(5 * time.Minute)}, {Label: "seldom", Every: plan.Duration(15 * time.Minute)}}
	groups := []string{"own", "other"}
	p.Zones = []plan.Zone{{Label: "z", Name: "example.", Servers: pick(d.Rand, groups, groups[:1])}}
	for _, label := range []string{"apex", "more", "ns"} {
		q := plan.Query{Label: label, Schedule: pick(d.Rand, "often", "often", "seldom"), Servers: groups, QName: "example.", QType: "SOA",
			Transports: pick(d.Rand, measurement.Transports[:2], measurement.Transports[:1], measurement.Transports), Families: pick(d.Rand, measurement.Families, measurement.Families[1:], measurement.Families),
			Timeout: plan.Duration(4 * time.Second)}
		switch label {
		case "more":
			if d.chance(.6) {
				continue
			}
			q.QName = "Example."
		case "ns":
			q.QType = "NS"
		}
		if d.chance(.2) {
			q.VantagePoints = []measurement.VantagePoint{pick(d.Rand, p.VantagePoints...).ID, pick(d.Rand, p.VantagePoints...).ID}
		}
		if d.chance(.3) {
			q.Expect = "of no matter: rows say what came of it"
		}
		p.Queries = append(p.Queries, q)
	}
}

func percent(s string) plan.Percent {
	p, err := plan.ParsePercent(s)
	if err != nil {
		panic(err)
	}
	return p
}

func (d *drawing) objectives() {
	goal := func(most ...time.Duration) *plan.Goal {
		if d.chance(.3) {
			return nil
		}
		return &plan.Goal{Percentile: percent(pick(d.Rand, "50", "75", "95", "99.9", "100", "33.3")), AtMost: plan.Duration(pick(d.Rand, most...))}
	}
	p := d.cfg.Plan
	var labels []string
	for _, q := range p.Queries {
		labels = append(labels, q.Label)
	}
	for i := range 1 + d.IntN(3) {
		o := plan.Objective{Label: fmt.Sprint("o", i), Queries: labels, Per: plan.PerServer, Window: pick(d.Rand, "1d", "1d", "2d")}
		if d.chance(.4) {
			o.Per, o.Need = plan.PerGroup, 1+d.IntN(3)
		}
		if d.chance(.8) {
			a := percent(pick(d.Rand, "100", "99", "80", "50"))
			o.Availability = &a
		}
		o.UDP, o.TCP, o.TLS = goal(100*time.Millisecond, 200*time.Millisecond), goal(200*time.Millisecond), goal(200*time.Millisecond)
		o.Publication = goal(5*time.Minute, 10*time.Minute, 15*time.Minute, 30*time.Minute)
		p.Objectives = append(p.Objectives, o)
	}
}

func (d *drawing) exclusions() {
	for range 1 + d.IntN(3) {
		from := d.moment()
		e := plan.Note{From: *from, Until: from.Add(time.Duration(1+d.IntN(30)) * time.Minute)}
		if d.chance(.5) {
			e.VantagePoints = []measurement.VantagePoint{pick(d.Rand, d.cfg.Plan.VantagePoints...).ID}
		}
		if d.chance(.5) {
			e.RSIs = []measurement.RSI{pick(d.Rand, d.cfg.Plan.Servers...).RSI}
		}
		if d.chance(.4) {
			e.Paths = []string{pick(d.Rand, measurement.Paths...).String()}
		}
		d.cfg.Plan.Exclusions = append(d.cfg.Plan.Exclusions, e)
	}
}

// zone draws serials that come one after the other, and which of them the source shows.
func (d *drawing) zone() {
	base := pick(d.Rand, uint32(2026112900), 4294967294, 0)
	at := d.first - 1
	sourced := d.chance(.4)
	sights := map[uint32]time.Time{}
	for i := range uint32(2 + d.IntN(4)) {
		d.serials, d.released = append(d.serials, base+i), append(d.released, at)
		if sourced && d.chance(.8) {
			sights[base+i] = label(at).Add(time.Duration(d.IntN(900)) * time.Second)
		}
		at += 1 + d.IntN(5)
	}
	if sourced && d.chance(.5) { // the source was asked before all that is read
		sights[base-1] = label(-1000).Add(-time.Duration(d.IntN(900)) * time.Second)
		sights[base] = pick(d.Rand, label(-900), sights[base])
		sights[base-2] = label(-1002)
		if sights[base].IsZero() {
			delete(sights, base)
		}
	}
	if sourced {
		d.cfg.Sources = objectives.Sights{"example.": sights}
	}
	for _, s := range d.cfg.Plan.Servers {
		for _, v := range d.cfg.Plan.VantagePoints {
			d.lag[string(v.ID)+string(s.RSI)] = pick(d.Rand, 0, 0, 1, 2, 5)
		}
	}
}

// shown is what a server shows at a label.
func (d *drawing) shown(v measurement.VantagePoint, x measurement.RSI, at int) uint32 {
	serial := d.serials[0]
	for i, s := range d.serials {
		if at >= d.released[i]+d.lag[string(v)+string(x)] {
			serial = s
		}
	}
	switch {
	case v == d.liar && d.chance(.4):
		return pick(d.Rand, d.serials...) + pick(d.Rand, uint32(0), 0, 1000, 1<<31)
	case d.chance(.02):
		return d.serials[0]
	case d.chance(.01):
		return serial + 500 // lone
	}
	return serial
}

func (d *drawing) answers() {
	p := d.cfg.Plan
	for at := d.first; at < d.last; at++ {
		for _, v := range p.VantagePoints {
			if !d.chance(d.health[v.ID]) {
				continue
			}
			for _, q := range p.Queries {
				for i, s := range p.Servers {
					for _, f := range q.Families {
						for _, t := range q.Transports {
							if !d.chance(.03) {
								d.answer(v.ID, at, q, i, s, measurement.Path{Family: f, Transport: t})
							}
						}
					}
				}
			}
		}
	}
}

func (d *drawing) answer(v measurement.VantagePoint, at int, q plan.Query, i int, s plan.Server, path measurement.Path) {
	a := measurement.Answer{VantagePoint: v, Interval: label(at), Query: q.Label, RSI: s.RSI, Family: path.Family, Transport: path.Transport,
		Address: address(i, path.Family).String(), Outcome: measurement.Answered}
	switch {
	case d.chance(d.unsent):
		a.Outcome = measurement.LocalError
	case d.chance(d.ill[s.RSI]):
		a.Outcome = pick(d.Rand, measurement.Timeout, measurement.Refused, measurement.Answered)
	}
	if d.chance(d.off) {
		a.Address = pick(d.Rand, "198.51.100.9", "nonsense")
	}
	if a.Outcome == measurement.Answered {
		us := pick(d.Rand, int64(1), 50_000, 100_000, 100_001, 200_000, 200_001, 4_000_000, 4_000_001)
		rcode := measurement.NoError
		if d.chance(d.ill[s.RSI]) {
			rcode = measurement.ServFail
		}
		a.LatencyUS, a.RCode = &us, &rcode
		if q.Expect != "" && !d.chance(.1) {
			met := (rcode == measurement.NoError) != d.chance(.1)
			a.Expected = &met
		}
		if path.Transport == measurement.TLS && s.TLS != nil {
			auth := s.TLS.Verify.Proof()
			if d.chance(.2) {
				auth = pick(d.Rand, measurement.TLSAuths...)
			}
			a.TLSAuth = &auth
		}
		if q.QType == "SOA" && rcode == measurement.NoError && !d.chance(.05) {
			serial := int64(d.shown(v, s.RSI, at))
			a.ZoneSerial = &serial
		}
	}
	d.rows = append(d.rows, a)
}

func (d *drawing) allRuns() {
	wrong := false
	for at := d.first; at < d.last; at++ {
		for _, v := range d.cfg.Plan.VantagePoints {
			r := measurement.Run{VantagePoint: v.ID, Interval: label(at)}
			switch d.IntN(25) {
			case 0:
				r.ClockSynchronized = &wrong
			case 1:
				r.ReceivedAt = r.Interval.Add(-time.Minute)
			case 2:
				continue
			}
			if d.chance(.7) {
				t := r.Interval.Add(time.Duration(d.IntN(30)) * time.Minute)
				r.IngestedAt = &t
			}
			d.runs = append(d.runs, r)
		}
	}
	if d.chance(.1) { // a run that shows too much
		for i := range d.rows {
			if a := &d.rows[i]; a.ZoneSerial != nil && a.Interval.Equal(label(d.first+4)) {
				n := int64(uint32(*a.ZoneSerial) + uint32(i))
				a.ZoneSerial = &n
			}
		}
	}
	slices.SortFunc(d.rows, func(a, b measurement.Answer) int { return a.Interval.Compare(b.Interval) })
}
