package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"mtric.net/mtric/engine/measurement"
)

// finish puts every list into its fixed order and replaces absent ones by
// empty ones, so that equal plans have equal JSON.
func (l *loader) finish() {
	p := l.plan
	slices.SortStableFunc(p.Servers, func(a, b Server) int {
		if c := strings.Compare(a.Group, b.Group); c != 0 {
			return c
		}
		return strings.Compare(string(a.RSI), string(b.RSI))
	})
	slices.SortStableFunc(p.ZoneSources, func(a, b ZoneSource) int {
		if a.Priority != b.Priority {
			return a.Priority - b.Priority
		}
		return strings.Compare(a.Label, b.Label)
	})
	slices.SortStableFunc(p.Thresholds, func(a, b Threshold) int {
		return slices.Index(measurement.Metrics, a.Metric) - slices.Index(measurement.Metrics, b.Metric)
	})
	p.VantagePoints, p.Servers, p.Schedules = list(p.VantagePoints), list(p.Servers), list(p.Schedules)
	p.Queries, p.Traceroutes, p.ZoneSources = list(p.Queries), list(p.Traceroutes), list(p.ZoneSources)
	p.Anchors, p.Thresholds, p.Rules = list(p.Anchors), list(p.Thresholds), list(p.Rules)
	p.Reports, p.Retention = list(p.Reports), list(p.Retention)
	for i := range p.Servers {
		p.Servers[i].Addresses = list(p.Servers[i].Addresses)
	}
	for i := range p.Queries {
		q := &p.Queries[i]
		q.Servers, q.Choices, q.Transports, q.Families = list(q.Servers), list(q.Choices), list(q.Transports), list(q.Families)
		slices.SortStableFunc(q.Choices, func(a, b Choice) int { return strings.Compare(a.Label, b.Label) })
		for j := range q.Choices {
			c := &q.Choices[j]
			c.Root, c.TLD, c.Except = list(c.Root), list(c.TLD), list(c.Except)
		}
	}
	for i := range p.Traceroutes {
		t := &p.Traceroutes[i]
		t.Servers, t.Families, t.After = list(t.Servers), list(t.Families), list(t.After)
	}
	for i := range p.Rules {
		p.Rules[i].Over = list(p.Rules[i].Over)
	}
	for i := range p.Reports {
		p.Reports[i].Publish = list(p.Reports[i].Publish)
	}
}

// list makes an absent list an empty one: null and [] must not differ in a hash.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// JSON returns the plan in canonical form: indented by two spaces, keys in the
// order of the types, lists in their fixed order, times in RFC 3339 UTC,
// durations as plans write them, a newline at the end. Exclusions, annotations
// and silences are left out: they change no measurement.
func (p *Plan) JSON() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(p); err != nil {
		panic(err) // the types of a Plan always encode
	}
	return b.Bytes()
}

// SHA256 is the plan's hash, as it stands in every run: the sha256 of JSON in
// hexadecimal digits.
func (p *Plan) SHA256() string {
	sum := sha256.Sum256(p.JSON())
	return hex.EncodeToString(sum[:])
}
