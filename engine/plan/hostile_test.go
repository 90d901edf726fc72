package plan_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"mtric.net/mtric/engine/plan"
)

func one(src string) []plan.Dir {
	return []plan.Dir{{Name: "p", FS: fstest.MapFS{"plan.hcl": {Data: []byte(src)}}}}
}

// refused loads a plan that must be refused, with want in the message, and
// without more memory than a small machine has.
func refused(t *testing.T, dirs []plan.Dir, want string) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p, l := plan.Load(dirs, nil)
	runtime.ReadMemStats(&after)
	if p != nil || !l.HasErrors() {
		t.Fatal("accepted")
	}
	if got := text(t, l); !strings.Contains(got, want) || strings.Contains(got, "internal error") {
		t.Errorf("want %q in:\n%.2000s", want, got)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 2<<30 {
		t.Errorf("allocated %d MiB", n>>20)
	}
}

func TestHostileText(t *testing.T) {
	repeat := strings.Repeat
	for _, c := range []struct{ name, src, want string }{
		{"too large", "# " + repeat("x", plan.MaxFileSize), "larger than 1048576 bytes"},
		{"100,000 parentheses", "locals { x = " + repeat("(", 100000), "nested more than 100 deep"},
		{"100,000 brackets", "locals { x = " + repeat("[", 100000) + repeat("]", 100000) + "}", "nested more than 100 deep"},
		{"100,000 blocks", repeat("a {\n", 100000), "nested more than 100 deep"},
		{"100,000 templates", `locals { x = ` + repeat(`"${`, 100000), "nested more than 100 deep"},
		{"100,000 calls", "locals { x = " + repeat("f(", 100000), "nested more than 100 deep"},
		{"negations", "locals { x = " + repeat("!", 50000) + "true }", "more than 5000 operators"},
		{"sum", "locals { x = 1" + repeat("+1", 50000) + " }", "more than 5000 operators"},
		{"conditions", "locals { x = " + repeat("true?1:", 20000) + "1 }", "more than 5000 operators"},
		{"indexes", "locals { x = [1]" + repeat("[0]", 40000) + " }", "more than 5000 operators"},
		{"attributes", "locals { x = local.x" + repeat(".a", 50000) + " }", "more than 5000 operators"},
		{"splats", "locals { x = local.x" + repeat("[*]", 40000) + " }", "more than 5000 operators"},
		{"directives", `locals { x = "` + repeat("%{if true}", 20000) + `" }`, "more than 5000 operators"},
		{"directives in a heredoc", "locals {\n x = <<E\n" + repeat("%{if true}\n", 20000) + "E\n}", "more than 5000 operators"},
		{"a long string of brackets", `plan "` + repeat("(", 1000) + `" {}`, "cannot be the label"},
		{"garbage", repeat("\x01\x02{]", 1000), ""},
		{"quotes", repeat(`"`, 50000), ""},
		{"empty", "", "no plan block"},
		{"an evaluated plan that is too long", `locals { long = "` + repeat("x", 900) + `" }
plan "p" {}
schedule "s" { every = "5m" }
server "own" {
  rsi  = "ns1"
  ipv4 = "192.0.2.1"
}
query "q" {
  for_each    = toset([for n in range(1000) : format("%d", n)])
  schedule    = schedule.s
  servers     = server.own
  qname       = "example."
  qtype       = "SOA"
  description = local.long
}
`, "more than 1048576"},
		{"digits", "locals { x = " + repeat("9", 100000) + " }", "number out of range"},
		{"factors", "plan \"x\" {}\nlocals { x = \"${1" + repeat("*1e99", 4000) + "}\" }", "too large"},
		{"infinity", "plan \"x\" {}\nlocals {\n a = 1" + repeat("*9e99", 20) + "\n b = local.a - local.a\n c = \"${local.a * local.a}\"\n}", ""},
		{"inflated format", `plan "x" {}` + "\nlocals {\n a = join(\",\", range(1000))\n b = format(\"" + repeat("%[1]s", 2000) + "\", local.a)\n}", "too large"},
		{"replace", `plan "x" {}` + "\nlocals {\n a = join(\",\", range(1000))\n b = replace(local.a, \",\", local.a)\n}", "too large"},
		{"flatten", `plan "x" {}` + "\nlocals {\n a = range(1000)\n b = flatten([for x in local.a : local.a])\n}", "too large"},
		{"nested lists", `plan "x" {}` + "\nlocals {\n a0 = range(1000)\n" + doubled("a", "[local.%[1]s, local.%[1]s]", 40) + "}", "is too large"},
		{"objects", `plan "x" {}` + "\nlocals {\n a0 = { x = 1 }\n" + doubled("a", "{ x = local.%[1]s, y = local.%[1]s }", 40) + "}", "is too large"},
		{"comparisons", `plan "x" {}` + "\nlocals {\n a = [for x in range(1000) : range(15)]\n b = [for x in range(1000) : local.a == local.a]\n}", "too large"},
		{"for in templates", `plan "x" {}` + "\nlocals {\n a = range(1000)\n b = \"%{for x in local.a}%{for y in local.a}0123456789%{endfor}%{endfor}\"\n}", "too large"},
		{"a large literal many times", `plan "x" {}` + "\nlocals {\n a = [for x in range(1000) : \"" + repeat("x", 500000) + "\"]\n}", "too large"},
		{"dynamic blocks", `plan "x" {}
locals { n = range(1000) }
server "x" {
  rsi = "x"
  dynamic "address" {
    for_each = flatten([for x in local.n : [for y in local.n : y]])
    content { ipv4 = "192.0.2.1" }
  }
}`, "too large"},
		{"mistakes", `plan "x" {}` + "\nlocals {\n" + many("n%d = 1\n", 400) + many("x%d = local.m\n", 600) + "}", "200 more"},
		{"locals", `plan "x" {}` + "\nlocals {\n" + many("n%d = 1\n", 30000) + "}", "more than 1000 locals"},
		{"syntax", many("x%d =\n", 100000), "invalid expression"},
		{"blocks", many("schedule \"s%d\" {\n  every = \"5m\"\n}\n", 20000), "5000 blocks"},
		{"many times for_each", `plan "x" {}` + "\nlocals {\n  n = toset([for n in range(1000) : \"n${n}\"])\n}\n" +
			many("server \"s%d\" {\n  for_each = local.n\n  rsi = \"x\"\n}\n", 5000), ""},
		{"addresses", "plan \"x\" {}\nserver \"s\" {\n  rsi = \"x\"\n" + many("address {\nipv4 = \"192.0.2.1\"\n}#%d\n", 20000) + "}\n", "holds 20000 blocks"},
		{"instances", `plan "x" {}
locals { n = toset([for n in range(1000) : "n${n}"]) }
` + instances(5), ""},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, one(c.src), c.want) })
	}
}

// doubled writes a chain of locals, each made of two of the one before.
func doubled(name, form string, n int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, " %s%d = "+strings.ReplaceAll(form, "%[1]s", fmt.Sprintf("%s%d", name, i-1))+"\n", name, i)
	}
	return b.String()
}

// many repeats a line with numbers counting up.
func many(form string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, form, i)
	}
	return b.String()
}

func instances(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "schedule \"s%d\" {\n  for_each = local.n\n  every = \"7m\"\n}\n", i)
	}
	return b.String()
}

func TestHostileDirectories(t *testing.T) {
	write := func(t *testing.T, dir, name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		make func(t *testing.T, dir string)
		want string
	}{
		{"empty", func(*testing.T, string) {}, "no plan files here"},
		{"tests only", func(t *testing.T, dir string) { write(t, dir, "a.test.hcl", "(") }, "no plan files here"},
		{"hidden only", func(t *testing.T, dir string) { write(t, dir, ".a.hcl", "(") }, "no plan files here"},
		{"missing", func(t *testing.T, dir string) { must(t, os.Remove(dir)) }, "p: cannot be read: no such file or directory"},
		{"symlink to itself", func(t *testing.T, dir string) {
			must(t, os.Symlink("a.hcl", filepath.Join(dir, "a.hcl")))
		}, "p/a.hcl: cannot be read: too many levels of symbolic links"},
		{"symlinks in a ring", func(t *testing.T, dir string) {
			must(t, os.Symlink("a.hcl", filepath.Join(dir, "b.hcl")))
			must(t, os.Symlink("b.hcl", filepath.Join(dir, "a.hcl")))
		}, "The symbolic link leads back to itself"},
		{"symlink to nothing", func(t *testing.T, dir string) {
			must(t, os.Symlink("nothing", filepath.Join(dir, "a.hcl")))
		}, "p/a.hcl: cannot be read"},
		{"symlink to the directory", func(t *testing.T, dir string) {
			must(t, os.Symlink(".", filepath.Join(dir, "a.hcl")))
		}, "no plan files here"},
		{"device", func(t *testing.T, dir string) {
			must(t, os.Symlink("/dev/zero", filepath.Join(dir, "a.hcl")))
		}, "not a regular file"},
		{"pipe", func(t *testing.T, dir string) {
			must(t, syscall.Mkfifo(filepath.Join(dir, "a.hcl"), 0o600))
		}, "not a regular file"},
		{"many files", func(t *testing.T, dir string) {
			for i := range 300 {
				write(t, dir, fmt.Sprintf("%d.hcl", i), "")
			}
		}, "more than 256 plan files"},
		{"much text", func(t *testing.T, dir string) {
			for i := range 6 {
				write(t, dir, fmt.Sprintf("%d.hcl", i), "# "+strings.Repeat("x", 1000000))
			}
		}, "more than 4194304 bytes together"},
		{"large hints", func(t *testing.T, dir string) {
			write(t, dir, "root.hints", strings.Repeat("; comment\n", 200000))
			write(t, dir, "a.hcl", "plan \"x\" {}\nlocals {\n  x = hints(\"root.hints\")\n}\n")
		}, "hints: larger than 1048576 bytes"},
		{"hints that are none", func(t *testing.T, dir string) {
			write(t, dir, "root.hints", ". NS a.root-servers.net.\na.root-servers.net. A 2001:db8::1\n")
			write(t, dir, "a.hcl", "plan \"x\" {}\nlocals {\n  x = hints(\"root.hints\")\n}\n")
		}, `hints: root.hints: line 2: "2001:db8::1" is no address of type A`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "plan")
			must(t, os.Mkdir(dir, 0o700))
			c.make(t, dir)
			refused(t, []plan.Dir{{Name: "p", FS: os.DirFS(dir)}}, c.want)
		})
	}
	t.Run("none at all", func(t *testing.T) { refused(t, nil, "no plan directory") })
}
