package comparison

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"sync"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// The paths by their numbers: twice that of the family, and that of the transport.
const pathCount = 4

func pathOf(p int) measurement.Path {
	return measurement.Path{Family: measurement.Families[p/2], Transport: []measurement.Transport{measurement.UDP, measurement.TCP}[p%2]}
}

const (
	hour    = int64(time.Hour / time.Microsecond)
	perHour = int(time.Hour / interval.Length)
	perHalf = perHour / 2
	unseen  = math.MaxUint16 // of a serial
	hidden  = 1 << 15        // of a sighting of a serial that is set apart, beside its interval
)

func pathNumber(f measurement.Family, t measurement.Transport) int {
	n := 2 * slices.Index(measurement.Families, f)
	if t == measurement.TCP {
		n++
	}
	return n
}

// side is what one side saw, from the week before the period to its end. The cell of path
// p of RSI r at hour h is (r*pathCount+p)*hours+h.
type side struct {
	*Job
	own    bool  // it is ours
	start  int64 // µs, a full hour
	hours  int
	before int // hours before the period
	rsiAt  map[string]int32
	placed bool // it has a table vantage_points
	valid  map[netip.Addr][]Address

	offPlan int64 // queries of the period at an address that was not the server's

	apart []Counts // of the period, by RSI and path: what was set apart, for whatever reason
	times times
	usual [][2]uint64 // queries by cell and half of the hour

	mu     sync.Mutex // guards names, and the slice of all
	vps    []*block
	index  map[string]int32
	serial map[uint32]int
}

// block is what one vantage point saw.
type block struct {
	id     measurement.VantagePoint
	sites  []measurement.Site
	asked  []uint8 // by cell
	failed []uint8
	took   []uint8 // median of the latencies of the hour, as a step of the scale; 0: none

	mu      sync.Mutex // guards what follows while days are read side by side
	old     []uint8    // by RSI and hour, a bit for each path: a zone was served that was long replaced
	worst   []uint32   // by day and path of an RSI: the oldest serial of these; 0: none; nil: nowhere
	first   []uint16   // by serial and path of an RSI: the first interval, counted from start
	signs   []uint32   // by sign and RSI: answers
	heard   []uint16   // by day, path and kind of query: messages that came
	odd     []uint16   // of these, with a sign of interception
	soa     []verdicts // by RSI
	wrong   map[wrongKey]int64
	several bool     // more than one RSI was asked in a half hour
	alone   []alone  // what was asked in half hours in which it was not so
	clock   []uint64 // a bit for each interval of a run whose clock is wrong; nil: none
	apart   [kinds]Counts
}

// verdicts counts SOA RRsets that were held against the archive.
type verdicts struct{ correct, unchecked, apart int64 } // apart: incorrect, of somebody else

// wrongKey is where an incorrect one was seen.
type wrongKey struct {
	cell int // of an RSI's path
	hour int
}

// The kinds of what is set apart.
const (
	noNetwork = iota
	noRoute
	intercepted
	notWorking
	kinds
)

func newSide(j *Job, own bool) *side {
	s := &side{Job: j, own: own, start: j.From.Add(-week).UnixMicro(), before: int(week / time.Hour), rsiAt: map[string]int32{}, index: map[string]int32{}, serial: map[uint32]int{}, valid: map[netip.Addr][]Address{}}
	s.hours = s.before + int(j.Until.Sub(j.From)/time.Hour)
	s.apart = make([]Counts, len(j.RSIs)*pathCount)
	s.times = newTimes(len(s.apart), s.hours)
	for i, r := range j.RSIs {
		s.rsiAt[string(r)] = int32(i)
	}
	for _, a := range j.Addresses {
		s.valid[a.Address.Unmap()] = append(s.valid[a.Address.Unmap()], a)
	}
	for i, p := range j.Publications {
		s.serial[p.Serial] = i
	}
	return s
}

// mostBytes bounds what blocks take.
const mostBytes = 4 << 30

// errTooMuch says that there are too many vantage points for the period.
func (s *side) errTooMuch() error {
	return fmt.Errorf("lake: more than %d vantage points over %d hours would take more than %d GiB; choose a shorter --period", len(s.vps), s.hours, mostBytes>>30)
}

// vp is the number of a vantage point, which it gets when it is first met; -1 of one of ours that
// does not count.
func (s *side) vp(id string) (int32, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, met := s.index[id]; met {
		return i, nil
	}
	if _, counts := s.Regions[measurement.VantagePoint(id)]; s.own && !counts {
		s.index[id] = -1
		return -1, nil
	}
	n, days := len(s.RSIs)*pathCount, (s.hours+23)/24+1
	if int64(len(s.vps)+1)*int64(3*n*s.hours) > mostBytes {
		return -1, s.errTooMuch()
	}
	b := &block{id: measurement.VantagePoint(id), asked: make([]uint8, n*s.hours), failed: make([]uint8, n*s.hours), took: make([]uint8, n*s.hours),
		old: make([]uint8, len(s.RSIs)*s.hours), first: make([]uint16, len(s.Publications)*n), signs: make([]uint32, len(signNames)*len(s.RSIs)),
		heard: make([]uint16, days*pathCount*2), odd: make([]uint16, days*pathCount*2), soa: make([]verdicts, len(s.RSIs))}
	for i := range b.first {
		b.first[i] = unseen
	}
	i := int32(len(s.vps))
	s.vps, s.index[id] = append(s.vps, b), i
	return i, nil
}

// hourOf is the hour of a time in µs; it may lie outside.
func (s *side) hourOf(at int64) int {
	if at < s.start {
		return -1
	}
	return int((at - s.start) / hour)
}

// timeOf is when an hour begins.
func (s *side) timeOf(h int) time.Time { return time.UnixMicro(s.start + int64(h)*hour).UTC() }

// dayOf is the number of the UTC day of an hour.
func (s *side) dayOf(h int) int {
	return int((s.start+int64(h)*hour)/(24*hour) - s.start/(24*hour))
}

// cells of an RSI's path, by hour.
func (s *side) span(list []uint8, cell int) []uint8 { return list[cell*s.hours : (cell+1)*s.hours] }

// firstHour is the first hour in which anything was asked; -1 where nothing was.
func (s *side) firstHour() int {
	for h := range s.hours {
		for _, b := range s.vps {
			for cell := range len(s.RSIs) * pathCount {
				if b.asked[cell*s.hours+h] > 0 {
					return h
				}
			}
		}
	}
	return -1
}

// The scale of latencies: steps of a 16th of a doubling, from 40 µs to 2.6 s and beyond.
const (
	scaleFrom  = 40.0
	perDouble  = 15.0
	scaleSteps = 256
)

// step is the place of a latency on the scale, never 0.
func step(us int64) uint8 {
	if float64(us) <= scaleFrom {
		return 1
	}
	return uint8(min(1+math.Log2(float64(us)/scaleFrom)*perDouble, scaleSteps-1))
}

// stepUS is the middle of a step, in µs.
func stepUS(i uint8) int64 {
	return int64(math.Round(scaleFrom * math.Exp2((float64(i)-0.5)/perDouble)))
}
