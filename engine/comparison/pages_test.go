package comparison_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/comparison"
	"mtric.net/mtric/engine/edition/hostile"
	"mtric.net/mtric/engine/measurement"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// editions are what people read of a comparison, by the ending of its file.
func editions(t *testing.T, d *comparison.Document) map[string]string {
	t.Helper()
	var text, page bytes.Buffer
	if err := errors.Join(d.WriteText(&text), d.WriteHTML(&page)); err != nil {
		t.Fatal(err)
	}
	return map[string]string{".txt": text.String(), ".html": page.String()}
}

func poisoned() *comparison.Document {
	d := rich()
	hostile.Poison(d)
	for i := range d.Theirs.Regions { // a region that is none of ours, and opinions that are none
		d.Theirs.Regions[i].Region = hostile.Text
	}
	d.Opinions[0].Verdict = hostile.Text
	return d
}

func TestGolden(t *testing.T) {
	for name, d := range map[string]*comparison.Document{"rich": rich(), "empty": empty(), "hostile": poisoned()} {
		for ending, got := range editions(t, d) {
			path := filepath.Join("testdata", name+ending)
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		}
	}
}

// TestHostile: what others wrote is printed as text.
func TestHostile(t *testing.T) {
	for ending, printed := range editions(t, poisoned()) {
		hostile.Tame(t, ending, printed)
		if !strings.Contains(printed, "FORGED") {
			t.Errorf("%s has no hostile text", ending)
		}
	}
}

var (
	style       = regexp.MustCompile(`(?s)<style>.*?</style>`)
	tag         = regexp.MustCompile(`<[^>]*>`)
	ofVerdicts  = regexp.MustCompile(`(?i)\b(pass|fail|threshold|correctness)`)
	ourFailures = regexp.MustCompile(`\bour ([0-9,]+ )?failures`)
	crowds      = regexp.MustCompile(`(?i)\b(crowd|probe|network)`)
)

// TestNoVerdictOnTheCrowd: pass, fail and threshold stand beside nothing that the crowd saw, and
// what it answers is never called correctness. Only FAILs of ours are called so, and what says how
// it is made.
func TestNoVerdictOnTheCrowd(t *testing.T) {
	real := calm(300)
	real.rules = append(real.rules, down(everybody), staleFor("b", everybody), func(p person, a *measurement.Answer) {
		if a.RSI == "a" && (machine(p) && a.Interval.Hour() == 7 || !machine(p) && a.Interval.Hour() == 9) {
			fail(a)
		}
	})
	drawn := real.compare(t, kUDP, availabilityOf("a", measurement.IPv4, measurement.UDP), comparison.Fail{Metric: measurement.RSSCorrectness})
	for name, d := range map[string]*comparison.Document{"rich": rich(), "empty": empty(), "drawn": drawn} {
		for ending, printed := range editions(t, d) {
			plain := style.ReplaceAllString(printed, "")
			made := strings.Index(plain, "How it is made")
			if made < 0 {
				t.Fatalf("%s%s does not say how it is made", name, ending)
			}
			if n := strings.Count(strings.ToLower(plain), "threshold"); n != 1 || !strings.Contains(plain[made:], "thresholds of RSSAC047 are not applied to the crowd") {
				t.Errorf("%s%s: %d times threshold, want only that none is applied", name, ending, n)
			}
			ours := map[string]bool{}
			for _, o := range d.Opinions {
				ours[o.Of()] = true
			}
			for line := range strings.Lines(plain[:made]) {
				text := tag.ReplaceAllString(line, " ")
				for of := range ours {
					text = strings.ReplaceAll(text, of, "")
				}
				if ofVerdicts.MatchString(strings.ReplaceAll(ourFailures.ReplaceAllString(text, ""), "FAIL", "")) || strings.Contains(text, "FAIL") && crowds.MatchString(text) {
					t.Errorf("%s%s: %q", name, ending, text)
				}
			}
		}
	}
}

// TestPut: the files are internal, all of them, and what was there is kept.
func TestPut(t *testing.T) {
	out := t.TempDir()
	folder := comparison.Folder(november, november.AddDate(0, 1, 0))
	var old *comparison.Document
	for revision := 1; revision <= 2; revision++ {
		if err := rich().Put(out, folder, old); err != nil {
			t.Fatal(err)
		}
		var err error
		if old, err = comparison.Existing(filepath.Join(out, folder)); err != nil || old.Revision != revision {
			t.Fatalf("revision %v, %v", old, err)
		}
	}
	var files []string
	err := filepath.WalkDir(out, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(out, path)
			files = append(files, rel)
		}
		return err
	})
	want := []string{"comparison-2026-11/internal/comparison.html", "comparison-2026-11/internal/comparison.json", "comparison-2026-11/internal/comparison.txt",
		"comparison-2026-11/revisions/1/internal/comparison.html", "comparison-2026-11/revisions/1/internal/comparison.json", "comparison-2026-11/revisions/1/internal/comparison.txt"}
	if err != nil || !slices.Equal(files, want) {
		t.Errorf("%v, %q", err, files)
	}
	var again bytes.Buffer
	if err := old.WriteJSON(&again); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(out, want[1])); err != nil || !bytes.Equal(text, again.Bytes()) || !json.Valid(text) {
		t.Errorf("comparison.json is not what it was made of: %v", err)
	}
}

// TestExisting: what is no comparison is not written over.
func TestExisting(t *testing.T) {
	dir := t.TempDir()
	if d, err := comparison.Existing(dir); d != nil || err != nil {
		t.Errorf("%v, %v", d, err)
	}
	path := filepath.Join(dir, "internal", "comparison.json")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{`{"schema": "mtric-survey/1"}`, `{`, ``} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := comparison.Existing(dir); err == nil || !strings.Contains(err.Error(), "not a comparison of this mtric; move the folder away") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

var errFull = errors.New("full")

// full takes so many bytes.
type full struct{ room int }

func (f *full) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriteErrors(t *testing.T) {
	d := rich()
	for name, write := range map[string]func(io.Writer) error{"text": d.WriteText, "html": d.WriteHTML, "json": d.WriteJSON} {
		if err := write(&full{1000}); !errors.Is(err, errFull) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
