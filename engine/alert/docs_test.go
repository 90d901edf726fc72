package alert_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/diag/golden"
)

const rulesPage = "../../docs/rules.md"

// tables writes the tables of docs/rules.md: every object and field.
func tables() string {
	var b strings.Builder
	for _, object := range []string{"run", "window", "machine", "value"} {
		fmt.Fprintf(&b, "### %s\n\n| field | type | unit | meaning |\n|---|---|---|---|\n", object)
		for _, f := range alert.Fields(object) {
			kind := f.Type
			if f.May {
				kind += ", may be absent"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Name, kind, f.Unit, f.Doc)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// TestPageListsEveryField compares docs/rules.md with the code; -update writes
// the tables.
func TestPageListsEveryField(t *testing.T) {
	data, err := os.ReadFile(rulesPage)
	if err != nil {
		t.Fatal(err)
	}
	between := regexp.MustCompile(`(?s)<!-- fields -->\n\n.*<!-- /fields -->`)
	want := "<!-- fields -->\n\n" + tables() + "<!-- /fields -->"
	if !between.Match(data) {
		t.Fatalf("%s has no part between <!-- fields --> and <!-- /fields -->", rulesPage)
	}
	if *golden.Update {
		out := between.ReplaceAllLiteral(data, []byte(want))
		if err := os.WriteFile(rulesPage, out, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	golden.Compare(t, rulesPage, between.ReplaceAllLiteral(data, []byte(want)))
}

// TestPageListsEveryFunction holds the page to naming each function, and none that
// is not there.
func TestPageListsEveryFunction(t *testing.T) {
	data, err := os.ReadFile(rulesPage)
	if err != nil {
		t.Fatal(err)
	}
	part := regexp.MustCompile(`(?s)### Functions\n\n(.*?)\n##`).FindSubmatch(data)
	if part == nil {
		t.Fatalf("%s has no part Functions", rulesPage)
	}
	var listed []string
	for _, name := range regexp.MustCompile("`([A-Za-z_.]+)`").FindAllSubmatch(part[1], -1) {
		listed = append(listed, string(name[1]))
	}
	slices.Sort(listed)
	want, err := alert.Functions()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, listed); d != "" {
		t.Errorf("functions of %s (-want +got):\n%s", rulesPage, d)
	}
}

func TestEveryFieldIsExplained(t *testing.T) {
	for _, object := range []string{"run", "window", "previous", "machine", "value"} {
		fields := alert.Fields(object)
		if len(fields) == 0 {
			t.Errorf("%s has no fields", object)
		}
		for _, f := range fields {
			if f.Doc == "" || strings.HasSuffix(f.Name, ".") || (f.Type == "double" && f.Unit == "") {
				t.Errorf("%s: %q, type %s, unit %q", f.Name, f.Doc, f.Type, f.Unit)
			}
		}
	}
}

// TestEveryRunbookLinkLeadsSomewhere looks for the heading of each shipped rule.
func TestEveryRunbookLinkLeadsSomewhere(t *testing.T) {
	data, err := os.ReadFile("../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	rules, l := compile(t, "rssac047", "", "")
	if rules == nil {
		t.Fatal(l.Error())
	}
	for _, r := range rules.Plan.Rules {
		if r.Runbook == "" {
			continue
		}
		page, heading, _ := strings.Cut(r.Runbook, "#")
		if page != "docs/runbook.md" || !strings.Contains(string(data), "\n## "+heading+"\n") {
			t.Errorf("rule %s: %s leads nowhere", r.Label, r.Runbook)
		}
	}
}
