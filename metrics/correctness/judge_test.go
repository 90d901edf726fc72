package correctness_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/metrics/correctness"
)

func TestQuestionCheck(t *testing.T) {
	long := strings.Repeat("a", 64)
	for _, c := range []struct {
		q    correctness.Question
		want string
	}{
		{correctness.Question{At: asked}, ""},
		{correctness.Question{Name: "COM", Type: "NS", At: asked}, ""},
		{correctness.Question{Name: ".", At: asked}, ""},
		{correctness.Question{Type: "TYPE43", At: asked}, ""},
		{correctness.Question{}, "no time of the query"},
		{correctness.Question{Type: "SN", At: asked}, `question type "SN": want a mnemonic such as NS`},
		{correctness.Question{Type: "TYPE65536", At: asked}, `question type "TYPE65536"`},
		{correctness.Question{Type: "TYPE43x", At: asked}, `question type "TYPE43x"`},
		{correctness.Question{Name: long + ".", At: asked}, `question name "` + long},
		{correctness.Question{Name: "a..b", At: asked}, `question name "a..b"`},
	} {
		err := c.q.Check()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.q, err, c.want)
		}
	}
}

// What was asked may be known in part; a response to something else is none.
func TestWhatWasAsked(t *testing.T) {
	z := golden()[0]
	wire := pack(t, z.reply("CoM.", "DS"))
	for _, c := range []struct {
		name, typ, detail string
	}{
		{"", "", ""}, {"com", "", ""}, {"", "DS", ""}, {"cOm.", "TYPE43", ""},
		{"net.", "", "the response is to com./DS, asked was net./…"}, {"", "NS", "asked was …/NS"}, {"com.", "TYPE0", "asked was com./TYPE0"},
		{"a..b", "DS", `question name "a..b"`}, {"com.", "??", `question type "??"`},
	} {
		q := correctness.Question{Name: c.name, Type: c.typ, At: asked}
		if c.detail == "" {
			expectWire(t, by(z), q, wire, correct, "", "")
		} else {
			expectWire(t, by(z), q, wire, incorrect, "doh", c.detail)
		}
	}
}

// The zone that is named: the one that explains, the one carried, the nearest.
func TestWhichZoneIsNamed(t *testing.T) {
	z := golden()
	serial := func(j correctness.Judge, m *dns.Msg) uint32 {
		t.Helper()
		r := j.Judge(question(m), pack(t, m))
		if r.Serial == nil {
			t.Fatalf("none: %q", r.FailureTexts())
		}
		return *r.Serial
	}
	all := by(z[2], z[1], z[0])
	for i := range z {
		if got := serial(all, z[i].reply(".", "SOA")); got != z[i].serial {
			t.Errorf("zone %d explains, named is %d", z[i].serial, got)
		}
		wrong := changed(z[i], ".", "SOA", func(m *dns.Msg) { m.Authoritative = false })
		if got := serial(all, wrong); got != z[i].serial {
			t.Errorf("serial %d is carried, named is %d", z[i].serial, got)
		}
		negative := changed(z[i], negativeName, "A", func(m *dns.Msg) { m.Authoritative = false })
		if got := serial(all, negative); got != z[i].serial {
			t.Errorf("serial %d is carried in Authority, named is %d", z[i].serial, got)
		}
	}
	// No serial: the newest that explains; else the fewest failures, the newest of these.
	if got := serial(all, z[0].reply("com.", "DS")); got != z[2].serial {
		t.Errorf("all explain it, named is %d", got)
	}
	if got := serial(all, changed(z[0], "com.", "DS", func(m *dns.Msg) { m.Authoritative = false })); got != z[2].serial {
		t.Errorf("all are alike, named is %d", got)
	}
	if got := serial(all, changed(z[0], "aaa.", "DS", func(m *dns.Msg) { m.Authoritative = false })); got != z[0].serial {
		t.Errorf("the oldest is nearest, named is %d", got)
	}
	if z[1].zone.Serial() != z[1].serial {
		t.Errorf("serial %d", z[1].zone.Serial())
	}
}

// One judge serves many goroutines.
func TestJudgeIsShared(t *testing.T) {
	z := golden()
	judge := by(build(firstSerial+9, delegations), z[1], z[0])
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				for _, q := range goodQuestions {
					m := z[0].reply(q.name, q.typ)
					if r := judge.Judge(question(m), pack(t, m)); r.Verdict != correct {
						t.Errorf("%s: %q", q.block, r.FailureTexts())
					}
				}
			}
		})
	}
	wg.Wait()
}

// Signers sign again and again: what is remembered is bounded, and nothing depends
// on it.
func TestManySignatures(t *testing.T) {
	z := build(firstSerial, delegations)
	for i := range 100 {
		m := changed(z, ".", "SOA", func(m *dns.Msg) {
			m.Answer[1] = zsk.sign(m.Answer[:1], func(s *dns.RRSIG) { s.Inception += uint32(i) })
		})
		for range 2 {
			expect(t, by(z), m, correct, "", "")
		}
	}
	// Many at once: one good one is enough, unless it hides behind too many.
	crowd := func(bad int) *dns.Msg {
		return changed(z, ".", "SOA", func(m *dns.Msg) {
			good := m.Answer[1]
			m.Answer = m.Answer[:1]
			for i := range bad {
				sig := zsk.sign(m.Answer[:1], func(s *dns.RRSIG) { s.Inception += uint32(i) })
				sig.OrigTtl++
				m.Answer = append(m.Answer, sig)
			}
			m.Answer = append(m.Answer, good)
		})
	}
	expect(t, by(z), crowd(15), correct, "", "")
	expect(t, by(z), crowd(16), incorrect, "yds", "does not verify")
}

func TestInspectRefuses(t *testing.T) {
	for _, wire := range [][]byte{nil, make([]byte, 12), pack(t, golden()[0].reply(".", "SOA"))[:40]} {
		if told, err := correctness.Inspect(wire); err == nil {
			t.Errorf("%x: %s", wire, told)
		}
	}
	m := changed(golden()[0], ".", "SOA", func(m *dns.Msg) { m.Extra, m.RecursionAvailable = nil, true })
	if told, err := correctness.Inspect(pack(t, m)); err != nil || !strings.HasSuffix(told, "AA, RA, 2 answer, 0 authority, 0 additional, no OPT") {
		t.Errorf("%s, %v", told, err)
	}
}

// The verdict does not know the time of judging.
func TestTimeIsTheQuerys(t *testing.T) {
	z := golden()[0]
	m := z.reply("com.", "NS")
	for _, zone := range []*time.Location{time.UTC, time.FixedZone("far", 14*3600)} {
		expectWire(t, by(z), correctness.Question{At: asked.In(zone)}, pack(t, m), correct, "", "")
	}
}
