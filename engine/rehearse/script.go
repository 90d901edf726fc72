package rehearse

import (
	"net/netip"
	"slices"
	"time"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/engine/rootzone"
)

// script is all that happens in a scenario, and what is to come of it. Times are the true
// ones.
type script struct {
	rsis  []measurement.RSI
	plan  *plan.Plan // without the script's addresses
	start time.Time  // the collector's first day
	days  int        // that it lasts

	measured time.Time // the first interval; a day after the start by default
	short    bool

	// The root.
	publications []publication // twice a day by default
	keySets      []keySet      // the keys, by when they come into use
	digests      []digesting   // ZONEMD, likewise
	anchors      []rootzone.Anchor
	services     []service // what is not served as it should be
	sources      []source  // internic alone by default

	// The collector and its vantage points.
	away   []span // neither fetches nor ingests
	off    []span // measures nothing either
	clocks []wrongClock
	often  span // labels of which every interval is measured, and of which alone the reports are; zero: one an hour, all of them

	addresses map[measurement.RSI][]plan.Address // instead of the plan's
	old       []scope                            // vantage points that measure by the plan as it is without these
	silent    []silence
	kept      []scope // what vantage points keep until it is mended

	liar  measurement.VantagePoint // whose key is stolen; what it says accuses nobody
	lying span                     // when it lies
	lies  []lie                    // each in its hours

	mended string // what mends it, for people; empty: nothing has to be
	mend   func(*player) error

	// What is to come of it.
	holds  []scope  // where answers may be held before it is mended
	alerts []string // rules of the plan that must fire
	misses []missed // thresholds that the reports must say were missed, and no others
	check  func(d *report.Document) (problem string)
}

// span is [from, until); a zero time is no bound.
type span struct{ from, until time.Time }

func (s span) holds(t time.Time) bool { return within(t, s.from, s.until) }

func anyHolds(spans []span, t time.Time) bool {
	for _, s := range spans {
		if s.holds(t) {
			return true
		}
	}
	return false
}

// at is a time of the n-th day, from 0.
func (s *script) at(day int, hour float64) time.Time {
	return s.start.AddDate(0, 0, day).Add(time.Duration(hour * float64(time.Hour)))
}

// end is when the last interval has passed.
func (s *script) end() time.Time { return s.at(s.days, 0) }

// rsi is the n-th RSI of the plan, round.
func (s *script) rsi(n int) measurement.RSI { return s.rsis[n%len(s.rsis)] }

// service is an RSI that does not serve the newest zone as it has it, for a while.
type service struct {
	rsi  measurement.RSI
	vp   measurement.VantagePoint // to whom alone; empty: to all
	span span

	fault string // what it is called, where it is a fault that is to be found

	zone  func(r *root, t time.Time) *lab.Zone  // serves this one; nil: the newest
	spoil func(response []byte) ([]byte, error) // changes what it says; nil does not

	soa bool // the query soa is answered so too
}

// wrongClock is a vantage point whose clock is ahead by so much.
type wrongClock struct {
	vp      measurement.VantagePoint
	ahead   time.Duration
	known   span // when its machine says that it is not synchronised
	unknown span // when it says nothing of it; else it says that it is
}

// scope is where answers may be held.
type scope struct {
	vp   measurement.VantagePoint // empty: all
	rsi  measurement.RSI          // empty: all
	span span
}

func (s scope) holds(vp measurement.VantagePoint, rsi measurement.RSI, t time.Time) bool {
	return (s.vp == "" || s.vp == vp) && (s.rsi == "" || s.rsi == rsi) && s.span.holds(t)
}

func anyScope(scopes []scope, vp measurement.VantagePoint, rsi measurement.RSI, t time.Time) bool {
	return slices.ContainsFunc(scopes, func(s scope) bool { return s.holds(vp, rsi, t) })
}

// source is one place to fetch root zones from.
type source struct {
	label    string
	bySerial bool // it has each zone under its serial
	span     span // when it can be reached

	zone func(r *root, t time.Time) *lab.Zone // nil: the newest that sources show
}

// silence is an address that does not answer.
type silence struct {
	address netip.Addr
	span    span
}

// missed is a threshold that an RSI, or the root server system, is made to miss.
type missed struct {
	metric measurement.Metric
	rsi    measurement.RSI // empty: the root server system
}
