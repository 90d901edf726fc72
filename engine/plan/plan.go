// Package plan turns HCL text into a checked, pure value: the same text always
// gives the same Plan and the same hash. No function of the language reads
// clock, network, environment or randomness; chance is declared in the plan and
// drawn by the engine.
//
// In the order of Load: source.go reads files within bounds, overlay.go lays
// directories over each other, variables.go evaluates variables and locals,
// block.go expands for_each and checks names, reference.go makes references to
// blocks, eval.go evaluates expressions, beside.go reads what they name beside
// the plan, budget.go bounds what that may cost, decoder.go reads typed
// attributes; a file for each family of blocks (place, server, query, zone,
// threshold, rule, notes, site, contact) decodes it, reserved.go and check.go look at what
// blocks must be together, fit.go at what an interval holds, json.go writes the
// canonical form. schema.go is the list of all blocks and attributes. Derived
// from a plan: sent.go, slots.go, crontab.go, inventory.go; bound.go says who
// asks what.
package plan

import (
	"net/netip"
	"slices"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// Plan is a whole plan, evaluated and checked: every reference resolved, every
// list in a fixed order (by label; servers by group, then RSI), so that its
// JSON is canonical. Times are UTC.
type Plan struct {
	Name          string         `json:"name"`
	Description   string         `json:"description"`
	Requires      string         `json:"requires"` // version constraint on the engine, may be empty
	Paths         Paths          `json:"paths"`
	ExportSources bool           `json:"export_sources,omitempty"` // exports say the addresses that vantage points measured from
	VantagePoints []VantagePoint `json:"vantage_points"`
	Collector     *Collector     `json:"collector"`
	Servers       []Server       `json:"servers"`
	Schedules     []Schedule     `json:"schedules"`
	Queries       []Query        `json:"queries"`
	Traceroutes   []Traceroute   `json:"traceroutes"`
	ZoneSources   []ZoneSource   `json:"zone_sources"` // by priority
	Anchors       []Anchor       `json:"anchors"`
	Thresholds    []Threshold    `json:"thresholds"` // in the order of reports, then by From; see ThresholdsAt
	Rules         []Rule         `json:"rules"`
	Reports       []Report       `json:"reports"`
	Retention     []Retention    `json:"retention"`
	Zones         []Zone         `json:"zones,omitempty"` // absent without any: plans of before keep their hash
	Objectives    []Objective    `json:"objectives,omitempty"`
	Sites         []Site         `json:"sites,omitempty"` // by edition
	Contact       *Contact       `json:"contact,omitempty"`

	// What the operator may add without changing what is measured; left out of
	// the hash.
	Exclusions  []Note    `json:"-"`
	Annotations []Note    `json:"-"`
	Silences    []Silence `json:"-"`

	// Doubtful are the kinds of blocks in which mistakes were found: what they say may be
	// missing. Only Loader.Later sees a plan that has any.
	Doubtful map[string]bool `json:"-"`

	// Sources holds every file read, by the name used in positions, for
	// diagnostics of later stages (CEL).
	Sources map[string][]byte `json:"-"`
}

// Paths are the places of files, relative to the metrics user's home unless absolute.
type Paths struct {
	Output     string `json:"output"`     // Output; sent files in Sent below, root zones in RootZones below
	Logs       string `json:"logs"`       // Logs
	State      string `json:"state"`      // State
	Originals  string `json:"originals"`  // Originals
	Quarantine string `json:"quarantine"` // Quarantine
	Lake       string `json:"lake"`       // Lake
	Reports    string `json:"reports"`    // Reports
	Dropboxes  string `json:"dropboxes"`  // /sftp/transfer-{vantage_point}/incoming
}

// VantagePoint is one place to measure from; From and Until bound its expected
// intervals, nil is open.
type VantagePoint struct {
	ID       measurement.VantagePoint `json:"id"`
	Host     string                   `json:"host"`
	Region   string                   `json:"region"` // africa, asia_pacific, europe, latin_america, north_america
	Metro    string                   `json:"metro"`
	Provider string                   `json:"provider"`
	From     *time.Time               `json:"from"`
	Until    *time.Time               `json:"until"`

	// Absent from the JSON where the plan does not say them: plans of before keep their hash.
	Latitude  *float64 `json:"latitude,omitempty"`  // degrees, north positive
	Longitude *float64 `json:"longitude,omitempty"` // degrees, east positive
	ASN       *int64   `json:"asn,omitempty"`
}

// Collector is the machine that gathers; Label is "c00".
type Collector struct {
	Label string `json:"label"`
	Host  string `json:"host"`
	SFTP  SFTP   `json:"sftp"`
}

// SFTP says how a vantage point reaches its dropbox on the collector. User may
// hold {vantage_point}; file names are relative to the home.
type SFTP struct {
	User       string `json:"user"`
	Port       uint16 `json:"port"`
	Key        string `json:"key"`
	KnownHosts string `json:"known_hosts"`
	Directory  string `json:"directory"` // on the collector, "incoming"
}

// Server is one RSI of a server block; Group is the block's label, by which
// queries refer to it (server.root, and server.root["a"] for this one alone).
type Server struct {
	Group     string          `json:"group"`
	RSI       measurement.RSI `json:"rsi"`
	Name      string          `json:"name"` // empty where it is not said; root servers have names
	Port      uint16          `json:"port"`
	Addresses []Address       `json:"addresses"`       // by family, then From
	Sites     []string        `json:"sites,omitempty"` // how the identities (NSID) of its sites begin
	TLS       *TLS            `json:"tls,omitempty"`   // nil: it is not asked over TLS
}

// Address is one dated address: valid in [From, Until), nil is open [yns].
type Address struct {
	Family  measurement.Family `json:"family"`
	Address netip.Addr         `json:"address"`
	From    *time.Time         `json:"from"`
	Until   *time.Time         `json:"until"`
}

// at reports whether the address is valid at t.
func (a Address) at(t time.Time) bool {
	return (a.From == nil || !t.Before(*a.From)) && (a.Until == nil || t.Before(*a.Until))
}

// AddressAt returns the address of the family that is valid at t, the start of
// an interval, in canonical form: without zone, never IPv4-mapped, so that it equals
// netip.ParseAddr of what a row has, however that is written. False where there is
// none (reading A23): then nothing is asked.
func (s Server) AddressAt(f measurement.Family, t time.Time) (netip.Addr, bool) {
	for _, a := range s.Addresses {
		if a.Family == f && a.at(t) {
			return a.Address, true
		}
	}
	return netip.Addr{}, false
}

// Has reports whether the server ever has an address of the family.
func (s Server) Has(f measurement.Family) bool {
	return slices.ContainsFunc(s.Addresses, func(a Address) bool { return a.Family == f })
}

// Schedule says how often: Every is a multiple of five minutes that divides a
// day; Jitter bounds the random wait at the start [fzk]. The first interval of a day
// begins Offset after 00:00 UTC, a multiple of five minutes below Every.
type Schedule struct {
	Label  string   `json:"label"`
	Every  Duration `json:"every"`
	Jitter Duration `json:"jitter"`
	Offset Duration `json:"offset,omitempty"`
}

// Due reports whether the schedule measures in the interval with this label.
func (s Schedule) Due(label time.Time) bool {
	return (label.Unix()-int64(time.Duration(s.Offset)/time.Second))%int64(time.Duration(s.Every)/time.Second) == 0
}

// OnTruncation says what to do with a truncated UDP answer.
const (
	KeepTruncated = "keep"
	RetryTCP      = "retry_tcp"
)

// Query is a query block. Either QName and QType or Choices are given.
type Query struct {
	Label        string                  `json:"label"`
	Description  string                  `json:"description"`
	Schedule     string                  `json:"schedule"`
	Servers      []string                `json:"servers"` // groups, "root", and single servers, "root/a"
	QName        string                  `json:"qname"`
	QType        string                  `json:"qtype"`
	Choices      []Choice                `json:"choices"`
	Transports   []measurement.Transport `json:"transports"`
	Families     []measurement.Family    `json:"families"`
	Pick         int                     `json:"pick"` // how many of the paths, drawn anew for each RSI and interval; 0 is all
	Timeout      Duration                `json:"timeout"`
	Retries      int                     `json:"retries"` // always 0 [xyl]
	OnTruncation string                  `json:"on_truncation"`
	KeepResponse measurement.Keep        `json:"keep_response"`
	DNSSEC       bool                    `json:"dnssec"`
	UDPSize      uint16                  `json:"udp_size"`
	NSID         bool                    `json:"nsid"`
	Pace         Duration                `json:"pace"`

	// Who asks; empty is every vantage point. Where both are given both must hold.
	VantagePoints []measurement.VantagePoint `json:"vantage_points,omitempty"`
	Regions       []string                   `json:"regions,omitempty"`

	Wire

	Expect      string `json:"expect,omitempty"` // CEL, compiled by engine/expect; absent from the JSON without
	ExpectRange Range  `json:"-"`
}

// Choice is one kind of question a query draws from: either RRsets of the
// newest root zone (Root types at the apex, TLD types at delegations, Except
// "owner/TYPE"), a name with <letters:N>, or one of several names.
type Choice struct {
	Label  string   `json:"label"`
	Weight int      `json:"weight"`
	Root   []string `json:"root"`
	TLD    []string `json:"tld"`
	Except []string `json:"except"`
	QName  string   `json:"qname"`
	QType  string   `json:"qtype"`
	QNames []string `json:"qnames,omitempty"` // each as likely as the others
}

// Traceroute is a traceroute block; the traces start after the queries named in
// After have been written and pushed, and end within Limit [vno].
type Traceroute struct {
	Label    string               `json:"label"`
	Schedule string               `json:"schedule"`
	Servers  []string             `json:"servers"`
	Families []measurement.Family `json:"families"`
	After    []string             `json:"after"`
	Tool     string               `json:"tool"`   // scamper
	Method   string               `json:"method"` // icmp-paris, udp-paris, tcp, …
	Limit    Duration             `json:"limit"`  // for all traces together
	Attempts int                  `json:"attempts"`
	Wait     Duration             `json:"wait"`      // for a reply, whole seconds
	GapLimit int                  `json:"gap_limit"` // silent hops before giving up
	PPS      int                  `json:"pps"`       // packets a second
}

// ZoneSource is a place to fetch root zones from; exactly one of URL, AXFR
// (host:port) and File is set. With {serial} in its URL it is asked for single zones.
type ZoneSource struct {
	Label    string   `json:"label"`
	Priority int      `json:"priority"` // lowest first
	URL      string   `json:"url"`
	AXFR     string   `json:"axfr"`
	File     string   `json:"file"`
	Timeout  Duration `json:"timeout"`
	MaxSize  int64    `json:"max_size"` // bytes
}

// Anchor is a trust anchor of the root, valid in [From, Until).
type Anchor struct {
	Label string     `json:"label"`
	DS    string     `json:"ds"` // "20326 8 2 E06D…"
	From  *time.Time `json:"from"`
	Until *time.Time `json:"until"`
}

// Threshold is what a metric must meet; equality meets it (reading A8).
// Availability and correctness have AtLeast, publication latency AtMost,
// response latency UDP and TCP. It is in force from From on, the 1st of a month, nil
// is open, until the next one of the metric. N is the number of RSIs that it is meant
// for [dlw]; 0 is any.
type Threshold struct {
	Metric  measurement.Metric `json:"metric"`
	From    *time.Time         `json:"from,omitempty"`
	AtLeast *Percent           `json:"at_least,omitempty"`
	AtMost  *Duration          `json:"at_most,omitempty"`
	UDP     *Duration          `json:"udp,omitempty"`
	TCP     *Duration          `json:"tcp,omitempty"`
	N       int                `json:"n,omitempty"`
}

// Rule is an alert rule; Expr and Summary are compiled by engine/alert. The
// ranges place their text in the plan's files.
type Rule struct {
	Label    string   `json:"label"`
	On       string   `json:"on"`    // run, window, machine, report
	Where    string   `json:"where"` // vantage_point, collector; empty is both
	Over     []string `json:"over"`  // of rsi, family, transport, vantage_point, query; on a machine one of vantage_point, serial, key
	Window   Duration `json:"window"`
	Hold     Duration `json:"hold"`
	Expr     string   `json:"expr"`
	Severity string   `json:"severity"` // info, warning, critical
	Summary  string   `json:"summary"`
	Runbook  string   `json:"runbook"`
	Queries  []string `json:"queries,omitempty"` // whose answers a window counts; none: query soa, over query all

	ExprRange    Range `json:"-"`
	SummaryRange Range `json:"-"`
}

// Range is a piece of a plan file: byte offsets [Start, End) of the literal
// text and the position of its first byte, lines and columns from 1.
type Range struct {
	File       string
	Start, End int
	Line, Col  int
}

// Note is an exclusion [raz][hnr][xjv][dew] or an annotation [bmu]: rows whose
// interval label lies in [From, Until) of any of the places named.
type Note struct {
	Label         string                     `json:"label"`
	By            string                     `json:"by"`
	Reason        string                     `json:"reason"`
	Added         time.Time                  `json:"added"`
	From          time.Time                  `json:"from"`
	Until         time.Time                  `json:"until"`
	VantagePoints []measurement.VantagePoint `json:"vantage_points"`
	RSIs          []measurement.RSI          `json:"rsis"`
	Paths         []string                   `json:"paths"` // "ipv6/tcp"
}

// Silence mutes alerts in [From, Until) whose labels equal all of Match.
type Silence struct {
	Label  string            `json:"label"`
	Match  map[string]string `json:"match"` // "rule" and the labels of over
	Reason string            `json:"reason"`
	From   time.Time         `json:"from"`
	Until  time.Time         `json:"until"`
}

// Report is a report block: Period "month" or "week", Publish of text, json, html.
type Report struct {
	Label   string   `json:"label"`
	Period  string   `json:"period"`
	Publish []string `json:"publish"`
}

// Retention says how long files of a kind are kept; nil Keep is for ever. The
// label is one of sent, originals, quarantine, logs, lake.
type Retention struct {
	Label string    `json:"label"`
	Keep  *Duration `json:"keep"`
}

// Keep is how long files of a kind are kept; nil is for ever, also where the plan
// says nothing of them.
func (p *Plan) Keep(kind string) *time.Duration {
	for _, r := range p.Retention {
		if r.Label == kind && r.Keep != nil {
			d := time.Duration(*r.Keep)
			return &d
		}
	}
	return nil
}
