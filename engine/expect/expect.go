// Package expect says whether an answer is what its query expects: the attribute expect of
// a plan's query, a condition in CEL over the response. The prober asks it as the answer
// comes, the collector once more of the responses that are kept, and both get the same: it
// sees the response, the question and the server, and no clock, latency, vantage point or
// earlier answer.
//
// Servers decide what is in a response and, at the collector, vantage points what is in a
// plan. So an expression may only do what its cost bounds, and that is metered.
package expect

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"

	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/dnsmsg"
	"mtric.net/mtric/engine/expr"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// Units is what one evaluation may cost. A step costs one; what reads texts or records
// costs more.
const Units = 100_000

// maxWhy bounds what is said of an evaluation that fails, in bytes: a part of it may be the
// server's.
const maxWhy = 200

// Expectations are those of a plan. They are read-only but for compiling each once: any
// number of goroutines may use them. Of a nil one nothing is expected.
type Expectations struct {
	of      map[string]*expectation // by query
	servers map[measurement.RSI]string
}

// expectation is that of one query.
type expectation struct {
	query    plan.Query
	once     sync.Once
	program  cel.Program
	mistakes []expr.Mistake
}

// Of are the expectations of a plan, each compiled when an answer asks for it first: for
// plans of others, of which nobody knows what they hold.
func Of(p *plan.Plan) *Expectations {
	x := &Expectations{of: map[string]*expectation{}, servers: map[measurement.RSI]string{}}
	for _, q := range p.Queries {
		if q.Expect != "" && !slices.Contains(measurement.MetricQueries, q.Label) { // of these RSSAC047 says what is good
			x.of[q.Label] = &expectation{query: q}
		}
	}
	for _, s := range p.Servers {
		x.servers[s.RSI] = s.Name
	}
	return x
}

// Compile compiles all expectations of a loaded plan and returns them with every mistake
// there is, each at its place in the plan's files; nil exactly when there are mistakes.
func Compile(p *plan.Plan) (*Expectations, diag.List) {
	x, list := Of(p), diag.List{Sources: p.Sources}
	for _, q := range p.Queries {
		e := x.of[q.Label]
		if e == nil {
			continue
		}
		e.once.Do(e.compile)
		for _, m := range e.mistakes {
			remedy := strings.TrimSpace(fmt.Sprintf("%s (query %q)", m.Remedy, q.Label))
			list.Diags = append(list.Diags, p.Mistake(q.ExpectRange, q.Expect, m.From, m.To, m.Summary, remedy))
		}
	}
	if list.HasErrors() {
		return nil, list
	}
	return x, list
}

// compile makes the program, or notes the mistakes.
func (e *expectation) compile() {
	if len(e.query.Expect) > plan.MaxExpr {
		e.mistakes = []expr.Mistake{{Summary: fmt.Sprintf("an expression of more than %d bytes", plan.MaxExpr)}}
		return
	}
	e.program, e.mistakes = program(e.query.Expect)
}

// Has says whether the plan expects anything of the answers to a query.
func (x *Expectations) Has(query string) bool { return x != nil && x.of[query] != nil }

// Met is what an evaluation came to.
type Met struct {
	Expected *bool  // nil where there is nothing to say
	Why      string // for the column error: why it could not be told, and is not as expected
	Cost     uint64 // units
}

// Meets says whether an answer is as expected. The row has everything but what a response
// says; wire is the response. Nothing is said of what is not answered, and of queries that
// expect nothing. The error is of an expression with a mistake, which Compile would have
// refused.
func (x *Expectations) Meets(a *measurement.Answer, wire []byte) (Met, error) {
	if a.Outcome != measurement.Answered || !x.Has(a.Query) {
		return Met{}, nil
	}
	e := x.of[a.Query]
	e.once.Do(e.compile)
	if len(e.mistakes) > 0 {
		return Met{}, fmt.Errorf("expect of query %q: %s", a.Query, e.mistakes[0].Summary)
	}
	m := messages.Get().(*dnsmsg.Message)
	defer messages.Put(m)
	if err := m.Parse(wire); err != nil {
		return Met{Expected: new(false), Why: failed(err)}, nil
	}
	met, cost, err := e.meets(&facts{row: a, server: x.servers[a.RSI], wire: wire, message: m})
	if err != nil {
		return Met{new(false), failed(err), cost}, nil
	}
	return Met{&met, "", cost}, nil
}

// messages are those that responses are read into.
var messages = sync.Pool{New: func() any { return new(dnsmsg.Message) }}

var (
	errTooDear = fmt.Errorf("costs more than %d units", Units)
	errInside  = errors.New("internal error")
)

// meets evaluates. A panic of a library costs the row its answer and nobody else anything.
func (e *expectation) meets(f *facts) (met bool, cost uint64, err error) {
	defer func() {
		if recover() != nil {
			met, err = false, errInside
		}
	}()
	v, details, err := e.program.Eval(f)
	if details != nil && details.ActualCost() != nil {
		cost = *details.ActualCost()
	}
	switch {
	case cost > Units:
		return false, cost, errTooDear
	case err != nil:
		return false, cost, err
	}
	return v == types.True, cost, nil
}

// failed is the text of the column error: one line of printable ASCII, whatever a server
// sent.
func failed(err error) string {
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, err.Error())
	return "expect: " + text[:min(len(text), maxWhy)]
}
