package objectives

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

const (
	maxSerials = metrics.MaxSerials
	mostLone   = 100 // of a zone are told; a server can show another with every answer
)

// zone is what is known of the serials of one zone.
type zone struct {
	a       *Accumulator
	name    string
	books   []*book
	trusted map[[2]int]bool // by vantage point and label

	sights   []sight         // by serial
	sources  map[uint32]int  // the label from which the source showed it
	known    map[uint32]bool // serials that count
	initial  []uint32        // known ones that were there first: nobody knows when they came
	accepted map[uint32]int  // T(s) of known serials that are newer than all of these
}

// witness is a serial that a server showed a vantage point.
type witness struct {
	serial uint32
	vp     int
	rsi    measurement.RSI
}

// sight is the first label at which that was seen.
type sight struct {
	witness
	at int
}

// zone gathers what the queries for a zone's SOA showed. Exclusions of single servers move
// nothing here.
func (a *Accumulator) zone(name string) *zone {
	z := &zone{a: a, name: name, trusted: map[[2]int]bool{},
		sources: map[uint32]int{}, known: map[uint32]bool{}, accepted: map[uint32]int{}}
	for _, b := range a.books {
		if b.zone == name {
			z.books = append(z.books, b)
		}
	}
	for serial, t := range a.cfg.Sources[name] {
		if !t.After(a.sighted()) {
			z.sources[serial] = a.at(t)
		}
	}
	z.trust()
	z.sight()
	for _, serial := range z.serials() {
		if z.isKnown(serial) {
			z.known[serial] = true
		}
	}
	z.date()
	return z
}

// sighted is until when sights at sources count: as long as runs do, so that a report that is
// computed again has the same ones.
func (a *Accumulator) sighted() time.Time {
	for _, t := range []time.Time{a.cfg.ReceivedUntil, a.received} {
		if !t.IsZero() {
			return t
		}
	}
	return a.cfg.DataUntil
}

// serials are all that were seen, ascending.
func (z *zone) serials() []uint32 {
	all := slices.Collect(maps.Keys(z.sources))
	for _, s := range z.sights {
		all = append(all, s.serial)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// of are the sights of a serial.
func (z *zone) of(serial uint32) []sight {
	compare := func(s sight, serial uint32) int { return cmp.Compare(s.serial, serial) }
	from, _ := slices.BinarySearchFunc(z.sights, serial, compare)
	n := 0
	for n < len(z.sights)-from && z.sights[from+n].serial == serial {
		n++
	}
	return z.sights[from : from+n]
}

// firstBy are the first labels of sights, by their witness in one sense, ascending.
func firstBy[K comparable](sights []sight, of func(sight) K) []int {
	first := map[K]int{}
	for _, s := range sights {
		earliest(first, of(s), s.at)
	}
	return slices.Sorted(maps.Values(first))
}

func byVP(s sight) int                 { return s.vp }
func byServer(s sight) measurement.RSI { return s.rsi }

// each visits what the servers of the zone showed: entries of planned queries that were sent
// to the plan's address.
func (z *zone) each(visit func(b *book, vp, at, server, path int, e entry)) {
	for _, b := range z.books {
		for key, page := range b.pages {
			for i, e := range page {
				server, path := i/len(b.paths)%len(b.servers), i%len(b.paths)
				if at := key[1]*perDay + i/len(b.paths)/len(b.servers); e.shows() && b.ofZone[server] && at < z.a.data {
					visit(b, key[0], at, server, path, e)
				}
			}
		}
	}
}

// trust tells the runs that may date serials: the clock was not known to be wrong, and the
// run shows no more serials than servers have.
func (z *zone) trust() {
	shown := map[[2]int]map[uint32]bool{}
	z.each(func(_ *book, vp, at, _, _ int, e entry) {
		key := [2]int{vp, at}
		if shown[key] == nil {
			shown[key] = map[uint32]bool{}
		}
		shown[key][e.serial] = true
	})
	for key, serials := range shown {
		z.trusted[key] = len(serials) <= maxSerials && z.a.runs[run{z.a.vps[key[0]].id, key[1]}]&untrusted == 0
	}
}

// trusts says whether what a run shows counts; one that shows nothing says so too.
func (z *zone) trusts(vp, at int) bool {
	t, shown := z.trusted[[2]int{vp, at}]
	return t || !shown && z.a.runs[run{z.a.vps[vp].id, at}]&untrusted == 0
}

// sight notes the first labels of trusted sightings.
func (z *zone) sight() {
	first := map[witness]int{}
	z.each(func(b *book, vp, at, server, path int, e entry) {
		rsi := b.servers[server].RSI
		if !z.trusts(vp, at) || z.a.excluded(z.a.vps[vp].id, at, rsi, b.paths[path], false) {
			return
		}
		earliest(first, witness{e.serial, vp, rsi}, at)
	})
	for w, at := range first {
		z.sights = append(z.sights, sight{w, at})
	}
	slices.SortFunc(z.sights, func(a, b sight) int {
		return cmp.Or(cmp.Compare(a.serial, b.serial), cmp.Compare(a.vp, b.vp), cmp.Compare(a.rsi, b.rsi))
	})
}

func earliest[K comparable](m map[K]int, key K, at int) {
	if was, known := m[key]; !known || at < was {
		m[key] = at
	}
}

// isKnown says whether a serial counts: the source has shown it, or two servers and two
// vantage points have; as many as there are, where there is one.
func (z *zone) isKnown(serial uint32) bool {
	if _, ok := z.sources[serial]; ok {
		return true
	}
	vps, servers := firstBy(z.of(serial), byVP), firstBy(z.of(serial), byServer)
	return len(servers) >= min(2, z.serversAt(vps[0])) && len(vps) >= min(2, z.around(vps[0], -1))
}

// serversAt is how many servers of the zone had an address at a label, at least one.
func (z *zone) serversAt(at int) int {
	there := map[measurement.RSI]bool{}
	for _, b := range z.books {
		for i, s := range b.servers {
			if b.ofZone[i] && len(b.valid[at*len(b.servers)+i]) > 0 {
				there[s.RSI] = true
			}
		}
	}
	return max(1, len(there))
}

// around is how many vantage points that ask the zone are within their dates from a label to
// 15 minutes later, one left out.
func (z *zone) around(first, left int) (n int) {
	for i, v := range z.a.vps {
		for at := first; i != left && at <= first+metrics.Grace; at++ {
			if v.within(at) && slices.ContainsFunc(z.books, func(b *book) bool { return z.a.asks(b, i) }) {
				n++
				break
			}
		}
	}
	return n
}

// published is T(s): the first sight at the source, else the first sighting, but no more than
// 15 minutes before a second vantage point's, and not before a second server's: one server
// that shows what is to come must not make all others late. Of two servers none can tell
// that the other was late, so there is none. One vantage point may be left out.
func (z *zone) published(serial uint32, left int) (at int, ok bool) {
	if at, ok := z.sources[serial]; ok {
		return at, true
	}
	sights := z.of(serial)
	if left >= 0 {
		sights = slices.DeleteFunc(slices.Clone(sights), func(s sight) bool { return s.vp == left })
	}
	if len(sights) == 0 {
		return 0, false
	}
	vps, servers := firstBy(sights, byVP), firstBy(sights, byServer)
	there := z.serversAt(vps[0])
	enoughVPs, enoughServers := min(2, z.around(vps[0], left)), min(2, there)
	if there == 2 || len(vps) < enoughVPs || len(servers) < enoughServers {
		return 0, false
	}
	return max(vps[0], vps[enoughVPs-1]-metrics.Grace, servers[enoughServers-1]), true
}

// date finds the known serials that were there first, those with the earliest T(s) and what
// the source showed last before all that is read, and T(s) of all that are newer than these.
func (z *zone) date() {
	start, before := farAway, longAgo
	for serial := range z.known {
		if at, ok := z.published(serial, -1); ok && at < 0 {
			before = max(before, at)
		} else if ok {
			start = min(start, at)
		}
	}
	for serial := range z.known {
		at, ok := z.published(serial, -1)
		_, source := z.sources[serial]
		watched := source && before > longAgo // it was not there when the source was asked before
		if ok && (at == before || at == start && !watched) {
			z.initial = append(z.initial, serial)
		}
	}
	for serial := range z.known {
		at, ok := z.published(serial, -1)
		if ok && !slices.ContainsFunc(z.initial, func(i uint32) bool { return !metrics.Newer(serial, i) }) {
			z.accepted[serial] = at
		}
	}
}

// dated is a serial and T(s).
type dated struct {
	serial uint32
	at     int
}

// ofWindow are the serials whose T(s) lies in a window, by T(s).
func (z *zone) ofWindow(from, until int) (list []dated) {
	for serial, at := range z.accepted {
		if at >= from && at < until {
			list = append(list, dated{serial, at})
		}
	}
	slices.SortFunc(list, func(a, b dated) int {
		if a.at != b.at {
			return a.at - b.at
		}
		return int(int64(a.serial) - int64(b.serial))
	})
	return list
}

// lone are the serials that one server alone showed, of several: the first hundred.
func (z *zone) lone() (list []Published) {
	for _, serial := range z.serials() {
		if sights := z.of(serial); !z.known[serial] && len(firstBy(sights, byServer)) == 1 {
			list = append(list, Published{Zone: z.name, Serial: serial, T: z.a.label(firstBy(sights, byVP)[0])})
		}
	}
	slices.SortStableFunc(list, func(a, b Published) int { return a.T.Compare(b.T) })
	return list[:min(len(list), mostLone)]
}

// minutes is the length of an interval, in microseconds.
const length = int64(interval.Length / time.Microsecond)
