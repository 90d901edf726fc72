package alert

import (
	"strings"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// goals are the fields of the object objective, of the plan's objectives: what is bounded, by
// label, a - of which is written as _. Availability is in percent, latencies are in ms,
// publication latency is in minutes. They are constants: no report's verdict is among them.
func goals(objectives []plan.Objective) map[string]float64 {
	all := map[string]float64{}
	for _, o := range objectives {
		name := "objective." + strings.ReplaceAll(o.Label, "-", "_")
		if o.Availability != nil {
			all[name+".availability"], _ = o.Availability.Rat().Float64()
		}
		for _, t := range measurement.Transports {
			if g := o.Latency(t); g != nil {
				all[name+"."+string(t)] = float64(g.AtMost) / float64(time.Millisecond)
			}
		}
		if o.Publication != nil {
			all[name+".publication"] = time.Duration(o.Publication.AtMost).Minutes()
		}
		if o.Need > 0 {
			all[name+".need"] = float64(o.Need)
		}
	}
	return all
}
