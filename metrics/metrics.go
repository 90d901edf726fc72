// Package metrics is RSSAC047 sections 5 and 6 as arithmetic: the eight metrics,
// their verdicts, and the coverage they rest on. Numbers are integers and exact
// fractions; no float has a part in a verdict.
//
// docs/method.md is its text. Everything starts from what was planned (frame.go): who
// had an address, which vantage points were within their dates.
//
// An Accumulator takes columns of answers in any order and any pieces, and keeps
// them as cubes of one day and vantage point (feed.go, sight.go, cube.go); runs.go knows
// which runs are trusted, history.go what was shown before the period. Compute then
// makes masked copies where exclusions lie (view.go) and reads the metrics off the cubes:
// availability.go, sample.go, slots.go, publication.go and waits.go, put together in
// verdicts.go. Each vantage point is a part of a value, so that part.go can say what a FAIL
// rests on. What was not seen to be good is never good, and what is missing is missing,
// not zero.
package metrics

import (
	"fmt"
	"math/big"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// Deadline is the time within which a reply must be whole [ywz] [twf].
const Deadline = 4 * time.Second

// LookBack is how much is read before a period, to know which serials are not
// new in it; LookAhead how long after it an RSI may take to show a serial of the
// period before the value is censored (reading A10).
const (
	LookBack  = 24 * time.Hour
	LookAhead = 7 * 24 * time.Hour
)

// K is the number of RSIs that the system needs of n: ⌈2(n−1)/3⌉, at least one [dlw].
func K(n int) int { return max(1, (2*(n-1)+2)/3) }

// Verdict says whether a threshold is met. NoData is neither.
type Verdict string

// The verdicts of a metric.
const (
	Pass   Verdict = "pass"
	Fail   Verdict = "fail"
	NoData Verdict = "no_data"
)

// Fraction is an exact number, not in lowest terms: what was counted stays
// readable. Den is positive.
type Fraction struct{ Num, Den int64 }

// Rat returns the number as a rational.
func (f Fraction) Rat() *big.Rat { return big.NewRat(f.Num, f.Den) }

// String writes "num/den".
func (f Fraction) String() string { return fmt.Sprintf("%d/%d", f.Num, f.Den) }

// Units of values and thresholds. Fractions of percent are parts of one, those
// of ms are microseconds, those of min are minutes.
const (
	Percent = "percent"
	Millis  = "ms"
	Minutes = "min"
)

// Limit is a threshold in its unit; equality meets it (reading A8).
type Limit struct {
	AtLeast bool // else at most
	Bound   *big.Rat
}

// Side is a metric's outcome over one choice of data.
type Side struct {
	Fraction *Fraction // nil without data, or where the median is censored
	Censored bool      // the median lies beyond the end of the data [P4]
	Count    int64     // what gives the value its precision (reading A24)
	Verdict  Verdict

	Thin         bool   // less than nine tenths of its planned queries were sent
	Low, High    *Bound // what an availability can have been, with all that is missing bad or good
	Held         int64  // correctness answers that wait for a verdict
	Unobservable int64  // waits for a serial that no verdict can rest on: nobody asked in time
}

// Bound is the least or the most that an availability can have been.
type Bound struct {
	Fraction
	Verdict Verdict
}

// Value is one metric for one RSI, address family and transport, as far as the
// metric tells these apart; what it does not is empty.
type Value struct {
	Metric    measurement.Metric
	RSI       measurement.RSI
	Family    measurement.Family
	Transport measurement.Transport
	Unit      string
	Side
	Limit       Limit
	Without     Side // as measured, exclusions disregarded [raz] [xjv]
	Diagnostics Diagnostics

	// Of a Fail only: the vantage points without any one of which it would be none, and
	// how many must be left out, those that accuse most first, until it is none.
	RestsOn []measurement.VantagePoint
	Fewest  int
}

// InUnit returns the value's number in its unit: percent, ms or minutes.
func (v Value) InUnit(f Fraction) *big.Rat { return inUnit(v.Unit, f) }

func inUnit(unit string, f Fraction) *big.Rat {
	switch unit {
	case Percent:
		return new(big.Rat).Mul(f.Rat(), big.NewRat(100, 1))
	case Millis:
		return new(big.Rat).Quo(f.Rat(), big.NewRat(1000, 1))
	default:
		return f.Rat()
	}
}

// judge compares what was measured with the threshold.
func judge(unit string, f *Fraction, censored bool, limit Limit) Verdict {
	switch {
	case censored:
		return Fail
	case f == nil:
		return NoData
	}
	c := inUnit(unit, *f).Cmp(limit.Bound)
	if c == 0 || (c > 0) == limit.AtLeast {
		return Pass
	}
	return Fail
}

// Diagnostics stand beside a value and judge nothing. What a metric does not
// have is nil or zero.
type Diagnostics struct {
	Outcomes map[string]int64 // of the queries asked, by what became of them

	Mean, Min, P95, Max *Fraction // in the unit of the value's fraction; P95 by nearest rank
	AtLeast             bool      // Mean and Max count censored values by their least length

	VPIntervals int64 // with their path: RSS availability's and latency's sum runs over so many
	Skipped     int64 // of these, left out for a partial run (reading A6)

	Unchecked int64 // correctness answers that nobody could judge yet

	Serials      int64 // publications
	CensoredN    int64 // values never observed before the data end [P4]
	Inflated     int64 // values in whose wait the RSI did not answer (reading A11)
	Gaps         int64 // values in whose wait some run is missing, or excluded
	Unobservable int64 // values that are left out: whether they meet the threshold nobody can know
	Regressions  int64 // times the RSI went back to an older serial (reading A14)
	Middle       *Lag  // the wait in the middle, the longer of two: it decides
	Longest      *Lag  // the longest wait
}

// Lag is how long a serial took to be seen at one vantage point from one RSI.
type Lag struct {
	Serial       uint32
	Published    time.Time // T(s), an interval label
	VantagePoint measurement.VantagePoint
	RSI          measurement.RSI
	LastAsked    time.Time // the last label asked in vain from T(s) on; zero without one
	FirstSeen    time.Time // the first label that showed it, or a newer one; zero where Censored
	Minutes      int64     // a multiple of 5; the least it can be
	Censored     bool
	Inflated     bool
	Gap          bool
}
