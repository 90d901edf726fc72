// Package objectives is the arithmetic of a plan's objectives: what servers, or the groups
// they make, must meet over a window. No metric of RSSAC047 reads it, and it reads none of
// their queries' verdicts.
//
// docs/objectives.md is its text. Everything is counted in cells, each of which has a least
// and a most value: a cell in which nothing is missing has but one. Availability has cells
// that are 0 where the service was good and infinite where it was not, and a bound of 0;
// latency and publication latency have theirs in microseconds. A cell is good where its most
// is within the bound, bad where its least is beyond it, and else unknown; one rule judges
// all three kinds (part.go). What was not seen to be good is never good, and what is missing
// is missing.
//
// An Accumulator takes columns of answers in any order (scan.go) and keeps them in a book for
// each query (book.go). Compute reads the samples of each vantage point off the books:
// slots.go those of availability and latency, zone.go and wait.go those of publication.
package objectives

import (
	"math"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics"
)

// Kind is what an objective bounds: a closed vocabulary.
type Kind string

// The kinds of values.
const (
	Availability Kind = "availability"
	Latency      Kind = "latency"
	Publication  Kind = "publication"
)

// Kinds lists the vocabulary in the order of reports.
var Kinds = []Kind{Availability, Latency, Publication}

// Never is a value beyond all others: of a query that was not answered well, of a serial
// that was not seen.
const Never = math.MaxInt64

// LookBack is how much is read before a window, to know which serials are not new in it;
// LookAhead how long after it a server may take to show a serial of the window.
const (
	LookBack  = metrics.LookBack
	LookAhead = metrics.LookAhead
)

// leastPublications is how many values of publication latency make one.
const leastPublications = 5

// Number is a value: of an availability the fraction Num/Den, else Num microseconds, Never
// where it is infinite, and Den 1.
type Number struct{ Num, Den int64 }

// Bound is the least or the most that a value can have been, and its verdict.
type Bound struct {
	Number
	Verdict metrics.Verdict
}

// Goal is what a value must meet: Share percent of its cells are at most AtMost
// microseconds. An availability of 99 % is a goal of 99 with a bound of 0.
type Goal struct {
	Share  plan.Percent
	AtMost int64
}

// Value is what an objective says of one subject over one path, or, of publication latency,
// over all.
type Value struct {
	Kind    Kind
	Path    measurement.Path // zero of publication latency
	Goal    Goal
	Slots   metrics.Slots
	Count   int64   // cells that are known
	Good    int64   // of these, how many are within the bound
	Unknown int64   // cells that nobody knows
	Number  *Number // nil without data
	Low     *Bound  // the smallest and the greatest number that it can have been;
	High    *Bound  // nil without data, or where the vantage points are those of the data
	Thin    bool
	Verdict metrics.Verdict
	Decides *Wait // of publication latency: the wait that Number is

	// Of a Fail only: the vantage points without any one of which it would be none, and
	// how many must be left out, those that accuse most first, until it is none.
	RestsOn []measurement.VantagePoint
	Fewest  int
}

// Wait is how long a serial took to be seen at one vantage point.
type Wait struct {
	Serial       uint32
	Published    time.Time // T(s), an interval label
	VantagePoint measurement.VantagePoint
	LastAsked    time.Time // the last label asked in vain from T(s) on; zero without one
	FirstSeen    time.Time // the first label that showed it, or a newer one; zero where there is none
}

// Outcome is the verdict on one subject: a server, or a group of them, and a query. It fails
// where a value does, and passes where all do.
type Outcome struct {
	Objective string
	Query     string
	Subject   string // the RSI, or the label of the group
	Per       plan.Per
	Need      int // of a group
	From      time.Time
	Verdict   metrics.Verdict
	Values    []Value
}

// Published is a serial of a zone and T(s), from when it counts as published.
type Published struct {
	Zone   string
	Serial uint32
	T      time.Time
	Source bool // by the first sight at the zone's source
}

// Result is all there is to say of a plan's objectives.
type Result struct {
	Outcomes      []Outcome // in the order of the plan's objectives, then by query and subject
	Published     []Published
	Lone          []Published   // the first hundred serials of each zone that one server alone showed, and when first: they delay nobody
	Slots         metrics.Slots // of all queries that objectives name, over the longest window
	VantagePoints []measurement.VantagePoint
	Unexpected    []measurement.VantagePoint // in the data, not in the plan
	ReceivedUntil time.Time                  // when the last of the runs that count came into the lake; zero where nobody noted it
	LateRuns      int64                      // those that came later
	UntrustedRuns int64                      // those that date no serial: a clock known to be wrong, or received before the label
}

// judged joins the verdicts of values.
func judged(values []Value) metrics.Verdict {
	verdict := metrics.Pass
	for _, v := range values {
		switch v.Verdict {
		case metrics.Fail:
			return metrics.Fail
		case metrics.NoData:
			verdict = metrics.NoData
		case metrics.Pass:
		}
	}
	if len(values) == 0 {
		return metrics.NoData
	}
	return verdict
}
