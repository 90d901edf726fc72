package cli_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/measurement"
)

// Killed at any moment, measure loses nothing and sends nothing twice: whatever
// interval was written arrives whole with a later run.
func TestKilledAnywhere(t *testing.T) {
	home := t.TempDir()
	env := &testscript.Env{WorkDir: home}
	if err := newWorld(t).setup(env, t.Cleanup); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "mtric") // by this name the test binary is the program
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 11, 23, 1, 30, 0, 0, time.UTC)
	measure := func(i int) *exec.Cmd {
		return exec.Command(program, "measure", "--no-wait", "--vp", "101", "--home", home, "--plan", "demo",
			"--var", env.Getenv("PORTS"), "--var", env.Getenv("SFTP"), "--var", env.Getenv("IPV6"),
			"--now", start.Add(time.Duration(i)*5*time.Minute).Format(time.RFC3339))
	}
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	const runs = 16
	begun := time.Now() // the kills are spread over what a whole run takes on this machine
	if out, err := measure(0).CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	whole := time.Since(begun)
	r := rand.New(rand.NewPCG(1, 2))
	for i := 1; i < runs; i++ {
		cmd := measure(i)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(r.Int64N(int64(whole) * 5 / 4)))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	if out, err := measure(runs).CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	incoming := filepath.Join(home, "sftp", "transfer-101", "incoming")
	arrived, err := filepath.Glob(filepath.Join(incoming, "*.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range arrived {
		rows, _, err := column.Read[measurement.Answer](f)
		if err == nil {
			err = files.CheckSidecar(f)
		}
		if err != nil || len(rows) != 65 {
			t.Errorf("%d rows, %v", len(rows), err)
		}
		if _, err := os.Stat(filepath.Join(home, "Output", "Sent", filepath.Base(f))); err != nil {
			t.Error(err)
		}
	}
	sent, err := filepath.Glob(filepath.Join(home, "Output", "Sent", "*.parquet"))
	if err != nil || len(sent) != len(arrived) || len(sent) < 2 {
		t.Errorf("%d files sent, %d arrived, %v", len(sent), len(arrived), err)
	}
	if strays, err := os.ReadDir(temporary); err != nil || len(strays) > 0 {
		t.Errorf("left in the temporary folder, where nothing tidies: %v, %v", strays, err)
	}
	for _, pattern := range []string{"*.parquet", "*.sha256"} {
		if left, err := filepath.Glob(filepath.Join(home, "Output", pattern)); err != nil || len(left) > 0 {
			t.Errorf("left in Output: %v, %v", left, err)
		}
	}
	t.Logf("%d of %d intervals were written before the kill", len(arrived)-2, runs-1)
}

// Killed at any moment, rebuild leaves a folder that the next run goes on with, whether it
// compares or not.
func TestKilledRebuildGoesOn(t *testing.T) {
	g := newGolden(t, "2")
	rebuild := func(out string, more ...string) *exec.Cmd {
		args := append([]string{"rebuild", "--originals", filepath.Join(g.home, "Originals"), "--zones", filepath.Join(g.home, "Output", "RootZones"),
			"--plans", filepath.Join(g.home, "Lake", "plans"), "--out", filepath.Join(g.home, out), "--now", g.now()}, more...)
		return exec.Command("mtric", append(args, g.args...)...)
	}
	begun := time.Now()
	if out, err := rebuild("whole").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	took := time.Since(begun)
	r := rand.New(rand.NewPCG(1, 2))
	whole := []string{"--check", filepath.Join(g.home, "whole")}
	for i := range 12 {
		cmd := rebuild("killed", whole[:i%2*2]...)
		must(t, cmd.Start())
		time.Sleep(time.Duration(r.Int64N(int64(took))))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	if out, err := rebuild("killed").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := rebuild("compared", "--check", filepath.Join(g.home, "killed")).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte(" rows are equal to those of "+filepath.Join(g.home, "killed")+", 0 are not")) {
		t.Errorf("%v\n%s", err, out)
	}
}
