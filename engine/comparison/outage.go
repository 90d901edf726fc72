package comparison

import (
	"math"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// outages are the hours in which either side saw more failures than is normal for it.
func (c *comparer) outages() []Outage {
	cells := len(c.RSIs) * pathCount
	each := make([][]Outage, cells)
	var widely [pathCount]map[int64][]bool
	for path := range widely {
		widely[path] = c.struckWidely(trouble{path: path})
	}
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for cell := range cells {
		group.Go(func() error {
			each[cell] = c.outagesOf(cell, cells*(c.ours.hours-c.ours.before), widely[cell%pathCount])
			return nil
		})
	}
	_ = group.Wait()
	list := slices.Concat(each...)
	if list == nil {
		return []Outage{}
	}
	return list
}

// outagesOf a path of an RSI; tests is how many hours are tested in all, and widely the hours of
// networks that were struck at most RSIs.
func (c *comparer) outagesOf(cell, tests int, widely map[int64][]bool) []Outage {
	level := chance / float64(tests)
	no := func(int) bool { return false }
	ours, crowd := c.ours.table(cell, failing), c.theirs.table(cell, failing)
	crowd.widely = widely
	our := ours.test(leastOurs, level, no)
	their := crowd.test(leastNetworks, level, func(h int) bool { return our[h].excess })
	var list []Outage
	var hours []int
	for h := c.ours.before; h <= c.ours.hours; h++ {
		if h < c.ours.hours && (our[h].excess || their[h].excess) {
			hours = append(hours, h)
			continue
		}
		for _, part := range oneOutage(hours, our, their) {
			list = append(list, c.outage(cell, part, ours, crowd, our, their, tests))
		}
		hours = nil
	}
	return list
}

// oneOutage are the hours on end that are one outage: all of them where both sides saw one in the same
// hour, else those of each side. What one saw after the other confirms nothing.
func oneOutage(hours []int, our, their []hourTest) (parts [][]int) {
	if slices.ContainsFunc(hours, func(h int) bool { return our[h].excess && their[h].excess }) {
		return [][]int{hours}
	}
	for i, h := range hours {
		if i > 0 && our[h].excess == our[h-1].excess {
			parts[len(parts)-1] = append(parts[len(parts)-1], h)
			continue
		}
		parts = append(parts, []int{h})
	}
	return parts
}

// outage sums hours on end up.
func (c *comparer) outage(cell int, hours []int, ours, crowd *table, our, their []hourTest, tests int) Outage {
	p := pathOf(cell % pathCount)
	o := Outage{RSI: c.RSIs[cell/pathCount], Family: p.Family, Transport: p.Transport, From: c.ours.timeOf(hours[0]), Until: c.ours.timeOf(hours[len(hours)-1] + 1), Opinion: NoData}
	var byOurs, byTheirs, notSeen, confirmed int
	both := func(h int) bool { return our[h].excess && their[h].excess }
	any, told := slices.ContainsFunc(hours, both), false
	for _, h := range hours {
		var w Window
		w.Strongest = their[h].Strongest
		for n := range ours.numbers {
			w.Ours += int(ours.asked[n][h])
			w.OursStruck += int(ours.struck[n][h])
		}
		w.P, w.Expected = rounded(min(1, their[h].raw*float64(tests))), math.Round(their[h].Expected*100)/100
		if our[h].excess {
			byOurs++
			their[h].conclude(&w, tests, c.looked(cell, h))
		}
		if their[h].excess {
			byTheirs++
		}
		switch w.Opinion {
		case NotSeen:
			notSeen++
		case Confirmed:
			confirmed++
		case NoData:
		}
		if (both(h) || !any) && (!told || w.clearer(o.Strongest)) { // of what both saw an hour in which they did
			o.Strongest, told = w.Strongest, true
		}
	}
	o.Regions = crowd.regionsOf(hours)
	switch {
	case byOurs > 0 && byTheirs > 0:
		o.SeenBy = SeenByBoth
		if confirmed > 0 {
			o.Opinion = Confirmed
		}
	case byTheirs > 0:
		o.SeenBy = SeenByTheirs
	default:
		o.SeenBy, o.Regions = SeenByOurs, []string{}
		if 2*notSeen > byOurs {
			o.Opinion = NotSeen
		}
	}
	return o
}

// stale lists when networks saw RSIs serve zones that were long replaced. What one network alone
// saw is not listed.
func (c *comparer) stale() []Stale {
	list := []Stale{}
	for r, rsi := range c.RSIs {
		var run *Stale
		for h := c.theirs.before; h <= c.theirs.hours; h++ {
			if h == c.theirs.hours || len(c.staleAt(r, h)) < 2 {
				if run != nil && (h == c.theirs.hours || !c.timeOf(h).Before(run.Until.Add(longReplaced))) {
					c.describeStale(r, run)
					list, run = append(list, *run), nil
				}
				continue
			}
			if run == nil {
				run = &Stale{RSI: rsi, From: c.timeOf(h)}
			}
			run.Until = c.timeOf(h + 1)
		}
	}
	return list
}

func (c *comparer) timeOf(h int) time.Time { return c.theirs.timeOf(h) }

// staleAt are the networks that saw an old zone in an hour.
func (c *comparer) staleAt(rsi, h int) map[int64]bool {
	met := map[int64]bool{}
	for i, b := range c.theirs.vps {
		if bits := b.old[rsi*c.theirs.hours+h]; bits != 0 {
			met[c.theirs.network(i, familyOf(bits))] = true
		}
	}
	return met
}

// familyOf the first path of which there is a bit.
func familyOf(bits uint8) int {
	if bits&3 != 0 {
		return 0
	}
	return 1
}

// describeStale says who saw it.
func (c *comparer) describeStale(rsi int, s *Stale) {
	from, until := c.theirs.hourOf(s.From.UnixMicro()), c.theirs.hourOf(s.Until.UnixMicro())
	saw := func(x *side, b *block) (bits uint8) {
		for h := from; h < until; h++ {
			bits |= b.old[rsi*x.hours+h]
		}
		return bits
	}
	networks, all, asked, hit := map[int64]bool{}, map[int64]bool{}, map[string]int{}, map[string]int{}
	for i, b := range c.theirs.vps {
		region := c.theirs.region(i)
		all[c.theirs.network(i, 0)] = true
		asked[region]++
		bits := saw(c.theirs, b)
		if bits == 0 {
			continue
		}
		s.Probes++
		networks[c.theirs.network(i, familyOf(bits))] = true
		hit[region]++
		for h := from; h < until; h++ {
			for path := range pathCount {
				if b.old[rsi*c.theirs.hours+h]>>path&1 == 0 {
					continue // or it is set apart
				}
				if worst := b.worst[c.theirs.dayOf(h)*len(c.RSIs)*pathCount+rsi*pathCount+path]; s.Oldest == 0 || int32(worst-uint32(s.Oldest)) < 0 {
					s.Oldest = int64(worst)
				}
			}
		}
	}
	for _, b := range c.ours.vps {
		if saw(c.ours, b) != 0 {
			s.Ours++
		}
	}
	s.Networks, s.Of, s.Regions = len(networks), len(all), []string{}
	for _, region := range c.theirs.regions() {
		if hit[region] > 1 && 50*hit[region] >= asked[region] {
			s.Regions = append(s.Regions, region)
		}
	}
}
