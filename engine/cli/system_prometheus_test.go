//go:build system

package cli_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	prometheusRules = "../../ansible/roles/collector/files/mtric.rules.yml"
	prometheusTests = "../../testdata/prometheus/rules.test.yml"
)

// monitored is a collector whose alert files a real node exporter and a real
// Prometheus watch, with the rules that the collector's machine gets.
type monitored struct {
	bin, home, site string
	api             string
}

// TestSystemPrometheus lets alerts of the collector and of a vantage point begin and
// end, and sees both in Prometheus.
func TestSystemPrometheus(t *testing.T) {
	promtool(t, "check", "rules", prometheusRules)
	promtool(t, "test", "rules", prometheusTests)
	m := newMonitored(t)

	rubbish := filepath.Join(m.home, "Quarantine", "rubbish")
	must(t, os.WriteFile(rubbish, nil, 0o644))
	m.mtric(t, 3, "watch", "--vp", "c00", "--home", m.home)
	m.relay(t, 3, "2026-11-23T01:34:00Z")
	for _, machine := range []string{"c00", "101"} {
		data, err := os.ReadFile(filepath.Join(m.home, "Logs", machine+"-alerts.prom"))
		must(t, err)
		check := exec.Command("promtool", "check", "metrics")
		check.Stdin = strings.NewReader(string(data))
		if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("promtool check metrics: %v\n%s%s", err, out, data)
		}
	}
	m.wait(t, `101 critical no-output firing`, `c00 warning quarantine firing`)
	m.dashboard(t)

	must(t, os.Remove(rubbish))
	m.mtric(t, 0, "watch", "--vp", "c00", "--home", m.home)
	m.wait(t, `101 critical no-output firing`)

	output := filepath.Join(m.home, "vp", "Output")
	must(t, os.WriteFile(filepath.Join(output, "202611230135-101.answers.parquet"), nil, 0o644))
	m.relay(t, 0, "2026-11-23T01:39:00Z")
	m.wait(t)
}

func promtool(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("promtool", args...).CombinedOutput(); err != nil {
		t.Fatalf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func newMonitored(t *testing.T) *monitored {
	t.Helper()
	home := t.TempDir()
	m := &monitored{bin: prepare(t).bin, home: home, site: filepath.Join(home, "site")}
	for _, dir := range []string{"site", "Quarantine", "Logs", "vp/Output", "sftp/transfer-101/incoming", "data"} {
		must(t, os.MkdirAll(filepath.Join(home, dir), 0o755))
	}
	// The clock of the machine that tests this is its own.
	must(t, os.WriteFile(filepath.Join(m.site, "rules.hcl"), []byte(`rule "clock-not-synchronised" {
  on       = "machine"
  severity = "critical"
  expr     = "machine.quarantine.count > 1000"
  summary  = "x"
}

rule "quarantine" {
  on       = "machine"
  where    = "collector"
  severity = "warning"
  expr     = "machine.quarantine.count > 0"
  summary  = "{machine.quarantine.count} files in Quarantine"
}
`), 0o644))
	exporter := m.start(t, "prometheus-node-exporter", "--web.listen-address=ADDRESS", "--collector.disable-defaults", "--collector.textfile",
		"--collector.textfile.directory="+filepath.Join(home, "Logs"))
	rules, err := filepath.Abs(prometheusRules)
	must(t, err)
	config := filepath.Join(home, "prometheus.yml")
	must(t, os.WriteFile(config, fmt.Appendf(nil, `global:
  scrape_interval: 1s
  evaluation_interval: 1s
rule_files: [%q]
scrape_configs:
  - job_name: node
    static_configs:
      - targets: [%q]
`, rules, exporter), 0o644))
	m.api = "http://" + m.start(t, "prometheus", "--web.listen-address=ADDRESS", "--config.file="+config, "--storage.tsdb.path="+filepath.Join(home, "data"))
	return m
}

// start runs a server on a free port of 127.0.0.1 until the test ends.
func (m *monitored) start(t *testing.T, program string, args ...string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	address = l.Addr().String()
	must(t, l.Close())
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "ADDRESS", address)
	}
	var log strings.Builder
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &log, &log
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
		if t.Failed() {
			t.Logf("%s:\n%s", program, log.String())
		}
	})
	return address
}

func (m *monitored) mtric(t *testing.T, want int, args ...string) {
	t.Helper()
	cmd := exec.Command(m.bin, append(args, "--plan", "demo", "--plan", m.site)...)
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != want {
		t.Fatalf("mtric %s: exit code %d, want %d\n%s", strings.Join(args, " "), code, want, out)
	}
}

// relay lets vantage point 101 watch, and carries its alerts to the collector.
func (m *monitored) relay(t *testing.T, want int, now string) {
	t.Helper()
	vp, box := filepath.Join(m.home, "vp"), filepath.Join(m.home, "sftp", "transfer-101", "incoming")
	m.mtric(t, want, "watch", "--vp", "101", "--home", vp, "--now", now)
	sent, err := filepath.Glob(filepath.Join(vp, "Output", "*.alerts.json*"))
	must(t, err)
	if len(sent) != 2 {
		t.Fatalf("alerts to send: %q", sent)
	}
	for _, f := range sent {
		must(t, os.Rename(f, filepath.Join(box, filepath.Base(f))))
	}
	m.mtric(t, 0, "ingest", "--home", m.home, "--now", now)
}

// dashboard asks Prometheus what Grafana would ask it, and that there is something to say of
// the windows, of which nothing came but what was expected.
func (m *monitored) dashboard(t *testing.T) {
	t.Helper()
	data, err := os.ReadFile("../../docs/grafana/mtric.json")
	must(t, err)
	var board struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	must(t, json.Unmarshal(data, &board))
	all := regexp.MustCompile(`\$(rsi|family|transport)`)
	var rules strings.Builder
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			expr := all.ReplaceAllString(target.Expr, ".*")
			fmt.Fprintf(&rules, "  - record: x:%d\n    expr: %q\n", rules.Len(), expr)
			if _, err := m.query(expr); err != nil {
				t.Errorf("%s: %v", expr, err)
			}
		}
	}
	file := filepath.Join(m.home, "dashboard.yml")
	must(t, os.WriteFile(file, []byte(rules.String()), 0o644))
	promtool(t, "check", "rules", file)
	if found, err := m.query("mtric_window_coverage_ratio == 0"); err != nil || len(found) != 13*4 {
		t.Errorf("%d RSIs and paths without data, %v", len(found), err)
	}
	if found, err := m.query("mtric_window_availability_ratio"); err != nil || len(found) > 0 {
		t.Errorf("availability of what was never sent: %v, %v", found, err)
	}
}

// wait waits until exactly these alerts of mtric fire in Prometheus, as "machine
// severity rule state".
func (m *monitored) wait(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	var err error
	for range 240 {
		if got, err = m.alerts(); err == nil && slices.Equal(got, want) {
			return
		}
		time.Sleep(250 * time.Millisecond)
	}
	t.Fatalf("alerts in Prometheus, %v (-want +got): %s", err, cmp.Diff(want, got))
}

func (m *monitored) alerts() ([]string, error) {
	found, err := m.query(`ALERTS{alertname="MtricAlert"}`)
	var all []string
	for _, a := range found {
		all = append(all, fmt.Sprintf("%s %s %s %s", a["machine"], a["severity"], a["rule"], a["alertstate"]))
	}
	slices.Sort(all)
	return all, err
}

// query asks Prometheus: the labels of each series.
func (m *monitored) query(expr string) (all []map[string]string, err error) {
	var answer struct {
		Status, Error string
		Data          struct {
			Result []struct{ Metric map[string]string }
		}
	}
	r, err := http.Get(m.api + "/api/v1/query?query=" + url.QueryEscape(expr))
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Status != "success" {
		return nil, errors.New(answer.Error)
	}
	for _, a := range answer.Data.Result {
		all = append(all, a.Metric)
	}
	return all, nil
}
