package rootzone_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"mtric.net/mtric/engine/rootzone"
)

func record(n int) rootzone.Record {
	return rootzone.Record{At: fetchedAt.Add(time.Duration(n) * time.Minute), Serial: uint32(n), Source: "s https://x/", SHA256: "ab", Added: n%2 == 0}
}

func line(n int) string {
	return fmt.Sprintf(`{"at":%q,"serial":%d,"source":"s https://x/","sha256":"ab","added":%t}`, record(n).At.Format(time.RFC3339), n, n%2 == 0) + "\n"
}

func TestRecords(t *testing.T) {
	byHand := rootzone.Record{At: fetchedAt, Serial: 4294967295, Source: "file x", SHA256: "", ByHand: true}
	for _, c := range []struct {
		name, text string
		want       []rootzone.Record
		err        string
	}{
		{"no lines", "", nil, ""},
		{"two", line(0) + line(1), []rootzone.Record{record(0), record(1)}, ""},
		{"by hand", `{"at":"2026-11-21T12:00:00Z","serial":4294967295,"source":"file x","by_hand":true}` + "\n", []rootzone.Record{byHand}, ""},
		{"of a later version", strings.Replace(line(1), "{", `{"bytes":5,`, 1), []rootzone.Record{record(1)}, ""},
		{"another time zone", strings.Replace(line(1), "T12:01:00Z", "T13:01:00+01:00", 1), []rootzone.Record{record(1)}, ""},
		{"last line cut", line(0) + line(1)[:40], []rootzone.Record{record(0)}, ""},
		{"last line without its end", line(0) + strings.TrimSpace(line(1)), []rootzone.Record{record(0), record(1)}, ""},
		{"only a piece", "{", nil, ""},
		{"damaged first", "x" + line(0) + line(1), nil, "fetches.jsonl:1: "},
		{"damaged last", line(0) + "x\n", nil, "fetches.jsonl:2: "},
		{"an empty line", line(0) + "\n" + line(1), nil, "fetches.jsonl:2: "},
		{"without serial", `{"at":"2026-11-21T12:00:00Z","source":"x"}` + "\n", nil, `:1: a record has "at", "serial" and "source"`},
		{"without time", `{"serial":1,"source":"x"}` + "\n", nil, `a record has "at"`},
		{"without source", `{"at":"2026-11-21T12:00:00Z","serial":1}` + "\n", nil, `a record has "at"`},
		{"a serial that is none", `{"at":"2026-11-21T12:00:00Z","serial":4294967296,"source":"x"}` + "\n", nil, "4294967296"},
		{"a list", "[]\n", nil, ":1: "},
		{"null", "null\n", nil, ":1: "},
		{"a line without end", strings.Repeat("x", 1<<20), nil, "fetches.jsonl:1: bufio: buffer full"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir, "fetches.jsonl", c.text)
			got, err := rootzone.Records(dir)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if got, err := rootzone.Records(t.TempDir()); err != nil || got != nil {
		t.Errorf("no file: %v, %v", got, err)
	}
}

func TestAppendRecordRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, r := range map[string]rootzone.Record{
		"no time":   {Serial: 1, Source: "x"},
		"no source": {At: fetchedAt, Serial: 1},
		"too long":  {At: fetchedAt, Serial: 1, Source: strings.Repeat("x", 20_000)},
	} {
		if err := rootzone.AppendRecord(dir, r); err == nil {
			t.Errorf("%s: written", name)
		}
	}
	put(t, dir, "fetches.jsonl", line(0)+strings.Repeat("x", 20_000))
	if err := rootzone.AppendRecord(dir, record(1)); err == nil || !strings.Contains(err.Error(), "the last line is longer than") {
		t.Errorf("error %v", err)
	}
	if err := rootzone.AppendRecord(filepath.Join(dir, "none"), record(1)); err == nil {
		t.Error("written to a folder that is not there")
	}
}

// However often a kill cuts the last line short, the next one loses no whole
// record and leaves no damage.
func TestRecordsOutliveKills(t *testing.T) {
	dir := t.TempDir()
	path := rootzone.RecordsFile(dir)
	rapid.Check(t, func(t *rapid.T) {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		var want []rootzone.Record
		for n := range rapid.IntRange(1, 12).Draw(t, "records") {
			if err := rootzone.AppendRecord(dir, record(n)); err != nil {
				t.Fatal(err)
			}
			want = append(want, record(n))
			cut := rapid.IntRange(0, len(line(n))).Draw(t, "cut") // bytes of the line that a kill loses
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path, info.Size()-int64(cut)); err != nil {
				t.Fatal(err)
			}
			if cut > 1 { // without its line end alone it is whole
				want = want[:len(want)-1]
			}
			got, err := rootzone.Records(dir)
			if err != nil {
				t.Fatal(err)
			}
			if !cmp.Equal(got, want, cmpopts.EquateEmpty()) {
				t.Fatalf("cut %d: got %v, want %v", cut, got, want)
			}
		}
	})
}

func TestKeepLatest(t *testing.T) {
	dir := archive(t, 4294967290, 4294967295, 3)
	put(t, dir, "7.root.txt", "damaged")
	put(t, dir, "validators.json", "{}")
	var text strings.Builder
	for n := range 250 {
		text.WriteString(line(n))
	}
	put(t, dir, "fetches.jsonl", text.String())
	for range 2 {
		must(t, rootzone.KeepLatest(dir, 3))
	}
	var names []string
	for name := range content(t, dir) {
		names = append(names, name)
	}
	slices.Sort(names)
	if want := []string{"3.root.txt", "7.root.txt", "fetches.jsonl", "validators.json"}; !slices.Equal(names, want) {
		t.Errorf("left %v, want %v", names, want)
	}
	all, err := rootzone.Records(dir)
	if err != nil || len(all) != 100 || !cmp.Equal(all[0], record(150)) || !cmp.Equal(all[99], record(249)) {
		t.Errorf("%d records, %v", len(all), err)
	}
	if err := rootzone.KeepLatest(dir, 5); err == nil || len(content(t, dir)) != 4 {
		t.Errorf("a zone that is not there: error %v, %d files", err, len(content(t, dir)))
	}
}

func FuzzRecords(f *testing.F) {
	f.Add(line(0) + line(1))
	f.Add(line(0)[:20])
	f.Add("null\n{}\n[]")
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		put(t, dir, "fetches.jsonl", text)
		before, err := rootzone.Records(dir)
		if err != nil {
			return
		}
		if err := rootzone.AppendRecord(dir, record(1)); err != nil {
			t.Fatalf("what was read cannot be gone on with: %v", err)
		}
		after, err := rootzone.Records(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(after) != len(before)+1 || !cmp.Equal(after[len(before)], record(1)) {
			t.Errorf("%d records, then %d", len(before), len(after))
		}
	})
}
