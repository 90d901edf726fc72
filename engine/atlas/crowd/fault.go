package crowd

import (
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/simulate"
)

// oursAlone are the kinds of faults that are of vantage points of ours: probes ask where
// their measurement says, and have wrong clocks anyway.
var oursAlone = []plan.FaultKind{plan.FaultOffPlan, plan.FaultFuture, plan.FaultUnsynchronized, plan.FaultSlowClock, plan.FaultFastClock}

// precedence are the kinds that decide what becomes of a query, what happens first on its
// way before the others: as in lakes of ours.
var precedence = []plan.FaultKind{plan.FaultSilent, plan.FaultLocalError, plan.FaultUnreachable, plan.FaultRefused, plan.FaultReset, plan.FaultDown, plan.FaultMalformed,
	plan.FaultRCode, plan.FaultServFail, plan.FaultTruncated}

// fault is a fault of the crowd.
type fault struct {
	plan.Fault
	seed    uint64
	rsis    map[measurement.RSI]bool // nil is all
	paths   [2][2]bool               // by family, and UDP and TCP
	queries int64
}

func newFault(seed uint64, f plan.Fault) *fault {
	made := &fault{Fault: f, seed: seed}
	for _, rsi := range f.RSIs {
		if made.rsis == nil {
			made.rsis = map[measurement.RSI]bool{}
		}
		made.rsis[rsi] = true
	}
	for i, family := range measurement.Families {
		for j, transport := range []measurement.Transport{measurement.UDP, measurement.TCP} {
			path := measurement.Path{Family: family, Transport: transport}
			made.paths[i][j] = (len(f.Paths) == 0 || slices.Contains(f.Paths, path.String())) &&
				(f.Kind != plan.FaultReset || transport == measurement.TCP) && (f.Kind != plan.FaultTruncated || transport == measurement.UDP)
		}
	}
	return made
}

// strikes says whether it may strike a probe.
func (f *fault) strikes(p *probe) bool {
	return len(f.VantagePoints) == 0 && simulate.Strikes(f.seed, &f.Fault, p.country.region, uint64(p.asn))
}

// active are the faults of an interval that begins then.
func (w *world) active(label time.Time) (all []int) {
	for i, f := range w.faults {
		if !label.Before(f.From) && (f.Until.IsZero() || label.Before(f.Until)) {
			all = append(all, i)
		}
	}
	return all
}

// strike finds out what faults do to a query. A server's fault does not reach who is
// answered by somebody else.
func (w *world) strike(q *query) {
	if len(w.faults) == 0 {
		return
	}
	if at := interval.Of(time.Unix(q.sent, 0).UTC()); !at.Equal(w.label) {
		w.label, w.now = at, w.active(at)
	}
	for _, i := range w.now {
		f := w.faults[i]
		elsewhere := f.Kind != plan.FaultSilent && q.probe.intercepted && !q.tcp
		if elsewhere || !q.probe.struck[i] || f.rsis != nil && !f.rsis[q.rsi] || !f.paths[q.f][bit(q.tcp)] || !w.drawnFor(f, q) {
			continue
		}
		q.faults = append(q.faults, f)
		switch f.Kind {
		case plan.FaultSlow, plan.FaultMoved:
			by := float64(time.Duration(f.By).Microseconds()) / 1000
			if f.Kind == plan.FaultMoved {
				q.moved = f
				by *= float64(1 + bit(q.tcp)) // there and back twice
			}
			q.slower += by
		case plan.FaultStale:
			q.stale += time.Duration(f.By).Microseconds()
		case plan.FaultFrozen:
			if q.frozen.IsZero() || f.From.Before(q.frozen) {
				q.frozen = f.From
			}
		case plan.FaultWrong:
			q.wrong = true
		default:
			if q.fate == nil || slices.Index(precedence, f.Kind) < slices.Index(precedence, q.fate.Kind) {
				q.fate = f
			}
		}
	}
}

// drawnFor says whether a query is of the share that a fault strikes.
func (w *world) drawnFor(f *fault, q *query) bool {
	return simulate.Drawn(f.seed, &f.Fault, uint64(q.sent), uint64(q.probe.id), uint64(number[q.rsi]), uint64(2*q.f+bit(q.tcp)))
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// overruled is what a fault makes of a query for the SOA, whatever else would have become of it.
func (w *world) overruled(q query, drawn fate) fate {
	none := fate{outcome: measurement.Timeout, text: `"error":{"timeout":5000}`}
	switch q.fate.Kind {
	case plan.FaultUnreachable:
		return unreachable(q)
	case plan.FaultRefused:
		if !q.tcp { // probes do not see ICMP
			return none
		}
		return fate{outcome: measurement.Refused, text: `"error":{"TUCONNECT":"Connection refused"}`}
	case plan.FaultReset:
		return fate{outcome: measurement.Reset, text: `"error":{"TU_READ_ERR":"Connection reset by peer"}`}
	case plan.FaultLocalError:
		return fate{outcome: measurement.LocalError, text: `"error":{"TUDNS":"1"}`, nowhere: true}
	case plan.FaultMalformed:
		return fate{outcome: measurement.Malformed, text: w.reply(q, kindCut, q.probe.base, 0)}
	case plan.FaultRCode, plan.FaultServFail, plan.FaultTruncated:
		return fate{outcome: measurement.Answered, text: w.reply(q, kindRCode+rcodeOf(q.fate.Fault), q.probe.base, 0)}
	case plan.FaultSilent:
		drawn.silent = true
		return drawn
	}
	return none
}

// rcodeOf is the rcode that a fault answers with.
func rcodeOf(f plan.Fault) string {
	switch f.Kind {
	case plan.FaultRCode:
		return f.RCode
	case plan.FaultServFail:
		return measurement.ServFail
	}
	return measurement.NoError // and TC
}

// tellFaults says in the truth whom the faults struck.
func (w *world) tellFaults() {
	for i, f := range w.faults {
		told := FaultTruth{Fault: f.Fault, ASNs: []uint32{}, Queries: f.queries}
		for j := range w.probes {
			if p := &w.probes[j]; p.struck[i] {
				told.Probes++
				if len(f.Regions) > 0 || f.Share > 0 {
					told.ASNs = append(told.ASNs, p.asn)
				}
			}
		}
		slices.Sort(told.ASNs)
		told.ASNs = slices.Compact(told.ASNs)
		w.truth.Faults = append(w.truth.Faults, told)
	}
}
