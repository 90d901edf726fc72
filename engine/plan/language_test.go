package plan_test

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"mtric.net/mtric/engine/plan"
)

// every is a plan that has each block of the language, inner ones too.
const every = `
plan "p" {
}
variable "v" {
  default = 1
  validation {
    condition = var.v > 0
    error     = "More."
  }
}
locals {
  n = 1
}
vantage_point "101" {
  region = "europe"
  metro  = "Vienna"
}
collector "c00" {
}
server "own" {
  rsi  = "ns1"
  name = "ns1.example."
  address {
    ipv4        = "192.0.2.1"
    valid_until = "2026-01-01"
  }
  address {
    ipv4       = "192.0.2.2"
    valid_from = "2026-01-01"
  }
}
schedule "s" {
  every = "5m"
}
query "apex" {
  schedule = schedule.s
  servers  = server.own
  qname    = "example."
  qtype    = "SOA"
}
query "drawn" {
  schedule = schedule.s
  servers  = server.own
  choose "names" {
    qnames = ["example."]
    qtype  = "A"
  }
}
traceroute "path" {
  schedule = schedule.s
  servers  = server.own
  limit    = "60s"
}
zone_source "web" {
  url = "https://example.net/root.zone"
}
anchor "38696" {
  ds = "38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16"
}
zone "example" {
  name    = "example."
  servers = server.own
}
objective "own" {
  queries      = [query.apex]
  availability = 99
}
threshold "rsi_availability" {
  at_least = 96
  change {
    from     = "2028-01-01"
    at_least = 95
  }
}
rule "r" {
  on       = "window"
  queries  = [query.apex]
  window   = "1h"
  severity = "info"
  expr     = "window.sent > 0"
  summary  = "it is so"
}
silence "s" {
  match  = { rule = "r" }
  reason = "work"
  from   = "2027-01-01"
  until  = "2027-01-02"
}
exclusion "e" {
  rsis   = ["ns1"]
  by     = "me"
  reason = "work"
  added  = "2027-01-01"
  from   = "2027-01-01"
  until  = "2027-01-02"
}
annotation "a" {
  rsis   = ["ns1"]
  by     = "me"
  reason = "work"
  added  = "2027-01-01"
  from   = "2027-01-01"
  until  = "2027-01-02"
}
retention "sent" {
  keep = "35d"
}
site "public" {
}
contact "us" {
  name  = "us"
  email = "us@example.net"
}
`

// with is a plan with an attribute of the first block of a kind set to an expression; base
// is the plan without it, nil where it has one.
func with(t *testing.T, source, block, name, expr string) (base, changed []byte) {
	t.Helper()
	file, diags := hclwrite.ParseConfig([]byte(source), "plan.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	body := find(file.Body(), strings.Fields(block))
	if body == nil {
		t.Fatalf("no block %q in the plan of this test: add one", block)
	}
	base = file.Bytes()
	if body.GetAttribute(name) != nil {
		base = nil
	}
	tokens, diags := hclsyntax.LexExpression([]byte(expr), "x", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	var raw hclwrite.Tokens
	for _, token := range tokens[:len(tokens)-1] {
		raw = append(raw, &hclwrite.Token{Type: token.Type, Bytes: token.Bytes, SpacesBefore: 1})
	}
	body.SetAttributeRaw(name, raw)
	return base, file.Bytes()
}

// find finds the first block of a kind, or inside another, "query choose"; nil where
// there is none.
func find(body *hclwrite.Body, kinds []string) *hclwrite.Body {
	if len(kinds) == 0 {
		return body
	}
	for _, b := range body.Blocks() {
		if b.Type() == kinds[0] {
			if found := find(b.Body(), kinds[1:]); found != nil {
				return found
			}
		}
	}
	return nil
}

// where is the plan in which a block of the kind is tried, and the directories that a
// changed text of it is loaded from.
func where(t *testing.T, block string) (source string, dirs func(source []byte) []plan.Dir) {
	t.Helper()
	if block != "report" {
		return every, func(source []byte) []plan.Dir { return one(string(source)) }
	}
	// A plan with reports has much else: the demo's is laid below.
	return "report \"monthly\" {\n  period = \"month\"\n}\n", func(source []byte) []plan.Dir {
		return []plan.Dir{demo(t), one(string(source))[0]}
	}
}

// TestEveryAttributeIsRead: an attribute of the table that is set to what it cannot be is
// a mistake at its place, which shows that the decoder reads it; where it is one of some
// words, the mistake lists the words that the table has.
func TestEveryAttributeIsRead(t *testing.T) {
	const nonsense = `{ nonsense = [[]] }`
	blocks, attributes := plan.Schema()
	for _, block := range blocks {
		source, dirs := where(t, block)
		for _, a := range attributes[block] {
			if block == "variable" && (a.Name == "default" || a.Name == "description") {
				continue // any value; nobody reads what is for people
			}
			_, changed := with(t, source, block, a.Name, nonsense)
			line := bytes.Count(changed[:bytes.Index(changed, []byte("nonsense"))], []byte{'\n'}) + 1
			_, l := plan.Load(dirs(changed), nil)
			if !slices.ContainsFunc(l.Diags, func(d *hcl.Diagnostic) bool {
				return d.Severity == hcl.DiagError && d.Subject != nil && d.Subject.Start.Line == line
			}) {
				t.Errorf("%s of %s is not read: %s = %s gives\n%s", a.Name, block, a.Name, nonsense, text(t, l))
			}
			words, word := vocabulary(a.Kind)
			if block == "rule" && a.Name == "over" {
				words = words[:5] // the others are of machine rules
			}
			_, changed = with(t, source, block, a.Name, word)
			for _, known := range words {
				if _, l := plan.Load(dirs(changed), nil); !strings.Contains(text(t, l), known) {
					t.Errorf("%s of %s is %s, but what is said of %s does not name %s:\n%s", a.Name, block, a.Kind, word, known, text(t, l))
				}
			}
		}
	}
}

// vocabulary lists the words that an attribute of this kind takes, and writes one that is
// none of them.
func vocabulary(kind string) (words []string, none string) {
	if list, ok := strings.CutPrefix(kind, "list of "); ok && strings.Contains(list, ", ") {
		return strings.Split(list, ", "), `["nonsense"]`
	}
	if one, ok := strings.CutPrefix(kind, "one of "); ok {
		return strings.Split(one, ", "), `"nonsense"`
	}
	return nil, `"nonsense"`
}

var literal = regexp.MustCompile(`^("[^"]*"|[0-9.]+|true|false|\[.*\]|\{\})$`)

// TestEveryDefaultIsTrue: a default of the table, written out, makes the same plan.
func TestEveryDefaultIsTrue(t *testing.T) {
	blocks, attributes := plan.Schema()
	tried := 0
	for _, block := range blocks {
		source, dirs := where(t, block)
		for _, a := range attributes[block] {
			if a.Must || !literal.MatchString(a.Default) || a.Default == "[query.soa]" {
				continue
			}
			def := strings.ReplaceAll(a.Default, "LABEL", "101")
			base, changed := with(t, source, block, a.Name, def)
			if base == nil {
				continue // it is there already
			}
			before, l := plan.Load(dirs(base), nil)
			if before == nil {
				t.Fatal(text(t, l))
			}
			after, l := plan.Load(dirs(changed), nil)
			switch {
			case after == nil:
				t.Errorf("%s of %s cannot be its default, %s:\n%s", a.Name, block, def, text(t, l))
			case after.SHA256() != before.SHA256():
				t.Errorf("%s = %s in %s makes another plan than leaving it out", a.Name, def, block)
			}
			tried++
		}
	}
	if tried < 40 {
		t.Errorf("%d defaults tried", tried)
	}
}
