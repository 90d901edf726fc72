package rebuild_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/rebuild"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/plans"
)

const (
	golden   = "../../testdata/golden/schema-2"
	killHome = "MTRIC_TEST_REBUILD" // where the test binary is to rebuild
	killStep = "MTRIC_TEST_STEP"    // and before which step it kills itself
)

// TestMain is the process that is killed, where it is told to be.
func TestMain(m *testing.M) {
	home := os.Getenv(killHome)
	if home == "" {
		os.Exit(m.Run())
	}
	left, err := strconv.Atoi(os.Getenv(killStep))
	if err == nil {
		var b *rebuild.Rebuild
		if b, err = rebuilding(home, "out"); err == nil {
			b.Step = func(string) error {
				if left--; left < 0 {
					return errors.Join(syscall.Kill(os.Getpid(), syscall.SIGKILL), errors.New("not killed"))
				}
				return nil
			}
			_, err = b.Run(context.Background())
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// rebuilding makes home/out of the evidence of home, by the plan of the golden files.
func rebuilding(home, out string) (*rebuild.Rebuild, error) {
	demo, _ := plans.Dir("demo")
	text, err := os.ReadFile(filepath.Join(golden, "variables"))
	if err != nil {
		return nil, err
	}
	vars := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		vars[name] = value
	}
	p, mistakes := plan.Loader{Version: "1.0.0"}.Load([]plan.Dir{{Name: "demo", FS: demo}}, vars)
	if mistakes.HasErrors() {
		return nil, mistakes
	}
	b := &rebuild.Rebuild{Plan: p, Originals: filepath.Join(home, "Originals"), Zones: filepath.Join(home, "RootZones"), Plans: filepath.Join(home, "Lake", "plans"),
		Lake: lake.Store{Dir: filepath.Join(home, out), Version: "1.0.0"}, Now: func() time.Time { return time.Date(2026, 12, 2, 12, 0, 0, 0, time.UTC) }}
	for _, a := range p.Anchors {
		b.Anchors = append(b.Anchors, rootzone.Anchor{DS: a.DS, From: a.From, Until: a.Until})
	}
	return b, nil
}

// evidence is the golden files, and those of vantage point 101 once more as of the next day.
func evidence(t *testing.T) (home string) {
	t.Helper()
	home = t.TempDir()
	if err := os.CopyFS(home, os.DirFS(golden)); err != nil {
		t.Fatal(err)
	}
	sent, err := filepath.Glob(filepath.Join(home, "Originals", "202611", "*-101.answers.parquet"))
	if err != nil || len(sent) != 2 {
		t.Fatal(sent, err)
	}
	const later = 24 * time.Hour
	for _, path := range sent {
		rows, meta, err := column.Read[measurement.Answer](path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			rows[i].Interval = rows[i].Interval.Add(later)
			if at := rows[i].SentAt; at != nil {
				*at = at.Add(later)
			}
		}
		meta.Run.Interval, meta.Run.StartedAt = meta.Run.Interval.Add(later), meta.Run.StartedAt.Add(later)
		path = filepath.Join(filepath.Dir(path), strings.Replace(filepath.Base(path), "20261129", "20261130", 1))
		if err := errors.Join(column.Write(path, rows, meta), files.WriteSidecar(path)); err != nil {
			t.Fatal(err)
		}
	}
	return home
}

// ran rebuilds without being killed.
func ran(t *testing.T, home, out string, step func(string) error) lake.Store {
	t.Helper()
	b, err := rebuilding(home, out)
	if err != nil {
		t.Fatal(err)
	}
	b.Step = step
	done, err := b.Run(t.Context())
	if err != nil || len(done.Wrong) > 0 {
		t.Fatalf("%v, %v", err, done.Wrong)
	}
	return b.Lake
}

// names are the files of a lake.
func names(t *testing.T, s lake.Store) (names []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(s.Dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// killed rebuilds home/out in a process that kills itself before a step.
func killed(t *testing.T, home string, step int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), killHome+"="+home, fmt.Sprint(killStep, "=", step))
	text, _ := cmd.CombinedOutput()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("step %d: %v\n%s", step, cmd.ProcessState, text)
	}
}

// Killed before any change to a file, and often once more when it has begun again, rebuild leaves
// a lake that says it is not whole, and in the end comes to the same.
func TestKilledAnywhereIsNotWholeAndComesToTheSame(t *testing.T) {
	if testing.Short() {
		t.Skip("starts two processes for each step; go test without -short runs it")
	}
	home := evidence(t)
	var steps []string
	want := ran(t, home, "want", func(what string) error { steps = append(steps, what); return nil })
	wantNames := names(t, want)
	if len(steps) < 60 || len(wantNames) < 9 {
		t.Fatalf("only %d steps, files %q", len(steps), wantNames)
	}
	for step, what := range steps {
		out := lake.Store{Dir: filepath.Join(home, "out")}
		if err := os.RemoveAll(out.Dir); err != nil {
			t.Fatal(err)
		}
		for _, at := range []int{step, 2}[:1+step%2] {
			killed(t, home, at)
			if _, err := os.Stat(filepath.Join(out.Dir, rebuild.Work)); err != nil && step > 0 {
				t.Errorf("killed before %q and %d: the lake seems whole, %v", what, at, err)
			}
		}
		if c := check(t, ran(t, home, "out", nil), want); c.Different > 0 || c.Rows < 400 {
			t.Errorf("killed before %q: %+v", what, c)
		}
		if got := names(t, out); !slices.Equal(got, wantNames) {
			t.Errorf("killed before %q: files %q, want %q", what, got, wantNames)
		}
	}
}
