package simulate

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// The four paths in the order of the lake; their numbers index every table here.
var paths = [4]measurement.Path{
	{Family: measurement.IPv4, Transport: measurement.TCP}, {Family: measurement.IPv4, Transport: measurement.UDP},
	{Family: measurement.IPv6, Transport: measurement.TCP}, {Family: measurement.IPv6, Transport: measurement.UDP},
}

func pathNumber(p measurement.Path) int { return slices.Index(paths[:], p) }

// tcpPath and familyOf read a path's number.
func tcpPath(path int) bool { return path&1 == 0 }
func familyOf(path int) int { return path >> 1 }

// world is what does not change while rows are made: who asks, who is asked and
// how they are placed.
type world struct {
	Config
	vps    []place
	rsis   []measurement.RSI // all that are asked, sorted
	asks   []ask             // sorted by label
	faults []fault           // by precedence
	slowed []bool            // by vantage point, RSI, path: some fault makes it slow
	moves  []bool            // by vantage point, RSI, family: some fault moves it
	jitter [4096]int64       // lognormal factors around 1024

	base  []int64  // µs of a round trip: by vantage point, RSI, family
	nsids []string // of the site that answers: by vantage point, RSI
	delay []int64  // µs from publication to the first site: by RSI

	everyone []place  // vps, and after them those of the plan that are not simulated
	inSystem []bool   // by RSI: query soa asks it
	rssBound [4]int64 // by path: µs of the RSS latency's threshold of the whole
	last     int      // the last zone that comes before the end

	names   *names     // without wires
	wires   *wireWorld // nil without wires
	planSum string
	oldest  int // no zone in any row is older
}

// place is a vantage point and its time in service.
type place struct {
	id          measurement.VantagePoint
	word        uint64    // of mix
	region      string    // empty where the plan does not say it
	from, until time.Time // zero is open
}

// newWorld lays everything out that rows are made from.
func newWorld(c Config) (*world, error) {
	w := &world{Config: c}
	for _, id := range sortedVPs(c.VantagePoints) {
		w.vps = append(w.vps, placeOf(c.Plan, id))
	}
	w.everyone = slices.Clone(w.vps)
	for _, v := range c.Plan.VantagePoints {
		if !slices.Contains(c.VantagePoints, v.ID) {
			w.everyone = append(w.everyone, placeOf(c.Plan, v.ID))
		}
	}
	for _, q := range c.Plan.Queries {
		for _, s := range c.Plan.ServersOf(q.Servers) {
			if !slices.Contains(w.rsis, s.RSI) {
				w.rsis = append(w.rsis, s.RSI)
			}
		}
	}
	slices.Sort(w.rsis)
	for _, q := range c.Plan.Queries {
		w.asks = append(w.asks, w.newAsk(q))
	}
	slices.SortFunc(w.asks, func(a, b ask) int { return strings.Compare(a.Label, b.Label) })
	for i := range w.asks {
		w.asks[i].number = i
	}
	w.inSystem = make([]bool, len(w.rsis))
	for _, x := range w.soaAsk().servers {
		w.inSystem[x] = true
	}
	w.rssBound = rssBound(w.Plan.ThresholdsAt(w.From))
	w.last = w.zoneAt(w.Until.UnixMicro())
	for w.archived(w.last) >= w.Until.UnixMicro() {
		w.last--
	}
	for _, f := range c.Faults {
		w.faults = append(w.faults, w.newFault(f))
	}
	slices.SortStableFunc(w.faults, func(a, b fault) int { return precedence(a.Kind) - precedence(b.Kind) })
	if err := w.reachBack(); err != nil {
		return nil, err
	}
	w.places()
	for i := range w.faults {
		if f := &w.faults[i]; f.Kind == plan.FaultMoved {
			w.newSites(f)
		}
	}
	w.watch()
	tlds, ds := makeNames(c.Seed)
	w.names, w.planSum = newNames(w.asks, tlds, ds), c.Plan.SHA256()
	return w, nil
}

func placeOf(p *plan.Plan, id measurement.VantagePoint) place {
	made := place{id: id, word: text(string(id))}
	for _, v := range p.VantagePoints {
		if v.ID == id {
			made.region = v.Region
		}
		if v.ID == id && v.From != nil {
			made.from = *v.From
		}
		if v.ID == id && v.Until != nil {
			made.until = *v.Until
		}
	}
	return made
}

// Bounds on how old a zone faults may bring back.
const (
	mostFrozen = 60 * 24 * time.Hour   // since before the simulation
	mostStale  = 2000 * 24 * time.Hour // all faults together
)

// reachBack finds the oldest zone that any fault can make a server serve.
func (w *world) reachBack() error {
	since, stale := w.From, time.Duration(0)
	for _, f := range w.faults {
		switch f.Kind {
		case plan.FaultStale, plan.FaultFastClock:
			stale += time.Duration(f.By)
		case plan.FaultFrozen:
			since = earlier(since, f.from)
		}
	}
	if w.From.Sub(since) > mostFrozen {
		return fmt.Errorf("simulate: a server frozen since %s, more than %d days before the first interval", since.Format(time.RFC3339), mostFrozen/(24*time.Hour))
	}
	if stale > mostStale {
		return fmt.Errorf("simulate: faults make zones %s late, more than %d days", stale, mostStale/(24*time.Hour))
	}
	w.oldest = w.zoneAt(since.Add(-stale-72*time.Hour).UnixMicro()) - 2 // 48 hours to be judged by, and one before
	return nil
}

// places draws where everybody is. Round trips spread as those of anycast do: a
// site nearby for most, another continent for some; no RSI is slow everywhere.
func (w *world) places() {
	for i := range w.jitter {
		w.jitter[i] = int64(1024 * math.Exp(0.1*quantile((float64(i)+0.5)/float64(len(w.jitter)))))
	}
	for _, rsi := range w.rsis {
		w.delay = append(w.delay, w.calendar().delay(rsi))
	}
	for _, v := range w.vps {
		for _, rsi := range w.rsis {
			h := mix(w.Seed, streamPlace, v.word, text(string(rsi)))
			w.nsids = append(w.nsids, siteName(h>>40%100, string(rsi)))
			median := 18000 * math.Exp(0.9*quantile((float64(h&0xffff)+0.5)/0x10000))
			for f := range 2 {
				detour := 960 + int64(h>>(16+8*f)%128) // the families take different ways
				w.base = append(w.base, min(max(int64(median)*detour/1024, 400), 220_000))
			}
		}
	}
}

// at and baseOf are the places in tables by vantage point, RSI and family.
func (w *world) at(v, x int) int        { return v*len(w.rsis) + x }
func (w *world) baseOf(v, x, f int) int { return w.at(v, x)*2 + f }

// in reports whether the vantage point is in service in that interval.
func (p place) in(label time.Time) bool {
	return !label.Before(p.from) && (p.until.IsZero() || label.Before(p.until))
}

// Purposes of numbers drawn from the seed, so that none depends on another.
const (
	streamRSI = iota + 1
	streamPlace
	streamZone
	streamSite
	streamDay
	streamFault
	streamRun
	streamNames
	streamRoute
	streamFacts
	streamPlant
)

const second = 1_000_000 // µs

// mix draws a number that belongs to these words: splitmix64 over them.
func mix(words ...uint64) uint64 {
	var h uint64
	for _, w := range words {
		h += w + 0x9e3779b97f4a7c15
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}

// text is a word of mix for a label (FNV-1a).
func text(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// quantile is the normal distribution's, for 0 < p < 1.
func quantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// ask is a query of the plan, made ready.
type ask struct {
	plan.Query
	number    int   // of its questions in names
	servers   []int // numbers of RSIs, in order
	addresses [][2]dated
	paths     []int  // in the order of the lake
	by        []bool // by vantage point: whether it asks
	timeout   int64  // µs
	soa       bool   // the query that 5.1, 5.2 and 5.4 read
	judged    bool   // the query that 5.3 reads
}

// dated are the addresses of an RSI and family as rows write them.
type dated []struct {
	text        string
	from, until *time.Time
}

func (d dated) at(label time.Time) string {
	for _, a := range d {
		if (a.from == nil || !label.Before(*a.from)) && (a.until == nil || label.Before(*a.until)) {
			return a.text
		}
	}
	return ""
}

// datesOf are a server's addresses by family.
func datesOf(s plan.Server) (both [2]dated) {
	for _, addr := range s.Addresses {
		f := slices.Index(measurement.Families, addr.Family)
		both[f] = append(both[f], struct {
			text        string
			from, until *time.Time
		}{addr.Address.String(), addr.From, addr.Until})
	}
	return both
}

func (w *world) newAsk(q plan.Query) ask {
	a := ask{Query: q, timeout: time.Duration(q.Timeout).Microseconds(), soa: q.Label == measurement.QuerySOA, judged: q.Label == measurement.QueryCorrectness}
	servers := w.Plan.ServersOf(q.Servers)
	slices.SortFunc(servers, func(a, b plan.Server) int { return strings.Compare(string(a.RSI), string(b.RSI)) })
	for _, s := range servers {
		a.servers = append(a.servers, slices.Index(w.rsis, s.RSI))
		a.addresses = append(a.addresses, datesOf(s))
	}
	for _, v := range w.vps {
		a.by = append(a.by, w.Plan.Asks(q, v.id))
	}
	for i, p := range paths {
		if slices.Contains(q.Families, p.Family) && slices.Contains(q.Transports, p.Transport) {
			a.paths = append(a.paths, i)
		}
	}
	return a
}

// pathsTo are the paths over which an RSI with these addresses, by family, is asked:
// without an address nothing is planned.
func (a *ask) pathsTo(addresses [2]string) []int {
	if addresses[0] != "" && addresses[1] != "" {
		return a.paths
	}
	return slices.DeleteFunc(slices.Clone(a.paths), func(path int) bool { return addresses[familyOf(path)] == "" })
}

// intervals are those of the day that are simulated.
func (w *world) intervals(day time.Time) []time.Time {
	var all []time.Time
	for t := day; t.Before(day.AddDate(0, 0, 1)); t = t.Add(interval.Length) {
		if !t.Before(w.From) && t.Before(w.Until) {
			all = append(all, t)
		}
	}
	return all
}
