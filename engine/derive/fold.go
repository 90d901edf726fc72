package derive

import (
	"fmt"
	"math"
	"net/netip"
	"slices"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// columns are what a day's tables are made of.
var columns = append([]column.Name{column.VantagePoint, column.Query, column.RSI, column.Family, column.Transport,
	column.Address, column.LatencyUS, column.Serial, column.ZoneSerial, column.NSID, column.Strays, column.Verdict, failures}, column.GoodColumns...)

// failures says whose clock an answer shows to be wrong.
const failures column.Name = "failures"

// What became of a planned query; of several to one server the greatest counts.
const (
	unsent = iota
	bad
	good
)

// fold makes the rows and marks of a day of its answers, which come in the order of their
// intervals.
type fold struct {
	*frame
	runs   *runs
	digest *digest
	marks  *marks
	ended  func() error // the hour is over

	hour  *hour
	cells []cell  // of the hour: by query, vantage point, server, path
	slots []int32 // of the hour, of queries that draw their paths: those of which there is a row, by query, vantage point, server; a bit a label
	next  int     // the label of the day whose rows come next
	label *label

	ordered order
}

func newFold(f *frame, r *runs, g *digest) *fold {
	d := &fold{frame: f, runs: r, digest: g, ordered: f.order()}
	n := len(f.queries) * len(f.vps) * len(f.servers)
	d.cells, d.slots = make([]cell, n*len(allPaths)), make([]int32, n)
	d.label = newLabel(f)
	return d
}

// begin goes on at an hour of the day, whatever came before.
func (d *fold) begin(hour int) {
	for i := range d.cells {
		d.cells[i].reset()
	}
	clear(d.slots)
	d.label.reset()
	d.next, d.hour, d.marks = hour*perHour, d.frame.hour(hour), newMarks(d.frame, d.digest)
}

// cell is what became of one query over one path within an hour.
type cell struct {
	rows, sent, answered, good, offPlan, strays, incorrect, unchecked int32
	latencies                                                         []int64
	oldest, newest                                                    int64 // serials of the good; -1 where there is none
	unordered                                                         bool
	serials                                                           bool
	instances                                                         []instance
}

type instance struct {
	nsid string
	none bool
	n    int32
}

func (c *cell) reset() { *c = cell{latencies: c.latencies[:0], instances: c.instances[:0]} }

// serial notes a serial of a good answer.
func (c *cell) serial(s uint32) {
	switch {
	case !c.serials:
		c.oldest, c.newest, c.serials = int64(s), int64(s), true
	case metrics.Newer(uint32(c.oldest), s):
		c.oldest = int64(s)
	case metrics.Newer(s, uint32(c.newest)):
		c.newest = int64(s)
	case int64(s) != c.oldest && int64(s) != c.newest && (!metrics.Newer(s, uint32(c.oldest)) || !metrics.Newer(uint32(c.newest), s)):
		c.unordered = true
	}
	c.unordered = c.unordered || c.oldest != c.newest && !metrics.Newer(uint32(c.newest), uint32(c.oldest))
}

func (c *cell) met(nsid string, none bool) {
	for i := range c.instances {
		if m := &c.instances[i]; m.none == none && m.nsid == nsid {
			m.n++
			return
		}
	}
	c.instances = append(c.instances, instance{nsid, none, 1})
}

func (d *fold) at(query, vp, server, path int) *cell {
	return &d.cells[((query*len(d.vps)+vp)*len(d.servers)+server)*len(allPaths)+path]
}

// words are the codes of a batch's dictionaries in the frame.
type words struct {
	*column.AnswerBatch
	vp, query, server, family, transport []int32
	address                              []netip.Addr
	answered, local                      int32
	correct, incorrect, unchecked        int32
	nxdomain                             int32
	good                                 column.Good
	failures                             *column.Cells
}

func (d *fold) words(b *column.AnswerBatch) *words {
	w := &words{AnswerBatch: b, good: b.Good(), failures: &b.Cells[slices.Index(columns, failures)],
		answered: b.Outcome.Place(measurement.Answered), local: b.Outcome.Place(measurement.LocalError),
		correct: b.Verdict.Place(measurement.Correct), nxdomain: b.RCode.Place(measurement.NXDomain), incorrect: b.Verdict.Place(measurement.Incorrect), unchecked: b.Verdict.Place(measurement.Unchecked)}
	w.vp = codes(b.VantagePoint.Column, func(s string) (int32, bool) { at, ok := d.vpAt[measurement.VantagePoint(s)]; return at, ok })
	w.query = codes(b.Query.Column, func(s string) (int32, bool) { at, ok := d.queryAt[s]; return at, ok })
	w.server = codes(b.RSI.Column, func(s string) (int32, bool) { at, ok := d.serverAt[measurement.RSI(s)]; return at, ok })
	w.family = codes(b.Family.Column, func(s string) (int32, bool) {
		at := slices.Index(measurement.Families, measurement.Family(s))
		return int32(at * len(measurement.Transports)), at >= 0
	})
	w.transport = codes(b.Transport.Column, func(s string) (int32, bool) {
		at := slices.Index(measurement.Transports, measurement.Transport(s))
		return int32(at), at >= 0
	})
	for _, text := range b.Address.Dict {
		a, _ := netip.ParseAddr(text) // what is none equals none of the plan's
		w.address = append(w.address, a.Unmap())
	}
	return w
}

// codes finds the words of a dictionary; -1 is one that the plan does not have.
func codes(c *column.Column, find func(string) (int32, bool)) []int32 {
	return c.Codes(-1, func(s string) int32 {
		if at, ok := find(s); ok {
			return at
		}
		return -1
	})
}

// add takes a batch.
func (d *fold) add(b *column.AnswerBatch) error {
	w := d.words(b)
	for i := range b.Rows {
		at := int(b.Interval.At(i).Sub(d.day) / interval.Length)
		if at < d.next || at >= perDay || !b.Interval.At(i).Equal(d.frame.label(at)) {
			return fmt.Errorf("derive: answers of %s: row of interval %s: out of order, or not the start of an interval", d.day.Format("2006-01-02"), b.Interval.At(i).Format("2006-01-02T15:04:05Z"))
		}
		if err := d.reach(at); err != nil {
			return err
		}
		vp, query, server := w.vp[b.VantagePoint.Index[i]+1], w.query[b.Query.Index[i]+1], w.server[b.RSI.Index[i]+1]
		family, transport := w.family[b.Family.Index[i]+1], w.transport[b.Transport.Index[i]+1]
		if vp < 0 || query < 0 || server < 0 || family < 0 || transport < 0 {
			continue
		}
		if err := d.row(w, i, int(vp), int(query), int(server), int(family+transport)); err != nil {
			return err
		}
	}
	return nil
}

// row takes a row of a query, server and path that the plan has.
func (d *fold) row(w *words, i, vp, query, server, path int) error {
	q, at := &d.queries[query], d.next-d.hour.first
	if !d.hour.planned(q, at, vp, server, path) { // nothing was planned there, or an exclusion takes it out
		return d.sighted(w, i, q, at, vp, server, path)
	}
	if q.picks {
		d.slots[(query*len(d.vps)+vp)*len(d.servers)+server] |= 1 << at
	}
	c := d.at(query, vp, server, path)
	c.rows++
	if w.Outcome.Index[i] == w.local {
		return nil
	}
	if d.wrongClock(w, i) {
		d.label.clock[vp] = true
	}
	c.strays += int32(w.Strays.Int[i])
	if address := w.Address.Index[i]; address < 0 || w.address[address] != d.hour.address(at, server, path) {
		c.offPlan++
		d.label.offPlan[vp]++
		return nil
	}
	c.sent++
	if w.Outcome.Index[i] == w.answered {
		c.answered++
		c.met(w.NSID.Text(i), !w.NSID.Has(i))
	}
	if w.good.At(i) {
		if c.good++; !q.correct {
			if us := w.LatencyUS; us.Has(i) && us.Int[i] >= 0 {
				c.latencies = append(c.latencies, us.Int[i])
			}
		}
		if err := d.serial(w, i, c, q, vp, server); err != nil {
			return err
		}
	}
	wrong := false
	switch verdict := w.Verdict.Index[i]; {
	case verdict < 0:
	case verdict == w.incorrect:
		c.incorrect++
		wrong = true
	case verdict == w.unchecked:
		c.unchecked++
	}
	if w.Verdict.Index[i] >= 0 {
		d.label.trouble[vp].Judge(server, path, wrong)
	}
	if became := w.became(i, q); became != unsent {
		d.label.take(vp, server, path, became, wrong)
	}
	return nil
}

// became says what a query that was sent became.
func (w *words) became(i int, q *query) uint8 {
	verdict := w.Verdict.Index[i]
	held := q.correct && verdict >= 0 && verdict == w.unchecked && w.RCode.Index[i] >= 0 && w.RCode.Index[i] == w.nxdomain
	switch says, failed := Says(w.good.At(i), q.correct && verdict >= 0 && verdict == w.correct, held); {
	case !says:
		return unsent
	case failed:
		return bad
	}
	return good
}

// sighted notes a serial of a row that an exclusion of single RSIs takes out: such
// exclusions move no T(s) (evidence: a witness of a zone is one, whoever showed it).
func (d *fold) sighted(w *words, i int, q *query, at, vp, server, path int) error {
	if len(d.hour.notes[at]) == 0 || !d.hour.plannedBut(q, at, vp, server, path) || q.Label != measurement.QuerySOA || !w.good.At(i) || !w.Serial.Has(i) {
		return nil
	}
	if address := w.Address.Index[i]; address < 0 || w.address[address] != d.hour.address(at, server, path) {
		return nil
	}
	s, err := serialOf(w, i, w.Serial)
	if err == nil {
		d.label.sight(vp, s)
	}
	return err
}

// serial notes what serial a good answer shows: of the root, or of a zone of the plan.
func (d *fold) serial(w *words, i int, c *cell, q *query, vp, server int) error {
	of := w.Serial
	if !of.Has(i) {
		if of = w.ZoneSerial; !of.Has(i) {
			return nil
		}
	}
	s, err := serialOf(w, i, of)
	if err != nil {
		return err
	}
	c.serial(s)
	if q.Label == measurement.QuerySOA && w.Serial.Has(i) {
		d.label.show(vp, server, s)
	}
	return nil
}

func serialOf(w *words, i int, of column.Numbers) (uint32, error) {
	s := of.Int[i]
	if s < 0 || s > math.MaxUint32 {
		return 0, fmt.Errorf("derive: answers, interval %s, vantage point %s: serial %d", w.Interval.At(i).Format("2006-01-02T15:04Z"), w.VantagePoint.At(i), s)
	}
	return uint32(s), nil
}

// wrongClock says whether an answer showed that its vantage point's clock is wrong.
func (d *fold) wrongClock(w *words, i int) bool {
	if w.Verdict.Index[i] != w.unchecked || w.unchecked < 0 {
		return false
	}
	texts, err := w.failures.Texts(i)
	return err == nil && slices.Contains(texts, "hold: clock")
}

// reach ends the labels before at, and the hours.
func (d *fold) reach(at int) error {
	for d.next < at {
		d.marks.label(d.hour, d.next, d.label, d.runs)
		d.label.reset()
		if d.next++; d.next%perHour > 0 {
			continue
		}
		if err := d.ended(); err != nil {
			return err
		}
		if d.next < perDay {
			d.begin(d.next / perHour)
		}
	}
	return nil
}
