package metrics

import (
	"fmt"
	"math/big"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// VantagePoint is one whose intervals are expected; From and Until bound them,
// nil is open.
type VantagePoint struct {
	ID          measurement.VantagePoint
	From, Until *time.Time
}

// Exclusion takes rows out of the metrics whose interval label lies in
// [From, Until) [raz] [xjv]. An empty list is every place. Without RSIs the rows
// leave all metrics; with RSIs they leave these RSIs' metrics, and the metrics
// of the system stay as measured.
type Exclusion struct {
	From, Until   time.Time
	VantagePoints []measurement.VantagePoint
	RSIs          []measurement.RSI
	Paths         []measurement.Path
}

// covers says whether the exclusion touches a vantage point at a label.
func (e Exclusion) covers(vp measurement.VantagePoint, label time.Time) bool {
	return !label.Before(e.From) && label.Before(e.Until) && (len(e.VantagePoints) == 0 || slices.Contains(e.VantagePoints, vp))
}

// Server is an RSI with its dated addresses: it is planned over the families that
// have an address at a label, and asked at that address [yns].
type Server struct {
	RSI       measurement.RSI
	Addresses []plan.Address
}

// Config is all that the numbers depend on beside the data.
type Config struct {
	Servers       []Server       // of query soa, in the order of reports [dlw]
	VantagePoints []VantagePoint // empty: those in the data, for the whole period
	Exclusions    []Exclusion
	Limits        map[string]Limit // by metric, response latencies by metric/transport
	Instances     bool             // count servers by NSID, for which one more column is read

	// The period is whole days, [From, Until) of interval labels (reading A9).
	// Rows of DataUntil and later are not read; it bounds the look-ahead.
	From, Until, DataUntil time.Time

	// What a report that is computed again rests on; nil and zero when it is made.
	ReceivedUntil time.Time       // runs that came into the lake later do not count
	ArchivedUntil time.Time       // zones that were archived later were not archived
	Publications  []Publication   // the serials of the period and their T(s)
	Accepted      map[uint32]bool // serials that are of root zones; nil: those the table zones has

	// Left are vantage points whose rows are left out, to see what rests on them: their
	// planned queries and what they say of T(s) too. Which serials the period has stays.
	Left []measurement.VantagePoint
}

// Publication is a serial of the period. T is T(s), an interval label: when it counts
// as published.
type Publication struct {
	Serial uint32
	T      time.Time
}

// LimitKey is the key of a metric's threshold in Config.Limits; the response latencies
// have one for each transport.
func LimitKey(metric measurement.Metric, t measurement.Transport) string {
	if metric == measurement.RSILatency || metric == measurement.RSSLatency {
		return string(metric) + "/" + string(t)
	}
	return string(metric)
}

// FromPlan takes the configuration of a period from a plan: servers and
// thresholds, vantage points and exclusions.
func FromPlan(p *plan.Plan, from, until, dataUntil time.Time) (Config, error) {
	c := Config{From: from.UTC(), Until: until.UTC(), DataUntil: dataUntil.UTC(), Limits: map[string]Limit{}}
	q, ok := p.Query(measurement.QuerySOA)
	if !ok {
		return c, fmt.Errorf("plan %s: no query %q: the metrics are made of it", p.Name, measurement.QuerySOA)
	}
	for _, s := range p.ServersOf(q.Servers) {
		c.Servers = append(c.Servers, Server{s.RSI, s.Addresses})
	}
	for _, v := range p.VantagePoints {
		c.VantagePoints = append(c.VantagePoints, VantagePoint{v.ID, v.From, v.Until})
	}
	for _, n := range p.Exclusions {
		e := Exclusion{From: n.From, Until: n.Until, VantagePoints: n.VantagePoints, RSIs: n.RSIs}
		for _, s := range n.Paths {
			path, err := measurement.ParsePath(s)
			if err != nil {
				return c, fmt.Errorf("exclusion %s: %w", n.Label, err)
			}
			e.Paths = append(e.Paths, path)
		}
		c.Exclusions = append(c.Exclusions, e)
	}
	for _, t := range p.ThresholdsAt(c.From) {
		c.limits(t)
	}
	return c, c.check()
}

// limits takes over one threshold block, in the units of values.
func (c *Config) limits(t plan.Threshold) {
	put := func(key string, d *plan.Duration, unit time.Duration) {
		if d != nil {
			c.Limits[key] = Limit{Bound: big.NewRat(int64(*d), int64(unit))}
		}
	}
	if t.AtLeast != nil {
		c.Limits[string(t.Metric)] = Limit{AtLeast: true, Bound: t.AtLeast.Rat()}
	}
	put(string(t.Metric), t.AtMost, time.Minute)
	for _, over := range measurement.MetricTransports {
		put(LimitKey(t.Metric, over), t.Latency(over), time.Millisecond)
	}
}

// Bounds of what is held in memory: a report may come from a stranger.
const (
	maxRSIs      = 100
	maxAddresses = 100 // of one RSI, by their dates
	maxVPs       = 1000
	maxDays      = 366
)

// check says what would make the numbers meaningless.
func (c *Config) check() error {
	if len(c.Servers) == 0 {
		return fmt.Errorf("no root server identifiers: the plan's query %q names no servers", measurement.QuerySOA)
	}
	if len(c.Servers) > maxRSIs {
		return fmt.Errorf("%d root server identifiers, more than %d", len(c.Servers), maxRSIs)
	}
	if len(c.VantagePoints) > maxVPs {
		return fmt.Errorf("%d vantage points, more than %d", len(c.VantagePoints), maxVPs)
	}
	for i, s := range c.Servers {
		if slices.ContainsFunc(c.Servers[:i], func(o Server) bool { return o.RSI == s.RSI }) {
			return fmt.Errorf("rsi %s stands twice among the servers of query %q", s.RSI, measurement.QuerySOA)
		}
		for _, a := range s.Addresses {
			if a.Family != measurement.FamilyOf(a.Address) || !a.Address.IsValid() {
				return fmt.Errorf("rsi %s: %s is no %s address", s.RSI, a.Address, a.Family)
			}
		}
		if len(s.Addresses) > maxAddresses {
			return fmt.Errorf("rsi %s has %d addresses, more than %d", s.RSI, len(s.Addresses), maxAddresses)
		}
	}
	if c.DataUntil.Before(c.From) {
		return fmt.Errorf("data until %s: before the period", c.DataUntil.Format(time.RFC3339))
	}
	if c.From != interval.Day(c.From) || c.Until != interval.Day(c.Until) || !c.From.Before(c.Until) {
		return fmt.Errorf("period %s to %s: want whole days UTC, the first before the last", c.From.Format(time.RFC3339), c.Until.Format(time.RFC3339))
	}
	if c.Until.Sub(c.From) > maxDays*24*time.Hour {
		return fmt.Errorf("period %s to %s: longer than %d days", c.From.Format(time.RFC3339), c.Until.Format(time.RFC3339), maxDays)
	}
	if c.DataUntil != interval.Of(c.DataUntil) {
		return fmt.Errorf("data until %s: want the start of an interval", c.DataUntil.Format(time.RFC3339))
	}
	for _, m := range measurement.Metrics {
		for _, t := range measurement.MetricTransports {
			if l := c.Limits[LimitKey(m, t)]; l.Bound == nil {
				return fmt.Errorf("no threshold %s: add a threshold block to the plan", LimitKey(m, t))
			}
		}
	}
	return nil
}

// window is what must be read: the period with look-back and look-ahead.
func (c *Config) window() (from, until time.Time) {
	return c.From.Add(-LookBack), earlier(c.DataUntil, c.Until.Add(LookAhead))
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// RSSAC047 returns the thresholds of RSSAC047v2 [ydw] [zuc] [bpl] [ahw] [fwa]
// [wzz] [uwf] [lmx] [gfh] [zkl].
func RSSAC047() map[string]Limit {
	most := func(n int64) Limit { return Limit{Bound: big.NewRat(n, 1)} }
	return map[string]Limit{
		string(measurement.RSIAvailability): {AtLeast: true, Bound: big.NewRat(96, 1)},
		string(measurement.RSSAvailability): {AtLeast: true, Bound: big.NewRat(99_999, 1000)},
		string(measurement.RSICorrectness):  {AtLeast: true, Bound: big.NewRat(100, 1)},
		string(measurement.RSSCorrectness):  {AtLeast: true, Bound: big.NewRat(100, 1)},

		LimitKey(measurement.RSILatency, measurement.UDP): most(250), LimitKey(measurement.RSILatency, measurement.TCP): most(500),
		LimitKey(measurement.RSSLatency, measurement.UDP): most(150), LimitKey(measurement.RSSLatency, measurement.TCP): most(300),
		string(measurement.RSIPublication): most(65), string(measurement.RSSPublication): most(35),
	}
}
