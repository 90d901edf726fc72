package rootzone_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/rootzone"
)

// site is an HTTPS server whose certificate the fetcher believes.
func site(t testing.TB, f *rootzone.Fetcher, h http.HandlerFunc) rootzone.Source {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are to fail
	s.StartTLS()
	t.Cleanup(s.Close)
	f.Transport = s.Client().Transport
	return rootzone.Source{Label: "site", URL: s.URL + "/root.zone", Timeout: 30 * time.Second}
}

// What comes by http anybody on the way may change, or withhold.
func TestPlainHTTPIsNotAsked(t *testing.T) {
	zones := versions(t, 1)
	f := fetcher(t, zones[0])
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text(zones[0].RRs())) }))
	t.Cleanup(s.Close)
	refused(t, f, rootzone.Source{Label: "site", URL: s.URL + "/root.zone"}, rootzone.Unavailable, "not an https URL")
}

func TestHTTPS(t *testing.T) {
	zones := versions(t, 1)
	f := fetcher(t, zones[0])
	f.Agent = "mtric/1"
	asked := make(chan *http.Request, 1)
	s := site(t, f, func(w http.ResponseWriter, r *http.Request) {
		asked <- r
		fmt.Fprint(w, text(zones[0].RRs()))
	})
	if r := fetch(t, f, s); !r.Added || r.Source != "site "+s.URL {
		t.Errorf("result %+v", r)
	}
	r := <-asked
	if r.Method != http.MethodGet || r.UserAgent() != "mtric/1" || r.Header.Get("Accept-Encoding") != "identity" || r.Header.Get("If-None-Match") != "" {
		t.Errorf("request %+v", r)
	}
	s2 := site(t, f, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, zipped(t, text(zones[0].RRs()))) })
	s2.URL += ".gz"
	if r := fetch(t, f, s2); r.Added {
		t.Errorf("result %+v", r)
	}
}

func TestHTTPSRefuses(t *testing.T) {
	zones := versions(t, 1)
	whole := text(zones[0].RRs())
	const most = 4 << 20
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		kind   rootzone.Kind
		want   string
	}{
		{"500", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, whole)
		}, rootzone.Unavailable, "HTTP status 500 Internal Server Error"},
		{"206", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusPartialContent)
			fmt.Fprint(w, whole)
		},
			rootzone.Unavailable, "HTTP status 206"},
		{"304 unasked", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) },
			rootzone.Unavailable, "HTTP status 304"},
		{"204", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, rootzone.Unavailable, "HTTP status 204"},
		{"error page with 200", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html><h1>Sorry</h1></html>\n") },
			rootzone.NotZone, "a web page"},
		{"nothing", func(http.ResponseWriter, *http.Request) {}, rootzone.NotZone, "empty"},
		{"cut off, length announced", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(len(whole)))
			fmt.Fprint(w, whole[:len(whole)/2])
		}, rootzone.Truncated, "unexpected EOF"},
		{"cut off in chunks", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, whole[:len(whole)/2])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, rootzone.Truncated, "unexpected EOF"},
		{"cut off, well ended", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, whole[:strings.LastIndexByte(whole[:len(whole)/2], '\n')+1])
		}, rootzone.Truncated, "not whole"},
		{"large, announced", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(most+1))
		}, rootzone.TooLarge, "4194305 bytes announced, 4194304 allowed"},
		{"endless", func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := fmt.Fprint(w, strings.Repeat("; no end\n", 1000)); err != nil {
					return
				}
			}
		}, rootzone.TooLarge, "more than 4194304 bytes"},
		{"gzip bomb", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			fmt.Fprint(w, zipped(t, strings.Repeat("\n", 20<<20)))
		}, rootzone.NotZone, `content encoding "gzip", which was not asked for`},
		{"to http", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://"+r.Host+"/x", http.StatusFound)
		}, rootzone.Unavailable, "/x, which is not https"},
		{"to a file", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}, rootzone.Unavailable, "file:///etc/passwd, which is not https"},
		{"in circles", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		}, rootzone.Unavailable, "redirected too often"},
		{"long head", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"`+strings.Repeat("e", 20<<20)+`"`)
		}, rootzone.Unavailable, "server response headers exceeded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := fetcher(t, zones[0])
			s := site(t, f, c.answer)
			s.MaxSize = most
			refused(t, f, s, c.kind, c.want)
		})
	}
}

// A server that sends a line now and then is given up.
func TestHTTPSSlow(t *testing.T) {
	zones := versions(t, 1)
	f := fetcher(t, zones[0])
	s := site(t, f, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			fmt.Fprint(w, ";\n")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(10 * time.Millisecond)
		}
	})
	s.Timeout = 300 * time.Millisecond
	refused(t, f, s, rootzone.Unavailable, "no whole zone within 300ms")
}

func TestHTTPSBelievesTheCertificate(t *testing.T) {
	zones := versions(t, 1)
	f := fetcher(t, zones[0])
	s := site(t, f, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text(zones[0].RRs())) })
	f.Transport = nil // the default believes the system's roots, which know no test server
	refused(t, f, s, rootzone.Unavailable, "certificate")
}

func TestHTTPSFollowsToHTTPS(t *testing.T) {
	zones := versions(t, 1)
	f := fetcher(t, zones[0])
	s := site(t, f, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/root.zone" {
			http.Redirect(w, r, "/elsewhere", http.StatusMovedPermanently)
			return
		}
		fmt.Fprint(w, text(zones[0].RRs()))
	})
	if r := fetch(t, f, s); !r.Added || r.Source != s.String() {
		t.Errorf("result %+v", r)
	}
}

// validating serves one zone after another, each with validators of its own, and
// counts what it sends in full.
type validating struct {
	zone   *lab.Zone
	full   int
	broken bool // says "not modified" whatever it was asked
}

func (v *validating) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	tag := fmt.Sprintf(`"%d"`, v.zone.Serial)
	w.Header().Set("ETag", tag)
	w.Header().Set("Last-Modified", "Fri, 20 Nov 2026 00:00:00 GMT")
	if r.Header.Get("If-None-Match") == tag || v.broken {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	v.full++
	fmt.Fprint(w, text(v.zone.RRs()))
}

func TestHTTPSConditional(t *testing.T) {
	zones := versions(t, 3)
	f := fetcher(t, zones[0])
	server := &validating{zone: zones[0]}
	s := site(t, f, server.ServeHTTP)
	step := func(name string, full int, serial uint32, added bool) {
		t.Helper()
		before := len(records(t, f))
		r := fetch(t, f, s)
		if server.full != full || r.Serial != serial || r.Added != added {
			t.Errorf("%s: %d sent in full, %+v; want %d, serial %d, added %v", name, server.full, r, full, serial, added)
		}
		if all := records(t, f); len(all) != before+1 || !cmp.Equal(all[before], r.Record) {
			t.Errorf("%s: not on record", name)
		}
	}
	archived := filepath.Join(f.Dir, "2026112000.root.txt")
	step("new", 1, 2026112000, true)
	step("not modified", 1, 2026112000, false)
	must(t, os.Remove(archived))
	step("the zone was lost", 2, 2026112000, true)
	must(t, os.Remove(filepath.Join(f.Dir, "validators.json")))
	step("the memory was lost", 3, 2026112000, false)
	put(t, f.Dir, "validators.json", "{{{")
	step("the memory was damaged", 4, 2026112000, false)
	put(t, f.Dir, "validators.json", `null`)
	step("the memory is void", 5, 2026112000, false)
	server.zone = zones[1]
	step("the next zone", 6, 2026112001, true)
	step("not modified", 6, 2026112001, false)

	// Not modified, but meanwhile the archive has a newer zone from elsewhere.
	fetch(t, f, file(t, text(zones[2].RRs())))
	refused(t, f, s, rootzone.OlderSerial, "2026112001 is older than 2026112002")
	if server.full != 6 {
		t.Errorf("%d sent in full", server.full)
	}
}

// "Not modified" is good for nothing where the zone it speaks of no longer is.
func TestHTTPSNotModifiedIsProved(t *testing.T) {
	zones := versions(t, 1)
	f := fetcher(t, zones[0])
	server := &validating{zone: zones[0]}
	s := site(t, f, server.ServeHTTP)
	fetch(t, f, s)
	f.Now = func() time.Time { return signedAt.AddDate(0, 0, 14).Add(time.Second) }
	refused(t, f, s, rootzone.Bogus, "does not validate")
	server.broken = true
	refused(t, f, s, rootzone.Unavailable, "HTTP status 304")

	// Somebody wrote into the archived file: its serial alone proves nothing.
	f.Now = func() time.Time { return fetchedAt }
	put(t, f.Dir, "2026112000.root.txt", content(t, f.Dir)["2026112000.root.txt"]+"; a comment\n")
	server.broken = false
	if r := fetch(t, f, s); r.Added || server.full != 3 {
		t.Errorf("%d sent in full, %+v", server.full, r)
	}
}

// What a server calls its validators must neither fill the disk nor keep the
// next request from being sent.
func TestHTTPSOddValidators(t *testing.T) {
	zones := versions(t, 1)
	f := fetcher(t, zones[0])
	for _, tag := range []string{`"` + strings.Repeat("e", 10_000) + `"`, "\"\xff\"", "\"é\""} {
		s := site(t, f, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("If-None-Match") != "" {
				t.Errorf("%.20q came back", tag)
			}
			w.Header().Set("ETag", tag)
			fmt.Fprint(w, text(zones[0].RRs()))
		})
		for range 2 {
			if r, err := f.Fetch(context.Background(), []rootzone.Source{s}); err != nil {
				t.Errorf("%.20q: %v, %+v", tag, err, r)
			}
		}
	}
	if size := len(content(t, f.Dir)["validators.json"]); size > 1000 {
		t.Errorf("%d bytes remembered", size)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
