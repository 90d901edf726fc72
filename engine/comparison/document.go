// Package comparison holds what our vantage points saw beside what a crowd saw, the
// probes of RIPE Atlas in a lake that mtric import atlas made. It changes no verdict and
// passes none on the crowd: RSSAC047's thresholds are not meant for it.
//
// Read streams both lakes into counts by vantage point, path and hour (read.go, tally.go),
// after which what is intercepted or has no network is set apart (apart.go). What is said
// of a path is one value a probe, the median of each network, then quantiles of networks
// (value.go). Whether the crowd confirms a failure is asked hour by hour (opinion.go).
//
// Put writes the files (write.go). What both editions say is made in lines.go and tables.go;
// text.go, html.go and picture.go print it.
package comparison

import (
	"time"

	"mtric.net/mtric/engine/measurement"
)

// Schema names the form of comparison.json.
const Schema = "mtric-comparison/1"

// Document is a comparison. Latencies are whole µs, shares parts per million; hours begin
// at the full hour, UTC. A network is an AS of the address family; probes whose AS is not
// known are one network together. Of ours each vantage point is one.
type Document struct {
	Schema   string    `json:"schema"`
	Version  string    `json:"version"`
	Revision int       `json:"revision"` // set by Put
	From     time.Time `json:"from"`
	Until    time.Time `json:"until"`
	Plan     string    `json:"plan"`
	Set      string    `json:"set"` // of measurements, that the crowd's lake holds

	Identities string `json:"identities"` // date of the patterns of identities, and what names a file that was added

	Ours   Side `json:"ours"`
	Theirs Side `json:"theirs"`

	Draws int    `json:"draws"` // of the bootstrap; its intervals hold 95 %
	Seed  uint64 `json:"seed"`

	Paths       []Path        `json:"paths"`
	Publication []Publication `json:"publication"`
	Content     []Content     `json:"content"`
	Opinions    []Opinion     `json:"opinions"` // on each FAIL of ours
	Outages     []Outage      `json:"outages"`  // that one side saw, or both
	Stale       []Stale       `json:"stale"`
	Notes       []string      `json:"notes"` // what a reader must know before the numbers
}

// Side is what one side is.
type Side struct {
	VantagePoints int      `json:"vantage_points"` // of the crowd: probes
	Networks      int      `json:"networks"`
	Regions       []Region `json:"regions"` // by name; "" where it is not known
	Asked         int64    `json:"asked"`   // queries for the SOA that were sent
	Good          int64    `json:"good"`    // answered within 4 s with NOERROR
	Apart         Apart    `json:"set_apart"`
}

// Region is how much of a side lies in one.
type Region struct {
	Region        string `json:"region"`
	VantagePoints int    `json:"vantage_points"`
	Networks      int    `json:"networks"`
}

// Apart is what is set apart of the queries of the period. Each is of one kind, the first
// that fits.
type Apart struct {
	NoRoute     ApartCount `json:"no_route"`    // half hours in which every query over the family ended in unreachable
	NoNetwork   ApartCount `json:"no_network"`  // half hours in which no RSI answered over the family, or one alone was asked
	NotWorking  ApartCount `json:"not_working"` // days on which the probe lacked the tag system-ipvN-works
	Intercepted ApartCount `json:"intercepted"` // days on which somebody else answered in a server's place, by family and transport
	Signs       []Sign     `json:"signs"`       // of interception
}

// ApartCount is how much of one kind was set apart.
type ApartCount struct {
	VantagePoints int   `json:"vantage_points"`
	Asked         int64 `json:"asked"`
	Good          int64 `json:"good"`
}

// Sign is a sign of interception, and how many vantage points showed it at an RSI. A sign that
// many networks show at one RSI alone may be that server's.
type Sign struct {
	Sign          string          `json:"sign"`
	RSI           measurement.RSI `json:"rsi"`
	VantagePoints int             `json:"vantage_points"`
	Networks      int             `json:"networks"`
	Answers       int64           `json:"answers"`
}

// Path is one RSI over one path, in the hours that both sides covered.
type Path struct {
	RSI       measurement.RSI       `json:"rsi"`
	Family    measurement.Family    `json:"family"`
	Transport measurement.Transport `json:"transport"`
	Hours     int                   `json:"hours"` // 0: nothing can be compared
	Ours      Measured              `json:"ours"`
	Theirs    Measured              `json:"theirs"`
	Apart     Counts                `json:"theirs_set_apart"`
	Regions   []Regional            `json:"regions"` // of theirs
	// Slower is the share of their networks that are slower than the median of our vantage
	// points; null where either side has no latency.
	Slower *Estimate `json:"networks_slower_than_ours"`
}

// Counts are queries and those of them that were answered well.
type Counts struct {
	Asked int64 `json:"asked"`
	Good  int64 `json:"good"`
}

// Measured is what one side measured over a path.
type Measured struct {
	Counts
	VantagePoints int       `json:"vantage_points"`
	Networks      int       `json:"networks"`
	Availability  *Estimate `json:"availability"` // the mean over networks of the median of their probes, ppm
	Latency       *Latency  `json:"latency"`
}

// Regional is what the crowd of one region measured over a path.
type Regional struct {
	Region string `json:"region"`
	Measured
}

// Estimate is a value with the interval of its bootstrap over networks; of one network it
// has none (null).
type Estimate struct {
	Value int64  `json:"value"`
	Low   *int64 `json:"low"`
	High  *int64 `json:"high"`
}

// Latency is quantiles over networks of the median of their probes, µs, exact to 3 %.
type Latency struct {
	P10    int64    `json:"p10"`
	Median Estimate `json:"median"`
	P90    int64    `json:"p90"`
}

// Publication is how long after its first sighting by ours new serials were seen, in whole
// seconds. A probe is in step with a serial when it shows it, or a newer one.
type Publication struct {
	RSI     measurement.RSI `json:"rsi"`
	Serials int             `json:"serials"`
	Ours    *Lag            `json:"ours"`
	Theirs  *Lag            `json:"theirs"`
}

// Lag is the median over serials of quantiles over networks.
type Lag struct {
	Networks int   `json:"networks"`
	Median   int64 `json:"median"`
	P90      int64 `json:"p90"`
	Cadence  int64 `json:"cadence"` // how far apart the queries are: a lag may be shorter by so much
}

// Content is what the crowd's SOA RRsets were when held against the archive of zones.
type Content struct {
	RSI       measurement.RSI `json:"rsi"`
	Correct   int64           `json:"correct"`
	Incorrect int64           `json:"incorrect"`
	Unchecked int64           `json:"unchecked"`           // of a serial that the archive lacks, or not held against it
	Probes    int             `json:"incorrect_probes"`    // that had an incorrect one
	Networks  int             `json:"incorrect_networks"`  //
	Apart     int64           `json:"incorrect_set_apart"` // incorrect answers of what is set apart, not counted above
}

// Opinion is what the crowd says of one of our FAILs.
type Opinion struct {
	Metric    measurement.Metric    `json:"metric"`
	RSI       measurement.RSI       `json:"rsi,omitempty"`
	Family    measurement.Family    `json:"family,omitempty"`
	Transport measurement.Transport `json:"transport,omitempty"`
	Verdict   Verdict               `json:"opinion"`
	Reason    string                `json:"reason"` // in a sentence
	Windows   []Window              `json:"windows"`
	// How much of what failed for us lies in hours of each opinion: queries, or of latency
	// hours of vantage points that were above the threshold; of publication serials likewise.
	Failed    int64 `json:"failed"`
	Confirmed int64 `json:"failed_confirmed"`
	NotSeen   int64 `json:"failed_not_seen"`
}

// Verdict is an opinion.
type Verdict string

// The opinions. None of them changes a verdict of ours.
const (
	Confirmed Verdict = "confirmed"
	NotSeen   Verdict = "not_seen"
	NoData    Verdict = "no_data"
)

// Window is one or more hours on end in which ours failed and of which the crowd says the same.
type Window struct {
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
	Opinion Verdict   `json:"opinion"`
	Failed  int64     `json:"failed"` // queries of ours
	Asked   int64     `json:"asked"`
	Strongest
}

// Strongest is the hour of a window that speaks most clearly.
type Strongest struct {
	OursStruck     int     `json:"ours_struck"` // vantage points of which a quarter of the queries failed, or that were slow
	Ours           int     `json:"ours"`
	ProbesStruck   int     `json:"probes_struck"`
	Probes         int     `json:"probes"`
	NetworksStruck int     `json:"networks_struck"`
	Networks       int     `json:"networks"`
	Expected       float64 `json:"networks_expected"` // by their own rate of the week before
	P              float64 `json:"p"`                 // that so many are struck by chance, times the hours that were tested
	Power          float64 `json:"power"`             // to find a tenth of our share
}

// Outage is hours on end in which one side, or both, saw more failures than its own rate of the
// week before explains.
type Outage struct {
	RSI       measurement.RSI       `json:"rsi"`
	Family    measurement.Family    `json:"family"`
	Transport measurement.Transport `json:"transport"`
	From      time.Time             `json:"from"`
	Until     time.Time             `json:"until"`
	SeenBy    string                `json:"seen_by"` // ours, theirs, both
	Opinion   Verdict               `json:"opinion"` // of the crowd on what ours saw: confirmed where both did; no_data where only the crowd did
	Regions   []string              `json:"regions"` // of the crowd, in which at least a tenth of the networks was struck
	Strongest
}

// Stale is an RSI that networks of the crowd saw serve old zones: a serial of which a successor had
// been seen for two hours or more.
type Stale struct {
	RSI      measurement.RSI `json:"rsi"`
	From     time.Time       `json:"from"`
	Until    time.Time       `json:"until"`
	Oldest   int64           `json:"oldest_serial"`
	Probes   int             `json:"probes"`
	Networks int             `json:"networks"`
	Of       int             `json:"of_networks"`
	Regions  []string        `json:"regions"`
	Ours     int             `json:"ours"` // vantage points of ours that saw the same
}

// Who saw an outage.
const (
	SeenByOurs   = "ours"
	SeenByTheirs = "theirs"
	SeenByBoth   = "both"
)
