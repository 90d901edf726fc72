package plan_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/plans"
)

// FuzzLoad holds that no text crashes the loader, that a refused plan says
// why, and that an accepted one is what its canonical form says.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/errors/*.hcl")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(src), "port_base", "15300")
	}
	err = fs.WalkDir(plans.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".hcl") {
			return err
		}
		src, err := fs.ReadFile(plans.FS, path)
		f.Add(string(src), "ipv6", "false")
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	base := demo(f)
	f.Fuzz(func(t *testing.T, src, name, value string) {
		local := plan.Dir{Name: "local", FS: fstest.MapFS{"fuzz.hcl": {Data: []byte(src)}}}
		for _, dirs := range [][]plan.Dir{{local}, {base, local}} {
			p, l := plan.Load(dirs, map[string]string{name: value})
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
				continue
			}
			again, _ := plan.Load(dirs, map[string]string{name: value})
			if again == nil || again.SHA256() != p.SHA256() {
				t.Fatal("the same text gives another plan")
			}
			for _, r := range p.Rules {
				if at := r.ExprRange; at.File != "" && at.End > len(p.Sources[at.File]) {
					t.Fatalf("range %+v outside its file", at)
				}
			}
		}
	})
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
