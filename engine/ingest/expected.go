package ingest

import (
	"errors"
	"io/fs"
	"sync"
	"time"

	"mtric.net/mtric/engine/expect"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// Differing is answers of one vantage point whose responses say otherwise of what is
// expected than it did.
type Differing struct {
	Count    int
	Interval time.Time // of the earliest, as are the others
	Query    string
	RSI      measurement.RSI
	Said     *bool // by the vantage point
	Found    *bool
}

// mostUnits is what the responses of a file may cost together: a hundred times what one
// may, and thousands of times what they do. A vantage point decides what is in its plan.
const mostUnits = 100 * expect.Units

// expectations are those of the plans that runs were by.
type expectations struct {
	sync.Mutex
	of map[string]*expect.Expectations // by plan_sha256; nil where the lake lacks the plan
}

// expectationsOf are those of a plan in the lake, nil without it. A plan that cannot be read
// stops no ingest: what the vantage points said stands, as without it.
func (r *run) expectationsOf(sum string) *expect.Expectations {
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
	var x *expect.Expectations
	switch {
	case errors.Is(err, fs.ErrNotExist): // it may come yet
	case err != nil:
		r.log.Warn("what a plan expects is not known", "plan_sha256", sum, "error", err)
	default:
		x = expect.Of(p)
	}
	if r.expected.of == nil {
		r.expected.of = map[string]*expect.Expectations{}
	}
	r.expected.of[sum] = x
	return x
}

// meet evaluates the responses that rows of one run keep, by the plan of the run, as the
// vantage point did, and puts right what it said. Without the plan what it said stands, as
// does what it said of a response that is not kept; but of a query of which the plan
// expects nothing nothing is said.
func (r *run) meet(sums map[runKey]string, rows []measurement.Answer) {
	if len(rows) == 0 {
		return
	}
	x := r.expectationsOf(sums[runKey{rows[0].VantagePoint, rows[0].Interval.UTC()}])
	if x == nil {
		return
	}
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
		switch {
		case !sameFlag(a.Expected, met.Expected):
			r.differs(a, met)
		case met.Expected != nil: // why is ours to say too
			tell(a, met)
		}
	}
}

// differs puts a row right and notes it.
func (r *run) differs(a *measurement.Answer, met expect.Met) {
	r.expected.Lock()
	defer r.expected.Unlock()
	if r.result.Differing == nil {
		r.result.Differing = map[measurement.VantagePoint]Differing{}
	}
	d := r.result.Differing[a.VantagePoint]
	if d.Count == 0 || a.Interval.Before(d.Interval) {
		d = Differing{Count: d.Count, Interval: a.Interval.UTC(), Query: a.Query, RSI: a.RSI, Said: a.Expected, Found: met.Expected}
	}
	d.Count++
	r.result.Differing[a.VantagePoint] = d
	tell(a, met)
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

func sameFlag(a, b *bool) bool { return a == b || a != nil && b != nil && *a == *b }
