package correctness_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/lab/kinds"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics/correctness"
)

// The archive and the judge are one law: what of a drawn zone is archived, and what of
// the answers made from it is correct, is what the DNS library says of the signatures
// alone. An archived zone makes none of its own answers incorrect; an answer that
// carries only signatures that count for nothing is never correct.
func TestArchiveAndJudgeAreOneLaw(t *testing.T) {
	counts := map[string]int{}
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 1))
		d := draw(t, r)
		l := libraryOf(d.records())
		unauthentic, archive := l.archived(d)
		archived := false
		err := d.readErr
		if err == nil {
			err = d.whole.Validate(d.anchors, lawAt)
			archived = err == nil
			tellsWhich(t, seed, unauthentic, err)
		}
		if archived != archive {
			t.Fatalf("seed %d: archived %t, by the library %t; %v; not authentic %v; digests %+v", seed, archived, archive, err, unauthentic, d.digests)
		}
		counts[fmt.Sprintf("archived %t", archived)]++
		if d.readErr != nil {
			continue
		}
		zone, err := correctness.NewZone(d.whole)
		if err != nil {
			if archived {
				t.Errorf("seed %d: archived, and no zone to judge by: %v", seed, err)
			}
			continue
		}
		if archived && r.IntN(2) == 0 {
			zone.Prove()
		}
		askLaw(t, seed, d, l, zone, archived, counts)
		if t.Failed() {
			break
		}
	}
	t.Log(counts)
	for _, want := range []string{"archived true", "archived false", "correct", "incorrect", "unchecked", "worthless alone"} {
		if counts[want] < 20 {
			t.Errorf("%s: only %d", want, counts[want])
		}
	}
}

// tellsWhich wants every RRset that is not authentic among the reasons, where all are
// told and the keys are trusted; and no other.
func tellsWhich(t *testing.T, seed uint64, unauthentic []string, err error) {
	t.Helper()
	if err == nil || len(unauthentic) > 10 || errors.Is(err, rootzone.ErrAnchor) || strings.Contains(err.Error(), "not signed by the key of an anchor") {
		return
	}
	for _, set := range unauthentic {
		if !strings.Contains(err.Error(), set+": ") {
			t.Errorf("seed %d: %s is not authentic and not told: %v", seed, set, err)
		}
	}
	told := strings.Count(err.Error(), "signed by ") + strings.Count(err.Error(), ": no signature") + strings.Count(err.Error(), "the signature ")
	if len(unauthentic) == 0 && told > 0 {
		t.Errorf("seed %d: all are authentic: %v", seed, err)
	}
}

// askLaw asks the zone everything, as three kinds of servers answer.
func askLaw(t *testing.T, seed uint64, d drawn, l library, zone *correctness.Zone, archived bool, counts map[string]int) {
	judge := correctness.Judge{Zones: []*correctness.Zone{zone}}
	for _, q := range labQuestions(d.zone, 2) {
		q.At = lawAt
		for _, f := range flavours {
			wire := d.answer(t, q, f)
			got := judge.Judge(q, wire)
			want := l.verdict(t, wire)
			counts[string(got.Verdict)]++
			switch {
			case d.missing && got.Verdict == correct && want != "correct", !d.missing && string(got.Verdict) != want:
				t.Errorf("seed %d: %s/%s of %s: %s %q, by the library %s", seed, q.Name, q.Type, f, got.Verdict, got.FailureTexts(), want)
			case archived && got.Verdict != correct:
				t.Errorf("seed %d: %s/%s of %s: the archived zone's own answer is %s: %q", seed, q.Name, q.Type, f, got.Verdict, got.FailureTexts())
			}
			if again := judge.Judge(q, wire); again.Verdict != got.Verdict {
				t.Errorf("seed %d: %s/%s: %s, then %s", seed, q.Name, q.Type, got.Verdict, again.Verdict)
			}
			for _, bad := range l.withWorthless(t, wire) {
				counts["worthless alone"]++
				if r := judge.Judge(q, bad); r.Verdict == correct {
					t.Errorf("seed %d: %s/%s of %s: correct with worthless signatures alone", seed, q.Name, q.Type, f)
				}
			}
		}
	}
}

// signedSets are the RRsets of a message that the root signs, with their signatures.
func signedSets(m *dns.Msg) library {
	return libraryOf(slices.Concat(m.Answer, m.Ns, m.Extra))
}

// verdict is what the library makes of an answer whose records are all the zone's.
func (l library) verdict(t *testing.T, wire []byte) string {
	t.Helper()
	m := unpack(t, wire)
	in, worst := signedSets(m), "correct"
	for set, rrs := range in.sets {
		if !signs(set) || rrs[0].Header().Rrtype == dns.TypeOPT {
			continue
		}
		switch l.worth(rrs, in.sigs[set], l.keys, lawAt) {
		case "none":
			return "incorrect"
		case "unknown":
			worst = "unchecked"
		}
	}
	return worst
}

func unpack(t *testing.T, wire []byte) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(wire); err != nil {
		t.Fatal(err)
	}
	return m
}

// withWorthless are copies of the answer, each with those signatures over one RRset that
// count for something taken out, where others remain.
func (l library) withWorthless(t *testing.T, wire []byte) [][]byte {
	t.Helper()
	var all [][]byte
	in := signedSets(unpack(t, wire))
	for set, rrs := range in.sets {
		if !signs(set) || len(in.sigs[set]) < 2 {
			continue
		}
		counts := func(rr dns.RR) bool {
			sig, ok := rr.(*dns.RRSIG)
			return ok && nameOf(rr, sig.TypeCovered) == set && l.worth(rrs, []*dns.RRSIG{sig}, l.keys, lawAt) != "none"
		}
		m := unpack(t, wire)
		before := len(m.Answer) + len(m.Ns)
		m.Answer, m.Ns = slices.DeleteFunc(m.Answer, counts), slices.DeleteFunc(m.Ns, counts)
		if gone := before - len(m.Answer) - len(m.Ns); gone > 0 && gone < len(in.sigs[set]) {
			all = append(all, pack(t, m))
		}
	}
	return all
}

// Of each kind of zone that is archived the answers are correct, and those of the steps
// before and after in a roll are never broken by themselves.
func TestAnswersOfAllKinds(t *testing.T) {
	archived := 0
	for _, k := range kinds.All(inception) {
		z, err := k.Last(8, inception)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if _, err := z.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		d := drawn{zone: z}
		for _, key := range k.Anchors {
			d.anchors = append(d.anchors, rootzone.Anchor{DS: key.Anchor()})
		}
		whole, err := rootzone.ReadWhole(strings.NewReader(b.String()), k.Name)
		if err != nil || whole.Validate(d.anchors, lawAt) != nil {
			continue
		}
		archived++
		zone, err := correctness.NewZone(whole)
		if err != nil {
			t.Fatal(err)
		}
		zone.Prove()
		judge := correctness.Judge{Zones: []*correctness.Zone{zone}, Keys: zone.Keys()}
		for _, q := range labQuestions(z, 4) {
			q.At = lawAt
			for _, f := range []lab.Flavour{lab.NSD, lab.Knot, lab.BIND} {
				wire, err := z.Answer(ask(t, q.Name, q.Type), f, "lab", true)
				if err != nil {
					t.Fatal(err)
				}
				if r := judge.Judge(q, wire); r.Verdict != correct {
					t.Errorf("%s: %s/%s of %s: %s %q", k.Name, q.Name, q.Type, f, r.Verdict, r.FailureTexts())
				}
				if w := judge.Weigh(q, wire); len(w.Broken)+len(w.Expired) > 0 || w.Early {
					t.Errorf("%s: %s/%s of %s: %+v", k.Name, q.Name, q.Type, f, w)
				}
			}
		}
	}
	if archived < 40 {
		t.Errorf("%d kinds archived", archived)
	}
}
