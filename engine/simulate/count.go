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
	soa   []int // numbers of the RSIs that query soa asks
	k     int   // ceil(2(n-1)/3)

	sent, ok          []int64    // by RSI and path
	latency           [][]uint32 // µs of ok queries, by RSI and path
	rss               [4]rssPart // by path
	received, correct []int64    // by RSI

	first   int     // index of the day's first interval since From
	minima  []int16 // zone less w.oldest, by interval, vantage point, RSI; or unasked, unseen
	sighted map[int]sighting
	begun   map[int]int // zone to the index of its first interval in a valid response to soa

	answers, runs int64
	routes        []RouteTruth // by vantage point; nil without routes
	ways          map[way]bool
	struck        []int64 // queries by fault
	planted       []Planted

	now     runTally
	scratch [4][]int64 // latencies of one run by path
}

// Instead of a zone: nothing was sent; no valid response came [tub].
const (
	unasked = math.MinInt16
	unseen  = math.MinInt16 + 1
)

// rssPart is what one day adds to the metrics of the RSS over a path.
type rssPart struct {
	good, asked int64 // Σ min(k, r) and Σ k [cvf]
	sent        int64
	latency     []uint32 // of the k lowest [bom]
}

func (w *world) newPart(day time.Time, labels []time.Time) *part {
	cells := 4 * len(w.rsis)
	p := &part{w: w, month: interval.Month(day), soa: w.soaServers(), sent: make([]int64, cells), ok: make([]int64, cells),
		latency: make([][]uint32, cells), received: make([]int64, len(w.rsis)), correct: make([]int64, len(w.rsis)),
		first: int(labels[0].Sub(w.From) / interval.Length), minima: make([]int16, len(labels)*len(w.vps)*len(w.rsis)),
		sighted: map[int]sighting{}, begun: map[int]int{}, struck: make([]int64, len(w.faults))}
	p.k = kOf(len(p.soa))
	for i := range p.minima {
		p.minima[i] = unasked
	}
	return p
}

// soaServers are the RSIs of the root server system: those query soa asks.
func (w *world) soaServers() []int {
	for i := range w.asks {
		if w.asks[i].soa {
			return w.asks[i].servers
		}
	}
	return nil
}

// runTally counts one run.
type runTally struct {
	p     *part
	index int // of the interval since From
	v     int
	sent  [4]int64
	ok    [4]int
	local [4]bool // a query of this path was never sent
}

// begin starts to count a run.
func (p *part) begin(index, v int) *runTally {
	p.now = runTally{p: p, index: index, v: v}
	for i := range p.scratch {
		p.scratch[i] = p.scratch[i][:0]
	}
	return &p.now
}

// take counts one query.
func (t *runTally) take(q *query, o *observation) {
	p, x := t.p, q.ask.servers[q.server]
	p.answers++
	if o.outcome == measurement.Answered && o.reply.serial {
		at := o.sent + o.latency
		if s, found := p.sighted[o.reply.zone]; !found || at < s.at || at == s.at && x < s.rsi {
			p.sighted[o.reply.zone] = sighting{at, x}
		}
	}
	switch {
	case q.ask.soa:
		t.takeSOA(q.path, x, o)
	case q.ask.judged && o.reply.judged:
		p.received[x]++ // a response was received: NOERROR or NXDOMAIN in time [skm]
		if o.wrong == nil {
			p.correct[x]++
			break
		}
		var fault *string
		if o.wrong.fault != nil {
			fault = &o.wrong.fault.Label
		}
		p.planted = append(p.planted, Planted{VantagePoint: p.w.vps[t.v].id, Interval: p.w.From.Add(time.Duration(t.index) * interval.Length),
			RSI: p.w.rsis[x], Family: paths[q.path].Family, Transport: paths[q.path].Transport, Tag: o.wrong.tag, Fault: fault})
	}
}

// takeSOA counts an answer to query soa: availability [yah], latency [fhw] and
// the zone served [tub].
func (t *runTally) takeSOA(path, x int, o *observation) {
	if o.outcome == measurement.LocalError {
		t.local[path] = true // never sent
		return
	}
	p, cell := t.p, 4*x+path
	p.sent[cell]++
	t.sent[path]++
	least := &p.minima[((t.index-p.first)*len(p.w.vps)+t.v)*len(p.w.rsis)+x]
	*least = max(*least, unseen)
	if o.outcome != measurement.Answered || *o.reply.rcode != "NOERROR" {
		return
	}
	p.ok[cell]++
	t.ok[path]++
	p.latency[cell] = append(p.latency[cell], uint32(o.latency))
	p.scratch[path] = append(p.scratch[path], o.latency)
	if !o.reply.serial {
		return
	}
	zone := o.reply.zone
	if i, found := p.begun[zone]; !found || t.index < i {
		p.begun[zone] = t.index
	}
	if n := int16(zone - p.w.oldest); *least == unseen || n < *least {
		*least = n // the minimum of the four pairs [cnj]
	}
}

// end counts what the run adds to the metrics of the RSS: per path min(k, r) of
// k [egb] [cvf] and the k lowest latencies [bom]. Where a query was never sent
// the path is left out, unless k RSIs answered all the same (A6).
func (t *runTally) end() {
	p := t.p
	for path := range paths {
		asked := t.sent[path] > 0 || t.local[path]
		if !asked || t.local[path] && t.ok[path] < p.k {
			continue
		}
		rss := &p.rss[path]
		rss.sent += t.sent[path]
		rss.asked += int64(p.k)
		rss.good += int64(min(p.k, t.ok[path]))
		slices.Sort(p.scratch[path])
		for _, l := range p.scratch[path][:min(p.k, t.ok[path])] {
			rss.latency = append(rss.latency, uint32(l))
		}
	}
}
