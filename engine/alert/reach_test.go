package alert_test

import (
	"strings"
	"testing"
	"time"
)

// TestTheWindowBeforeIsRead: a rule that compares with the window before sees it whole
// from the first interval that is evaluated on, and not only once time has gone by.
func TestTheWindowBeforeIsRead(t *testing.T) {
	now := noon.Add(3 * time.Hour)
	_, store := newCollector(t, &now)
	rules, l := compile(t, "rssac047", "site.hcl", strings.Split(vantagePoints, "rule ")[0]+`
rule "as-many-as-before" {
  on       = "window"
  over     = ["rsi"]
  window   = "30m"
  severity = "info"
  expr     = "window.sent > 0 && previous.sent == window.sent"
  summary  = "x"
}`)
	if rules == nil {
		t.Fatal(l.Error())
	}
	from := noon.Add(90 * time.Minute) // all of both windows is in the lake
	episodes, _, err := rules.Backtest(t.Context(), store, from, from.Add(30*time.Minute), "as-many-as-before")
	if err != nil {
		t.Fatal(err)
	}
	if len(episodes) == 0 {
		t.Fatal("no episode")
	}
	for _, e := range episodes {
		if !e.From.Equal(from.Add(5*time.Minute)) && !e.From.Equal(from) {
			t.Errorf("%v begins at %s, want %s", e.Labels, e.From.Format(time.TimeOnly), from.Format(time.TimeOnly))
		}
	}
}
