package simulate

import (
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// fault is a plan.Fault made ready: what it covers by number.
type fault struct {
	plan.Fault
	number      int // in Config.Faults
	from, until time.Time
	vps, rsis   []bool
	paths       [4]bool
	by          int64 // µs
	draw        uint64
	nsids       []string // moved: the sites that answer, by vantage point, RSI
}

// precedence orders faults that meet in one query: what happens first on the way
// of a query wins. Slow and stale add up.
func precedence(k plan.FaultKind) int { return slices.Index(plannedOrder, k) }

var plannedOrder = []plan.FaultKind{plan.FaultSilent, plan.FaultUnsynchronized, plan.FaultSlowClock, plan.FaultFastClock, plan.FaultOffPlan, plan.FaultLocalError, plan.FaultUnreachable, plan.FaultRefused,
	plan.FaultReset, plan.FaultDown, plan.FaultMalformed, plan.FaultRCode, plan.FaultServFail, plan.FaultTruncated,
	plan.FaultSlow, plan.FaultMoved, plan.FaultFrozen, plan.FaultStale, plan.FaultFuture, plan.FaultWrong}

func (w *world) newFault(f plan.Fault) fault {
	made := fault{Fault: f, number: slices.IndexFunc(w.Faults, func(o plan.Fault) bool { return o.Label == f.Label }),
		from: f.From, until: f.Until, by: time.Duration(f.By).Microseconds(), draw: mix(w.Seed, streamFault, text(f.Label))}
	if made.until.IsZero() {
		made.until = w.Until // for good
	}
	for _, v := range w.vps {
		made.vps = append(made.vps, (len(f.VantagePoints) == 0 || slices.Contains(f.VantagePoints, v.id)) && Strikes(w.Seed, &f, v.region, v.word))
	}
	for _, x := range w.rsis {
		made.rsis = append(made.rsis, len(f.RSIs) == 0 || slices.Contains(f.RSIs, x))
	}
	for i, p := range paths {
		made.paths[i] = (len(f.Paths) == 0 || slices.Contains(f.Paths, p.String())) &&
			(f.Kind != plan.FaultReset || p.Transport == measurement.TCP) && (f.Kind != plan.FaultTruncated || p.Transport == measurement.UDP)
	}
	return made
}

// Strikes says whether a fault strikes a network, which lies in that region, as far as its
// regions and its share go. Which networks a share is of is drawn from the seed and the
// fault's label; network is any number that stays the same.
func Strikes(seed uint64, f *plan.Fault, region string, network uint64) bool {
	return (len(f.Regions) == 0 || slices.Contains(f.Regions, region)) &&
		(f.Share == 0 || mix(seed, streamFault, text(f.Label), streamPlace, network)%100 < uint64(f.Share))
}

// Drawn says whether a query, which these words name, is of the share that a fault strikes.
func Drawn(seed uint64, f *plan.Fault, words ...uint64) bool {
	return f.Percent >= 100 || mix(append([]uint64{seed, streamFault, text(f.Label)}, words...)...)%100 < uint64(f.Percent)
}

// active are the faults of an interval.
func (w *world) active(label time.Time) []*fault {
	var all []*fault
	for i := range w.faults {
		if f := &w.faults[i]; !label.Before(f.from) && label.Before(f.until) {
			all = append(all, f)
		}
	}
	return all
}

// applies reports whether the fault hits one query. What share it hits is drawn
// from its label and the names of the place, so that nothing else depends on it.
func (w *world) applies(f *fault, label time.Time, v, x, path int, ask string) bool {
	if !f.vps[v] || !f.rsis[x] || !f.paths[path] {
		return false
	}
	return f.Percent >= 100 || mix(f.draw, uint64(label.Unix()), w.vps[v].word, text(string(w.rsis[x])), uint64(path), text(ask))%100 < uint64(f.Percent)
}

// Kinds that strike whole runs.
var runFaults = []plan.FaultKind{plan.FaultSilent, plan.FaultUnsynchronized, plan.FaultSlowClock, plan.FaultFastClock}

// silenced reports whether the vantage point makes no run.
func silenced(active []*fault, v int) *fault {
	for _, f := range active {
		if f.Kind == plan.FaultSilent && f.vps[v] {
			return f
		}
	}
	return nil
}

// clock is that of a vantage point. Labels and times of rows are its own; servers and the
// collector go by the true time.
type clock struct {
	behind         int64 // µs; negative where it is fast
	unsynchronized bool  // and known to be
}

// doubtful reports whether a run by this clock accuses nobody on grounds of time: it is
// known to be wrong, or the run is there before its own label.
func (c clock) doubtful() bool {
	return c.unsynchronized || c.behind <= -interval.Length.Microseconds()
}

func (d *dayWork) clockOf(v int) (c clock) {
	for _, f := range d.active {
		if !f.vps[v] {
			continue
		}
		switch f.Kind {
		case plan.FaultUnsynchronized:
			c.unsynchronized = true
		case plan.FaultSlowClock:
			c.behind += f.by
		case plan.FaultFastClock:
			c.behind -= f.by
		default:
			continue
		}
		d.part.affected[f.number] += int64(len(d.queries))
	}
	return c
}

// elsewhere is an address that no plan has, of documentation (RFC 5737, RFC 3849).
func elsewhere(family int) string {
	return [2]string{"192.0.2.53", "2001:db8::53"}[family]
}

// tag is the rule that a wrong answer to such a question breaks; empty where the
// fault names none for it.
func (f *fault) tag(k kind, draw uint64) string {
	if k == otherKind {
		return ""
	}
	known := plan.FaultTags[kindNames[k]]
	var fit []string
	for _, t := range known {
		if len(f.Tags) == 0 || slices.Contains(f.Tags, t) {
			fit = append(fit, t)
		}
	}
	if len(fit) == 0 {
		return ""
	}
	return fit[draw%uint64(len(fit))]
}
