// Package survey compares candidates for vantage points: hops, round trips, servers and
// ways that each saw. It judges nobody: a person chooses, by docs/vantage-points.md.
package survey

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// Style is what the command report calls a survey.
const Style = "survey"

// Schema names the form of survey.json.
const Schema = "mtric-survey/1"

// maxPeriod bounds the time of one survey: latencies are kept to find medians.
const maxPeriod = 31 * 24 * time.Hour

// Survey is survey.json: what each candidate saw. All of it is internal, since it
// has measured values of each RSI [cpm]. A median is the lower of the middle two,
// so that it is a value that was measured; null where there is none.
type Survey struct {
	Schema   string    `json:"schema"`
	Version  string    `json:"version"` // of the engine that made it
	Revision int       `json:"revision"`
	From     time.Time `json:"from"` // interval labels in [from, until)
	Until    time.Time `json:"until"`

	Plan           string `json:"plan"`
	PlanSHA256     string `json:"plan_sha256"`
	CandidatesFrom string `json:"candidates_from"` // plan, or data where the plan has none

	RSIs       []measurement.RSI          `json:"rsis"`   // those that query soa asks
	Places     []Fixed                    `json:"places"` // what is traced besides
	Regions    []Region                   `json:"regions"`
	Candidates []Candidate                `json:"candidates"`
	Unexpected []measurement.VantagePoint `json:"unexpected"` // in the data, no candidates of the plan
	Notes      []string                   `json:"notes"`
}

// Fixed is a place that every candidate traces.
type Fixed struct {
	Label measurement.RSI `json:"label"`
	Name  string          `json:"name"`
}

// Region is one of the five regions of RSSAC047 with the metropolitan areas that
// candidates are in [gjr] [lrr] [fzt] [knk] [vak].
type Region struct {
	Region string   `json:"region"`
	Metros []string `json:"metros"`
}

// Candidate is one place on offer.
type Candidate struct {
	ID       measurement.VantagePoint `json:"id"`
	Region   string                   `json:"region"`
	Metro    string                   `json:"metro"`
	Provider string                   `json:"provider"`

	Expected int64 `json:"expected"` // intervals
	Received int64 `json:"received"`
	Unsynced int64 `json:"clock_unsynchronized"` // runs that said so [ugt]

	Families  []FamilyView `json:"families"`  // ipv4, then ipv6; all RSIs together
	Instances int64        `json:"instances"` // distinct pairs of RSI and NSID
	Alone     int64        `json:"alone"`     // of these, seen from no other candidate
	Routers   int64        `json:"routers"`   // distinct addresses on the way, private ones left out
	MostLike  *Similarity  `json:"most_like"` // null where nobody shares a router

	Judged    int64 `json:"judged"`    // correctness answers with a verdict
	Incorrect int64 `json:"incorrect"` // from all RSIs alike: something on the way rewrites answers
	Strays    int64 `json:"strays"`    // datagrams that matched no query

	Servers []Target `json:"servers"` // by RSI, then the fixed places; each ipv4, then ipv6
	Notes   []string `json:"notes"`
}

// FamilyView is what a candidate sees over an address family.
type FamilyView struct {
	Family  measurement.Family `json:"family"`
	Asked   int64              `json:"asked"` // queries soa over UDP and TCP
	Good    int64              `json:"good"`
	RTTUS   *int64             `json:"rtt_us"` // median of the RSIs' median UDP latencies: each RSI weighs the same
	Traces  int64              `json:"traces"`
	Reached int64              `json:"reached"`
	Hops    *int64             `json:"hops"`  // median of the RSIs' medians
	Paths   int64              `json:"paths"` // distinct ways that reached an RSI
}

// Target is what a candidate sees of one RSI or fixed place over a family.
type Target struct {
	RSI       measurement.RSI    `json:"rsi"`
	Family    measurement.Family `json:"family"`
	Asked     int64              `json:"asked"`
	Good      int64              `json:"good"`
	RTTUS     *int64             `json:"rtt_us"` // of UDP answers; of a fixed place, of the traces
	Traces    int64              `json:"traces"`
	Reached   int64              `json:"reached"`
	Hops      *int64             `json:"hops"` // of traces that reached it
	Paths     int64              `json:"paths"`
	Instances []string           `json:"instances"` // NSIDs, sorted
}

// Similarity is how much of two candidates' ways is the same: routers of both, of
// all routers of either.
type Similarity struct {
	ID     measurement.VantagePoint `json:"id"`
	Shared int64                    `json:"shared"`
	Of     int64                    `json:"of"`
}

// Where the candidates of a survey come from.
const (
	fromPlan = "plan"
	fromData = "data"
)

// ErrNoData says that a survey has nothing to compare.
var ErrNoData = errors.New("no runs")

// Period reads the time of a survey: a day, 2026-11-22, or two days and all
// between, 2026-11-22/2026-11-25, the end exclusive; empty is all the lake holds.
func Period(store lake.Store, period string) (from, until time.Time, err error) {
	if period == "" {
		return wholeLake(store)
	}
	first, last, span := strings.Cut(period, "/")
	if from, err = time.Parse(time.DateOnly, first); err == nil {
		until = from.AddDate(0, 0, 1)
		if span {
			until, err = time.Parse(time.DateOnly, last)
		}
	}
	switch {
	case err != nil:
		return from, until, fmt.Errorf("period %q: want a day such as 2026-11-22, or a first day and an end, 2026-11-22/2026-11-25", period)
	case !from.Before(until):
		return from, until, fmt.Errorf("period %q: its end is not after its beginning", period)
	}
	return from, until, tooLong(from, until)
}

func tooLong(from, until time.Time) error {
	if until.Sub(from) > maxPeriod {
		return fmt.Errorf("%s to %s: a survey compares at most %d days; choose some by --period 2026-11-22/2026-11-25",
			from.Format(time.DateOnly), until.Format(time.DateOnly), maxPeriod/(24*time.Hour))
	}
	return nil
}

// wholeLake is from the first run of the lake to the end of the last.
func wholeLake(store lake.Store) (from, until time.Time, err error) {
	days, err := store.Days(column.Runs, time.Time{}, time.Time{})
	if err != nil {
		return from, until, err
	}
	if len(days) == 0 {
		return from, until, fmt.Errorf("lake %s: %w", store.Dir, ErrNoData)
	}
	first, last := days[0], days[len(days)-1]
	if err := tooLong(first.Day, last.Day.AddDate(0, 0, 1)); err != nil {
		return from, until, err
	}
	for _, d := range []lake.DayFile{first, last} {
		rows, _, err := column.Read[measurement.Run](d.Path)
		if err != nil {
			return from, until, err
		}
		for _, r := range rows {
			if from.IsZero() || r.Interval.Before(from) {
				from = r.Interval
			}
			if end := r.Interval.Add(interval.Length); end.After(until) {
				until = end
			}
		}
	}
	if from.IsZero() {
		return from, until, fmt.Errorf("lake %s: %w", store.Dir, ErrNoData)
	}
	return from, until, nil
}

// New is a survey without numbers: what the plan says.
func New(p *plan.Plan, from, until time.Time, version string) (*Survey, error) {
	q, ok := p.Query(measurement.QuerySOA)
	if !ok {
		return nil, fmt.Errorf("plan %s: no query %q: candidates are compared by it", p.Name, measurement.QuerySOA)
	}
	s := &Survey{Schema: Schema, Version: version, Revision: 1, From: from, Until: until, Plan: p.Name, PlanSHA256: p.SHA256(),
		CandidatesFrom: fromPlan, Places: []Fixed{}, Candidates: []Candidate{}, Unexpected: []measurement.VantagePoint{}, Notes: []string{}}
	asked := map[measurement.RSI]bool{}
	for _, x := range p.ServersOf(q.Servers) {
		s.RSIs = append(s.RSIs, x.RSI)
		asked[x.RSI] = true
	}
	for _, t := range p.Traceroutes {
		for _, x := range p.ServersOf(t.Servers) {
			if !asked[x.RSI] {
				s.Places = append(s.Places, Fixed{x.RSI, x.Name})
				asked[x.RSI] = true
			}
		}
	}
	if len(p.VantagePoints) == 0 {
		s.CandidatesFrom = fromData
	}
	for _, v := range p.VantagePoints {
		if n := expected(v, from, until); n > 0 {
			s.Candidates = append(s.Candidates, Candidate{ID: v.ID, Region: v.Region, Metro: v.Metro, Provider: v.Provider, Expected: n})
		}
	}
	s.regions()
	return s, nil
}

// expected counts the intervals of a candidate within its dates.
func expected(v plan.VantagePoint, from, until time.Time) int64 {
	if v.From != nil && v.From.After(from) {
		from = ceil(*v.From)
	}
	if v.Until != nil && v.Until.Before(until) {
		until = ceil(*v.Until)
	}
	return max(0, int64(until.Sub(from)/interval.Length))
}

// ceil is the first interval that begins at t or later.
func ceil(t time.Time) time.Time {
	if at := interval.Of(t); at.Before(t) {
		return at.Add(interval.Length)
	}
	return t
}

// WriteJSON writes survey.json.
func (s *Survey) WriteJSON(w io.Writer) error { return edition.WriteJSON(w, s) }
