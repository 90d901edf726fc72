package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	version "github.com/hashicorp/go-version"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// source is one top-level block as it was written.
type source struct {
	*hclsyntax.Block
	dir int
}

// top is the content of all directories laid over each other.
type top struct {
	plans     []source // in the order of directories
	variables map[string]source
	locals    map[string]local
	blocks    []source // everything else, by kind and label
}

// local is one attribute of a locals block.
type local struct {
	*hclsyntax.Attribute
	dir int
}

// requirement reports whether this engine is new enough for the plan. It looks
// at what could be parsed, before any other mistake is reported.
func (l *loader) requirement(plans []file) bool {
	for _, f := range plans {
		for _, b := range f.body.Blocks {
			if b.Type != "plan" || b.Body.Attributes["requires"] == nil {
				continue
			}
			expr := b.Body.Attributes["requires"].Expr
			v, diags := expr.Value(nil)
			if diags.HasErrors() || v.IsNull() || v.Type() != cty.String {
				l.errorf(expr.Range(), `Write it as text, such as ">= 1.0".`, "requires must be known before anything else")
				continue
			}
			want, err := version.NewConstraint(v.AsString())
			if err != nil {
				l.errorf(expr.Range(), `Write a constraint such as ">= 1.0" or ">= 1.2, < 2.0".`, "%q is no version constraint", v.AsString())
				continue
			}
			have, err := version.NewVersion(l.version)
			if err != nil {
				continue // a binary built outside a release promises nothing
			}
			if !want.Check(have.Core()) { // 1.0.0-dev is on its way to 1.0.0 and has what it promises
				l.diags = nil
				l.errorf(expr.Range(), "Install a version that fits; until then the rest of the plan is not looked at.",
					"this plan requires mtric %s, and this is %s", v.AsString(), l.version)
				return false
			}
		}
	}
	return true
}

// overlay lays the files of the directories over each other: within one
// directory a label may be used once, a later directory replaces or adds. Servers
// are told apart by their RSI as well, which is known once they are decoded.
func (l *loader) overlay(plans []file) top {
	t := top{variables: map[string]source{}, locals: map[string]local{}}
	labelled := map[string]source{}
	for _, f := range plans {
		for _, name := range sortedKeys(f.body.Attributes) {
			a := f.body.Attributes[name]
			l.errorf(a.NameRange, "Attributes stand inside a block; values with a name belong into a locals block.",
				"attribute %q outside any block", name)
		}
		for _, b := range f.body.Blocks {
			s := source{b, f.dir}
			if !l.header(s) {
				continue
			}
			switch b.Type {
			case "plan":
				if n := len(t.plans); n > 0 && t.plans[n-1].dir == f.dir {
					l.twice(s, t.plans[n-1])
					continue
				}
				t.plans = append(t.plans, s)
			case "locals":
				l.overlayLocals(t.locals, s)
			default:
				key := b.Type + " " + b.Labels[0]
				if b.Type == "server" {
					key += " " + strconv.Itoa(len(labelled))
				}
				if old, ok := labelled[key]; ok && old.dir == f.dir {
					l.twice(s, old)
					continue
				}
				labelled[key] = s
			}
		}
	}
	if len(t.locals) > mostNames || len(labelled) > mostBlocks {
		l.errorf(hcl.Range{Filename: l.dirs[0].Name}, "Keep data out of plans.", "more than %d locals or %d blocks", mostNames, mostBlocks)
		panic(errEnough) // going on would take too long
	}
	for _, key := range sortedKeys(labelled) {
		if s := labelled[key]; s.Type == "variable" {
			t.variables[s.Labels[0]] = s
		} else {
			t.blocks = append(t.blocks, s)
		}
	}
	if len(t.plans) == 0 && len(plans) > 0 && !l.diags.HasErrors() {
		l.errorf(hcl.Range{Filename: l.dirs[0].Name}, `Give the plan a name: plan "name" { … }.`, "no plan block")
	}
	return t
}

// header checks the type and the labels of a top-level block.
func (l *loader) header(s source) bool {
	t := typeNamed(language, s.Type)
	if t == nil {
		remedy := didYouMean(s.Type, kinds(language), "Blocks")
		if s.Type == "test" {
			remedy = "Rule tests stand in files whose name ends in .test.hcl."
		}
		l.errorf(s.TypeRange, remedy, "no block type %q", s.Type)
		return false
	}
	switch {
	case t.label == "" && len(s.Labels) > 0:
		l.errorf(s.LabelRanges[0], "Remove the label.", "a %s block has no label", s.Type)
	case t.label != "" && len(s.Labels) == 0:
		l.errorf(s.TypeRange, labelled(t), "a %s block needs a label", s.Type)
	case len(s.Labels) > 1:
		l.errorf(s.LabelRanges[1], "Remove the second label.", "a %s block has one label", s.Type)
	case t.label != "" && !validLabel(s.Labels[0]):
		l.errorf(s.LabelRanges[0], "Use letters, digits, _ and -, at most 63 of them; with for_each also {each.key}.",
			"%q cannot be the label of a %s", s.Labels[0], s.Type)
	default:
		return true
	}
	return false
}

// twice reports a label used twice within a directory, naming both places.
func (l *loader) twice(s, old source) {
	what := s.Type
	if len(s.Labels) > 0 {
		what += " " + quote(s.Labels[0])
	}
	l.errorf(s.DefRange(), "Within one directory a label is used once; the other is at "+position(old.DefRange())+".",
		"%s is there already", what)
}

// position writes where a range begins, for mention in a remedy.
func position(r hcl.Range) string {
	return fmt.Sprintf("%s:%d:%d", r.Filename, r.Start.Line, r.Start.Column)
}

// overlayLocals lays a locals block over those of earlier directories, name by name.
func (l *loader) overlayLocals(locals map[string]local, s source) {
	for _, b := range s.Body.Blocks {
		l.errorf(b.TypeRange, "Write values as name = value.", "a block %q inside locals", b.Type)
	}
	for _, name := range sortedKeys(s.Body.Attributes) {
		a := s.Body.Attributes[name]
		if old, ok := locals[name]; ok && old.dir == s.dir {
			l.errorf(a.NameRange, "Within one directory a name is used once; the other is at "+position(old.NameRange)+".",
				"local %q is there already", name)
			continue
		}
		locals[name] = local{a, s.dir}
	}
}

// validLabel reports whether s can stand in references, file names and alert
// lines without quotes; eachKey stands for what for_each puts there.
func validLabel(s string) bool {
	s = strings.ReplaceAll(s, eachKey, "k")
	if s == "" || len(s) > 63 {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '_' && r != '-'
	})
}

// sortedKeys is how maps are walked here: no order of a map may reach a message
// or the hash.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
