// Package report makes the weekly and monthly reports out of the lake: text, JSON
// and HTML, public and internal, with a dossier for the operator of each RSI that
// missed a threshold; and verifies them.
//
// A report is a Document. Frame takes from the plan what does not depend on data
// (frame.go), Fill computes the rest (fill.go), so that Verify can take the frame
// out of a published report and fill it again (verify.go). Write makes the files
// of a report and replaces an older one whole, keeping it as a revision
// (write.go); text.go, html.go, plot.go and dossier.go print.
package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics"
)

// Schema names the form of full.json and report.json, and the rules of their numbers.
const Schema = "mtric-report/2"

// oldSchema is of reports that counted runs for coverage, and let what was missing fail
// or excuse.
const oldSchema = "mtric-report/1"

// Style is the kind of report.
type Style string

// The styles. Thresholds are of whole months [ver]; a week is a diagnostic.
const (
	Monthly Style = "monthly"
	Weekly  Style = "weekly"
)

// Status says whether the numbers may still change.
type Status string

// The statuses: provisional while the look-ahead is not over or answers wait for
// a verdict.
const (
	Provisional Status = "provisional"
	Final       Status = "final"
)

// Document is internal/full.json, the contract with verifiers; report.json is
// its public part. Times are interval labels, UTC; nothing in it tells when it
// was made, so that it can be made again to the bit.
type Document struct {
	Schema    string    `json:"schema"`
	Version   string    `json:"version"` // of the engine that made it
	Revision  int       `json:"revision"`
	Style     Style     `json:"style"`
	Status    Status    `json:"status"`
	From      time.Time `json:"from"`
	Until     time.Time `json:"until"`
	DataUntil time.Time `json:"data_until"` // rows of later intervals were not read

	// What the numbers rest on, so that they can be computed again: runs that came into
	// the lake later do not count (null: nobody noted when they came), nor do serials that
	// were not known to be of root zones.
	ReceivedUntil *time.Time    `json:"received_until"`
	ArchivedUntil *time.Time    `json:"archived_until"` // when the last zone was archived that was known
	Publications  []Publication `json:"publications"`   // the serials of the period
	Accepted      []int64       `json:"accepted"`       // serials of root zones, ascending

	Plan       string           `json:"plan"`
	PlanSHA256 string           `json:"plan_sha256"`
	N          int              `json:"n"` // of the last frame
	K          int              `json:"k"`
	Frames     []Span           `json:"frames"`
	RSIs       []RSI            `json:"rsis"`
	Thresholds []plan.Threshold `json:"thresholds"`

	VantagePointsFrom string                     `json:"vantage_points_from"` // plan, or data where the plan has none
	VantagePoints     []VantagePoint             `json:"vantage_points"`
	Others            []Other                    `json:"other_vantage_points"` // of the plan, outside the period
	Coverage          Coverage                   `json:"coverage"`
	Thin              bool                       `json:"thin"`       // less than nine tenths of the planned queries were sent
	Unexpected        []measurement.VantagePoint `json:"unexpected"` // in the data, not expected: enter no metric
	UnexpectedRSIs    []measurement.RSI          `json:"unexpected_rsis"`
	Exclusions        []plan.Note                `json:"exclusions"`
	Annotations       []plan.Note                `json:"annotations"`
	Unchecked         int64                      `json:"unchecked"` // correctness answers without a verdict
	Held              []Held                     `json:"held"`      // why they have none, most answers first, twenty at most
	Archive           Archive                    `json:"archive"`
	Notes             []string                   `json:"notes"`   // what a reader must know before the numbers
	Changes           []Change                   `json:"changes"` // since earlier revisions

	Values []Value `json:"values"`
	Digest string  `json:"digest"`

	SecondOpinion *SecondOpinion `json:"second_opinion,omitempty"` // nil: nobody was asked

	Internal *Internal `json:"internal,omitempty"` // nil in report.json

	late      func(measurement.VantagePoint, time.Time) bool // runs that do not count; nil before Fill
	trusted   func(measurement.VantagePoint, time.Time) bool // runs that may accuse on grounds of time; nil before Fill
	untrusted []VantagePoint                                 // Received: how many of its runs date no serial
	doubts    []string                                       // why they date none
	sighted   map[int64]witnesses                            // of the zones of Archive.Missing, in the period
	queries   []string                                       // in the lake, where it has none that the metrics read
	links     links                                          // what its pages lead to
	proposals []Proposal                                     // also of a public document, which only says that there are some
}

// RSI is a root server identifier with its dated addresses.
type RSI struct {
	RSI       measurement.RSI `json:"rsi"`
	Name      string          `json:"name"`
	Addresses []plan.Address  `json:"addresses"`
}

// VantagePoint is one with its place, its intervals of the period, and the SOA queries
// that were planned for it and sent.
type VantagePoint struct {
	ID       measurement.VantagePoint `json:"id"`
	Region   string                   `json:"region,omitempty"`
	Metro    string                   `json:"metro,omitempty"`
	From     *time.Time               `json:"from,omitempty"`
	Until    *time.Time               `json:"until,omitempty"`
	Expected int64                    `json:"expected"`
	Received int64                    `json:"received"`
	Excluded int64                    `json:"excluded"`
	Planned  int64                    `json:"planned"`
	Sent     int64                    `json:"sent"`
}

// Other is a vantage point of the plan whose dates lie outside the period: what it showed
// before or after bears out when serials were published.
type Other struct {
	ID    measurement.VantagePoint `json:"id"`
	From  *time.Time               `json:"from,omitempty"`
	Until *time.Time               `json:"until,omitempty"`
}

// Coverage says what became of the planned queries, SOA and correctness, that no
// exclusion takes out of all metrics: planned is the sum of the next four. Stray are rows
// of the plan's vantage points and RSIs that nothing was planned for.
type Coverage struct {
	Planned int64 `json:"planned"`
	Sent    int64 `json:"sent"`
	Unsent  int64 `json:"unsent"`   // local_error
	Missing int64 `json:"missing"`  // no row
	OffPlan int64 `json:"off_plan"` // asked at another address than the plan's
	Stray   int64 `json:"stray"`
}

// Span is a time in which the same RSIs had an address: n of them, of which k suffice
// [dlw].
type Span struct {
	From  time.Time         `json:"from"`
	Until time.Time         `json:"until"`
	N     int               `json:"n"`
	K     int               `json:"k"`
	RSIs  []measurement.RSI `json:"rsis"`
}

// Publication is a serial of the period and T(s), from when it counts as published.
type Publication struct {
	Serial int64     `json:"serial"`
	T      time.Time `json:"t"`
}

// Change is what a revision changed.
type Change struct {
	Revision int      `json:"revision"`
	Replaces string   `json:"replaces"` // digest of the revision before
	What     []string `json:"what"`
}

// Internal is what root server operators and the collector's people see beside
// the public part.
type Internal struct {
	Places       []Place    `json:"places"`
	Instances    []Instance `json:"instances"`
	Publications []Followed `json:"publications"`
	Proposals    []Proposal `json:"proposals"`
}

// Proposal is a time in which no RSI answered a vantage point over an address
// family: if the cause lies at the vantage point, this exclusion says so [raz].
type Proposal struct {
	VantagePoint measurement.VantagePoint `json:"vantage_point"`
	Family       measurement.Family       `json:"family"`
	From         time.Time                `json:"from"`
	Until        time.Time                `json:"until"`
	Intervals    int64                    `json:"intervals"`
}

// Block is the proposal as the plan would have it; who and why are for people to say.
func (p Proposal) Block(added time.Time) string {
	f := string(p.Family)
	label := fmt.Sprintf("%s-%s-%s", p.VantagePoint, f, p.From.Format("200601021504"))
	return fmt.Sprintf("exclusion %q {\n  by             = \"\"\n  reason         = \"\"\n  added          = %q\n  from           = %q\n  until          = %q\n"+
		"  vantage_points = [%q]\n  paths          = [\"%s/udp\", \"%s/tcp\"]\n}", label,
		added.Format(time.RFC3339), p.From.Format(time.RFC3339), p.Until.Format(time.RFC3339), p.VantagePoint, f, f)
}

// Place is an RSI from a vantage point over a path, latencies in ms.
type Place struct {
	VantagePoint measurement.VantagePoint `json:"vantage_point"`
	RSI          measurement.RSI          `json:"rsi"`
	Family       measurement.Family       `json:"family"`
	Transport    measurement.Transport    `json:"transport"`
	Asked        int64                    `json:"asked"`
	Good         int64                    `json:"good"`
	Min          *json.Number             `json:"min"`
	Median       *json.Number             `json:"median"`
	P95          *json.Number             `json:"p95"`
	Max          *json.Number             `json:"max"`
}

// Instance is a server by the name it gave (NSID); how many of the SOA answers of
// the period came from it.
type Instance struct {
	RSI           measurement.RSI            `json:"rsi"`
	NSID          *string                    `json:"nsid"` // null: gave none
	Answers       int64                      `json:"answers"`
	VantagePoints []measurement.VantagePoint `json:"vantage_points"`
}

// Followed is a serial new in the period and how long each RSI's slowest vantage point
// waited for it.
type Followed struct {
	Serial    int64     `json:"serial"`
	Published time.Time `json:"published"` // T(s): the first interval that anybody saw it in
	RSIs      []Waited  `json:"rsis"`
}

// Waited is an RSI's part in a publication, in minutes.
type Waited struct {
	RSI      measurement.RSI `json:"rsi"`
	Values   int64           `json:"values"`
	Longest  int64           `json:"longest"`
	Censored int64           `json:"censored"` // never seen before the data end; Longest is then the least it can be
}

// WriteJSON writes the document, indented.
func (d *Document) WriteJSON(w io.Writer) error { return edition.WriteJSON(w, d) }

// Read reads what WriteJSON wrote. A key it does not know is an error: a number
// overlooked would not be verified. So is one that other readers could read otherwise.
func Read(r io.Reader) (*Document, error) {
	text, err := io.ReadAll(io.LimitReader(r, edition.MaxJSON+1))
	if err != nil {
		return nil, err
	}
	if len(text) > edition.MaxJSON {
		return nil, fmt.Errorf("larger than %d bytes", edition.MaxJSON)
	}
	return read(text)
}

func read(text []byte) (*Document, error) {
	if err := checkKeys(text); err != nil {
		return nil, fmt.Errorf("not a report of mtric: %w", err)
	}
	if err := schema(text); err != nil {
		return nil, err
	}
	var d Document
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return nil, fmt.Errorf("not a report of mtric: %w", err)
	}
	if decoder.More() {
		return nil, fmt.Errorf("not a report of mtric: something follows it")
	}
	return &d, nil
}

// ErrOldRules says that a report was made by rules that are not these: nothing of it can
// be computed again.
var ErrOldRules = fmt.Errorf("made by earlier rules (%s), which let missing measurements fail or excuse; `mtric report --force` makes it anew and keeps it as a revision", oldSchema)

// schema says whether a report is of this form.
func schema(text []byte) error {
	var d struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(text, &d); err != nil {
		return fmt.Errorf("not a report of mtric: %w", err)
	}
	switch d.Schema {
	case Schema:
		return nil
	case oldSchema:
		return ErrOldRules
	}
	return fmt.Errorf("not a report of mtric that this version reads: schema %q, want %q", d.Schema, Schema)
}

// readOld reads what a new revision says of one that earlier rules made: its values,
// status and changes.
func readOld(text []byte) (*Document, error) {
	var d Document
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("not a report of mtric: %w", err)
	}
	return &d, nil
}

// Public is the document as everyone may see it: RSIs with verdict and count
// only [ntt] [cpm] [gkr] (reading A19), the system with its values [nuc].
func (d *Document) Public() *Document {
	p := *d
	p.Internal, p.SecondOpinion = nil, d.SecondOpinion.published()
	p.Values = make([]Value, len(d.Values))
	for i, v := range d.Values {
		p.Values[i] = v.published()
	}
	return &p
}

// published is the value as everyone may see it.
func (v Value) published() Value {
	v.public = true
	if v.RSI != "" {
		v.Numerator, v.Denominator, v.Value, v.Bounds, v.Without, v.Diagnostics = nil, nil, nil, nil, nil, nil
	} else if v.Diagnostics != nil {
		own := *v.Diagnostics
		own.Longest, own.Middle = nil, nil // would name an RSI with a value
		v.Diagnostics = &own
	}
	return v
}

// Failed lists the RSIs that miss a threshold of the period.
func (d *Document) Failed() []measurement.RSI {
	var failed []measurement.RSI
	for _, r := range d.RSIs {
		for _, v := range d.Values {
			if v.RSI == r.RSI && v.Verdict == metrics.Fail {
				failed = append(failed, r.RSI)
				break
			}
		}
	}
	return failed
}

// Misses counts the values that fail.
func (d *Document) Misses() int { return d.Count(metrics.Fail) }

// Count counts the values with a verdict.
func (d *Document) Count(verdict metrics.Verdict) (n int) {
	for _, v := range d.Values {
		if v.Verdict == verdict {
			n++
		}
	}
	return n
}
