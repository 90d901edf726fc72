package plan_test

import (
	"io/fs"
	"math/big"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"mtric.net/mtric/engine/plan"
)

func TestPrecedenceOfVariables(t *testing.T) {
	base := plan.Dir{Name: "base", FS: fstest.MapFS{"a.hcl": {Data: []byte(small + `
variable "metro" {
  type    = string
  default = "default"
}
vantage_point "101" {
  region = "africa"
  metro  = var.metro
}
`)}}}
	set := func(name, value string) plan.Dir {
		return plan.Dir{Name: name, FS: fstest.MapFS{"x.auto.vars.hcl": {Data: []byte("metro = \"" + value + "\"\n")}}}
	}
	for _, c := range []struct {
		want string
		dirs []plan.Dir
		vars map[string]string
	}{
		{"default", []plan.Dir{base}, nil},
		{"one", []plan.Dir{base, set("one", "one")}, nil},
		{"two", []plan.Dir{base, set("one", "one"), set("two", "two")}, nil},
		{"flag", []plan.Dir{base, set("one", "one"), set("two", "two")}, map[string]string{"metro": "flag"}},
	} {
		if p := load(t, c.vars, c.dirs...); p.VantagePoints[0].Metro != c.want {
			t.Errorf("metro %q, want %q", p.VantagePoints[0].Metro, c.want)
		}
	}
}

func TestTypedVariables(t *testing.T) {
	src := small + `
variable "metros" {
  type = map(object({ region = string, from = optional(string, "2026-01-01") }))
}
vantage_point "10{each.key}" {
  for_each = var.metros
  region   = each.value.region
  metro    = "metro ${each.key}"
  from     = each.value.from
}
`
	p := load(t, map[string]string{"metros": `{ 1 = { region = "africa" }, 2 = { region = "europe", from = "2026-06-01" } }`}, inline("p", src))
	if len(p.VantagePoints) != 2 || p.VantagePoints[0].From.Month() != time.January || p.VantagePoints[1].From.Month() != time.June {
		t.Errorf("%+v", p.VantagePoints)
	}
}

func TestOverlay(t *testing.T) {
	p := load(t, nil, demo(t), inline("local", `
plan "site" {
  paths = { lake = "/srv/lake" }
}
locals {
  number = { a = 1, z = 2 }
}
threshold "rsi_availability" { # in the demo one of a for_each
  at_least = 95.5
}
vantage_point "301" {
  region = "europe"
  metro  = "Paris"
}
retention "logs" {
  keep = "10d"
}
`))
	if p.Name != "site" || p.Description == "" || p.Paths.Lake != "/srv/lake" || p.Paths.Output != "Output" {
		t.Errorf("plan %q %q %+v", p.Name, p.Description, p.Paths)
	}
	if len(p.Servers) != 2 || p.Servers[1].RSI != "z" {
		t.Errorf("servers %+v", p.Servers)
	}
	if got := p.Thresholds[0]; got.Metric != "rsi_availability" || got.AtLeast.Rat().Cmp(big.NewRat(191, 2)) != 0 {
		t.Errorf("threshold %+v", got)
	}
	if len(p.VantagePoints) != 3 || p.VantagePoints[1].Metro != "Paris" || len(p.Retention) != 2 {
		t.Errorf("%+v %+v", p.VantagePoints, p.Retention)
	}
}

func TestLabelsOfForEach(t *testing.T) {
	p := load(t, nil, inline("p", small+`
schedule "every" {
  for_each = { slow = "10m", slower = "1h" }
  every    = each.value
}
schedule "{each.key}-fast" {
  for_each = toset(["very"])
  every    = "5m"
}
server "root" {
  for_each = { a = "192.0.2.1", b = "192.0.2.2" }
  rsi      = each.key
  ipv4     = each.value
}
query "probe" {
  for_each = { txt = "TXT", ns = "NS" }
  schedule = schedule.every-slow
  servers  = server.root
  qname    = "."
  qtype    = each.value
}
`))
	var labels []string
	for _, s := range p.Schedules {
		labels = append(labels, s.Label)
	}
	for _, q := range p.Queries {
		labels = append(labels, q.Label)
	}
	for _, s := range p.Servers {
		labels = append(labels, s.Group+"/"+string(s.RSI))
	}
	if got := strings.Join(labels, " "); got != "every-slow every-slower very-fast probe-ns probe-txt root/a root/b" {
		t.Error(got)
	}
}

func TestFunctions(t *testing.T) {
	check := func(expr string) string {
		return "  validation {\n    condition = " + expr + "\n    error     = \"no\"\n  }\n"
	}
	for _, expr := range []string{
		`duration("1m30s") == 90`, `duration("250ms") == 0.25`, `duration("1d") < duration("24h1ms")`,
		`percent("99.999%") == 99.999`, `cidr("127.0.53.0/24", 13) == "127.0.53.13"`, `cidr("2001:db8::/32", 10) == "2001:db8::a"`,
		`hints("root.hints").b.ipv4 == "192.0.2.2"`, `hints("root.hints").a.ipv6 == "2001:db8::1"`, `hints("root.hints").b.ipv6 == null`,
		`join("-", split(",", "a,b")) == "a-b"`, `format("%03d", 7) == "007"`, `length(range(5)) == 5`,
		`merge({ a = 1 }, { b = 2 }).b == 2`, `keys({ b = 1, a = 2 })[0] == "a"`, `values({ b = 1, a = 2 })[0] == 2`,
		`contains(toset(["a"]), "a")`, `lookup({ a = 1 }, "b", 3) == 3`, `length(flatten([[1], [2, 3]])) == 3`,
		`coalesce(null, "x") == "x"`, `upper("a") == "A"`, `lower("A") == "a"`, `length(concat([1], [2])) == 2`,
		`max(1, 2) + min(1, 2) == 3`, `tonumber("5") == 5`, `tostring(5) == "5"`, `replace("aba", "a", "c") == "cbc"`,
	} {
		fsys := fstest.MapFS{
			"a.hcl":      {Data: []byte(small + "variable \"x\" {\n  default = 1\n" + check(expr) + "}\n")},
			"root.hints": {Data: []byte("; comment\n.  3600000  NS A.EXAMPLE.\n. NS b.example.\nA.EXAMPLE. 60 AAAA 2001:db8:0::1\nb.example. 60 IN A 192.0.2.2\n")},
		}
		if p, l := plan.Load([]plan.Dir{{Name: "p", FS: fsys}}, nil); p == nil {
			t.Errorf("%s: %s", expr, l.Error())
		}
	}
}

func TestRequires(t *testing.T) {
	for _, c := range []struct {
		version, requires string
		ok                bool
	}{
		{"1.0.0-dev", ">= 1.0", true},
		{"1.0.0", ">= 1.0, < 2.0", true},
		{"1.2.3", "~> 1.2.0", true},
		{"0.9.0", ">= 1.0", false},
		{"1.0.0-dev", ">= 1.1", false},
		{"devel", ">= 9.9", true},
	} {
		p, l := plan.Loader{Version: c.version}.Load([]plan.Dir{inline("p", "plan \"x\" {\n  requires = \""+c.requires+"\"\n}\n")}, nil)
		if (p != nil) != c.ok {
			t.Errorf("%s with %s: %s", c.version, c.requires, l.Error())
		}
	}
}

// TestTrialPlan: without a report block a plan may use other timeouts, with a
// warning that fails nothing.
func TestTrialPlan(t *testing.T) {
	p, l := plan.Load([]plan.Dir{inline("p", small+`
server "root" {
  rsi  = "a"
  ipv4 = "192.0.2.1"
}
schedule "interval" {
  every = "5m"
}
query "soa" {
  schedule = schedule.interval
  servers  = server.root
  qname    = "."
  qtype    = "SOA"
  timeout  = "500ms"
}
`)}, nil)
	if p == nil || len(l.Diags) != 1 || !strings.Contains(text(t, l), "warning: query \"soa\": timeout is not what RSSAC047 asks [ywz]") {
		t.Errorf("plan %v, said:\n%s", p != nil, text(t, l))
	}
}

// TestHashIgnoresForm shuffles the blocks of the demo plan over files of any
// name, with comments between them, and adds what is left out of the hash.
func TestHashIgnoresForm(t *testing.T) {
	want := load(t, nil, demo(t))
	dir := demo(t).FS
	var blocks []string
	names, err := fs.Glob(dir, "*.hcl")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if strings.HasSuffix(n, ".test.hcl") {
			continue
		}
		src, err := fs.ReadFile(dir, n)
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, strings.Split(string(src), "\n}\n")...)
	}
	blocks = slices.DeleteFunc(blocks, func(s string) bool { return !strings.Contains(s, "{") })
	extra := []string{
		"exclusion \"x\" {\n  rsis = [\"g\"]\n  from = \"2026-01-01\"\n  until = \"2026-01-02\"\n  added = \"2026-01-03\"\n  reason = \"r\"\n  by = \"b\"",
		"annotation \"x\" {\n  rsis = [\"g\"]\n  from = \"2026-01-01\"\n  until = \"2026-01-02\"\n  added = \"2026-01-03\"\n  reason = \"r\"\n  by = \"b\"",
		"silence \"x\" {\n  match = { rule = \"wrong-answer\" }\n  from = \"2026-01-01\"\n  until = \"2026-01-02\"\n  reason = \"r\"",
	}
	rapid.Check(t, func(r *rapid.T) {
		all := rapid.Permutation(slices.Concat(blocks, extra[:rapid.IntRange(0, 3).Draw(r, "extra")])).Draw(r, "order")
		fsys := fstest.MapFS{}
		for i := 0; len(all) > 0; i++ {
			n := rapid.IntRange(1, len(all)).Draw(r, "blocks in a file")
			text := "# " + rapid.StringMatching(`[ -~]{0,40}`).Draw(r, "comment") + "\n" + strings.Join(all[:n], "\n}\n\n// another\n") + "\n}\n"
			fsys[rapid.StringMatching(`[a-z]{1,8}`).Draw(r, "name")+string(rune('a'+i))+".hcl"] = &fstest.MapFile{Data: []byte(text)}
			all = all[n:]
		}
		p, l := plan.Load([]plan.Dir{{Name: "p", FS: fsys}}, nil)
		if p == nil {
			r.Fatalf("refused: %s", l.Error())
		}
		if p.SHA256() != want.SHA256() {
			r.Fatalf("the hash changed: %s", cmp.Diff(string(want.JSON()), string(p.JSON())))
		}
	})
}

// TestHashSeesChange: whatever changes a measurement changes the hash.
func TestHashSeesChange(t *testing.T) {
	want := load(t, nil, demo(t)).SHA256()
	for _, change := range []string{
		"schedule \"interval\" {\n  every  = \"5m\"\n  jitter = \"1s\"\n}\n",
		"retention \"sent\" {\n  keep = \"2d\"\n}\n",
		"vantage_point \"601\" {\n  region = \"europe\"\n  metro  = \"Oslo\"\n}\n",
		"threshold \"rss_availability\" {\n  at_least = 99.9990001\n}\n",
	} {
		if load(t, nil, demo(t), inline("local", change)).SHA256() == want {
			t.Errorf("the hash does not see %s", change)
		}
	}
}
