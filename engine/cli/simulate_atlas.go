package cli

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"mtric.net/mtric/engine/atlas/crowd"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// simulateAtlas writes results of a crowd of probes.
func (a *app) simulateAtlas(f simulateFlags) error {
	if f.wires || f.routes || f.faults != "" || f.events != 0 {
		return usagef("simulate: --atlas makes no lake: leave --wires, --routes, --faults and --events out")
	}
	config := crowd.Config{Seed: f.seed, Probes: f.vps}
	var err error
	if config.From, err = parseLabel(f.from); err != nil {
		return err
	}
	if config.Until, err = parseLabel(f.until); err != nil {
		return err
	}
	p, err := a.loadPlan()
	if err != nil {
		return err
	}
	config.Servers = serversAt(p, config.From)
	if err := config.Check(); err != nil {
		return usagef("simulate: %w", err)
	}
	if a.flags.dryRun {
		if _, err := checkReplaceable(f.out); err != nil {
			return err
		}
		_, err := fmt.Fprintf(a.out, "would write results of %d probes to %s\n", f.vps, f.out)
		return err
	}
	unlock, err := a.clearOut(f.out)
	if err != nil {
		return err
	}
	bar := a.progress(-1, "simulating half hours")
	config.Progress = bar.step
	truth, err := crowd.Run(f.out, config)
	bar.done()
	if err == nil {
		var text []byte
		if text, err = writeTruth(f.out, truth); err == nil {
			_, err = a.out.Write(text)
		}
	}
	return errors.Join(err, unlock())
}

// serversAt are the addresses of the servers of a plan at that time.
func serversAt(p *plan.Plan, at time.Time) map[measurement.RSI][2]netip.Addr {
	all := map[measurement.RSI][2]netip.Addr{}
	for _, s := range p.Servers {
		both := all[s.RSI]
		for _, address := range s.Addresses {
			if address.From != nil && at.Before(*address.From) || address.Until != nil && !at.Before(*address.Until) {
				continue
			}
			for i, f := range measurement.Families {
				if address.Family == f {
					both[i] = address.Address
				}
			}
		}
		all[s.RSI] = both
	}
	return all
}
