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

// What is damaged or alone stays where it is, and is told; the others are packed.
func TestDamaged(t *testing.T) {
	dir, names := fill(t)
	month := filepath.Join(dir, "202402")
	for _, err := range []error{
		os.WriteFile(filepath.Join(month, names[0]), []byte("rotten"), 0o644),
		os.Remove(filepath.Join(month, names[1]+".sha256")),
		os.WriteFile(filepath.Join(month, names[2]+".sha256"), []byte("nonsense"), 0o644),
		os.WriteFile(filepath.Join(month, "notes.txt"), []byte("somebody's"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	done := pack(t, packer(dir))
	if done.Members != 15 || len(done.Left) != 3 {
		t.Errorf("%+v", done)
	}
	for i, want := range []string{"is damaged: sha256 is ", "has no sidecar", "want one line of sha256sum"} {
		if len(done.Left) > i && !strings.Contains(done.Left[i], names[i]+": "+want) && !strings.Contains(done.Left[i], want) {
			t.Errorf("%q, want %q", done.Left[i], want)
		}
		if _, err := os.Lstat(filepath.Join(month, names[i])); err != nil {
			t.Error(err)
		}
	}
}

// A pack that was damaged is told, whatever the damage, and nothing is unlinked for it.
func TestDamagedPack(t *testing.T) {
	dir, names := fill(t)
	pack(t, packer(dir))
	path := filepath.Join(dir, "202402", "20240229.tar.zst")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(good); at += 7 {
		bad := slices.Clone(good)
		bad[at] ^= 0x10
		if err := os.WriteFile(path, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := originals.Verify(path); err == nil {
			t.Fatalf("damage at byte %d goes unseen", at)
		}
	}
	for _, size := range []int{0, 10, len(good) / 2, len(good) - 1} {
		if err := os.WriteFile(path, good[:size], 0o644); err != nil {
			t.Fatal(err)
		}
		keep(t, dir, day, "101", "answers.parquet", strings.Repeat(fmt.Sprint("101", 0, "answers.parquet"), 100))
		done := pack(t, packer(dir))
		if done.Packs != 0 || len(done.Left) != 1 || !strings.Contains(done.Left[0], "move it away, its day is not packed") {
			t.Errorf("%d bytes: %+v", size, done)
		}
		if _, err := os.Lstat(filepath.Join(dir, "202402", names[1])); err != nil {
			t.Error(err)
		}
		if size < 100 {
			if _, err := (&originals.Store{Dir: dir}).Sum(names[4]); err == nil || errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%d bytes: an original that cannot be read is said not to be there: %v", size, err)
			}
		}
	}
}

// A pack that is not what its sidecar says takes the place of nothing that is loose.
func TestLooseStaysBesideDoubtfulPack(t *testing.T) {
	dir, names := fill(t)
	pack(t, packer(dir))
	sidecar := filepath.Join(dir, "202402", "20240229.tar.zst.sha256")
	if err := os.WriteFile(sidecar, []byte(strings.Repeat("0", 64)+"  20240229.tar.zst\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	again := keep(t, dir, day, "101", "answers.parquet", strings.Repeat(fmt.Sprint("101", 0, "answers.parquet"), 100))
	if again != names[1] {
		t.Fatal(again)
	}
	if done := pack(t, packer(dir)); len(done.Left) != 1 {
		t.Errorf("%+v", done)
	}
	if _, err := os.Lstat(filepath.Join(dir, "202402", again)); err != nil {
		t.Error(err)
	}
}

// What is no pack of ours is refused, however well it is formed.
func TestForgedPack(t *testing.T) {
	line := func(name, sum string, size, order int) string {
		return fmt.Sprintf(`{"name":%q,"size":%d,"sha256":%q,"received_at":null,"ingested_at":null,"order":%d}`+"\n", name, size, sum, order)
	}
	const a, b, sum = "202402290000-101.answers.parquet", "202402290005-101.answers.parquet", "9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0" // of aaa
	good := line(a, sum, 3, 1)
	for what, members := range map[string][]string{
		"good":                 {"index.jsonl", good, a, "aaa"},
		"no index":             {a, "aaa"},
		"an empty index":       {"index.jsonl", ""},
		"another text":         {"index.jsonl", good, a, "aab"},
		"another size":         {"index.jsonl", good, a, "aaaa"},
		"a member too many":    {"index.jsonl", good, a, "aaa", b, "b"},
		"a member too few":     {"index.jsonl", good + line(b, sum, 3, 2), a, "aaa"},
		"a name twice":         {"index.jsonl", good + line(a, sum, 3, 2), a, "aaa", a, "aaa"},
		"another order":        {"index.jsonl", line(b, sum, 3, 1) + line(a, sum, 3, 2), b, "aaa", a, "aaa"},
		"one place twice":      {"index.jsonl", good + line(b, sum, 3, 1), a, "aaa", b, "aaa"},
		"a path":               {"index.jsonl", line("../"+a, sum, 3, 1), "../" + a, "aaa"},
		"a plan":               {"index.jsonl", line("202402290000-101.plan.json", sum, 3, 1), "202402290000-101.plan.json", "aaa"},
		"a size out of bounds": {"index.jsonl", line(a, sum, 1<<30, 1), a, "aaa"},
	} {
		path := filepath.Join(t.TempDir(), "20240229.tar.zst")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		z, err := zstd.NewWriter(f)
		if err != nil {
			t.Fatal(err)
		}
		w := tar.NewWriter(z)
		for i := 0; i < len(members); i += 2 {
			_ = w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: members[i], Size: int64(len(members[i+1])), Mode: 0o644}) // told by Close
			_, _ = io.WriteString(w, members[i+1])
		}
		if err := errors.Join(w.Close(), z.Close(), f.Close(), files.WriteSidecar(path)); err != nil {
			t.Fatal(err)
		}
		if _, err := originals.Verify(path); (err == nil) != (what == "good") {
			t.Errorf("%s: %v", what, err)
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

// Packing is neither arrival nor loss: what came since a time is counted alike, and what is
// old goes when its loose files would have gone.
func TestSinceAndForget(t *testing.T) {
	dir, names := fill(t)
	p := packer(dir)
	p.Facts = facts(names, dir)
	s := &originals.Store{Dir: dir}
	count := func(at time.Time, want int64) {
		t.Helper()
		if n, err := s.Since(at); n != want || err != nil {
			t.Errorf("%d came since %s, want %d; %v", n, at, want, err)
		}
	}
	count(day.AddDate(0, 0, -1), 20)
	count(day.Add(12*time.Minute), 7)
	began := time.Now()
	pack(t, p)
	count(began, 0)                       // a pack that was just written is no arrival
	count(day.Add(12*time.Minute), 4+1+3) // the loose one, routes and alerts of the last interval, and what the lake says of 101
	if err := s.Forget(time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := len(view(t, dir)); n != 20 {
		t.Errorf("%d originals, want all", n)
	}
	keep(t, dir, day.Add(time.Hour), "103", "answers.parquet", "late")
	pack(t, p)
	if err := os.Chtimes(filepath.Join(dir, "202402", "20240229.tar.zst"), day, day); err != nil {
		t.Fatal(err)
	}
	if err := s.Forget(time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := len(view(t, dir)); n != 21 {
		t.Errorf("%d originals, want all: packs of a day go together", n)
	}
	if err := s.Forget(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if names := slices.Concat(list(t, filepath.Join(dir, "202402")), list(t, filepath.Join(dir, "202403"))); len(names) > 0 {
		t.Errorf("left: %v", names)
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

// A pack is as old as what is in it.
func TestPackKeepsItsMembersAge(t *testing.T) {
	dir, _ := fill(t)
	began := time.Now()
	pack(t, packer(dir))
	if err := (&originals.Store{Dir: dir}).Forget(began); err != nil {
		t.Fatal(err)
	}
	if names := list(t, filepath.Join(dir, "202402")); len(names) > 0 {
		t.Errorf("left: %v", names)
	}
}
