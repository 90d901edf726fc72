package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// Plant draws n faults from the seed, one after the other, so that the kinds of events come
// in turn. Each makes an event of its kind, its truth says from when until when; a move makes
// one when it begins and, unless it is for good, one when it ends.
func Plant(c Config, n int) ([]plan.Fault, error) {
	if n == 0 {
		return nil, nil
	}
	if err := c.Check(); err != nil {
		return nil, err
	}
	slot := c.Until.Sub(c.From) / time.Duration(n) / interval.Length * interval.Length
	switch {
	case n < 0 || slot < 24*time.Hour:
		return nil, fmt.Errorf("simulate: %d events in %s: at most one a day", n, c.Until.Sub(c.From))
	case len(c.VantagePoints) < 2:
		return nil, fmt.Errorf("simulate: events of one vantage point: want two at least, to tell its own from those of all")
	}
	p := &planter{Config: c, r: rand.New(rand.NewPCG(mix(c.Seed, streamPlant), 0)), taken: map[string]bool{}}
	for _, s := range c.Plan.ServersOf(c.soa().Servers) {
		p.rsis = append(p.rsis, s.RSI)
	}
	var faults []plan.Fault
	for i, kind := range p.kinds(n, slot) {
		// Events of one scope must not run into each other: the greatest gap is six hours.
		begin := c.From.Add(time.Duration(i) * slot)
		p.from, p.until = begin.Add(3*time.Hour), begin.Add(slot-4*time.Hour)
		f := p.fault(kind)
		f.Label, f.Percent = fmt.Sprintf("planted-%03d-%s", i+1, kind), 100
		faults = append(faults, f)
	}
	return faults, nil
}

func (c *Config) soa() plan.Query {
	q, _ := c.Plan.Query(measurement.QuerySOA)
	return q
}

// planter draws faults.
type planter struct {
	Config
	r           *rand.Rand
	rsis        []measurement.RSI
	from, until time.Time       // within which the fault must be
	taken       map[string]bool // vantage points and RSIs whose usual latency and site are no more
}

// kinds are those of n events, in an order drawn. What is slow needs two days before it to
// be slower than, and nobody is missed of a plan without vantage points.
func (p *planter) kinds(n int, slot time.Duration) []measurement.EventKind {
	all := slices.Clone(measurement.EventKinds)
	if len(p.Plan.VantagePoints) == 0 {
		all = slices.DeleteFunc(all, func(k measurement.EventKind) bool { return k == measurement.EventSilence })
	}
	kinds := make([]measurement.EventKind, n)
	for i := range kinds {
		kinds[i] = all[i%len(all)]
	}
	p.r.Shuffle(n, func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	early := min(n, int((usualLeast*time.Hour+slot-1)/slot))
	late := early
	for i := range kinds[:early] {
		if kinds[i] != measurement.EventSlow {
			continue
		}
		for late < n && kinds[late] == measurement.EventSlow {
			late++
		}
		if late == n {
			kinds[i] = measurement.EventOutage
			continue
		}
		kinds[i], kinds[late] = kinds[late], kinds[i]
	}
	return kinds
}

// lasts draws when a fault begins and ends, of a multiple of a step.
func (p *planter) lasts(least, most, step time.Duration) (from, until time.Time) {
	length := p.between(least, min(most, p.until.Sub(p.from)), step)
	from = p.from.Add(p.between(0, p.until.Sub(p.from)-length, step)).Truncate(step)
	return from, from.Add(length)
}

func (p *planter) between(least, most, step time.Duration) time.Duration {
	return least + time.Duration(p.r.Int64N(int64((most-least)/step)+1))*step
}

func (p *planter) rsi() []measurement.RSI { return []measurement.RSI{p.rsis[p.r.IntN(len(p.rsis))]} }

// vantagePoints draws n of them.
func (p *planter) vantagePoints(n int) []measurement.VantagePoint {
	all := slices.Clone(p.VantagePoints)
	p.r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	all = all[:n]
	slices.Sort(all)
	return all
}

// pair draws a vantage point and an RSI that no fault has moved or slowed before.
func (p *planter) pair() ([]measurement.VantagePoint, []measurement.RSI) {
	for {
		vps, rsis := p.vantagePoints(1), p.rsi()
		if key := string(vps[0]) + " " + string(rsis[0]); !p.taken[key] || len(p.taken) == len(p.VantagePoints)*len(p.rsis) {
			p.taken[key] = true
			return vps, rsis
		}
	}
}

func (p *planter) path() []string { return []string{paths[p.r.IntN(len(paths))].String()} }

// family draws both paths of a family.
func (p *planter) family() []string {
	f := 2 * p.r.IntN(2)
	return []string{paths[f].String(), paths[f+1].String()}
}

// fault draws one that makes an event of a kind.
func (p *planter) fault(kind measurement.EventKind) plan.Fault {
	f := plan.Fault{VantagePoints: []measurement.VantagePoint{}, RSIs: []measurement.RSI{}, Paths: []string{}, Tags: []string{}}
	const most = 6 * time.Hour
	switch kind {
	case measurement.EventOutage:
		f.Kind, f.RSIs, f.Paths = plan.FaultDown, p.rsi(), p.path()
		third := max(2, (len(p.VantagePoints)+2)/3)
		f.VantagePoints = p.vantagePoints(third + p.r.IntN(len(p.VantagePoints)-third+1))
		f.From, f.Until = p.lasts(2*interval.Length, most, interval.Length)
	case measurement.EventOutageLocal:
		f.Kind, f.VantagePoints, f.RSIs, f.Paths = plan.FaultServFail, p.vantagePoints(1), p.rsi(), p.path()
		f.From, f.Until = p.lasts(3*interval.Length, most, interval.Length)
	case measurement.EventSlow:
		f.Kind, f.Paths = plan.FaultSlow, p.path()
		f.VantagePoints, f.RSIs = p.pair()
		f.By = plan.Duration(p.between(300*time.Millisecond, 700*time.Millisecond, time.Millisecond))
		f.From, f.Until = p.lasts(3*time.Hour, 2*most, interval.Length)
	case measurement.EventStale:
		f.Kind, f.RSIs = plan.FaultFrozen, p.rsi()
		f.From, f.Until = p.unpublished()
	case measurement.EventWrong:
		f.Kind, f.RSIs, f.VantagePoints = plan.FaultWrong, p.rsi(), p.vantagePoints(2+p.r.IntN(len(p.VantagePoints)-1))
		f.From, f.Until = p.lasts(interval.Length, most, interval.Length)
	case measurement.EventInstance:
		// It begins on the hour: of an hour with both sites the table does not say that others answer.
		f.Kind, f.Paths = plan.FaultMoved, p.family()
		f.VantagePoints, f.RSIs = p.pair()
		f.By = plan.Duration(p.between(time.Millisecond, 200*time.Millisecond, time.Millisecond))
		f.From, f.Until = p.lasts(8*time.Hour, 16*time.Hour, time.Hour)
		if p.r.IntN(2) == 0 {
			f.Until = time.Time{}
		}
	case measurement.EventSilence, measurement.EventClock:
		f.Kind, f.VantagePoints = plan.FaultSilent, p.vantagePoints(1)
		if kind == measurement.EventClock {
			f.Kind = plan.FaultUnsynchronized
		}
		f.From, f.Until = p.lasts(2*interval.Length, 2*most, interval.Length)
	case measurement.EventOffPlan:
		f.Kind, f.VantagePoints, f.RSIs = plan.FaultOffPlan, p.vantagePoints(1), p.rsi()
		f.From, f.Until = p.lasts(interval.Length, most, interval.Length)
	case measurement.EventLocal:
		f.Kind, f.VantagePoints, f.Paths = plan.FaultUnreachable, p.vantagePoints(1), p.family()
		f.From, f.Until = p.lasts(2*interval.Length, most, interval.Length)
	}
	return f
}

// unpublished draws a time in which a zone comes that must have been shown, 65 minutes
// later, for a while; of less than two days, after which its answers would be incorrect.
func (p *planter) unpublished() (from, until time.Time) {
	w := world{Config: p.Config}
	var all []time.Time // when zones come
	for z := w.zoneAt(p.from.UnixMicro()); z <= w.zoneAt(p.until.UnixMicro()); z++ {
		at := interval.Of(*moment(w.published(z)))
		if !at.Add(-30*time.Minute).Before(p.from) && !at.Add(2*time.Hour).After(p.until) {
			all = append(all, at)
		}
	}
	at := all[p.r.IntN(len(all))]
	from = at.Add(-p.between(interval.Length, 30*time.Minute, interval.Length))
	return from, at.Add(p.between(2*time.Hour, min(8*time.Hour, p.until.Sub(at)), interval.Length))
}
