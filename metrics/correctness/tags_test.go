package correctness_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mtric.net/mtric/metrics/correctness"
)

// requirements are the tags of RSSAC047v2 section 5.3 from "each response is
// correct or incorrect" to "Additional empty", by what this package has to do
// with them.
var requirements = map[string]string{
	// What is asked and how, and which answers count: plan, probe and ingest.
	"wca": "plan", "thb": "plan", "ogo": "plan", "rhe": "probe", "rja": "probe", "mow": "plan", "njh": "plan", "hmc": "plan", "xca": "plan",
	"max": "plan", "kmd": "plan", "hkc": "plan", "dse": "plan", "yyg": "plan", "twf": "probe", "ooy": "rootzone",
	// How a response is judged.
	"jof": "judge", "unt": "judge", "hjw": "judge", "ote": "judge", "lbl": "judge", "yhu": "judge", "xog": "judge",
	"vnk": "judge", "pvz": "judge", "ygx": "judge", "yds": "judge",
	"hmk": "judge", "ujy": "judge", "aeg": "judge", "pdd": "judge", "hue": "judge", "kbd": "judge", "fot": "judge", "bgr": "judge", "mkl": "judge", "cjm": "judge",
	"dru": "judge", "yot": "judge", "cpf": "judge", "xdu": "judge", "mle": "judge",
	"owf": "judge", "xhr": "judge", "obw": "judge", "ktm": "judge",
	"amj": "judge", "csz": "judge", "wal": "judge", "eyk": "judge",
	"djd": "judge", "occ": "judge", "eou": "judge", "kka": "judge", "jws": "judge",
	"vcu": "judge", "gpl": "judge", "dvh": "judge", "axj": "judge", "czb": "judge", "jhz": "judge", "trw": "judge",
}

// Every rule that is judged here is cited in the code that fulfils it and in a
// test; every tag that an answer can be told by is a known one.
func TestEveryTagIsCited(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var code, tests strings.Builder
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case f == "tags_test.go", f == "tags.go":
		case strings.HasSuffix(f, "_test.go"):
			tests.Write(text)
		default:
			code.Write(text)
		}
	}
	cites := func(text, tag string) bool {
		return strings.Contains(text, "["+tag+"]") || strings.Contains(text, `"`+tag+`"`) || strings.Contains(text, `"`+tag+` `) || strings.Contains(text, ` `+tag+`"`)
	}
	for tag, where := range requirements {
		if where != "judge" {
			continue
		}
		if !cites(code.String(), tag) {
			t.Errorf("[%s] is cited nowhere in the code", tag)
		}
		if !cites(tests.String(), tag) {
			t.Errorf("[%s] is cited in no test", tag)
		}
	}
	own := []string{"malformed", "nodata", "doh"}
	failed := regexp.MustCompile(`(?:fail|want[A-Z]\w+|incorrect|unchecked)\("(\w+)"|const tag = "(\w+)"`)
	for _, m := range failed.FindAllStringSubmatch(code.String(), -1) {
		if tag := m[1] + m[2]; correctness.Rule(tag) == "" {
			t.Errorf("tag %q has no text", tag)
		}
	}
	for _, c := range broken {
		for tag := range strings.FieldsSeq(c.tags) {
			if requirements[tag] != "judge" && !slices.Contains(own, tag) {
				t.Errorf("tag %q is not known", tag)
			}
		}
	}
}

// docs/correctness.md tells each rule as the program does.
func TestRulesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/correctness.md")
	if err != nil {
		t.Fatal(err)
	}
	for tag := range requirements {
		rule := correctness.Rule(tag)
		if row := "| `" + tag + "` | " + rule + " |\n"; rule != "" && !strings.Contains(string(page), row) {
			t.Errorf("docs/correctness.md lacks the row\n%s", row)
		}
	}
	for _, own := range []string{"doh", "nodata", "malformed", "hold"} {
		if !strings.Contains(string(page), "| `"+own+"` | "+correctness.Rule(own)+" |\n") {
			t.Errorf("docs/correctness.md lacks the row of %s", own)
		}
	}
}
