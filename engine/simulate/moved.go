package simulate

import (
	"cmp"
	"fmt"
	"slices"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// moved is the fault that has moved a vantage point to another site of an RSI, over a
// family; nil where it is served as usual. Of several the first by label counts.
func (w *world) moved(active []*fault, v, x, family int) *fault {
	for _, f := range active {
		if f.Kind == plan.FaultMoved && f.vps[v] && f.rsis[x] && f.paths[2*family] {
			return f
		}
	}
	return nil
}

// roundTripOf is the round trip in µs to the site that answers, and that site's name.
func (d *dayWork) roundTripOf(v, x, family int) (base int64, nsid *string) {
	base, nsid = d.w.base[d.w.baseOf(v, x, family)], &d.w.nsids[d.w.at(v, x)]
	if f := d.w.moved(d.active, v, x, family); f != nil {
		return base + f.by, &f.nsids[d.w.at(v, x)]
	}
	return base, nsid
}

// newSites names the sites that a fault moves vantage points to: others than usual.
func (w *world) newSites(f *fault) {
	for v := range w.vps {
		for x, rsi := range w.rsis {
			n := mix(f.draw, w.vps[v].word, text(string(rsi))) % 100
			if siteName(n, string(rsi)) == w.nsids[w.at(v, x)] {
				n = (n + 1) % 100
			}
			f.nsids = append(f.nsids, cmp.Or(f.Identity, siteName(n, string(rsi))))
		}
	}
}

func siteName(n uint64, rsi string) string { return fmt.Sprintf("s%02d.%s.mtric.example", n, rsi) }

// atSite is the labels of a day at which one site answered, one after the other.
type atSite struct {
	fault  int // that moved it there; -1 is the usual one
	first  int // index of the first label
	last   int
	labels int // that it answered at
}

// pair is a vantage point, RSI and family.
type pair struct{ v, x, family int }

// newcomerAfter is for how many labels that had an answer a site must not have answered to
// be another than usual: those of seven hours, since the last hour before does not count.
const newcomerAfter = 84

// instances are the moves to other sites: the labels at which one answers that did not
// for seven hours.
func (t *tally) instances() map[Scope][]int {
	all := map[Scope][]int{}
	visits := map[pair][]atSite{}
	for _, p := range t.parts {
		for at, sites := range p.sites {
			visits[at] = append(visits[at], sites...)
		}
	}
	for at, sites := range visits {
		for i, s := range sites {
			ago, answered := 0, false // labels since it answered
			for _, o := range slices.Backward(sites[:i]) {
				if answered = o.fault == s.fault; answered {
					break
				}
				ago += o.labels
			}
			if ago > 0 && (!answered || ago >= newcomerAfter) {
				scope := t.w.scope(measurement.EventInstance, at.v, at.x, 2*at.family)
				all[scope] = append(all[scope], t.w.hour(s.first))
			}
		}
	}
	return all
}
