package correctness_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/metrics/correctness"
)

// Each class of defect is named from what the judge itself writes.
func TestCause(t *testing.T) {
	z := golden()
	strip := func(dns.RR) bool { return true }
	unsigned := func(m *dns.Msg) { m.Answer = without(m.Answer, isType(dns.TypeRRSIG)) }
	for want, c := range map[string]struct {
		m  *dns.Msg
		at time.Time
	}{
		"older zone 2026112300": {m: z[0].reply(".", "SOA")},
		"one bit different": {m: changed(z[2], "com.", "DS", func(m *dns.Msg) {
			m.Answer[0].(*dns.DS).KeyTag ^= 1
		})},
		"serial 7, not signed":    {m: changed(z[2], ".", "SOA", func(m *dns.Msg) { m.Answer[0].(*dns.SOA).Serial = 7 })},
		"signature expired":       {m: z[2].reply("com.", "DS"), at: expiration.Add(time.Hour)},
		"signature not valid yet": {m: z[2].reply("com.", "DS"), at: inception.Add(-time.Hour)},
		"foreign responder": {m: changed(z[2], ".", "SOA", func(m *dns.Msg) {
			m.Answer = parse("example. 1 IN TXT \"one bit different from nothing\"\n")
		})},
		"signatures stripped": {m: changed(z[2], "com.", "DS", unsigned)},
		"DO ignored": {m: changed(z[2], "com.", "DS", func(m *dns.Msg) {
			unsigned(m)
			m.Extra = without(m.Extra, strip)
		})},
		"signed by a key that is not the zone's": {m: changed(z[2], ".", "SOA", func(m *dns.Msg) { m.Answer[1] = stranger.sign(m.Answer[:1]) })},
		"signature does not verify": {m: changed(z[2], ".", "SOA", func(m *dns.Msg) {
			m.Answer[1].(*dns.RRSIG).Signature = stranger.sign(m.Answer[:1]).Signature
		})},
	} {
		q := question(c.m)
		if !c.at.IsZero() {
			q.At = c.at
		}
		r := by(z[2]).Judge(q, pack(t, c.m))
		var got []string
		for _, f := range r.FailureTexts() {
			got = append(got, correctness.Cause(f))
		}
		if !slices.Contains(got, want) {
			t.Errorf("want %q, causes are %q of %q", want, got, r.FailureTexts())
		}
		if want == "foreign responder" && slices.Contains(got, "one bit different") {
			t.Errorf("who answers chooses the cause: %q", r.FailureTexts())
		}
	}
	j := by(z[2])
	j.Others = by(z[0]).Zones
	if texts := j.Judge(question(z[0].reply("aaa.", "DS")), pack(t, z[0].reply("aaa.", "DS"))).FailureTexts(); correctness.Cause(texts[len(texts)-1]) != "zone 2026112300, not in use then" {
		t.Errorf("%q", texts)
	}
	if c := correctness.Cause("ujy: AA is set, want it clear"); c != "" {
		t.Errorf("a plain rule has the cause %q", c)
	}
}

// The page of correctness has every cause that reports name.
func TestCausesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/correctness.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range correctness.Causes() {
		if !strings.Contains(string(page), "| "+strings.ReplaceAll(name, "$1", "N")+" |") {
			t.Errorf("docs/correctness.md lacks the cause %q", name)
		}
	}
}
