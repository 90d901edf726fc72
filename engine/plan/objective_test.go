package plan_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"mtric.net/mtric/engine/plan"
)

// TestObjectives: what the blocks become, in the hash too, and what follows from them.
func TestObjectives(t *testing.T) {
	const blocks = `zone "{each.key}" {
  for_each = { tld = "Example." }
  name     = each.value
  servers  = server.root
}

query "apex" {
  schedule = schedule.interval
  servers  = server.root
  qname    = "EXAMPLE."
  qtype    = "SOA"
}

objective "server" {
  queries      = [query.apex]
  availability = 99.9
  udp          = { percentile = 95, at_most = "500ms" }
  publication  = { percentile = 50, at_most = "1h" }
}
`
	bare, _ := plan.Load([]plan.Dir{demo(t)}, nil)
	p, l := plan.Load([]plan.Dir{demo(t), {Name: "own", FS: fstest.MapFS{"own.hcl": {Data: []byte(blocks)}}}}, nil)
	if p == nil {
		t.Fatal(l.Error())
	}
	for _, key := range []string{`"zones"`, `"objectives"`} {
		if strings.Contains(string(bare.JSON()), key) || !strings.Contains(string(p.JSON()), key) {
			t.Errorf("%s is in the JSON of a plan without such blocks, or not in that of one with them", key)
		}
	}
	if p.SHA256() == bare.SHA256() {
		t.Error("objectives do not change the hash")
	}
	again, err := plan.ReadJSON(p.JSON())
	if err != nil || string(again.JSON()) != string(p.JSON()) {
		t.Errorf("the JSON read again differs: %v", err)
	}
	o := p.Objectives[0]
	if o.Per != plan.PerServer || o.Window != "month" || o.Availability.String() != "99.9" || o.UDP == nil || o.TCP != nil || time.Duration(o.Publication.AtMost) != time.Hour {
		t.Errorf("objective %+v", o)
	}
	q, _ := p.Query("apex")
	z, servers, ok := p.ZoneOf(q)
	if !ok || z.Label != "tld" || z.Name != "example." || len(servers) != 13 {
		t.Errorf("zone %+v, %d servers", z, len(servers))
	}
	if soa, _ := p.Query("soa"); soa.Label == "soa" {
		if _, _, ok := p.ZoneOf(soa); ok {
			t.Error("query soa belongs to a zone")
		}
	}
	const line = "30 5 * * * mtric report --style objectives\n"
	for _, c := range []struct {
		p    *plan.Plan
		want bool
	}{{bare, false}, {p, true}} {
		text, err := plan.Crontab(c.p, plan.RoleCollector, plan.CronOptions{})
		if err != nil || strings.Contains(text, line) != c.want {
			t.Errorf("crontab, want the line %v: %v\n%s", c.want, err, text)
		}
	}
}
