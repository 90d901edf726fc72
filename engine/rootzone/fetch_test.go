package rootzone_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/rootzone"
)

// versions are n zones of one key, each newer than the one before.
func versions(t testing.TB, n int) []*lab.Zone {
	t.Helper()
	zones, err := lab.Sequence(lab.Options{Seed: 1, Serial: 2026112000, TLDs: 12, Inception: signedAt, Expiration: signedAt.AddDate(0, 0, 14)}, n)
	if err != nil {
		t.Fatal(err)
	}
	return zones
}

// fetchedAt is when the tests fetch.
var fetchedAt = signedAt.Add(36 * time.Hour)

// fetcher keeps an archive of its own and trusts the key of a zone.
func fetcher(t testing.TB, z *lab.Zone) *rootzone.Fetcher {
	t.Helper()
	return &rootzone.Fetcher{Dir: filepath.Join(t.TempDir(), "RootZones"), Anchors: []rootzone.Anchor{anchor(z)},
		Now: func() time.Time { return fetchedAt }}
}

// file is a source that reads this text.
func file(t testing.TB, text string) rootzone.Source {
	t.Helper()
	path := filepath.Join(t.TempDir(), "zone")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return rootzone.Source{Label: "disk", File: path}
}

// fetch takes a zone, which must work.
func fetch(t testing.TB, f *rootzone.Fetcher, sources ...rootzone.Source) rootzone.Result {
	t.Helper()
	r, err := f.Fetch(context.Background(), sources)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// refused fetches from one source, which must be refused so and leave the
// archive as it was.
func refused(t testing.TB, f *rootzone.Fetcher, s rootzone.Source, kind rootzone.Kind, want string) {
	t.Helper()
	before := content(t, f.Dir)
	r, err := f.Fetch(context.Background(), []rootzone.Source{s})
	if !errors.Is(err, rootzone.ErrNoSource) || len(r.Refusals) != 1 {
		t.Fatalf("error %v, refusals %v", err, r.Refusals)
	}
	if got := r.Refusals[0]; got.Kind != kind || !strings.Contains(got.Error(), want) {
		t.Errorf("refused as %s: %v\nwant %s: %q", got.Kind, got, kind, want)
	}
	if text := err.Error(); !strings.Contains(text, "source "+s.String()+": "+string(kind)) || strings.Count(text, s.Label+" ") != 1 {
		t.Errorf("the error does not name the source once: %v", err)
	}
	if after := content(t, f.Dir); !equal(before, after) {
		t.Errorf("the archive has changed: %d files, before %d", len(after), len(before))
	}
}

// content is what lies in a folder, by name.
func content(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(text)
	}
	return files
}

func equal(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			return false
		}
	}
	return true
}

func records(t testing.TB, f *rootzone.Fetcher) []rootzone.Record {
	t.Helper()
	all, err := rootzone.Records(f.Dir)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestFetchKeepsAndRecords(t *testing.T) {
	zones := versions(t, 2)
	f := fetcher(t, zones[0])
	old, next := file(t, text(zones[0].RRs())), file(t, text(zones[1].RRs()))
	first := fetch(t, f, old)
	if !first.Added || first.Serial != 2026112000 || first.Source != "disk file "+old.File || !first.At.Equal(fetchedAt) || first.ByHand {
		t.Errorf("first fetch %+v", first)
	}
	if sum, err := files.Sum(filepath.Join(f.Dir, "2026112000.root.txt")); err != nil || sum != first.SHA256 {
		t.Errorf("sha256 %s, of the file %s (%v)", first.SHA256, sum, err)
	}
	before := content(t, f.Dir)["2026112000.root.txt"]
	// The same zone in other words is the same zone.
	if again := fetch(t, f, file(t, text(upper(zones[0].RRs())))); again.Added || again.SHA256 != first.SHA256 {
		t.Errorf("second fetch %+v", again)
	}
	if third := fetch(t, f, next); !third.Added || third.Serial != 2026112001 {
		t.Errorf("third fetch %+v", third)
	}
	if content(t, f.Dir)["2026112000.root.txt"] != before {
		t.Error("the first zone was written again")
	}
	var added []bool
	for _, r := range records(t, f) {
		added = append(added, r.Added)
	}
	if !slices.Equal(added, []bool{true, false, true}) {
		t.Errorf("records %+v", records(t, f))
	}
	if serials, err := rootzone.Serials(f.Dir); err != nil || !slices.Equal(serials, []uint32{2026112000, 2026112001}) {
		t.Errorf("archive %v, %v", serials, err)
	}
}

// What is on record is when the source was asked, not when it was done.
func TestFetchRecordsWhenItAsked(t *testing.T) {
	zones := versions(t, 1)
	f := fetcher(t, zones[0])
	ticks := 0
	f.Now = func() time.Time {
		ticks++
		return fetchedAt.Add(time.Duration(ticks-1) * time.Minute)
	}
	if r := fetch(t, f, file(t, text(zones[0].RRs()))); !r.At.Equal(fetchedAt) {
		t.Errorf("on record for %s, asked at %s", r.At, fetchedAt)
	}
}

func TestFetchRefuses(t *testing.T) {
	zones := versions(t, 2)
	good := zones[1].RRs()
	whole := text(good)
	change := func(kind uint16, f func(dns.RR)) string {
		changed := slices.Clone(good)
		at := slices.IndexFunc(changed, func(rr dns.RR) bool { return rr.Header().Rrtype == kind && rr.Header().Name != "." })
		changed[at] = dns.Copy(changed[at])
		f(changed[at])
		return text(changed)
	}
	without := func(records []dns.RR, kinds ...uint16) string { // and without their signatures
		return text(slices.DeleteFunc(slices.Clone(records), func(rr dns.RR) bool {
			sig, isSig := rr.(*dns.RRSIG)
			return slices.Contains(kinds, rr.Header().Rrtype) || isSig && slices.Contains(kinds, sig.TypeCovered)
		}))
	}
	line := strings.LastIndexByte(whole[:len(whole)/2], '\n') + 1
	stranger := labZone(t, 2)
	for _, c := range []struct {
		name, text string
		kind       rootzone.Kind
		want       string
	}{
		{"empty", "", rootzone.NotZone, "empty"},
		{"cut within a line", whole[:len(whole)/2], rootzone.Truncated, "cut short: the last line has no end"},
		{"cut at a line's end", whole[:line], rootzone.Truncated, "not whole: "},
		{"a web page", "<!DOCTYPE html>\n<html>Not found</html>\n", rootzone.NotZone, "a web page"},
		{"a web page cut short", "\n <html><body>503", rootzone.NotZone, "a web page"},
		{"binary", "\x00\x01\x02\n", rootzone.NotZone, "zone disk: "},
		{"$INCLUDE", "$INCLUDE /etc/passwd\n" + whole, rootzone.NotZone, "$INCLUDE directive not allowed"},
		{"$GENERATE", whole + "$GENERATE 1-9 t$. 60 IN NS a.\n", rootzone.NotZone, "$GENERATE is not allowed"},
		{"two apexes", whole + ". 86400 IN SOA a. b. 1 1 1 1 1\n", rootzone.NotZone, "two different SOA records"},
		{"an RRset without end", whole + strings.Repeat("aaa. 60 IN NS a.\n", 300), rootzone.NotZone, "aaa./NS: more than 256 records"},
		{"glue changed", change(dns.TypeA, func(rr dns.RR) { rr.(*dns.A).A[3] ^= 1 }), rootzone.Bogus, "./ZONEMD: the digest is not the zone's"},
		{"DS changed", change(dns.TypeDS, func(rr dns.RR) { rr.(*dns.DS).KeyTag ^= 1 }), rootzone.Bogus, "/DS: "},
		{"ZONEMD taken out", without(good, dns.TypeZONEMD), rootzone.Bogus, "./ZONEMD: missing, though the NSEC record lists it"},
		{"ZONEMD and DS taken out", without(good, dns.TypeZONEMD, dns.TypeDS), rootzone.Bogus, "/DS: missing, though the NSEC record lists it"},
		{"NSEC taken out as well", without(good, dns.TypeZONEMD, dns.TypeDS, dns.TypeNSEC), rootzone.Bogus, "./NSEC: missing"},
		{"another's key", text(stranger.RRs()), rootzone.WrongKey, "no key of an anchor that is believed then"},
		{"an older serial", text(zones[0].RRs()), rootzone.OlderSerial, "serial 2026112000 is older than 2026112001, which is at hand"},
		{"too large", whole + strings.Repeat("; of no use\n", 1<<20), rootzone.TooLarge, "more than 8388608 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := fetcher(t, zones[0])
			fetch(t, f, file(t, whole))
			s := file(t, c.text)
			s.MaxSize = 8 << 20
			refused(t, f, s, c.kind, c.want)
		})
	}
	t.Run("expired", func(t *testing.T) {
		f := fetcher(t, zones[0])
		f.Now = func() time.Time { return signedAt.AddDate(0, 0, 15) }
		refused(t, f, file(t, whole), rootzone.Bogus, "at 2026-12-05T00:00:00Z: does not validate: ./DNSKEY: not signed by the key of an anchor: the signature is valid from ")
	})
	t.Run("no file", func(t *testing.T) {
		f := fetcher(t, zones[0])
		refused(t, f, rootzone.Source{Label: "disk", File: filepath.Join(t.TempDir(), "none")}, rootzone.Unavailable, "no such file")
		refused(t, f, rootzone.Source{Label: "disk", File: t.TempDir()}, rootzone.Unavailable, "not a regular file")
	})
}

// Other records under a serial that the archive has are refused, whoever was
// first, and so is a damaged file under it.
func TestFetchOverwritesNothing(t *testing.T) {
	zones := versions(t, 1)
	other, err := zones[0].NextVersion(lab.Revision{Serial: zones[0].Serial, Inception: signedAt.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	f := fetcher(t, zones[0])
	fetch(t, f, file(t, text(zones[0].RRs())))
	refused(t, f, file(t, text(other.RRs())), rootzone.OtherRecords, "2026112000.root.txt has other records")

	put(t, f.Dir, "2026112000.root.txt", "damaged\n")
	s := file(t, text(zones[0].RRs()))
	r, err := f.Fetch(context.Background(), []rootzone.Source{s})
	if !errors.Is(err, rootzone.ErrNoSource) || r.Refusals[0].Kind != rootzone.OtherRecords || len(r.Damaged) != 1 {
		t.Errorf("error %v, damaged %v", err, r.Damaged)
	}
	if content(t, f.Dir)["2026112000.root.txt"] != "damaged\n" {
		t.Error("the file in the archive was overwritten")
	}
}

// Files that are no good zones do not keep a good one out.
func TestFetchPassesOverDamagedFiles(t *testing.T) {
	zones := versions(t, 3)
	f := fetcher(t, zones[0])
	fetch(t, f, file(t, text(zones[1].RRs())))
	put(t, f.Dir, "2026112900.root.txt", "<html>\n")
	put(t, f.Dir, "2026113000.root.txt", strings.ReplaceAll(text(labZone(t, 2).RRs()), "2026112000", "2026113000"))
	r := fetch(t, f, file(t, text(zones[2].RRs())))
	if !r.Added || len(r.Damaged) != 2 || !strings.Contains(r.Damaged[0].Error(), "2026113000") {
		t.Errorf("result %+v", r)
	}
	refused(t, f, file(t, text(zones[0].RRs())), rootzone.OlderSerial, "older than 2026112002")
}

// However many files are damaged, an older zone than the newest good one is refused.
func TestFetchLooksBehindAllDamagedFiles(t *testing.T) {
	zones := versions(t, 2)
	f := fetcher(t, zones[0])
	fetch(t, f, file(t, text(zones[1].RRs())))
	for n := range 7 {
		put(t, f.Dir, rootzone.FileName(uint32(2026112900+n)), "<html>\n")
	}
	refused(t, f, file(t, text(zones[0].RRs())), rootzone.OlderSerial, "older than 2026112001")
	if r := fetch(t, f, file(t, text(zones[1].RRs()))); len(r.Damaged) != 5 {
		t.Errorf("damaged %v", r.Damaged)
	}
}

// For the first good zone the sources are asked in order, each once, until one is good.
func TestFetchGoesOn(t *testing.T) {
	zones := versions(t, 3)
	f := fetcher(t, zones[0])
	f.First = true
	fetch(t, f, file(t, text(zones[1].RRs())))
	steps := 0
	f.Progress = func() { steps++ }
	sources := []rootzone.Source{
		file(t, text(zones[0].RRs())),
		file(t, "<html></html>\n"),
		file(t, text(zones[2].RRs())),
		file(t, "never read"),
	}
	for i := range sources {
		sources[i].Label = string(rune('a' + i))
	}
	r := fetch(t, f, sources...)
	if r.Serial != 2026112002 || r.Source != sources[2].String() || steps != 3 {
		t.Errorf("%d steps, result %+v", steps, r)
	}
	var kinds []rootzone.Kind
	for _, x := range r.Refusals {
		kinds = append(kinds, x.Kind)
	}
	if !slices.Equal(kinds, []rootzone.Kind{rootzone.OlderSerial, rootzone.NotZone}) {
		t.Errorf("refusals %v", r.Refusals)
	}
	if _, err := f.Fetch(context.Background(), sources[:2]); !errors.Is(err, rootzone.ErrNoSource) || strings.Count(err.Error(), "; source ") != 2 {
		t.Errorf("error %v does not name both sources", err)
	}
}

func TestFetchInterrupted(t *testing.T) {
	zones := versions(t, 1)
	f := fetcher(t, zones[0])
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := f.Fetch(ctx, []rootzone.Source{{Label: "x", AXFR: "127.0.0.1:1"}, file(t, text(zones[0].RRs()))})
	if !errors.Is(err, context.Canceled) || errors.Is(err, rootzone.ErrNoSource) {
		t.Errorf("error %v", err)
	}
	if len(content(t, f.Dir)) != 0 {
		t.Error("something was kept")
	}
}

// What killed runs left goes, and nothing else does.
func TestFetchSweeps(t *testing.T) {
	zones := versions(t, 1)
	f := fetcher(t, zones[0])
	must(t, os.MkdirAll(f.Dir, 0o755))
	for _, name := range []string{".2026112000.root.txt123", ".fetches.jsonl9", ".validators.json77", ".mine", "notes.txt", ".root.txt"} {
		put(t, f.Dir, name, "x")
	}
	fetch(t, f, file(t, text(zones[0].RRs())))
	var names []string
	for name := range content(t, f.Dir) {
		names = append(names, name)
	}
	slices.Sort(names)
	if want := []string{".mine", ".root.txt", "2026112000.root.txt", "fetches.jsonl", "notes.txt"}; !slices.Equal(names, want) {
		t.Errorf("left %v, want %v", names, want)
	}
}

func zipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFetchGzippedFile(t *testing.T) {
	zones := versions(t, 1)
	f := fetcher(t, zones[0])
	gz := func(text string) rootzone.Source {
		s := file(t, text)
		if err := os.Rename(s.File, s.File+".gz"); err != nil {
			t.Fatal(err)
		}
		s.File += ".gz"
		return s
	}
	packed := zipped(t, text(zones[0].RRs()))
	refused(t, f, gz("no gzip at all"), rootzone.NotZone, "not gzipped")
	refused(t, f, gz(packed[:len(packed)/2]), rootzone.Truncated, "unexpected EOF")
	refused(t, f, gz(zipped(t, strings.Repeat("\n", 20<<20))), rootzone.TooLarge, "more than 16777216 bytes")
	if r := fetch(t, f, gz(packed)); !r.Added {
		t.Errorf("result %+v", r)
	}
}
