package cli

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"mtric.net/mtric/engine/atlas/crowd"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/simulate"
)

// simulateAtlas writes results of a crowd of probes.
func (a *app) simulateAtlas(f simulateFlags) error {
	if f.wires || f.routes || f.events != 0 {
		return usagef("simulate: --atlas makes no lake: leave --wires, --routes and --events out")
	}
	config := crowd.Config{Seed: f.seed, Probes: f.vps, DNSMON: f.dnsmon}
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
	if f.faults != "" {
		if config.Faults, err = a.crowdFaults(f.faults, p); err != nil {
			return err
		}
	}
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
		err = a.printCrowd(f.out, truth)
	}
	return errors.Join(err, unlock())
}

// crowdFaults reads a faults file, in which vantage points may stand that a simulation of
// ours has.
func (a *app) crowdFaults(path string, p *plan.Plan) ([]plan.Fault, error) {
	const all = 899 // where the plan has none
	config := &simulate.Config{Plan: p}
	for _, v := range p.VantagePoints {
		config.VantagePoints = append(config.VantagePoints, v.ID)
	}
	if len(p.VantagePoints) == 0 {
		var err error
		if config.VantagePoints, err = simulate.VantagePoints(p, all); err != nil {
			return nil, err
		}
	}
	return a.faults(path, config)
}

// printCrowd writes the truth beside the results and prints it.
func (a *app) printCrowd(dir string, truth *crowd.Truth) error {
	text, err := writeTruth(dir, truth)
	if err != nil {
		return err
	}
	for _, f := range truth.Faults {
		if f.Queries == 0 && len(f.VantagePoints) == 0 && !a.flags.quiet {
			fmt.Fprintf(a.err, "mtric: fault %q struck no query; look at its times and places\n", f.Label)
		}
	}
	_, err = a.out.Write(text)
	return err
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
