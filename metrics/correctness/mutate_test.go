package correctness_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics/correctness"
)

// free are the octets of a response whose bits may flip without making it another
// answer: the id, TTLs (reading A17), and of the OPT record, which is no part of
// the answer [pvz], what a server is free to choose: UDP size, version, flags and
// options (NSID, padding). Its owner, type, extended rcode and length are not free.
func free(t testing.TB, wire []byte) map[int]bool {
	t.Helper()
	octets := map[int]bool{0: true, 1: true}
	at, err := skipName(wire, 12)
	if err != nil {
		t.Fatal(err)
	}
	for at += 4; at < len(wire); {
		if at, err = skipName(wire, at); err != nil {
			t.Fatal(err)
		}
		end := at + 10 + int(binary.BigEndian.Uint16(wire[at+8:]))
		parts := [][2]int{{at + 4, at + 8}}
		if binary.BigEndian.Uint16(wire[at:]) == dns.TypeOPT {
			parts = [][2]int{{at + 2, at + 4}, {at + 5, at + 8}, {at + 10, end}}
		}
		for _, p := range parts {
			for i := p[0]; i < p[1]; i++ {
				octets[i] = true
			}
		}
		at = end
	}
	return octets
}

func skipName(wire []byte, at int) (int, error) {
	_, next, err := dns.UnpackDomainName(wire, at)
	return next, err
}

// caseBlind replaces what letter case matters in by a text without any.
func caseBlind(wire []byte) []byte {
	m := new(dns.Msg)
	if m.Unpack(wire) != nil {
		return wire
	}
	for _, section := range [][]dns.RR{m.Answer, m.Ns} {
		for _, rr := range section {
			switch data := rr.(type) {
			case *dns.RRSIG:
				data.Signature = hexOf(data.Signature)
			case *dns.DNSKEY:
				data.PublicKey = hexOf(data.PublicKey)
			}
		}
	}
	return []byte(m.String())
}

func hexOf(s string) string { return fmt.Sprintf("%x", s) }

// sameAnswer says whether two messages say the same but for letter case, which
// names do not know, and the header bits of no rule: RD, RA, Z, AD, CD, which are
// noted (edge 29).
func sameAnswer(a, b []byte) bool {
	strip := func(wire []byte) string {
		text := bytes.Clone(wire)
		text[0], text[1] = 0, 0
		text[2] &^= 1    // RD
		text[3] &^= 0xf0 // RA, Z, AD, CD
		return strings.ToLower(string(caseBlind(text)))
	}
	return strip(a) == strip(b)
}

// Every bit of every good answer: flipped, the answer is never correct, unless it
// still says the same.
func TestNoFlippedBitIsCorrect(t *testing.T) {
	z := golden()[0]
	judge := by(z)
	for _, q := range goodQuestions {
		t.Run(q.block, func(t *testing.T) { t.Parallel(); flipAll(t, judge, z.reply(q.name, q.typ)) })
	}
}

func flipAll(t *testing.T, judge correctness.Judge, m *dns.Msg) {
	wire := pack(t, m)
	octets := free(t, wire)
	if r := judge.Judge(question(m), wire); r.Verdict != measurement.Correct {
		t.Fatalf("%q", r.FailureTexts())
	}
	flipped, passed := 0, 0
	for bit := range 8 * len(wire) {
		if octets[bit/8] {
			continue
		}
		flipped++
		bad := bytes.Clone(wire)
		bad[bit/8] ^= 1 << (bit % 8)
		r := judge.Judge(question(m), bad)
		if flipped%16 == 0 { // the rest is rapid's
			if diff := cmp.Diff(judge.WithoutMemory().Judge(question(m), bad), r); diff != "" {
				t.Fatalf("bit %d: fast and slow path differ (-slow +fast):\n%s", bit, diff)
			}
		}
		if r.Verdict != measurement.Correct {
			continue
		}
		passed++
		if !sameAnswer(wire, bad) {
			t.Errorf("bit %d of octet %d flipped is correct", bit%8, bit/8)
		}
	}
	if flipped < 100 || passed > flipped/5 {
		t.Errorf("of %d flipped bits %d pass", flipped, passed)
	}
}

// Neither remembered signatures nor those of proven zones change a verdict, whatever is
// done to an answer.
func TestFastAndSlowPathAgree(t *testing.T) {
	zones := golden()
	judge := by(zones[2], zones[1], zones[0])
	rapid.Check(t, func(t *rapid.T) {
		for range 20 {
			mutateOnce(t, zones, judge)
		}
	})
}

// mutateOnce mixes the records of two answers, flips bits, and judges.
func mutateOnce(t *rapid.T, zones []*testZone, judge correctness.Judge) {
	q := rapid.SampledFrom(goodQuestions).Draw(t, "question")
	m := rapid.SampledFrom(zones).Draw(t, "zone").reply(q.name, q.typ)
	other := rapid.SampledFrom(zones).Draw(t, "other").reply(q.name, q.typ)
	for _, section := range []struct{ to, from *[]dns.RR }{{&m.Answer, &other.Answer}, {&m.Ns, &other.Ns}, {&m.Extra, &other.Extra}} {
		all := append(append([]dns.RR(nil), *section.to...), *section.from...)
		if len(all) == 0 || rapid.Bool().Draw(t, "keep") {
			continue
		}
		*section.to = rapid.SliceOfN(rapid.SampledFrom(all), 0, 8).Draw(t, "records")
	}
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	for range rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "flips") {
		wire[rapid.IntRange(0, len(wire)-1).Draw(t, "octet")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	}
	at := question(m)
	at.At = rapid.SampledFrom([]correctness.Question{{At: asked}, {At: inception.Add(-1)}, {At: expiration.AddDate(0, 0, 1)}}).Draw(t, "at").At
	fast, slow := judge.Judge(at, wire), judge.WithoutMemory().Judge(at, wire)
	if diff := cmp.Diff(slow, fast); diff != "" {
		t.Fatalf("(-slow +fast):\n%s", diff)
	}
	if diff := cmp.Diff(slow, proven(zones[2], zones[1], zones[0]).Judge(at, wire)); diff != "" {
		t.Fatalf("(-slow +of proven zones):\n%s", diff)
	}
	// The order of the candidates does not decide whether one explains it.
	if turned := by(zones[0], zones[1], zones[2]).Judge(at, wire); turned.Verdict != fast.Verdict {
		t.Fatalf("newest first %s, oldest first %s", fast.Verdict, turned.Verdict)
	}
}

// FuzzJudge: no message makes the judge panic, each is correct, incorrect or
// unchecked [jof] [lbl], and no verdict is without grounds.
func FuzzJudge(f *testing.F) {
	zones := golden()
	judge := by(zones[2], zones[1], zones[0])
	for _, z := range zones {
		for _, q := range goodQuestions {
			f.Add(pack(f, z.reply(q.name, q.typ)))
		}
	}
	for _, wire := range genuineResponses(f) {
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		r := judge.Judge(correctness.Question{At: asked}, wire)
		switch r.Verdict {
		case measurement.Correct:
			if len(r.Failures) > 0 || r.Serial == nil {
				t.Errorf("%+v", r)
			}
		case measurement.Incorrect, measurement.Unchecked:
			if len(r.Failures) == 0 {
				t.Errorf("no grounds: %+v", r)
			}
		default:
			t.Errorf("verdict %q", r.Verdict)
		}
		for _, f := range append(r.Failures, r.Notes...) {
			if len(f.Detail) > 2000 || f.Tag == "" {
				t.Errorf("%d octets: %.100s", len(f.Detail), f.Detail)
			}
		}
		if len(r.Failures) > 200 || len(r.Notes) > 100 {
			t.Errorf("%d failures, %d notes", len(r.Failures), len(r.Notes))
		}
		if diff := cmp.Diff(judge.WithoutMemory().Judge(correctness.Question{At: asked}, wire), r); diff != "" {
			t.Error(diff)
		}
		if told, err := correctness.Inspect(wire); err == nil && (told == "" || tags(r.Failures) == "malformed") {
			t.Errorf("inspected as %q, judged %v", told, r.Failures)
		}
	})
}

// A response full of what is wrong is told in few words.
func TestFindingsAreBounded(t *testing.T) {
	z := golden()[0]
	m := changed(z, "com.", "NS", func(m *dns.Msg) {
		for i := range 400 {
			owner := fmt.Sprintf("%d.%s.", i, strings.Repeat("x", 60))
			rr := parse(owner + " 999999999 IN A 192.0.2.1\n")
			m.Extra = append(m.Extra, rr[0], rr[0], stranger.sign(rr))
		}
	})
	m.Extra = slices.Insert(m.Extra, 0, z.set("a.gtld.net.", dns.TypeA)...)
	r := expect(t, by(golden()...), m, incorrect, "malformed", "more than 1024 records")
	if r.Serial != nil {
		t.Error("held against a zone")
	}
	m.Extra = m.Extra[:1000]
	r = expect(t, by(golden()...), m, incorrect, "vnk yds", "and more of the kind")
	if len(r.Failures) > 2*9+1 || len(r.Notes) > 2*9 {
		t.Errorf("%d failures, %d notes", len(r.Failures), len(r.Notes))
	}
}
