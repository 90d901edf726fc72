package alert_test

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mtric.net/mtric/engine/alert"
)

// full says to the test's own process that no file of its may grow beyond so many bytes.
const full = "MTRIC_TEST_FULL"

// onFullDisk is what a process does whose disk is full.
func onFullDisk(b *alert.Book, what string) error {
	switch what {
	case "set":
		return b.Set(unsent, true)
	case "end":
		return b.Set(unsent, false)
	}
	return b.Fatal("measure", errors.New(strings.Repeat("no room ", 20)))
}

// TestFullDisk has a process of its own write alerts on a disk that is full (its files may
// not grow): what was written stays whole, no half line and no empty file comes, the caller
// is told, and what could not be told is told when there is room.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv(full); dir != "" {
		signal.Ignore(unix.SIGXFSZ)
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 40, Max: 40}); err != nil {
			t.Fatal(err)
		}
		b := &alert.Book{Machine: "101", Logs: filepath.Join(dir, "Logs"), State: filepath.Join(dir, "State"), Now: func() time.Time { return at }}
		if err := onFullDisk(b, os.Getenv(full+"_DOES")); !errors.Is(err, unix.EFBIG) {
			t.Errorf("the caller is told %v", err)
		}
		return
	}
	for _, c := range []struct {
		before []string
		does   string
		lines  int // when there is room again and it is done again
	}{{nil, "set", 1}, {[]string{"set"}, "end", 2}, {nil, "fatal", 1}, {[]string{"set"}, "fatal", 2}} {
		dir := t.TempDir()
		b := &alert.Book{Machine: "101", Logs: filepath.Join(dir, "Logs"), State: filepath.Join(dir, "State"), Now: func() time.Time { return at }}
		if err := os.Mkdir(b.Logs, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, what := range c.before {
			if err := onFullDisk(b, what); err != nil {
				t.Fatal(err)
			}
		}
		content := func() string {
			text, _ := os.ReadFile(b.File())
			metrics, _ := os.ReadFile(filepath.Join(b.Logs, "101-alerts.prom"))
			memory, _ := os.ReadFile(filepath.Join(b.State, "alerts.json"))
			return string(text) + "\n" + string(metrics) + "\n" + string(memory)
		}
		before := content()
		child := exec.Command(os.Args[0], "-test.run", "^TestFullDisk$", "-test.count=1")
		child.Env = append(os.Environ(), full+"="+dir, full+"_DOES="+c.does)
		if out, err := child.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", c, err, out)
		}
		if got := content(); got != before {
			t.Errorf("%v:\nbefore\n%s\nafter\n%s", c, before, got)
		}
		if _, err := os.Stat(b.File()); len(c.before) == 0 && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%v: an alert file without alerts: %v", c, err)
		}
		for _, folder := range []string{b.Logs, b.State} {
			if left, err := filepath.Glob(filepath.Join(folder, ".*")); err != nil || len(left) > 0 {
				t.Errorf("%v: left behind: %v", c, left)
			}
		}
		if err := onFullDisk(b, c.does); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(b.File())
		if lines := strings.Count(string(text), "\n"); err != nil || lines != c.lines || !strings.HasSuffix(string(text), "\n") {
			t.Errorf("%v: %v, %d lines:\n%s", c, err, lines, text)
		}
	}
}
