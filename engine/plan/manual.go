package plan

import (
	"fmt"
	"slices"
	"strings"
)

// Reference writes the blocks of the language as docs/plan-language.md has them, in
// Markdown: of each what it is for and its attributes. It is of those that are named,
// inner ones with the block they stand in, and of all where none is; an error tells of a
// name that there is not.
func Reference(names ...string) (string, error) {
	var b strings.Builder
	for _, name := range names {
		t := typeNamed(language, name)
		if t == nil {
			if within := holders(name); len(within) > 0 {
				return "", fmt.Errorf("no block type %q: it stands in %s", name, strings.Join(within, ", "))
			}
			return "", fmt.Errorf("no block type %q: %s", name, didYouMean(name, kinds(language), "blocks"))
		}
		t.write(&b, "")
	}
	if len(names) == 0 {
		for _, t := range language {
			t.write(&b, "")
		}
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// Blocks are the types of blocks that Reference is asked for.
func Blocks() []string { return kinds(language) }

// holders are the blocks in which an attribute, or a block inside, has that name.
func holders(name string) (all []string) {
	for _, t := range language {
		if t.has(name) {
			all = append(all, t.kind)
		}
	}
	return all
}

func (t *blockType) has(name string) bool {
	return slices.ContainsFunc(t.attrs, func(a attribute) bool { return a.name == name }) ||
		slices.ContainsFunc(t.blocks, func(inner blockType) bool { return inner.kind == name || inner.has(name) })
}

// write writes a block and those inside it; within is what they stand in.
func (t *blockType) write(b *strings.Builder, within string) {
	fmt.Fprintf(b, "### %s%s\n\n%s\n\n", within, t.kind, t.doc)
	if t.label != "" {
		fmt.Fprintf(b, "Label: %s.\n\n", t.label)
	}
	if len(t.attrs) > 0 {
		b.WriteString("| attribute | type | default | meaning |\n|---|---|---|---|\n")
	}
	for _, a := range t.attrs {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", a.name, a.kind, a.shownDefault(), a.doc)
	}
	if len(t.attrs) > 0 {
		b.WriteString("\n")
	}
	for _, inner := range t.blocks {
		inner.write(b, within+t.kind+" ")
	}
}

// shownDefault is the default of an attribute, marked as code where it is a value that
// could be written.
func (a attribute) shownDefault() string {
	switch {
	case a.must:
		return "*required*"
	case strings.ContainsAny(a.def, "\"[{") && !strings.Contains(a.def, "]("):
		return "`" + a.def + "`"
	}
	return a.def
}
