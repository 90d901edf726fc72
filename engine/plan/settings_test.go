package plan_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"mtric.net/mtric/engine/diag/golden"
	"mtric.net/mtric/engine/plan"
)

// TestManyFiles: mistakes are found over all files and directories at once and
// printed in the order of files.
func TestManyFiles(t *testing.T) {
	files := func(name string, texts ...string) plan.Dir {
		fsys := fstest.MapFS{}
		for i := 0; i < len(texts); i += 2 {
			fsys[texts[i]] = &fstest.MapFile{Data: []byte(texts[i+1])}
		}
		return plan.Dir{Name: name, FS: fsys}
	}
	_, l := plan.Load([]plan.Dir{
		files("base",
			"b.hcl", "schedule \"slow\" {\n  every = \"10m\"\n}\n",
			"a.hcl", small+"schedule \"slow\" {\n  every = \"15m\"\n}\nlocals {\n  x = 1\n}\n",
			"c.hcl", "locals {\n  x = 2\n}\n",
			"d.hcl", "variable \"port\" {\n  type = number\n}\nvariable \"hosts\" {\n  type = list(string)\n}\n",
			"x.test.hcl", "this is ( not read",
		),
		files("local",
			"site.auto.vars.hcl", "port  = \"many\"\nhost  = [\"a\"]\nhosts = [for n in range(3) : local.n]\n",
			"wrong.auto.vars.hcl", "schedule \"x\" {\n  every = \"5m\"\n}\n",
		),
	}, map[string]string{"hosts": `["a", `})
	golden.Compare(t, "testdata/many-files.txt", []byte(text(t, l)))
	if strings.Contains(l.Error(), "internal error") {
		t.Error(l.Error())
	}
}

// TestSameTwice: the same text gives the same messages in the same order.
func TestSameTwice(t *testing.T) {
	bad := inline("p", small+strings.Repeat("x {}\n", 5)+`
locals {
  b = local.c
  c = local.b
  d = nope.x
  e = f(1)
}
query "q" {
  z = 1
  y = 2
}
rule "r" {
}
`)
	var first string
	for range 20 {
		_, l := plan.Load([]plan.Dir{bad}, map[string]string{"v": "1", "w": "2", "u": "3"})
		if got := text(t, l); first == "" {
			first = got
		} else if got != first {
			t.Fatalf("differs:\n%s\n%s", first, got)
		}
	}
}
