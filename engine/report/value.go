package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// Value is one metric's value for one RSI, family and transport, as far as the
// metric tells these apart. Numerator and denominator are exact: good of asked,
// a median in µs over 1 or 2, or in minutes over 1 or 2; null without data.
type Value struct {
	Metric      measurement.Metric    `json:"metric"`
	RSI         measurement.RSI       `json:"rsi,omitempty"`
	Family      measurement.Family    `json:"family,omitempty"`
	Transport   measurement.Transport `json:"transport,omitempty"`
	Unit        string                `json:"unit"` // percent, ms, min
	Numerator   *int64                `json:"numerator"`
	Denominator *int64                `json:"denominator"`
	Value       *json.Number          `json:"value"`    // for people, truncated towards failing
	Censored    bool                  `json:"censored"` // the median lies beyond the data
	Count       int64                 `json:"count"`
	Threshold   json.Number           `json:"threshold"` // in the unit
	Verdict     metrics.Verdict       `json:"verdict"`

	// What the verdict rests on.
	Thin         bool                       `json:"thin,omitempty"`         // less than nine tenths of its planned queries were sent
	Held         int64                      `json:"held,omitempty"`         // answers that wait for a verdict
	Unobservable int64                      `json:"unobservable,omitempty"` // waits left out: nobody can know whether they meet the threshold
	Bounds       *Bounds                    `json:"bounds,omitempty"`
	RestsOn      []measurement.VantagePoint `json:"rests_on,omitempty"` // of a FAIL: without any one of these it is none
	Fewest       int                        `json:"fewest,omitempty"`   // of a FAIL: so many must be left out until it is none

	Without     *Side        `json:"without_exclusions,omitempty"`
	Diagnostics *Diagnostics `json:"diagnostics,omitempty"`

	public bool // of report.json: an RSI's numbers are left out
}

// Bounds are the least and the most that an availability can have been.
type Bounds struct {
	Low  Bound `json:"low"`
	High Bound `json:"high"`
}

// Bound is an exact fraction and what it would mean.
type Bound struct {
	Numerator   int64           `json:"numerator"`
	Denominator int64           `json:"denominator"`
	Verdict     metrics.Verdict `json:"verdict"`
}

// Side is a value as measured, exclusions disregarded.
type Side struct {
	Numerator   *int64          `json:"numerator"`
	Denominator *int64          `json:"denominator"`
	Censored    bool            `json:"censored,omitempty"`
	Count       int64           `json:"count"`
	Verdict     metrics.Verdict `json:"verdict"`
	Held        int64           `json:"held,omitempty"`
}

// Diagnostics judge nothing; numbers are in the value's unit, rounded up.
type Diagnostics struct {
	Outcomes     map[string]int64 `json:"outcomes,omitempty"`
	Mean         *json.Number     `json:"mean,omitempty"`
	Min          *json.Number     `json:"min,omitempty"`
	P95          *json.Number     `json:"p95,omitempty"` // by nearest rank
	Max          *json.Number     `json:"max,omitempty"`
	AtLeast      bool             `json:"at_least,omitempty"` // mean and max count censored values by their least length
	VPIntervals  int64            `json:"vp_intervals,omitempty"`
	Skipped      int64            `json:"skipped,omitempty"` // VP-intervals left out for a partial run
	Unchecked    int64            `json:"unchecked,omitempty"`
	Serials      int64            `json:"serials,omitempty"`
	Censored     int64            `json:"censored_values,omitempty"`
	Inflated     int64            `json:"inflated_by_unavailability,omitempty"`
	Gaps         int64            `json:"with_missing_runs,omitempty"` // or excluded ones
	Unobservable int64            `json:"unobservable,omitempty"`
	Regressions  int64            `json:"regressions,omitempty"`
	Middle       *Wait            `json:"middle,omitempty"` // which decides; of two the longer
	Longest      *Wait            `json:"longest,omitempty"`
	Broken       []Broken         `json:"broken_rules,omitempty"` // of RSI correctness
}

// Wait is how long a serial took to be seen from an RSI at a vantage point, by the three
// labels that say so. Minutes are the least that it can have been.
type Wait struct {
	Serial       int64                    `json:"serial"`
	Published    time.Time                `json:"published"` // T(s)
	VantagePoint measurement.VantagePoint `json:"vantage_point"`
	RSI          measurement.RSI          `json:"rsi"`
	Minutes      int64                    `json:"minutes"`
	LastAsked    *time.Time               `json:"last_asked"` // in vain; null where it was there at once
	FirstSeen    *time.Time               `json:"first_seen"` // null where Censored
	Censored     bool                     `json:"censored,omitempty"`
}

// newWait brings a wait into the form of the report.
func newWait(l *metrics.Lag) *Wait {
	if l == nil {
		return nil
	}
	w := &Wait{Serial: int64(l.Serial), Published: l.Published, VantagePoint: l.VantagePoint, RSI: l.RSI, Minutes: l.Minutes, Censored: l.Censored}
	if !l.LastAsked.IsZero() {
		w.LastAsked = &l.LastAsked
	}
	if !l.FirstSeen.IsZero() {
		w.FirstSeen = &l.FirstSeen
	}
	return w
}

// MarshalJSON leaves an RSI's numbers out of a public report, key and all.
func (v Value) MarshalJSON() ([]byte, error) {
	type whole Value
	if !v.public || v.RSI == "" {
		return json.Marshal(whole(v))
	}
	type none struct{}
	return json.Marshal(struct {
		whole
		Numerator   *none `json:"numerator,omitempty"`
		Denominator *none `json:"denominator,omitempty"`
		Value       *none `json:"value,omitempty"`
	}{whole: whole(v)})
}

// Places after the point, by unit: percent are cut off, so that 99.99999 never
// shows as 100; ms and minutes are rounded up, so that 250.0005 never shows as 250.
const (
	percentPlaces = 5
	millisPlaces  = 3
	minutePlaces  = 1
)

// newValue brings a metric's value into the form of the report.
func newValue(m metrics.Value) Value {
	v := Value{Metric: m.Metric, RSI: m.RSI, Family: m.Family, Transport: m.Transport, Unit: m.Unit,
		Censored: m.Censored, Count: m.Count, Verdict: m.Verdict, Threshold: exact(m.Limit.Bound)}
	v.Numerator, v.Denominator = parts(m.Fraction)
	if m.Fraction != nil {
		v.Value = v.decimal(m.InUnit(*m.Fraction), m.Limit.AtLeast)
	}
	v.Thin, v.Held, v.Unobservable, v.RestsOn, v.Fewest = m.Thin, m.Held, m.Unobservable, m.RestsOn, m.Fewest
	if m.Low != nil {
		v.Bounds = &Bounds{Bound{m.Low.Num, m.Low.Den, m.Low.Verdict}, Bound{m.High.Num, m.High.Den, m.High.Verdict}}
	}
	v.Without = &Side{Censored: m.Without.Censored, Count: m.Without.Count, Verdict: m.Without.Verdict, Held: m.Without.Held}
	v.Without.Numerator, v.Without.Denominator = parts(m.Without.Fraction)
	v.Diagnostics = v.diagnostics(m)
	return v
}

func parts(f *metrics.Fraction) (num, den *int64) {
	if f == nil {
		return nil, nil
	}
	return &f.Num, &f.Den
}

// decimal writes a number with the places of the unit, or the threshold's where
// it has more: towards failing, so that a value never looks better than it is.
func (v *Value) decimal(r *big.Rat, down bool) *json.Number {
	places := map[string]int{metrics.Percent: percentPlaces, metrics.Millis: millisPlaces, metrics.Minutes: minutePlaces}[v.Unit]
	if _, fraction, _ := strings.Cut(v.Threshold.String(), "."); len(fraction) > places {
		places = len(fraction)
	}
	n := json.Number(decimal(r, places, down))
	return &n
}

// decimal writes a number that is not negative with so many places, cut off or
// rounded up, without zeros that say nothing.
func decimal(r *big.Rat, places int, down bool) string {
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil)
	q, rest := new(big.Int).QuoRem(new(big.Int).Mul(r.Num(), scale), r.Denom(), new(big.Int))
	if !down && rest.Sign() != 0 {
		q.Add(q, big.NewInt(1))
	}
	text := fmt.Sprintf("%0*d", places+1, q)
	whole, fraction := text[:len(text)-places], strings.TrimRight(text[len(text)-places:], "0")
	if fraction == "" {
		return whole
	}
	return whole + "." + fraction
}

// exact writes a threshold: a decimal number with at most nine places.
func exact(r *big.Rat) json.Number { return json.Number(decimal(r, 9, false)) }

func (v *Value) diagnostics(m metrics.Value) *Diagnostics {
	x := m.Diagnostics
	d := &Diagnostics{Outcomes: x.Outcomes, AtLeast: x.AtLeast, VPIntervals: x.VPIntervals, Skipped: x.Skipped, Unchecked: x.Unchecked,
		Serials: x.Serials, Censored: x.CensoredN, Inflated: x.Inflated, Gaps: x.Gaps, Unobservable: x.Unobservable, Regressions: x.Regressions}
	number := func(f *metrics.Fraction) *json.Number {
		if f == nil {
			return nil
		}
		n := json.Number(decimal(m.InUnit(*f), millisPlaces, false))
		return &n
	}
	d.Mean, d.Min, d.P95, d.Max = number(x.Mean), number(x.Min), number(x.P95), number(x.Max)
	d.Middle, d.Longest = newWait(x.Middle), newWait(x.Longest)
	return d
}

// digest is the sha256 over the values, a line each, in their order.
func digest(values []Value) string {
	h := sha256.New()
	for _, v := range values {
		cells := []string{string(v.Metric), string(v.RSI), string(v.Family), string(v.Transport), integer(v.Numerator), integer(v.Denominator),
			strconv.FormatInt(v.Count, 10), strconv.FormatBool(v.Censored), string(v.Verdict)}
		for i, c := range cells {
			cells[i] = cmp.Or(c, "-")
		}
		fmt.Fprintln(h, strings.Join(cells, "\t"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

func integer(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}
