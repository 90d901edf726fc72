package alert

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// gaugeWindow is what the window gauges are of: the hour before the newest end.
const gaugeWindow = time.Hour

// gaugesFor is how long after their end window gauges are shown: what is older says
// nothing of now.
const gaugesFor = time.Hour

// gauges are what the last evaluation of windows found for Prometheus: a series for each
// RSI and path of the plan.
type gauges struct {
	End    time.Time `json:"end"`
	Series []gauge   `json:"series"`
}

// gauge is what a window has of an RSI and path; nil is not known, and not shown.
type gauge struct {
	RSI           string   `json:"rsi"`
	Family        string   `json:"family"`
	Transport     string   `json:"transport"`
	Queries       int64    `json:"queries"`
	Availability  *float64 `json:"availability,omitempty"`   // of 1
	MedianLatency *float64 `json:"median_latency,omitempty"` // s
	Lag           *float64 `json:"lag,omitempty"`            // s
	Coverage      *float64 `json:"coverage,omitempty"`       // of 1
}

// gaugeOver are the labels that gauges have besides machine.
var gaugeOver = []string{"rsi", "family", "transport"}

// gauged has the windows of the gauges tallied too, by the group that a rule has of them
// already, or by one of their own.
func gauged(p *plan.Plan, groups []*group) ([]*group, *group) {
	var queries []string
	if _, root := p.Query(measurement.QuerySOA); !root {
		for _, q := range p.Queries {
			queries = append(queries, q.Label)
		}
	}
	i := slices.IndexFunc(groups, func(g *group) bool {
		return g.window == gaugeWindow && slices.Equal(g.queries, queries) && slices.Equal(slices.Sorted(slices.Values(g.over)), slices.Sorted(slices.Values(gaugeOver)))
	})
	if i < 0 {
		i = len(groups)
		groups = append(groups, &group{over: gaugeOver, queries: queries, window: gaugeWindow})
	}
	g := groups[i]
	g.latency, g.serials, g.zoned = true, true, g.zoned || len(p.Zones) > 0
	return groups, g
}

// note takes a combination into the gauges of an end.
func (g *gauges) note(c *combo, w *Window, expected int64) {
	s := gauge{RSI: labelOf(c.labels, "rsi"), Family: labelOf(c.labels, "family"), Transport: labelOf(c.labels, "transport"), Queries: w.Sent,
		Availability: ratio(c.now.good, w.Sent), MedianLatency: seconds(w.MedianLatency, time.Millisecond), Lag: seconds(cmp.Or(w.Lag, w.ZoneLag), time.Minute),
		Coverage: ratio(c.now.pairs, expected)}
	g.Series = append(g.Series, s)
}

// of are the gauges of an end, in order.
func (g *gauges) of(end time.Time) *gauges {
	slices.SortFunc(g.Series, func(a, b gauge) int {
		return cmp.Or(cmp.Compare(a.RSI, b.RSI), cmp.Compare(a.Family, b.Family), cmp.Compare(a.Transport, b.Transport))
	})
	return &gauges{End: end, Series: g.Series}
}

// reachable says whether an RSI has an address of a family in [from, until): where it has
// none nothing is missing.
func reachable(p *plan.Plan, labels []Label, from, until time.Time) bool {
	rsi, family := labelOf(labels, "rsi"), measurement.Family(labelOf(labels, "family"))
	return slices.ContainsFunc(p.Servers, func(s plan.Server) bool {
		_, first := s.AddressAt(family, from)
		_, last := s.AddressAt(family, until.Add(-interval.Length))
		return string(s.RSI) == rsi && (first || last)
	})
}

// ratio is nil of nothing.
func ratio(part, whole int64) *float64 {
	if whole == 0 {
		return nil
	}
	return new(float64(part) / float64(whole))
}

// seconds is a value of another unit, to the microsecond.
func seconds(v *float64, unit time.Duration) *float64 {
	if v == nil {
		return nil
	}
	return new(math.Round(*v*float64(unit.Microseconds())) / 1e6)
}

// gaugeNames are the metrics of windows, what each says, and where it is.
var gaugeNames = []struct {
	name, help string
	of         func(*gauge) *float64
}{
	{"mtric_window_availability_ratio", "Good replies of all that were sent in the last hour, of 1.", func(g *gauge) *float64 { return g.Availability }},
	{"mtric_window_coverage_ratio", "Intervals of vantage points with data in the last hour, of those expected, of 1.", func(g *gauge) *float64 { return g.Coverage }},
	{"mtric_window_lag_seconds", "Time since a zone was published that is newer than the newest shown in the last hour.", func(g *gauge) *float64 { return g.Lag }},
	{"mtric_window_latency_median_seconds", "Median latency of the good replies of the last hour.", func(g *gauge) *float64 { return g.MedianLatency }},
	{"mtric_window_queries", "Queries sent in the last hour.", func(g *gauge) *float64 { return new(float64(g.Queries)) }},
}

// write writes the gauges of a machine that has any, as long as they are of now.
func (g *gauges) write(out io.Writer, machine string, now time.Time) {
	if g == nil || now.Sub(g.End) > gaugesFor {
		return
	}
	for _, m := range gaugeNames {
		fmt.Fprintf(out, "# HELP %s %s\n# TYPE %s gauge\n", m.name, m.help, m.name)
		for i := range g.Series {
			if s := &g.Series[i]; m.of(s) != nil {
				labels := []Label{{"machine", machine}, {"rsi", s.RSI}, {"family", s.Family}, {"transport", s.Transport}}
				fmt.Fprintf(out, "%s%s %s\n", m.name, series(labels), strconv.FormatFloat(*m.of(s), 'g', -1, 64))
			}
		}
	}
	const end = "mtric_window_end_timestamp_seconds"
	fmt.Fprintf(out, "# HELP %s End of the hour that the metrics of windows are of.\n# TYPE %s gauge\n%s%s %d\n", end, end, end, series([]Label{{"machine", machine}}), g.End.Unix())
}
