package originals_test

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/originals"
)

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
