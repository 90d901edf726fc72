package metrics

import (
	"math"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// needed are what the metrics read of the table answers. Beside these they read TC where
// an answer has no verdict, for one that is truncated needs none; NSID where
// Config.Instances is set; SentAt where a sighting may be of before its zone was signed.
var needed = []column.Name{column.VantagePoint, column.Query, column.RSI, column.Family, column.Transport,
	column.Address, column.Outcome, column.LatencyUS, column.RCode, column.Serial, column.Verdict}

// Accumulator gathers answers for a period. Add may be called concurrently; the
// result does not depend on the order of rows, batches or files.
type Accumulator struct {
	cfg   Config
	n     int
	from  int64 // window of interval labels, µs
	until int64
	days  []*day
	rsis  map[string]int32

	frames    []frame // by their start
	addresses map[netip.Addr]int32
	zones     map[uint32]measurement.Zone

	marks         map[string][]mark // of runs by vantage point, by interval of the window
	marksBefore   map[runKey]mark   // of runs before the window
	receivedUntil time.Time         // when the last of the runs that count came into the lake
	lateRuns      map[string]int64  // by vantage point: those that came later
	firstLate     time.Time         // when the first of those of the window came that came later
	archivedUntil time.Time         // when the last of the zones was archived
	empty         *block            // a day on which nothing came

	settled bool         // Compute has begun
	open    atomic.Int64 // correctness answers that have neither verdict nor flags

	mu             sync.Mutex // guards what follows
	vps            []VantagePoint
	index          map[string]int32
	anyVP          bool   // vantage points are those of the data
	tooMany        string // the first of them that was too many
	unexpected     map[measurement.VantagePoint]bool
	unexpectedRSIs map[measurement.RSI]bool
	instances      map[instance]int64
	stray          int64
	history        map[runKey]*pastRun
}

// instance is a server as one vantage point met it.
type instance struct {
	vp, rsi int32
	none    bool // it gave no NSID
	nsid    string
}

// New makes an empty accumulator; the rows of the table zones say which serials are
// of root zones, and when these were signed.
func New(cfg Config, zones []measurement.Zone) (*Accumulator, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	from, until := cfg.window()
	a := &Accumulator{cfg: cfg, n: len(cfg.Servers), from: from.UnixMicro(), until: until.UnixMicro(),
		vps: slices.Clone(cfg.VantagePoints), anyVP: len(cfg.VantagePoints) == 0, rsis: map[string]int32{}, index: map[string]int32{},
		unexpected: map[measurement.VantagePoint]bool{}, unexpectedRSIs: map[measurement.RSI]bool{},
		instances: map[instance]int64{}, marks: map[string][]mark{}, marksBefore: map[runKey]mark{}, lateRuns: map[string]int64{}, history: map[runKey]*pastRun{}}
	a.frames, a.addresses = cfg.frames()
	a.zones = make(map[uint32]measurement.Zone, len(zones))
	for _, z := range zones {
		if until := cfg.ArchivedUntil; z.ArchivedAt != nil && !until.IsZero() && z.ArchivedAt.After(until) {
			if z.ArchivedAt = nil; z.State == measurement.ZoneArchived {
				z.State = measurement.ZoneSeen
			}
		}
		if z.ArchivedAt != nil && z.ArchivedAt.After(a.archivedUntil) {
			a.archivedUntil = z.ArchivedAt.UTC()
		}
		a.zones[uint32(z.Serial)] = z
	}
	for i, s := range cfg.Servers {
		a.rsis[string(s.RSI)] = int32(i)
	}
	for i, v := range a.vps {
		a.index[string(v.ID)] = int32(i)
	}
	for d := from; d.Before(until); d = d.AddDate(0, 0, 1) {
		a.days = append(a.days, &day{number: len(a.days), counted: !d.Before(cfg.From) && d.Before(cfg.Until)})
	}
	return a, nil
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

// Add takes a batch; it may be used again afterwards. TC may be missing where every answer
// with rcode NOERROR or NXDOMAIN has a verdict, NSID where Config.Instances is not set,
// SentAt where no row was sent before its label. Rows outside the window, of
// other queries, of RSIs and vantage points not expected count nowhere. An error
// says which row contradicts itself: such data is not fit for verdicts.
func (a *Accumulator) Add(b *column.AnswerBatch) error {
	d, err := a.decode(b)
	if err != nil {
		return err
	}
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
		if at[first] < a.from {
			if err := a.before(d, first, end, vpFrom, vpUntil); err != nil {
				return err
			}
			continue
		}
		if at[first] >= a.until {
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
		if marks := a.marks[b.VantagePoint.Text(first)]; marks != nil && marks[slot]&late != 0 {
			continue
		}
		if vp < 0 || at[first] < vpFrom[vp] || at[first] >= vpUntil[vp] {
			if day.counted && slices.ContainsFunc(b.Query.Index[first:end], func(q int32) bool { return d.query[q+1] != 0 }) {
				d.seenVP[place[first]+1] = true
				d.stray += a.strays(d, first, end, vp)
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
	a.stray += d.stray
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
			a.unexpectedRSIs[measurement.RSI(d.RSI.Dict[i])] = true
		}
	}
}

// rows puts the rows [first, end) of one interval and vantage point into their cells.
// This loop runs eleven million times a month: what it needs is looked up before,
// and all columns are seen to be as long.
func (a *Accumulator) rows(d *decoded, day *day, slot, vp, first, end int) error {
	n, queries := a.n, d.Query.Index[first:end]
	rsis, families, transports := d.RSI.Index[first:end][:len(queries)], d.Family.Index[first:end][:len(queries)], d.Transport.Index[first:end][:len(queries)]
	outcomes, rcodes, addresses := d.Outcome.Index[first:end][:len(queries)], d.RCode.Index[first:end][:len(queries)], d.Address.Index[first:end][:len(queries)]
	latencies, serials, none := d.LatencyUS.Int[first:end][:len(queries)], d.Serial.Int[first:end][:len(queries)], d.Serial.Null
	queryOf, rsiOf, familyOf, transportOf, addressOf := d.query, d.rsi, d.family, d.transport, d.address
	label := d.Interval.Int[first]
	frame := a.frameOf(label)
	counted := day.counted && label < a.cfg.DataUntil.UnixMicro()
	var nsids []int32
	var last []instanceCount
	if a.cfg.Instances {
		nsids, last = d.NSID.Index[first:end], d.names[int(d.VantagePoint.Index[first])*n*len(paths):]
	}
	var b *block
	for k, q := range queries {
		query := queryOf[q+1]
		if query == 0 {
			continue
		}
		if b == nil {
			b = day.block(vp, a, d.VantagePoint.Column, first)
			b.received[slot] = 1
		}
		rsi := int(rsiOf[rsis[k]+1])
		path := int(familyOf[families[k]+1] + transportOf[transports[k]+1])
		if path < 0 {
			return d.damaged(first+k, "unknown family or transport")
		}
		var cell uint32
		if us := latencies[k]; us > 0 && us <= int64(Deadline/time.Microsecond) && outcomes[k] == d.answered && rcodes[k] == d.noError {
			cell = cellOK + uint32(us) // nearly always
		} else if cell = d.cell(first + k); cell == cellDamaged {
			return d.contradiction(first + k)
		}
		if rsi < 0 {
			d.seenRSI[rsis[k]+1] = d.seenRSI[rsis[k]+1] || day.counted
			d.show(first+k, query, day, b, slot)
			continue
		}
		expected := frame.asked[2*rsi+path/2]
		if cell != cellLocal && (expected < 0 || addressOf[addresses[k]+1] != expected) {
			if cell != cellOff {
				d.show(first+k, query, day, b, slot)
			}
			cell = cellOff
		}
		if frame.paths[rsi] == 0 || query == querySOA && expected < 0 {
			d.stray += a.strays(d, first+k, first+k+1, int32(vp))
			continue // nothing was planned there
		}
		place := (slot*len(paths)+path)*n + rsi
		if query == queryCorrectness {
			if err := d.check(first+k, b, cell, place, len(paths)*n*perDay, counted); err != nil {
				return err
			}
			continue
		}
		if counted {
			if nsids != nil && cell >= cellLate { // answered, whatever it said
				if m := &last[rsi*len(paths)+path]; m.nsid == nsids[k] {
					m.count++
				} else {
					d.count(m, int32(vp), int32(rsi), nsids[k])
				}
			}
			if b.cells[place] != cellAbsent {
				return d.damaged(first+k, "stands twice in the lake")
			}
			b.cells[place] = cell
		}
		if !sent(cell) {
			continue
		}
		at := slot*n + rsi
		b.asked[at] |= 1 << path
		if known := &day.sets.last; cell >= cellOK && serials[k] == int64(known.serial) && known.code != serialNone && label >= known.from &&
			(none == nil || !none[first+k]) && b.byPath == nil && alike(&b.shown[slot], known.code) && alike(&b.serials[at], known.code) {
			continue // nearly always: all show the same
		}
		if cell >= cellOK {
			if err := d.serial(first+k, day, b, label, slot, at, path, place); err != nil {
				return err
			}
		}
	}
	return nil
}

// strays counts the rows of [first, end) that are in no planned slot of the period,
// though their vantage point and RSI are known; those aside that an exclusion without
// RSIs takes out.
func (a *Accumulator) strays(d *decoded, first, end int, vp int32) (n int64) {
	label := time.UnixMicro(d.Interval.Int[first]).UTC()
	if vp < 0 || label.Before(a.cfg.From) || !label.Before(earlier(a.cfg.Until, a.cfg.DataUntil)) {
		return 0
	}
	for i := first; i < end; i++ {
		path := int(d.family[d.Family.Index[i]+1] + d.transport[d.Transport.Index[i]+1])
		if d.query[d.Query.Index[i]+1] == 0 || d.rsi[d.RSI.Index[i]+1] < 0 || path < 0 {
			continue
		}
		out := a.excludes(measurement.VantagePoint(d.VantagePoint.Text(i)), label, path)
		n += one(!out)
	}
	return n
}

// count begins to count the answers of another server: a vantage point nearly
// always meets the same one, so that a map is needed only when it changes.
func (d *decoded) count(n *instanceCount, vp, rsi, nsid int32) {
	if n.count > 0 {
		d.met[[3]int32{vp, rsi, n.nsid}] += n.count
	}
	*n = instanceCount{nsid: nsid, count: 1}
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
	case cell == cellOff:
		check = checkOff
	case cell >= cellOK || cell == cellNXDomain:
		verdict := d.verdict[d.Verdict.Index[i]+1]
		if verdict < 0 {
			return d.damaged(i, "unknown verdict")
		}
		switch {
		case verdict > 0:
			check = uint8(verdict)
		case d.TC.Column == nil:
			check = checkOpen
			d.accumulator.open.Add(1)
		case !d.TC.Yes(i):
			check = checkUnchecked
		}
	}
	if b.checks == nil {
		b.checks = slices.Repeat([]uint8{checkAbsent}, size)
	}
	if b.checks[place] != checkAbsent {
		return d.damaged(i, "stands twice in the lake")
	}
	b.checks[place] = check
	return nil
}
