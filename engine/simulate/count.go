package simulate

import (
	"math"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// part is what one day adds to the truth.
type part struct {
	w     *world
	month time.Time

	rssBound [4]int64 // by path: µs of the RSS latency's threshold in the month

	sums       []sums      // by vantage point
	latency    [][]uint32  // µs of good queries, by RSI and path
	rssLatency [4][]uint32 // of the k lowest [bom], by path

	first      int     // index of the day's first interval since From
	minima     []int16 // zone less w.oldest, by interval, vantage point, RSI; or unasked, unseen
	shown      map[int]*showing
	doubts     []doubt
	unarchived map[int]bool // zones that never came, shown by anybody

	answers, runs int64
	ingested      int64        // µs; when the last of the day's runs came into the lake
	routes        []RouteTruth // by vantage point; nil without routes
	ways          map[way]bool
	marks         map[Scope][]int     // indices of labels that were bad, in order
	medians       map[int]*[24]median // of the places that a fault makes slow
	sites         map[pair][]atSite   // of those that a fault moves
	lastRun       int                 // the last label with a run; -1 without
	affected      []int64             // queries by fault
	planted       []Planted

	now runTally
}

// Instead of a zone: the RSI does not count as asked; no valid response came [tub].
const (
	unasked = math.MinInt16
	unseen  = math.MinInt16 + 1
)

// sums are what one vantage point adds to the values.
type sums struct {
	rows   bool    // it has any
	cells  []cells // by RSI and path
	checks []checks
	rss    [4]system // by path
	stray  int64     // rows in no planned slot
}

// slots are planned queries by what became of them.
type slots struct{ sent, unsent, missing, offPlan int64 }

func (s slots) unknown() int64 { return s.unsent + s.missing + s.offPlan }
func (s slots) planned() int64 { return s.sent + s.unknown() }

// thin: less than nine tenths were sent.
func (s slots) tooFewSent() bool { return 10*s.sent < 9*s.planned() }

func (s *slots) merge(o slots) {
	s.sent, s.unsent, s.missing, s.offPlan = s.sent+o.sent, s.unsent+o.unsent, s.missing+o.missing, s.offPlan+o.offPlan
}

func (s *slots) add(t state) {
	switch t {
	case isMissing:
		s.missing++
	case isOffPlan:
		s.offPlan++
	case isUnsent:
		s.unsent++
	default:
		s.sent++
	}
}

// cells are the SOA queries to an RSI over a path.
type cells struct {
	slots
	good int64
}

// checks are the correctness queries to an RSI, and their answers.
type checks struct {
	slots
	correct, incorrect, held int64
}

func (c *checks) merge(o checks) {
	c.slots.merge(o.slots)
	c.correct, c.incorrect, c.held = c.correct+o.correct, c.incorrect+o.incorrect, c.held+o.held
}

// system is the RSS over a path. Of each interval k answers are proven, disproven or
// unknown [cvf].
type system struct {
	slots
	proven, disproven, unknown int64

	month, whole split // by the thresholds of its month, and of the whole
}

// split are the k lowest latencies of intervals, at or below a threshold and above it: at
// best with what is missing in time, at worst with that late.
type split struct{ bestBelow, bestAbove, worstBelow, worstAbove int64 }

func (s *split) merge(o split) {
	s.bestBelow, s.bestAbove = s.bestBelow+o.bestBelow, s.bestAbove+o.bestAbove
	s.worstBelow, s.worstAbove = s.worstBelow+o.worstBelow, s.worstAbove+o.worstAbove
}

// take splits the latencies of an interval, of which the proven lowest count.
func (s *split) take(low []int64, bound int64, k, proven, missing int) {
	below := func(l []int64) int {
		n, _ := slices.BinarySearch(l, bound+1)
		return n
	}
	best := min(k, below(low)+missing)
	worst := below(low[:proven])
	s.merge(split{int64(best), int64(min(k-best, len(low)-below(low))), int64(worst), int64(proven - worst + min(missing, k-proven))})
}

func (s *system) merge(o system) {
	s.slots.merge(o.slots)
	s.proven, s.disproven, s.unknown = s.proven+o.proven, s.disproven+o.disproven, s.unknown+o.unknown
	s.month.merge(o.month)
	s.whole.merge(o.whole)
}

func (w *world) newSums() []sums {
	all := make([]sums, len(w.everyone))
	for v := range all {
		all[v].cells, all[v].checks = make([]cells, 4*len(w.rsis)), make([]checks, len(w.rsis))
	}
	return all
}

func (s *sums) merge(o *sums) {
	s.rows, s.stray = s.rows || o.rows, s.stray+o.stray
	for i, c := range o.cells {
		s.cells[i].slots.merge(c.slots)
		s.cells[i].good += c.good
	}
	for i, c := range o.checks {
		s.checks[i].merge(c)
	}
	for i, r := range o.rss {
		s.rss[i].merge(r)
	}
}

func (w *world) newPart(day time.Time, labels []time.Time) *part {
	month := interval.Month(day)
	p := &part{w: w, month: month, rssBound: rssBound(w.Plan.ThresholdsAt(later(month, w.From))), sums: w.newSums(), latency: make([][]uint32, 4*len(w.rsis)),
		first: int(labels[0].Sub(w.From) / interval.Length), minima: make([]int16, len(labels)*len(w.vps)*len(w.rsis)),
		shown: map[int]*showing{}, unarchived: map[int]bool{}, affected: make([]int64, len(w.faults)),
		marks: map[Scope][]int{}, sites: map[pair][]atSite{}, lastRun: -1}
	for i := range p.minima {
		p.minima[i] = unasked
	}
	p.now = runTally{p: p, cells: make([]state, 4*len(w.rsis)), checks: make([]state, len(w.rsis)), doubtful: make([]bool, len(w.rsis))}
	return p
}

// state is what became of a planned query; of several in a slot the greatest counts.
type state uint8

const (
	isMissing state = iota
	isOffPlan
	isUnsent
	isBad
	isGood
)

// runTally counts one run.
type runTally struct {
	p     *part
	frame *frame
	index int // of the interval since From
	v     int

	cells     []state // by RSI and path
	checks    []state // by RSI
	doubtful  []bool  // by RSI: a good answer showed a zone that never came
	latencies [4][]int64
	zones     []int // that its soa rows show
	sightings []sighting
}

// sighting is a zone that a good answer to query soa showed.
type sighting struct {
	zone, rsi int
	at        int64 // µs
}

// begin starts to count a run, or the planned queries of one that never came.
func (p *part) begin(index, v int, f *frame) *runTally {
	t := &p.now
	t.frame, t.index, t.v = f, index, v
	clear(t.cells)
	clear(t.checks)
	clear(t.doubtful)
	for i := range t.latencies {
		t.latencies[i] = t.latencies[i][:0]
	}
	t.zones, t.sightings = t.zones[:0], t.sightings[:0]
	return t
}

// deadline is the time within which a reply must be whole [ywz] [twf].
const deadline = 4 * second

// take counts one query.
func (t *runTally) take(q *query, o *observation) {
	p, x := t.p, q.ask.servers[q.server]
	p.answers++
	if !q.ask.soa && !q.ask.judged {
		return
	}
	own := &p.sums[t.v]
	own.rows = true
	if !p.w.inSystem[x] {
		return
	}
	became := isBad
	switch {
	case o.outcome == measurement.LocalError:
		became = isUnsent
	case q.address != t.frame.addresses[x][familyOf(q.path)]:
		became = isOffPlan
	case o.outcome == measurement.Answered && *o.reply.rcode == measurement.NoError && o.latency <= deadline:
		became = isGood
	}
	switch {
	case q.ask.soa && !t.frame.plans(x, q.path), !t.frame.has(x):
		own.stray++
	case q.ask.soa:
		t.takeSOA(q.path, x, o, became)
	default:
		t.checks[x] = max(t.checks[x], became)
		if became >= isBad && o.reply.judged && o.latency <= deadline {
			t.takeVerdict(q, x, o)
		}
	}
	if q.ask.soa && o.outcome == measurement.Answered && o.reply.serial && !slices.Contains(t.zones, o.reply.zone) {
		t.zones = append(t.zones, o.reply.zone)
	}
}

// takeVerdict counts a response: NOERROR or NXDOMAIN in time [skm].
func (t *runTally) takeVerdict(q *query, x int, o *observation) {
	p := t.p
	c := &p.sums[t.v].checks[x]
	switch {
	case o.held != "":
		c.held++
	case o.wrong == nil:
		c.correct++
	default:
		c.incorrect++
		var fault *string
		if o.wrong.fault != nil {
			fault = &o.wrong.fault.Label
		}
		p.planted = append(p.planted, Planted{VantagePoint: p.w.vps[t.v].id, Interval: p.w.label(t.index),
			RSI: p.w.rsis[x], Family: paths[q.path].Family, Transport: paths[q.path].Transport, Tag: o.wrong.tag, Fault: fault})
	}
}

// takeSOA counts an answer to query soa: availability [yah], latency [fhw] and
// the zone served [tub].
func (t *runTally) takeSOA(path, x int, o *observation, became state) {
	p, cell := t.p, 4*x+path
	t.cells[cell] = became
	if became != isGood {
		return
	}
	p.latency[cell] = append(p.latency[cell], uint32(o.latency))
	t.latencies[path] = append(t.latencies[path], o.latency)
	if o.reply.serial {
		t.sightings = append(t.sightings, sighting{o.reply.zone, x, o.sent})
	}
}

// end adds what became of the planned queries of a run. What an untrusted run shows
// dates no zone.
func (t *runTally) end(trusted bool) {
	p := t.p
	own := &p.sums[t.v]
	for _, x := range p.w.soaAsk().servers {
		if t.frame.has(x) {
			own.checks[x].slots.add(t.checks[x])
		}
		for path := range paths {
			if t.frame.plans(x, path) {
				became := t.cells[4*x+path]
				own.cells[4*x+path].slots.add(became)
				if became == isGood {
					own.cells[4*x+path].good++
				}
			}
		}
	}
	for path := range paths {
		t.system(path)
	}
	for _, z := range t.zones {
		if !p.w.came(z) {
			p.unarchived[z] = true
		}
	}
	if trusted && len(t.zones) <= mostSerials {
		t.see()
	}
}

// system counts a path of the RSS: min(k, good) answers of k are proven, those are
// disproven that cannot have been good [egb] [cvf]. Latencies are the k lowest [bom],
// where nothing is missing that could be among them.
func (t *runTally) system(path int) {
	w, rss := t.p.w, &t.p.sums[t.v].rss[path]
	k := t.frame.needed(path)
	var all slots
	for _, x := range w.soaAsk().servers {
		if t.frame.plans(x, path) {
			all.add(t.cells[4*x+path])
		}
	}
	rss.slots.merge(all)
	low := t.latencies[path]
	good, missing := len(low), int(all.unknown())
	proven, disproven := min(k, good), max(0, k-good-missing)
	rss.proven, rss.disproven = rss.proven+int64(proven), rss.disproven+int64(disproven)
	rss.unknown += int64(k - proven - disproven)
	slices.Sort(low)
	rss.month.take(low, t.p.rssBound[path], k, proven, missing)
	rss.whole.take(low, w.rssBound[path], k, proven, missing)
	if missing > 0 && good < k {
		return
	}
	for _, l := range low[:proven] {
		t.p.rssLatency[path] = append(t.p.rssLatency[path], uint32(l))
	}
}
