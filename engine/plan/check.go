package plan

import (
	"fmt"
	"slices"
	"strings"

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
		{l.decodeSite, []string{"site"}},
		{l.decodeContact, []string{"contact"}},
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

// check looks at what blocks must be together.
func (l *loader) check() {
	p := l.plan
	l.checkGaps()
	l.checkTwins()
	l.checkBound()
	l.checkCounts()
	for _, q := range p.Queries {
		switch q.Label {
		case measurement.QuerySOA:
			l.checkSOA(q)
		case measurement.QueryCorrectness:
			l.checkCorrectness(q)
		}
	}
	l.checkTLS()
	l.checkFit()
	l.checkReports()
	l.checkZones()
	l.checkSigned()
	l.checkObjectives()
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
