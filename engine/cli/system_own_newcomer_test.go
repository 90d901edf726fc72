//go:build system

package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/attainment"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// newcomer is somebody who follows docs/first-plan.md, word by word.
type newcomer struct {
	r      *rig
	dir    string // where the commands run
	page   string
	blocks []string // of HCL, in the page's order
	at     time.Time
}

func (r *rig) newcomer(t *testing.T) *newcomer {
	t.Helper()
	page, err := os.ReadFile("../../docs/first-plan.md")
	must(t, err)
	// Of a whole day in the past: what arrives before its label is not believed.
	n := &newcomer{r: r, dir: r.home(t), page: string(page), at: interval.Day(time.Now()).AddDate(0, 0, -1).Add(30 * time.Second)}
	for _, m := range regexp.MustCompile("(?s)```hcl\n(.*?)```").FindAllStringSubmatch(n.page, -1) {
		n.blocks = append(n.blocks, m[1])
	}
	if len(n.blocks) != 6 {
		t.Fatalf("%d blocks of HCL in the page", len(n.blocks))
	}
	return n
}

// do runs a line of the page, and returns what it printed.
func (n *newcomer) do(t *testing.T, want int, line string) string {
	t.Helper()
	if !strings.Contains(n.page, "\n    mtric "+line+"\n") {
		t.Fatalf("the page has no line %q", line)
	}
	line = strings.ReplaceAll(line, "2026-11-30", n.at.Format(time.DateOnly))
	return n.run(t, want, strings.Fields(line)...)
}

func (n *newcomer) run(t *testing.T, want int, args ...string) string {
	t.Helper()
	cmd := n.r.mtricCommand(append(args, "--now", n.at.Format(time.RFC3339))...)
	cmd.Dir = n.dir
	out, errs, code, _ := bounded(t, time.Minute, cmd)
	if code != want {
		t.Fatalf("mtric %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), code, want, out, errs)
	}
	return out + errs
}

func (n *newcomer) write(t *testing.T, file, text string) {
	t.Helper()
	put(t, filepath.Join(n.dir, file), text)
}

// swap puts something in the place of a text that must be there once.
func swap(t *testing.T, text, old, new string) string {
	t.Helper()
	if strings.Count(text, old) != 1 {
		t.Fatalf("%q is %d times in\n%s", old, strings.Count(text, old), text)
	}
	return strings.Replace(text, old, new, 1)
}

// ownServer is a server block. Of the rig's servers ns1 is NSD and ns3 Knot, without IPv6;
// ns2 is BIND, with TLS; ns4 is NSD.
func ownServer(rsi string, letter byte, more ...string) string {
	lines := append([]string{fmt.Sprintf("rsi = %q", rsi), fmt.Sprintf("name = \"ns-%c.example.\"", letter), fmt.Sprintf("ipv4 = %q", v4(letter, 53))}, more...)
	return "server \"mine\" {\n  " + strings.Join(lines, "\n  ") + "\n}\n"
}

var ownLetters = map[measurement.RSI]byte{"ns1": 'a', "ns2": 'c', "ns3": 'b', "ns4": 'd'}

func ownServers(tls string) string {
	return ownServer("ns1", 'a') + ownServer("ns3", 'b') +
		ownServer("ns2", 'c', fmt.Sprintf("ipv6 = %q", v6('c', 53)), "tls = "+tls) +
		ownServer("ns4", 'd', fmt.Sprintf("ipv6 = %q", v6('d', 53)))
}

// plan makes the plan of the page that of four servers and two zones, with the serial that
// is expected of the first.
func (n *newcomer) plan(t *testing.T, tls string, serial int64) {
	t.Helper()
	n.do(t, 0, "plan new my-plan")
	text, err := os.ReadFile(filepath.Join(n.dir, "my-plan/plan.hcl"))
	must(t, err)
	one := regexp.MustCompile(`(?s)server "mine" \{.*?\n\}\n`)
	first := swap(t, string(text), one.FindString(n.blocks[0]), ownServers(tls))
	expect := swap(t, n.blocks[2], "2026113001", fmt.Sprint(serial))
	first = swap(t, first, "  qname    = \"example.\"\n", "  qname    = \"example.\"\n"+expect)
	n.write(t, "my-plan/plan.hcl", first+one.ReplaceAllString(n.blocks[1], ""))
	goals := n.blocks[3]
	for old, now := range map[string]string{`percentile = 95, at_most = "100ms"`: `percentile = 80, at_most = "4s"`, `"60m"`: `"15m"`, "availability = 99": "availability = 80"} {
		goals = swap(t, goals, old, now)
	}
	n.write(t, "my-plan/goals.hcl", goals)
	n.write(t, "my-plan/rules.test.hcl", n.blocks[4])
	n.do(t, 0, "plan check --plan my-plan")
	if out := n.do(t, 0, "plan test --plan my-plan"); !strings.HasPrefix(out, "ok    mine-failing: a server is behind\n") {
		t.Error(out)
	}
}

// synchronize has the files that wait in a dropbox say that the clock was synchronised, which
// that of a machine for tests may not be: a run without it dates no serial.
func synchronize(t *testing.T, dropbox string) {
	t.Helper()
	waiting, err := filepath.Glob(filepath.Join(dropbox, "*.answers.parquet"))
	must(t, err)
	for _, f := range waiting {
		rows, meta, err := column.Read[measurement.Answer](f)
		must(t, err)
		synchronized := true
		meta.Run.ClockSynchronized = &synchronized
		must(t, column.Write(f, rows, meta))
		must(t, files.WriteSidecar(f))
	}
}

// objectives makes the report of the day and returns it.
func (n *newcomer) objectives(t *testing.T, text string, home string) attainment.Document {
	t.Helper()
	var d attainment.Document
	file := filepath.Join(home, "Reports", "objectives-"+n.at.Format(time.DateOnly), "internal", "objectives")
	data, err := os.ReadFile(file + ".json")
	must(t, err)
	must(t, json.Unmarshal(data, &d))
	page, err := os.ReadFile(file + ".txt")
	must(t, err)
	if !strings.HasPrefix(text, string(page)) {
		t.Errorf("shown\n%s\nbut written\n%s", text, page)
	}
	return d
}

// holdVerdicts holds the outcomes of a report to those wanted, by objective, query and
// subject; what is not named passes.
func holdVerdicts(t *testing.T, d attainment.Document, want map[string]metrics.Verdict) {
	t.Helper()
	for _, o := range d.Outcomes {
		where := fmt.Sprintf("%s %s %s", o.Objective, o.Query, o.Subject)
		wanted, named := want[where]
		if !named {
			wanted = metrics.Pass
		}
		if o.Verdict != wanted {
			t.Errorf("%s: %s, want %s: %+v", where, o.Verdict, wanted, o.Values)
		}
		delete(want, where)
	}
	for where := range want {
		t.Errorf("%s: no outcome", where)
	}
}
