package alert

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
)

// metrics replaces nnn-alerts.prom.
func (b *Book) metrics(m *memory) error {
	if !b.kept() {
		return nil
	}
	return writeMetrics(b.Logs, b.Machine, m.Alerts, b.shown, m.Commands, func(out io.Writer) { m.Gauges.write(out, b.Machine, b.Now()) })
}

// writeMetrics writes the text file metrics of a machine, and more of them, which no other
// machine has. HELP and TYPE never
// change and machine is always there, or node-exporter, which merges the files
// of all machines, would drop series without a word.
func writeMetrics(logs, machine string, alerts []*Status, firing func(*Status) bool, commands map[string]ran, more func(io.Writer)) error {
	names := slices.Sorted(maps.Keys(commands))
	var out bytes.Buffer
	out.WriteString("# HELP mtric_alert_firing Whether an alert of mtric fires.\n# TYPE mtric_alert_firing gauge\n")
	for _, s := range uncrowded(alerts) {
		labels := append([]Label{{"machine", machine}, {"rule", s.Rule}, {"severity", string(s.Severity)}}, s.Labels...)
		fmt.Fprintf(&out, "mtric_alert_firing%s %d\n", series(labels), number(firing(s)))
	}
	out.WriteString("# HELP mtric_run_success Whether the command's last run ended well.\n# TYPE mtric_run_success gauge\n")
	for _, name := range names {
		fmt.Fprintf(&out, "mtric_run_success%s %d\n", series([]Label{{"machine", machine}, {"command", name}}), number(commands[name].Success))
	}
	out.WriteString("# HELP mtric_run_timestamp_seconds When the command's last run ended.\n# TYPE mtric_run_timestamp_seconds gauge\n")
	for _, name := range names {
		fmt.Fprintf(&out, "mtric_run_timestamp_seconds%s %d\n", series([]Label{{"machine", machine}, {"command", name}}), commands[name].At.Unix())
	}
	more(&out)
	path := filepath.Join(logs, machine+"-alerts.prom")
	if err := renameio.WriteFile(path, out.Bytes(), 0o644, renameio.WithTempDir(logs), renameio.IgnoreUmask()); err != nil {
		return fmt.Errorf("alert metrics: %w", err)
	}
	return nil
}

func series(labels []Label) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
	var all []string
	for _, l := range labels {
		all = append(all, fmt.Sprintf(`%s="%s"`, l.Name, escape.Replace(l.Value)))
	}
	return "{" + strings.Join(all, ",") + "}"
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}
