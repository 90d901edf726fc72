package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Whoever reads our output may have enough of it, as head has: that is no signal to
// die of, and nothing to complain about.
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
	cmd := exec.Command(program, "version")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = w, &said
	_ = cmd.Run() // the exit code tells
	if code := cmd.ProcessState.ExitCode(); code != 1 || said.Len() > 0 {
		t.Errorf("%s, said %q", cmd.ProcessState, said.String())
	}
}
