package correctness_test

import (
	"fmt"
	"testing"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/measurement"
)

// BenchmarkJudgeHostile judges what costs most: as many strange RRsets, each
// signed, as a message may have, against three candidates.
func BenchmarkJudgeHostile(b *testing.B) {
	zones := golden()
	m := changed(zones[0], "com.", "NS", func(m *dns.Msg) {
		for i := range 330 {
			rr := parse(fmt.Sprintf("x%d.%060d. 60 IN A 192.0.2.1\n", i, i))
			m.Extra = append(m.Extra, rr[0], zsk.sign(rr))
		}
	})
	wire := pack(b, m)
	q, judge := question(m), by(zones...)
	b.ResetTimer()
	for range b.N {
		if judge.Judge(q, wire).Verdict != measurement.Incorrect {
			b.Fatal("not incorrect")
		}
	}
}
