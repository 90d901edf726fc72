package alert

import (
	"fmt"
	"strings"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// exclusion is the block that would take the combination out of the metrics, for
// a person to look at, complete and paste; empty where metrics have none of it.
func exclusion(labels []Label, from, until time.Time) string {
	var name []string
	lines := []string{}
	list := func(s ...string) string { return `["` + strings.Join(s, `", "`) + `"]` }
	families, transports := measurement.Families, measurement.MetricTransports
	paths := false
	for _, l := range labels {
		name = append(name, l.Value)
		switch l.Name {
		case "vantage_point":
			lines = append(lines, "vantage_points = "+list(l.Value))
		case "rsi":
			lines = append(lines, "rsis = "+list(l.Value))
		case "family":
			families, paths = []measurement.Family{measurement.Family(l.Value)}, true
		case "transport":
			if measurement.Transport(l.Value) == measurement.TLS {
				return "" // it is in no metric
			}
			transports, paths = []measurement.Transport{measurement.Transport(l.Value)}, true
		}
	}
	if paths {
		var all []string
		for _, f := range families {
			for _, t := range transports {
				all = append(all, measurement.Path{Family: f, Transport: t}.String())
			}
		}
		lines = append(lines, "paths = "+list(all...))
	}
	lines = append(lines, fmt.Sprintf("from = %q", from.UTC().Format(time.RFC3339)), fmt.Sprintf("until = %q", until.UTC().Format(time.RFC3339)),
		`by = "metrics operations"`, fmt.Sprintf("added = %q", until.UTC().Format(time.RFC3339)), `reason = "…"`)
	return fmt.Sprintf("exclusion %q {\n  %s\n}", strings.Join(append(name, until.UTC().Format("200601021504")), "-"), strings.Join(lines, "\n  "))
}
