package plan

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// variable is a declared variable and the value in force, with the place
// where that was set, so that a bad value is reported there.
type variable struct {
	source   source
	typ      cty.Type
	defaults *typeexpr.Defaults
	value    cty.Value
	set      hcl.Range
	given    bool
}

// variables evaluates the variable blocks: default, then *.auto.vars.hcl of
// each directory in turn, then --var; the last one wins.
func (l *loader) variables(blocks map[string]source, settings []file, flags map[string]string) {
	vars := map[string]*variable{}
	names := sortedKeys(blocks)
	for _, name := range names {
		vars[name] = l.variable(blocks[name])
	}
	for _, f := range settings {
		l.settings(f, vars)
	}
	for _, name := range sortedKeys(flags) {
		l.flag(name, flags[name], vars)
	}

	values := map[string]cty.Value{}
	for _, name := range names {
		v := vars[name]
		values[name] = cty.DynamicVal
		switch {
		case v.given:
			values[name] = v.value
		default:
			l.errorf(v.source.DefRange(), fmt.Sprintf("Set it with --var %s=VALUE, in a file *.auto.vars.hcl, or give it a default.", name),
				"variable %q is not set", name)
		}
	}
	l.names["var"] = names
	l.base["var"] = cty.ObjectVal(values)
	for _, name := range names {
		l.validations(name, vars[name])
	}
}

// variable reads a declaration and its default.
func (l *loader) variable(s source) *variable {
	v := &variable{source: s, typ: cty.DynamicPseudoType}
	l.checkBody(s.Body, typeNamed(language, "variable"), body{what: what(s.Type, s.Labels[0]), at: s.DefRange(), skip: []string{"type", "validation"}})
	if a := s.Body.Attributes["type"]; a != nil {
		t, defaults, diags := typeexpr.TypeConstraintWithDefaults(a.Expr)
		if diags.HasErrors() {
			l.errorf(a.Expr.Range(), "Types are string, number, bool, any, list(T), set(T), map(T), object({ name = T }) and tuple([T]), without quotes.",
				"no such type")
		} else {
			v.typ, v.defaults = t, defaults
		}
	}
	if a := s.Body.Attributes["default"]; a != nil {
		v.given, v.value = true, cty.DynamicVal
		l.assign(v, l.eval(a.Expr, l.context(env{dir: s.dir})), a.Expr.Range())
	}
	return v
}

// assign converts a value to the variable's type and puts it in force.
func (l *loader) assign(v *variable, value cty.Value, at hcl.Range) {
	v.given, v.set = true, at
	if !value.IsWhollyKnown() {
		v.value = cty.DynamicVal
		return
	}
	if _, _, ok := weigh(value); !ok {
		l.errorf(at, "A variable is no place for data.", "value too large")
		v.value = cty.DynamicVal
		return
	}
	if v.defaults != nil && !value.IsNull() {
		value = v.defaults.Apply(value)
	}
	c, err := convert.Convert(value, v.typ)
	if err != nil {
		l.errorf(at, fmt.Sprintf("The variable is declared at %s.", position(v.source.DefRange())),
			"variable %q wants %s, not %s", v.source.Labels[0], typeWords(v.typ), valueWords(value))
		c = cty.DynamicVal
	}
	v.value = c
}

// settings reads a file of variable values: attributes and nothing else.
func (l *loader) settings(f file, vars map[string]*variable) {
	for _, b := range f.body.Blocks {
		l.errorf(b.TypeRange, "Files *.auto.vars.hcl hold lines such as name = value; put the block into another *.hcl file.",
			"a block in a file of variable values")
	}
	for _, name := range sortedKeys(f.body.Attributes) {
		a := f.body.Attributes[name]
		v := vars[name]
		if v == nil {
			l.noVariable(name, vars, a.NameRange)
			continue
		}
		if l.checkExpr(a.Expr, nil, nil) {
			l.assign(v, l.eval(a.Expr, l.context(env{dir: f.dir})), a.Expr.Range())
		}
	}
}

// noVariable reports a value for a variable that is not declared.
func (l *loader) noVariable(name string, vars map[string]*variable, at hcl.Range) {
	l.errorf(at, didYouMeanField(name, sortedKeys(vars), "variable"), "no variable %q", name)
}

// flag reads one --var NAME=VALUE: text for a variable of type string or any,
// an HCL expression for the others.
func (l *loader) flag(name, text string, vars map[string]*variable) {
	place := "--var " + name
	v := vars[name]
	if v == nil {
		l.noVariable(name, vars, hcl.Range{Filename: "--var"})
		return
	}
	l.sources[place] = []byte(text)
	at := hcl.Range{Filename: place, Start: hcl.InitialPos,
		End: hcl.Pos{Line: 1, Column: utf8.RuneCountInString(text) + 1, Byte: len(text)}}
	if v.typ == cty.String || v.typ == cty.DynamicPseudoType {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) || len(text) > mostString {
			l.errorf(at, "Give plain text.", "not UTF-8 text")
			return
		}
		l.assign(v, cty.StringVal(text), at)
		return
	}
	v.given, v.value = true, cty.DynamicVal
	if d := unfit([]byte(text), place); d != nil {
		l.diags = append(l.diags, d)
		return
	}
	expr, diags := hclsyntax.ParseExpression([]byte(text), place, hcl.InitialPos)
	if diags.HasErrors() || len(expr.Variables()) > 0 {
		l.errorf(at, fmt.Sprintf("The variable is declared at %s.", position(v.source.DefRange())),
			"variable %q wants %s", name, typeWords(v.typ))
		return
	}
	root := &hclsyntax.ParenthesesExpr{Expression: expr}
	meter(root)
	if l.checkExpr(root.Expression, nil, nil) {
		l.assign(v, l.eval(root.Expression, l.context(env{})), at)
	}
}

// validations runs the validation blocks of a variable on the value in force
// and reports a refusal where that value was set.
func (l *loader) validations(name string, v *variable) {
	for _, b := range v.source.Body.Blocks {
		if b.Type != "validation" {
			continue
		}
		t := typeNamed(typeNamed(language, "variable").blocks, "validation")
		l.checkBody(b.Body, t, body{what: "validation of " + what("variable", name), at: b.DefRange(), roots: inVariable})
		cond, message := b.Body.Attributes["condition"], b.Body.Attributes["error"]
		if cond == nil || message == nil || !v.value.IsWhollyKnown() || !v.given {
			continue
		}
		ctx := l.context(env{dir: v.source.dir, roots: inVariable})
		ok, known := l.evalTo(cond.Expr, ctx, cty.Bool)
		text, readable := l.evalTo(message.Expr, ctx, cty.String)
		if known && readable && ok.False() {
			l.errorf(v.set, fmt.Sprintf("The rule is at %s.", position(cond.Expr.Range())),
				"variable %q: %s", name, strings.TrimSpace(text.AsString()))
		}
	}
}

// locals evaluates the locals in the order of their dependencies.
func (l *loader) locals(locals map[string]local) {
	names := sortedKeys(locals)
	l.names["local"] = names
	needs := map[string][]string{}
	for _, name := range names {
		for _, t := range locals[name].Expr.Variables() {
			if t.RootName() == "local" && len(t) > 1 {
				if n, ok := step(t[1]); ok && !slices.Contains(needs[name], n) {
					needs[name] = append(needs[name], n)
				}
			}
		}
		slices.Sort(needs[name])
	}
	order, cycles := sortByNeed(names, needs)
	for _, c := range cycles {
		l.errorf(locals[c[0]].NameRange, "A local may not need itself, not even by way of others.",
			"locals need each other: local.%s", strings.Join(c, " -> local."))
	}
	values := map[string]cty.Value{}
	for _, name := range names {
		values[name] = cty.DynamicVal
	}
	for _, name := range order {
		a := locals[name]
		l.base["local"] = cty.ObjectVal(values)
		l.checkExpr(a.Expr, inLocals, nil) // now that the attributes of those it needs are known
		v := l.eval(a.Expr, l.context(env{dir: a.dir, roots: inLocals}))
		if _, _, ok := weigh(v); !ok {
			l.errorf(a.Expr.Range(), "Keep tables of data out of plans.", "local %q is too large", name)
			v = cty.DynamicVal
		}
		values[name] = v
	}
	l.base["local"] = cty.ObjectVal(values)
	for _, name := range names {
		if !slices.Contains(order, name) {
			l.checkExpr(locals[name].Expr, inLocals, nil)
		}
	}
}

// sortByNeed orders names so that each comes after those it needs, and returns
// each cycle found on the way, its first name repeated at the end. Names on a
// cycle, or that need one, are left out of the order.
func sortByNeed(names []string, needs map[string][]string) (order []string, cycles [][]string) {
	const (
		open = iota + 1
		done
		broken
	)
	state := map[string]int{}
	var path []string
	var visit func(string) bool
	visit = func(n string) bool {
		switch state[n] {
		case open:
			cycles = append(cycles, append(slices.Clone(path[slices.Index(path, n):]), n))
			return false
		case done, broken:
			return state[n] == done
		}
		state[n] = open
		path = append(path, n)
		ok := true
		for _, m := range needs[n] {
			if _, known := slices.BinarySearch(names, m); known && !visit(m) {
				ok = false
			}
		}
		path = path[:len(path)-1]
		if state[n] = broken; ok {
			state[n] = done
			order = append(order, n)
		}
		return ok
	}
	for _, n := range names {
		visit(n)
	}
	return order, cycles
}
