package plan_test

import (
	"fmt"
	"os"
	"regexp"
	"testing"
	"testing/fstest"

	"mtric.net/mtric/engine/plan"
)

// TestAnchorAsDigPrintsIt: white space is allowed within the digest of a DS record
// (RFC 4034, 5.3), and dig puts some there. It is the same anchor, and the same plan.
func TestAnchorAsDigPrintsIt(t *testing.T) {
	const want = "20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"
	anchored := func(ds string) *plan.Plan {
		return load(t, nil, demo(t), inline("local", "anchor \"20326\" {\n  ds = \""+ds+"\"\n}\n"))
	}
	hash := anchored(want).SHA256()
	for _, ds := range []string{
		"20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237 C7F8EC8D",
		"20326  8 2   e06d44b8 0b8f1d39 a95c0b0d7c65d08458e880409bbc683457104237 c7f8ec8 d ",
	} {
		p := anchored(ds)
		if got := p.Anchors[0].DS; got != want {
			t.Errorf("%q is read as %q", ds, got)
		}
		if p.SHA256() != hash {
			t.Errorf("%q changes the plan's hash", ds)
		}
	}
}

// TestRunbookExamples: what the runbook has people write into local/ is good there.
func TestRunbookExamples(t *testing.T) {
	page, err := os.ReadFile("../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	fsys := fstest.MapFS{}
	for i, m := range regexp.MustCompile("(?s)```hcl\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		name := fmt.Sprintf("example-%d.hcl", i)
		fsys[name] = &fstest.MapFile{Data: []byte(m[1])}
		if out, l := plan.Format([]byte(m[1]), name); l.HasErrors() || string(out) != m[1] {
			t.Errorf("%s is not in the canonical form: %s", m[1], l.Error())
		}
	}
	if len(fsys) < 3 {
		t.Fatalf("%d examples", len(fsys))
	}
	load(t, nil, shipped(t, "rssac047"), plan.Dir{Name: "local", FS: fsys})
}
