package alert

import (
	"testing"
	"testing/fstest"
	"time"

	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/plans"
)

// TestProposedExclusionsLoad pastes what alerts propose into a plan.
func TestProposedExclusionsLoad(t *testing.T) {
	base, _ := plans.Dir("rssac047")
	site := `vantage_point "101" {
  region   = "africa"
  metro    = "Nairobi"
  provider = "x"
}
`
	for _, labels := range [][]Label{
		{{"vantage_point", "101"}, {"family", "ipv6"}},
		{{"rsi", "c"}, {"transport", "tcp"}},
		{{"rsi", "c"}, {"vantage_point", "101"}},
		{{"rsi", "c"}, {"family", "ipv4"}, {"transport", "udp"}},
	} {
		text := exclusion(labels, start, start.Add(15*time.Minute))
		p, l := plan.Load([]plan.Dir{{Name: "base", FS: base}, {Name: "local", FS: fstest.MapFS{"a.hcl": {Data: []byte(site + text)}}}}, nil)
		if p == nil || len(p.Exclusions) != 1 {
			t.Errorf("%v: %s\n%s", labels, l.Error(), text)
			continue
		}
		if e := p.Exclusions[0]; !e.From.Equal(start) || !e.Until.Equal(start.Add(15*time.Minute)) {
			t.Errorf("%v: %+v", labels, e)
		}
	}
}
