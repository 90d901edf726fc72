package plans_test

import (
	"io/fs"
	"slices"
	"testing"

	"mtric.net/mtric/plans"
)

func TestDir(t *testing.T) {
	if got := plans.Names(); !slices.Equal(got, []string{"chaos", "demo", "rssac047", "survey", "zone"}) {
		t.Errorf("shipped plans: %v", got)
	}
	for _, name := range plans.Names() {
		dir, ok := plans.Dir(name)
		if !ok {
			t.Fatalf("%s: not there", name)
		}
		if files, err := fs.Glob(dir, "*.hcl"); err != nil || len(files) < 3 {
			t.Errorf("%s: %v, %v", name, files, err)
		}
	}
	for _, name := range []string{"", ".", "..", "rssac", "rssac047/plan.hcl", "embed.go"} {
		if _, ok := plans.Dir(name); ok {
			t.Errorf("%q is a shipped plan", name)
		}
	}
}
