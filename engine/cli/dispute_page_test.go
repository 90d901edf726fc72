package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/cli"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// TestLetterToAnswer runs the commands of docs/correctness.md as they stand there, with
// nothing but the zip and the program.
func TestLetterToAnswer(t *testing.T) {
	if _, err := exec.LookPath("unzip"); err != nil {
		t.Skip("THE WAY FROM LETTER TO ANSWER IS NOT TESTED: there is no unzip; apt-get install unzip")
	}
	smaller(t, cli.SimulatedTLDs, 100)
	page, err := os.ReadFile("../../docs/correctness.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "## From letter to answer\n")
	section, _, _ = strings.Cut(section, "\n### ")
	commands := regexp.MustCompile(`(?m)^    (.*)$`).FindAllStringSubmatch(section, -1)
	if len(commands) < 8 {
		t.Fatalf("%d commands", len(commands))
	}
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	letter(t, dir, empty)
	script := "set -e\n"
	for _, c := range commands {
		script += "echo '$ '" + shellQuoted(c[1]) + "\n"
		if strings.HasSuffix(c[1], "| sh") {
			c[1] += " || test $? = 3" // the answer is incorrect
		}
		script += c[1] + "\n"
	}
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, filepath.Join(dir, "bin", "mtric")) // by that name it is the program
	}
	if err != nil {
		t.Fatal(err)
	}
	sh := exec.Command("sh", "-c", script)
	sh.Dir, sh.Env = empty, []string{"PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH")}
	out, err := sh.CombinedOutput()
	for _, want := range []string{"\nCorrectness: h over ", "\nconfirmed      2026-11-05T01:", " incorrect answers ", " 0 not confirmed, 0 held; ", "\nbroken rules\n", "\nincorrect, judged by zone ",
		"\ncounts_against,interval,", "\nrsi_correctness,2026-11-05T01:"} {
		if err != nil || !strings.Contains(string(out), want) {
			t.Fatalf("%v, no %q:\n%s", err, want, out)
		}
	}
}

func shellQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// TestDisputeRightly: a verdict that is wrong is not confirmed, which the operator is told.
func TestDisputeRightly(t *testing.T) {
	smaller(t, cli.SimulatedTLDs, 100)
	dir := t.TempDir()
	letter(t, dir, dir, func(a *measurement.Answer) {
		if a.RSI == "h" && a.Interval.Hour() == 2 && a.Interval.Minute() == 30 && a.Verdict != nil {
			a.Verdict, a.Failures = new(measurement.Incorrect), []string{"vnk: by design of this test"}
		}
	})
	var out, errs bytes.Buffer
	code := cli.Run([]string{"dispute", filepath.Join(dir, "monthly-2026-11-h.zip")}, strings.NewReader(""), &out, &errs)
	line := regexp.MustCompile(`(?m)^not confirmed  2026-11-05T02:30:00Z VP 90[12] .*: correct by zone 2026110[0-9]{3}, which may answer it$`)
	if code != 3 || len(line.FindAllString(out.String(), -1)) != 2 || !strings.Contains(out.String(), " 2 not confirmed, 0 held; ") {
		t.Errorf("exit code %d\n%s%s", code, &out, &errs)
	}
}

// letter puts the zip of h's dossier into a folder, after a change to the day of its lake.
func letter(t *testing.T, dir, to string, change ...func(*measurement.Answer)) {
	t.Helper()
	for _, d := range []string{to, filepath.Join(dir, "bin"), filepath.Join(dir, "own")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	faults, home := filepath.Join(dir, "faults.hcl"), filepath.Join(dir, "Lake")
	put(t, faults, "fault \"lying\" {\n  kind = \"wrong\"\n  rsis = [\"h\"]\n  tags = [\"ujy\", \"yot\", \"xhr\", \"csz\", \"occ\", \"gpl\"]\n  from = \"2026-11-05T01:00:00Z\"\n  until = \"2026-11-05T02:00:00Z\"\n}\n")
	call(t, 0, "simulate", "--out", home, "--vps", "2", "--from", "2026-11-05T00:00:00Z", "--until", "2026-11-05T03:00:00Z", "--seed", "5", "--wires", "--faults", faults)
	ds, err := os.ReadFile(filepath.Join(home, "rootzones", "anchors.ds"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range change {
		if err := lake.Amend(lake.Store{Dir: home, Version: "test"}, time.Date(2026, 11, 5, 0, 0, 0, 0, time.UTC), func(_ int64, a *measurement.Answer) { c(a) }); err != nil {
			t.Fatal(err)
		}
	}
	digits := strings.Join(strings.Fields(string(ds))[4:8], " ")
	put(t, filepath.Join(dir, "own", "anchor.hcl"), "anchor \""+strings.Fields(digits)[0]+"\" {\n  ds = \""+digits+"\"\n}\n")
	call(t, 3, "report", "--period", "2026-11", "--lake", home, "--out", filepath.Join(dir, "Reports"), "--now", "2026-12-09T06:00:00Z", "--plan", "rssac047", "--plan", filepath.Join(dir, "own"))
	const name = "monthly-2026-11-h.zip"
	text, err := os.ReadFile(filepath.Join(dir, "Reports", "monthly-2026-11", "rsi", name))
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(to, name), string(text))
}

// call runs a command that must end with a code.
func call(t *testing.T, code int, args ...string) {
	t.Helper()
	var out, errs bytes.Buffer
	if got := cli.Run(args, strings.NewReader(""), &out, &errs); got != code {
		t.Fatalf("mtric %q: exit code %d, want %d\n%.500s%s", args, got, code, &out, &errs)
	}
}
