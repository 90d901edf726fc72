// Package attainment makes the report of a plan's objectives out of the lake: text, JSON and
// HTML, all of them internal, and verifies it. metrics/objectives is the arithmetic.
//
// A report is a Document. Frame takes from the plan what does not depend on data, Fill
// computes the rest, so that Verify can fill the frame of a report again.
package attainment

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/metrics"
	"mtric.net/mtric/metrics/objectives"
)

// Style names the report, as the others are named by theirs; Schema its form.
const (
	Style  = "objectives"
	Schema = "mtric-objectives/1"
)

// Document is internal/objectives.json. Times are interval labels, UTC; nothing in it tells
// when it was made.
type Document struct {
	Schema    string        `json:"schema"`
	Version   string        `json:"version"` // of the engine that made it
	Revision  int           `json:"revision"`
	Style     string        `json:"style"`
	Status    report.Status `json:"status"`
	Until     time.Time     `json:"until"`      // where windows end
	DataUntil time.Time     `json:"data_until"` // rows of later intervals were not read

	// Runs that came into the lake later do not count; null: nobody noted when they came.
	ReceivedUntil *time.Time  `json:"received_until"`
	Plan          string      `json:"plan"`
	PlanSHA256    string      `json:"plan_sha256"`
	Exclusions    []plan.Note `json:"exclusions"`

	VantagePoints []measurement.VantagePoint `json:"vantage_points"`
	Unexpected    []measurement.VantagePoint `json:"unexpected"`     // in the data, not in the plan
	UntrustedRuns int64                      `json:"untrusted_runs"` // runs that date no serial
	Coverage      Coverage                   `json:"coverage"`       // of the queries that objectives name, over the longest window
	Outcomes      []Outcome                  `json:"outcomes"`
	Publications  []Publication              `json:"publications"`
	Lone          []Publication              `json:"lone"`   // serials that one server alone showed, and when first
	Digest        string                     `json:"digest"` // sha256 of all that data say

	from time.Time // of the longest window
}

// Coverage says what became of planned queries; planned is the sum of the others.
type Coverage struct {
	Planned int64 `json:"planned"`
	Sent    int64 `json:"sent"`
	Unsent  int64 `json:"unsent"`
	Missing int64 `json:"missing"`
	OffPlan int64 `json:"off_plan"`
}

// Outcome is the verdict on a server or a group, and a query.
type Outcome struct {
	Objective string          `json:"objective"`
	Query     string          `json:"query"`
	Per       plan.Per        `json:"per"`
	Subject   string          `json:"subject"`
	Need      int             `json:"need,omitempty"`
	From      time.Time       `json:"from"` // of the window
	Verdict   metrics.Verdict `json:"verdict"`
	Values    []Value         `json:"values"`
}

// Value is one number of an outcome and its goal: share percent of the cells are at most
// at_most_us, which is absent of an availability.
type Value struct {
	Kind     objectives.Kind            `json:"kind"`
	Path     string                     `json:"path,omitempty"` // "ipv4/udp"
	Share    plan.Percent               `json:"share"`
	AtMostUS int64                      `json:"at_most_us,omitempty"`
	Number   *Number                    `json:"number"` // null without data
	Verdict  metrics.Verdict            `json:"verdict"`
	Count    int64                      `json:"count"` // cells that are known
	Good     int64                      `json:"good"`
	Unknown  int64                      `json:"unknown"`
	Coverage Coverage                   `json:"coverage"`
	Thin     bool                       `json:"thin"`
	Low      *Bound                     `json:"low,omitempty"`
	High     *Bound                     `json:"high,omitempty"`
	Decides  *Wait                      `json:"decides,omitempty"`
	RestsOn  []measurement.VantagePoint `json:"rests_on,omitempty"`
	Fewest   int                        `json:"fewest,omitempty"`
}

// Number is a share, numerator/denominator, or a time in microseconds; null where it is
// infinite.
type Number struct {
	Numerator   *int64 `json:"numerator,omitempty"`
	Denominator *int64 `json:"denominator,omitempty"`
	US          *int64 `json:"us,omitempty"`
	Infinite    bool   `json:"infinite,omitempty"`
}

// Bound is the smallest or the greatest that a number can be.
type Bound struct {
	Number
	Verdict metrics.Verdict `json:"verdict"`
}

// Wait is the wait that a publication latency is.
type Wait struct {
	Serial       int64                    `json:"serial"`
	T            time.Time                `json:"t"` // T(s), from when it counts as published
	VantagePoint measurement.VantagePoint `json:"vantage_point"`
	LastAsked    *time.Time               `json:"last_asked"`
	FirstSeen    *time.Time               `json:"first_seen"`
}

// Publication is a serial of a zone and T(s); Source says that it is by the first sight at
// the zone's source.
type Publication struct {
	Zone   string    `json:"zone"`
	Serial int64     `json:"serial"`
	T      time.Time `json:"t"`
	Source bool      `json:"source"`
}

// Period reads the last day of the windows, "2026-11-30"; empty is yesterday.
func Period(day string, now time.Time) (until time.Time, err error) {
	if day == "" {
		return interval.Day(now), nil
	}
	last, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return until, fmt.Errorf("period %q: want the last day of the windows, such as 2026-11-30", day)
	}
	if last.After(now) {
		return until, fmt.Errorf("period %s: there can be no data yet", day)
	}
	return last.AddDate(0, 0, 1), nil
}

// Folder is the name of a report's folder, by the last day of its windows:
// objectives-2026-11-30.
func Folder(until time.Time) string {
	return Style + "-" + until.AddDate(0, 0, -1).Format(time.DateOnly)
}

// Frame is a document without numbers.
func Frame(p *plan.Plan, until, dataUntil time.Time, version string) (*Document, error) {
	if len(p.Objectives) == 0 {
		return nil, fmt.Errorf("plan %s has no objectives: add an objective block", p.Name)
	}
	d := &Document{Schema: Schema, Version: version, Revision: 1, Style: Style, Until: until, DataUntil: dataUntil,
		Plan: p.Name, PlanSHA256: p.SHA256(), Exclusions: []plan.Note{}, Status: report.Provisional}
	from := until
	for _, o := range p.Objectives {
		if start := o.Span(until); start.Before(from) {
			from = start
		}
	}
	for _, e := range p.Exclusions {
		if e.From.Before(dataUntil) && e.Until.After(from.Add(-objectives.LookBack)) {
			d.Exclusions = append(d.Exclusions, e)
		}
	}
	if d.from = from; d.complete(p) {
		d.Status = report.Final
	}
	return d, nil
}

// complete says whether time can change nothing any more: windows are over, and with
// publication latency the days after, in which serials may still be shown.
func (d *Document) complete(p *plan.Plan) bool {
	end := d.Until
	if slices.ContainsFunc(p.Objectives, func(o plan.Objective) bool { return o.Publication != nil }) {
		end = end.Add(objectives.LookAhead)
	}
	return !d.DataUntil.Before(end)
}

// Fill computes what data say; it returns how many runs came too late to count.
func (d *Document) Fill(ctx context.Context, p *plan.Plan, store lake.Store) (late int64, err error) {
	cfg := objectives.Config{Plan: p, Until: d.Until, DataUntil: d.DataUntil}
	if d.ReceivedUntil != nil {
		cfg.ReceivedUntil = *d.ReceivedUntil
	}
	if cfg.Sources, err = sights(p, store); err != nil {
		return 0, err
	}
	a, err := objectives.New(cfg)
	if err != nil {
		return 0, err
	}
	if err := a.Scan(ctx, store, 0); err != nil {
		return 0, err
	}
	r := a.Compute()
	if d.ReceivedUntil == nil && !r.ReceivedUntil.IsZero() {
		d.ReceivedUntil = &r.ReceivedUntil
	}
	d.VantagePoints, d.Unexpected = append([]measurement.VantagePoint{}, r.VantagePoints...), append([]measurement.VantagePoint{}, r.Unexpected...)
	d.UntrustedRuns = r.UntrustedRuns
	d.Coverage = Coverage(r.Slots)
	d.Outcomes = []Outcome{}
	for _, o := range r.Outcomes {
		d.Outcomes = append(d.Outcomes, outcome(o))
	}
	d.Publications, d.Lone = publications(r.Published), publications(r.Lone)
	d.Digest = d.digest()
	return r.LateRuns, nil
}

// sights are what the sources of the plan's zones showed first, and when.
func sights(p *plan.Plan, store lake.Store) (objectives.Sights, error) {
	all := objectives.Sights{}
	for _, z := range p.Zones {
		if z.Source != "" {
			all[z.Name] = map[uint32]time.Time{}
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	rows, err := store.Serials()
	if err != nil {
		return nil, fmt.Errorf("serials of zones: %w", err)
	}
	for _, r := range rows {
		if of := all[r.Zone]; of != nil {
			of[uint32(r.Serial)] = r.FirstSeen
		}
	}
	return all, nil
}

func outcome(o objectives.Outcome) Outcome {
	out := Outcome{Objective: o.Objective, Query: o.Query, Per: o.Per, Subject: o.Subject, Need: o.Need, From: o.From, Verdict: o.Verdict}
	for _, v := range o.Values {
		w := Value{Kind: v.Kind, Share: v.Goal.Share, AtMostUS: v.Goal.AtMost, Verdict: v.Verdict, Count: v.Count, Good: v.Good, Unknown: v.Unknown,
			Coverage: Coverage(v.Slots), Thin: v.Thin, RestsOn: v.RestsOn, Fewest: v.Fewest}
		if v.Kind != objectives.Publication {
			w.Path = v.Path.String()
		}
		if v.Number != nil {
			n := numberOf(v.Kind, *v.Number)
			w.Number = &n
		}
		if v.Low != nil {
			w.Low, w.High = &Bound{numberOf(v.Kind, v.Low.Number), v.Low.Verdict}, &Bound{numberOf(v.Kind, v.High.Number), v.High.Verdict}
		}
		if d := v.Decides; d != nil {
			w.Decides = &Wait{int64(d.Serial), d.Published, d.VantagePoint, moment(d.LastAsked), moment(d.FirstSeen)}
		}
		out.Values = append(out.Values, w)
	}
	return out
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func numberOf(kind objectives.Kind, n objectives.Number) Number {
	switch {
	case kind == objectives.Availability:
		return Number{Numerator: &n.Num, Denominator: &n.Den}
	case n.Num == objectives.Never:
		return Number{Infinite: true}
	}
	return Number{US: &n.Num}
}

func publications(list []objectives.Published) []Publication {
	all := []Publication{}
	for _, p := range list {
		all = append(all, Publication{p.Zone, int64(p.Serial), p.T, p.Source})
	}
	return all
}

// digest is the sha256 of what data say.
func (d *Document) digest() string {
	text, err := json.Marshal([]any{d.Coverage, d.Outcomes, d.Publications, d.Lone})
	if err != nil {
		panic(err) // the types of a Document always encode
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Count counts the outcomes with a verdict.
func (d *Document) Count(verdict metrics.Verdict) (n int) {
	for _, o := range d.Outcomes {
		if o.Verdict == verdict {
			n++
		}
	}
	return n
}

// Thin says that less than nine tenths of the planned queries were sent.
func (d *Document) Thin() bool { return 10*d.Coverage.Sent < 9*d.Coverage.Planned }

// Untrusted says that runs date no serial, where there is one to date; else it is empty.
func (d *Document) Untrusted() string {
	dates := slices.ContainsFunc(d.Outcomes, func(o Outcome) bool {
		return slices.ContainsFunc(o.Values, func(v Value) bool { return v.Kind == objectives.Publication })
	})
	if !dates || d.UntrustedRuns == 0 {
		return ""
	}
	return edition.Plural(d.UntrustedRuns, "run") + " not trusted to date a serial: the clock was not synchronised, or the file came before its interval"
}

// WriteJSON writes the document, indented.
func (d *Document) WriteJSON(w io.Writer) error { return edition.WriteJSON(w, d) }

// Is says whether a JSON text is that of a report of objectives.
func Is(text []byte) bool {
	var d struct {
		Schema string `json:"schema"`
	}
	return json.Unmarshal(text, &d) == nil && d.Schema == Schema
}

// Read reads what WriteJSON wrote. A key that it does not know is an error: a number
// overlooked would not be verified.
func Read(text []byte) (*Document, error) {
	if !Is(text) {
		return nil, fmt.Errorf("not a report of objectives that this version reads: want schema %q", Schema)
	}
	var d Document
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return nil, fmt.Errorf("not a report of objectives: %w", err)
	}
	if decoder.More() {
		return nil, fmt.Errorf("not a report of objectives: something follows it")
	}
	return &d, nil
}
