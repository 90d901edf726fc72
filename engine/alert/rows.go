package alert

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"
	"unsafe"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// tuple is where an answer comes from: the labels that over may name.
type tuple struct{ rsi, family, transport, vantagePoint, query string }

// place is where the value of a label stands.
func (t *tuple) place(name string) *string {
	switch name {
	case "rsi":
		return &t.rsi
	case "family":
		return &t.family
	case "transport":
		return &t.transport
	case "vantage_point":
		return &t.vantagePoint
	default:
		return &t.query
	}
}

func (t *tuple) label(name string) string { return *t.place(name) }

// only is the tuple with these labels and no others.
func (t *tuple) only(names []string) (of tuple) {
	for _, name := range names {
		*of.place(name) = *t.place(name)
	}
	return of
}

// row is an answer, cut down to what windows are made of: a month of twenty
// vantage points has eleven million.
type row struct {
	slot                    int32 // interval label / 5 min
	tuple                   int32
	latency                 int32 // µs; -1 unless good
	serial                  int32 // index; -1 without a trusted sighting of a zone that exists
	nsid                    int32 // index; -1 without
	strays                  int32
	outcome, rcode, verdict uint8 // places in the vocabularies; rcode and verdict: plus one, 0 none
	met                     met
}

// met is what an answer is by what is expected of it, and by DNSSEC, in bits.
type met uint8

const (
	asExpected met = 1 << iota // good: as its query expects, or NOERROR where it does not say
	unexpected                 // not as its query expects
	byClock                    // not good by the vantage point's clock alone
	bogus                      // DNSSEC says that it is not the zone's
	ofZone                     // serial is no index, but that of a zone of the plan, in 32 bits
)

// rows are answers in the order of their intervals: of a long period those of the days that
// windows still reach.
type rows struct {
	chunks  [][]row // a day each; nil once it was let go
	tuples  []tuple
	vps     []string // names of vantage points; index by vpOf
	vpOf    []int32  // by tuple
	rsis    []string
	rsiOf   []int32
	zoneOf  []int32 // index of the plan's zone whose SOA is asked for; -1
	serials []int64
	nsids   []string
	zones   []zoneUse
	own     ownZones
}

// columns that windows are made of.
var columns = []column.Name{column.VantagePoint, column.Query, column.RSI, column.Family, column.Transport, column.Outcome, column.LatencyUS,
	column.RCode, column.Serial, column.NSID, column.Strays, column.Verdict, column.Address, column.SentAt, column.Expected, column.DNSSEC, column.TLSAuth, column.ZoneSerial}

// gatherer reads days into one numbering, of the rows that the plan has queries for: what
// anybody else writes into a row is no combination. It is used by one goroutine at a time.
type gatherer struct {
	plan     *plan.Plan
	store    lake.Store
	planned  planned
	accepted map[int64]int64 // since when sightings of a serial are believed, in µs

	met     bool // no further tuple is numbered: the combinations are made
	tuples  numbers[tuple]
	serials numbers[int64]
	nsids   numbers[string]

	day      []row          // that is being read
	numbered numbering      // of its row group
	doubtful map[runAt]bool // its runs that are not trusted
	shown    shownSerials
	own      *ownZones
	ofRun    runAt // whose rows are being read, and the serials of own zones that it has shown
	ofZone   map[int32][]uint32
	crowded  map[runOfZone]bool // runs of the day that show more serials of a zone than servers have
}

// numbers numbers values in the order in which they are met.
type numbers[T comparable] struct {
	values []T
	of     map[T]int32
	free   []int32 // that can be given again
}

func (n *numbers[T]) number(v T) int32 {
	i, ok := n.of[v]
	if ok {
		return i
	}
	if n.of == nil {
		n.of = map[T]int32{}
	}
	if last := len(n.free) - 1; last >= 0 {
		i, n.free = n.free[last], n.free[:last]
		n.values[i] = v
	} else {
		i = int32(len(n.values))
		n.values = append(n.values, v)
	}
	n.of[v] = i
	return i
}

func newGatherer(p *plan.Plan, store lake.Store, zones []measurement.Zone, own *ownZones) *gatherer {
	return &gatherer{plan: p, store: store, own: own, planned: plannedBy(p), accepted: accepted(zones), doubtful: map[runAt]bool{}}
}

// read reads the answers of [from, until), which are of one day, that the plan asks for,
// into a slice, by one scan of the needed columns.
func (g *gatherer) read(ctx context.Context, from, until time.Time, into []row) ([]row, error) {
	g.day, g.numbered = into[:0], numbering{}
	clear(g.doubtful)
	g.crowded = map[runOfZone]bool{}
	runs, err := g.findDoubtful(ctx, from, until)
	if err != nil {
		return nil, err
	}
	g.day = slices.Grow(g.day, runs*g.planned.ofRun) // about what will come
	scan := lake.Scan{Store: g.store, From: from, Until: until, Workers: 1}
	if err := scan.Answers(ctx, columns, g.take); err != nil {
		return nil, err
	}
	g.dropDoubtful()
	return g.day, nil
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
	if i, ok := g.tuples.of[t]; ok {
		return i
	}
	if g.met || !g.planned.has(t) {
		return -1
	}
	return g.tuples.number(t)
}

// numbering maps the dictionaries of a row group onto the gatherer's numbers, at the places
// of Codes.
type numbering struct {
	dicts                         [10][]string
	nsid, outcome, rcode, verdict []int32
	sources                       map[labels]*source
	last                          *source // of the row before
	serials                       map[int64]int32
}

// labels are those of a row, and its address, as places in dictionaries.
type labels [6]int32

// source is a tuple, and when it is asked at the address of its rows.
type source struct {
	tuple  int32
	zone   int32 // of the plan, whose SOA it is asked for; -1
	asked  []span
	labels labels
	next   *source // what came after it last time: intervals have much the same rows
}

// number makes the numbering of a batch, which the next one of its row group shares.
func (g *gatherer) number(b *column.AnswerBatch) *numbering {
	n := &g.numbered
	dicts := [...][]string{b.VantagePoint.Dict, b.Query.Dict, b.RSI.Dict, b.Family.Dict, b.Transport.Dict, b.Address.Dict,
		b.NSID.Dict, b.Outcome.Dict, b.RCode.Dict, b.Verdict.Dict}
	if n.sources != nil && slices.EqualFunc(dicts[:], n.dicts[:], same) {
		return n
	}
	*n = numbering{dicts: dicts, sources: map[labels]*source{}, last: &source{}, serials: map[int64]int32{}}
	n.nsid = b.NSID.Codes(-1, g.nsids.number)
	n.outcome = b.Outcome.Codes(-1, func(s string) int32 { return int32(slices.Index(measurement.Outcomes, measurement.Outcome(s))) })
	n.rcode = b.RCode.Codes(0, func(s string) int32 { return int32(rcodeOf(s)) })
	n.verdict = b.Verdict.Codes(0, func(s string) int32 { return int32(1 + slices.Index(measurement.Verdicts, measurement.Verdict(s))) })
	return n
}

// same says whether two dictionaries are one in memory.
func same(a, b []string) bool {
	return len(a) == len(b) && unsafe.SliceData(a) == unsafe.SliceData(b)
}

// source finds what a row's labels and address are in the plan.
func (g *gatherer) source(b *column.AnswerBatch, i int) *source {
	n, key := &g.numbered, labels{b.VantagePoint.Index[i], b.Query.Index[i], b.RSI.Index[i], b.Family.Index[i], b.Transport.Index[i], b.Address.Index[i]}
	s := n.last.next
	if s == nil || s.labels != key {
		if s = n.sources[key]; s == nil {
			t := tuple{b.RSI.Text(i), b.Family.Text(i), b.Transport.Text(i), b.VantagePoint.Text(i), b.Query.Text(i)}
			if s = (&source{tuple: g.tuple(t), zone: g.own.of(t), labels: key}); s.tuple >= 0 {
				s.asked = g.asked(t, b.Address.Text(i))
			}
			n.sources[key] = s
		}
		n.last.next = s
	}
	n.last = s
	return s
}

// take turns a batch into rows.
func (g *gatherer) take(b *column.AnswerBatch) error {
	n := g.number(b)
	soa, goods, isBogus := b.Query.Place(measurement.QuerySOA), b.Good(), int32(-1)
	if b.DNSSEC.Column != nil {
		isBogus = b.DNSSEC.Place(measurement.SecurityBogus)
	}
	for i := range b.Rows {
		r := row{slot: slotOfMicro(b.Interval.Int[i]), latency: -1, serial: -1, nsid: n.nsid[b.NSID.Index[i]+1], strays: int32(b.Strays.Int[i]),
			rcode: uint8(n.rcode[b.RCode.Index[i]+1]), verdict: uint8(n.verdict[b.Verdict.Index[i]+1])}
		code := n.outcome[b.Outcome.Index[i]+1]
		good, serial := goods.At(i), b.Serial.Int[i]
		shows := good && b.Serial.Has(i)
		if shows && b.Query.Index[i] == soa {
			g.noteShown(&g.shown, b.VantagePoint.Text(i), r.slot, serial)
		}
		from := g.source(b, i)
		if from.tuple < 0 || code != int32(outcomeLocal) && !contains(from.asked, r.slot) {
			continue
		}
		if code < 0 {
			return fmt.Errorf("outcome %q is not of the vocabulary", b.Outcome.Text(i))
		}
		r.tuple, r.outcome = from.tuple, uint8(code)
		if good {
			r.met |= asExpected
		}
		if b.Expected.No(i) {
			r.met |= unexpected
		}
		if isBogus >= 0 && b.DNSSEC.Index[i] == isBogus {
			r.met |= bogus
		}
		if zone := from.zone; zone >= 0 && b.ZoneSerial.Column != nil && b.ZoneSerial.Has(i) && code == int32(outcomeAnswered) {
			r.serial, r.met = int32(uint32(b.ZoneSerial.Int[i])), r.met|ofZone
			g.noteOfZone(runAt{g.tuples.values[r.tuple].vantagePoint, r.slot}, zone, uint32(r.serial))
		}
		if b.TLSAuth.Column != nil && b.TLSAuth.Has(i) && b.TLSAuth.At(i).ByClock() {
			r.met |= byClock
		}
		if good && b.LatencyUS.Has(i) {
			r.latency = int32(min(max(b.LatencyUS.Int[i], 0), math.MaxInt32))
		}
		if believed, known := g.accepted[serial]; shows && known && r.met&ofZone == 0 && b.SentAt.Int[i] >= believed {
			r.serial = g.serialOf(n, serial)
		}
		g.day = append(g.day, r)
	}
	return nil
}

// serialOf numbers a serial, by the batch's own numbers where it is known there.
func (g *gatherer) serialOf(n *numbering, serial int64) int32 {
	id, ok := n.serials[serial]
	if !ok {
		id = g.serials.number(serial)
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
