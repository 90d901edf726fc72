package alert_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"mtric.net/mtric/engine/alert"
)

func prom(t *testing.T, b *alert.Book) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(b.Logs, b.Machine+"-alerts.prom"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestConditionsTravelAndAreMeasured holds that what commands find by themselves is
// for Prometheus and the collector too, fatal errors included.
func TestConditionsTravelAndAreMeasured(t *testing.T) {
	b := newBook(t)
	out := t.TempDir()
	if err := errors.Join(b.Set(unsent, true), b.Fatal("zone fetch", errors.New("no route")), b.Ran("measure", true)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`mtric_alert_firing{machine="101",rule="mtric.push",severity="warning"} 1`,
		`mtric_run_success{machine="101",command="zone fetch"} 0`,
		`mtric_run_success{machine="101",command="measure"} 1`,
		`mtric_run_timestamp_seconds{machine="101",command="measure"} 1795383603`,
	} {
		if !strings.Contains(prom(t, b), want+"\n") {
			t.Errorf("%s is missing in\n%s", want, prom(t, b))
		}
	}
	path := filepath.Join(out, "202611222140-101.alerts.json")
	if err := b.Send(path, out); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := alert.Relay{Logs: t.TempDir(), State: t.TempDir()}
	take(t, r, "101", at, data)
	for _, name := range []string{"101-alerts.txt", "101-alerts.prom"} {
		here, err := os.ReadFile(filepath.Join(b.Logs, name))
		there, err2 := os.ReadFile(filepath.Join(r.Logs, name))
		if err := errors.Join(err, err2); err != nil || string(here) != string(there) {
			t.Errorf("%s, %v\nhere\n%s\nthere\n%s", name, err, here, there)
		}
	}
	// Told once: the next file has no lines, but still says what fires.
	again := filepath.Join(out, "202611222145-101.alerts.json")
	if err := b.Send(again, out); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(again); err != nil || !strings.Contains(string(data), `"events":[]`) || !strings.Contains(string(data), `"rule":"mtric.push"`) {
		t.Errorf("%v %s", err, data)
	}
}

// TestAPlanThatDoesNotLoadChangesNothing lets a command fail for the plan: what fired
// goes on, what was silenced stays so.
func TestAPlanThatDoesNotLoadChangesNothing(t *testing.T) {
	b := newBook(t)
	rules, l := compile(t, "rssac047", "", "")
	if rules == nil {
		t.Fatal(l.Error())
	}
	b.Rules = rules
	m := alert.Machine{}
	m.Disk.UsedPercent = new(90.0)
	if _, err := b.EvaluateMachine(m, "vantage_point"); err != nil {
		t.Fatal(err)
	}
	b.Rules = nil
	if err := b.Fatal("measure", errors.New("the plan has mistakes")); err != nil {
		t.Fatal(err)
	}
	if want := `mtric_alert_firing{machine="101",rule="disk-filling",severity="warning"} 1`; !strings.Contains(prom(t, b), want) {
		t.Errorf("%s is missing in\n%s", want, prom(t, b))
	}
	if got := lines(t, b); strings.Contains(strings.Join(got, "\n"), "RESOLVED") {
		t.Errorf("lines\n%s", strings.Join(got, "\n"))
	}
}

const vantagePoints = `
vantage_point "101" {
  region   = "europe"
  metro    = "Frankfurt"
  provider = "x"
}
vantage_point "301" {
  region   = "europe"
  metro    = "London"
  provider = "x"
}
rule "silent" {
  on       = "window"
  over     = ["vantage_point"]
  window   = "15m"
  severity = "warning"
  expr     = "!window.has_data"
  summary  = "nothing from {vantage_point}"
}
`

// inPlan gives a book the shipped rules and more, for a plan with vantage points 101 and 301.
func inPlan(t *testing.T, b *alert.Book, more string) {
	t.Helper()
	rules, l := compile(t, "rssac047", "site.hcl", strings.Split(vantagePoints, "rule ")[0]+more)
	if rules == nil {
		t.Fatal(l.Error())
	}
	b.Rules = rules
}

// TestWhatLeavesThePlanEnds fires for a vantage point that is then taken out of the
// plan: nothing would evaluate it any more.
func TestWhatLeavesThePlanEnds(t *testing.T) {
	now := noon.Add(45 * time.Minute)
	b, store := newCollector(t, &now)
	for i, text := range []string{vantagePoints + strings.ReplaceAll(vantagePoints[:strings.Index(vantagePoints, "vantage_point \"301\"")], "101", "901"), vantagePoints} {
		rules, l := compile(t, "rssac047", "site.hcl", text)
		if rules == nil {
			t.Fatal(l.Error())
		}
		b.Rules = rules
		now = now.Add(5 * time.Minute)
		evaluate(t, b, store)
		want := []string{" FIRING rule=silent vantage_point=901 ", ` RESOLVED rule=silent vantage_point=901 "neither the plan`}[i]
		got := lines(t, b)
		if len(got) != i+1 || !strings.Contains(got[i], want) {
			t.Fatalf("want %d lines, the last with %q:\n%s", i+1, want, strings.Join(got, "\n"))
		}
	}
}

// TestReportRules fires for a value that fails, and ends with the next report of that
// style, not with one of another.
func TestReportRules(t *testing.T) {
	rules, l := compile(t, "rssac047", "site.hcl", `rule "missed" {
  on       = "report"
  severity = "info"
  expr     = "value.verdict == 'fail'"
  summary  = "{value.style}: {value.rsi} {value.metric} {value.value} {value.unit}"
}`)
	if rules == nil {
		t.Fatal(l.Error())
	}
	b := newBook(t)
	b.Machine, b.Rules = "c00", rules
	value := func(style, verdict string) []alert.Value {
		return []alert.Value{{Style: style, Metric: "rsi_correctness", RSI: "c", Unit: "percent", Value: new(99.5), Verdict: verdict},
			{Style: style, Metric: "rss_availability", Unit: "percent", Verdict: "no_data"}}
	}
	for _, v := range [][]alert.Value{value("monthly", "fail"), value("weekly", "pass"), value("monthly", "pass")} {
		if r, err := b.EvaluateReport(v); err != nil || len(r.Errors) > 0 {
			t.Fatal(err, r.Errors)
		}
	}
	var own []string
	for _, line := range lines(t, b) {
		if strings.Contains(line, "rule=missed") {
			own = append(own, line)
		}
	}
	if len(own) != 2 || !strings.HasSuffix(own[0], `info FIRING rule=missed style=monthly metric=rsi_correctness rsi=c "monthly: c rsi_correctness 99.5 percent"`) ||
		!strings.Contains(own[1], " RESOLVED rule=missed style=monthly ") {
		t.Errorf("lines\n%s", strings.Join(own, "\n"))
	}
}

// TestASecondOneIsTold lets one vantage point fall silent after another, and miss one
// zone after another; each has an alert of its own, told once, and its own end.
func TestASecondOneIsTold(t *testing.T) {
	now := noon
	site := vantagePoints[:strings.Index(vantagePoints, "rule")] + `
vantage_point "501" {
  region   = "europe"
  metro    = "Paris"
  provider = "x"
  until    = "2026-11-01T11:00:00Z"
}`
	rules, l := compile(t, "rssac047", "site.hcl", site)
	if rules == nil {
		t.Fatal(l.Error())
	}
	b := newBook(t)
	b.Machine, b.Rules, b.Now = "c00", rules, func() time.Time { return now }
	for _, step := range []struct{ silent, missing []string }{
		{[]string{"101"}, nil}, {[]string{"101", "301", "501"}, []string{"2026110100"}},
		{[]string{"301"}, []string{"2026110100", "2026110101"}}, {nil, []string{"2026110101"}}, {nil, nil}, {nil, nil},
	} {
		var m alert.Machine
		m.VantagePoints.Silent, m.Zones.Missing = step.silent, step.missing
		if r, err := b.EvaluateMachine(m, "collector"); err != nil || len(r.Errors) > 0 {
			t.Fatal(err, r.Errors)
		}
		now = now.Add(30 * time.Minute)
	}
	var got []string
	for _, line := range lines(t, b) {
		if words := strings.Fields(line); words[4] == "rule=vantage-points-silent" || words[4] == "rule=serial-gaps" {
			got = append(got, strings.Join(append(words[3:4], words[5]), " "))
		}
	}
	want := []string{"FIRING vantage_point=101", "FIRING vantage_point=301", "FIRING serial=2026110100",
		"RESOLVED vantage_point=101", "FIRING serial=2026110101",
		"RESOLVED vantage_point=301", "RESOLVED serial=2026110100", "RESOLVED serial=2026110101"}
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("lines (-want +got):\n%s", d)
	}
}

// TestWhatEndedFiresNoLonger has a vantage point whose dates end: it is silent for
// ever, and nothing is wrong.
func TestWhatEndedFiresNoLonger(t *testing.T) {
	now := noon.Add(45 * time.Minute)
	b, store := newCollector(t, &now)
	site := vantagePoints + strings.ReplaceAll(vantagePoints[:strings.Index(vantagePoints, "}")], "101", "901") + "  until    = \"2026-11-01T12:50:00Z\"\n}\n"
	rules, l := compile(t, "rssac047", "site.hcl", site)
	if rules == nil {
		t.Fatal(l.Error())
	}
	b.Rules = rules
	for ; now.Before(noon.Add(90 * time.Minute)); now = now.Add(5 * time.Minute) {
		evaluate(t, b, store)
	}
	got := lines(t, b)
	if len(got) != 2 || !strings.Contains(got[1], ` RESOLVED rule=silent vantage_point=901 "neither the plan`) {
		t.Errorf("lines\n%s", strings.Join(got, "\n"))
	}
	episodes, _, err := rules.Backtest(t.Context(), store, noon.Add(45*time.Minute), noon.Add(2*time.Hour), "silent")
	if err != nil || len(episodes) != 1 || episodes[0].Until == nil || !episodes[0].Until.Equal(noon.Add(65*time.Minute)) {
		t.Errorf("episodes %+v, %v", episodes, err)
	}
}

// TestARuleThatMovesEndsItsAlerts changes where, or on what, a rule is evaluated.
func TestARuleThatMovesEndsItsAlerts(t *testing.T) {
	const rule = "rule \"x\" {\n  on = %q\n%s  severity = \"info\"\n  expr = \"true\"\n  summary = \"x\"\n}"
	site := vantagePoints[:strings.Index(vantagePoints, "rule")]
	for _, c := range []struct{ machine, on, then, more string }{
		{"101", "machine", "machine", "where = \"collector\"\n"},
		{"c00", "machine", "run", ""},
		{"c00", "machine", "machine", "where = \"collector\"\nover = [\"vantage_point\"]\n"},
		{"101", "run", "window", "window = \"5m\"\n"},
	} {
		b := newBook(t)
		b.Machine = c.machine
		for i, text := range []string{fmt.Sprintf(rule, c.on, ""), fmt.Sprintf(rule, c.then, c.more)} {
			rules, l := compile(t, "rssac047", "site.hcl", site+text)
			if rules == nil {
				t.Fatal(l.Error())
			}
			b.Rules = rules
			where := map[string]string{"101": "vantage_point", "c00": "collector"}[c.machine]
			if _, err := b.EvaluateMachine(alert.Machine{}, where); err != nil {
				t.Fatal(err)
			}
			if c.machine == "101" {
				if _, err := b.EvaluateRun(alert.Run{}); err != nil {
					t.Fatal(err)
				}
			}
			text := strings.Join(lines(t, b), "\n")
			if n := strings.Count(text, " RESOLVED rule=x \""); n != i {
				t.Errorf("%+v: %d ended after plan %d:\n%s", c, n, i, text)
			}
			if own := "{machine=\"" + c.machine + "\",rule=\"x\",severity=\"info\"}"; i == 1 && strings.Contains(prom(t, b), own) {
				t.Errorf("%+v: %s is still there", c, own)
			}
		}
	}
}

// TestTheOrderOfLabelsMakesNoSecondAlert writes over in another order: to Prometheus
// the series is the same, and of two the exporter would drop the file.
func TestTheOrderOfLabelsMakesNoSecondAlert(t *testing.T) {
	now := noon.Add(2 * time.Hour)
	b, store := newCollector(t, &now)
	evaluate(t, b, store)
	rules, l := compile(t, "rssac047", "site.hcl", `rule "rsi-unavailable" {
  on       = "window"
  over     = ["family", "rsi", "transport"]
  window   = "1h"
  severity = "warning"
  expr     = "window.availability < threshold.rsi_availability"
  summary  = "{rsi}"
}`)
	if rules == nil {
		t.Fatal(l.Error())
	}
	b.Rules = rules
	now = now.Add(5 * time.Minute)
	evaluate(t, b, store)
	if n := strings.Count(prom(t, b), `rule="rsi-unavailable"`); n != 1 {
		t.Errorf("%d series in\n%s", n, prom(t, b))
	}
	if got := lines(t, b); len(got) != 1 {
		t.Errorf("lines\n%s", strings.Join(got, "\n"))
	}
	if rules, l = compile(t, "rssac047", "site.hcl", `rule "rsi-unavailable" {
  on       = "window"
  over     = ["rsi"]
  window   = "1h"
  severity = "warning"
  expr     = "window.sent > 1000000"
  summary  = "{rsi}"
}`); rules == nil {
		t.Fatal(l.Error())
	}
	b.Rules = rules
	now = now.Add(5 * time.Minute)
	evaluate(t, b, store)
	if got := lines(t, b); len(got) != 2 || !strings.Contains(got[1], "RESOLVED") {
		t.Errorf("lines after over named less\n%s", strings.Join(got, "\n"))
	}
}

// TestAClockThatWasAhead must not keep the rules from being evaluated until then.
func TestAClockThatWasAhead(t *testing.T) {
	now := noon.Add(5 * time.Hour)
	b, store := newCollector(t, &now)
	evaluate(t, b, store)
	now = noon.Add(2 * time.Hour)
	if r := evaluate(t, b, store); r.Evaluated == 0 || len(r.Firing) != 1 {
		t.Errorf("%d intervals evaluated, %d firing", r.Evaluated, len(r.Firing))
	}
}

// TestWithoutDataNoRuleIsWrong divides by what was sent where nothing was: the rule
// keeps its state, and is no error for as long as one vantage point is silent.
func TestWithoutDataNoRuleIsWrong(t *testing.T) {
	now := noon.Add(45 * time.Minute)
	b, store := newCollector(t, &now)
	site := strings.ReplaceAll(vantagePoints, "301", "901")
	for _, expr := range []string{"100 * window.answered / window.sent < 90", "window.coverage < 1.0 && 1 / window.sent > 3"} {
		rules, l := compile(t, "rssac047", "site.hcl", strings.Replace(site, "!window.has_data", expr, 1))
		if rules == nil {
			t.Fatal(l.Error())
		}
		b.Rules = rules
		now = now.Add(5 * time.Minute)
		if r := evaluate(t, b, store); r.Evaluated == 0 || len(r.Firing) > 0 {
			t.Errorf("%s: %d evaluated, %d firing", expr, r.Evaluated, len(r.Firing))
		}
	}
}

// TestAlertsAreReadableByOthers whatever the umask: Prometheus and people read them.
func TestAlertsAreReadableByOthers(t *testing.T) {
	old := unix.Umask(0o027)
	defer unix.Umask(old)
	b := newBook(t)
	if err := b.Tell(unsent); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"101-alerts.txt", "101-alerts.prom"} {
		info, err := os.Stat(filepath.Join(b.Logs, file))
		if err != nil || info.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
	if err := os.Chmod(b.File(), 0o640); err != nil { // somebody's choice
		t.Fatal(err)
	}
	if err := b.Tell(unsent); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(b.File()); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("a mode that was chosen became %v, %v", info.Mode(), err)
	}
}
