package rootzone_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"mtric.net/mtric/engine/rootzone"
)

// keysOf are the DNSKEY records among these.
func keysOf(records []dns.RR) (keys []*dns.DNSKEY) {
	for _, rr := range records {
		if key, ok := rr.(*dns.DNSKEY); ok {
			keys = append(keys, key)
		}
	}
	return keys
}

// madeKey is a key signing key that signs nothing, another for each number.
func madeKey(n int) *dns.DNSKEY {
	key, err := dns.NewRR(fmt.Sprintf(". 172800 IN DNSKEY 257 3 8 AwEAAZ%04dab", n))
	if err != nil {
		panic(err)
	}
	return key.(*dns.DNSKEY)
}

// dsOf is the DS text of a key.
func dsOf(t testing.TB, key *dns.DNSKEY) string {
	t.Helper()
	ds, ok := rootzone.KeyDS(key)
	if !ok {
		t.Fatalf("no key signing key: %s", key)
	}
	return ds
}

func loadKeys(t testing.TB, path string) *rootzone.KeyNotes {
	t.Helper()
	n, err := rootzone.LoadKeys(path)
	must(t, err)
	return n
}

// TestKeyDS names keys as anchors do, whether they are revoked or not.
func TestKeyDS(t *testing.T) {
	lz := labZone(t, 1)
	want := anchor(lz).DS
	for _, key := range keysOf(lz.RRs()) {
		ds, ok := rootzone.KeyDS(key)
		if sep := key.Flags&dns.SEP != 0; ok != sep || sep && ds != strings.ToUpper(want) {
			t.Errorf("flags %d: %q, %v", key.Flags, ds, ok)
		}
		revoked := dns.Copy(key).(*dns.DNSKEY)
		revoked.Flags |= dns.REVOKE
		if again, _ := rootzone.KeyDS(revoked); again != ds || revoked.Flags&dns.REVOKE == 0 {
			t.Errorf("revoked: %q, want %q", again, ds)
		}
	}
	for _, change := range []func(*dns.DNSKEY){
		func(k *dns.DNSKEY) { k.Flags = dns.SEP }, func(k *dns.DNSKEY) { k.Flags = dns.ZONE },
		func(k *dns.DNSKEY) { k.Protocol = 2 }, func(k *dns.DNSKEY) { k.PublicKey = "" }, func(k *dns.DNSKEY) { k.PublicKey = "!" },
	} {
		key := madeKey(1)
		change(key)
		if ds, ok := rootzone.KeyDS(key); ok {
			t.Errorf("%s: %s", key, ds)
		}
	}
}

func TestKeyNotes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "State", rootzone.KeysName)
	lz := labZone(t, 1)
	n := loadKeys(t, path) // there is none yet
	must(t, n.Save())
	if _, err := os.Stat(path); err == nil {
		t.Error("a file about nothing")
	}
	n.Anchors = []rootzone.Anchor{{DS: anchor(lz).DS, Until: day(-1000)}} // whatever its dates
	later := signedAt.Add(time.Hour)
	n.Note(rootzone.InRefused, append(keysOf(lz.RRs()), madeKey(1)), "internic "+strings.Repeat("é", 300), signedAt)
	n.Note(rootzone.InAnswer, []*dns.DNSKEY{madeKey(1)}, "a", signedAt)
	n.Note(rootzone.InAnswer, []*dns.DNSKEY{madeKey(1), nil}, "b", later)
	must(t, n.Save())

	all := loadKeys(t, path).Notes()
	if len(all) != 2 {
		t.Fatalf("%+v", all)
	}
	if s := all[0].Source; len(s) > 200 || !strings.HasPrefix(s, "internic é") || strings.ContainsRune(s, '\uFFFD') {
		t.Errorf("source %q", s)
	}
	want := rootzone.KeyNote{Tag: madeKey(1).KeyTag(), Algorithm: 8, DS: dsOf(t, madeKey(1)), Where: rootzone.InAnswer, Source: "b", First: signedAt, Last: later}
	if d := cmp.Diff(want, all[1]); d != "" {
		t.Errorf("(-want +got): %s", d)
	}

	for ds, want := range map[string]int{
		strings.ToLower(want.DS): 0, madeKey(1).ToDS(dns.SHA384).String()[len(".\t172800\tIN\tDS\t"):]: 0,
		dsOf(t, madeKey(2)): 2, fmt.Sprintf("%d 8 2 %064X", want.Tag, 1): 2,
	} {
		n = loadKeys(t, path)
		n.Anchors = []rootzone.Anchor{{DS: ds}}
		if got := n.Unanchored(later); len(got) != want || want > 0 && got[0].Where != rootzone.InRefused {
			t.Errorf("anchor %s: %+v", ds, got)
		}
	}

	revoked := madeKey(1) // the same key, under another tag
	revoked.Flags |= dns.REVOKE
	n = loadKeys(t, path)
	n.Note(rootzone.InAnswer, []*dns.DNSKEY{revoked}, "c", later)
	must(t, n.Save())
	if again := loadKeys(t, path).Notes(); len(again) != 2 || !again[1].Revoked || again[1].DS != want.DS || again[1].Tag != want.Tag {
		t.Errorf("%+v", again)
	}
	if again := loadKeys(t, path).Unanchored(later); len(again) != 1 || again[0].Revoked {
		t.Errorf("%+v", again)
	}
}

// TestKeyNotesForAMonth: what was met in an answer or a refused zone counts for 30 days.
func TestKeyNotesForAMonth(t *testing.T) {
	month := 30 * 24 * time.Hour
	for _, c := range []struct {
		where string
		after time.Duration
		want  bool
	}{
		{rootzone.InAnswer, month - time.Second, true}, {rootzone.InAnswer, month, false},
		{rootzone.InRefused, month - time.Second, true}, {rootzone.InRefused, month, false},
		{rootzone.InZone, 10 * month, true},
		{rootzone.InAnswer, -time.Hour, true}, {rootzone.InAnswer, -48 * time.Hour, false}, // by a clock that was ahead
	} {
		if got := (rootzone.KeyNote{Where: c.where, Last: signedAt}).Counts(signedAt.Add(c.after)); got != c.want {
			t.Errorf("%s after %s: %v", c.where, c.after, got)
		}
	}
}

// TestKeyNotesAreBounded: made-up keys, which any server can send, take the place of
// others that were met in answers, never of what was met elsewhere.
func TestKeyNotesAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), rootzone.KeysName)
	n := loadKeys(t, path)
	n.Note(rootzone.InZone, []*dns.DNSKEY{madeKey(1000)}, "zone", signedAt)
	n.Note(rootzone.InRefused, []*dns.DNSKEY{madeKey(1001)}, "source", signedAt)
	for i := range 100 {
		n.Note(rootzone.InAnswer, []*dns.DNSKEY{madeKey(i)}, "a", signedAt.Add(time.Duration(i)*time.Minute))
	}
	must(t, n.Save())
	all := loadKeys(t, path).Notes()
	has := func(n int) bool {
		return slices.ContainsFunc(all, func(k rootzone.KeyNote) bool { return k.DS == dsOf(t, madeKey(n)) })
	}
	if len(all) != 64 || !has(1000) || !has(1001) || !has(99) || !has(38) || has(37) {
		t.Errorf("%d notes, %+v", len(all), all)
	}
	many := make([]*dns.DNSKEY, 0, 100)
	for i := range 100 {
		many = append(many, madeKey(2000+i))
	}
	n.Note(rootzone.InRefused, many, "one zone", signedAt)
	if got := len(n.Notes()); got > 64 || !has(1000) {
		t.Errorf("%d notes", got)
	}
	all = n.Notes()
	if !has(99) { // one zone does not take all the room
		t.Errorf("%+v", all)
	}
}

// TestKeyNotesThatAreDamaged begin anew, say so, and are whole after the next Save.
func TestKeyNotesThatAreDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), rootzone.KeysName)
	good := loadKeys(t, path)
	good.Note(rootzone.InAnswer, []*dns.DNSKEY{madeKey(1)}, "a", signedAt)
	must(t, good.Save())
	text, err := os.ReadFile(path)
	must(t, err)
	for _, c := range []struct {
		name, text string
		left       int
	}{
		{"cut", string(text[:len(text)/2]), 0}, {"empty", "", 0}, {"no object", "[]", 0}, {"null", "null", 0},
		{"too long", strings.Repeat(" ", 1<<20) + string(text), 0},
		{"no DS", strings.Replace(string(text), `"ds": "`, `"ds": "x`, 1), 0},
		{"another place", strings.Replace(string(text), `"answer"`, `"elsewhere"`, 1), 0},
		{"another tag", strings.Replace(string(text), `"tag": `, `"tag": 1`, 1), 0},
		{"no time", strings.ReplaceAll(string(text), "2026-11-20", "0001-01-01"), 0},
	} {
		must(t, os.WriteFile(path, []byte(c.text), 0o600))
		n, err := rootzone.LoadKeys(path)
		if err == nil || !strings.Contains(err.Error(), path) || len(n.Notes()) != c.left {
			t.Errorf("%s: %v, %v", c.name, n.Notes(), err)
		}
		must(t, n.Save())
		loadKeys(t, path)
	}
}

// TestKeyNotesOfTwoAtOnce: zone fetch and ingest both write the file, and neither
// takes away what the other found.
func TestKeyNotesOfTwoAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), rootzone.KeysName)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			n, err := rootzone.LoadKeys(path)
			if err == nil {
				n.Note(rootzone.InAnswer, []*dns.DNSKEY{madeKey(i)}, "a", signedAt)
				err = n.Save()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := loadKeys(t, path).Notes(); len(n) != 8 {
		t.Errorf("%d notes", len(n))
	}
}

// TestRefusalHasTheKeys: of a zone that was refused remains by which keys it was.
func TestRefusalHasTheKeys(t *testing.T) {
	mine, other := labZone(t, 1), labZone(t, 2)
	f := fetcher(t, mine)
	r, err := f.Fetch(t.Context(), []rootzone.Source{file(t, text(other.RRs())), file(t, "<html>\n"), file(t, text(mine.RRs()))})
	must(t, err)
	if len(r.Refusals) != 2 || len(r.Refusals[1].Keys) != 0 {
		t.Fatalf("%+v", r.Refusals)
	}
	if got, want := r.Refusals[0].Keys, keysOf(other.RRs()); len(got) != len(want) || r.Refusals[0].Kind != rootzone.WrongKey {
		t.Errorf("%s: keys %v", r.Refusals[0].Kind, got)
	}
	expired := fetcher(t, mine)
	expired.Now = func() time.Time { return *day(20) }
	r, _ = expired.Fetch(t.Context(), []rootzone.Source{file(t, text(mine.RRs()))})
	if len(r.Refusals) != 1 || r.Refusals[0].Kind != rootzone.Bogus || len(r.Refusals[0].Keys) != 2 {
		t.Errorf("%+v", r.Refusals)
	}
}
