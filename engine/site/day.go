package site

import (
	"context"
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/derive"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

const labels = int(24 * time.Hour / interval.Length)

var allPaths = derive.Paths()

// columns are what tiles of five minutes are made of.
var columns = append([]column.Name{column.VantagePoint, column.Query, column.RSI, column.Family, column.Transport,
	column.Address, column.LatencyUS, column.Serial, column.ZoneSerial, column.NSID, column.Verdict, tcColumn}, column.GoodColumns...)

const tcColumn column.Name = "tc"

// label is what became of a vantage point's queries of one interval to one server over one
// path.
type label struct {
	rows, sent, failed, incorrect int
	own                           int // of failed, in the vantage point's own trouble; these are not among incorrect
	ownSum                        int // of these, as the table hours counts
	judged, judgedFailed          int // of sent and failed: of correctness, what is incorrect aside
	drawn                         int // rows of queries that draw their paths and are not judged
	latencies                     []int64
	serial                        int64
	nsids                         []run[string]
}

func (l *label) reset() { *l = label{latencies: l.latencies[:0], nsids: l.nsids[:0], serial: noSerial} }

// fold makes cells of a day's answers, which come in the order of their intervals.
type fold struct {
	*frame
	day         *derive.Day
	start       time.Time
	first, last int // labels of the day [first, last) that are wanted
	seen        *seen
	details     *details                                  // nil: nobody wants them
	note        func(at time.Time, vp, place int, s *sum) // may be nil; place is a server and path
	queries     []plan.Query
	judged      []bool
	plain       []int // queries that do not draw their paths
	vps         []measurement.VantagePoint
	least       *big.Rat

	next    int
	serials [][]shownSerial  // of the label, by vantage point
	soa     []int            // of the label, by vantage point and server: queries for the SOA record that were sent
	trouble []derive.Trouble // of the label, by vantage point
	cells   []label          // by vantage point, server, path
	series  []series         // likewise
}

// fold begins to read the labels [first, last) of a day.
func (f *frame) fold(ctx context.Context, store lake.Store, start time.Time, first, last int) (*fold, error) {
	day, err := derive.ReadDay(ctx, f.plan, store, start)
	if err != nil {
		return nil, ofLake(err)
	}
	d := &fold{frame: f, day: day, start: start, first: first, last: last, vps: day.VantagePoints(), next: first, least: f.least(start), queries: day.Queries()}
	for i, q := range d.queries {
		d.judged = append(d.judged, q.Label == measurement.QueryCorrectness)
		if q.Pick == 0 {
			d.plain = append(d.plain, i)
		}
	}
	n := len(d.vps) * len(f.servers) * len(allPaths)
	d.cells, d.series, d.serials = make([]label, n), make([]series, n), make([][]shownSerial, len(d.vps))
	d.soa, d.trouble = make([]int, len(d.vps)*len(f.servers)), make([]derive.Trouble, len(d.vps))
	for i := range d.cells {
		d.cells[i].reset()
	}
	d.seen = newSeen(d.vps)
	return d, nil
}

// read reads the answers.
func (d *fold) read(ctx context.Context, store lake.Store) error {
	names := columns
	if d.details != nil {
		names = detailColumns
	}
	scan := lake.Scan{Store: store, From: d.at(d.first), Until: d.at(d.last), Workers: 1}
	if err := scan.Answers(ctx, names, d.add); err != nil {
		return ofLake(err)
	}
	d.reach(d.last)
	return nil
}

func (d *fold) at(label int) time.Time { return d.start.Add(time.Duration(label) * interval.Length) }

func (d *fold) place(vp, server, path int) int {
	return (vp*len(d.servers)+server)*len(allPaths) + path
}

// words are the numbers that a batch's texts have in the frame; -1 is none.
type words struct {
	*column.AnswerBatch
	vp, query, server, family, transport []int32
	address                              []netip.Addr
	answered, local                      int32
	correct, incorrect, unchecked        int32
	noError, nxDomain                    int32
	truncated                            column.Flags
	good                                 column.Good
	names                                []column.Name
}

// cells are those of a column that a view does not have.
func (w *words) cells(name column.Name) *column.Cells { return &w.Cells[slices.Index(w.names, name)] }

func (d *fold) words(b *column.AnswerBatch) *words {
	w := &words{AnswerBatch: b, names: detailColumns, good: b.Good(), answered: b.Outcome.Place(measurement.Answered), local: b.Outcome.Place(measurement.LocalError),
		correct: b.Verdict.Place(measurement.Correct), incorrect: b.Verdict.Place(measurement.Incorrect), unchecked: b.Verdict.Place(measurement.Unchecked),
		noError: b.RCode.Place(measurement.NoError), nxDomain: b.RCode.Place(measurement.NXDomain)}
	w.truncated = column.Flags{Column: &w.cells(tcColumn).Column}
	code := func(c *column.Column, find func(string) int) []int32 {
		return c.Codes(-1, func(s string) int32 { return int32(find(s)) })
	}
	w.vp = code(b.VantagePoint.Column, func(s string) int { return slices.Index(d.vps, measurement.VantagePoint(s)) })
	w.query = code(b.Query.Column, func(s string) int {
		return slices.IndexFunc(d.queries, func(q plan.Query) bool { return q.Label == s })
	})
	w.server = code(b.RSI.Column, func(s string) int { return slices.Index(d.rsis, s) })
	w.family = code(b.Family.Column, func(s string) int { return slices.Index(measurement.Families, measurement.Family(s)) })
	w.transport = code(b.Transport.Column, func(s string) int { return slices.Index(measurement.Transports, measurement.Transport(s)) })
	for _, text := range b.Address.Dict {
		a, _ := netip.ParseAddr(text) // what is none equals none of the plan's
		w.address = append(w.address, a.Unmap())
	}
	return w
}

func (d *fold) add(b *column.AnswerBatch) error {
	w := d.words(b)
	for i := range b.Rows {
		at := int(b.Interval.At(i).Sub(d.start) / interval.Length)
		if at < d.next || at >= d.last || !b.Interval.At(i).Equal(d.at(at)) {
			return fmt.Errorf("site: answers of %s: row of interval %s: out of order, or not the start of an interval", d.start.Format(time.DateOnly), b.Interval.At(i).Format(time.RFC3339))
		}
		d.reach(at)
		vp, query, server := w.vp[b.VantagePoint.Index[i]+1], w.query[b.Query.Index[i]+1], w.server[b.RSI.Index[i]+1]
		family, transport := w.family[b.Family.Index[i]+1], w.transport[b.Transport.Index[i]+1]
		if vp < 0 || query < 0 || server < 0 || family < 0 || transport < 0 {
			continue
		}
		d.row(w, i, int(query), int(vp), int(server), int(family)*len(measurement.Transports)+int(transport))
	}
	return nil
}

// row takes a row of a query, server and path that the plan has. What counts is what counts
// in the table hours: nothing that an exclusion takes out, or that was asked at another
// address.
func (d *fold) row(w *words, i, query, vp, server, path int) {
	if !d.day.Planned(query, d.next, vp, server, path) {
		return
	}
	c := &d.cells[d.place(vp, server, path)]
	c.rows++
	if d.queries[query].Pick > 0 && !d.judged[query] {
		c.drawn++
	}
	if w.Outcome.Index[i] == w.local {
		return
	}
	if a := w.Address.Index[i]; a < 0 || w.address[a] != d.day.Address(d.next, server, path) {
		return
	}
	if d.queries[query].Label == measurement.QuerySOA {
		d.soa[vp*len(d.servers)+server]++
	}
	answered, good := w.Outcome.Index[i] == w.answered, w.good.At(i)
	if answered && w.NSID.Has(i) {
		c.nsids = count(c.nsids, w.NSID.Text(i), 1)
	}
	if good {
		d.shown(w, i, c, query, vp, server)
	}
	failed, correct, incorrect, held := !good, false, false, false
	if d.judged[query] {
		verdict := w.Verdict.Index[i]
		correct = verdict >= 0 && verdict == w.correct
		incorrect = answered && verdict >= 0 && verdict == w.incorrect
		held = answered && verdict >= 0 && verdict == w.unchecked // nobody knows yet
		failed = incorrect || !held && (!answered || !w.responds(i))
	} else if us := w.LatencyUS; good && us.Has(i) && us.Int[i] >= 0 {
		c.latencies = append(c.latencies, us.Int[i])
	}
	if says, failed := derive.Says(good, correct, held && w.RCode.Index[i] == w.nxDomain); says {
		d.trouble[vp].Take(path, failed, incorrect)
	}
	if d.judged[query] && w.Verdict.Index[i] >= 0 {
		d.trouble[vp].Judge(server, path, incorrect)
	}
	c.count(d.judged[query], failed, incorrect, held)
	if d.details != nil {
		d.look(w, i, query, vp, server, path, failed, incorrect)
	}
}

// count takes what became of a query.
func (l *label) count(judged, failed, incorrect, held bool) {
	if held {
		return
	}
	l.sent++
	if failed {
		l.failed++
	}
	if incorrect {
		l.incorrect++
	}
	if judged && !incorrect {
		l.judged++
		if failed {
			l.judgedFailed++
		}
	}
}

// responds says whether an answer of correctness says something of the zone: NXDOMAIN may be
// right. SERVFAIL and what is truncated have no verdict, and are no good answers either.
func (w *words) responds(i int) bool {
	rcode := w.RCode.Index[i]
	return rcode >= 0 && (rcode == w.noError || rcode == w.nxDomain) && !w.truncated.Yes(i)
}

// shown notes the serial of a good answer.
func (d *fold) shown(w *words, i int, c *label, query, vp, server int) {
	of := w.Serial
	if !of.Has(i) {
		if of = w.ZoneSerial; !of.Has(i) {
			return
		}
	}
	serial := of.Int[i] & (1<<32 - 1)
	c.serial = newest(c.serial, serial)
	if d.queries[query].Label == measurement.QuerySOA && w.Serial.Has(i) {
		d.serials[vp] = append(d.serials[vp], shownSerial{server, serial})
	}
}

// most is the text that comes most often; of several the first in order.
func most(all []run[string]) (text string) {
	n := 0
	for _, r := range all {
		if r.n > n || r.n == n && r.value < text {
			text, n = r.value, r.n
		}
	}
	return short(text)
}

// reach ends the labels before at.
func (d *fold) reach(at int) {
	for ; d.next < at; d.next++ {
		for vp := range d.vps {
			if d.day.Trusted(vp, d.next) {
				d.see(vp)
			}
			d.serials[vp] = d.serials[vp][:0]
		}
		clear(d.soa)
		if d.details != nil {
			d.details.labelDone(func(h hit) bool {
				all, incorrect := d.ownFailure(h.vp, h.path)
				return all || incorrect && h.Why == whyIncorrect
			})
		}
		for vp := range d.vps {
			for server := range d.servers {
				for path := range allPaths {
					d.ended(vp, server, path)
				}
			}
		}
		clear(d.trouble)
	}
}

// ended takes what became of a vantage point's queries to a server over a path.
func (d *fold) ended(vp, server, path int) {
	place := d.place(vp, server, path)
	l, incorrect := &d.cells[place], 0
	switch all, forged := d.ownFailure(vp, path); {
	case all:
		l.own, l.ownSum, l.incorrect, incorrect = l.failed, l.failed-l.judgedFailed, 0, l.incorrect
	case forged:
		l.own, l.ownSum, l.incorrect, incorrect = l.incorrect, l.incorrect, 0, l.incorrect
	}
	d.series[place].add(d.cell(l, vp, server, path))
	if l.ownSum > 0 {
		d.seen.inTrouble(d.next/perHour, vp, pathKey(d.rsis[server], path), l.ownSum, incorrect)
	}
	if d.note != nil {
		d.note(d.at(d.next), vp, server*len(allPaths)+path, d.sum(l, vp, server, path))
	}
	l.reset()
}

// ownFailure says whether all that failed over a path at the label was the vantage point's own
// trouble, or what was incorrect, by the rule of the events: nothing but the label itself tells
// it, and not that an event covers it.
func (d *fold) ownFailure(vp, path int) (all, incorrect bool) {
	t := &d.trouble[vp]
	return t.Own(path / len(measurement.Transports)), t.Forged(path)
}

// see notes what a run was shown of the root's serials. An RSI that was asked all that is
// planned, and showed none, was asked in vain [kvg].
func (d *fold) see(vp int) {
	l := looked{label: d.next, at: d.at(d.next), vp: vp, alone: d.day.Alone(d.next)}
	d.seen.note(l, d.serials[vp], d.rsis)
	for server, rsi := range d.rsis {
		sent := d.soa[vp*len(d.servers)+server]
		if sent > 0 && sent == d.plannedSOA(vp, server) && !slices.ContainsFunc(d.serials[vp], func(s shownSerial) bool { return s.server == server }) {
			d.seen.unanswered(l, rsi)
		}
	}
}

// plannedSOA counts the queries for the SOA record that a vantage point is to send a server.
func (d *fold) plannedSOA(vp, server int) (n int) {
	for q := range d.queries {
		for path := range allPaths {
			if d.queries[q].Label == measurement.QuerySOA && d.day.Planned(q, d.next, vp, server, path) {
				n++
			}
		}
	}
	return n
}

func (d *fold) cell(l *label, vp, server, path int) cell {
	t := tally{planned: l.rows > 0, sent: l.sent, failed: l.failed, own: l.own, incorrect: l.incorrect}
	for _, q := range d.plain {
		if t.planned {
			break
		}
		t.planned = d.day.Planned(q, d.next, vp, server, path) && d.day.Expected(vp, d.next)
	}
	c := cell{state: d.state(t, d.least), sent: l.sent, failed: l.failed, serial: l.serial, nsid: most(l.nsids)}
	if n := len(l.latencies); n > 0 {
		slices.Sort(l.latencies)
		c.latency = LatencyByte(l.latencies[(n-1)/2])
	}
	return c
}

// sum is what a label comes to, as the table hours would have it.
func (d *fold) sum(l *label, vp, server, path int) *sum {
	s := &sum{asked: l.rows > 0, planned: l.drawn, sent: l.sent - l.judged, failed: l.failed - l.judgedFailed, incorrect: l.incorrect, own: l.ownSum, serial: noSerial}
	for _, q := range d.plain {
		if d.day.Planned(q, d.next, vp, server, path) && d.day.Expected(vp, d.next) {
			if s.asked = true; !d.judged[q] {
				s.planned++
			}
		}
	}
	for _, us := range l.latencies {
		s.latencies = merge(s.latencies, []measurement.LatencyBucket{{Bucket: derive.Bucket(us), Count: 1}})
	}
	return s
}

// blocks are a block for each part of the vantage points, of one server over one path.
func (d *fold) blocks(server, path int) []block {
	b := block{from: d.at(d.first).Unix(), step: int64(interval.Length / time.Second), steps: d.last - d.first}
	return d.parts(b, d.vps, func(vp int) series { return d.series[d.place(vp, server, path)] })
}
