package simulate

import (
	"cmp"
	"math"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// Event is what the table events should have: the labels of one kind and scope that were
// bad, by a fault or by chance.
type Event struct {
	Scope
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
	Faults []string  `json:"faults"` // that may be why, by label; none: chance
}

// rule is what makes an event of bad labels, from the table in docs/data.md.
type rule struct {
	gap   time.Duration
	least int
	step  time.Duration
	by    []plan.FaultKind // that may be why
}

// failing are the faults by which queries fail.
var failing = []plan.FaultKind{plan.FaultDown, plan.FaultRefused, plan.FaultUnreachable, plan.FaultReset, plan.FaultMalformed,
	plan.FaultServFail, plan.FaultRCode, plan.FaultSlow}

var clocks = []plan.FaultKind{plan.FaultSlowClock, plan.FaultFastClock, plan.FaultUnsynchronized}

var rules = map[measurement.EventKind]rule{
	measurement.EventOutage:      {30 * time.Minute, 2, interval.Length, failing},
	measurement.EventOutageLocal: {30 * time.Minute, 3, interval.Length, failing},
	measurement.EventSlow:        {2 * time.Hour, 2, time.Hour, []plan.FaultKind{plan.FaultSlow, plan.FaultMoved}},
	measurement.EventStale:       {30 * time.Minute, 2, interval.Length, []plan.FaultKind{plan.FaultStale, plan.FaultFrozen, plan.FaultFuture, plan.FaultFastClock, plan.FaultSlowClock}},
	measurement.EventWrong:       {6 * time.Hour, 1, interval.Length, []plan.FaultKind{plan.FaultWrong, plan.FaultStale, plan.FaultFrozen, plan.FaultFastClock}},
	measurement.EventInstance:    {2 * time.Hour, 1, time.Hour, []plan.FaultKind{plan.FaultMoved}},
	measurement.EventSilence:     {10 * time.Minute, 2, interval.Length, []plan.FaultKind{plan.FaultSilent, plan.FaultSlowClock}},
	measurement.EventClock:       {30 * time.Minute, 2, interval.Length, clocks},
	measurement.EventOffPlan:     {time.Hour, 1, interval.Length, []plan.FaultKind{plan.FaultOffPlan}},
	measurement.EventLocal:       {30 * time.Minute, 2, interval.Length, append(slices.Clone(failing), plan.FaultWrong, plan.FaultStale, plan.FaultFrozen, plan.FaultFastClock)},
}

// settled is how long after its label a run may come without being missed.
const settled = 30 * time.Minute

// events are those of the whole, by beginning, then kind and scope.
func (p *period) events() []Event {
	w, last := p.w, -1
	for _, part := range p.parts {
		last = max(last, part.lastRun)
	}
	all := []Event{}
	chain := func(s Scope, labels []time.Time) { all = append(all, w.chain(s, labels)...) }
	for s, indices := range p.marked() {
		if s.Kind == measurement.EventSilence { // the others have a run
			indices = slices.DeleteFunc(indices, func(i int) bool { return w.label(i).Add(settled).After(w.label(last)) })
		}
		chain(s, w.labels(indices))
	}
	for s, indices := range p.stale() {
		chain(s, w.labels(indices))
	}
	for _, hourly := range []map[Scope][]int{p.slow(), p.instances()} {
		for s, hours := range hourly {
			var labels []time.Time
			for _, n := range hours {
				if h := hourOf(n); !h.Add(time.Hour + settled).After(w.label(last)) { // it is over
					labels = append(labels, h)
				}
			}
			chain(s, labels)
		}
	}
	slices.SortFunc(all, func(a, b Event) int {
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.RSI, b.RSI), cmp.Compare(a.VantagePoint, b.VantagePoint),
			cmp.Compare(a.Family, b.Family), cmp.Compare(a.Transport, b.Transport), cmp.Compare(a.Serial, b.Serial))
	})
	return all
}

// marked are the bad labels of the kinds that look at one label at a time.
func (t *tally) marked() map[Scope][]int {
	all := map[Scope][]int{}
	for _, p := range t.parts {
		for s, indices := range p.marks {
			all[s] = append(all[s], indices...)
		}
	}
	return all
}

func (w *world) labels(indices []int) (all []time.Time) {
	for _, i := range indices {
		all = append(all, w.label(i))
	}
	return all
}

// chain makes events of the bad labels of a scope, in order.
func (w *world) chain(s Scope, labels []time.Time) (all []Event) {
	r := rules[s.Kind]
	for len(labels) > 0 {
		n := 1
		for n < len(labels) && labels[n].Sub(labels[n-1]) <= r.gap {
			n++
		}
		if n >= r.least {
			e := Event{Scope: s, From: labels[0], Until: labels[n-1].Add(r.step)}
			e.Faults = w.causes(e)
			all = append(all, e)
		}
		labels = labels[n:]
	}
	return all
}

// causes are the faults that are at the event's place and time, and of a kind that can make one.
func (w *world) causes(e Event) []string {
	names := []string{}
	for _, f := range w.faults {
		there := f.from.Before(e.Until) && e.From.Before(f.until) && slices.Contains(rules[e.Kind].by, f.Kind) ||
			f.Kind == plan.FaultMoved && e.Kind == measurement.EventInstance && e.From.Equal(f.until) // the way back
		for v := range w.vps {
			there = there && (w.vps[v].id != e.VantagePoint || f.vps[v])
		}
		for x := range w.rsis {
			there = there && (w.rsis[x] != e.RSI || f.rsis[x])
		}
		over := false
		for i, p := range paths {
			over = over || f.paths[i] && (e.Family == "" || e.Family == p.Family) && (e.Transport == "" || e.Transport == p.Transport)
		}
		if there && over {
			names = append(names, f.Label)
		}
	}
	slices.Sort(names)
	return names
}

// staleAfter is how many labels after T(s) a serial must be shown: 65 minutes.
const staleAfter = 13

// stale are the labels at which two vantage points, or the only one, got an older zone of
// an RSI than one published 65 minutes ago.
func (p *period) stale() map[Scope][]int {
	w, all := p.w, map[Scope][]int{}
	need := min(2, len(w.everyone))
	if len(w.Plan.VantagePoints) == 0 {
		need = min(2, len(w.vps))
	}
	due, newest := 0, math.MinInt // of published: those that must be shown
	shown := make([]int, 0, len(w.vps))
	for i := p.from; i < p.until; i++ {
		for ; due < len(p.published) && p.published[due].at+staleAfter <= i; due++ {
			newest = max(newest, p.published[due].zone)
		}
		for x, rsi := range w.rsis {
			shown = shown[:0] // zones, by vantage point that saw any
			for v := range w.vps {
				if z := p.minimum(i, v, x); z > unseen {
					shown = append(shown, z)
				}
			}
			if len(shown) < need {
				continue
			}
			slices.Sort(shown)
			oldest := shown[need-1] // so many got it, or an older one
			if oldest >= newest {
				continue
			}
			for _, s := range p.published[:due] {
				if s.zone > oldest {
					scope := Scope{Kind: measurement.EventStale, RSI: rsi, Serial: serial(s.zone)}
					all[scope] = append(all[scope], i)
				}
			}
		}
	}
	return all
}

// What an hour must have to be slow.
const (
	usualHours = 7 * 24
	usualLeast = 48
	slowLeast  = 6
	slowBy     = 20_000 // µs
)

// slow are the hours whose median is greater than usual by half, and by 20 ms.
func (t *tally) slow() map[Scope][]int {
	cells := map[int]bool{}
	for _, p := range t.parts {
		for cell := range p.medians {
			cells[cell] = true
		}
	}
	first, all := t.w.hour(0)/24*24, map[Scope][]int{}
	for cell := range cells {
		hours := make([]median, 0, 24*len(t.parts))
		for _, p := range t.parts {
			if day := p.medians[cell]; day != nil {
				hours = append(hours, day[:]...)
			} else {
				hours = append(hours, make([]median, 24)...)
			}
		}
		at, path := cell/len(paths), cell%len(paths)
		s := t.w.scope(measurement.EventSlow, at/len(t.w.rsis), at%len(t.w.rsis), path)
		for n, m := range hours {
			if usual, known := usualOf(hours[max(0, n-usualHours):n]); known && m.n >= slowLeast && m.us > usual+max(slowBy, usual/2) {
				all[s] = append(all[s], first+n)
			}
		}
	}
	return all
}

// usualOf is the lower median of the hours that have a median, where they are enough.
func usualOf(hours []median) (us int32, known bool) {
	var all []int32
	for _, m := range hours {
		if m.n > 0 {
			all = append(all, m.us)
		}
	}
	if len(all) < usualLeast {
		return 0, false
	}
	slices.Sort(all)
	return all[(len(all)-1)/2], true
}
