package expr

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	celast "github.com/google/cel-go/common/ast"

	"mtric.net/mtric/engine/diag"
)

// names looks at every name of an expression before its types are checked, for
// CEL would only say that "window" is unknown where a field of it is misspelt.
// It returns what is read.
func (c *compiling) names(parsed *cel.Ast) map[string]bool {
	n := &nameChecker{compiling: c, ast: parsed, reads: map[string]bool{}, inner: map[int64]bool{}}
	celast.PreOrderVisit(parsed.NativeRep().Expr(), celast.NewExprVisitor(func(e celast.Expr) {
		switch e.Kind() {
		case celast.ComprehensionKind:
			k := e.AsComprehension()
			n.bound = append(n.bound, k.IterVar(), k.IterVar2(), k.AccuVar())
		case celast.CallKind:
			n.call(e)
		case celast.SelectKind, celast.IdentKind:
			if !n.inner[e.ID()] {
				n.path(e)
			}
		}
	}))
	return n.reads
}

type nameChecker struct {
	*compiling
	ast   *cel.Ast
	reads map[string]bool
	bound []string       // variables of macros
	inner map[int64]bool // parts of chains looked at already
}

// path looks at a chain a.b.c from its last select on.
func (n *nameChecker) path(e celast.Expr) {
	chain, ok := chainOf(e)
	for _, x := range chain {
		n.inner[x.ID()] = true
	}
	if !ok {
		return
	}
	root := chain[0].AsIdent()
	if slices.Contains(n.bound, root) || strings.HasPrefix(root, "__") || strings.HasPrefix(root, "@") {
		return
	}
	name := root
	if n.known(name) {
		n.reads[name] = true
		return
	}
	for i, x := range chain[1:] {
		s := x.AsSelect()
		if s.IsTestOnly() {
			n.at(chain[0], name, fmt.Sprintf("has() of a field of %s", root), "Every field is there; "+n.Absent(root))
			return
		}
		parent := name
		name += "." + s.FieldName()
		if n.known(name) {
			n.reads[name] = true
			return
		}
		if len(n.under(name)) == 0 {
			n.noField(chain[0], chain[i+1], parent, s.FieldName())
			return
		}
	}
	if under := n.under(name); len(under) > 0 {
		n.at(chain[0], name, name+" is an object", "Name a field of it: "+strings.Join(under, ", ")+".")
		return
	}
	n.noName(chain[0], root)
}

func (n *nameChecker) known(name string) bool { return n.Fields[name] != nil }

// noField reports a field that an object does not have, where the field stands.
func (n *nameChecker) noField(root, at celast.Expr, parent, field string) {
	if !slices.Contains(n.Objects, root.AsIdent()) {
		n.noName(root, root.AsIdent())
		return
	}
	if slices.Contains(n.Unread, root.AsIdent()) {
		n.unread = true
		return
	}
	known := n.under(parent)
	meant := Meant(field, known)
	if meant == "" { // objects of fields, "mine" of mine.availability
		var objects []string
		for _, name := range known {
			if object, _, deeper := strings.Cut(name, "."); deeper {
				objects = append(objects, object)
			}
		}
		if meant = Meant(field, objects); meant == "" && len(slices.Compact(objects)) == 1 && len(objects) == len(known) {
			meant = fmt.Sprintf("Did you mean %q? ", objects[0])
		}
	}
	from := n.fieldAt(n.offset(at.ID()))
	n.mistake(from, min(from+len(field), len(n.text)), fmt.Sprintf("no field %q in %s", field, parent), meant+"Fields: "+strings.Join(known, ", ")+".")
}

func (n *nameChecker) noName(at celast.Expr, name string) {
	n.at(at, name, fmt.Sprintf("no name %q here", name), Meant(name, slices.Concat(n.Labels, n.Objects))+n.Name(name))
}

func (n *nameChecker) at(e celast.Expr, name, summary, remedy string) {
	from := n.offset(e.ID())
	n.mistake(from, min(from+len(name), len(n.text)), summary, remedy)
}

// offset is the byte of the expression at which a node stands.
func (n *nameChecker) offset(id int64) int {
	from, _ := placeOf(n.text, n.ast, id)
	return from
}

// Functions lists the functions and macros of an environment, sorted; operators are left
// out, and has, for which no field is absent.
func Functions(env *cel.Env) []string {
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
	chain, ok := []celast.Expr(nil), false
	if call.IsMemberFunction() {
		chain, ok = chainOf(call.Target())
	}
	method := n.Methods[name]
	if ok && method == "" && n.namespace(chain, name) {
		name = dotted(chain) + "." + name
	}
	known, owned := n.Env.HasFunction(name), method == "" || ok && dotted(chain) == method
	if ok && (!known || !owned || method != "" || strings.Contains(name, ".")) { // no value, or said here
		for _, x := range chain {
			n.inner[x.ID()] = true
		}
	}
	if known && owned {
		return
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	to := n.offset(e.ID()) // CEL names the parenthesis
	from := max(0, strings.LastIndex(n.text[:to], last))
	if start := from - len(name) + len(last); start >= 0 && strings.HasPrefix(n.text[start:], name) {
		from = start
	}
	if known {
		n.mistake(from, to, fmt.Sprintf("%s is a function of %s", name, method), fmt.Sprintf("Write %s.%s(…).", method, name))
		return
	}
	remedy := n.Functions
	if best, ok := diag.Nearest(name, Functions(n.Env)); ok {
		remedy = fmt.Sprintf("Did you mean %q? ", best) + remedy
	}
	n.mistake(from, to, fmt.Sprintf("no function %q", name), remedy)
}

// namespace says whether the target of a call is the name of a library, or was meant
// to be, and not a variable.
func (n *nameChecker) namespace(target []celast.Expr, name string) bool {
	root := target[0].AsIdent()
	if slices.Contains(n.bound, root) || n.known(root) || len(n.under(root)) > 0 {
		return false
	}
	named := slices.DeleteFunc(Functions(n.Env), func(f string) bool { return !strings.Contains(f, ".") })
	_, near := diag.Nearest(dotted(target)+"."+name, named)
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
