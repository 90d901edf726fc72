package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/cli"
	"mtric.net/mtric/engine/lake"
)

// TestReportBesideIngest: no report is made of a lake that an ingest changes, and no ingest
// changes one while a report is made.
func TestReportBesideIngest(t *testing.T) {
	home := t.TempDir()
	store := lake.Store{Dir: filepath.Join(home, "Lake")}
	call := func(args ...string) (code int, said string) {
		var out, errs bytes.Buffer
		code = cli.Run(append(args, "--home", home, "--plan", "demo", "--now", "2026-12-09T06:00:00Z"), strings.NewReader(""), &out, &errs)
		return code, errs.String()
	}
	was := *cli.LakePatience
	*cli.LakePatience = 200 * time.Millisecond
	defer func() { *cli.LakePatience = was }()
	done, err := store.LockExclusive(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, style := range []string{"monthly", "survey"} {
		args := []string{"report", "--style", style, "--period", map[string]string{"monthly": "2026-11", "survey": "2026-11-22/2026-11-25"}[style]}
		if code, said := call(args...); code != 5 || !strings.Contains(said, "Lake: mtric ingest has been at work there") {
			t.Errorf("%s: exit code %d, said %q", style, code, said)
		}
	}
	if _, err := os.Stat(filepath.Join(home, "Reports", "monthly-2026-11")); err == nil {
		t.Error("a report was made")
	}
	*cli.LakePatience = time.Minute
	time.AfterFunc(200*time.Millisecond, func() { _ = done() })
	if code, said := call("report", "--period", "2026-11"); code != 0 {
		t.Errorf("exit code %d, said %q", code, said)
	}

	read, err := store.LockShared(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	time.AfterFunc(400*time.Millisecond, func() { _ = read() })
	if code, said := call("ingest"); code != 0 || time.Since(begun) < 400*time.Millisecond {
		t.Errorf("exit code %d after %s, said %q", code, time.Since(begun), said)
	}
}
