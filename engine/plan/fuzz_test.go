package plan_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/plans"
)

// Bounds on what the fuzzer tries and on what loading it may take. It ends by itself what
// takes ten seconds: vantage points load their plan every five minutes.
const (
	mostFuzzed = 64 << 10 // bytes of a text; larger ones only take longer
	mostTaken  = 2 << 30  // bytes allocated by one Load
)

// FuzzLoad holds that no text crashes the loader or takes too much of it, that a refused
// plan says why, and that an accepted one is what its canonical form says. Texts are loaded
// alone and laid over the demo; hints and lines have files to read.
func FuzzLoad(f *testing.F) {
	for _, text := range seeds(f) {
		f.Add(text, "port_base", "15300")
	}
	f.Add(every, "v", "{ a = [1, null] }")
	hints, err := fs.ReadFile(shipped(f, "rssac047").FS, "root.hints")
	if err != nil {
		f.Fatal(err)
	}
	base := demo(f)
	f.Fuzz(func(t *testing.T, src, name, value string) {
		if len(src)+len(name)+len(value) > mostFuzzed {
			t.Skip("an input beyond the bound of this test: go test -fuzz draws smaller ones too")
		}
		local := plan.Dir{Name: "local", FS: fstest.MapFS{"fuzz.hcl": {Data: []byte(src)},
			"root.hints": {Data: hints}, "zones.txt": {Data: []byte("# zones\nexample.\nco.example.\n")}}}
		for _, dirs := range [][]plan.Dir{{local}, {base, local}} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			p, l := plan.Load(dirs, map[string]string{name: value})
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > mostTaken {
				t.Errorf("allocated %d MiB", n>>20)
			}
			sane(t, p, l)
			if p == nil {
				continue
			}
			again, _ := plan.Load(dirs, map[string]string{name: value})
			if again == nil || again.SHA256() != p.SHA256() {
				t.Fatal("the same text gives another plan")
			}
		}
	})
}

// seeds are the mistakes, the shipped plans and the examples of the pages, one by one and
// those of a page together.
func seeds(f *testing.F) (all []string) {
	f.Helper()
	for _, pattern := range []string{"testdata/errors/*.hcl", "../alert/testdata/errors/*.hcl"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, file := range files {
			if strings.Contains(file, "/bomb-") {
				continue // they spend all that a plan may, which is too slow for a start
			}
			src, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			all = append(all, string(src))
		}
	}
	err := fs.WalkDir(plans.FS, ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".hcl") {
			return err
		}
		src, err := fs.ReadFile(plans.FS, path)
		all = append(all, string(src))
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"../../docs/first-plan.md", languagePage} {
		src, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		var whole strings.Builder
		for _, m := range regexp.MustCompile("(?s)```hcl[^\n]*\n(.*?)```").FindAllSubmatch(src, -1) {
			all = append(all, string(m[1]))
			whole.Write(m[1])
		}
		all = append(all, whole.String())
	}
	return all
}

// sane holds what is true of every Load.
func sane(t *testing.T, p *plan.Plan, l diag.List) {
	t.Helper()
	if (p == nil) != l.HasErrors() {
		t.Fatalf("plan %v with errors %v", p != nil, l.HasErrors())
	}
	if strings.Contains(l.Error(), "internal error") {
		t.Fatal(l.Error())
	}
	var b bytes.Buffer
	if err := l.WriteText(&b, true); err != nil {
		t.Fatal(err)
	}
	if err := l.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	if p == nil {
		return
	}
	for _, r := range p.Rules {
		if at := r.ExprRange; at.File != "" && at.End > len(p.Sources[at.File]) {
			t.Fatalf("range %+v outside its file", at)
		}
	}
	for _, q := range p.Queries {
		if at := q.ExpectRange; at.File != "" && at.End > len(p.Sources[at.File]) {
			t.Fatalf("range %+v outside its file", at)
		}
	}
	if len(p.Servers) == 0 || len(p.Queries) == 0 {
		return // of what no run can be
	}
	if back, err := plan.ReadJSON(p.JSON()); err != nil || back.SHA256() != p.SHA256() {
		t.Fatalf("the canonical form is not read back: %v", err)
	}
}

// FuzzLoadTests holds that no test file crashes the loader, and that what is refused
// says why, at a place inside it.
func FuzzLoadTests(f *testing.F) {
	for _, name := range plans.Names() {
		dir, _ := plans.Dir(name)
		files, err := fs.Glob(dir, "*.test.hcl")
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			src, err := fs.ReadFile(dir, file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(src))
		}
	}
	f.Add("test \"x\" {\n rule = \"wrong-answer\"\n start = \"2026-01-01T00:00:00Z\"\n given {\n labels = { rsi = 1 }\n sent = \"1+1x3 _\"\n previous = { sent = [1, null] }\n }\n expect {\n at = \"5m\"\n state = \"firing\"\n summary = \"${a}\"\n }\n}\n")
	base := demo(f)
	p, l := plan.Load([]plan.Dir{base}, nil)
	if p == nil {
		f.Fatal(l.Error())
	}
	f.Fuzz(func(t *testing.T, src string) {
		dir := plan.Dir{Name: "local", FS: fstest.MapFS{"fuzz.test.hcl": {Data: []byte(src)}}}
		tests, l := plan.LoadTests([]plan.Dir{dir}, p)
		if l.HasErrors() && tests != nil || strings.Contains(l.Error(), "internal error") {
			t.Fatalf("%d tests with errors %s", len(tests), l.Error())
		}
		var b bytes.Buffer
		if err := l.WriteText(&b, true); err != nil {
			t.Fatal(err)
		}
		for _, test := range tests {
			if test.Rule == "" || len(test.Given) == 0 || len(test.Expect) == 0 || test.Place.End > len(src) {
				t.Fatalf("%+v", test)
			}
		}
	})
}

// FuzzFormat holds that formatting ends, is stable and never changes what
// does not parse.
func FuzzFormat(f *testing.F) {
	f.Add("a   =   1\n")
	f.Add("block \"x\" {\na=1\n}\n")
	f.Add("x = <<E\n  a\nE\n")
	f.Fuzz(func(t *testing.T, src string) {
		out, l := plan.Format([]byte(src), "x.hcl")
		if l.HasErrors() {
			if string(out) != src {
				t.Fatal("changed what does not parse")
			}
			return
		}
		again, l := plan.Format(out, "x.hcl")
		if l.HasErrors() {
			t.Fatalf("the formatted text does not parse: %s\n%q", l.Error(), out)
		}
		if third, _ := plan.Format(again, "x.hcl"); !bytes.Equal(again, third) {
			t.Fatalf("not stable: %q, then %q", again, third)
		}
	})
}
