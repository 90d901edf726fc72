package plan

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// ref is a reference to a block, of servers to one RSI of the group; refType is its
// type in expressions. What stands for several, a group of servers or what a for_each
// made, is a map of them: by RSI, or by each.key.
type ref struct{ kind, label, rsi string }

var refType = cty.Capsule("reference", reflect.TypeFor[ref]())

func (r ref) String() string {
	if r.rsi != "" {
		return r.kind + "." + r.label + "[" + quote(r.rsi) + "]"
	}
	return r.kind + "." + r.label
}

// path is the reference as the canonical form has it: "root/a", "soa".
func (r ref) path() string {
	if r.rsi != "" {
		return r.label + "/" + r.rsi
	}
	return r.label
}

func (r ref) value() cty.Value { return cty.CapsuleVal(refType, &r) }

// referable are the kinds of blocks that others refer to.
var referable = []string{"server", "schedule", "query"}

// references makes the blocks known to expressions, then checks every block's body
// once, however many blocks for_each made of it.
func (l *loader) references() {
	for _, kind := range referable {
		values := l.blockRefs(kind)
		if kind == "server" {
			values = l.serverRefs()
		}
		for _, label := range l.unmade[kind] {
			values[label] = cty.DynamicVal
		}
		l.base[kind], l.names[kind] = cty.ObjectVal(values), sortedKeys(values)
	}
	seen := map[*hclsyntax.Block]bool{}
	for _, b := range l.blocks {
		if seen[b.Block] {
			continue
		}
		seen[b.Block] = true
		p := body{what: what(b.Type, b.Labels[0]), at: b.DefRange(), roots: inBlock, forEach: true}
		if b.each != cty.NilVal {
			p.roots = inEach
		}
		switch b.Type {
		case "rule":
			p.skip = []string{"expr"} // CEL: kept as text
		case "query":
			p.skip = []string{"expect"} // likewise
		case "server":
			p.skip = []string{"rsi"} // checked where it was evaluated
		}
		l.checkBody(b.Body, typeNamed(language, b.Type), p)
	}
}

// blockRefs are the references to blocks by their labels, and those to what a for_each
// made by the label it was written with.
func (l *loader) blockRefs(kind string) map[string]cty.Value {
	values, made := map[string]cty.Value{}, map[string]map[string]cty.Value{}
	for _, b := range l.blocks {
		if b.Type != kind {
			continue
		}
		values[b.label] = ref{kind: kind, label: b.label}.value()
		if b.of != "" {
			if made[b.of] == nil {
				made[b.of] = map[string]cty.Value{}
			}
			made[b.of][b.key] = values[b.label]
		}
	}
	for label, all := range made {
		if _, taken := values[label]; !taken {
			values[label] = cty.MapVal(all)
		}
	}
	return values
}

// serverRefs are the groups of servers, each by RSI. An RSI is evaluated before there
// are references, so it may use variables, locals and each.
func (l *loader) serverRefs() map[string]cty.Value {
	values, groups := map[string]cty.Value{}, map[string]map[string]cty.Value{}
	good := map[*hclsyntax.Block]bool{}
	for _, b := range l.blocks {
		if b.Type != "server" {
			continue
		}
		roots := inLocals
		if b.each != cty.NilVal {
			roots = append([]string{"each"}, inLocals...)
		}
		a := b.Body.Attributes["rsi"]
		if _, checked := good[b.Block]; !checked && a != nil {
			good[b.Block] = l.checkExpr(a.Expr, roots, nil)
		}
		if groups[b.label] == nil {
			groups[b.label] = map[string]cty.Value{}
		}
		v := cty.DynamicVal
		if good[b.Block] {
			v = l.eval(a.Expr, l.context(env{dir: b.dir, roots: roots, each: b.each}))
		}
		if !v.IsKnown() || v.IsNull() || v.Type() != cty.String {
			values[b.label] = cty.DynamicVal // decodeServer says what is wrong with it
			continue
		}
		groups[b.label][v.AsString()] = ref{"server", b.label, v.AsString()}.value()
	}
	for label, all := range groups {
		if _, unknown := values[label]; !unknown {
			values[label] = cty.MapVal(all)
		}
	}
	return values
}

// refs reads one reference, several, or a list of both, and returns their paths,
// sorted: of servers the group where it is whole, else the group and the RSI.
func (d *decoder) refs(name, kind string) []string {
	it, ok := d.get(name)
	if !ok {
		return nil
	}
	items := []item{it}
	if t := it.v.Type(); t.IsTupleType() || t.IsListType() || t.IsSetType() {
		items, _ = d.list(name)
	}
	var all []ref
	for _, it := range items {
		found, ok := d.itemRefs(it, kind)
		if !ok {
			return nil
		}
		if i := slices.IndexFunc(found, func(r ref) bool { return slices.Contains(all, r) }); i >= 0 {
			d.l.errorf(it.at, "Name it once.", "%s twice in %s", d.l.groupWords(found, found[i]), name)
			continue
		}
		all = append(all, found...)
	}
	if len(all) == 0 {
		d.errorf(name, "Name at least one, such as "+kind+"."+first(d.l.names[kind])+".", "%s is empty", name)
	}
	paths := []string{}
	for _, r := range all {
		if d.l.wholeGroup(r, all) {
			r.rsi = ""
		}
		paths = append(paths, r.path())
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// oneRef reads a reference to exactly one block.
func (d *decoder) oneRef(name, kind string) string {
	it, ok := d.get(name)
	if !ok {
		return ""
	}
	found, ok := d.itemRefs(it, kind)
	if !ok {
		return ""
	}
	if len(found) != 1 {
		var there []string
		for _, r := range found {
			there = append(there, r.String())
		}
		d.errorf(name, "Name one of them. There are: "+strings.Join(there, ", ")+".", "%s names %d of them", name, len(found))
		return ""
	}
	return found[0].label
}

// itemRefs flattens a value to the references in it.
func (d *decoder) itemRefs(it item, kind string) ([]ref, bool) {
	v := it.v
	if t := v.Type(); !v.IsNull() && (t.IsMapType() || t.IsObjectType() || t.IsTupleType() || t.IsListType() || t.IsSetType()) {
		var all []ref
		for e := v.ElementIterator(); e.Next(); {
			_, inner := e.Element()
			found, ok := d.itemRefs(item{inner, it.at}, kind)
			if !ok {
				return nil, false
			}
			all = append(all, found...)
		}
		return all, true
	}
	r, ok := d.ref(it, kind)
	return []ref{r}, ok
}

// ref reads a reference to a block of one kind. Text gets a remedy of its own, as
// quoting a reference is the commonest mistake.
func (d *decoder) ref(it item, kind string) (ref, bool) {
	if !it.v.IsNull() && it.v.Type().Equals(refType) {
		if r := it.v.EncapsulatedValue().(*ref); r.kind == kind {
			return *r, true
		}
	}
	remedy := "Write a reference, such as " + kind + "." + first(d.l.names[kind]) + "."
	if it.v.Type() == cty.String && !it.v.IsNull() {
		if best, ok := nearest(it.v.AsString(), d.l.names[kind]); ok {
			remedy = "Write " + kind + "." + best + ", without quotes."
		}
	}
	d.l.errorf(it.at, remedy, "want a reference to a %s, not %s", kind, valueWords(it.v))
	return ref{}, false
}

// members are the references to all servers of a group.
func (l *loader) members(group string) []ref {
	base := l.base["server"]
	if !base.Type().HasAttribute(group) || !base.GetAttr(group).IsKnown() {
		return nil
	}
	var all []ref
	for e := base.GetAttr(group).ElementIterator(); e.Next(); {
		_, v := e.Element()
		all = append(all, *v.EncapsulatedValue().(*ref))
	}
	return all
}

// wholeGroup reports whether all servers of r's group are among these.
func (l *loader) wholeGroup(r ref, all []ref) bool {
	if r.rsi == "" {
		return false
	}
	return !slices.ContainsFunc(l.members(r.label), func(m ref) bool { return !slices.Contains(all, m) })
}

// groupWords names r, or its whole group where that was named.
func (l *loader) groupWords(named []ref, r ref) string {
	if l.wholeGroup(r, named) {
		r.rsi = ""
	}
	return r.String()
}

// labelsOf lists the labels of all blocks of a kind.
func (l *loader) labelsOf(kind string) []string {
	var all []string
	for _, b := range l.blocks {
		if b.Type == kind {
			all = append(all, b.label)
		}
	}
	return all
}

// checkRefSteps follows what stands after the name of a block.
func (l *loader) checkRefSteps(t hcl.Traversal, v cty.Value, name string) {
	for _, s := range t[2:] {
		key, ok := step(s)
		if !ok || !v.IsKnown() {
			return
		}
		if !v.Type().IsMapType() {
			l.errorf(s.SourceRange(), "Remove what follows it.", "%s.%s is one %[1]s", t.RootName(), name)
			return
		}
		known := v.AsValueMap()
		if _, ok := known[key]; !ok {
			what := "key"
			if t.RootName() == "server" {
				what = "RSI"
			}
			l.errorf(s.SourceRange(), there(key, sortedKeys(known)), "no %s %q in %s.%s", what, key, t.RootName(), name)
			return
		}
		v, name = known[key], name+"["+quote(key)+"]"
	}
}

// there names the keys that there are, and the nearest one where they are too many.
func there(key string, known []string) string {
	remedy := "There are: " + strings.Join(known[:min(len(known), 24)], ", ")
	if len(known) > 24 {
		remedy += ", …"
	}
	if best, ok := nearest(key, known); ok {
		return fmt.Sprintf("Did you mean %q? %s.", best, remedy)
	}
	return remedy + "."
}

// wrongKey names the keys of a map or an object that was indexed by another.
func wrongKey(d *hcl.Diagnostic) *hcl.Diagnostic {
	e, ok := d.Expression.(*hclsyntax.IndexExpr)
	if !ok || d.EvalContext == nil {
		return d
	}
	of, _ := e.Collection.Value(d.EvalContext)
	key, _ := e.Key.Value(d.EvalContext)
	if !of.IsKnown() || of.IsNull() || !of.CanIterateElements() || key.IsNull() || !key.IsKnown() || key.Type() != cty.String {
		return d
	}
	var known []string
	for it := of.ElementIterator(); it.Next(); {
		if k, _ := it.Element(); k.Type() == cty.String {
			known = append(known, k.AsString())
		}
	}
	if len(known) == 0 {
		return d
	}
	c := *d
	c.Summary, c.Detail = fmt.Sprintf("no key %q", key.AsString()), there(key.AsString(), known)
	return &c
}

// checkKeys reports numbers as keys that HCL would write in another way: 001 is "1".
func (l *loader) checkKeys(o *hclsyntax.ObjectConsExpr) {
	for _, it := range o.Items {
		key, ok := it.KeyExpr.(*hclsyntax.ObjectConsKeyExpr)
		if !ok {
			continue
		}
		lit, ok := key.Wrapped.(*hclsyntax.LiteralValueExpr)
		if !ok || lit.Val.IsNull() || lit.Val.Type() != cty.Number {
			continue
		}
		r := lit.Range()
		src := l.sources[r.Filename]
		if r.End.Byte > len(src) {
			continue
		}
		written, read := string(src[r.Start.Byte:r.End.Byte]), decimal(lit.Val.AsBigFloat())
		if written != read {
			l.errorf(r, "Quote it: "+quote(written)+" = ….", "the key %s is a number, and means %q", written, read)
		}
	}
}
