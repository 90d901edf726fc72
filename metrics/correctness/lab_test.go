package correctness_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics/correctness"
)

// labZones are three versions of a small zone of the real one's shape.
var labZones = sync.OnceValue(func() []*lab.Zone {
	zones, err := lab.Sequence(lab.Options{Seed: 47, Serial: firstSerial, TLDs: 60, Inception: inception, Expiration: expiration}, 3)
	if err != nil {
		panic(err)
	}
	return zones
})

// candidateOf is a zone of the lab, proven and indexed.
func candidateOf(t testing.TB, z *lab.Zone) *correctness.Zone {
	t.Helper()
	var b strings.Builder
	if _, err := z.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	whole, err := rootzone.ReadWhole(strings.NewReader(b.String()), "lab")
	if err != nil {
		t.Fatal(err)
	}
	_, ds, _ := strings.Cut(z.DS(), "DS")
	anchors := []rootzone.Anchor{{DS: strings.TrimSpace(ds)}}
	if err := whole.Validate(anchors, z.Inception); err != nil {
		t.Fatal(err)
	}
	made, err := correctness.NewZone(whole)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// ask is a query of the correctness set in wire form.
func ask(t testing.TB, name, typ string) []byte {
	t.Helper()
	q := new(dns.Msg)
	q.SetQuestion(name, dns.StringToType[typ])
	q.RecursionDesired = false
	q.SetEdns0(1220, true)
	q.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID}}
	return pack(t, q)
}

// labQuestions is every question of the correctness set and some negative ones.
func labQuestions(z *lab.Zone, negative int) []correctness.Question {
	var all []correctness.Question
	add := func(name, typ string) {
		all = append(all, correctness.Question{Name: mixedCase(name, len(all)), Type: typ, At: asked})
	}
	for _, typ := range []string{"SOA", "NS", "DNSKEY"} {
		add(".", typ)
	}
	for _, tld := range z.TLDs() {
		if tld != "arpa." { // [unt]
			add(tld, "NS")
		}
		add(tld, "DS") // those without DS included: NODATA
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range negative {
		name := make([]byte, 10)
		for i := range name {
			name[i] = byte('a' + r.IntN(26))
		}
		add("www.rssac047-test."+string(name)+".", "A")
	}
	return all
}

// mixedCase turns letters into capitals as 0x20 does.
func mixedCase(name string, seed int) string {
	b := []byte(name)
	for i, c := range b {
		if 'a' <= c && c <= 'z' && (seed+i*i)%3 == 0 {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

var flavours = []lab.Flavour{lab.NSD, lab.Knot, lab.BIND}

// What the three kinds of servers answer from any version is correct by that
// version, over both transports.
func TestLabAnswersAreCorrect(t *testing.T) {
	zones := labZones()
	var judge correctness.Judge
	for _, z := range zones {
		judge.Zones = append([]*correctness.Zone{candidateOf(t, z)}, judge.Zones...)
	}
	for _, z := range zones {
		for _, q := range labQuestions(z, 30) {
			for i, f := range flavours {
				tcp := (len(q.Name)+i)%2 == 0
				wire, err := z.Answer(ask(t, q.Name, q.Type), f, "lab", tcp)
				if err != nil {
					t.Fatal(err)
				}
				r := judge.Judge(q, wire)
				if truncated := wire[2]&2 != 0; truncated {
					if r.Verdict != measurement.Unchecked || tags(r.Failures) != "hjw" {
						t.Errorf("%s %s/%s truncated: %+v", f, q.Name, q.Type, r)
					}
					continue
				}
				if r.Verdict != measurement.Correct {
					t.Errorf("%s %s/%s of zone %d: %s %q", f, q.Name, q.Type, z.Serial, r.Verdict, r.FailureTexts())
				}
				// The same long after: every answer has something signed.
				late := q
				late.At = expiration.Add(time.Second)
				if r := judge.Judge(late, wire); r.Verdict != measurement.Incorrect || tags(r.Failures) != "yds" || !strings.Contains(fmt.Sprint(r.Failures), "expired") {
					t.Errorf("%s %s/%s after the end: %s %q", f, q.Name, q.Type, r.Verdict, r.FailureTexts())
				}
			}
		}
	}
}

// bigLab is a zone of the real size.
var bigLab = sync.OnceValue(func() *lab.Zone {
	z, err := lab.Generate(lab.Options{Seed: 1, Serial: firstSerial, Inception: inception, Expiration: expiration})
	if err != nil {
		panic(err)
	}
	return z
})

// BenchmarkJudge judges answers in the mix that is asked: nine of ten positive,
// from a zone of the real size whose signatures were verified once (P4).
func BenchmarkJudge(b *testing.B) {
	z := bigLab()
	questions := labQuestions(z, len(z.TLDs())/5)
	judge := correctness.Judge{Zones: []*correctness.Zone{candidateOf(b, z)}}
	var wires [][]byte
	octets := 0
	for i, q := range questions {
		wire, err := z.Answer(ask(b, q.Name, q.Type), flavours[i%3], "lab", true)
		if err != nil {
			b.Fatal(err)
		}
		if r := judge.Judge(q, wire); r.Verdict != measurement.Correct {
			b.Fatalf("%s/%s: %q", q.Name, q.Type, r.FailureTexts())
		}
		wires = append(wires, wire)
		octets += len(wire)
	}
	order := rand.New(rand.NewPCG(1, 2)).Perm(len(wires))
	b.SetBytes(int64(octets / len(wires)))
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		n := order[i%len(order)]
		if judge.Judge(questions[n], wires[n]).Verdict != measurement.Correct {
			b.Fatal("not correct")
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "answers/s")
}

// BenchmarkJudgeFirst judges answers that were never seen before, as ingest and
// check do: by a zone that was proven when it was archived, indexed anew before each
// answer comes a second time (P4).
func BenchmarkJudgeFirst(b *testing.B) {
	whole := wholeOf(b, bigLab())
	benchmarkFirst(b, func() correctness.Judge {
		zone, err := correctness.NewZone(whole)
		if err != nil {
			b.Fatal(err)
		}
		zone.Prove()
		return correctness.Judge{Zones: []*correctness.Zone{zone}}
	})
}

// BenchmarkJudgeUnproven does so with cryptography for each answer.
func BenchmarkJudgeUnproven(b *testing.B) {
	judge := correctness.Judge{Zones: []*correctness.Zone{candidateOf(b, bigLab())}}.WithoutMemory()
	benchmarkFirst(b, func() correctness.Judge { return judge })
}

func benchmarkFirst(b *testing.B, judge func() correctness.Judge) {
	z := bigLab()
	questions := labQuestions(z, len(z.TLDs())/5)
	var wires [][]byte
	for i, q := range questions {
		wire, err := z.Answer(ask(b, q.Name, q.Type), flavours[i%3], "lab", true)
		if err != nil {
			b.Fatal(err)
		}
		wires = append(wires, wire)
	}
	var j correctness.Judge
	b.ResetTimer()
	for i := range b.N {
		n := i % len(wires)
		if n == 0 {
			b.StopTimer()
			j = judge()
			b.StartTimer()
		}
		if j.Judge(questions[n], wires[n]).Verdict != measurement.Correct {
			b.Fatal("not correct")
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "answers/s")
}

// BenchmarkNewZone reads, proves and indexes a zone of the real size.
func BenchmarkNewZone(b *testing.B) {
	whole := wholeOf(b, bigLab())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := correctness.NewZone(whole); err != nil {
			b.Fatal(err)
		}
	}
}

// wholeOf reads a zone as the archive does.
func wholeOf(t testing.TB, z *lab.Zone) *rootzone.Zone {
	t.Helper()
	var text strings.Builder
	if _, err := z.WriteTo(&text); err != nil {
		t.Fatal(err)
	}
	whole, err := rootzone.ReadWhole(strings.NewReader(text.String()), "lab")
	if err != nil {
		t.Fatal(err)
	}
	return whole
}
