package alert

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	celast "github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/ext"

	"mtric.net/mtric/engine/plan"
)

// libraries are what rules may use beside CEL's own functions.
func libraries() []cel.EnvOption {
	return []cel.EnvOption{cel.CrossTypeNumericComparisons(true), cel.DefaultUTCTimeZone(true), ext.Strings(), ext.Sets(), ext.Math()}
}

// Functions lists the functions and macros that rules may use, sorted; operators
// are left out, and has, for which no field is absent.
func Functions() ([]string, error) {
	env, err := cel.NewEnv(libraries()...)
	if err != nil {
		return nil, fmt.Errorf("functions of rules: %w", err)
	}
	return functionsOf(env), nil
}

func functionsOf(env *cel.Env) []string {
	var all []string
	for _, name := range slices.Collect(maps.Keys(env.Functions())) {
		if name != "in" && !operator(name) {
			all = append(all, name)
		}
	}
	for _, m := range env.Macros() {
		switch name := m.Function(); name {
		case "has":
		case "greatest", "least":
			all = append(all, "math."+name)
		default:
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// operator says whether CEL's parser, not a person, writes a function's name.
func operator(name string) bool { return strings.ContainsAny(name, "_@!-") && name != "exists_one" }

// call looks at the name of a function: CEL parses sets.contains(a, b) as a call
// of contains on something named sets, which is no variable.
func (n *nameChecker) call(e celast.Expr) {
	call := e.AsCall()
	name := call.FunctionName()
	if operator(name) {
		return
	}
	if call.IsMemberFunction() {
		chain, ok := chainOf(call.Target())
		if ok && n.namespace(chain, name) {
			name = dotted(chain) + "." + name
			for _, x := range chain {
				n.inner[x.ID()] = true
			}
		}
	}
	if n.env.HasFunction(name) {
		return
	}
	n.good = false
	known := functionsOf(n.env)
	last := name[strings.LastIndexByte(name, '.')+1:]
	to := n.offset(e.ID()) // CEL names the parenthesis
	from := max(0, strings.LastIndex(n.expr[:to], last))
	if start := from - len(name) + len(last); start >= 0 && strings.HasPrefix(n.expr[start:], name) {
		from = start
	}
	remedy := "docs/rules.md lists the functions."
	if best, ok := plan.Nearest(name, known); ok {
		remedy = fmt.Sprintf("Did you mean %q? ", best) + remedy
	}
	n.mistake(n.text, from, to, fmt.Sprintf("no function %q", name), remedy)
}

// namespace says whether the target of a call is the name of a library, or was meant
// to be, and not a variable.
func (n *nameChecker) namespace(target []celast.Expr, name string) bool {
	root := target[0].AsIdent()
	if slices.Contains(n.bound, root) || n.known(root) || len(namesUnder(root, n.fields)) > 0 {
		return false
	}
	named := slices.DeleteFunc(functionsOf(n.env), func(f string) bool { return !strings.Contains(f, ".") })
	_, near := plan.Nearest(dotted(target)+"."+name, named)
	return near || slices.ContainsFunc(named, func(f string) bool { return strings.HasPrefix(f, root+".") })
}

// chainOf takes a.b.c apart, the ident first; false for anything else.
func chainOf(e celast.Expr) ([]celast.Expr, bool) {
	var chain []celast.Expr
	for x := e; ; x = x.AsSelect().Operand() {
		chain = slices.Insert(chain, 0, x)
		if x.Kind() == celast.IdentKind {
			return chain, true
		}
		if x.Kind() != celast.SelectKind {
			return chain, false // a field of a value: its type is checked later
		}
	}
}

func dotted(chain []celast.Expr) string {
	name := chain[0].AsIdent()
	for _, x := range chain[1:] {
		name += "." + x.AsSelect().FieldName()
	}
	return name
}
