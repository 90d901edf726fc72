package alert_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/alert"
)

// relayed is the alerts.json of a vantage point, changed.
func relayed(t *testing.T, machine string, change func(map[string]any)) []byte {
	t.Helper()
	v := map[string]any{"schema": "mtric-alerts/1", "machine": machine, "written": at, "firing": []any{}, "events": []any{
		map[string]any{"time": at, "machine": "999", "severity": "warning", "state": "FIRING", "rule": "disk-filling", "summary": "full"}}}
	change(v)
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// firing puts one alert with these labels, name after value, into the file.
func firing(labels ...string) func(map[string]any) {
	var all []map[string]string
	for i := 0; i < len(labels); i += 2 {
		all = append(all, map[string]string{"name": labels[i], "value": labels[i+1]})
	}
	return func(v map[string]any) {
		v["firing"] = append(v["firing"].([]any), map[string]any{"rule": "x", "severity": "info", "labels": all, "changed": at})
	}
}

func both(changes ...func(map[string]any)) func(map[string]any) {
	return func(v map[string]any) {
		for _, c := range changes {
			c(v)
		}
	}
}

func take(t *testing.T, r alert.Relay, machine string, label time.Time, data []byte) {
	t.Helper()
	if err := errors.Join(r.Take(machine, label, data), r.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestRelay(t *testing.T) {
	r := alert.Relay{Logs: t.TempDir(), State: t.TempDir()}
	good := relayed(t, "101", firing("rsi", "a"))
	for range 2 {
		take(t, r, "101", at, good)
	}
	data, err := os.ReadFile(filepath.Join(r.Logs, "101-alerts.txt"))
	if want := "2026-11-22T21:40:03Z 101 warning FIRING rule=disk-filling \"full\"\n"; err != nil || string(data) != want {
		t.Errorf("%v, got %q, want %q", err, data, want)
	}
	for name, data := range map[string][]byte{
		"another machine": relayed(t, "301", func(map[string]any) {}),
		"witnesses": relayed(t, "101", func(v map[string]any) {
			v["firing"] = []any{map[string]any{"rule": "x", "severity": "info", "nsid": "a", "changed": at}}
		}),
		"witnesses' line":  relayed(t, "101", func(v map[string]any) { v["events"].([]any)[0].(map[string]any)["vantage_points"] = 3 }),
		"machine label":    relayed(t, "101", firing("machine", "501")),
		"label with quote": relayed(t, "101", firing(`a="1"} 0 #`, "501")),
		"Prometheus' own":  relayed(t, "101", firing("__name__", "up")),
		"a series twice":   relayed(t, "101", both(firing("rsi", "a", "family", "ipv4"), firing("family", "ipv4", "rsi", "a"))),
		"no schema":        relayed(t, "101", func(v map[string]any) { delete(v, "schema") }),
		"unknown key":      relayed(t, "101", func(v map[string]any) { v["mute"] = []string{"301"} }),
		"null":             []byte("null"),
		"cut short":        good[:len(good)/2],
		"twice":            append(good, good...),
		"too large":        append(good, strings.Repeat(" ", 64<<10)...),
		"state":            relayed(t, "101", func(v map[string]any) { v["events"].([]any)[0].(map[string]any)["state"] = "MUTED" }),
	} {
		if err := r.Take("101", at, data); !errors.As(err, new(alert.Refused)) {
			t.Errorf("%s: %v, want it refused", name, err)
		}
	}
	if err := r.Take("c00", at, relayed(t, "c00", func(map[string]any) {})); err == nil {
		t.Error("a dropbox speaks for the collector")
	}
	if after, err := os.ReadFile(filepath.Join(r.Logs, "101-alerts.txt")); err != nil || len(after) != len(data) {
		t.Errorf("refused files left lines: %q %v", after, err)
	}
	if entries, err := os.ReadDir(r.Logs); err != nil || len(entries) != 2 {
		t.Errorf("%v %v", entries, err)
	}
}

// TestALateFileBringsNothingBack lets an older interval arrive last: its line is
// told, what it says fires no longer does.
func TestALateFileBringsNothingBack(t *testing.T) {
	r := alert.Relay{Logs: t.TempDir(), State: t.TempDir()}
	take(t, r, "101", at, relayed(t, "101", func(v map[string]any) { v["events"] = []any{} }))
	take(t, r, "101", at.Add(-time.Hour), relayed(t, "101", firing("rsi", "a")))
	prom, err := os.ReadFile(filepath.Join(r.Logs, "101-alerts.prom"))
	if err != nil || strings.Contains(string(prom), "} 1") {
		t.Errorf("%v\n%s", err, prom)
	}
	text, err := os.ReadFile(filepath.Join(r.Logs, "101-alerts.txt"))
	if err != nil || strings.Count(string(text), "FIRING") != 1 {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestRelayIsBounded has one vantage point send what fills a disk: 600 files of hundreds
// of lines and alerts. It gets twenty of each, the last of which says how many more.
func TestRelayIsBounded(t *testing.T) {
	r := alert.Relay{Logs: t.TempDir(), State: t.TempDir(), Now: at}
	take(t, r, "301", at, relayed(t, "301", func(map[string]any) {}))
	for n := range 600 {
		full := relayed(t, "101", func(v map[string]any) {
			var lines []any
			for i := range 120 {
				firing("n", fmt.Sprint(n, " ", i))(v)
				lines = append(lines, map[string]any{"time": at, "severity": "critical", "state": "FATAL", "rule": fmt.Sprintf("r%d-%d", n, i), "summary": strings.Repeat("x", 50)})
			}
			v["events"] = lines
			if n == 0 {
				lines[0].(map[string]any)["summary"] = strings.Repeat("é", 3_000)
			}
			commands := map[string]any{}
			for i := range 20 {
				commands[fmt.Sprintf("c%02d", i)] = map[string]any{"success": true, "at": at}
			}
			v["commands"] = commands
		})
		if err := r.Take("101", at.Add(time.Duration(n)*5*time.Minute), full); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(r.Logs, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	text, prom := read("101-alerts.txt"), read("101-alerts.prom")
	want := ` 101 warning FIRING rule=mtric.ingest condition=more vantage_point=101 "71981 more lines of vantage point 101 came and are not written here; its alerts.json in Originals have them"`
	if strings.Count(text, "\n") != 20 || len(text) > 8<<10 || !strings.Contains(text, want) {
		t.Errorf("%d lines, %d bytes:\n%.3000s", strings.Count(text, "\n"), len(text), text)
	}
	if n := strings.Count(prom, "mtric_alert_firing{"); n != 20 || !strings.Contains(prom, `condition="more"`) {
		t.Errorf("%d series\n%s", n, prom)
	}
	if n := strings.Count(prom, "mtric_run_success{"); n != 10 {
		t.Errorf("%d commands", n)
	}
	if !strings.Contains(read("301-alerts.txt"), "disk-filling") {
		t.Error("another vantage point's line is gone")
	}
}

// TestMetricsEndWithTheVantagePoint takes one out of the plan, and another ended: what fired there when
// it was last heard of must not fire for ever.
func TestMetricsEndWithTheVantagePoint(t *testing.T) {
	ended := strings.Replace(vantagePoints, "London\"\n", "London\"\n  until = \"2026-11-22\"\n", 1)
	rules, l := compile(t, "rssac047", "site.hcl", ended)
	if rules == nil {
		t.Fatal(l.Error())
	}
	r := alert.Relay{Logs: t.TempDir(), State: t.TempDir(), Now: at}
	for _, machine := range []string{"101", "301", "901"} {
		take(t, r, machine, at, relayed(t, machine, firing("rsi", "a")))
	}
	r.Plan = rules.Plan
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(r.Logs, "*"))
	var names []string
	for _, f := range left {
		names = append(names, filepath.Base(f))
	}
	if want := "101-alerts.prom 101-alerts.txt 301-alerts.txt 901-alerts.txt"; err != nil || strings.Join(names, " ") != want {
		t.Errorf("%v: %q, want %s", err, names, want)
	}
}

// FuzzRelay holds that whatever is taken gives lines of that machine and metrics
// that Prometheus can parse, without two series of one name.
func FuzzRelay(f *testing.F) {
	f.Add([]byte(`{"schema":"mtric-alerts/1","machine":"101","firing":[{"rule":"x","severity":"info","labels":[{"name":"a","value":"\u0000\"\\"}]}],"events":[]}`))
	f.Add([]byte(`{"schema":"mtric-alerts/1","machine":"101","firing":[],"events":[{"time":"2026-11-22T21:40:03Z","severity":"info","state":"FATAL","rule":"mtric.zone fetch","summary":"a\nb"}],"commands":{"zone fetch":{"success":true,"at":"2026-11-22T21:40:03Z"}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		r := alert.Relay{Logs: dir, State: dir}
		if err := r.Take("101", at, data); err != nil {
			return
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "101-alerts.txt"))
		for line := range strings.Lines(string(text)) {
			if words := strings.SplitN(line, " ", 3); len(words) < 3 || words[1] != "101" || !strings.HasSuffix(line, "\"\n") {
				t.Errorf("line %q, %v", line, err)
			}
		}
		prom, err := os.ReadFile(filepath.Join(dir, "101-alerts.prom"))
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for line := range strings.Lines(string(prom)) {
			if !strings.HasPrefix(line, "# ") && (!sample.MatchString(line) || seen[line]) {
				t.Errorf("sample %q, or there twice", line)
			}
			seen[line] = true
		}
	})
}

// sample is a line of the text format of Prometheus.
var sample = regexp.MustCompile(`^[a-z_]+\{machine="101"(,[a-z][a-z_]*="([^"\\\n]|\\["\\n])*")+\} -?[0-9]+\n$`)
