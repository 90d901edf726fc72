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
)

const labels = int(24 * time.Hour / interval.Length)

var allPaths = derive.Paths()

// columns are what tiles of five minutes are made of.
var columns = append([]column.Name{column.VantagePoint, column.Query, column.RSI, column.Family, column.Transport,
	column.Address, column.LatencyUS, column.Serial, column.ZoneSerial, column.NSID, column.Verdict}, column.GoodColumns...)

// label is what became of a vantage point's queries of one interval to one server over one
// path.
type label struct {
	rows, sent, failed, incorrect, waiting int
	latencies                              []int64
	serial                                 int64
	nsids                                  []run[string]
}

func (l *label) reset() { *l = label{latencies: l.latencies[:0], nsids: l.nsids[:0], serial: noSerial} }

// fold makes cells of a day's answers, which come in the order of their intervals.
type fold struct {
	*frame
	day         *derive.Day
	start       time.Time
	first, last int // labels of the day [first, last) that are wanted
	own         *own

	judged []bool
	plain  []int // queries that do not draw their paths
	vps    []measurement.VantagePoint
	least  *big.Rat

	next   int
	cells  []label  // by vantage point, server, path
	series []series // likewise
}

// fold reads the labels [first, last) of a day.
func (f *frame) fold(ctx context.Context, store lake.Store, start time.Time, first, last int, o *own) (*fold, error) {
	day, err := derive.ReadDay(ctx, f.plan, store, start)
	if err != nil {
		return nil, err
	}
	d := &fold{frame: f, day: day, start: start, first: first, last: last, own: o, vps: day.VantagePoints(), next: first, least: f.least(start)}
	for i, q := range day.Queries() {
		d.judged = append(d.judged, q.Label == measurement.QueryCorrectness)
		if q.Pick == 0 {
			d.plain = append(d.plain, i)
		}
	}
	n := len(d.vps) * len(f.servers) * len(allPaths)
	d.cells, d.series = make([]label, n), make([]series, n)
	for i := range d.cells {
		d.cells[i].reset()
	}
	scan := lake.Scan{Store: store, From: d.at(first), Until: d.at(last), Workers: 1}
	if err := scan.Answers(ctx, columns, d.add); err != nil {
		return nil, err
	}
	d.reach(last)
	return d, nil
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
	incorrect, unchecked                 int32
	good                                 column.Good
}

func (d *fold) words(b *column.AnswerBatch) *words {
	w := &words{AnswerBatch: b, good: b.Good(), answered: b.Outcome.Place(measurement.Answered), local: b.Outcome.Place(measurement.LocalError),
		incorrect: b.Verdict.Place(measurement.Incorrect), unchecked: b.Verdict.Place(measurement.Unchecked)}
	queries := d.day.Queries()
	code := func(c *column.Column, find func(string) int) []int32 {
		return c.Codes(-1, func(s string) int32 { return int32(find(s)) })
	}
	w.vp = code(b.VantagePoint.Column, func(s string) int { return slices.Index(d.vps, measurement.VantagePoint(s)) })
	w.query = code(b.Query.Column, func(s string) int {
		for i := range queries {
			if queries[i].Label == s {
				return i
			}
		}
		return -1
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
	if w.Outcome.Index[i] == w.local {
		return
	}
	if a := w.Address.Index[i]; a < 0 || w.address[a] != d.day.Address(d.next, server, path) {
		return
	}
	answered, good := w.Outcome.Index[i] == w.answered, w.good.At(i)
	if answered && w.NSID.Has(i) {
		c.nsids = count(c.nsids, w.NSID.Text(i), 1)
	}
	if good {
		d.shown(w, i, c, query, vp, server)
	}
	c.sent++
	switch verdict := w.Verdict.Index[i]; {
	case !d.judged[query] && !good, d.judged[query] && !answered:
		c.failed++
	case !d.judged[query]:
		if us := w.LatencyUS; us.Has(i) && us.Int[i] >= 0 {
			c.latencies = append(c.latencies, us.Int[i])
		}
	case verdict >= 0 && verdict == w.incorrect:
		c.failed++
		c.incorrect++
	case verdict >= 0 && verdict == w.unchecked:
		c.sent--
		c.waiting++
	}
}

// shown notes the serial of a good answer.
func (d *fold) shown(w *words, i int, c *label, query, vp, server int) {
	of := w.Serial
	if !of.Has(i) {
		if of = w.ZoneSerial; !of.Has(i) {
			return
		}
	}
	c.serial = newest(c.serial, of.Int[i]&(1<<32-1))
	_ = query
	_, _ = vp, server
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
			var own [2]bool
			for family := range own {
				own[family] = d.inTrouble(vp, family)
			}
			for server := range d.servers {
				for path := range allPaths {
					place := d.place(vp, server, path)
					d.series[place].add(d.cell(&d.cells[place], vp, server, path, own[path/len(measurement.Transports)]))
					d.cells[place].reset()
				}
			}
		}
	}
}

// inTrouble says whether a failure is a vantage point's own: an event says so, or all that
// it asked over the family failed, two queries at least.
func (d *fold) inTrouble(vp, family int) bool {
	if d.own.covers(d.vps[vp], family, d.at(d.next)) {
		return true
	}
	sent, failed := 0, 0
	for server := range d.servers {
		for transport := range measurement.Transports {
			c := &d.cells[d.place(vp, server, family*len(measurement.Transports)+transport)]
			sent, failed = sent+c.sent, failed+c.failed-c.incorrect
		}
	}
	return sent >= 2 && failed == sent
}

func (d *fold) cell(l *label, vp, server, path int, own bool) cell {
	t := tally{planned: l.rows > 0, sent: l.sent, failed: l.failed, incorrect: l.incorrect}
	for _, q := range d.plain {
		if t.planned {
			break
		}
		t.planned = d.day.Planned(q, d.next, vp, server, path) && d.day.Expected(vp, d.next)
	}
	if own {
		t.own = l.failed - l.incorrect
	}
	c := cell{state: d.state(t, d.least), sent: l.sent, failed: l.failed, serial: l.serial, nsid: most(l.nsids)}
	if n := len(l.latencies); n > 0 {
		slices.Sort(l.latencies)
		c.latency = LatencyByte(l.latencies[(n-1)/2])
	}
	return c
}

// blocks are a block for each part of the vantage points, of one server over one path.
func (d *fold) blocks(server, path int) []block {
	b := block{from: d.at(d.first).Unix(), step: int64(interval.Length / time.Second), steps: d.last - d.first}
	return d.parts(b, d.vps, func(vp int) series { return d.series[d.place(vp, server, path)] })
}
