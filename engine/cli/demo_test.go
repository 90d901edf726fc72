package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/cli"
)

// The planted faults stand out, and nothing else does.
func TestDemo(t *testing.T) {
	dir := t.TempDir()
	var out, errs bytes.Buffer
	if code := cli.Run([]string{"demo", "--json", "--keep", dir}, strings.NewReader(""), &out, &errs); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, &out, &errs)
	}
	var report struct {
		Answers int
		Serial  int64
		Stale   int64
		IPv6    bool
		Cells   []struct {
			RSI, Path  string
			Sent, Good int
			Latency    *int64 `json:"median_latency_us"`
			Serials    []int64
		}
		Missed      []string
		Publication []string
		Causes      []string
		Check       string
		Rebuild     []string
		Vars        []string
		Alerts      []string
		Report      string
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if report.Answers != 3*4*65 || len(report.Cells) != 52 {
		t.Errorf("%d answers in %d cells", report.Answers, len(report.Cells))
	}
	for _, c := range report.Cells {
		good := 12
		if c.RSI == "c" && strings.HasSuffix(c.Path, "/tcp") || !report.IPv6 && strings.HasPrefix(c.Path, "ipv6") {
			good = 0
		}
		if c.Sent != 12 || c.Good != good || (c.Latency == nil) != (good == 0) {
			t.Errorf("%+v, want %d good of 12", c, good)
			continue
		}
		if good == 0 {
			continue
		}
		if slow := *c.Latency >= 300_000; slow != (c.RSI == "f") {
			t.Errorf("%s %s: median %d µs", c.RSI, c.Path, *c.Latency)
		}
		if c.RSI == "k" && !slices.Equal(c.Serials, []int64{report.Stale}) || c.RSI != "k" && (len(c.Serials) != 2 || c.Serials[1] != report.Serial) {
			t.Errorf("%s %s: serials %d, want %d", c.RSI, c.Path, c.Serials, report.Serial)
		}
	}
	want := []string{"rsi_availability c ipv4/tcp ipv6/tcp", "rsi_response_latency f ipv4/udp ipv6/udp", "rsi_correctness i", "rsi_correctness k",
		"rsi_publication_latency k", "rss_correctness"}
	if diff := cmp.Diff(want, report.Missed); diff != "" && report.IPv6 {
		t.Errorf("missed thresholds: %s", diff)
	}
	if diff := cmp.Diff([]string{"rsi_publication_latency k: beyond the data, FAIL", "rsi_publication_latency l: 5 min, pass", "rss_publication_latency: 0 min, pass"},
		report.Publication); diff != "" {
		t.Errorf("publication latency: %s", diff)
	}
	for _, want := range []string{fmt.Sprintf("k vnk: older zone %d; ", report.Stale), "i vnk: one bit different; "} {
		if !slices.ContainsFunc(report.Causes, func(c string) bool { return strings.HasPrefix(c, want) }) {
			t.Errorf("%q does not explain %q", report.Causes, want)
		}
	}
	checkAgain(t, strings.Fields(report.Check)[1:])
	rebuildDemo(t, report.Rebuild, report.Vars)
	checkEvidence(t, filepath.Dir(report.Report))
	if diff := cmp.Diff(demoAlerts(report.IPv6), withoutTimes(t, report.Alerts)); diff != "" {
		t.Errorf("alerts (-want +got): %s", diff)
	}
	if _, err := os.Stat(report.Report); err != nil {
		t.Error(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*", "Output", "*.parquet"))
	if err != nil || len(left) > 0 {
		t.Errorf("unsent: %v, %v", left, err)
	}
}

// checkAgain runs a command that judges an answer with a flipped bit.
func checkAgain(t *testing.T, args []string) {
	t.Helper()
	var out, errs bytes.Buffer
	if code := cli.Run(args, strings.NewReader(""), &out, &errs); code != 3 || !strings.HasPrefix(out.String(), "incorrect, judged by zone") {
		t.Errorf("%q: exit code %d\n%s%s", args, code, &out, &errs)
	}
}

// rebuildDemo makes the demo's lake of its evidence, and finds it the same.
func rebuildDemo(t *testing.T, args, vars []string) {
	t.Helper()
	for _, v := range vars {
		args = append(args, "--var", v)
	}
	var out, errs bytes.Buffer
	if code := cli.Run(args, strings.NewReader(""), &out, &errs); code != 0 || !strings.Contains(out.String(), ", 0 are not\n") {
		t.Errorf("%q: exit code %d\n%s%s", args, code, &out, &errs)
	}
}

// checkEvidence judges all answers of i's dossier again by the commands that stand
// there, and disputes those of i and of k, whose zone is out of use, by their zips alone.
func checkEvidence(t *testing.T, report string) {
	t.Helper()
	evidence := filepath.Join(report, "rsi", "i", "evidence")
	files, err := filepath.Glob(filepath.Join(evidence, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	t.Chdir(evidence)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		_, command, found := strings.Cut(string(text), "mtric check ")
		if !found || !strings.Contains(string(text), "asked    20") {
			t.Fatalf("%s:\n%s", f, text)
		}
		checkAgain(t, append([]string{"check"}, strings.Fields(command)...))
	}
	for _, rsi := range []string{"i", "k"} {
		var out, errs bytes.Buffer
		zip := filepath.Join(report, "rsi", filepath.Base(report)+"-"+rsi+".zip")
		if code := cli.Run([]string{"dispute", zip}, strings.NewReader(""), &out, &errs); code != 0 || !strings.Contains(out.String(), " 0 not confirmed, 0 held; ") {
			t.Errorf("dispute %s: exit code %d\n%s%s", zip, code, &out, &errs)
		}
	}
}

// demoAlerts are what the planted faults must raise, and nothing else: each begins
// and then ends. A machine without ::1 has no IPv6 at all.
func demoAlerts(ipv6 bool) []string {
	alerts := []string{"501 critical %s rule=clock-not-synchronised", "c00 critical %s rule=wrong-answer rsi=i vantage_points=N nsid=lab-i-01.mtric.example",
		"c00 critical %s rule=wrong-answer rsi=k vantage_points=N nsid=lab-k-01.mtric.example",
		"c00 info %s rule=too-slow rsi=f transport=udp family=ipv4", "c00 warning %s rule=rsi-unavailable rsi=c transport=tcp family=ipv4"}
	if ipv6 {
		alerts = append(alerts, "c00 info %s rule=too-slow rsi=f transport=udp family=ipv6", "c00 warning %s rule=rsi-unavailable rsi=c transport=tcp family=ipv6")
	}
	var all []string
	for _, a := range alerts {
		all = append(all, fmt.Sprintf(a, "FIRING"), fmt.Sprintf(a, "RESOLVED"))
	}
	if !ipv6 { // unreachable, and never otherwise
		for _, rsi := range "abcdefghijklm" {
			all = append(all, fmt.Sprintf("c00 warning FIRING rule=rsi-unavailable rsi=%c transport=udp family=ipv6", rsi),
				fmt.Sprintf("c00 warning FIRING rule=rsi-unavailable rsi=%c transport=tcp family=ipv6", rsi))
		}
	}
	slices.Sort(all)
	return all
}

// severalWitnesses is how many vantage points saw it: two or three, by the paths that were
// drawn for the intervals that the window of that moment has.
var severalWitnesses = regexp.MustCompile(`vantage_points=[23] `)

// withoutTimes cuts the time, the number of vantage points and the summary off alert
// lines, and sorts them; each alert must end after it began.
func withoutTimes(t *testing.T, lines []string) []string {
	t.Helper()
	var all []string
	began := map[string]string{}
	for _, line := range lines {
		at, rest, _ := strings.Cut(line, " ")
		rest, _, _ = strings.Cut(rest, ` "`)
		if strings.Contains(rest, " warning FIRING rule=wrong-answer ") {
			continue // the first interval had one that drew a question whose answer is wrong
		}
		rest = severalWitnesses.ReplaceAllString(rest, "vantage_points=N ")
		all = append(all, rest)
		if key := strings.ReplaceAll(rest, " FIRING ", " RESOLVED "); key != rest {
			began[key] = at
		} else if began[key] == "" || began[key] >= at {
			t.Errorf("%s: has no beginning before it", line)
		}
	}
	slices.Sort(all)
	return all
}

// smaller has root zones of so many top-level domains until the test ends.
func smaller(t *testing.T, size *int, tlds int) {
	t.Helper()
	was := *size
	t.Cleanup(func() { *size = was })
	*size = tlds
}

// TestDemoForPeople keeps the files in a folder named as the demo's plan is, where the
// current folder has a plan of that name too. TestDemo has zones of real size.
func TestDemoForPeople(t *testing.T) {
	smaller(t, cli.DemoTLDs, 200)
	t.Chdir(t.TempDir())
	dir := "demo"
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("demo/other.hcl", []byte("rule \"x\" {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := cli.Run([]string{"demo", "--keep", dir}, strings.NewReader(""), &out, &errs); code != 0 || errs.Len() > 0 {
		t.Fatalf("exit code %d\n%s%s", code, &out, &errs)
	}
	for _, want := range []string{"780 answers, read back from the lake", "(stale)", "0 % -", "Planted: c refuses TCP", "Try next:"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &out)
		}
	}
	// What it says to try works; with the variables that it prints the plan is the report's.
	log := filepath.Join(dir, "101", "Logs", "101-log.txt")
	if _, err := os.Stat(log); err != nil || !strings.Contains(out.String(), log) {
		t.Errorf("%s: %v", log, err)
	}
	verify := regexp.MustCompile(`(?m)^  \S+ (verify .*)$`).FindStringSubmatch(out.String())
	if verify == nil {
		t.Fatalf("no verify in\n%s", &out)
	}
	var args []string
	for _, word := range regexp.MustCompile(`(?:[^\s"]|"[^"]*")+`).FindAllString(verify[1], -1) {
		args = append(args, strings.ReplaceAll(word, `"`, ""))
	}
	t.Chdir(t.TempDir()) // here no folder is called as the demo's plan is
	var said bytes.Buffer
	if code := cli.Run(args, strings.NewReader(""), &said, &said); code != 0 {
		t.Errorf("%q: exit code %d\n%s", args, code, &said)
	}
}
