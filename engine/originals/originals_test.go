package originals_test

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/originals"
)

// day is of the past, so that what the kernel sets as a file's time of change is later.
var day = time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)

// due is when the day is packed.
var due = day.AddDate(0, 0, 8)

// keep puts an original and its sidecar where ingest keeps them, and returns its name.
func keep(t testing.TB, dir string, label time.Time, vp, kind, text string) string {
	t.Helper()
	name := label.Format("200601021504") + "-" + vp + "." + kind
	path := filepath.Join(dir, label.Format("200601"), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := files.WriteSidecar(path); err != nil {
		t.Fatal(err)
	}
	at := label.Add(6 * time.Minute)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
	return name
}

// fill is a day of two vantage points, a plan, and what is younger; names are those that
// are to be packed, in the order of a pack.
func fill(t testing.TB) (dir string, names []string) {
	dir = t.TempDir()
	for _, vp := range []string{"101", "102"} {
		for i := range 3 {
			label := day.Add(time.Duration(i) * 5 * time.Minute)
			for _, kind := range []string{"alerts.json", "answers.parquet", "routes.parquet"} {
				names = append(names, keep(t, dir, label, vp, kind, strings.Repeat(fmt.Sprint(vp, i, kind), 100)))
			}
		}
	}
	keep(t, dir, day, "101", "plan.json", "a plan")
	keep(t, dir, day.AddDate(0, 0, 1), "101", "answers.parquet", "younger")
	return dir, names
}

// facts are those of the answers of 101.
func facts(names []string, dir string) func(time.Time) (map[string]originals.Fact, error) {
	sums := map[string]string{}
	for _, name := range names {
		sums[name], _ = files.Sum(filepath.Join(dir, name[:6], name))
	}
	return func(d time.Time) (map[string]originals.Fact, error) {
		all := map[string]originals.Fact{}
		for i, name := range names {
			if strings.HasSuffix(name, "-101.answers.parquet") {
				received, ingested := d.Add(time.Duration(100-i)*time.Hour), d.Add(time.Duration(200-i)*time.Hour)
				all[name] = originals.Fact{SHA256: sums[name], ReceivedAt: &received, IngestedAt: &ingested}
			}
		}
		return all, nil
	}
}

func pack(t testing.TB, p *originals.Packer) originals.Packed {
	t.Helper()
	done, err := p.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func packer(dir string) *originals.Packer {
	return &originals.Packer{Store: &originals.Store{Dir: dir}, Now: due}
}

// list is what a month's folder holds.
func list(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// view is what readers see: every original with its sum, by both of the ways in.
func view(t testing.TB, dir string) map[string]string {
	t.Helper()
	s := &originals.Store{Dir: dir}
	seen := map[string]string{}
	err := s.Days(func(d originals.Day) error {
		return d.Each(func(f originals.File) error {
			if _, twice := seen[f.Name]; twice {
				t.Errorf("%s comes twice", f.Name)
			}
			seen[f.Name] = f.SHA256
			return nil
		}, func(err error) { t.Error(err) })
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, sum := range seen {
		if have, err := s.Sum(name); have != sum || err != nil {
			t.Errorf("%s: %s, %v, want %s", name, have, err, sum)
		}
	}
	return seen
}

func TestPack(t *testing.T) {
	dir, names := fill(t)
	before := view(t, dir)
	month := filepath.Join(dir, "202402")
	early := packer(dir)
	early.Now = due.Add(-time.Second)
	if done := pack(t, early); done.Packs != 0 {
		t.Errorf("packed before its time: %+v", done)
	}
	p := packer(dir)
	p.Facts = facts(names, dir)
	done := pack(t, p)
	if done.Packs != 1 || done.Members != 18 || done.Size == 0 || len(done.Left) != 0 || done.More {
		t.Errorf("%+v", done)
	}
	want := []string{"20240229.tar.zst", "20240229.tar.zst.sha256", "202402290000-101.plan.json", "202402290000-101.plan.json.sha256"}
	if diff := cmp.Diff(want, list(t, month)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(before, view(t, dir)); diff != "" {
		t.Errorf("packing changed what readers see: %s", diff)
	}
	entries, err := originals.Verify(filepath.Join(month, "20240229.tar.zst"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	orders := map[int]string{}
	for _, e := range entries {
		got = append(got, e.Name)
		orders[e.Order] = e.Name
		if noted := strings.HasSuffix(e.Name, "-101.answers.parquet"); noted != (e.ReceivedAt != nil) {
			t.Errorf("%s: received at %v", e.Name, e.ReceivedAt)
		}
	}
	if diff := cmp.Diff(names, got); diff != "" {
		t.Errorf("members: %s", diff)
	}
	// Nobody noted when answers of 102 came; routes were kept soon after; of 101 the latest
	// label was ingested first.
	if orders[1] != "202402290000-102.answers.parquet" || orders[4] != "202402290000-101.alerts.json" || orders[16] != "202402290010-101.answers.parquet" || orders[18] != "202402290000-101.answers.parquet" {
		t.Errorf("order of ingest: %v", orders)
	}
	if done := pack(t, p); done.Packs != 0 {
		t.Errorf("packed again: %+v", done)
	}
}

// A pack is a tar archive that any decoder of zstd opens with the usual 8 MiB.
func TestPackIsPlainTar(t *testing.T) {
	dir, names := fill(t)
	pack(t, packer(dir))
	f, err := os.Open(filepath.Join(dir, "202402", "20240229.tar.zst"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := zstd.NewReader(f, zstd.WithDecoderMaxWindow(8<<20))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	r := tar.NewReader(z)
	var members []string
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, h.Name)
		if h.Name == names[0] && (h.Mode != 0o644 || h.Uid != 0 || !h.ModTime.Equal(day.Add(6*time.Minute))) {
			t.Errorf("%+v", h)
		}
	}
	if diff := cmp.Diff(append([]string{"index.jsonl"}, names...), members); diff != "" {
		t.Error(diff)
	}
}

// What comes late makes a pack of its own, and a file that came again goes.
func TestLate(t *testing.T) {
	dir, names := fill(t)
	pack(t, packer(dir))
	first, err := files.Sum(filepath.Join(dir, "202402", "20240229.tar.zst"))
	if err != nil {
		t.Fatal(err)
	}
	late := keep(t, dir, day.Add(time.Hour), "103", "answers.parquet", "late")
	keep(t, dir, day, "101", "answers.parquet", strings.Repeat(fmt.Sprint("101", 0, "answers.parquet"), 100)) // again
	if done := pack(t, packer(dir)); done.Packs != 1 || done.Members != 1 {
		t.Errorf("%+v", done)
	}
	if sum, err := files.Sum(filepath.Join(dir, "202402", "20240229.tar.zst")); sum != first || err != nil {
		t.Errorf("the first pack was changed: %v", err)
	}
	entries, err := originals.Verify(filepath.Join(dir, "202402", "20240229-2.tar.zst"))
	if err != nil || len(entries) != 1 || entries[0].Name != late {
		t.Errorf("%v, %v", entries, err)
	}
	if all := view(t, dir); len(all) != len(names)+3 {
		t.Errorf("%d originals", len(all))
	}
	other := keep(t, dir, day, "101", "routes.parquet", "another of its name")
	lone := filepath.Join(dir, "202402", names[0]+".sha256")
	if err := os.WriteFile(lone, []byte("left by a kill"), 0o644); err != nil {
		t.Fatal(err)
	}
	done := pack(t, packer(dir))
	if done.Packs != 0 || len(done.Left) != 1 || !strings.Contains(done.Left[0], other+": a pack of its day has another file of this name") {
		t.Errorf("%+v", done)
	}
	if _, err := os.Lstat(filepath.Join(dir, "202402", other)); err != nil {
		t.Error("evidence was removed: ", err)
	}
	if _, err := os.Lstat(lone); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a sidecar alone stays: ", err)
	}
}

// The law of packing: broken off before any step whatever, and begun again, readers see at
// every moment what they saw before, and the folder ends as that of a run that nobody
// killed.
func TestKilledAnywhereLosesNothing(t *testing.T) {
	whole, _ := fill(t)
	steps := 0
	p := packer(whole)
	p.Step = func(string) error { steps++; return nil }
	pack(t, p)
	keep(t, whole, day.Add(time.Hour), "103", "answers.parquet", "late")
	first := steps
	pack(t, p)
	if steps < 45 || steps == first {
		t.Fatalf("only %d steps", steps)
	}
	want := list(t, filepath.Join(whole, "202402"))
	errKilled := errors.New("killed")
	for kill := range steps {
		dir, _ := fill(t)
		n, last := 0, ""
		late := false
		for {
			before := view(t, dir)
			p := packer(dir)
			p.Step = func(what string) error {
				if last = what; n == kill {
					n++
					return errKilled
				}
				n++
				return nil
			}
			_, err := p.Run(t.Context())
			if err != nil && !errors.Is(err, errKilled) {
				t.Fatalf("killed before %q: %v", last, err)
			}
			if diff := cmp.Diff(before, view(t, dir)); diff != "" {
				t.Errorf("killed before %q: %s", last, diff)
			}
			if err != nil {
				half := filepath.Join(dir, "202402", ".20240229.tar.zst4711")
				if err := os.WriteFile(half, []byte("half"), 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if late {
				break
			}
			late = true
			keep(t, dir, day.Add(time.Hour), "103", "answers.parquet", "late")
		}
		if diff := cmp.Diff(want, list(t, filepath.Join(dir, "202402"))); diff != "" {
			t.Errorf("killed before %q: %s", last, diff)
		}
	}
}

// A day of many vantage points makes several packs, each of whole vantage points as long
// as one fits.
func TestParts(t *testing.T) {
	dir := t.TempDir()
	var want map[string]string
	for _, vp := range []string{"101", "102", "103", "104"} {
		for i := range 4 {
			size := 1000
			if vp == "103" {
				size = 4000
			}
			keep(t, dir, day.Add(time.Duration(i)*5*time.Minute), vp, "answers.parquet", strings.Repeat("x", size-i)+vp)
		}
	}
	want = view(t, dir)
	p := packer(dir)
	originals.SetMaxPacked(p, 9000)
	pack(t, p)
	var packs [][]string
	for _, name := range []string{"20240229.tar.zst", "20240229-2.tar.zst", "20240229-3.tar.zst", "20240229-4.tar.zst"} {
		entries, err := originals.Verify(filepath.Join(dir, "202402", name))
		if err != nil {
			t.Fatal(err)
		}
		of := map[string]bool{}
		for _, e := range entries {
			of[e.Name[13:16]] = true
		}
		packs = append(packs, slices.Sorted(maps.Keys(of)))
	}
	if diff := cmp.Diff([][]string{{"101", "102"}, {"103"}, {"103"}, {"104"}}, packs); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, view(t, dir)); diff != "" {
		t.Error(diff)
	}
}

func TestParseName(t *testing.T) {
	for name, ours := range map[string]bool{
		"202402290000-101.answers.parquet": true, "202402290005-101.routes.parquet": true, "202402290005-101.plan.json": true, "202402290005-101.alerts.json": true,
		"202402290001-101.answers.parquet": false, "202402300000-101.answers.parquet": false, "202402290000-1.answers.parquet": false,
		"202402290000-101.answers.parquet.sha256": false, "202402290000-101.runs.parquet": false, "20240229.tar.zst": false, "": false,
	} {
		n, is := originals.ParseName(name)
		if is != ours || is && n.String() != name {
			t.Errorf("%q: %t, %v", name, is, n)
		}
	}
}

// TestPlans: those of one vantage point, of any month; a folder that cannot be read is no
// empty one.
func TestPlans(t *testing.T) {
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"202610/202610010000-101.plan.json", "202611/202611222240-101.plan.json", "202611/202611222240-102.plan.json",
		"202611/202611222240-101.answers.parquet", "other/202611222240-101.plan.json"} {
		must(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		must(os.WriteFile(filepath.Join(dir, name), nil, 0o644))
	}
	s := &originals.Store{Dir: dir}
	got, err := s.Plans("101")
	must(err)
	if want := []string{filepath.Join(dir, "202610/202610010000-101.plan.json"), filepath.Join(dir, "202611/202611222240-101.plan.json")}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got, err := (&originals.Store{Dir: filepath.Join(dir, "none")}).Plans("101"); err != nil || got != nil {
		t.Errorf("no folder: %q, %v", got, err)
	}
	unreadable := filepath.Join(dir, "202611", "202611222240-101.plan.json") // nor can root read a file as a folder
	if os.Geteuid() != 0 {
		must(os.Chmod(filepath.Join(dir, "202611"), 0))
		t.Cleanup(func() { must(os.Chmod(filepath.Join(dir, "202611"), 0o755)) })
		unreadable = dir
	}
	if got, err := (&originals.Store{Dir: unreadable}).Plans("101"); err == nil {
		t.Errorf("%s cannot be read, and has the plans %q", unreadable, got)
	}
}
