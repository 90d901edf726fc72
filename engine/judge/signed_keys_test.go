package judge_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/judge"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/lab/small"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// rolled is the zone as it was so many months ago, with that month's key.
func rolled(month int) (small.Zone, time.Time) {
	at := signedAt.AddDate(0, -month, 0)
	return small.Simple("example.", 7, ksk, lab.ZSK(uint64(month), "rolled", lab.ECDSAP256SHA256), at.AddDate(0, 0, -7), at.AddDate(0, 0, 7)), at
}

// TestKeysOfYears: a zone whose key rolls each month is judged by the keys of each, in whatever
// order its files come: a lake that is made again begins with the newest day.
func TestKeysOfYears(t *testing.T) {
	const months = 36
	p := judge.SignedBy(asking(1, trusting(example().Anchor(ksk))))
	for name, nth := range map[string]func(int) int{"oldest first": func(i int) int { return months - 1 - i }, "newest first": func(i int) int { return i }} {
		var s judge.Signed
		for i := range months {
			z, at := rolled(nth(i))
			shown := row("keys", "b", z.Respond("example.", dns.TypeDNSKEY))
			shown.SentAt, shown.Interval = &at, at
			s.Learn(p, true, at, judge.KeysShown([]measurement.Answer{shown}))
		}
		for month := range months {
			z, at := rolled(month)
			rows := []measurement.Answer{row("soa-000", "a", z.Respond("example.", dns.TypeSOA))}
			rows[0].SentAt, rows[0].Interval = &at, at
			if s.Judge(p, true, rows, nil); *rows[0].DNSSEC != measurement.SecuritySecure {
				t.Errorf("%s: %d months ago: %s", name, month, *rows[0].DNSSEC)
			}
		}
	}
}

// TestOneSetGoes: of a stranger's zone sixteen sets are kept, those that are trusted longest.
func TestOneSetGoes(t *testing.T) {
	p := judge.SignedBy(asking(1, trusting(example().Anchor(ksk))))
	order := []int{3, 16, 2, 14, 1, 13, 4, 12, 5, 11, 6, 10, 7, 9, 8, 0, 15} // the oldest is not last
	var s judge.Signed
	for _, month := range order {
		z, at := rolled(month)
		shown := row("keys", "b", z.Respond("example.", dns.TypeDNSKEY))
		shown.SentAt, shown.Interval = &at, at
		s.Learn(p, false, at, judge.KeysShown([]measurement.Answer{shown}))
	}
	for month := range 16 {
		z, at := rolled(month)
		rows := []measurement.Answer{row("soa-000", "a", z.Respond("example.", dns.TypeSOA))}
		rows[0].SentAt, rows[0].Interval = &at, at
		if s.Judge(p, false, rows, nil); *rows[0].DNSSEC != measurement.SecurityUnchecked {
			t.Fatal("the clock is doubtful")
		}
		if s.Judge(p, true, rows, nil); *rows[0].DNSSEC != measurement.SecuritySecure {
			t.Errorf("%d months ago: %s", month, *rows[0].DNSSEC)
		}
	}
}

// TestVastPlans: a plan with as many zones and servers as fit into it costs little a row.
func TestVastPlans(t *testing.T) {
	p := asking(1, trusting(example().Anchor(ksk)))
	for i := range 4000 {
		p.Servers = append(p.Servers, plan.Server{Group: "vast", RSI: measurement.RSI(fmt.Sprintf("v%d", i)), Addresses: []plan.Address{{Family: measurement.IPv4, Address: netip.MustParseAddr("192.0.2.1")}}})
		p.Zones = append(p.Zones, plan.Zone{Label: fmt.Sprintf("vast%d", i), Name: "soa.example.", Servers: []string{"vast"}})
	}
	var rows []measurement.Answer
	for range 20 {
		rows = append(rows, row("soa-000", "b", example().Respond("soa.example.", dns.TypeSOA)))
	}
	begun := time.Now()
	var s judge.Signed
	s.Judge(judge.SignedBy(p), true, rows, nil)
	if took := time.Since(begun); took > time.Second {
		t.Errorf("%d rows took %s", len(rows), took)
	}
}
