package cli_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/diag"
	kept "mtric.net/mtric/engine/diag/golden"
	"mtric.net/mtric/engine/expect"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/plans"
)

// languagePages have examples of plans; what the later ones show is added to the first.
var languagePages = []string{"../../docs/first-plan.md", "../../docs/plan-language.md"}

var (
	shownGood  = regexp.MustCompile("(?s)```hcl\n(.*?)```")
	shownWrong = regexp.MustCompile("(?s)```hcl wrong\n(.*?)```\n\n```text\n(.*?)```")
)

// loadExamples loads files as one folder and what changes them as another, as the program
// does, with the mistakes in CEL.
func loadExamples(t *testing.T, files, over fstest.MapFS) (*plan.Plan, string) {
	t.Helper()
	p, l := plan.Loader{Later: func(p *plan.Plan) diag.List {
		_, wrong := alert.Compile(p)
		_, unlike := expect.Compile(p)
		return diag.List{Diags: append(wrong.Diags, unlike.Diags...)}
	}}.Load([]plan.Dir{{Name: "my-plan", FS: files}, {Name: "over", FS: over}}, nil)
	var b bytes.Buffer
	if err := l.WriteText(&b, false); err != nil {
		t.Fatal(err)
	}
	return p, b.String()
}

// TestLanguagePageExamples: the examples of both pages are one plan, in its one form, and
// those that are shown as wrong give what is shown below them; -update writes that.
func TestLanguagePageExamples(t *testing.T) {
	shipped, _ := plans.Dir("rssac047")
	hints, err := fs.ReadFile(shipped, "root.hints")
	if err != nil {
		t.Fatal(err)
	}
	files, over := fstest.MapFS{"root.hints": {Data: hints}}, fstest.MapFS{}
	var page []byte
	for _, name := range languagePages {
		if page, err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
		if all, shown := bytes.Count(page, []byte("```hcl")), len(shownGood.FindAll(page, -1))+len(shownWrong.FindAll(page, -1)); all != shown {
			t.Errorf("%s: %d of %d examples are not tried", name, all-shown, all)
		}
		for i, m := range shownGood.FindAllSubmatch(page, -1) {
			name := fmt.Sprintf("%s-%02d.hcl", strings.TrimSuffix(filepath.Base(name), ".md"), i)
			switch {
			case bytes.HasPrefix(m[1], []byte("test ")):
				name = strings.TrimSuffix(name, ".hcl") + ".test.hcl"
			case m[1][0] == ' ': // attributes that are added to the last block of the first plan
				first := files["first-plan-00.hcl"]
				first.Data = append(bytes.TrimSuffix(first.Data, []byte("}\n")), append(m[1], "}\n"...)...)
				continue
			}
			to := files
			if bytes.HasPrefix(m[1], []byte("plan ")) && len(files) > 1 {
				to = over // the plan is changed
			}
			to[name] = &fstest.MapFile{Data: bytes.Clone(m[1])}
			if out, l := plan.Format(m[1], name); l.HasErrors() || !bytes.Equal(out, m[1]) {
				t.Errorf("%s is not in the one form: %s\n%s", name, l.Error(), cmp.Diff(string(m[1]), string(out)))
			}
		}
	}
	p, said := loadExamples(t, files, over)
	if p == nil || said != "" || len(files) < 20 {
		t.Fatalf("of %d examples:\n%s", len(files), said)
	}
	if tests, l := plan.LoadTests([]plan.Dir{{Name: "my-plan", FS: files}}, p); len(tests) == 0 || l.HasErrors() {
		t.Errorf("%d tests of rules: %s", len(tests), l.Error())
	}
	wrong := 0
	page = shownWrong.ReplaceAllFunc(page, func(shown []byte) []byte {
		wrong++
		source := shownWrong.FindSubmatch(shown)[1]
		files["more.hcl"] = &fstest.MapFile{Data: source}
		p, said := loadExamples(t, files, over)
		if p != nil {
			t.Errorf("this is no mistake:\n%s", source)
		}
		return fmt.Appendf(nil, "```hcl wrong\n%s```\n\n```text\n%s```", source, said)
	})
	if wrong < 4 {
		t.Errorf("%d mistakes are shown", wrong)
	}
	kept.Compare(t, languagePages[1], page)
}
