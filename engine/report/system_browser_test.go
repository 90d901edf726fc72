//go:build system

package report_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/engine/simulate"
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

// TestSystemPrint prints a month of twenty vantage points on A4 and Letter: the public page
// and the internal one are complete, and under twenty pages.
func TestSystemPrint(t *testing.T) {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("no chromium: testdata/rig/install.sh installs it")
	}
	p, lakeDir := rssac047(t), t.TempDir()
	var vps []measurement.VantagePoint
	for i := range 20 {
		vps = append(vps, measurement.VantagePoint(fmt.Sprint(901+i)))
	}
	from := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	if _, err := simulate.Run(context.Background(), lakeDir, simulate.Config{Plan: p, VantagePoints: vps, From: from, Until: from.AddDate(0, 0, 2), Seed: 1, Version: "test"}); err != nil {
		t.Fatal(err)
	}
	d, err := report.Frame(p, report.Monthly, from, from.AddDate(0, 1, 0), from.AddDate(0, 2, 0), "test")
	if err != nil {
		t.Fatal(err)
	}
	j := newJob(p, lake.Store{Dir: lakeDir}, t.TempDir())
	if err := run(t, j, d); err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{"report.html", "internal/full.html"} {
		text := readFile(t, filepath.Join(j.Out, "monthly-2026-10", filepath.FromSlash(page)))
		for _, size := range []string{"A4", "Letter"} {
			html, pdf := filepath.Join(t.TempDir(), "page.html"), filepath.Join(t.TempDir(), "page.pdf")
			sized := strings.Replace(text, "@page { ", "@page { size: "+size+"; ", 1)
			if err := os.WriteFile(html, []byte(sized), 0o644); err != nil || sized == text {
				t.Fatal("the page has no @page", err)
			}
			if out, err := exec.Command(browser, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir="+t.TempDir(), "--no-pdf-header-footer",
				"--print-to-pdf="+pdf, "file://"+html).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			printed := readFile(t, pdf)
			sheets := len(regexp.MustCompile(`/Type /Page\b`).FindAllString(printed, -1))
			t.Logf("%s on %s: %d pages", page, size, sheets)
			least := map[string]int{"report.html": 3, "internal/full.html": 10}[page] // less would lack the folded tables
			if sheets < least || sheets >= 20 {
				t.Errorf("%s on %s: %d pages", page, size, sheets)
			}
		}
	}
}
