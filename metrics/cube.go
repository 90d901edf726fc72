package metrics

import (
	"slices"
	"sync"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// perDay is the number of intervals of a day [wyn].
const perDay = 288

// paths are the four ways to an RSI, in the order of reports.
var paths = func() (all [4]measurement.Path) {
	for i := range all {
		all[i] = measurement.Path{Family: measurement.Families[i/2], Transport: measurement.Transports[i%2]}
	}
	return all
}()

// A cell says what became of one SOA query; cells from cellOK on were answered
// well, after cell − cellOK µs.
const (
	cellAbsent uint32 = iota // no row
	cellLocal                // never sent: enters no metric, only coverage
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
	cellLocal: "local_error", cellTimeout: "timeout", cellRefused: "refused", cellUnreachable: "unreachable",
	cellReset: "reset", cellMalformed: "malformed", cellLate: "late", cellServfail: "rcode_servfail",
	cellRcodeRefused: "rcode_refused", cellNXDomain: "rcode_nxdomain", cellRcode: "rcode_other",
}

const outcomeOK = "ok"

// sent says whether the query counts as asked.
func sent(cell uint32) bool { return cell > cellLocal }

// A check says what became of one correctness query.
const (
	checkAbsent uint8 = iota
	checkLocal
	checkUnanswered // no response within the timeout, or an rcode that counts as none [ote]
	checkCorrect
	checkIncorrect
	checkUnchecked
	checkOpen // without a verdict, flags not read: as good as unchecked
)

// block is one day of one vantage point. While rows come in, arrays run over
// [interval][path][rsi], as rows do; settle turns them to [path][rsi][interval],
// so that a path's values of one RSI lie together.
type block struct {
	cells    []uint32       // SOA queries; nil on days of look-back and look-ahead
	checks   []uint8        // correctness queries; nil until there is one
	serials  []uint32       // the same without paths, codes of the day's serialSets
	byPath   []uint32       // codes of each path; only where exclusions lie
	received *[perDay]uint8 // 1 where the interval has any row
}

// day is what came in for a day. Its mutex guards everything below.
type day struct {
	mu      sync.Mutex
	number  int  // from the start of the window
	counted bool // lies in the period
	blocks  []*block
	sets    serialSets
}

// block returns the vantage point's block, made when its first row comes; ids has
// its name at that row.
func (d *day) block(vp int, a *Accumulator, ids *lake.Column, row int) *block {
	for len(d.blocks) <= vp {
		d.blocks = append(d.blocks, nil)
	}
	b := d.blocks[vp]
	if b == nil {
		n := a.n
		b = &block{serials: make([]uint32, n*perDay), received: new([perDay]uint8)}
		if d.counted {
			b.cells = make([]uint32, len(paths)*n*perDay)
		}
		if a.touches(d.number, measurement.VantagePoint(ids.Text(row))) {
			b.byPath = make([]uint32, len(paths)*n*perDay)
		}
		d.blocks[vp] = b
	}
	return b
}

// settle turns every block, once, after the last row.
func (a *Accumulator) settle() {
	if a.settled {
		return
	}
	a.settled = true
	a.parallel(len(a.days), func(i int) {
		cells, bytes := make([]uint32, len(paths)*a.n*perDay), make([]uint8, len(paths)*a.n*perDay)
		for _, b := range a.days[i].blocks {
			if b == nil {
				continue
			}
			turn(b.cells, cells)
			turn(b.byPath, cells)
			turn(b.serials, cells)
			turn(b.checks, bytes)
		}
	})
}

// turn transposes [interval][x] to [x][interval] in place; spare is as large.
func turn[T any](all, spare []T) {
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
	serialNotAsked uint32 = iota
	serialNone            // asked, no answer with a serial
	serialFirst           // index into sets, from here on
)

// serialSets names the sets of serials that four answers showed by small codes:
// nearly always the four agree, and one code says so.
type serialSets struct {
	sets   [][]uint32 // ascending; sets[0] has code serialFirst
	single map[uint32]uint32
	joined map[[2]uint32]uint32 // code and serial added → code
	last   [2]uint32            // serial and code of the last single
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
		if s.last[0] == serial && s.last[1] != 0 {
			return s.last[1]
		}
		if s.single == nil {
			s.single, s.joined = map[uint32]uint32{}, map[[2]uint32]uint32{}
		}
		c, known := s.single[serial]
		if !known {
			c = s.put([]uint32{serial})
			s.single[serial] = c
		}
		s.last = [2]uint32{serial, c}
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
