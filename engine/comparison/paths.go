package comparison

import (
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
)

// paths compares each RSI over each path.
func (c *comparer) paths() []Path {
	all := make([]Path, len(c.RSIs)*pathCount)
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for cell := range all {
		group.Go(func() error {
			all[cell] = c.path(cell)
			return nil
		})
	}
	_ = group.Wait()
	return all
}

// path compares an RSI over a path, in the hours in which both sides asked.
func (c *comparer) path(cell int) Path {
	at := pathOf(cell % pathCount)
	p := Path{RSI: c.RSIs[cell/pathCount], Family: at.Family, Transport: at.Transport, Apart: c.theirs.apart[cell], Regions: []Regional{}}
	both := c.covered(cell)
	for _, yes := range both[c.ours.before:] {
		if yes {
			p.Hours++
		}
	}
	if p.Hours == 0 {
		return p
	}
	ours, theirs := c.ours.measured(cell, both, nil), c.theirs.measured(cell, both, nil)
	p.Ours, p.Theirs = c.describe(ours), c.describe(theirs)
	p.Slower = c.slower(ours.latency.networks(), theirs.latency.networks())
	for _, region := range c.theirs.regions() {
		if m := c.theirs.measured(cell, both, &region); m.vps > 0 {
			p.Regions = append(p.Regions, Regional{region, c.describe(m)})
		}
	}
	return p
}

// regions of the side, by name.
func (s *side) regions() []string {
	met := map[string]bool{}
	for i := range s.vps {
		met[s.region(i)] = true
	}
	var all []string
	for region := range met {
		all = append(all, region)
	}
	slices.Sort(all)
	return all
}

// measured is one value a vantage point.
type measured struct {
	Counts
	vps                   int
	availability, latency sample
}

// measured sums a path up over hours, of all regions or one.
func (s *side) measured(cell int, hours []bool, region *string) measured {
	m := measured{availability: sample{}, latency: sample{}}
	for i, b := range s.vps {
		if region != nil && s.region(i) != *region {
			continue
		}
		var asked, failed int64
		var steps [scaleSteps]int
		n := 0
		askedAt, failedAt, tookAt := s.span(b.asked, cell), s.span(b.failed, cell), s.span(b.took, cell)
		for h := s.before; h < s.hours; h++ {
			if !hours[h] || askedAt[h] == 0 {
				continue
			}
			asked, failed = asked+int64(askedAt[h]), failed+int64(failedAt[h])
			if tookAt[h] > 0 {
				steps[tookAt[h]]++
				n++
			}
		}
		if asked == 0 {
			continue
		}
		network := s.network(i, cell%pathCount/2)
		m.vps++
		m.Asked, m.Good = m.Asked+asked, m.Good+asked-failed
		m.availability[network] = append(m.availability[network], (asked-failed)*million/asked)
		if n > 0 {
			m.latency[network] = append(m.latency[network], stepUS(ranked(&steps, (n+1)/2)))
		}
	}
	return m
}

// ranked is the step of the value of that rank, from 1.
func ranked(steps *[scaleSteps]int, rank int) uint8 {
	for i, n := range steps {
		if rank -= n; rank <= 0 {
			return uint8(i)
		}
	}
	return scaleSteps - 1
}

func (c *comparer) describe(m measured) Measured {
	return Measured{Counts: m.Counts, VantagePoints: m.vps, Networks: len(m.availability),
		Availability: c.availability(m.availability.networks()), Latency: c.latency(m.latency.networks())}
}

// content is what the crowd's SOA RRsets were by the archive; empty where none was held
// against it.
func (c *comparer) content() []Content {
	list := []Content{}
	for r, rsi := range c.RSIs {
		one, networks := Content{RSI: rsi}, map[int64]bool{}
		for i, b := range c.theirs.vps {
			one.Correct += b.soa[r].correct
			one.Unchecked += b.soa[r].unchecked
			one.Apart += b.soa[r].apart
			n := int64(0)
			for at, count := range b.wrong {
				switch {
				case at.cell/pathCount != r:
				case b.asked[at.cell*c.theirs.hours+at.hour] == 0:
					one.Apart += count
				default:
					n += count
					networks[c.theirs.network(i, at.cell%pathCount/2)] = true
				}
			}
			if one.Incorrect += n; n > 0 {
				one.Probes++
			}
		}
		one.Networks = len(networks)
		if one.Correct+one.Incorrect+one.Unchecked+one.Apart > 0 {
			list = append(list, one)
		}
	}
	return list
}
