package alert

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
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
var columns = []string{"vantage_point", "query", "rsi", "family", "transport", "outcome", "latency_us", "rcode", "serial", "nsid", "strays", "verdict", "address", "sent_at"}

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
	doubtful map[runAt]bool   // runs that are not trusted
	shown    map[int]*showing // by worker
}

// readRows reads the answers of [from, until) that the plan asks for, by one scan of the
// needed columns.
func readRows(ctx context.Context, p *plan.Plan, store lake.Store, from, until time.Time) (*rows, error) {
	zones, err := store.Zones()
	if err != nil {
		return nil, fmt.Errorf("window rules: %w", err)
	}
	g := newGatherer(p, zones)
	if err := g.doubt(ctx, store, from, until); err != nil {
		return nil, fmt.Errorf("window rules: %w", err)
	}
	scan := lake.Scan{Store: store, Table: column.Answers, From: from, Until: until, Columns: columns}
	if err := scan.Run(ctx, g.take); err != nil {
		return nil, fmt.Errorf("window rules: %w", err)
	}
	g.rows.zones = published(zones, p)
	return g.finish(), nil
}

func newGatherer(p *plan.Plan, zones []measurement.Zone) *gatherer {
	return &gatherer{plan: p, planned: plannedBy(p), accepted: accepted(zones), rows: &rows{}, tuples: map[tuple]int32{}, serials: map[int64]int32{},
		nsids: map[string]int32{}, days: map[time.Time][]row{}, doubtful: map[runAt]bool{}, shown: map[int]*showing{}}
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
	g.disbelieve()
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
		s = strings.Clone(s)
		g.nsids[s] = i
		g.rows.nsids = append(g.rows.nsids, s)
	}
	return i
}

// numbering maps the dictionaries of one batch onto the gatherer's numbers.
type numbering struct {
	nsid, outcome, rcode, verdict []int32
	sources                       map[[6]int32]source
	serials                       map[int64]int32
	shown                         *showing
}

// source is a tuple, and when it is asked at the address of its rows.
type source struct {
	tuple int32
	asked []span
}

func (g *gatherer) number(b *column.Batch) numbering {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shown[b.Worker] == nil {
		g.shown[b.Worker] = &showing{}
	}
	n := numbering{sources: map[[6]int32]source{}, serials: map[int64]int32{}, shown: g.shown[b.Worker]}
	for _, s := range b.Column("nsid").Dict {
		n.nsid = append(n.nsid, g.nsid(s))
	}
	for _, s := range b.Column("outcome").Dict {
		n.outcome = append(n.outcome, int32(slices.Index(measurement.Outcomes, measurement.Outcome(s))))
	}
	for _, s := range b.Column("rcode").Dict {
		n.rcode = append(n.rcode, int32(rcodeOf(s)))
	}
	for _, s := range b.Column("verdict").Dict {
		n.verdict = append(n.verdict, int32(1+slices.Index(measurement.Verdicts, measurement.Verdict(s))))
	}
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
func (g *gatherer) take(b *column.Batch) error {
	n := g.number(b)
	vp, query, rsi := b.Column("vantage_point"), b.Column("query"), b.Column("rsi")
	family, transport, address := b.Column("family"), b.Column("transport"), b.Column("address")
	outcome, rcode, verdict := b.Column("outcome"), b.Column("rcode"), b.Column("verdict")
	at, latency, serial, nsid, strays := b.Column("interval"), b.Column("latency_us"), b.Column("serial"), b.Column("nsid"), b.Column("strays")
	sent, soa := b.Column("sent_at"), query.Place(measurement.QuerySOA)
	out := make([]row, 0, b.Rows)
	for i := range b.Rows {
		r := row{slot: slotOfMicro(at.Int[i]), latency: -1, serial: -1, nsid: -1, strays: int32(strays.Int[i])}
		code := int32(-1)
		if c := outcome.Index[i]; c >= 0 {
			code = n.outcome[c]
		}
		if c := rcode.Index[i]; c >= 0 {
			r.rcode = uint8(n.rcode[c])
		}
		good := r.rcode == rcodeNoError && code == int32(outcomeAnswered)
		shows := good && (serial.Null == nil || !serial.Null[i])
		if shows && query.Index[i] == soa {
			g.show(n.shown, vp.Text(i), r.slot, serial.Int[i])
		}
		key := [6]int32{vp.Index[i], query.Index[i], rsi.Index[i], family.Index[i], transport.Index[i], address.Index[i]}
		from, ok := n.sources[key]
		if !ok {
			from = g.source(tuple{rsi.Text(i), family.Text(i), transport.Text(i), vp.Text(i), query.Text(i)}, address.Text(i))
			n.sources[key] = from
		}
		if from.tuple < 0 || code != int32(outcomeLocal) && !contains(from.asked, r.slot) {
			continue
		}
		if code < 0 {
			return fmt.Errorf("outcome %q is not of the vocabulary", outcome.Text(i))
		}
		r.tuple, r.outcome = from.tuple, uint8(code)
		if c := verdict.Index[i]; c >= 0 {
			r.verdict = uint8(n.verdict[c])
		}
		if good && (latency.Null == nil || !latency.Null[i]) {
			r.latency = int32(min(max(latency.Int[i], 0), math.MaxInt32))
		}
		if c := nsid.Index[i]; c >= 0 {
			r.nsid = n.nsid[c]
		}
		if believed, known := g.accepted[serial.Int[i]]; shows && known && sent.Int[i] >= believed {
			r.serial = g.serialOf(&n, serial.Int[i])
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
