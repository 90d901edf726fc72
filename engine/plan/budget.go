package plan

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// Bounds on what evaluating a plan may cost: three nested for expressions over
// range(1000) are a billion steps, forty locals that each double the one
// before are a terabyte.
const (
	mostSteps  = 1 << 17  // of evaluation: iterations by the length of what is repeated, values handed to functions
	mostText   = 64 << 20 // bytes put together by all templates and joins
	mostLeaves = 10000    // values within one local or argument
	mostString = 1 << 20  // bytes of all strings within one local or argument
	mostBinary = 4096     // a number lies within two to this power
)

// The names of the functions that meter puts into the tree; nobody can write them.
const (
	stepMeter = "#step"
	textMeter = "#text"
)

// budget is what is left of the bounds while one plan is loaded.
type budget struct {
	steps, text int
}

// newBudget is the budget of one Load.
func newBudget() *budget { return &budget{steps: mostSteps, text: mostText} }

// spent reports whether a bound was exceeded; from then on every value is unknown.
func (b *budget) spent() bool { return b.steps < 0 || b.text < 0 }

// meter rewrites a parsed tree so that every iteration and every piece of a
// template is paid for before it happens. hcl evaluates for expressions
// without a limit and offers no hook, but its tree can be changed: each
// collection and each piece becomes the argument of a metering function.
func meter(tree hclsyntax.Node) {
	_ = hclsyntax.VisitAll(tree, func(n hclsyntax.Node) (none hcl.Diagnostics) {
		switch e := n.(type) {
		case *hclsyntax.ForExpr:
			e.CollExpr = call(stepMeter, e.CollExpr, price(e))
		case *hclsyntax.SplatExpr:
			e.Source = call(stepMeter, e.Source, price(e))
		case *hclsyntax.BinaryOpExpr:
			e.LHS = call(textMeter, e.LHS, comparison) // == compares whole structures
		case *hclsyntax.ConditionalExpr:
			e.TrueResult = call(textMeter, e.TrueResult, comparison) // both results are converted to one type
		case *hclsyntax.TemplateExpr:
			for i, p := range e.Parts {
				e.Parts[i] = call(textMeter, p)
			}
		}
		return none
	})
}

// price is the steps one iteration of e costs, by the length of its text.
func price(e hclsyntax.Expression) hclsyntax.Expression {
	r := e.Range()
	return &hclsyntax.LiteralValueExpr{Val: cty.NumberIntVal(int64(1 + (r.End.Byte-r.Start.Byte)/64)), SrcRange: r}
}

// meterBody meters a whole file but for the types of variables, whose defaults
// typeexpr evaluates without any functions.
func meterBody(body *hclsyntax.Body) {
	types := map[*hclsyntax.Block]*hclsyntax.Attribute{}
	for _, b := range body.Blocks {
		if a := b.Body.Attributes["type"]; b.Type == "variable" && a != nil {
			types[b] = a
			delete(b.Body.Attributes, "type")
		}
	}
	meter(body)
	for b, a := range types {
		b.Body.Attributes["type"] = a
	}
}

// Prices by the leaf, in steps: cty's comparisons and conversions look at
// types and values of every leaf many times.
const (
	comparePrice  = 50
	functionPrice = 4
)

var comparison = &hclsyntax.LiteralValueExpr{Val: cty.NumberIntVal(comparePrice)}

// call wraps args[0] into a call of a metering function that stands at its place.
func call(name string, args ...hclsyntax.Expression) hclsyntax.Expression {
	r := args[0].Range()
	return &hclsyntax.FunctionCallExpr{Name: name, Args: args,
		NameRange: r, OpenParenRange: r, CloseParenRange: r}
}

// unmetered is the expression as it was written.
func unmetered(e hclsyntax.Expression) hclsyntax.Expression {
	if c, ok := e.(*hclsyntax.FunctionCallExpr); ok && (c.Name == stepMeter || c.Name == textMeter) {
		return c.Args[0]
	}
	return e
}

// meters are the metering functions. Once the budget is spent they return
// unknown values, which end every loop still running; the loader reports it.
func (b *budget) meters() map[string]function.Function {
	anything := function.Parameter{Name: "value", Type: cty.DynamicPseudoType,
		AllowNull: true, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true}
	of := func(pay func([]cty.Value)) function.Function {
		return function.New(&function.Spec{
			Params:   []function.Parameter{anything},
			VarParam: &anything,
			Type:     function.StaticReturnType(cty.DynamicPseudoType),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				if pay(args); b.spent() {
					return cty.DynamicVal, nil
				}
				return args[0], nil
			},
		})
	}
	return map[string]function.Function{
		stepMeter: of(func(args []cty.Value) {
			n := 1
			if v := args[0]; v.IsKnown() && !v.IsNull() && v.CanIterateElements() {
				n += v.LengthInt()
			}
			price, _ := args[1].AsBigFloat().Int64()
			b.steps -= n * int(price)
		}),
		textMeter: of(func(args []cty.Value) {
			price := int64(1)
			if len(args) > 1 {
				price, _ = args[1].AsBigFloat().Int64()
			}
			b.pay(args[0], int(price))
		}),
	}
}

// pay charges for working through all of v at a price per leaf; false where v
// is too large on its own or the budget is spent.
func (b *budget) pay(v cty.Value, price int) bool {
	leaves, text, ok := weigh(v)
	b.steps -= (leaves - 1) * price
	b.text -= text + 1
	if !ok {
		b.text = -1
	}
	return !b.spent()
}

// weigh counts the leaves of v and the bytes of its strings; false where a
// bound on one value is exceeded, and then it stops counting.
func weigh(v cty.Value) (leaves, text int, ok bool) {
	ok = true
	var walk func(cty.Value)
	walk = func(v cty.Value) {
		leaves++
		if leaves > mostLeaves || text > mostString {
			ok = false
		}
		if !ok || v.IsNull() || !v.IsKnown() {
			return
		}
		v, _ = v.Unmark()
		switch {
		case v.Type() == cty.String:
			text += len(v.AsString())
		case v.Type() == cty.Number:
			if e := v.AsBigFloat().MantExp(nil); e > mostBinary || e < -mostBinary || v.AsBigFloat().IsInf() {
				ok = false
			}
		case v.CanIterateElements():
			for it := v.ElementIterator(); ok && it.Next(); {
				k, e := it.Element()
				if k.Type() == cty.String && k.IsKnown() {
					text += len(k.AsString())
				}
				walk(e)
			}
		}
	}
	walk(v)
	return leaves, text, ok && leaves <= mostLeaves && text <= mostString
}
