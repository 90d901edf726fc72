package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// decode reads every block, those first that others are compared with.
func (l *loader) decode(t top) {
	l.decodePlan(t.plans)
	for _, step := range []struct {
		decode func(*block)
		kinds  []string
	}{
		{l.decodeVantagePoint, []string{"vantage_point"}},
		{l.decodeCollector, []string{"collector"}},
		{l.decodeServer, []string{"server"}},
		{l.decodeSchedule, []string{"schedule"}},
		{l.decodeQuery, []string{"query"}},
		{l.decodeTraceroute, []string{"traceroute"}},
		{l.decodeZoneSource, []string{"zone_source"}},
		{l.decodeAnchor, []string{"anchor"}},
		{l.decodeThreshold, []string{"threshold"}},
		{l.decodeRule, []string{"rule"}},
		{l.decodeNote, []string{"exclusion", "annotation"}},
		{l.decodeSilence, []string{"silence"}},
		{l.decodeReport, []string{"report"}},
		{l.decodeRetention, []string{"retention"}},
		{l.decodeZone, []string{"zone"}},
		{l.decodeObjective, []string{"objective"}},
	} {
		for _, b := range l.blocks {
			if slices.Contains(step.kinds, b.Type) {
				step.decode(b)
			}
		}
	}
}

// The times between the queries and the traces, docs/architecture.md "Data flow".
const pushLimit = Duration(30 * time.Second)

// check looks at what blocks must be together.
func (l *loader) check() {
	p := l.plan
	l.checkGaps()
	l.checkCounts()
	for _, q := range p.Queries {
		switch q.Label {
		case measurement.QuerySOA:
			l.checkSOA(q)
		case measurement.QueryCorrectness:
			l.checkCorrectness(q)
		}
	}
	l.checkFit()
	l.checkReports()
	l.checkZones()
	l.checkObjectives()
}

// checkFit reports a plan whose interval is too short for what it starts:
// jitter, queries, push and traces must end before the next one. Every
// schedule divides a day, so at 00:00 all of them are due together.
func (l *loader) checkFit() {
	p := l.plan
	var jitter, longest, pace, traces Duration
	count := 0
	for _, s := range p.Schedules {
		jitter = max(jitter, s.Jitter)
	}
	for _, q := range p.Queries {
		n := 0
		for _, s := range p.ServersOf(q.Servers) {
			n += most(q, s)
		}
		count, pace = count+n, pace+Duration(n)*q.Pace
		wait := q.Timeout
		if q.OnTruncation == RetryTCP {
			wait *= 2 // the timeout is restarted [hjw]
		}
		longest = max(longest, wait)
	}
	for _, t := range p.Traceroutes {
		traces += t.Limit
	}
	total := jitter + pace + longest + traces
	parts := fmt.Sprintf("jitter %s, sending %d queries %s, the longest wait for an answer %s", jitter, count, pace, longest)
	if traces > 0 {
		total += pushLimit
		parts += fmt.Sprintf(", pushing the answers %s, traces %s", pushLimit, traces)
	}
	if total > Duration(interval.Length) && !l.diags.HasErrors() {
		l.errorf(l.last(), "It takes "+parts+". Shorten one of them.", "an interval takes %s and must end within 5m", total)
	}
}

// most is how many queries one interval sends at most to the server: over the
// families of which it ever has an address.
func most(q Query, s Server) int {
	paths := 0
	for _, f := range q.Families {
		if slices.ContainsFunc(s.Addresses, func(a Address) bool { return a.Family == f }) {
			paths += len(q.Transports)
		}
	}
	return min(paths, cmp.Or(q.Pick, paths))
}

// last is where to look when an interval takes too long: the traces, else the
// queries.
func (l *loader) last() hcl.Range {
	var at hcl.Range
	for _, b := range l.blocks {
		if b.Type == "traceroute" || (b.Type == "query" && at.Filename == "") {
			at = b.DefRange()
		}
	}
	return at
}

// block finds a block, nil where there is none.
func (l *loader) block(kind, label string) *block {
	for _, b := range l.blocks {
		if b.Type == kind && b.label == label {
			return b
		}
	}
	return nil
}

// checkReports holds plans with a report block to what reports are made of.
func (l *loader) checkReports() {
	p := l.plan
	if len(p.Reports) == 0 {
		return
	}
	at := l.block("report", p.Reports[0].Label).DefRange()
	for _, label := range measurement.MetricQueries {
		if l.block("query", label) == nil {
			l.errorf(at, fmt.Sprintf("Add query %q, or remove the report blocks; every metric is made of the queries soa and correctness.", label),
				"a report without query %q", label)
		}
	}
	var missing []string
	for _, m := range measurement.Strings(measurement.Metrics) {
		if l.block("threshold", m) == nil {
			missing = append(missing, m)
		}
	}
	if len(missing) > 0 && len(l.unmade["threshold"]) == 0 {
		l.errorf(at, "Add threshold blocks for: "+strings.Join(missing, ", ")+".", "a report without all thresholds")
	}
	if soa, ok := p.Query(measurement.QuerySOA); ok {
		if c, ok := p.Query(measurement.QueryCorrectness); ok && !slices.Equal(soa.Servers, c.Servers) {
			l.decoders["query "+measurement.QueryCorrectness].errorf("servers", "Name the same servers as query soa does.", "correctness asks other servers than soa")
		}
	}
}
