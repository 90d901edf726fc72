package metrics

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// Columns are what the metrics read of the table answers.
var Columns = []string{
	"interval", "vantage_point", "query", "rsi", "family", "transport",
	"outcome", "latency_us", "rcode", "tc", "serial", "nsid", "verdict",
}

// Batch is a piece of the table answers, a column for each name of Columns.
type Batch struct {
	Rows                                        int
	Interval, LatencyUS, TC, Serial             *lake.Column
	VantagePoint, Query, RSI, Family, Transport *lake.Column
	Outcome, RCode, NSID, Verdict               *lake.Column
}

// Accumulator gathers answers for a period. Add may be called concurrently; the
// result does not depend on the order of rows, batches or files.
type Accumulator struct {
	cfg   Config
	n     int
	from  int64 // window of interval labels, µs
	until int64
	days  []*day
	rsis  map[string]int32

	settled bool // Compute has begun

	mu         sync.Mutex // guards what follows
	vps        []VantagePoint
	index      map[string]int32
	open       bool // vantage points are those of the data
	unexpected map[measurement.VantagePoint]bool
	strangers  map[measurement.RSI]bool
	instances  map[instance]int64
}

// instance is a server as one vantage point met it.
type instance struct {
	vp, rsi int32
	none    bool // it gave no NSID
	nsid    string
}

// New makes an empty accumulator.
func New(cfg Config) (*Accumulator, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	from, until := cfg.window()
	a := &Accumulator{cfg: cfg, n: len(cfg.RSIs), from: from.UnixMicro(), until: until.UnixMicro(),
		vps: slices.Clone(cfg.VantagePoints), open: len(cfg.VantagePoints) == 0, rsis: map[string]int32{}, index: map[string]int32{},
		unexpected: map[measurement.VantagePoint]bool{}, strangers: map[measurement.RSI]bool{},
		instances: map[instance]int64{}}
	for i, r := range cfg.RSIs {
		a.rsis[string(r)] = int32(i)
	}
	for i, v := range a.vps {
		a.index[string(v.ID)] = int32(i)
	}
	for d := from; d.Before(until); d = d.AddDate(0, 0, 1) {
		a.days = append(a.days, &day{number: len(a.days), counted: !d.Before(cfg.From) && d.Before(cfg.Until)})
	}
	return a, nil
}

// Scan adds what the lake's answers have for the period, its look-back and its
// look-ahead. Workers is how many files are read at a time, 0 one for each CPU.
func (a *Accumulator) Scan(ctx context.Context, store lake.Store, workers int) error {
	from, until := a.cfg.window()
	scan := lake.Scan{Store: store, Table: lake.Answers, From: from, Until: until, Columns: Columns, Workers: workers}
	return scan.Run(ctx, func(b *lake.Batch) error {
		return a.Add(Batch{Rows: b.Rows, Interval: b.Column("interval"), LatencyUS: b.Column("latency_us"), TC: b.Column("tc"),
			Serial: b.Column("serial"), VantagePoint: b.Column("vantage_point"), Query: b.Column("query"), RSI: b.Column("rsi"),
			Family: b.Column("family"), Transport: b.Column("transport"), Outcome: b.Column("outcome"), RCode: b.Column("rcode"), NSID: b.Column("nsid"),
			Verdict: b.Column("verdict")})
	})
}

// decoded is a batch whose texts have been looked up: each table is read at a
// row's place in the dictionary plus one, entry 0 stands for null.
type decoded struct {
	Batch
	vp, query, rsi, family, transport, outcome, rcode, verdict []int32
	seenVP, seenRSI                                            []bool // by place plus one: a row of the period names it

	names []named            // by vantage point's place, RSI and path: the NSID of the last answer
	met   map[[3]int32]int64 // answers by vantage point, RSI and NSID's place
}

// named is a run of answers of one server.
type named struct {
	nsid  int32
	count int64
}

// Values of the lookup tables that are not an index.
const (
	unknown  = int32(-1)
	answered = int32(cellOK) // outcome answered, and rcode NOERROR

	querySOA         = 1
	queryCorrectness = 2
)

var outcomeCells = map[string]int32{
	string(measurement.Answered): answered, string(measurement.Timeout): int32(cellTimeout), string(measurement.Refused): int32(cellRefused),
	string(measurement.Unreachable): int32(cellUnreachable), string(measurement.Reset): int32(cellReset),
	string(measurement.Malformed): int32(cellMalformed), string(measurement.LocalError): int32(cellLocal),
}

var rcodeCells = map[string]int32{
	"NOERROR": answered, "SERVFAIL": int32(cellServfail), "REFUSED": int32(cellRcodeRefused), "NXDOMAIN": int32(cellNXDomain),
}

var verdictChecks = map[string]int32{
	string(measurement.Correct): int32(checkCorrect), string(measurement.Incorrect): int32(checkIncorrect), string(measurement.Unchecked): int32(checkUnchecked),
}

func table(c *lake.Column, null int32, of func(string) int32) []int32 {
	t := []int32{null}
	for _, text := range c.Dict {
		t = append(t, of(text))
	}
	return t
}

func fromMap(m map[string]int32, missing int32) func(string) int32 {
	return func(s string) int32 {
		if v, ok := m[s]; ok {
			return v
		}
		return missing
	}
}

// decode looks the batch's texts up.
func (a *Accumulator) decode(b Batch) *decoded {
	d := &decoded{Batch: b}
	d.vp = table(b.VantagePoint, unknown, a.place)
	d.query = table(b.Query, 0, fromMap(map[string]int32{QuerySOA: querySOA, QueryCorrectness: queryCorrectness}, 0))
	d.rsi = table(b.RSI, unknown, fromMap(a.rsis, unknown))
	const neither = -8 // negative also in the sum of the two
	d.family = table(b.Family, neither, fromMap(map[string]int32{string(measurement.IPv4): 0, string(measurement.IPv6): 2}, neither))
	d.transport = table(b.Transport, neither, fromMap(map[string]int32{string(measurement.UDP): 0, string(measurement.TCP): 1}, neither))
	d.outcome = table(b.Outcome, unknown, fromMap(outcomeCells, unknown))
	d.rcode = table(b.RCode, unknown, fromMap(rcodeCells, int32(cellRcode)))
	d.verdict = table(b.Verdict, 0, fromMap(verdictChecks, unknown))
	d.seenVP, d.seenRSI = make([]bool, len(d.vp)), make([]bool, len(d.rsi))
	d.names, d.met = make([]named, len(d.vp)*a.n*len(paths)), map[[3]int32]int64{}
	return d
}

// place is the index of a vantage point; of one not expected, unknown.
func (a *Accumulator) place(id string) int32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	i, known := a.index[id]
	if !known && a.open {
		i, known = int32(len(a.vps)), true
		a.vps = append(a.vps, VantagePoint{ID: measurement.VantagePoint(id)})
		a.index[id] = i
	}
	if !known {
		return unknown
	}
	return i
}

// bounds are the vantage points' dates in µs.
func (a *Accumulator) bounds() (from, until []int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, v := range a.vps {
		f, u := int64(math.MinInt64), int64(math.MaxInt64)
		if v.From != nil {
			f = v.From.UnixMicro()
		}
		if v.Until != nil {
			u = v.Until.UnixMicro()
		}
		from, until = append(from, f), append(until, u)
	}
	return from, until
}

// Add takes a batch; it may be used again afterwards. Rows outside the window, of
// other queries, of RSIs and vantage points not expected count nowhere. An error
// says which row contradicts itself: such data is not fit for verdicts.
func (a *Accumulator) Add(b Batch) error {
	d := a.decode(b)
	vpFrom, vpUntil := a.bounds()
	var locked *day
	defer func() {
		if locked != nil {
			locked.mu.Unlock()
		}
	}()
	at, place := b.Interval.Int, b.VantagePoint.Index
	for i := 0; i < b.Rows; {
		// A run of rows of one interval and vantage point; 65 where rows are sorted.
		end := i + 1
		for end < b.Rows && at[end] == at[i] && place[end] == place[i] {
			end++
		}
		first := i
		i = end
		if at[first] < a.from || at[first] >= a.until {
			continue
		}
		slot := (at[first] - a.from) / interval.Length.Microseconds()
		if at[first] != a.from+slot*interval.Length.Microseconds() {
			return d.damaged(first, "the label is not the start of an interval")
		}
		day := a.days[slot/perDay]
		if day != locked {
			if locked != nil {
				locked.mu.Unlock()
			}
			locked = day
			locked.mu.Lock()
		}
		vp := d.vp[place[first]+1]
		if vp < 0 || at[first] < vpFrom[vp] || at[first] >= vpUntil[vp] {
			if day.counted && slices.ContainsFunc(b.Query.Index[first:end], func(q int32) bool { return d.query[q+1] != 0 }) {
				d.seenVP[place[first]+1] = true
			}
			continue
		}
		if err := a.rows(d, day, int(slot%perDay), int(vp), first, end); err != nil {
			return err
		}
	}
	a.remember(d)
	return nil
}

// remember notes which servers answered, and who was in the data of the period
// without being expected.
func (a *Accumulator) remember(d *decoded) {
	for at, n := range d.names {
		if n.count > 0 {
			vp, rsi := d.vp[at/len(paths)/a.n+1], int32(at/len(paths)%a.n)
			d.met[[3]int32{vp, rsi, n.nsid}] += n.count
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for at, n := range d.met {
		key := instance{vp: at[0], rsi: at[1], none: at[2] < 0}
		if !key.none {
			key.nsid = d.NSID.Dict[at[2]]
		}
		a.instances[key] += n
	}
	for i, seen := range d.seenVP[1:] {
		if seen {
			a.unexpected[measurement.VantagePoint(d.VantagePoint.Dict[i])] = true
		}
	}
	for i, seen := range d.seenRSI[1:] {
		if seen {
			a.strangers[measurement.RSI(d.RSI.Dict[i])] = true
		}
	}
}

// rows puts the rows [i, end) of one interval and vantage point into their cells.
// This loop runs eleven million times a month: what it needs is looked up before.
func (a *Accumulator) rows(d *decoded, day *day, slot, vp, i, end int) error {
	n, queries, rsis, families, transports := a.n, d.Query.Index, d.RSI.Index, d.Family.Index, d.Transport.Index
	nsids, serials, none := d.NSID.Index, d.Serial.Int, d.Serial.Null
	names := d.names[int(d.VantagePoint.Index[i])*n*len(paths):]
	var b *block
	for ; i < end; i++ {
		query := d.query[queries[i]+1]
		if query == 0 {
			continue
		}
		if b == nil {
			b = day.block(vp, a, d.VantagePoint, i)
			b.received[slot] = 1
		}
		rsi := int(d.rsi[rsis[i]+1])
		path := int(d.family[families[i]+1] + d.transport[transports[i]+1])
		if rsi < 0 {
			d.seenRSI[rsis[i]+1] = d.seenRSI[rsis[i]+1] || day.counted
			continue
		}
		if path < 0 {
			return d.damaged(i, "unknown family or transport")
		}
		cell := d.cell(i)
		if cell == cellDamaged {
			return d.contradiction(i)
		}
		place := (slot*len(paths)+path)*n + rsi
		if query == queryCorrectness {
			if err := d.check(i, b, cell, place, len(paths)*n*perDay, day.counted); err != nil {
				return err
			}
			continue
		}
		if day.counted {
			if cell >= cellLate { // answered, whatever it said
				if m := &names[rsi*len(paths)+path]; m.nsid == nsids[i] {
					m.count++
				} else {
					d.meet(m, int32(vp), int32(rsi), nsids[i])
				}
			}
			if b.cells[place] != cellAbsent {
				return d.damaged(i, "stands twice in the lake")
			}
			b.cells[place] = cell
		}
		if !sent(cell) {
			continue
		}
		code := &b.serials[slot*n+rsi]
		if cell >= cellOK && (none == nil || !none[i]) {
			if last := &day.sets.last; *code >= serialFirst && *code == last[1] && serials[i] == int64(last[0]) && b.byPath == nil {
				continue // nearly always: the four agree
			}
			if err := d.serial(i, day, b, code, place); err != nil {
				return err
			}
			continue
		}
		if *code < serialNone {
			*code = serialNone
		}
		if b.byPath != nil {
			b.byPath[place] = serialNone
		}
	}
	return nil
}

// serial notes what serial a good answer showed, at place among the cells.
func (d *decoded) serial(i int, day *day, b *block, code *uint32, place int) error {
	serial := d.Serial.Int[i]
	if serial < 0 || serial > math.MaxUint32 {
		return d.damaged(i, fmt.Sprintf("serial %d", serial))
	}
	*code = day.sets.add(*code, uint32(serial))
	if b.byPath != nil {
		b.byPath[place] = day.sets.add(serialNone, uint32(serial))
	}
	return nil
}

// meet begins to count the answers of another server: a vantage point nearly
// always meets the same one, so that a map is needed only when it changes.
func (d *decoded) meet(n *named, vp, rsi, nsid int32) {
	if n.count > 0 {
		d.met[[3]int32{vp, rsi, n.nsid}] += n.count
	}
	*n = named{nsid: nsid, count: 1}
}

// cell reads what became of a query; cellDamaged where the row contradicts itself.
func (d *decoded) cell(i int) uint32 {
	outcome := d.outcome[d.Outcome.Index[i]+1]
	if outcome != answered {
		return uint32(outcome) // cellDamaged where it is unknown
	}
	rcode, us := d.rcode[d.RCode.Index[i]+1], d.LatencyUS.Int[i]
	if uint64(us) > uint64(Deadline.Microseconds()) || us == 0 && d.LatencyUS.Null != nil && d.LatencyUS.Null[i] {
		if us <= 0 || rcode < 0 {
			return cellDamaged
		}
		return cellLate
	}
	if rcode == answered {
		return cellOK + uint32(us)
	}
	return uint32(rcode) // cellDamaged where there is none
}

// contradiction says what is wrong with a row that cell refused.
func (d *decoded) contradiction(i int) error {
	switch {
	case d.outcome[d.Outcome.Index[i]+1] < 0:
		return d.damaged(i, "unknown outcome")
	case d.rcode[d.RCode.Index[i]+1] < 0:
		return d.damaged(i, "answered without rcode")
	}
	return d.damaged(i, "answered without latency")
}

// check puts a correctness answer into its cell. Received is NOERROR or NXDOMAIN
// in time; one that is not truncated and has no verdict waits for it.
func (d *decoded) check(i int, b *block, cell uint32, place, size int, counted bool) error {
	if !counted {
		return nil
	}
	check := checkUnanswered
	switch {
	case cell == cellLocal:
		check = checkLocal
	case cell >= cellOK || cell == cellNXDomain:
		verdict := d.verdict[d.Verdict.Index[i]+1]
		if verdict < 0 {
			return d.damaged(i, "unknown verdict")
		}
		truncated := d.TC.Int[i] != 0 && (d.TC.Null == nil || !d.TC.Null[i])
		if verdict > 0 {
			check = uint8(verdict)
		} else if !truncated {
			check = checkUnchecked
		}
	}
	if b.checks == nil {
		b.checks = make([]uint8, size)
	}
	if b.checks[place] != checkAbsent {
		return d.damaged(i, "stands twice in the lake")
	}
	b.checks[place] = check
	return nil
}

// damaged says which row is not fit for verdicts.
func (d *decoded) damaged(i int, what string) error {
	return fmt.Errorf("answers, interval %s, vantage point %s, query %s, %s %s/%s: %s",
		time.UnixMicro(d.Interval.Int[i]).UTC().Format("2006-01-02T15:04Z"), cmp.Or(d.VantagePoint.Text(i), "?"), d.Query.Text(i),
		cmp.Or(d.RSI.Text(i), "?"), d.Family.Text(i), d.Transport.Text(i), what)
}
