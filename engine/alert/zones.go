package alert

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics"
)

// zoneFields are those fields of a window that are of zones of the plan, and of sites. Few
// rules read them: they are worked out row by row at each end, and sums have none of them.
var zoneFields = []string{"zone_serial", "zone_lag", "lone_serials", "serial_backward", "nsids_missing"}

// ownZones are the zones of the plan other than the root.
type ownZones struct {
	asked   map[[2]string]int32    // by query and RSI, of queries for their SOA
	servers []int                  // of each zone, that are asked
	vps     int                    // of the plan; 0 where it names none
	sources []map[uint32]time.Time // of each zone, when its source showed a serial first
	sites   map[string][]string    // by RSI
}

func newOwnZones(p *plan.Plan, store lake.Store) (*ownZones, error) {
	o := &ownZones{asked: map[[2]string]int32{}, vps: len(p.VantagePoints), servers: make([]int, len(p.Zones)), sources: make([]map[uint32]time.Time, len(p.Zones)), sites: map[string][]string{}}
	place := map[string]int32{}
	for i, z := range p.Zones {
		if place[z.Name] = int32(i); z.Source != "" {
			o.sources[i] = map[uint32]time.Time{}
		}
	}
	there := map[[2]string]bool{} // zone and RSI
	for _, q := range p.Queries {
		zone, servers, ok := p.ZoneOf(q)
		if !ok || q.QType != "SOA" {
			continue
		}
		for _, s := range servers {
			o.asked[[2]string{q.Label, string(s.RSI)}] = place[zone.Name]
			if key := [2]string{zone.Name, string(s.RSI)}; !there[key] && len(s.Addresses) > 0 {
				there[key] = true
				o.servers[place[zone.Name]]++
			}
		}
	}
	for _, s := range p.Servers {
		if len(s.Sites) > 0 {
			o.sites[string(s.RSI)] = s.Sites
		}
	}
	if !slices.ContainsFunc(p.Zones, func(z plan.Zone) bool { return z.Source != "" }) {
		return o, nil
	}
	rows, err := store.Serials()
	if err != nil {
		return nil, fmt.Errorf("window rules: serials of zones: %w", err)
	}
	for _, r := range rows {
		if i, ok := place[r.Zone]; ok && o.sources[i] != nil {
			o.sources[i][uint32(r.Serial)] = r.FirstSeen
		}
	}
	return o, nil
}

// of is the zone whose SOA a tuple is asked for; -1 is none.
func (o *ownZones) of(t tuple) int32 {
	if i, ok := o.asked[[2]string{t.query, t.rsi}]; ok {
		return i
	}
	return -1
}

// runOfZone is what one run showed of one zone.
type runOfZone struct {
	runAt
	zone int32
}

// noteOfZone notes a serial of a zone that a run showed; its rows come together. One that
// shows more than servers have is not believed of that zone.
func (g *gatherer) noteOfZone(run runAt, zone int32, serial uint32) {
	if g.ofRun != run || g.ofZone == nil {
		g.ofRun, g.ofZone = run, map[int32][]uint32{}
	}
	of := g.ofZone[zone]
	if len(of) > maxSerials || slices.Contains(of, serial) {
		return
	}
	if g.ofZone[zone] = append(of, serial); len(of) == maxSerials {
		g.crowded[runOfZone{run, zone}] = true
	}
}

// crowdedBy says whether a row is of such a run and zone.
func (g *gatherer) crowdedBy(r *row) bool {
	if len(g.crowded) == 0 {
		return false
	}
	t := g.tuples.values[r.tuple]
	return g.crowded[runOfZone{runAt{t.vantagePoint, r.slot}, g.own.of(t)}]
}

// zoneFacts are what a window of a combination shows of zones and of sites.
type zoneFacts struct {
	served   map[zoneSerial]bool
	backward int64
	sites    map[int32]map[string]bool // by RSI, those seen

	serial *int64
	lag    *float64
	lone   int64
	absent int64 // sites that were not seen
}

type zoneSerial struct {
	zone   int32
	serial uint32
}

// witnessed is who showed a serial in a window, and from which slot on.
type witnessed struct{ rsis, vps map[int32]int32 }

func (f *zoneFacts) fill(w *Window) {
	w.ZoneSerial, w.ZoneLag, w.LoneSerials, w.SerialBackward, w.NSIDsMissing = f.serial, f.lag, f.lone, f.backward, f.absent
}

// zoneCache has the facts of windows of one end, by their beginning.
type zoneCache map[time.Time][]zoneFacts

func (c zoneCache) of(v view, from, until time.Time) []zoneFacts {
	if c[from] == nil {
		z := zoneWindow{view: v, from: slotOf(from), until: slotOf(until), end: until, facts: make([]zoneFacts, len(v.group.combos)), shown: map[zoneSerial]*witnessed{}}
		z.walk()
		z.conclude()
		c[from] = z.facts
	}
	return c[from]
}

// zoneWindow is one window, whose rows are walked through once for all combinations.
type zoneWindow struct {
	view
	from, until int32
	end         time.Time
	facts       []zoneFacts
	shown       map[zoneSerial]*witnessed
}

func (z *zoneWindow) walk() {
	r, g := z.rows, z.group
	last := map[int32]uint32{} // by tuple
	var at cursor
	at.skip(r, z.from)
	at.upTo(r, z.until, func(row *row) {
		if !g.feeds[row.tuple].asked || row.outcome != outcomeAnswered || z.but != "" && r.vps[r.vpOf[row.tuple]] == z.but {
			return
		}
		f := &z.facts[g.of[row.tuple]]
		if row.nsid >= 0 {
			z.site(f, r.rsiOf[row.tuple], r.nsids[row.nsid])
		}
		if row.met&ofZone == 0 {
			return
		}
		key := zoneSerial{r.zoneOf[row.tuple], uint32(row.serial)}
		if before, known := last[row.tuple]; known && metrics.Newer(before, key.serial) {
			f.backward++
		}
		last[row.tuple] = key.serial
		if f.served == nil {
			f.served = map[zoneSerial]bool{}
		}
		f.served[key] = true
		z.witness(key, row.slot, r.rsiOf[row.tuple], r.vpOf[row.tuple])
	})
}

// site notes which sites an identity is of.
func (z *zoneWindow) site(f *zoneFacts, rsi int32, nsid string) {
	sites := z.rows.own.sites[z.rows.rsis[rsi]]
	if len(sites) == 0 {
		return
	}
	if f.sites == nil {
		f.sites = map[int32]map[string]bool{}
	}
	if f.sites[rsi] == nil {
		f.sites[rsi] = map[string]bool{}
	}
	for _, s := range sites {
		if strings.HasPrefix(nsid, s) {
			f.sites[rsi][s] = true
		}
	}
}

func (z *zoneWindow) witness(key zoneSerial, slot, rsi, vp int32) {
	w := z.shown[key]
	if w == nil {
		w = &witnessed{map[int32]int32{}, map[int32]int32{}}
		z.shown[key] = w
	}
	if _, known := w.rsis[rsi]; !known {
		w.rsis[rsi] = slot
	}
	if _, known := w.vps[vp]; !known {
		w.vps[vp] = slot
	}
}

// known says since when a serial counts as published, at the earliest the beginning of the
// window, and whether it does: its source showed it, or two servers and two vantage points, as
// many as there are.
func (z *zoneWindow) known(key zoneSerial) (since time.Time, ok bool) {
	begin := timeOf(z.from)
	if t, shown := z.rows.own.sources[key.zone][key.serial]; shown && t.Before(z.end) {
		if t.Before(begin) {
			t = begin
		}
		return t, true
	}
	w := z.shown[key]
	if w == nil {
		return time.Time{}, false
	}
	vps := z.rows.own.vps
	if vps == 0 {
		vps = len(z.rows.vps)
	}
	if z.but != "" {
		vps--
	}
	slot := int32(math.MinInt32)
	for _, by := range []struct {
		first map[int32]int32
		of    int
	}{{w.rsis, z.rows.own.servers[key.zone]}, {w.vps, vps}} {
		enough := max(1, min(2, by.of))
		if len(by.first) < enough {
			return time.Time{}, false
		}
		var slots []int32
		for _, s := range by.first {
			slots = append(slots, s)
		}
		slices.Sort(slots)
		slot = max(slot, slots[enough-1])
	}
	return timeOf(slot), true
}

// timeOf is the beginning of a slot.
func timeOf(slot int32) time.Time {
	return time.UnixMicro(int64(slot) * interval.Length.Microseconds()).UTC()
}

// conclude says of each combination what its window shows.
func (z *zoneWindow) conclude() {
	since := map[zoneSerial]time.Time{}
	for key := range z.shown {
		if t, ok := z.known(key); ok {
			since[key] = t
		}
	}
	for zone, shown := range z.rows.own.sources {
		for serial := range shown {
			key := zoneSerial{int32(zone), serial}
			if t, ok := z.known(key); ok {
				since[key] = t
			}
		}
	}
	for i := range z.facts {
		f := &z.facts[i]
		newest := map[int32][]uint32{} // known serials that were served, by zone
		for key := range f.served {
			if _, known := since[key]; known {
				newest[key.zone] = append(newest[key.zone], key.serial)
			} else if len(z.shown[key].rsis) == 1 && z.rows.own.servers[key.zone] > 1 {
				f.lone++
			}
		}
		z.newest(f, newest, since)
		for rsi, seen := range f.sites {
			f.absent += int64(len(z.rows.own.sites[z.rows.rsis[rsi]]) - len(seen))
		}
	}
}

// newest finds the newest serial of each zone, and how long a newer one has been published.
func (z *zoneWindow) newest(f *zoneFacts, served map[int32][]uint32, since map[zoneSerial]time.Time) {
	for zone, serials := range served {
		i := slices.IndexFunc(serials, func(s uint32) bool {
			return !slices.ContainsFunc(serials, func(o uint32) bool { return o != s && !metrics.Newer(s, o) })
		})
		if i < 0 {
			continue // some are in no order
		}
		lag := 0.0
		for key, t := range since {
			if key.zone == zone && metrics.Newer(key.serial, serials[i]) {
				lag = max(lag, z.end.Sub(t).Minutes())
			}
		}
		if f.lag == nil || lag > *f.lag {
			f.lag = &lag
		}
		if len(served) == 1 {
			f.serial = new(int64(serials[i]))
		}
	}
}

// asksZoneSOA reports whether answers to a query can show serials of a zone of the plan.
func (c *compiler) asksZoneSOA(q plan.Query) bool {
	_, _, ok := c.plan.ZoneOf(q)
	return ok && q.QType == "SOA"
}

// asksSites reports whether answers to a query can show sites that the plan names.
func (c *compiler) asksSites(q plan.Query) bool {
	return q.NSID && slices.ContainsFunc(c.plan.ServersOf(q.Servers), func(s plan.Server) bool { return len(s.Sites) > 0 })
}
