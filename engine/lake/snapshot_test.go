package lake_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
)

// snapshotLake is a lake of three days, whose files need not be Parquet here.
func snapshotLake(t *testing.T) lake.Store {
	s := lake.Store{Dir: filepath.Join(t.TempDir(), "Lake")}
	files := []string{"zones/zones.parquet", "vantage_points/vantage_points.parquet", "zone_serials/zone_serials.parquet", "plans/aa.json", "zones/.zones.parquet123", "_truth.json"}
	for day := range 3 {
		for _, table := range []column.Table{column.Answers, column.Runs} {
			name, err := filepath.Rel(s.Dir, s.Path(table, time.Date(2026, 11, 29+day, 0, 0, 0, 0, time.UTC)))
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, name)
		}
	}
	for _, name := range files {
		put(t, s.Dir, name, "1 "+name)
	}
	return s
}

// put replaces a file as ingest does.
func put(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	for _, err := range []error{os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path+".new", []byte(text), 0o644), os.Rename(path+".new", path)} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// tree is every file below a folder with its text.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func forbidden(string, string) error { return syscall.EPERM }

// A snapshot holds the files that were asked for, as they were, whether they can be linked
// or not, and does not change when the lake does.
func TestSnapshot(t *testing.T) {
	const first = "answers/yyyymm=202611/answers-20261129.parquet"
	day := func(d int) time.Time { return time.Date(2026, 11, d, 0, 0, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		what lake.Snapshot
		want string // names, without .parquet and folders of months
	}{
		"all":         {lake.Snapshot{}, "answers-20261129 answers-20261130 answers-20261201 plans/aa.json runs-20261129 runs-20261130 runs-20261201 vantage_points zone_serials zones"},
		"from":        {lake.Snapshot{From: day(30)}, "answers-20261130 answers-20261201 plans/aa.json runs-20261130 runs-20261201 vantage_points zone_serials zones"},
		"until":       {lake.Snapshot{Until: day(30)}, "answers-20261129 plans/aa.json runs-20261129 vantage_points zone_serials zones"},
		"a day":       {lake.Snapshot{From: day(30).Add(time.Hour), Until: day(30).Add(2 * time.Hour), Tables: []column.Table{"runs"}}, "runs-20261130"},
		"table":       {lake.Snapshot{Tables: []column.Table{"answers", "zones"}}, "answers-20261129 answers-20261130 answers-20261201 zones"},
		"absent":      {lake.Snapshot{Tables: []column.Table{"routes"}}, ""},
		"not to link": {lake.Snapshot{Until: day(30), Link: forbidden}, "answers-20261129 plans/aa.json runs-20261129 vantage_points zone_serials zones"},
	} {
		t.Run(name, func(t *testing.T) {
			s := snapshotLake(t)
			dir := filepath.Join(filepath.Dir(s.Dir), "snapshot")
			done, err := s.Snapshot(t.Context(), dir, c.what)
			if err != nil {
				t.Fatal(err)
			}
			put(t, s.Dir, first, "changed")
			got := tree(t, dir)
			if _, err := os.Stat(filepath.Join(dir, lake.SnapshotMarker)); err != nil {
				t.Error(err)
			}
			delete(got, lake.SnapshotMarker)
			var names []string
			for file, text := range got {
				if text != "1 "+file {
					t.Errorf("%s holds %q", file, text)
				}
				if !strings.HasPrefix(file, "plans/") {
					file = strings.TrimSuffix(filepath.Base(file), ".parquet")
				}
				names = append(names, file)
			}
			slices.Sort(names)
			if diff := cmp.Diff(c.want, strings.Join(names, " ")); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			linked := len(got)
			if c.what.Link != nil {
				linked = 0
			}
			if done.Files != len(got) || done.Linked != linked || (done.CopiedBytes > 0) != (c.what.Link != nil) {
				t.Errorf("%+v of %d files", done, len(got))
			}
		})
	}
}

// Made again it is the lake of then, nothing is left beside it, and what has not changed
// is not copied again.
func TestSnapshotAgain(t *testing.T) {
	s := snapshotLake(t)
	home := filepath.Dir(s.Dir)
	dir := filepath.Join(home, "snapshot")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(home, ".snapshot.123.snapshot") // of a killed run
	put(t, left, "answers/x", "half")
	what := lake.Snapshot{Link: forbidden}
	before, err := s.Snapshot(t.Context(), dir, what)
	if err != nil {
		t.Fatal(err)
	}
	const day = "answers/yyyymm=202612/answers-20261201.parquet"
	put(t, s.Dir, day, "grown")
	after, err := s.Snapshot(t.Context(), dir, what)
	if err != nil {
		t.Fatal(err)
	}
	if before.Linked != 0 || after.Linked != after.Files-1 || after.CopiedBytes != int64(len("grown")) {
		t.Errorf("first %+v, then %+v", before, after)
	}
	got := tree(t, dir)
	if got[day] != "grown" || len(got) != after.Files+1 {
		t.Errorf("%d files, the day holds %q", len(got), got[day])
	}
	entries, err := os.ReadDir(home)
	if err != nil || len(entries) != 2 {
		t.Errorf("%v, %v: want Lake and snapshot alone", entries, err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// Runs of the same folder at the same time, as cron starts them, take nothing from each other.
func TestSnapshotsAtOnce(t *testing.T) {
	s := snapshotLake(t)
	home := filepath.Dir(s.Dir)
	dir := filepath.Join(home, "snapshot")
	var runs errgroup.Group
	for range 4 {
		runs.Go(func() error {
			for range 50 {
				if _, err := s.Snapshot(t.Context(), dir, lake.Snapshot{}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := runs.Wait(); err != nil {
		t.Error(err)
	}
	want := tree(t, s.Dir)
	for _, name := range []string{"zones/.zones.parquet123", "_truth.json"} {
		delete(want, name)
	}
	got := tree(t, dir)
	delete(got, lake.SnapshotMarker)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if entries, err := os.ReadDir(home); err != nil || len(entries) != 2 {
		t.Errorf("%v, %v: want Lake and snapshot alone", entries, err)
	}
}

// A run that fails leaves the snapshot before as it was.
func TestSnapshotFails(t *testing.T) {
	s := snapshotLake(t)
	dir := filepath.Join(filepath.Dir(s.Dir), "snapshot")
	if _, err := s.Snapshot(t.Context(), dir, lake.Snapshot{}); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	n := 0
	_, err := s.Snapshot(t.Context(), dir, lake.Snapshot{Link: func(from, to string) error {
		if n++; n == 4 {
			return errors.Join(os.Remove(from), syscall.EPERM) // neither linked nor there to be copied
		}
		return os.Link(from, to)
	}})
	if err == nil || !strings.Contains(err.Error(), "snapshot "+dir) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, tree(t, dir)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if entries, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(entries) != 2 {
		t.Errorf("%v, %v: want Lake and snapshot alone", entries, err)
	}
}

// No folder is replaced that is not a snapshot's.
func TestSnapshotFolder(t *testing.T) {
	s := snapshotLake(t)
	home := filepath.Dir(s.Dir)
	put(t, home, "full/thesis.txt", "years of work")
	if err := os.Symlink(s.Dir, filepath.Join(home, "link")); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		s.Dir: "lies in the lake", filepath.Join(s.Dir, "x"): "lies in the lake", filepath.Join(home, "link", "x"): "lies in the lake",
		filepath.Join(home, "full"): "is neither empty nor a snapshot", home: "is neither empty nor a snapshot",
		filepath.Join(home, "full", "thesis.txt"): "not a directory", filepath.Join(home, "no", "where"): "no such file",
	} {
		if _, err := s.Snapshot(t.Context(), dir, lake.Snapshot{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", dir, err, want)
		}
	}
	if text, err := os.ReadFile(filepath.Join(home, "full", "thesis.txt")); err != nil || string(text) != "years of work" {
		t.Errorf("%q, %v", text, err)
	}
}

// Whoever may read the lake may read its snapshot, whatever the umask of who made it.
func TestSnapshotUnderUmask(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o022))
	s := snapshotLake(t)
	dir := filepath.Join(t.TempDir(), "snapshot")
	syscall.Umask(0o077)
	if _, err := s.Snapshot(t.Context(), dir, lake.Snapshot{Link: forbidden}); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		want := os.FileMode(0o644)
		if e.IsDir() {
			want = 0o755
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
