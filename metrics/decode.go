package metrics

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
)

// decoded is a batch whose texts have been looked up: each table is read at a
// row's place in the dictionary plus one, entry 0 stands for null.
type decoded struct {
	column.AnswerBatch
	vp, query, rsi, family, transport, address, outcome, rcode, verdict []int32
	answered, noError                                                   int32  // places of what nearly all rows have
	seenVP, seenRSI                                                     []bool // by place plus one: a row of the period names it

	accumulator *Accumulator

	stray int64
	names []instanceCount    // by vantage point's place, RSI and path: the NSID of the last answer
	met   map[[3]int32]int64 // answers by vantage point, RSI and NSID's place
}

// instanceCount is a run of answers of one server.
type instanceCount struct {
	nsid  int32
	count int64
}

// Values of the lookup tables that are not an index.
const (
	unknown  = int32(-1)
	answered = int32(cellOK) // outcome answered, and rcode NOERROR
	noPath   = int32(-8)     // of a family or a transport: negative also in the sum of the two

	querySOA         = 1
	queryCorrectness = 2
)

var outcomeCells = map[measurement.Outcome]int32{
	measurement.Answered: answered, measurement.Timeout: int32(cellTimeout), measurement.Refused: int32(cellRefused),
	measurement.Unreachable: int32(cellUnreachable), measurement.Reset: int32(cellReset),
	measurement.Malformed: int32(cellMalformed), measurement.LocalError: int32(cellLocal), measurement.TLSFailed: unknown,
}

var rcodeCells = map[string]int32{
	measurement.NoError: answered, measurement.ServFail: int32(cellServfail), measurement.RRefused: int32(cellRcodeRefused), measurement.NXDomain: int32(cellNXDomain),
}

var verdictChecks = map[measurement.Verdict]int32{
	measurement.Correct: int32(checkCorrect), measurement.Incorrect: int32(checkIncorrect), measurement.Unchecked: int32(checkUnchecked),
}

// A path is the sum of its family's and its transport's number: its place among paths.
var (
	familyPaths    = map[measurement.Family]int32{measurement.IPv4: 0, measurement.IPv6: 2}
	transportPaths = map[measurement.Transport]int32{measurement.UDP: 0, measurement.TCP: 1, measurement.TLS: noPath}
)

func fromMap[T ~string](m map[T]int32, missing int32) func(string) int32 {
	return func(s string) int32 {
		if v, ok := m[T(s)]; ok {
			return v
		}
		return missing
	}
}

// decode looks the batch's texts up. An error says that the data have too many vantage points.
func (a *Accumulator) decode(b *column.AnswerBatch) (*decoded, error) {
	d := &decoded{AnswerBatch: *b, accumulator: a}
	d.vp = b.VantagePoint.Codes(unknown, a.place)
	if err := a.crowded(); err != nil {
		return nil, err
	}
	d.query = b.Query.Codes(0, fromMap(map[string]int32{measurement.QuerySOA: querySOA, measurement.QueryCorrectness: queryCorrectness}, 0))
	d.rsi = b.RSI.Codes(unknown, fromMap(a.rsis, unknown))
	d.family = b.Family.Codes(noPath, fromMap(familyPaths, noPath))
	d.transport = b.Transport.Codes(noPath, fromMap(transportPaths, noPath))
	d.address = b.Address.Codes(unknown, a.addressOf)
	d.outcome = b.Outcome.Codes(unknown, fromMap(outcomeCells, unknown))
	d.rcode = b.RCode.Codes(unknown, fromMap(rcodeCells, int32(cellRcode)))
	d.answered, d.noError = b.Outcome.Place(measurement.Answered), b.RCode.Place(measurement.NoError)
	d.verdict = b.Verdict.Codes(0, fromMap(verdictChecks, unknown))
	d.seenVP, d.seenRSI = make([]bool, len(d.vp)), make([]bool, len(d.rsi))
	if !a.cfg.Instances {
		return d, nil
	}
	d.names, d.met = make([]instanceCount, len(d.vp)*a.n*len(paths)), map[[3]int32]int64{}
	return d, nil
}

// addressOf is the place of an address, however it is written, among the plan's;
// unknown for any other.
func (a *Accumulator) addressOf(text string) int32 {
	if address, err := netip.ParseAddr(text); err == nil {
		if i, known := a.addresses[address.Unmap()]; known {
			return i
		}
	}
	return unknown
}

// accepts says whether a serial counts as of a root zone [tub]: it is known, or the report
// that is computed again accepted it.
func (a *Accumulator) accepts(serial uint32) bool {
	if a.cfg.Accepted != nil {
		return a.cfg.Accepted[serial]
	}
	return a.known(serial)
}

// known says whether the table zones has a serial as archived or seen.
func (a *Accumulator) known(serial uint32) bool {
	z, known := a.zones[serial]
	return known && (z.State == measurement.ZoneArchived || z.State == measurement.ZoneSeen)
}

// Before a zone was signed nobody can show it: such a sighting is of a wrong clock. That
// of the vantage point may be off by clockAllowance; a query of a run is sent less than
// sentBefore before its label, which ingest sees to.
const (
	clockAllowance = 5 * time.Minute
	sentBefore     = time.Minute
)

// earliestCertain is the label, in µs, from which no sighting of the serial can be too early.
func (d *decoded) earliestCertain(serial uint32) int64 {
	signed := d.accumulator.zones[serial].SignedAt
	switch {
	case signed == nil:
		return math.MinInt64
	case d.SentAt.Column != nil:
		return math.MaxInt64 // there is no need to guess
	}
	return signed.Add(sentBefore - clockAllowance).UnixMicro()
}

// early says whether a row shows a zone before it was signed; where the times were not
// read, the day is noted as one on which they are needed.
func (d *decoded) early(serial uint32, i int, day *day) bool {
	if d.SentAt.Column == nil {
		day.early = true
		return false
	}
	signed := d.accumulator.zones[serial].SignedAt
	return signed != nil && d.SentAt.Has(i) && d.SentAt.Int[i] < signed.Add(-clockAllowance).UnixMicro()
}

// place is the index of a vantage point; of one not expected, unknown. Of those of the data
// no more count than a plan may have.
func (a *Accumulator) place(id string) int32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	i, known := a.index[id]
	if !known && a.anyVP && len(a.vps) == maxVPs {
		a.tooMany = cmp.Or(a.tooMany, strings.Clone(id))
		return unknown
	}
	if !known && a.anyVP {
		i, known = int32(len(a.vps)), true
		a.vps = append(a.vps, VantagePoint{ID: measurement.VantagePoint(id)})
		a.index[id] = i
	}
	if !known {
		return unknown
	}
	return i
}

// crowded says that the data have more vantage points than are held in memory.
func (a *Accumulator) crowded() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return tooManyVPs(a.tooMany)
}

// tooManyVPs is the mistake of data whose vantage points are too many, one of which is named.
func tooManyVPs(one string) error {
	switch vp := measurement.VantagePoint(one); {
	case one == "":
		return nil
	case vp.Valid() && !vp.Machine():
		return fmt.Errorf("the lake holds rows of more than %d vantage points, such as %s, a probe of RIPE Atlas: no report is made of those; choose a lake of our own", maxVPs, one)
	default:
		return fmt.Errorf("the lake holds rows of more than %d vantage points, such as %q, and the plan names none: name those that count in vantage_point blocks of the plan", maxVPs, one)
	}
}

// cell reads what became of a query; cellDamaged where the row contradicts itself.
func (d *decoded) cell(i int) uint32 {
	outcome := d.outcome[d.Outcome.Index[i]+1]
	if outcome != answered {
		return uint32(outcome) // cellDamaged where it is unknown
	}
	rcode, us := d.rcode[d.RCode.Index[i]+1], d.LatencyUS.Int[i]
	if uint64(us) > uint64(Deadline.Microseconds()) || us == 0 && !d.LatencyUS.Has(i) {
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

// damaged says which row is not fit for verdicts.
func (d *decoded) damaged(i int, what string) error {
	return fmt.Errorf("answers, interval %s, vantage point %s, query %s, %s %s/%s: %s",
		d.Interval.At(i).Format("2006-01-02T15:04Z"), cmp.Or(d.VantagePoint.Text(i), "?"), d.Query.Text(i),
		cmp.Or(d.RSI.Text(i), "?"), d.Family.Text(i), d.Transport.Text(i), what)
}
