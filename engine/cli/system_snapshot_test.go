//go:build system

package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestSystemSnapshotOfAnother: who may only read the lake gets a snapshot too, of copies
// where fs.protected_hardlinks forbids links to the files of others, and again only of what
// has changed.
func TestSystemSnapshotOfAnother(t *testing.T) {
	const nobody = 65534
	home := t.TempDir()
	must(t, os.Chmod(filepath.Dir(home), 0o755))
	program, err := os.ReadFile("/proc/self/exe")
	must(t, err)
	mtric := filepath.Join(home, "mtric") // the test's program goes by its name
	must(t, os.WriteFile(mtric, program, 0o755))
	theirs := filepath.Join(home, "theirs")
	must(t, os.Mkdir(theirs, 0o755))
	must(t, os.Chown(theirs, nobody, nobody))
	run := func(uid uint32, args ...string) string {
		t.Helper()
		cmd := exec.Command(mtric, args...)
		cmd.Dir, cmd.SysProcAttr = home, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	simulate := []string{"simulate", "--out", "Lake", "--vps", "2", "--from", "2026-11-01", "--until", "2026-11-03", "--seed", "5"}
	run(0, simulate...)
	snapshot := func(uid uint32, dir string) string {
		return run(uid, "snapshot", dir, "--lake", "Lake")
	}
	if said := snapshot(0, "ours"); !strings.Contains(said, "; 0.0 MB copied") {
		t.Errorf("the owner's: %s", said)
	}
	protected, err := os.ReadFile("/proc/sys/fs/protected_hardlinks")
	must(t, err)
	first := snapshot(nobody, "theirs/snapshot")
	if forbidden := strings.TrimSpace(string(protected)) == "1"; forbidden != strings.Contains(first, ", 0 of them links") {
		t.Errorf("another's, where fs.protected_hardlinks is %s: %s", protected, first)
	}
	if again := snapshot(nobody, "theirs/snapshot"); !strings.Contains(again, "; 0.0 MB copied") {
		t.Errorf("again: %s", again)
	}
	day := filepath.Join("answers", "yyyymm=202611", "answers-20261102.parquet")
	want, err := os.ReadFile(filepath.Join(home, "Lake", day))
	must(t, err)
	got, err := os.ReadFile(filepath.Join(theirs, "snapshot", day))
	must(t, err)
	if string(want) != string(got) {
		t.Error("the copy differs")
	}
}
