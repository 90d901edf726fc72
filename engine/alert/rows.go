package alert

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// tuple is where an answer comes from: the labels that over may name.
type tuple struct{ rsi, family, transport, vantagePoint, query string }

func (t *tuple) label(name string) string {
	switch name {
	case "rsi":
		return t.rsi
	case "family":
		return t.family
	case "transport":
		return t.transport
	case "vantage_point":
		return t.vantagePoint
	default:
		return t.query
	}
}

// row is an answer, cut down to what windows are made of: a month of twenty
// vantage points has eleven million.
type row struct {
	slot                    int32 // interval label / 5 min
	tuple                   int32
	latency                 int32 // µs; -1 unless answered with NOERROR
	serial                  int32 // index; -1 without a trusted sighting of a zone that exists
	nsid                    int32 // index; -1 without
	strays                  int32
	outcome, rcode, verdict uint8 // places in the vocabularies; rcode and verdict: plus one, 0 none
}

// rows are answers in the order of their intervals.
type rows struct {
	chunks  [][]row // a day each
	tuples  []tuple
	vps     []string // names of vantage points; index by vpOf
	vpOf    []int32  // by tuple
	rsis    []string
	rsiOf   []int32
	serials []int64
	nsids   []string
	zones   []zoneUse
}

// columns that windows are made of.
var columns = []column.Name{column.VantagePoint, column.Query, column.RSI, column.Family, column.Transport, column.Outcome, column.LatencyUS,
	column.RCode, column.Serial, column.NSID, column.Strays, column.Verdict, column.Address, column.SentAt}

// gatherer brings the batches of several workers into one numbering, of the rows that
// the plan has queries for: what anybody else writes into a row is no combination.
type gatherer struct {
	plan     *plan.Plan
	planned  planned
	accepted map[int64]int64 // since when sightings of a serial are believed, in µs

	mu       sync.Mutex
	rows     *rows
	tuples   map[tuple]int32
	serials  map[int64]int32
	nsids    map[string]int32
	days     map[time.Time][]row
	doubtful map[runAt]bool        // runs that are not trusted
	shown    map[int]*shownSerials // by worker
}

// readRows reads the answers of [from, until) that the plan asks for, by one scan of the
// needed columns.
func readRows(ctx context.Context, p *plan.Plan, store lake.Store, from, until time.Time) (*rows, error) {
	zones, err := store.Zones()
	if err != nil {
		return nil, fmt.Errorf("window rules: %w", err)
	}
	g := newGatherer(p, zones)
	if err := g.findDoubtful(ctx, store, from, until); err != nil {
		return nil, fmt.Errorf("window rules: %w", err)
	}
	if err := (lake.Scan{Store: store, From: from, Until: until}).Answers(ctx, columns, g.take); err != nil {
		return nil, fmt.Errorf("window rules: %w", err)
	}
	g.rows.zones = published(zones, p)
	return g.finish(), nil
}

func newGatherer(p *plan.Plan, zones []measurement.Zone) *gatherer {
	return &gatherer{plan: p, planned: plannedBy(p), accepted: accepted(zones), rows: &rows{}, tuples: map[tuple]int32{}, serials: map[int64]int32{},
		nsids: map[string]int32{}, days: map[time.Time][]row{}, doubtful: map[runAt]bool{}, shown: map[int]*shownSerials{}}
}

// finish puts the days in order and numbers the places.
func (g *gatherer) finish() *rows {
	r := g.rows
	for _, day := range slices.SortedFunc(keys(g.days), time.Time.Compare) {
		r.chunks = append(r.chunks, g.days[day])
	}
	for _, t := range r.tuples {
		r.vpOf = append(r.vpOf, indexIn(&r.vps, t.vantagePoint))
		r.rsiOf = append(r.rsiOf, indexIn(&r.rsis, t.rsi))
	}
	g.dropDoubtful()
	return r
}

func keys[K comparable, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func indexIn(all *[]string, name string) int32 {
	if i := slices.Index(*all, name); i >= 0 {
		return int32(i)
	}
	*all = append(*all, name)
	return int32(len(*all) - 1)
}

// serialOrder compares serials as RFC 1982, section 3.2 does.
func serialOrder(a, b int64) int {
	switch d := int32(uint32(a) - uint32(b)); {
	case d < 0:
		return -1
	case d > 0:
		return 1
	}
	return 0
}

// slotOf numbers intervals.
func slotOf(t time.Time) int32 { return slotOfMicro(t.UnixMicro()) }

func slotOfMicro(label int64) int32 { return int32(label / interval.Length.Microseconds()) }

// tuple numbers a tuple of the plan; -1 is any other.
func (g *gatherer) tuple(t tuple) int32 {
	i, ok := g.tuples[t]
	if !ok && !g.planned.has(t) {
		return -1
	}
	if !ok {
		i = int32(len(g.rows.tuples))
		g.tuples[t] = i
		g.rows.tuples = append(g.rows.tuples, t)
	}
	return i
}

func (g *gatherer) serial(s int64) int32 {
	i, ok := g.serials[s]
	if !ok {
		i = int32(len(g.rows.serials))
		g.serials[s] = i
		g.rows.serials = append(g.rows.serials, s)
	}
	return i
}

func (g *gatherer) nsid(s string) int32 {
	i, ok := g.nsids[s]
	if !ok {
		i = int32(len(g.rows.nsids))
		g.nsids[s] = i
		g.rows.nsids = append(g.rows.nsids, s)
	}
	return i
}

// numbering maps the dictionaries of one batch onto the gatherer's numbers, at the places
// of Codes.
type numbering struct {
	nsid, outcome, rcode, verdict []int32
	sources                       map[[6]int32]source
	serials                       map[int64]int32
	shown                         *shownSerials
}

// source is a tuple, and when it is asked at the address of its rows.
type source struct {
	tuple int32
	asked []span
}

func (g *gatherer) number(b *column.AnswerBatch) numbering {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shown[b.Worker] == nil {
		g.shown[b.Worker] = &shownSerials{}
	}
	n := numbering{sources: map[[6]int32]source{}, serials: map[int64]int32{}, shown: g.shown[b.Worker]}
	n.nsid = b.NSID.Codes(-1, g.nsid)
	n.outcome = b.Outcome.Codes(-1, func(s string) int32 { return int32(slices.Index(measurement.Outcomes, measurement.Outcome(s))) })
	n.rcode = b.RCode.Codes(0, func(s string) int32 { return int32(rcodeOf(s)) })
	n.verdict = b.Verdict.Codes(0, func(s string) int32 { return int32(1 + slices.Index(measurement.Verdicts, measurement.Verdict(s))) })
	return n
}

// source finds what a row's labels and address are in the plan.
func (g *gatherer) source(t tuple, address string) source {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := source{tuple: g.tuple(t)}
	if s.tuple >= 0 {
		s.asked = g.asked(t, address)
	}
	return s
}

// take turns a batch into rows.
func (g *gatherer) take(b *column.AnswerBatch) error {
	n := g.number(b)
	soa, goods := b.Query.Place(measurement.QuerySOA), b.Good()
	out := make([]row, 0, b.Rows)
	for i := range b.Rows {
		r := row{slot: slotOfMicro(b.Interval.Int[i]), latency: -1, serial: -1, nsid: n.nsid[b.NSID.Index[i]+1], strays: int32(b.Strays.Int[i]),
			rcode: uint8(n.rcode[b.RCode.Index[i]+1]), verdict: uint8(n.verdict[b.Verdict.Index[i]+1])}
		code := n.outcome[b.Outcome.Index[i]+1]
		good, serial := goods.At(i), b.Serial.Int[i]
		shows := good && b.Serial.Has(i)
		if shows && b.Query.Index[i] == soa {
			g.noteShown(n.shown, b.VantagePoint.Text(i), r.slot, serial)
		}
		key := [6]int32{b.VantagePoint.Index[i], b.Query.Index[i], b.RSI.Index[i], b.Family.Index[i], b.Transport.Index[i], b.Address.Index[i]}
		from, ok := n.sources[key]
		if !ok {
			from = g.source(tuple{b.RSI.Text(i), b.Family.Text(i), b.Transport.Text(i), b.VantagePoint.Text(i), b.Query.Text(i)}, b.Address.Text(i))
			n.sources[key] = from
		}
		if from.tuple < 0 || code != int32(outcomeLocal) && !contains(from.asked, r.slot) {
			continue
		}
		if code < 0 {
			return fmt.Errorf("outcome %q is not of the vocabulary", b.Outcome.Text(i))
		}
		r.tuple, r.outcome = from.tuple, uint8(code)
		if good && b.LatencyUS.Has(i) {
			r.latency = int32(min(max(b.LatencyUS.Int[i], 0), math.MaxInt32))
		}
		if believed, known := g.accepted[serial]; shows && known && b.SentAt.Int[i] >= believed {
			r.serial = g.serialOf(&n, serial)
		}
		out = append(out, r)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.days[b.Day] = append(g.days[b.Day], out...)
	return nil
}

// serialOf numbers a serial, by the batch's own numbers where it is known there.
func (g *gatherer) serialOf(n *numbering, serial int64) int32 {
	id, ok := n.serials[serial]
	if !ok {
		g.mu.Lock()
		id = g.serial(serial)
		g.mu.Unlock()
		n.serials[serial] = id
	}
	return id
}

// newest finds the newest of the serials.
func (r *rows) newest(serials map[int32]int) *int64 {
	var best *int64
	for i := range serials {
		if s := r.serials[i]; best == nil || serialOrder(s, *best) > 0 {
			best = &s
		}
	}
	return best
}

// lag is how many minutes, at end, the first newer zone had been published; nil
// without a serial.
func (r *rows) lag(serial *int64, end time.Time) *float64 {
	if serial == nil {
		return nil
	}
	var lag float64
	for _, z := range slices.Backward(r.zones) {
		if serialOrder(z.serial, *serial) <= 0 {
			break
		}
		if !z.used.After(end) {
			lag = max(lag, end.Sub(z.used).Minutes())
		}
	}
	return &lag
}
