package plan_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/diag/golden"
	"mtric.net/mtric/engine/plan"
)

const languagePage = "../../docs/plan-language.md"

func page(t *testing.T) string {
	t.Helper()
	src, err := os.ReadFile(languagePage)
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}

// TestPageHasReference holds the reference of docs/plan-language.md to the table that the
// decoder reads by; -update writes it.
func TestPageHasReference(t *testing.T) {
	const begin, end = "<!-- reference -->\n", "<!-- /reference -->"
	before, rest, found := strings.Cut(page(t), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no part between %q and %q", languagePage, begin, end)
	}
	reference, err := plan.Reference()
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, languagePage, []byte(before+begin+"\n"+reference+"\n"+end+after))
}

func TestPageListsEveryFunction(t *testing.T) {
	_, table, ok := strings.Cut(page(t), "## Functions")
	if !ok {
		t.Fatal("no section on functions")
	}
	var have []string
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		for _, m := range regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(strings.Split(line, " | ")[0], -1) {
			have = append(have, m[1])
		}
	}
	slices.Sort(have)
	if d := cmp.Diff(plan.FunctionNames(), have); d != "" {
		t.Errorf("functions (-program +page):\n%s", d)
	}
}
