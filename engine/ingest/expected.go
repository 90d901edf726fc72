package ingest

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/expect"
	"mtric.net/mtric/engine/judge"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// Differing is answers of one vantage point whose responses, by the plan of the run, say
// otherwise in a column (expected, zone_serial) than it did.
type Differing struct {
	Count    int
	Column   column.Name // of the earliest, as are the others
	Interval time.Time
	Query    string
	RSI      measurement.RSI
	Said     string // by the vantage point: a value, or null
	Found    string
}

// mostUnits is what the responses of a file may cost together: a hundred times what one
// may, and thousands of times what they do. A vantage point decides what is in its plan.
const mostUnits = 100 * expect.Units

// planned is what a plan says of how answers are to be evaluated.
type planned struct {
	expect *expect.Expectations
	signed *judge.SignedPlan
	zones  map[asked]string
}

// evaluations are by the plans that runs were by.
type evaluations struct {
	sync.Mutex
	of map[string]*planned // by plan_sha256; nil where the lake lacks the plan
}

// plannedBy is what a plan in the lake says, nil without it. A plan that cannot be read
// stops no ingest: what the vantage points said stands, as without it.
func (r *run) plannedBy(sum string) *planned {
	r.expected.Lock()
	defer r.expected.Unlock()
	if x, known := r.expected.of[sum]; known {
		return x
	}
	data, err := r.Lake.Plan(sum)
	var p *plan.Plan
	if err == nil {
		p, err = plan.ReadJSON(data)
	}
	var x *planned
	switch {
	case errors.Is(err, fs.ErrNotExist): // it may come yet
	case err != nil:
		r.log.Warn("what a plan says of its answers is not known", "plan_sha256", sum, "error", err)
	default:
		x = &planned{expect.Of(p), judge.SignedBy(p), zonesOf(p)}
	}
	if r.expected.of == nil {
		r.expected.of = map[string]*planned{}
	}
	r.expected.of[sum] = x
	return x
}

// ran is by which plan a run was, and whether its clock is not known to be wrong.
type ran struct {
	sum     string
	trusted bool
}

// evaluate evaluates the responses that rows of one run keep, by the plan of the run: whether
// they are as expected, and what DNSSEC says of them. Without the plan it waits until that comes.
func (r *run) evaluate(runs map[runKey]ran, rows []measurement.Answer) {
	if len(rows) == 0 {
		return
	}
	of := runs[runKey{rows[0].VantagePoint, rows[0].Interval.UTC()}]
	if by := r.plannedBy(of.sum); by != nil {
		for i := range rows {
			r.serialOf(&rows[i], by.zones)
		}
		r.meet(by.expect, rows)
		r.judge.Signed().Judge(by.signed, of.trusted, rows, r.isBogus)
	}
}

// mostBogus is how many bogus answers of a run of ingest the log names.
const mostBogus = 20

// isBogus names one in the log, for the lake does not say why it is.
func (r *run) isBogus(b judge.Bogus) {
	r.expected.Lock()
	defer r.expected.Unlock()
	if r.bogus++; r.bogus <= mostBogus {
		r.log.Warn("an answer is bogus", "vantage_point", b.VantagePoint, "interval", b.Interval, "query", b.Query, "rsi", b.RSI, "why", b.Why)
	}
}

// meet says of responses what the vantage point said, and puts right what it said. Of a
// response that is not kept what it said stands; but of a query of which the plan
// expects nothing nothing is said.
func (r *run) meet(x *expect.Expectations, rows []measurement.Answer) {
	units := uint64(0)
	for i := range rows {
		a := &rows[i]
		var met expect.Met
		switch {
		case a.Outcome != measurement.Answered || !x.Has(a.Query):
		case a.Response == nil && a.Expected != nil, units > mostUnits:
			continue
		case a.Response == nil:
			met = expect.Met{Expected: new(false), Why: "expect: not evaluated by the vantage point"}
		default:
			var err error
			if met, err = x.Meets(a, a.Response); err != nil {
				continue // a newer program may know what it means
			}
			units += met.Cost
		}
		if !same(a.Expected, met.Expected) {
			r.differs(a, column.Expected, said(a.Expected), said(met.Expected))
		} else if met.Expected == nil {
			continue // why is not ours to say
		}
		tell(a, met)
	}
}

// differs notes that a column of a row is put right.
func (r *run) differs(a *measurement.Answer, of column.Name, said, found string) {
	r.expected.Lock()
	defer r.expected.Unlock()
	if r.result.Differing == nil {
		r.result.Differing = map[measurement.VantagePoint]Differing{}
	}
	d := r.result.Differing[a.VantagePoint]
	if d.Count == 0 || a.Interval.Before(d.Interval) {
		d = Differing{Count: d.Count, Column: of, Interval: a.Interval.UTC(), Query: a.Query, RSI: a.RSI, Said: said, Found: found}
	}
	d.Count++
	r.result.Differing[a.VantagePoint] = d
}

// tell writes what an evaluation came to into the row.
func tell(a *measurement.Answer, met expect.Met) {
	a.Expected = met.Expected
	if a.Outcome == measurement.Answered {
		if a.Error = nil; met.Why != "" {
			a.Error = &met.Why
		}
	}
}

func same[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

func said[T any](v *T) string {
	if v == nil {
		return "null"
	}
	return fmt.Sprint(*v)
}
