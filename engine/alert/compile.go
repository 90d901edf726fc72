package alert

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"

	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/expr"
	"mtric.net/mtric/engine/plan"
)

// Bounds of one evaluation. What cannot cost more, by its types, runs without
// the meter, which would make simple rules five times as slow.
const (
	costLimit  = 100_000
	checkEvery = 1000 // steps of a comprehension between looks at the deadline
)

// Rules are the compiled rules of a plan, in its order, ready to be evaluated.
// They are read-only: any number of goroutines may use them.
type Rules struct {
	Plan   *plan.Plan
	rules  []*rule
	fields map[string]*Field  // by full name
	goals  map[string]float64 // of the object objective, by full name
}

// rule is one rule: its condition, and its summary cut into pieces.
type rule struct {
	plan.Rule
	condition program
	summary   []piece
}

// program is a compiled expression and what it reads.
type program struct {
	cel.Program
	reads   map[string]bool // "window.sent", "rsi"
	metered bool            // its types do not bound its cost
}

// piece of a summary: plain text, or an expression.
type piece struct {
	text string
	expr *program
}

// Compile type-checks every rule of a loaded plan, condition and summary, and
// returns them with every mistake there is, each at its place in the plan's
// files: a rule that nothing in the plan can feed is one. Rules is nil exactly when
// there are mistakes. Of a plan with mistakes of its own those of the rules alone count.
func Compile(p *plan.Plan) (*Rules, diag.List) {
	list := diag.List{Sources: p.Sources}
	out := &Rules{Plan: p, fields: map[string]*Field{}, goals: goals(p.Objectives)}
	for root := range objects() {
		for _, f := range Fields(root) {
			out.fields[f.Name] = &f
		}
	}
	for _, r := range p.Rules {
		if r.Expr == "" {
			continue // what is wrong with it has been reported
		}
		c, err := newCompiler(p, r)
		if err != nil { // a mistake of the program, not of the plan
			list.Diags = append(list.Diags, p.Mistake(plan.Range{}, "", 0, 0, fmt.Sprintf("rule %q: %v", r.Label, err), "This is a bug in mtric; please report it with the plan."))
			continue
		}
		compiled := &rule{Rule: r}
		if got := c.compile(text{r.Expr, r.ExprRange, 0}, cel.BoolType); got != nil {
			compiled.condition = *got
		}
		compiled.summary = c.pieces(r)
		if !c.diags.HasErrors() {
			c.fed(compiled)
		}
		list.Diags = append(list.Diags, c.diags.Diags...)
		out.rules = append(out.rules, compiled)
	}
	if list.HasErrors() {
		return nil, list
	}
	return out, list
}

// compiler compiles the texts of one rule.
type compiler struct {
	plan  *plan.Plan
	rule  plan.Rule
	scope *expr.Scope
	diags diag.List
}

func newCompiler(p *plan.Plan, r plan.Rule) (*compiler, error) {
	fields := map[string]*cel.Type{}
	for _, root := range roots[r.On] {
		for _, f := range Fields(root) {
			fields[f.Name] = f.cel
		}
	}
	if slices.Contains(roots[r.On], "threshold") {
		for name := range thresholds(p.Thresholds) {
			fields[name] = cel.DoubleType
		}
	}
	if slices.Contains(roots[r.On], "objective") {
		for name := range goals(p.Objectives) {
			fields[name] = cel.DoubleType
		}
	}
	for _, label := range r.Over {
		fields[label] = cel.StringType
	}
	options := libraries()
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		options = append(options, cel.Variable(name, fields[name]))
	}
	env, err := cel.NewEnv(options...)
	scope := scopeOf(r, env, fields)
	for _, kind := range []string{"threshold", "objective"} {
		if p.Doubtful[kind] {
			scope.Unread = append(scope.Unread, kind)
		}
	}
	return &compiler{plan: p, rule: r, scope: scope}, err
}

// scopeOf is what a rule may name.
func scopeOf(r plan.Rule, env *cel.Env, fields map[string]*cel.Type) *expr.Scope {
	return &expr.Scope{
		Env: env, Fields: fields, Objects: roots[r.On], Labels: r.Over,
		Bool:      "Compare it with something: window.sent > 100.",
		Types:     "Write numbers beside percent, ms and minutes with a point (2.0), durations as duration('6m').",
		Constant:  "Durations are written duration('6m'), times timestamp('2026-11-22T22:40:00Z'), patterns as RE2 has them.",
		Functions: "docs/rules.md lists the functions.",
		Absent: func(object string) string {
			ask := ""
			if fields[object+".has_data"] != nil {
				ask = "ask " + object + ".has_data, or "
			}
			return ask + "leave it: a rule that needs a value that is absent keeps its state."
		},
		Name: func(name string) string {
			remedy := fmt.Sprintf("A rule on %q sees %s.", r.On, strings.Join(slices.Concat(r.Over, roots[r.On]), ", "))
			if slices.Contains([]string{"rsi", "family", "transport", "vantage_point", "query", "serial", "key"}, name) {
				remedy = "Labels must be named in over. " + remedy
			}
			return remedy
		},
	}
}

// text is CEL with its place in the plan: value holds the expression from byte
// at on, and range is the place of the whole value.
type text struct {
	value string
	place plan.Range
	at    int
}

// compile compiles an expression of the wanted type (nil: any that can be
// printed); nil after a mistake, which is reported.
func (c *compiler) compile(t text, want *cel.Type) *program {
	return c.compilePart(t, t.value, want)
}

func (c *compiler) compilePart(t text, part string, want *cel.Type) *program {
	e, mistakes := c.scope.Compile(part, want)
	if e == nil {
		for _, m := range mistakes {
			c.mistake(t, m)
		}
		return nil
	}
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize), cel.InterruptCheckFrequency(checkEvery)}
	cost, err := c.scope.Env.EstimateCost(e.Ast, noEstimate{})
	metered := err != nil || cost.Max > costLimit
	if metered {
		options = append(options, cel.CostLimit(costLimit))
	}
	p, wrong := c.scope.Program(e, options...)
	if wrong != nil {
		c.mistake(t, *wrong)
		return nil
	}
	return &program{p, e.Reads, metered}
}

// noEstimate knows no sizes: what depends on one is metered.
type noEstimate struct{}

func (noEstimate) EstimateSize(checker.AstNode) *checker.SizeEstimate { return nil }
func (noEstimate) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}

// pieces cuts a summary at its {…} and compiles what is inside. The plan has
// seen to it that braces are paired.
func (c *compiler) pieces(r plan.Rule) []piece {
	var all []piece
	for rest := r.Summary; rest != ""; {
		before, after, found := strings.Cut(rest, "{")
		if before != "" {
			all = append(all, piece{text: before})
		}
		expr, tail, closed := strings.Cut(after, "}")
		if !found || !closed {
			break
		}
		at := len(r.Summary) - len(rest) + len(before) + 1
		if !r.Fills(expr) {
			// The plan has said so.
		} else if p := c.compilePart(text{r.Summary, r.SummaryRange, at}, expr, nil); p != nil {
			all = append(all, piece{expr: p})
		}
		rest = tail
	}
	return all
}

// mistake reports what is wrong with an expression that begins at t.at.
func (c *compiler) mistake(t text, m expr.Mistake) {
	remedy := strings.TrimSpace(fmt.Sprintf("%s (rule %q)", m.Remedy, c.rule.Label))
	c.diags.Diags = append(c.diags.Diags, c.plan.Mistake(t.place, t.value, t.at+m.From, t.at+m.To, m.Summary, remedy))
}
