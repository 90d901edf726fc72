package rootzone_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/rootzone"
)

// named are sources with these zones, called a, b, ….
func named(t testing.TB, zones ...*lab.Zone) []rootzone.Source {
	t.Helper()
	var all []rootzone.Source
	for i, z := range zones {
		s := file(t, "<html></html>\n")
		if z != nil {
			s = file(t, text(z.RRs()))
		}
		s.Label = string(rune('a' + i))
		all = append(all, s)
	}
	return all
}

// undigested are the records of a zone whose ZONEMD is of a private kind, the SOA
// record first, and a fetcher that believes it.
func undigested(t *testing.T) ([]dns.RR, *rootzone.Fetcher) {
	t.Helper()
	signer := newSigner(t)
	unsigned := slices.Clone(versions(t, 1)[0].RRs())
	for i, rr := range unsigned {
		if md, is := rr.(*dns.ZONEMD); is {
			private := dns.Copy(md).(*dns.ZONEMD)
			private.Hash = 241
			unsigned[i] = private
		}
	}
	records := signer.sign(t, text(unsigned)).records
	at := slices.IndexFunc(records, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeSOA })
	records[0], records[at] = records[at], records[0]
	return records, &rootzone.Fetcher{Dir: filepath.Join(t.TempDir(), "RootZones"), Anchors: []rootzone.Anchor{signer.anchor},
		Now: func() time.Time { return fetchedAt }}
}

// All sources are asked: each good one is on record, in order; a newer zone of a later
// one is taken, and what is older than it then is older.
func TestFetchAsksAll(t *testing.T) {
	z := versions(t, 3)
	for _, c := range []struct {
		name    string
		zones   []*lab.Zone // nil: a web page
		records []uint32
		newest  string // label
		kinds   []rootzone.Kind
	}{
		{"all the same", []*lab.Zone{z[1], z[1], z[1]}, []uint32{2026112001, 2026112001, 2026112001}, "a", nil},
		{"a newer one last", []*lab.Zone{z[1], z[1], z[2]}, []uint32{2026112001, 2026112001, 2026112002}, "c", nil},
		{"a newer one first", []*lab.Zone{z[2], z[1], z[2]}, []uint32{2026112002, 2026112002}, "a", []rootzone.Kind{rootzone.OlderSerial}},
		{"a newer one between", []*lab.Zone{z[1], z[2], z[1], z[2]}, []uint32{2026112001, 2026112002, 2026112002}, "b", []rootzone.Kind{rootzone.OlderSerial}},
		{"older than at hand", []*lab.Zone{z[0], z[1]}, []uint32{2026112001}, "b", []rootzone.Kind{rootzone.OlderSerial}},
		{"one is broken", []*lab.Zone{nil, z[1], nil}, []uint32{2026112001}, "b", []rootzone.Kind{rootzone.NotZone, rootzone.NotZone}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := fetcher(t, z[0])
			fetch(t, f, file(t, text(z[1].RRs())))
			steps := 0
			f.Progress = func() { steps++ }
			clock := fetchedAt
			f.Now = func() time.Time { clock = clock.Add(time.Second); return clock }
			r := fetch(t, f, named(t, c.zones...)...)
			if steps != len(c.zones) || r.Source[:1] != c.newest || r.Serial != slices.MaxFunc(c.records, rootzone.Compare) {
				t.Errorf("%d steps, %+v", steps, r.Record)
			}
			var serials []uint32
			for _, rec := range r.Records {
				serials = append(serials, rec.Serial)
			}
			var kinds []rootzone.Kind
			for _, x := range r.Refusals {
				kinds = append(kinds, x.Kind)
			}
			if !slices.Equal(serials, c.records) || !slices.Equal(kinds, c.kinds) {
				t.Errorf("records of %v, refusals %v", serials, r.Refusals)
			}
			all := records(t, f)
			if diff := cmp.Diff(r.Records, all[1:]); diff != "" {
				t.Errorf("on record: %s", diff)
			}
			if !slices.IsSortedFunc(all, func(a, b rootzone.Record) int { return a.At.Compare(b.At) }) {
				t.Errorf("not in order: %v", all)
			}
		})
	}
}

// Sources that lack a zone are news only when it has been at hand for three hours.
func TestFetchOlderIsNoNewsAtFirst(t *testing.T) {
	z := versions(t, 3)
	for _, c := range []struct {
		name   string
		came   []time.Duration // zones 1 and 2 came so long before
		lose   bool            // the records
		young  bool
		source int // has this zone
	}{
		{"just now", []time.Duration{0}, false, true, 0},
		{"three hours ago", []time.Duration{3 * time.Hour}, false, true, 0},
		{"longer ago", []time.Duration{3*time.Hour + time.Second}, false, false, 0},
		{"the second that it lacks came just now", []time.Duration{12 * time.Hour, 0}, false, false, 0},
		{"it lacks only what came just now", []time.Duration{12 * time.Hour, 0}, false, true, 1},
		{"no record: the file is old", []time.Duration{0}, true, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := fetcher(t, z[0])
			for i, ago := range c.came {
				f.Now = func() time.Time { return fetchedAt.Add(-ago) }
				fetch(t, f, file(t, text(z[i+1].RRs())))
			}
			if c.lose {
				must(t, os.Remove(rootzone.RecordsFile(f.Dir)))
				old := fetchedAt.Add(-24 * time.Hour)
				must(t, os.Chtimes(filepath.Join(f.Dir, "2026112001.root.txt"), old, old))
			}
			f.Now = func() time.Time { return fetchedAt }
			before := len(records(t, f))
			r, err := f.Fetch(context.Background(), named(t, z[c.source]))
			if !errors.Is(err, rootzone.ErrNoSource) || len(r.Refusals) != 1 || r.Refusals[0].Kind != rootzone.OlderSerial || r.Refusals[0].Young != c.young {
				t.Errorf("error %v, refusals %+v", err, r.Refusals)
			}
			if len(records(t, f)) != before {
				t.Error("it counts as a fetch")
			}
		})
	}
}

// What came before an interruption stays, and so does what servers said of it.
func TestFetchInterruptedMidway(t *testing.T) {
	z := versions(t, 1)
	f := fetcher(t, z[0])
	server := &validating{zone: z[0]}
	s := site(t, f, server.ServeHTTP)
	ctx, cancel := context.WithCancel(context.Background())
	f.Progress = cancel
	r, err := f.Fetch(ctx, []rootzone.Source{s, file(t, text(z[0].RRs()))})
	if !errors.Is(err, context.Canceled) || len(r.Records) != 1 || len(records(t, f)) != 1 {
		t.Errorf("error %v, %+v", err, r)
	}
	f.Progress = nil
	if fetch(t, f, s); server.full != 1 {
		t.Errorf("%d sent in full", server.full)
	}
}

// A zone that no digest covers is transferred from a second source, once.
func TestUndigestedZoneNeedsTwoSources(t *testing.T) {
	z, f := undigested(t)
	first, second, third := &primary{rrs: z}, &primary{rrs: z}, &primary{rrs: z}
	sources := []rootzone.Source{first.source(t, "a"), second.source(t, "b"), third.source(t, "c")}
	step := func(name string, n int, want int, unchanged ...bool) {
		t.Helper()
		r := fetch(t, f, sources[:n]...)
		var got []bool
		for _, rec := range r.Records {
			got = append(got, rec.Unchanged)
		}
		if !slices.Equal(got, unchanged) {
			t.Errorf("%s: unchanged %v, want %v", name, got, unchanged)
		}
		if got := rootzone.Sources(records(t, f), r.Serial, r.SHA256); got != want {
			t.Errorf("%s: %d sources, want %d", name, got, want)
		}
	}
	step("one source", 1, 1, false)
	step("the same again", 1, 1, true)
	step("a second", 2, 2, true, false)
	step("a third", 3, 2, true, true, true)
	if first.transfers != 1 || second.transfers != 1 || third.transfers != 0 {
		t.Errorf("transfers %d, %d, %d", first.transfers, second.transfers, third.transfers)
	}
	must(t, os.Remove(rootzone.RecordsFile(f.Dir)))
	step("the records are lost", 3, 2, false, false, true)
}

func TestSources(t *testing.T) {
	rec := func(source string, change ...func(*rootzone.Record)) rootzone.Record {
		r := rootzone.Record{At: fetchedAt, Serial: 7, Source: source, SHA256: "ab"}
		for _, f := range change {
			f(&r)
		}
		return r
	}
	hand := func(r *rootzone.Record) { r.ByHand = true }
	still := func(r *rootzone.Record) { r.Unchanged = true }
	for _, c := range []struct {
		name    string
		records []rootzone.Record
		want    int
	}{
		{"none", nil, 0},
		{"one", []rootzone.Record{rec("a https://a/")}, 1},
		{"one twice", []rootzone.Record{rec("a https://a/"), rec("a axfr a:53")}, 1},
		{"two", []rootzone.Record{rec("a https://a/"), rec("b https://b/")}, 2},
		{"one that only has it", []rootzone.Record{rec("a https://a/"), rec("b axfr b:53", still)}, 1},
		{"one that gave it once", []rootzone.Record{rec("a https://a/"), rec("b axfr b:53"), rec("b axfr b:53", still)}, 2},
		{"another serial", []rootzone.Record{rec("a https://a/", func(r *rootzone.Record) { r.Serial = 8 })}, 0},
		{"other records", []rootzone.Record{rec("a https://a/"), rec("b https://b/", func(r *rootzone.Record) { r.SHA256 = "cd" })}, 1},
		{"without sha256", []rootzone.Record{rec("a https://a/", func(r *rootzone.Record) { r.SHA256 = "" })}, 0},
		{"a file by hand", []rootzone.Record{rec("a https://a/"), rec("file x", hand)}, 2},
		{"two files by hand", []rootzone.Record{rec("file x", hand), rec("file y z", hand), rec("file x", hand)}, 2},
		{"by serial", []rootzone.Record{rec("a https://a/"), rec("peer https://p/7.root.txt", hand), rec("peer https://p/x/7.root.txt", hand)}, 2},
		{"of an older version", []rootzone.Record{rec("internic"), rec("internic")}, 1},
	} {
		if got := rootzone.Sources(c.records, 7, "ab"); got != c.want {
			t.Errorf("%s: %d sources, want %d", c.name, got, c.want)
		}
	}
	if got := rootzone.Sources([]rootzone.Record{rec("a", func(r *rootzone.Record) { r.SHA256 = "" })}, 7, ""); got != 0 {
		t.Errorf("without sha256 on both sides: %d sources", got)
	}
}

// A source that gives nothing is no news while another does, until it has given
// nothing for a day.
func TestSilentSource(t *testing.T) {
	good, bad := "good", "bad"
	lz := labZone(t, 1)
	dir := t.TempDir()
	for _, name := range []string{good, bad} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text(lz.RRs())), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	now := *day(1)
	f := &rootzone.Fetcher{Dir: t.TempDir(), Anchors: []rootzone.Anchor{anchor(lz)}, Now: func() time.Time { return now }}
	sources := []rootzone.Source{{Label: good, File: filepath.Join(dir, good)}, {Label: bad, File: filepath.Join(dir, bad)}}
	fetch := func() []*rootzone.Refusal {
		t.Helper()
		r, err := f.Fetch(t.Context(), sources)
		if err != nil {
			t.Fatal(err)
		}
		return r.Refusals
	}
	if refusals := fetch(); len(refusals) != 0 {
		t.Fatal(refusals)
	}
	if err := os.Remove(filepath.Join(dir, bad)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		later time.Duration
		young bool
	}{{24*time.Hour - time.Second, true}, {24 * time.Hour, false}} {
		now = day(1).Add(c.later)
		if refusals := fetch(); len(refusals) != 1 || refusals[0].Kind != rootzone.Unavailable || refusals[0].Young != c.young {
			t.Errorf("after %s: %+v", c.later, refusals)
		}
	}
}
