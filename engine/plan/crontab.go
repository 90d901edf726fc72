package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mtric.net/mtric/engine/measurement"
)

// The roles a machine can have.
const (
	RoleVantagePoint = "vantage_point"
	RoleCollector    = "collector"
)

// CronOptions say how cron calls the program.
type CronOptions struct {
	Binary string   // path of the program; empty is mtric
	Args   []string // flags of every command, such as --plan DIR; they follow the subcommand
	VP     string   // number of the vantage point, for the minute of its own; may be empty
}

// Crontab returns the cron lines of a machine, derived from the plan: only
// commands whose blocks exist. Minutes are those of UTC, so the crontab names
// that zone, and machines keep it too, as not every cron reads CRON_TZ.
func Crontab(p *Plan, role string, o CronOptions) (string, error) {
	if o.Binary == "" {
		o.Binary = "mtric"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# mtric: plan %s, role %s. Times are UTC; the machine's time zone must be UTC too.\nCRON_TZ=UTC\n", p.Name, role)
	line := func(when string, command ...string) {
		fmt.Fprintf(&b, "%s %s\n", when, cronCommand(append(append([]string{o.Binary}, command...), o.Args...)))
	}
	switch role {
	case RoleVantagePoint:
		if o.VP != "" && !measurement.VantagePoint(o.VP).Machine() {
			return "", fmt.Errorf("crontab: vantage point %q: want three digits", o.VP)
		}
		asked := p
		if o.VP != "" {
			asked = p.For(measurement.VantagePoint(o.VP))
		}
		if len(asked.Queries)+len(asked.Traceroutes) > 0 {
			line("*/5 * * * *", "measure")
		}
		if hasRule(p, role, "machine") {
			line("4-59/5 * * * *", "watch")
		}
		if p.HasNewest() {
			n, _ := strconv.Atoi(o.VP)
			// 41 and 5 share no factor with 60 and 12: neighbours are spread over hour and half day.
			line(fmt.Sprintf("%d %d-23/12 * * *", n*41%60, n*5%12), "zone", "fetch", "--latest")
		}
	case RoleCollector:
		if p.HasNewest() {
			line("11,41 * * * *", "zone", "fetch")
		}
		line("4-59/5 * * * *", "ingest")
		for _, s := range p.Sites { // after the ingest of the minute before
			line("*/5 * * * *", "site", "--edition", s.Edition, "--out", "Site/"+s.Edition)
		}
		if hasRule(p, role, "machine") {
			line("1,31 * * * *", "watch")
		}
		if hasReport(p, "week") {
			line("0 6 * * 1", "report", "--style", "weekly")
		}
		if hasReport(p, "month") {
			line("0 6 1,8 * *", "report", "--style", "monthly")
		}
		if len(p.Objectives) > 0 {
			line("30 5 * * *", "report", "--style", "objectives")
		}
	default:
		return "", fmt.Errorf("crontab: role %q: want %s or %s", role, RoleVantagePoint, RoleCollector)
	}
	return b.String(), nil
}

// hasRule reports whether a rule of this kind is evaluated on machines of the role.
func hasRule(p *Plan, role, on string) bool {
	return slices.ContainsFunc(p.Rules, func(r Rule) bool { return r.On == on && (r.Where == "" || r.Where == role) })
}

func hasReport(p *Plan, period string) bool {
	return slices.ContainsFunc(p.Reports, func(r Report) bool { return r.Period == period })
}

// cronCommand quotes the words for the shell, and percent signs for cron,
// which would make them newlines.
func cronCommand(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		plain := w != "" && !strings.ContainsFunc(w, func(r rune) bool {
			return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune("-_./:=,@+", r)
		})
		if !plain {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		quoted[i] = strings.ReplaceAll(w, "%", `\%`)
	}
	return strings.Join(quoted, " ")
}
