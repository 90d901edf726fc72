package alert_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/plan"
)

// FuzzCompile holds that no condition and no summary crashes the loading of a plan, that
// what is wrong with one is said at a place inside it, and the same each time.
func FuzzCompile(f *testing.F) {
	for _, name := range []string{"rssac047", "demo"} {
		p, l := plan.Load([]plan.Dir{shipped(f, name)}, nil)
		if p == nil {
			f.Fatal(l.Error())
		}
		for _, r := range p.Rules {
			f.Add(r.On, r.Expr, r.Summary)
		}
	}
	f.Add("window", "window.availabilty < threshold.rsi_availability && has(window.sent)", "{window.snt} of {rsi + 'x'} at {}")
	f.Add("window", "objective.own.udp < previous.p95_latency ? [1, 2.0].exists(x, x == 1) : 'a'.matches('(')", "{window.outcomes}")
	f.Add("machine", "machine.zones.missing.all(z, z.matches('[0-9]{10}')) || 1 / 0 == 1", "{machine.disk}")
	f.Fuzz(func(t *testing.T, on, condition, summary string) {
		if len(on)+len(condition)+len(summary) > 4<<10 {
			t.Skip("an input beyond the bound of this test: go test -fuzz draws smaller ones too")
		}
		src := fmt.Sprintf(`
plan "p" {}
schedule "s" { every = "5m" }
server "own" {
  rsi  = "ns1"
  name = "ns1.example."
  ipv4 = "192.0.2.1"
}
query "soa" {
  schedule = schedule.s
  servers  = server.own
  qname    = "."
  qtype    = "SOA"
}
objective "own" {
  queries = [query.soa]
  udp     = { percentile = 95, at_most = "500ms" }
}
rule "r" {
  on       = %q
  %s
  severity = "info"
  summary  = %q
  expr     = <<CEL
%s
CEL
}
`, on, map[bool]string{true: `window = "1h"`}[on == "window"], strings.ToValidUTF8(summary, "?"), condition)
		var said string
		for i := range 2 {
			var b bytes.Buffer
			p, l := plan.Loader{Later: func(p *plan.Plan) diag.List {
				_, wrong := alert.Compile(p)
				return wrong
			}}.Load([]plan.Dir{{Name: "p", FS: fstest.MapFS{"a.hcl": {Data: []byte(src)}}}}, nil)
			if (p == nil) != l.HasErrors() || strings.Contains(l.Error(), "internal error") {
				t.Fatal(l.Error())
			}
			for _, d := range l.Diags {
				if d.Subject != nil && (d.Subject.Start.Byte > d.Subject.End.Byte || d.Subject.End.Byte > len(src)) {
					t.Fatalf("%+v is outside the file: %s", *d.Subject, d.Summary)
				}
			}
			if err := l.WriteText(&b, false); err != nil {
				t.Fatal(err)
			}
			if i > 0 && b.String() != said {
				t.Fatalf("%s\nthen\n%s", said, &b)
			}
			said = b.String()
		}
	})
}
