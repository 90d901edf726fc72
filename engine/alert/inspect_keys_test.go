package alert_test

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/rootzone"
)

// ksk is a key signing key that signs nothing; other letters make another key.
func ksk(t *testing.T, letters string) (*dns.DNSKEY, string) {
	t.Helper()
	rr, err := dns.NewRR(". 172800 IN DNSKEY 257 3 8 AwEAAZ" + letters)
	if err != nil {
		t.Fatal(err)
	}
	ds, ok := rootzone.KeyDS(rr.(*dns.DNSKEY))
	if !ok {
		t.Fatal(rr)
	}
	return rr.(*dns.DNSKEY), ds
}

// archive gives the machine a zone that was signed at that time for 14 days, with
// further keys whose signature is therefore missing, and an anchor of its own key.
func archive(t *testing.T, l *alert.Inspector, signed time.Time, more ...*dns.DNSKEY) (ds string) {
	t.Helper()
	z, err := lab.Generate(lab.Options{Seed: 1, Serial: 2026110100, TLDs: 3, Inception: signed, Expiration: signed.AddDate(0, 0, 14)})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, rr := range z.RRs() {
		text.WriteString(rr.String() + "\n")
	}
	for _, key := range more {
		text.WriteString(key.String() + "\n")
	}
	dir := filepath.Join(l.Output, "RootZones")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "2026110100.root.txt"), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	_, ds, _ = strings.Cut(z.DS(), "DS\t")
	l.Plan.Anchors = []plan.Anchor{{Label: "own", DS: ds, Until: &signed}} // whatever its dates
	return strings.ToUpper(ds)
}

// TestLookAtKeys: where keys are met that no anchor is of, where one is revoked, and
// how long the signatures hold, on either kind of machine.
func TestLookAtKeys(t *testing.T) {
	for _, machine := range []string{"c00", "101"} {
		l := newLooker(t, machine)
		if k := look(t, l).Keys; len(k.Unanchored)+len(k.Revoked) > 0 || k.DaysLeft != nil {
			t.Errorf("%s without a zone: %+v", machine, k)
		}
		own := archive(t, l, l.Now.Add(-4*24*time.Hour-12*time.Hour))
		if k := look(t, l).Keys; len(k.Unanchored)+len(k.Revoked) > 0 || k.DaysLeft == nil || math.Abs(*k.DaysLeft-9.5) > 1e-9 {
			t.Errorf("%s: %+v", machine, k)
		}
		l.Now = l.Now.AddDate(0, 0, 10)
		if k := look(t, l).Keys; k.DaysLeft == nil || math.Abs(*k.DaysLeft+0.5) > 1e-9 {
			t.Errorf("%s, the signatures are over: %+v", machine, k)
		}
		l.Plan.Anchors = nil
		if k := look(t, l).Keys; !slices.Equal(k.Unanchored, []string{own}) {
			t.Errorf("%s without anchors: %+v", machine, k)
		}
	}
}

func TestLookAtKeysMet(t *testing.T) {
	l := newLooker(t, "c00")
	next, nextDS := ksk(t, "nextab")
	refused, refusedDS := ksk(t, "refuse")
	answer, answerDS := ksk(t, "answer")
	old, _ := ksk(t, "oldold")
	gone, goneDS := ksk(t, "goneab")
	gone.Flags |= dns.REVOKE
	archive(t, l, l.Now.AddDate(0, 0, -1), next, gone)
	notes, err := rootzone.LoadKeys(filepath.Join(l.State, rootzone.KeysName))
	if err != nil {
		t.Fatal(err)
	}
	notes.Note(rootzone.InAnswer, []*dns.DNSKEY{old}, "a", l.Now.AddDate(0, 0, -30))
	notes.Note(rootzone.InAnswer, []*dns.DNSKEY{answer, next}, "a", l.Now)
	notes.Note(rootzone.InRefused, []*dns.DNSKEY{refused}, "internic", l.Now.AddDate(0, 0, -29))
	notes.Note(rootzone.InZone, []*dns.DNSKEY{old}, "2026103000.root.txt", l.Now) // the newest zone says it by itself
	unrevoked := *gone
	unrevoked.Flags &^= dns.REVOKE
	notes.Note(rootzone.InAnswer, []*dns.DNSKEY{&unrevoked}, "a server that is behind", l.Now)
	if err := notes.Save(); err != nil {
		t.Fatal(err)
	}
	k := look(t, l).Keys
	if want := []string{nextDS, refusedDS, answerDS}; !slices.Equal(k.Unanchored, want) {
		t.Errorf("unanchored %v, want %v", k.Unanchored, want)
	}
	if !slices.Equal(k.Revoked, []string{goneDS}) {
		t.Errorf("revoked %v, want %s", k.Revoked, goneDS)
	}
	if k.DaysLeft != nil { // the keys were changed after they were signed
		t.Errorf("%v days left", *k.DaysLeft)
	}
	l.Plan.Anchors = append(l.Plan.Anchors, plan.Anchor{Label: "next", DS: nextDS}, plan.Anchor{Label: "x", DS: answerDS})
	if k := look(t, l).Keys; !slices.Equal(k.Unanchored, []string{refusedDS}) {
		t.Errorf("unanchored %v", k.Unanchored)
	}
	var many []*dns.DNSKEY
	for _, c := range "abcdefghijklmnopqrstuvwxyz" {
		key, _ := ksk(t, "many"+string(c)+"a")
		many = append(many, key)
	}
	for i := range many {
		notes.Note(rootzone.InAnswer, many[i:i+1], "a", l.Now, "101")
	}
	two, twoDS := ksk(t, "twotwo")
	notes.Note(rootzone.InAnswer, []*dns.DNSKEY{two}, "a", l.Now, "101")
	notes.Note(rootzone.InAnswer, []*dns.DNSKEY{two}, "a", l.Now, "301")
	if err := notes.Save(); err != nil {
		t.Fatal(err)
	}
	k = look(t, l).Keys
	if len(k.Unanchored) != 20 || k.Unanchored[0] != refusedDS || k.Unanchored[1] != twoDS {
		t.Errorf("%d unanchored, %v", len(k.Unanchored), k.Unanchored)
	}
	if len(k.Alone) < 18 || k.Alone[twoDS]+k.Alone[refusedDS] != "" || k.Alone[k.Unanchored[19]] != "101" {
		t.Errorf("of one vantage point: %v", k.Alone)
	}
	damage(t, filepath.Join(l.State, rootzone.KeysName))
	if k := look(t, l).Keys; len(k.Unanchored) != 0 || len(k.Revoked) != 1 {
		t.Errorf("with a damaged file: %+v", k)
	}
}

func damage(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestKeyAlerts: each key has an alert of its own, which ends when the plan knows the
// key, and one that is revoked another.
func TestKeyAlerts(t *testing.T) {
	now := noon
	b, _ := newCollector(t, &now)
	rules, l := compile(t, "rssac047", "", "")
	if rules == nil {
		t.Fatal(l.Error())
	}
	b.Rules = rules
	_, one := ksk(t, "oneone")
	_, two := ksk(t, "twotwo")
	for _, keys := range []alert.KeyFacts{{Unanchored: []string{one}}, {Unanchored: []string{one, two}}, {Unanchored: []string{two}, Revoked: []string{one}}, {}} {
		now = now.Add(30 * time.Minute)
		if _, err := b.EvaluateMachine(alert.Machine{Keys: keys}, "collector"); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, line := range lines(t, b) {
		for name, key := range map[string]string{"one": one, "two": two} {
			if words := strings.Fields(line); strings.Contains(line, ` key="`+key+`" `) {
				got = append(got, strings.Join([]string{words[3], words[4], name}, " "))
			}
		}
	}
	want := []string{"FIRING rule=new-key one", "FIRING rule=new-key two", "RESOLVED rule=new-key one", "FIRING rule=key-revoked one", "RESOLVED rule=new-key two", "RESOLVED rule=key-revoked one"}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("lines %q", got)
	}
}

// TestExpiringNeverFiresInTheRhythmOfTheRoot lives through six years of genuine rhythm,
// hour by hour: zones twice a day, signed for 13 days; the keys signed for 21 days in
// slots of ten days, the last of which lasts until the quarter ends. Even when zones
// fail to come for 60 hours, at any moment, the rule is silent; it speaks a week before
// the end when no zone comes any more.
func TestExpiringNeverFiresInTheRhythmOfTheRoot(t *testing.T) {
	slot := func(at time.Time) time.Time {
		quarter := time.Date(at.Year(), (at.Month()-1)/3*3+1, 1, 0, 0, 0, 0, time.UTC)
		return quarter.AddDate(0, 0, min(int(at.Sub(quarter)/(240*time.Hour)), 8)*10)
	}
	left := func(published, now time.Time) float64 {
		keys, soa := slot(published).AddDate(0, 0, 21), published.Add(13*24*time.Hour)
		return min(keys.Sub(now), soa.Sub(now)).Hours() / 24
	}
	least := math.Inf(1)
	begin := time.Date(2024, 1, 1, 5, 0, 0, 0, time.UTC)
	for published := begin; published.Year() < 2030; published = published.Add(12 * time.Hour) {
		least = min(least, left(published, published.Add(60*time.Hour)))
	}
	now := noon
	b, _ := newCollector(t, &now)
	rules, l := compile(t, "rssac047", "", "")
	if rules == nil {
		t.Fatal(l.Error())
	}
	b.Rules = rules
	fires := func(days float64) bool {
		r, err := b.EvaluateMachine(alert.Machine{Keys: alert.KeyFacts{DaysLeft: &days}}, "collector")
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(r.Firing, func(s *alert.Status) bool { return s.Rule == "signatures-expiring" })
	}
	if least < 6.7 || fires(least) {
		t.Errorf("fires with %.2f days left, which the root's own rhythm comes to", least)
	}
	if !fires(5.9) || fires(13) {
		t.Error("does not fire near the end, or does not end")
	}
}
