package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
)

// Whoever reads our output may have enough of it, as head has: that is no signal to
// complain about; the exit status is what a shell gives to those that die of it.
func TestClosedPipe(t *testing.T) {
	program := filepath.Join(t.TempDir(), "mtric")
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, program)
	}
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	file := filepath.Join(t.TempDir(), "202611222240-101.runs.parquet")
	runs := make([]measurement.Run, 2000)
	for i := range runs {
		runs[i].Interval = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * 5 * time.Minute)
	}
	if err := column.Write(file, runs, column.Metadata{Version: "test"}); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"version"}, {"show", file}, {"show", "--json", file}} {
		cmd := exec.Command(program, args...)
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = w, &said
		_ = cmd.Run() // the exit code tells
		if code := cmd.ProcessState.ExitCode(); code != 128+int(syscall.SIGPIPE) || said.Len() > 0 {
			t.Errorf("%s: %s, said %q", args, cmd.ProcessState, said.String())
		}
	}
}
