package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/dynblock"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// eachKey stands in a label for the key of the for_each element.
const eachKey = "{each.key}"

// Bounds on blocks; several checks compare each with each.
const (
	mostInstances = 1000 // of one for_each, and blocks inside one block
	mostBlocks    = 5000 // of a plan
	mostNames     = 1000 // locals
)

// block is one block after overlay and for_each.
type block struct {
	source
	label string
	each  cty.Value // NilVal without for_each

	of, key string // of a for_each that has no {each.key} in its label: the label as written, and each.key
}

// what names a block in messages: query "soa".
func what(kind, label string) string { return kind + " " + quote(label) }

// body says what checkBody needs to know of the place of a body.
type body struct {
	what      string
	at        hcl.Range
	roots     []string
	iterators []string
	skip      []string // attributes and blocks whose expressions are checked elsewhere
	forEach   bool     // for_each may stand here
}

// checkBody reports, before anything is evaluated, attributes and blocks that
// do not exist or are missing, and names in expressions that do not exist.
func (l *loader) checkBody(b *hclsyntax.Body, t *blockType, p body) {
	before := len(l.diags)
	defer func() { l.faulty[p.at] = l.faulty[p.at] || len(l.diags) > before }()
	for _, name := range sortedKeys(b.Attributes) {
		a := b.Attributes[name]
		switch {
		case p.forEach && name == "for_each":
			continue
		case !slices.Contains(t.names(), name):
			l.noAttribute(a, t, p)
			continue
		}
		if !slices.Contains(p.skip, name) {
			l.checkExpr(a.Expr, p.roots, p.iterators)
		}
	}
	for _, a := range t.attrs {
		if a.must && b.Attributes[a.name] == nil {
			l.errorf(p.at, fmt.Sprintf("Add %s = …; it takes: %s.", a.name, a.kind), "%s lacks %q", p.what, a.name)
		}
	}
	b.Blocks = slices.DeleteFunc(b.Blocks, func(inner *hclsyntax.Block) bool {
		return !slices.Contains(p.skip, inner.Type) && !l.checkInner(inner, t, p)
	})
}

// noAttribute reports an attribute that the block does not have; a block written
// as an attribute is the commonest way to get there.
func (l *loader) noAttribute(a *hclsyntax.Attribute, t *blockType, p body) {
	remedy := didYouMean(a.Name, t.names(), "Attributes")
	if typeNamed(t.blocks, a.Name) != nil {
		remedy = fmt.Sprintf("It is a block: write %s { … } without an equals sign.", a.Name)
	} else if a.Name == "for_each" {
		remedy = "Only labelled blocks at the top take for_each; inside a block write dynamic \"" + first(kinds(t.blocks)) + "\" { for_each = … }."
	}
	l.errorf(a.NameRange, remedy, "no attribute %q in %s", a.Name, p.what)
}

// checkInner checks a block inside a block; false drops it from the body.
func (l *loader) checkInner(b *hclsyntax.Block, t *blockType, p body) bool {
	kind, dynamic := b.Type, b.Type == "dynamic" && len(b.Labels) == 1
	if dynamic {
		kind = b.Labels[0]
	}
	inner := typeNamed(t.blocks, kind)
	if inner == nil {
		remedy := didYouMean(kind, kinds(t.blocks), "Blocks")
		if slices.Contains(t.names(), kind) {
			remedy = fmt.Sprintf("It is an attribute: write %s = { … } with an equals sign.", kind)
		} else if len(t.blocks) == 0 {
			remedy = "There are no blocks inside it."
		}
		l.errorf(b.TypeRange, remedy, "no block %q in %s", kind, p.what)
		return false
	}
	if dynamic {
		return l.checkDynamic(b, inner, p)
	}
	if want := min(len(inner.label), 1); len(b.Labels) != want {
		l.errorf(b.TypeRange, map[int]string{0: "Remove the label.", 1: labelled(inner)}[want],
			"a %s block with %d labels", kind, len(b.Labels))
		return false
	}
	p.what, p.at, p.forEach, p.skip = kind+" of "+p.what, b.DefRange(), false, nil
	l.checkBody(b.Body, inner, p)
	return true
}

// labelled is how a block with its label is written.
func labelled(t *blockType) string {
	return fmt.Sprintf("Write %s \"…\" { … }; the label is: %s.", t.kind, t.label)
}

// checkDynamic checks a dynamic block, whose content sees an iterator.
func (l *loader) checkDynamic(b *hclsyntax.Block, inner *blockType, p body) bool {
	forEach := b.Body.Attributes["for_each"]
	if forEach != nil && !l.checkExpr(forEach.Expr, p.roots, p.iterators) {
		return false // dynblock would report it once more
	}
	iterator := b.Labels[0]
	if a := b.Body.Attributes["iterator"]; a != nil {
		iterator = hcl.ExprAsKeyword(a.Expr)
	}
	p.iterators = append(slices.Clone(p.iterators), iterator)
	if a := b.Body.Attributes["labels"]; a != nil && !l.checkExpr(a.Expr, p.roots, p.iterators) {
		return false
	}
	for _, c := range b.Body.Blocks {
		if c.Type == "content" {
			p.what, p.at, p.forEach, p.skip = inner.kind+" of "+p.what, c.DefRange(), false, nil
			l.checkBody(c.Body, inner, p)
		}
	}
	return true
}

// expand checks every block and makes one block of each for_each element.
func (l *loader) expand(sources []source) {
	taken := map[string]*block{}
	for _, s := range sources {
		if len(l.blocks) > mostBlocks {
			l.errorf(s.DefRange(), "Keep data out of plans.", "more than %d blocks", mostBlocks)
			return
		}
		made, ok := l.instances(s)
		if !ok {
			l.unmade[s.Type] = append(l.unmade[s.Type], s.Labels[0])
		}
		for _, b := range made {
			key := s.Type + " " + b.label
			old, ok := taken[key]
			switch {
			case !ok || s.Type == "server":
				l.blocks = append(l.blocks, b)
				taken[key] = b
			case old.dir == b.dir:
				l.errorf(s.DefRange(), "for_each made a label that another block has, at "+position(old.DefRange())+".",
					"%s is there already", what(s.Type, b.label))
			case old.dir < b.dir:
				b.of, b.key = old.of, old.key
				*old = *b // laid over an instance of for_each
			}
		}
	}
	slices.SortStableFunc(l.blocks, func(a, b *block) int {
		if c := strings.Compare(a.Type, b.Type); c != 0 {
			return c
		}
		return strings.Compare(a.label, b.label)
	})
}

// instances returns the blocks that s stands for. A label that holds
// {each.key} has it replaced, a server keeps its label as the name of the
// group, and every other label has "-KEY" appended. False where for_each failed.
func (l *loader) instances(s source) ([]*block, bool) {
	a := s.Body.Attributes["for_each"]
	if a == nil {
		if strings.Contains(s.Labels[0], eachKey) {
			l.errorf(s.LabelRanges[0], "Add for_each, or write the label out.", "%s in a block without for_each", eachKey)
			return nil, false
		}
		return []*block{{source: s, label: s.Labels[0]}}, true
	}
	if !l.checkExpr(a.Expr, inLocals, nil) {
		return nil, false
	}
	v := l.eval(a.Expr, l.context(env{dir: s.dir, roots: inLocals}))
	if !v.IsWhollyKnown() {
		return nil, false
	}
	if t := v.Type(); v.IsNull() || (!t.IsMapType() && !t.IsObjectType() && !t.Equals(cty.Set(cty.String)) && !t.Equals(cty.Set(cty.DynamicPseudoType))) {
		l.errorf(a.Expr.Range(), "Give a map, an object, or a set of texts: toset([…]).", "for_each over %s", valueWords(v))
		return nil, false
	}
	if n := v.LengthInt(); n > mostInstances {
		l.errorf(a.Expr.Range(), fmt.Sprintf("At most %d.", mostInstances), "for_each makes %d blocks", n)
		return nil, false
	}
	var all []*block
	for it := v.ElementIterator(); it.Next(); {
		k, e := it.Element()
		if k.Type() != cty.String {
			continue // an empty set of no type has no elements
		}
		label, of := s.Labels[0], ""
		switch {
		case strings.Contains(label, eachKey):
			label = strings.ReplaceAll(label, eachKey, k.AsString())
		case s.Type != "server":
			label, of = label+"-"+k.AsString(), label
		}
		if !validLabel(label) {
			l.errorf(a.Expr.Range(), `Labels have letters, digits, _ and -, at most 63 of them; a map gives keys that fit: { for z in zones : replace(z, ".", "-") => z }.`,
				"%q, made by for_each, cannot be a label", label)
			continue
		}
		all = append(all, &block{source: s, label: label, each: cty.ObjectVal(map[string]cty.Value{"key": k, "value": e}), of: of, key: k.AsString()})
	}
	return all, true
}

// open starts the decoding of a block.
func (l *loader) open(b *block) *decoder {
	roots := inBlock
	if b.each != cty.NilVal {
		roots = inEach
	}
	ctx := l.context(env{dir: b.dir, roots: roots, each: b.each})
	return l.openBody(dynblock.Expand(b.Body, ctx), typeNamed(language, b.Type), ctx, what(b.Type, b.label), b.DefRange())
}

// openBody reads the attributes and blocks that t knows; whatever else there
// is has been reported by checkBody.
func (l *loader) openBody(b hcl.Body, t *blockType, ctx *hcl.EvalContext, what string, at hcl.Range) *decoder {
	schema := &hcl.BodySchema{}
	for _, a := range t.attrs {
		schema.Attributes = append(schema.Attributes, hcl.AttributeSchema{Name: a.name})
	}
	for _, inner := range t.blocks {
		h := hcl.BlockHeaderSchema{Type: inner.kind}
		if inner.label != "" {
			h.LabelNames = []string{"label"}
		}
		schema.Blocks = append(schema.Blocks, h)
	}
	content, _, diags := b.PartialContent(schema)
	l.diags = append(l.diags, diags...)
	if len(content.Blocks) > mostInstances {
		l.errorf(at, fmt.Sprintf("At most %d.", mostInstances), "%s holds %d blocks", what, len(content.Blocks))
		content.Blocks = nil
	}
	return &decoder{l: l, t: t, ctx: ctx, what: what, at: at, attrs: content.Attributes, blocks: content.Blocks}
}
