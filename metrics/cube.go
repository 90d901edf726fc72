package metrics

import (
	"slices"
	"sync"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// perDay is the number of intervals of a day [wyn].
const perDay = 288

// paths are the ways to an RSI, in the order of reports. That they are four, two of each
// family, is built into what counts by them; a test holds it against the vocabulary.
var paths = [4]measurement.Path(measurement.Paths)

// A cell says what became of one SOA query; cells from cellOK on were answered
// well, after cell − cellOK µs. Those below cellTimeout were not sent.
const (
	cellAbsent    uint32 = iota // planned, no row
	cellLocal                   // never sent: local_error
	cellOff                     // asked at another address than the plan's
	cellExcluded                // taken out by an exclusion
	cellUnplanned               // no such query was planned
	cellTimeout
	cellRefused
	cellUnreachable
	cellReset
	cellMalformed
	cellLate // a reply after the deadline
	cellServfail
	cellRcodeRefused
	cellNXDomain
	cellRcode // any other rcode: counts as a timeout [ppo]
	cellOK    = 16

	cellDamaged = ^uint32(0) // what no row may be; -1 in the lookup tables
)

// cellNames are the keys of Diagnostics.Outcomes.
var cellNames = map[uint32]string{
	cellLocal: string(measurement.LocalError), cellTimeout: string(measurement.Timeout), cellRefused: string(measurement.Refused),
	cellUnreachable: string(measurement.Unreachable), cellReset: string(measurement.Reset), cellMalformed: string(measurement.Malformed), cellLate: "late", cellServfail: "rcode_servfail",
	cellRcodeRefused: "rcode_refused", cellNXDomain: "rcode_nxdomain", cellRcode: "rcode_other",
}

const outcomeOK = "ok"

// sent says whether the query was asked at the plan's address.
func sent(cell uint32) bool { return cell >= cellTimeout }

// planned says whether it was to be asked.
func planned(cell uint32) bool { return cell != cellExcluded && cell != cellUnplanned }

// A check says what became of one correctness query over one path. What a slot is, a
// vantage point's query to an RSI in an interval whatever its path, is the greatest of
// its four checks; an RSI's own answers all count.
const (
	checkUnplanned   uint8 = iota
	checkExcluded          // the path is taken out, no row
	checkAbsent            // no row
	checkExcludedRow       // a row that is taken out
	checkOff               // asked at another address than the plan's
	checkLocal             // never sent
	checkUnanswered        // no response within the timeout, or an rcode that counts as none [ote]
	checkCorrect
	checkIncorrect
	checkUnchecked
	checkOpen // without a verdict, flags not read: as good as unchecked
)

// block is one day of one vantage point. While rows come in, arrays run over
// [interval][path][rsi], as rows do; settle turns them to [path][rsi][interval],
// so that a path's values of one RSI lie together.
type block struct {
	cells    []uint32        // SOA queries; nil on days of look-back and look-ahead
	checks   []uint8         // correctness queries; nil where there is no row and all is planned
	serials  []uint32        // without paths, codes of the day's serialSets: what trusted sightings show
	asked    []uint8         // without paths: which paths were asked, and which showed a serial of no zone
	byPath   []uint32        // codes of each path; only where exclusions lie
	excluded []pathSet       // without paths: those that exclusions take out; only where they do
	shown    *[perDay]uint32 // codes of all that the soa rows of the run show
	received *[perDay]uint8  // 1 where the interval has any row
}

// A byte of block.asked has a bit for each path that was asked at the plan's address,
// and above these one for each whose good answer showed a serial of no root zone.
const doubtful = 4

// day is what came in for a day. Its mutex guards everything below.
type day struct {
	mu      sync.Mutex
	number  int  // from the start of the window
	counted bool // lies in the period
	blocks  []*block
	sets    serialSets
	early   bool // some sighting may be of before its zone was signed: times are to be read
}

// block returns the vantage point's block, made when its first row comes; ids has
// its name at that row.
func (d *day) block(vp int, a *Accumulator, ids *column.Column, row int) *block {
	for len(d.blocks) <= vp {
		d.blocks = append(d.blocks, nil)
	}
	b := d.blocks[vp]
	if b == nil {
		n := a.n
		b = &block{serials: make([]uint32, n*perDay), asked: make([]uint8, n*perDay), shown: new([perDay]uint32), received: new([perDay]uint8)}
		if d.counted {
			b.cells = make([]uint32, len(paths)*n*perDay)
		}
		if a.hasExclusion(d.number, measurement.VantagePoint(ids.Text(row))) {
			b.byPath = make([]uint32, len(paths)*n*perDay)
		}
		d.blocks[vp] = b
	}
	return b
}

// settle turns every block, once, after the last row, and notes what was not planned.
func (a *Accumulator) settle() {
	if a.settled {
		return
	}
	a.settled = true
	a.empty = &block{cells: make([]uint32, len(paths)*a.n*perDay), serials: make([]uint32, a.n*perDay), asked: make([]uint8, a.n*perDay),
		shown: new([perDay]uint32), received: new([perDay]uint8)}
	vpFrom, vpUntil := a.bounds()
	a.parallel(len(a.days), func(i int) {
		cells, bytes := make([]uint32, len(paths)*a.n*perDay), make([]uint8, len(paths)*a.n*perDay)
		d := a.days[i]
		for vp, b := range d.blocks {
			if b == nil {
				continue
			}
			transpose(b.cells, cells)
			transpose(b.byPath, cells)
			transpose(b.serials, cells)
			transpose(b.asked, bytes)
			transpose(b.checks, bytes)
			a.distrust(d, b, a.marksOf(a.vps[vp].ID))
		}
		if d.counted {
			a.markUnplanned(d, vpFrom, vpUntil)
		}
	})
}

// distrust takes away what runs show that date nothing.
func (a *Accumulator) distrust(d *day, b *block, marks []mark) {
	for slot := range perDay {
		if !distrusted(&d.sets, b, marks, d.number, slot) {
			continue
		}
		for i := slot; i < len(b.serials); i += perDay {
			b.serials[i], b.asked[i] = serialNone, 0
		}
		for i := slot; i < len(b.byPath); i += perDay {
			b.byPath[i] = serialNone
		}
	}
}

// distrusted says whether nothing that a run shows dates a serial.
func distrusted(sets *serialSets, b *block, marks []mark, day, slot int) bool {
	return len(sets.of(b.shown[slot])) > MaxSerials || marks != nil && marks[day*perDay+slot]&untrusted != 0
}

// markUnplanned marks what was not planned on a day of the period, and puts the empty block
// where something was and nothing came.
func (a *Accumulator) markUnplanned(d *day, vpFrom, vpUntil []int64) {
	const length = int64(interval.Length / time.Microsecond)
	start := a.from + int64(d.number)*perDay*length
	end := start + perDay*length
	for len(d.blocks) < len(vpFrom) {
		d.blocks = append(d.blocks, nil)
	}
	f := a.frameOf(start)
	shared := map[[2]int64]*block{} // days on which nothing came, by the dates that cut them
	whole := f == a.frameOf(end-1) && end <= a.cfg.DataUntil.UnixMicro() && !slices.ContainsFunc(f.paths, func(p pathSet) bool { return p != allPaths })
	for vp := range vpFrom {
		from, until := max(start, vpFrom[vp]), min(end, vpUntil[vp], a.cfg.DataUntil.UnixMicro())
		b := d.blocks[vp]
		switch {
		case from >= until && b == nil:
			continue
		case whole && from == start && until == end:
			if b == nil {
				d.blocks[vp] = a.empty
			}
			continue
		case b == nil:
			cut := [2]int64{from, until}
			if d.blocks[vp] = shared[cut]; d.blocks[vp] != nil {
				continue
			}
			b = a.empty.clone()
			d.blocks[vp], shared[cut] = b, b
		}
		b.needChecks()
		for slot := range perDay {
			at := start + int64(slot)*length
			out := at < from || at >= until
			f := a.frameOf(at)
			for rsi := range a.n {
				for p := range paths {
					i := (p*a.n+rsi)*perDay + slot
					if out || f.paths[rsi]&(1<<p) == 0 {
						b.cells[i] = cellUnplanned
						if b.checks[i] == checkAbsent || f.paths[rsi] == 0 {
							b.checks[i] = checkUnplanned
						}
					}
				}
			}
		}
	}
}

// clone copies what masks change.
func (b *block) clone() *block {
	c := *b
	c.cells, c.checks, c.byPath = slices.Clone(b.cells), slices.Clone(b.checks), slices.Clone(b.byPath)
	return &c
}

// needChecks makes the checks of a block that has none.
func (b *block) needChecks() {
	if b.checks == nil {
		b.checks = slices.Repeat([]uint8{checkAbsent}, len(b.cells))
	}
}

// transpose transposes [interval][x] to [x][interval] in place; spare is as large.
func transpose[T any](all, spare []T) {
	copy(spare, all)
	x := len(all) / perDay
	for i := range x {
		column := all[i*perDay : (i+1)*perDay]
		for slot := range column {
			column[slot] = spare[slot*x+i]
		}
	}
}

// Codes of serials: what an RSI's four answers of an interval showed together.
const (
	serialNone  uint32 = iota // no trusted sighting
	serialFirst               // index into sets, from here on
)

// serialSets names the sets of serials that four answers showed by small codes:
// nearly always the four agree, and one code says so.
type serialSets struct {
	sets   [][]uint32 // ascending; sets[0] has code serialFirst
	single map[uint32]uint32
	joined map[[2]uint32]uint32 // code and serial added → code
	last   single
}

// single is a serial of a root zone alone, and the first label at which a sighting of
// it needs no second look.
type single struct {
	serial, code uint32
	from         int64 // µs
}

func (s *serialSets) of(code uint32) []uint32 {
	if code < serialFirst {
		return nil
	}
	return s.sets[code-serialFirst]
}

// add returns the code of a set with one serial more.
func (s *serialSets) add(code, serial uint32) uint32 {
	if code < serialFirst {
		if s.single == nil {
			s.single, s.joined = map[uint32]uint32{}, map[[2]uint32]uint32{}
		}
		c, known := s.single[serial]
		if !known {
			c = s.put([]uint32{serial})
			s.single[serial] = c
		}
		return c
	}
	set := s.of(code)
	at, found := slices.BinarySearch(set, serial)
	if found {
		return code
	}
	key := [2]uint32{code, serial}
	c, known := s.joined[key]
	if !known {
		c = s.put(slices.Insert(slices.Clone(set), at, serial))
		s.joined[key] = c
	}
	return c
}

func (s *serialSets) put(set []uint32) uint32 {
	s.sets = append(s.sets, set)
	return uint32(len(s.sets)-1) + serialFirst
}
