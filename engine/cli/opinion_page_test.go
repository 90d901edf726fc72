package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mtric.net/mtric/engine/cli"
)

// TestTryASecondOpinion runs the commands that docs/second-opinion.md has to be tried, as they
// stand there but for the time.
func TestTryASecondOpinion(t *testing.T) {
	smaller(t, cli.SimulatedTLDs, 100)
	page, err := os.ReadFile("../../docs/second-opinion.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "## Try it\n")
	commands := regexp.MustCompile(`(?m)^ {4,6}(mtric .*)$`).FindAllStringSubmatch(section, -1)
	if len(commands) < 10 {
		t.Fatalf("%d commands", len(commands))
	}
	dir := t.TempDir()
	self, err := os.Executable()
	if err == nil {
		err = os.Mkdir(filepath.Join(dir, "bin"), 0o755)
	}
	if err == nil {
		err = os.Symlink(self, filepath.Join(dir, "bin", "mtric")) // by that name it is the program
	}
	if err != nil {
		t.Fatal(err)
	}
	script := "set -e\n"
	for _, c := range commands {
		script += "echo '$ '" + shellQuoted(c[1]) + "\n" + c[1] + " --quiet --now 2026-12-01T00:00:00Z"
		if strings.HasPrefix(c[1], "mtric import ") {
			script += " || test $? = 3" // some errors are made up
		}
		script += "\n"
	}
	sh := exec.Command("sh", "-c", script)
	sh.Dir, sh.Env = dir, []string{"PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH")}
	if out, err := sh.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "Reports", "comparison-2026-11-20-until-2026-11-21", "internal", "comparison.txt"))
	if err != nil || !strings.Contains(string(text), "Ours: 20 vantage points. The crowd: 100 probes in ") || !strings.Contains(string(text), "SOA content") && !strings.Contains(string(text), "Publication lag") {
		t.Errorf("%v, %s", err, text)
	}
}
