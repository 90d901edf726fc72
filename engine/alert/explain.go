package alert

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	celast "github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/parser"

	"mtric.net/mtric/engine/plan"
)

// names looks at every name of an expression before its types are checked, for
// CEL would only say that "window" is unknown where a field of it is misspelt.
// It returns what is read, and whether all of it is there.
func (c *compiler) names(t text, expr string, parsed *cel.Ast) (map[string]bool, bool) {
	n := &nameChecker{compiler: c, text: t, expr: expr, ast: parsed, reads: map[string]bool{}, inner: map[int64]bool{}, good: true}
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
	return n.reads, n.good
}

type nameChecker struct {
	*compiler
	text  text
	expr  string
	ast   *cel.Ast
	reads map[string]bool
	bound []string       // variables of macros
	inner map[int64]bool // parts of chains looked at already
	good  bool
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
			ask := ""
			if n.known(root + ".has_data") {
				ask = "ask " + root + ".has_data, or "
			}
			n.at(chain[0], name, fmt.Sprintf("has() of a field of %s", root), "Every field is there; "+ask+"leave it: a rule that needs a value that is absent keeps its state.")
			return
		}
		parent := name
		name += "." + s.FieldName()
		if n.known(name) {
			n.reads[name] = true
			return
		}
		if len(namesUnder(name, n.fields)) == 0 {
			n.noField(chain[0], chain[i+1], parent, s.FieldName())
			return
		}
	}
	if under := namesUnder(name, n.fields); len(under) > 0 {
		n.at(chain[0], name, name+" is an object", "Name a field of it: "+strings.Join(under, ", ")+".")
		return
	}
	n.noName(chain[0], root)
}

func (n *nameChecker) known(name string) bool { return n.fields[name] != nil }

// noField reports a field that an object does not have, where the field stands.
func (n *nameChecker) noField(root, at celast.Expr, parent, field string) {
	if slices.Contains(roots[n.rule.On], root.AsIdent()) {
		n.good = false
		if n.plan.Doubtful["threshold"] && root.AsIdent() == "threshold" {
			return // its block may be what could not be read
		}
		known := namesUnder(parent, n.fields)
		from := n.offset(at.ID()) + 1 // CEL names the dot
		for from < len(n.expr) && unicode.IsSpace(rune(n.expr[from])) {
			from++
		}
		n.mistake(n.text, from, min(from+len(field), len(n.expr)), fmt.Sprintf("no field %q in %s", field, parent), meant(field, known)+"Fields: "+strings.Join(known, ", ")+".")
		return
	}
	n.noName(root, root.AsIdent())
}

func (n *nameChecker) noName(at celast.Expr, name string) {
	known := append(slices.Clone(n.rule.Over), roots[n.rule.On]...)
	remedy := fmt.Sprintf("A rule on %q sees %s.", n.rule.On, strings.Join(known, ", "))
	if slices.Contains([]string{"rsi", "family", "transport", "vantage_point", "query", "serial", "key"}, name) {
		remedy = "Labels must be named in over. " + remedy
	}
	n.at(at, name, fmt.Sprintf("no name %q here", name), meant(name, known)+remedy)
}

func (n *nameChecker) at(e celast.Expr, name, summary, remedy string) {
	n.good = false
	from := n.offset(e.ID())
	n.mistake(n.text, from, min(from+len(name), len(n.expr)), summary, remedy)
}

// offset is the byte of the expression at which a node stands.
func (n *nameChecker) offset(id int64) int {
	from, _ := placeOf(n.expr, n.ast, id)
	return from
}

// placeOf is the bytes of the expression at which a node stands; CEL counts runes.
func placeOf(expr string, ast *cel.Ast, id int64) (from, to int) {
	r, ok := ast.NativeRep().SourceInfo().GetOffsetRange(id)
	if !ok {
		return 0, len(expr)
	}
	return byteOf(expr, int(r.Start)), byteOf(expr, int(r.Stop))
}

// constant reports a constant that cannot be computed, duration('3 minutes'), where
// it stands: CEL does not say where that is, so the innermost call is looked for of
// which no program can be made either.
func (c *compiler) constant(t text, expr string, checked *cel.Ast, options []cel.ProgramOption, why error) {
	from, to, found := 0, len(expr), false
	tree := checked.NativeRep()
	celast.PostOrderVisit(tree.Expr(), celast.NewExprVisitor(func(e celast.Expr) {
		if e.Kind() != celast.CallKind || found {
			return
		}
		for _, arg := range slices.Backward(e.AsCall().Args()) {
			if arg.Kind() != celast.LiteralKind {
				continue
			}
			part, err := parser.Unparse(e, tree.SourceInfo())
			if err != nil {
				return
			}
			alone, issues := c.env.Compile(part)
			if issues.Err() != nil {
				return
			}
			if _, err := c.env.Program(alone, options...); err != nil {
				found, why = true, err
				from, to = placeOf(expr, checked, arg.ID())
			}
			return
		}
	}))
	c.mistake(t, from, to, fmt.Sprintf("a constant that cannot be: %v", why), "Durations are written duration('6m'), times timestamp('2026-11-22T22:40:00Z'), patterns as RE2 has them.")
}

func byteOf(s string, runes int) int {
	at := 0
	for range runes {
		if at >= len(s) {
			break
		}
		_, size := utf8.DecodeRuneInString(s[at:])
		at += size
	}
	return at
}

func meant(given string, known []string) string {
	if best, ok := plan.Nearest(given, known); ok {
		return fmt.Sprintf("Did you mean %q? ", best)
	}
	return ""
}

// syntax reports what CEL's parser says; one broken place gives many errors, and
// the first is the one to mend.
func (c *compiler) syntax(t text, expr string, issues *cel.Issues) {
	c.issue(t, expr, issues.Errors()[0], "Mend the CEL; strings stand in single quotes.")
}

// types reports what CEL's checker says.
func (c *compiler) types(t text, expr string, issues *cel.Issues) {
	for _, e := range issues.Errors() {
		remedy := "Mend the CEL."
		if strings.Contains(e.Message, "no matching overload") {
			remedy = "The types do not fit. Write numbers beside percent, ms and minutes with a point (2.0), durations as duration('6m')."
		}
		c.issue(t, expr, e, remedy)
	}
}

func (c *compiler) issue(t text, expr string, e *cel.Error, remedy string) {
	line, from := e.Location.Line(), 0
	for range line - 1 {
		if next := strings.IndexByte(expr[from:], '\n'); next >= 0 {
			from += next + 1
		}
	}
	from = min(from+byteOf(expr[from:], e.Location.Column()), len(expr))
	to := from
	for to < len(expr) && (expr[to] == '_' || unicode.IsLetter(rune(expr[to])) || unicode.IsDigit(rune(expr[to]))) {
		to++
	}
	message := strings.ReplaceAll(strings.TrimPrefix(e.Message, "Syntax error: "), " (in container '')", "")
	c.mistake(t, from, min(max(to, from+1), len(expr)), "CEL: "+strings.Join(strings.Fields(message), " "), remedy)
}
