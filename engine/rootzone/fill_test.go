package rootzone_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/rootzone"
)

// peer is a source that has zones under addresses of their own; what it was asked for
// is noted.
type peer struct {
	texts map[string]string // by path
	asked []string
	code  int // answered to everything, where it is not 0
}

func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.asked = append(p.asked, strings.TrimPrefix(r.URL.Path, "/"))
	w.Header().Set("ETag", `"x"`)
	text, known := p.texts[r.URL.Path]
	switch {
	case p.code != 0:
		w.WriteHeader(p.code)
	case r.Header.Get("If-None-Match") != "":
		w.WriteHeader(http.StatusNotModified)
	case !known:
		http.NotFound(w, r)
	default:
		fmt.Fprint(w, text)
	}
}

// peers are sources of the fetcher called a, b, …; the i-th asks for /{i}/{serial}.
func peers(t testing.TB, f *rootzone.Fetcher, all ...*peer) []rootzone.Source {
	t.Helper()
	s := site(t, f, func(w http.ResponseWriter, r *http.Request) {
		p := all[r.URL.Path[1]-'a']
		r.URL.Path = r.URL.Path[2:]
		p.ServeHTTP(w, r)
	})
	var sources []rootzone.Source
	for i := range all {
		label := string(rune('a' + i))
		sources = append(sources, rootzone.Source{Label: label, URL: strings.Replace(s.URL, "root.zone", label+"/{serial}.root.txt", 1), Timeout: 30 * time.Second})
	}
	return sources
}

func has(zones ...[]dns.RR) *peer {
	p := &peer{texts: map[string]string{}}
	for _, rrs := range zones {
		p.texts[fmt.Sprintf("/%d.root.txt", rrs[0].(*dns.SOA).Serial)] = text(rrs)
	}
	return p
}

func TestFill(t *testing.T) {
	z := versions(t, 3)
	f := fetcher(t, z[0])
	fetch(t, f, file(t, text(z[2].RRs())))
	// Years later the signatures have expired: what counts is the time they were made.
	f.Now = func() time.Time { return signedAt.AddDate(5, 0, 0) }
	first, second := has(z[1].RRs()), has(z[0].RRs(), z[1].RRs())
	sources := peers(t, f, first, second)
	steps := 0
	f.Progress = func() { steps++ }
	got, err := f.Fill(context.Background(), append(sources, file(t, "never read")), []uint32{2026112002, 2026112001, 2026112000, 2026111900})
	must(t, err)
	if len(got.Records) != 2 || steps != 4 || !slices.Equal(got.Lacking, []uint32{2026111900}) || !slices.Equal(got.AtHand, []uint32{2026112002}) {
		t.Fatalf("%d steps, %+v", steps, got)
	}
	for i, label := range []string{"a", "b"} {
		r := got.Records[i]
		serial := uint32(2026112001 - i)
		if r.Serial != serial || r.Source != sources[i].Of(serial).String() || !strings.HasPrefix(r.Source, label+" ") || !r.ByHand || !r.Added || r.Unchanged || !r.At.Equal(f.Now()) {
			t.Errorf("%+v", r)
		}
		if strings.Contains(r.Source, "{") {
			t.Errorf("source %s", r.Source)
		}
	}
	if !slices.Equal(first.asked, []string{"2026112001.root.txt", "2026112000.root.txt", "2026111900.root.txt"}) || !slices.Equal(second.asked, []string{"2026112000.root.txt", "2026111900.root.txt"}) {
		t.Errorf("asked %v and %v", first.asked, second.asked)
	}
	if serials, err := rootzone.Serials(f.Dir); err != nil || !slices.Equal(serials, []uint32{2026112000, 2026112001, 2026112002}) {
		t.Errorf("archive %v, %v", serials, err)
	}
	if all := records(t, f); len(all) != 3 || !cmp.Equal(all[1:], got.Records) {
		t.Errorf("on record %+v", all)
	}
	if len(got.Refusals) != 3 || got.Refusals[0].Source != sources[0].Of(2026112000) || got.Refusals[0].Kind != rootzone.Unavailable {
		t.Errorf("refusals %v", got.Refusals)
	}
	// Conditional requests would answer "not modified" about another zone.
	if _, known := content(t, f.Dir)["validators.json"]; known {
		t.Error("validators of single zones are remembered")
	}
}

func TestFillRefuses(t *testing.T) {
	z := versions(t, 2)
	other := labZone(t, 2)
	cut := text(z[0].RRs())
	for _, c := range []struct {
		name, text string
		kind       rootzone.Kind
		want       string
	}{
		{"a newer zone", text(z[1].RRs()), rootzone.OtherSerial, "holds serial 2026112001"},
		{"a stranger's", text(other.RRs()), rootzone.WrongKey, "no key of an anchor"},
		{"a page", "<html></html>\n", rootzone.NotZone, "a web page"},
		{"cut", cut[:len(cut)/2], rootzone.Truncated, "cut short"},
		{"unsigned", strings.ReplaceAll(cut, "RRSIG\tSOA", "RRSIG\tTXT"), rootzone.Bogus, "no signature over SOA"},
		{"changed", strings.Replace(cut, "IN\tA\t198.", "IN\tA\t199.", 1), rootzone.Bogus, "ZONEMD"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := fetcher(t, z[0])
			p := &peer{texts: map[string]string{"/2026112000.root.txt": c.text}}
			got, err := f.Fill(context.Background(), peers(t, f, p), []uint32{2026112000})
			must(t, err)
			if len(got.Refusals) != 1 || got.Refusals[0].Kind != c.kind || !strings.Contains(got.Refusals[0].Error(), c.want) || !slices.Equal(got.Lacking, []uint32{2026112000}) {
				t.Errorf("%+v, %v", got, got.Refusals)
			}
			if len(content(t, f.Dir)) != 0 {
				t.Error("something was kept")
			}
		})
	}
	t.Run("a damaged file under its name", func(t *testing.T) {
		f := fetcher(t, z[0])
		fetch(t, f, file(t, text(z[1].RRs())))
		put(t, f.Dir, "2026112000.root.txt", "damaged\n")
		got, err := f.Fill(context.Background(), peers(t, f, has(z[0].RRs())), []uint32{2026112000})
		if err != nil || len(got.Refusals) != 1 || got.Refusals[0].Kind != rootzone.OtherRecords || len(got.Lacking) != 1 {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		f := fetcher(t, z[0])
		ctx, cancel := context.WithCancel(context.Background())
		f.Progress = cancel
		p := has(z[0].RRs(), z[1].RRs())
		got, err := f.Fill(ctx, peers(t, f, p), []uint32{2026112001, 2026112000})
		if !errors.Is(err, context.Canceled) || len(got.Records) != 1 || len(p.asked) != 1 {
			t.Errorf("%+v, %v, asked %v", got, err, p.asked)
		}
	})
}

// A source that is down costs its time once, however much is missing; one that lacks a
// zone is asked for the next.
func TestFillGivesUpWhoIsDown(t *testing.T) {
	z := versions(t, 2)
	for code, asked := range map[int]int{404: 2, 410: 2, 403: 2, 429: 1, 500: 1, 503: 1} {
		f := fetcher(t, z[0])
		p := &peer{code: code}
		got, err := f.Fill(context.Background(), peers(t, f, p), []uint32{2026112001, 2026112000})
		if err != nil || len(p.asked) != asked || len(got.Lacking) != 2 {
			t.Errorf("%d: asked %v, %+v, %v", code, p.asked, got, err)
		}
	}
	f := fetcher(t, z[0])
	good := has(z[0].RRs(), z[1].RRs())
	sources := append([]rootzone.Source{{Label: "gone", URL: "https://127.0.0.1:1/{serial}"}}, peers(t, f, good)...)
	got, err := f.Fill(context.Background(), sources, []uint32{2026112001, 2026112000})
	if err != nil || len(got.Records) != 2 || len(got.Refusals) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// A zone that no digest covers is asked for until two sources gave it.
func TestFillUndigested(t *testing.T) {
	rrs, f := undigested(t)
	const serial = 2026112000
	first, second, third := has(rrs), has(rrs), has(rrs)
	sources := peers(t, f, first, second, third)
	fill := func(sources ...rootzone.Source) rootzone.Filled {
		t.Helper()
		got, err := f.Fill(context.Background(), sources, []uint32{serial})
		must(t, err)
		return got
	}
	if got := fill(sources[0]); len(got.Records) != 1 || len(got.Lacking) != 0 {
		t.Errorf("%+v", got)
	}
	if got := fill(sources[0]); len(got.Records) != 0 || !slices.Equal(got.AtHand, []uint32{serial}) || len(first.asked) != 1 {
		t.Errorf("%+v, asked %v", got, first.asked)
	}
	if got := fill(sources...); len(got.Records) != 1 || got.Records[0].Added || len(first.asked) != 1 || len(third.asked) != 0 {
		t.Errorf("%+v", got)
	}
	sum, err := files.Sum(filepath.Join(f.Dir, rootzone.FileName(serial)))
	must(t, err)
	if got := rootzone.Sources(records(t, f), serial, sum); got != 2 {
		t.Errorf("%d sources", got)
	}
	if got := fill(sources...); !slices.Equal(got.AtHand, []uint32{serial}) || len(third.asked) != 0 {
		t.Errorf("%+v", got)
	}
}

// Who has single zones only is no place to ask for the newest one.
func TestFetchAsksNobodyBySerial(t *testing.T) {
	z := versions(t, 1)
	f := fetcher(t, z[0])
	p := has(z[0].RRs())
	sources := peers(t, f, p)
	if _, err := f.Fetch(context.Background(), sources); !errors.Is(err, rootzone.ErrNoSource) || len(p.asked) != 0 {
		t.Errorf("error %v, asked %v", err, p.asked)
	}
	fetch(t, f, append(sources, file(t, text(z[0].RRs())))...)
	if len(p.asked) != 0 {
		t.Errorf("asked %v", p.asked)
	}
}
