package plan

import (
	"fmt"
	"strings"

	"mtric.net/mtric/engine/measurement"
)

// attribute is an attribute of a block: what kind of value it takes, its default and
// what it means, in words for the reference; must is set where there is no default.
type attribute struct {
	name, kind, def, doc string
	must                 bool
}

// blockType is a kind of block, top-level or inner. Label says in words what
// its label is, empty where it has none; every labelled top-level block takes
// for_each as well. Doc says what the block is for, in Markdown.
type blockType struct {
	kind, label, doc string
	attrs            []attribute
	blocks           []blockType
}

// need is an attribute that must be written.
func need(name, kind, doc string) attribute {
	return attribute{name: name, kind: kind, doc: doc, must: true}
}

// may is an attribute with a default.
func may(name, kind, def, doc string) attribute {
	return attribute{name: name, kind: kind, def: def, doc: doc}
}

// some is a list of words of a vocabulary.
func some[T ~string](name string, vocabulary, defaults []T, doc string) attribute {
	return may(name, "list of "+words(vocabulary), listed(defaults), doc)
}

// words writes a vocabulary as the reference does, listed as a plan does.
func words[T ~string](vocabulary []T) string {
	return strings.Join(measurement.Strings(vocabulary), ", ")
}

func listed[T ~string](vocabulary []T) string {
	return `["` + strings.Join(measurement.Strings(vocabulary), `", "`) + `"]`
}

// address is a server's address of the family, bound a threshold's for the transport.
func address(f measurement.Family, doc string) attribute {
	return may(string(f), f.Title()+" address", "none", doc)
}

func bound(t measurement.Transport, doc string) attribute {
	return may(string(t), "object with at_most", "none", doc)
}

// goal is an objective's bound for the transport.
func goal(t measurement.Transport, doc string) attribute {
	return may(string(t), goalWords, "none", doc)
}

const goalWords = "object with percentile and at_most"

// typeNamed finds a block type, nil where there is none.
func typeNamed(types []blockType, kind string) *blockType {
	for i := range types {
		if types[i].kind == kind {
			return &types[i]
		}
	}
	return nil
}

// kinds lists the names of block types, for suggestions.
func kinds(types []blockType) []string {
	var all []string
	for _, t := range types {
		all = append(all, t.kind)
	}
	return all
}

// attribute finds an attribute. That a block is read for one which it does not have is a
// mistake of the program: nobody could write it, and no reference would list it.
func (t *blockType) attribute(name string) attribute {
	for _, a := range t.attrs {
		if a.name == name {
			return a
		}
	}
	panic(fmt.Sprintf("no attribute %q in the table of %s blocks", name, t.kind))
}

// names lists the attributes of a block; for_each only at the top level.
func (t *blockType) names() []string {
	var all []string
	for _, a := range t.attrs {
		all = append(all, a.name)
	}
	return all
}
