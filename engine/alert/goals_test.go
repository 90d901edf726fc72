package alert_test

import (
	"strings"
	"testing"
	"time"
)

// A rule can be held to an objective's bounds, which are constants.
func TestRuleSeesObjectives(t *testing.T) {
	now := noon.Add(2 * time.Hour)
	b, store := newCollector(t, &now)
	const objective = `objective "own-servers" {
  queries      = [query.soa]
  per          = "group"
  need         = 8
  availability = 96
  tcp          = { percentile = 95, at_most = "500ms" }
}
`
	rule := func(expr string) string {
		return objective + `rule "own" {
  on       = "window"
  over     = ["family", "rsi", "transport"]
  window   = "1h"
  severity = "warning"
  expr     = "` + expr + `"
  summary  = "{rsi}: below {objective.own_servers.availability}"
}`
	}
	rules, l := compile(t, "rssac047", "site.hcl", rule("window.availability < objective.own_servers.availability && objective.own_servers.tcp == 500.0 && objective.own_servers.need == 8.0"))
	if rules == nil {
		t.Fatal(l.Error())
	}
	b.Rules = rules
	evaluate(t, b, store)
	got := strings.Join(lines(t, b), "\n")
	if !strings.Contains(got, "below 96") || !strings.Contains(prom(t, b), `rule="own"`) {
		t.Errorf("alerts\n%s", got)
	}
	if rules, l = compile(t, "rssac047", "site.hcl", rule("window.availability < objective.own_servers.udp")); rules != nil || !strings.Contains(l.Error(), `no field "udp" in objective.own_servers`) {
		t.Errorf("a bound that the objective has not: %s", l.Error())
	}
}
