package cli_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mtric.net/mtric/engine/cli"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/measurement"
)

// While the collector is away cron must not mail every five minutes: a push tells it once,
// and once that it is over; between them only the exit code says so.
func TestPushTellsOnce(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := closed.Addr().(*net.TCPAddr).Port
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	home, overlay := t.TempDir(), t.TempDir()
	text := fmt.Sprintf("collector \"c00\" {\n  host = \"127.0.0.1\"\n  sftp = {\n    port        = %d\n    user        = \"transfer-{vantage_point}\"\n    key         = \"key\"\n    known_hosts = \"known\"\n    directory   = \"incoming\"\n  }\n}\n", port)
	file := filepath.Join(home, "Output", "202611220000-101.answers.parquet")
	for _, err := range []error{
		os.WriteFile(filepath.Join(overlay, "collector.hcl"), []byte(text), 0o644),
		os.MkdirAll(filepath.Join(home, "Output"), 0o755),
		column.Write(file, []measurement.Answer{{VantagePoint: "101"}}, column.Metadata{}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	push := func() (int, string) {
		var out, errs bytes.Buffer
		code := cli.Run([]string{"push", "--home", home, "--plan", "rssac047", "--plan", overlay, "--vp", "101"}, strings.NewReader(""), &out, &errs)
		return code, errs.String()
	}
	for i, want := range []bool{true, false, false} {
		if code, errs := push(); code != 1 || (errs != "") != want {
			t.Fatalf("push %d: exit code %d, told %v: %q", i, code, want, errs)
		}
	}
	for _, path := range []string{file, files.Sidecar(file)} { // delivered by hand
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []string{"mtric: push: what was unsent is delivered\n", ""} {
		if code, errs := push(); code != 0 || errs != want {
			t.Fatalf("push %d after it: exit code %d, %q, want %q", i, code, errs, want)
		}
	}
}
