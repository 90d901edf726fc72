package crowd_test

import (
	"path/filepath"
	"testing"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/atlas/crowd"
	"mtric.net/mtric/engine/measurement"
)

// Anchors are in both sets, and DNSMON's answers say who gave them.
func TestAnchorsOfDNSMON(t *testing.T) {
	c := config(300)
	c.DNSMON = true
	dir := t.TempDir()
	truth, err := crowd.Run(dir, c)
	if err != nil {
		t.Fatal(err)
	}
	near := map[uint32]measurement.RSI{}
	for _, a := range truth.Anchors {
		near[a.Probe] = a.Near
	}
	both := map[uint32]bool{}
	beside := 0
	for _, s := range results(t, filepath.Join(dir, crowd.Results)) {
		if _, is := near[s.Probe]; is {
			both[s.Probe] = true
		}
		if s.Result != nil && near[s.Probe] == s.rsi() && s.Result.RT < 1 {
			beside++
		}
	}
	if len(truth.Anchors) < 10 || len(both) != len(truth.Anchors) || beside == 0 {
		t.Errorf("%d anchors, %d among the built-in ones, %d answers from beside", len(truth.Anchors), len(both), beside)
	}
	all := results(t, filepath.Join(dir, crowd.DNSMON))
	named := 0
	for _, s := range all {
		if _, is := near[s.Probe]; !is || s.ID < 1_000_000 {
			t.Fatalf("%+v", s)
		}
		if s.answer == nil {
			continue
		}
		for _, o := range s.answer.IsEdns0().Option {
			if id, is := o.(*dns.EDNS0_NSID); is && id.Nsid != "" {
				named++
			}
		}
	}
	if int64(len(all)) != truth.DNSMON.Rows || truth.DNSMON.Rows == 0 || int64(named) != truth.DNSMON.Outcomes[measurement.Answered] {
		t.Errorf("%d results, %d with NSID: %+v", len(all), named, truth.DNSMON)
	}
}
