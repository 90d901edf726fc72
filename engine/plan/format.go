package plan

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"mtric.net/mtric/engine/diag"
)

// Format returns a plan file in the canonical form. What does not parse is
// refused and returned as it is: hclwrite would shuffle it without a word.
func Format(src []byte, name string) ([]byte, diag.List) {
	l := &loader{sources: map[string][]byte{name: src}}
	if d := unfit(src, name); d != nil {
		l.diags = hcl.Diagnostics{d}
	} else {
		_, l.diags = hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	}
	if l.diags.HasErrors() {
		return src, l.list()
	}
	return hclwrite.Format(src), l.list()
}
