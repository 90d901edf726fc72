//go:build system

package report_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSystemBrowser opens every page of a report in Chromium, light, dark and as
// wide as a phone: each draws, and the console stays silent.
func TestSystemBrowser(t *testing.T) {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("no chromium: testdata/rig/install.sh installs it")
	}
	store, _, p := week(t)
	j := newJob(p, store, t.TempDir())
	if err := run(t, j, frame(t, p, monday.AddDate(0, 0, 14))); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(j.Out, "weekly-2026-11-02")
	for _, page := range []string{"report.html", "internal/full.html", "rsi/c/index.html", "rsi/k/index.html"} {
		for _, look := range [][]string{{"--window-size=1100,1600"}, {"--window-size=1100,1600", "--blink-settings=preferredColorScheme=0"}, {"--window-size=500,900"}} {
			shot := filepath.Join(t.TempDir(), "page.png")
			args := append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
				"--disable-component-update", "--disable-sync", "--enable-logging=stderr", "--user-data-dir=" + t.TempDir(), "--screenshot=" + shot}, look...)
			cmd := exec.Command(browser, append(args, "file://"+filepath.Join(dir, filepath.FromSlash(page)))...)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v\n%s", page, err, out)
			}
			if strings.Contains(string(out), "CONSOLE") {
				t.Errorf("%s %v: %s", page, look, out)
			}
			if info, err := os.Stat(shot); err != nil || info.Size() < 10_000 {
				t.Errorf("%s %v: nothing was drawn (%v)", page, look, err)
			}
		}
	}
}
