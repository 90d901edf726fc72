package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// scope lists what may be named below each root: "var", "local", "server", ….
type scope map[string][]string

// env is the surroundings an expression is evaluated in.
type env struct {
	dir   int      // whose files functions read
	roots []string // which roots may be named here
	each  cty.Value
}

// The roots that expressions may name, by place.
var (
	inVariable = []string{"var"}
	inLocals   = []string{"var", "local"}
	inBlock    = []string{"var", "local", "server", "schedule", "query"}
	inEach     = append([]string{"each"}, inBlock...)
)

// context holds the roots that may be named in e, and the functions of its directory.
func (l *loader) context(e env) *hcl.EvalContext {
	vars := map[string]cty.Value{}
	for _, r := range e.roots {
		if v, ok := l.base[r]; ok {
			vars[r] = v
		}
	}
	if e.each != cty.NilVal {
		vars["each"] = e.each
	}
	return &hcl.EvalContext{Variables: vars, Functions: l.functions[e.dir]}
}

// eval evaluates an expression whose references were checked; an unknown
// value means that the mistake is reported already.
func (l *loader) eval(expr hcl.Expression, ctx *hcl.EvalContext) cty.Value {
	if l.bad[expr.Range()] {
		return cty.DynamicVal
	}
	v, diags := expr.Value(ctx)
	if l.budget.spent() {
		if l.spentAt.Filename == "" {
			l.spentAt = expr.Range()
		}
		return cty.DynamicVal
	}
	for _, d := range diags {
		l.diags = append(l.diags, inOurWords(d))
	}
	if diags.HasErrors() {
		return cty.DynamicVal
	}
	v, _ = v.UnmarkDeep()
	if !v.IsWhollyKnown() && !l.diags.HasErrors() {
		l.errorf(expr.Range(), "Every value of a plan must be known when it is loaded.", "value is not known")
	}
	return v
}

// inOurWords shortens what hcl says of a function that failed, names the keys where one is
// wrong, and knows no primitive types.
func inOurWords(d *hcl.Diagnostic) *hcl.Diagnostic {
	switch {
	case d.Summary == "Invalid index":
		return wrongKey(d)
	case d.Summary == "Unsupported attribute" && (strings.Contains(d.Detail, "primitive-typed") || strings.Contains(d.Detail, "not have any attributes")):
		c := *d
		c.Summary, c.Detail = "no object, and so no attributes", "Remove the dot and what follows it, or make it an object: { name = value }."
		return &c
	}
	call, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](d)
	if !ok || call.FunctionCallError() == nil {
		return d
	}
	c := *d
	wrong, remedy, _ := strings.Cut(call.FunctionCallError().Error(), "; ")
	c.Summary, c.Detail = call.CalledFunctionName()+": "+wrong, sentence(remedy)
	return &c
}

// sentence writes what follows a semicolon in an error as a sentence.
func sentence(s string) string {
	if s == "" {
		return "Look at the function's arguments in docs/plan-language.md."
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// evalTo evaluates and converts; it reports a value of another type.
func (l *loader) evalTo(expr hcl.Expression, ctx *hcl.EvalContext, want cty.Type) (cty.Value, bool) {
	v := l.eval(expr, ctx)
	if !v.IsWhollyKnown() {
		return cty.DynamicVal, false
	}
	c, err := convert.Convert(v, want)
	if err != nil || (c.IsNull() && want != cty.DynamicPseudoType) {
		l.errorf(expr.Range(), "Write "+example(want)+".", "want %s, not %s", typeWords(want), valueWords(v))
		return cty.DynamicVal, false
	}
	return c, true
}

// typeWords names a type in messages.
func typeWords(t cty.Type) string {
	switch {
	case t == cty.String:
		return "text"
	case t == cty.Number:
		return "a number"
	case t == cty.Bool:
		return "true or false"
	case t.Equals(refType):
		return "a reference"
	}
	if t.IsObjectType() {
		return "an object"
	}
	if t.IsTupleType() {
		return "a list"
	}
	return typeexpr.TypeString(t)
}

// valueWords names a value in messages.
func valueWords(v cty.Value) string {
	if v.IsNull() {
		return "null"
	}
	if v.Type().Equals(refType) {
		return "the reference " + v.EncapsulatedValue().(*ref).String()
	}
	return typeWords(v.Type())
}

// example shows how a value of the type is written.
func example(t cty.Type) string {
	switch t {
	case cty.String:
		return `text in quotes, such as "text"`
	case cty.Number:
		return "a number, such as 10"
	case cty.Bool:
		return "true or false"
	}
	return "a value of the type " + typeWords(t)
}

// checkExpr reports every name in expr that does not exist, and marks expr
// bad. The roots are those of the place and the iterators of dynamic blocks.
func (l *loader) checkExpr(expr hclsyntax.Expression, roots []string, iterators []string) bool {
	before := len(l.diags)
	for _, t := range expr.Variables() {
		l.checkTraversal(t, roots, iterators)
	}
	_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		if o, ok := n.(*hclsyntax.ObjectConsExpr); ok {
			l.checkKeys(o)
		}
		if c, ok := n.(*hclsyntax.FunctionCallExpr); ok && c.Name != stepMeter && c.Name != textMeter {
			if _, ok := l.functions[0][c.Name]; !ok {
				remedy := didYouMean(c.Name, l.functionNames(), "Functions")
				if slices.Contains(impure, c.Name) {
					remedy = "A plan is pure: no function reads clock, network, environment or randomness, nor any file but those that hints and lines read beside the plan."
				}
				l.errorf(c.NameRange, remedy, "no function %q", c.Name)
			}
		}
		return nil
	})
	if len(l.diags) == before {
		return true
	}
	l.bad[expr.Range()] = true
	return false
}

// impure are functions that people know from other languages of this kind.
var impure = strings.Fields("env file fileset now random shuffle templatefile timestamp uuid uuidv4 http")

// functionNames lists the functions a plan may call; the meters stay unnamed.
func (l *loader) functionNames() []string {
	return slices.DeleteFunc(sortedKeys(l.functions[0]), func(s string) bool { return strings.HasPrefix(s, "#") })
}

// checkTraversal reports the first name of a reference that does not exist.
func (l *loader) checkTraversal(t hcl.Traversal, roots, iterators []string) {
	root := t.RootName()
	if slices.Contains(iterators, root) {
		return
	}
	if !slices.Contains(roots, root) {
		l.unknownRoot(t, root, append(slices.Clone(roots), iterators...))
		return
	}
	known := l.names[root]
	if root == "each" {
		known = []string{"key", "value"}
	}
	if len(t) < 2 {
		l.errorf(t.SourceRange(), "Name one of them, such as "+root+"."+first(known)+".", "%q alone is no value", root)
		return
	}
	name, ok := step(t[1])
	if !ok {
		return // computed index: evaluation finds what is wrong
	}
	if !slices.Contains(known, name) {
		what := map[string]string{"var": "variable", "each": "each"}[root]
		if what == "" {
			what = root
		}
		l.errorf(t[1].SourceRange(), didYouMeanField(name, known, what), "no %s %q", what, name)
		return
	}
	l.checkSteps(t, name)
}

// checkSteps follows the attributes after the name of a variable or local.
func (l *loader) checkSteps(t hcl.Traversal, name string) {
	v, ok := l.base[t.RootName()]
	if !ok || !v.IsKnown() || !v.Type().IsObjectType() || !v.Type().HasAttribute(name) {
		return
	}
	v = v.GetAttr(name)
	if slices.Contains(referable, t.RootName()) {
		l.checkRefSteps(t, v, name)
		return
	}
	for _, s := range t[2:] {
		key, ok := step(s)
		if !ok || !v.IsKnown() || v.IsNull() || !v.Type().IsObjectType() {
			return
		}
		if !v.Type().HasAttribute(key) {
			l.errorf(s.SourceRange(), didYouMeanField(key, sortedKeys(v.Type().AttributeTypes()), "attribute"),
				"no attribute %q in %s.%s", key, t.RootName(), name)
			return
		}
		v = v.GetAttr(key)
	}
}

// step is the name that one step of a reference goes to; false for an index that
// must be computed.
func step(s hcl.Traverser) (string, bool) {
	switch s := s.(type) {
	case hcl.TraverseAttr:
		return s.Name, true
	case hcl.TraverseIndex:
		switch {
		case !s.Key.IsKnown() || s.Key.IsNull():
		case s.Key.Type() == cty.String:
			return s.Key.AsString(), true
		case s.Key.Type() == cty.Number:
			return s.Key.AsBigFloat().Text('f', -1), true
		}
	}
	return "", false
}

// first is an example among the known names.
func first(known []string) string {
	if len(known) == 0 {
		return "name"
	}
	return known[0]
}

// didYouMeanField is didYouMean for the name after a root.
func didYouMeanField(name string, known []string, what string) string {
	if len(known) == 0 {
		return fmt.Sprintf("This plan has no %s at all.", what)
	}
	return didYouMean(name, known, "There are")
}

// unknownRoot reports a reference that begins with no known root. Mostly it is a
// text without quotes, or a reference where none can be resolved yet.
func (l *loader) unknownRoot(t hcl.Traversal, root string, roots []string) {
	remedy := didYouMean(root, roots, "Names that may stand here begin with")
	_, near := nearest(root, roots)
	switch {
	case root == "each":
		remedy = "each.key and each.value exist in blocks with for_each only."
	case root == "var" || root == "local":
		remedy = "Values with a name are not known here; write the value itself."
	case slices.Contains(inBlock, root):
		remedy = "References to blocks cannot stand here; values with a name belong into a locals block."
	case len(t) == 1 && !near:
		remedy = "Text stands in quotes: " + quote(root) + "."
		for _, kind := range referable {
			if slices.Contains(roots, kind) && slices.Contains(l.names[kind], root) {
				remedy = fmt.Sprintf("The %s of this name is %s.%s. %s", kind, kind, root, remedy)
			}
		}
	}
	l.errorf(t[0].SourceRange(), remedy, "no name %q here", root)
}
