// Package site writes the state of the root server system as pages that need no server:
// static files, made from the tables of change and from the lake.
package site

import (
	"encoding/base64"
	"math"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// Edition is for whom a site is written.
type Edition string

// The editions. The public one withholds what RSSAC047's reports withhold, values of single
// RSIs, unless the plan opens them, and addresses, routes and wires.
const (
	Public   Edition = "public"
	Internal Edition = "internal"
)

// State is what a cell shows first. The numbers are in the files; new ones come at the end.
type State int

// The states of a cell, from the least to the most severe. An edition without values has
// Good where the plan's threshold of availability is met and nothing is incorrect, and Failed
// in place of the last three otherwise.
const (
	Unplanned State = iota // the plan asks nothing
	Missing                // planned, but nothing is known
	Good                   // every answer was good
	Own                    // failed or incorrect, in the vantage point's own trouble: counts against nobody
	Part                   // some queries failed
	Failed                 // all queries failed
	Incorrect              // an incorrect answer
)

// Level is how fine a tile is; it begins the tile's key.
type Level string

// The levels: a cell a day, an hour, five minutes.
const (
	Year  Level = "year"  // key year/2026/RSI-PATH-PART
	Month Level = "month" // key month/202611/RSI-PATH-PART
	Day   Level = "day"   // key day/20261127/RSI-PATH-PART
)

// PartSize is how many vantage points a tile has at most; part n has those from n*PartSize
// on, in the order of Index.VantagePoints.
const PartSize = 32

// Tile is what one RSI was over one path, in the file data/KEY.js: mtric.tile("KEY", {...}).
// Its blocks come in order of time. Days that follow each other are in one block as long as
// the vantage points are the same: a block of a year may have 365 steps, and one of a month
// 744.
//
// A day's tile ends with the last hour that has been over for half an hour (now.js has what
// is newer), a month's at the last 00:00, 06:00, 12:00 or 18:00 before that, a year's with
// the last day that is over.
type Tile struct {
	Serials []int64  `json:"serials,omitempty"` // that Block.Serial means; of an edition with values
	NSIDs   []string `json:"nsids,omitempty"`   // that Block.NSID means; of an edition that names servers
	Blocks  []Block  `json:"blocks"`
	LeftOff []string `json:"left_off,omitempty"` // columns left off, since the file would be too large, in this order: nsid, serial, latency, sent (and failed)
}

// Block is columns over vantage points by time: a cell is (vantage point, step), those of
// the first vantage point first. Runs are pairs (value, how many cells).
type Block struct {
	From          int64    `json:"from"`  // seconds since 1970
	Step          int64    `json:"step"`  // seconds a cell
	Steps         int      `json:"steps"` // cells of each vantage point
	VantagePoints []string `json:"vps"`
	State         []int    `json:"state"`             // runs of State
	Sent          []int    `json:"sent,omitempty"`    // runs of queries that were sent; without answers that nobody can judge yet
	Failed        []int    `json:"failed,omitempty"`  // runs of these that had no good answer; absent where none failed
	Latency       string   `json:"latency,omitempty"` // base64, a byte a cell: see LatencyByte; the median of the good
	Usual         string   `json:"usual,omitempty"`   // base64, a LatencyByte for each vantage point: the lower median of its medians of the 7 days before From's day; 0 unknown. Where Latency is
	Serial        []int    `json:"serial,omitempty"`  // runs of the newest serial shown: 0 none, n+1 means Tile.Serials[n]
	NSID          []int    `json:"nsid,omitempty"`    // runs of the server that answered most: 0 none, n+1 means Tile.NSIDs[n]
}

// Runs writes values as pairs (value, how many).
func Runs(values []int) (runs []int) {
	for _, v := range values {
		if n := len(runs); n > 0 && runs[n-2] == v {
			runs[n-1]++
		} else {
			runs = append(runs, v, 1)
		}
	}
	return runs
}

// LatencyByte is a latency on a scale of sixteen steps an octave: b means
// 100 µs * 2^((b-1)/16), within 2.2 %; 0 is none. Below 100 µs and above 6 s it ends.
func LatencyByte(us int64) byte {
	if us < 0 {
		return 0
	}
	return byte(1 + min(max(math.Round(16*math.Log2(float64(max(us, 1))/100)), 0), 254))
}

// latencyOf is the latency that a LatencyByte means, in µs.
func latencyOf(b byte) int64 { return int64(100 * math.Exp2(float64(b-1)/16)) }

// latencies writes the bytes of LatencyByte.
func latencies(cells []byte) string { return base64.StdEncoding.EncodeToString(cells) }

// Index is data/index.js: mtric.tile("index", {...}), written last. All else is found by it.
type Index struct {
	Edition       Edition        `json:"edition"`
	Title         string         `json:"title"`
	Version       string         `json:"version"` // of mtric
	PlanSHA256    string         `json:"plan_sha256"`
	Generated     time.Time      `json:"generated"`
	Last          time.Time      `json:"last"` // the newest label of the lake
	Step          int64          `json:"step"` // seconds from label to label
	RSIs          []string       `json:"rsis"`
	Paths         []string       `json:"paths"` // v4-udp, v4-tcp, v6-udp, v6-tcp: those of the plan
	VantagePoints []VantagePoint `json:"vps"`
	Years         []string       `json:"years"`  // that have tiles: 2026
	Months        []string       `json:"months"` // 202611
	Days          []string       `json:"days"`   // 20261127: those whose five minutes are kept
	Details       []string       `json:"details"`
	Events        []string       `json:"events"`  // keys of event files, the oldest first
	Zones         []string       `json:"zones"`   // keys of zone files
	Links         []Link         `json:"links"`   // of the plan's site block: the data, the method, the plan, the reports
	Feed          bool           `json:"feed"`    // there is a feed.atom
	Without       []string       `json:"without"` // reports, alerts, publication: what is not told, since the site was made of a lake alone or before derive
}

// VantagePoint is where a vantage point is; nothing of its addresses.
type VantagePoint struct {
	Name   string `json:"name"`
	Metro  string `json:"metro,omitempty"`
	Region string `json:"region,omitempty"`
}

// Link is a place that a reader may want to go to.
type Link struct {
	Text string `json:"text"`
	URL  string `json:"url"`
}

// Now is data/now.js: the last two hours, and what the last hour and day came to.
type Now struct {
	Last    time.Time       `json:"last"`
	Derived *time.Time      `json:"derived,omitempty"` // until when events are known; absent where nothing is known
	Listed  bool            `json:"listed"`            // the plan names its vantage points: what is missing is known
	RSIs    []NowRSI        `json:"rsis"`
	VPs     []NowVP         `json:"vps"`
	Serials []ZoneSerial    `json:"serials"` // the newest serials: which RSI shows which
	Open    []Event         `json:"open"`    // events that may go on, the most severe first
	Alerts  []AlertLine     `json:"alerts"`
	Tiles   map[string]Tile `json:"tiles"` // by RSI-PATH-PART: two hours of five minutes
}

// NowRSI is what one RSI came to over each path.
type NowRSI struct {
	RSI   string    `json:"rsi"`
	Paths []NowPath `json:"paths"`
}

// NowPath is what one RSI came to over one path, in the twelve newest labels and the 288
// newest, up to Now.Last: of correctness incorrect answers alone. Where an hour of the day is
// not in the table hours yet, Day is Missing.
type NowPath struct {
	Path string `json:"path"`
	Hour Sum    `json:"hour"`
	Day  Sum    `json:"day"`
}

// Sum is counts of queries. Good, the median and the usual latency are of the internal edition.
type Sum struct {
	State    State  `json:"state"`
	Planned  int64  `json:"planned"`
	Sent     int64  `json:"sent"`
	Good     *int64 `json:"good,omitempty"`
	Own      int64  `json:"own,omitempty"` // of Sent: failed in a vantage point's own trouble, which counts for no RSI
	MedianUS *int64 `json:"median_us,omitempty"`
	UsualUS  *int64 `json:"usual_us,omitempty"` // of Hour: what is usual of the vantage points that measured then, the lower median
	Late     bool   `json:"late,omitempty"`     // of Hour: a third of them, two at least, are later than each usually is, by half and 20 ms
	Alone    string `json:"alone,omitempty"`    // the vantage point without which the plan's share was good and nothing incorrect: one witness is none
}

// NowVP is how much of what was planned a vantage point sent, in the hour and the day of NowPath.
type NowVP struct {
	Name  string    `json:"name"`
	Last  time.Time `json:"last"` // its newest label; zero without one in the last day
	Hour  [2]int64  `json:"hour"` // runs that came, of those planned
	Day   [2]int64  `json:"day"`
	Open  []string  `json:"open,omitempty"`  // ids of its own open events
	Clock *bool     `json:"clock,omitempty"` // synchronised, in its last run
}

// AlertLine is a line of an alert file.
type AlertLine struct {
	Of    string `json:"of"` // whose: 101, c00
	Text  string `json:"text"`
	Level string `json:"level"` // as in the line: info, warning, critical
}

// Events is data/events/YYYYMM.js, by the month of From; where one file has no room for a
// month, those that follow are YYYYMM-b.js and so on. In order of From, then id.
type Events struct {
	Events []Event `json:"events"`
}

// Event is a row of the table events; Worst, Before and After are of the internal edition.
// Names of servers in Before and After are separated by blanks.
type Event = measurement.Event

// ZoneSerial is where a serial was seen.
type ZoneSerial struct {
	Serial    int64             `json:"serial"`
	Published *time.Time        `json:"published,omitempty"` // T(s) of RSSAC047 [pub]; nil where nothing says it
	RSIs      []ZoneSerialShown `json:"rsis"`
	Never     []string          `json:"never,omitempty"`  // RSIs that did not show it, nor a newer one within 65 minutes of its publication; of Zones
	Behind    []string          `json:"behind,omitempty"` // RSIs whose newest it is though a newer one is published: an open event of kind stale says so; of Now
}

// ZoneSerialShown is when an RSI showed a serial first and last, of the vantage points that
// were shown it at any time.
type ZoneSerialShown struct {
	RSI   string    `json:"rsi"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	VPs   int       `json:"vps"`
	Now   int       `json:"now,omitempty"`  // witnesses in the last half hour: 1, or 2 for as many as are enough; of Now, of the newest that the RSI showed then
	Came  *Delay    `json:"came,omitempty"` // from its publication until the RSI showed it, or a newer one; of Zones
	Gone  *Delay    `json:"gone,omitempty"` // from the next one's publication until the RSI showed it no more to two vantage points; of Zones
}

// Delay is a time after a publication, by the rule of publication latency (docs/method.md):
// where nobody asked, it is between Minutes and Most. What one vantage point alone says makes
// it no longer, where the plan has others.
type Delay struct {
	State   string `json:"state"`          // in_time, late (more than 65 minutes) or unknown
	Minutes int64  `json:"min"`            // at least
	Most    *int64 `json:"most,omitempty"` // at most, where that is more; absent also where it has not ended
}

// Zones is data/zones/YYYYMM.js.
type Zones struct {
	Serials []ZoneSerial `json:"serials"` // first shown in the month, in order
	Holes   []Span       `json:"holes"`   // in which the archive of root zones lacks what was published
}

// Span is a time [From, Until).
type Span struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

// Months is data/months.js: the monthly reports.
type Months struct {
	Months []MonthVerdicts `json:"months"` // the newest first
}

// MonthVerdicts is the matrix of a month's verdicts.
type MonthVerdicts struct {
	Month    string    `json:"month"`  // 2026-11
	Report   string    `json:"report"` // its page, relative to the site; empty where it is not beside it
	Digest   string    `json:"digest"`
	Final    bool      `json:"final"`
	Verdicts []Verdict `json:"verdicts"`
}

// Verdict is one field of the matrix.
type Verdict struct {
	RSI       string `json:"rsi"`    // empty: the RSS
	Metric    string `json:"metric"` // its title
	Verdict   string `json:"verdict"`
	Value     string `json:"value,omitempty"` // as the report prints it; of RSIs in the internal edition
	Threshold string `json:"threshold,omitempty"`
	RestsOn   string `json:"rests_on,omitempty"`
}

// Details is data/details/YYYYMMDD/RSI.js: what is behind the fields that are not good. Internal only.
type Details struct {
	Rows    []Detail         `json:"rows"`     // at most 500, in order of time: what is incorrect first, then what failed, extra, changed, and last what failed or was incorrect in a vantage point's own trouble
	LeftOff map[string]int64 `json:"left_off"` // by "VP PATH": rows beyond those
}

// Detail is one answer.
type Detail struct {
	Interval     time.Time `json:"interval"`
	VantagePoint string    `json:"vp"`
	Path         string    `json:"path"`
	Query        string    `json:"query"`
	Outcome      string    `json:"outcome"`
	Error        string    `json:"error,omitempty"`
	LatencyUS    *int64    `json:"latency_us,omitempty"`
	Rcode        string    `json:"rcode,omitempty"`
	Serial       *int64    `json:"serial,omitempty"`
	NSID         *string   `json:"nsid,omitempty"`
	Verdict      string    `json:"verdict,omitempty"`
	Failures     []string  `json:"failures,omitempty"`
	Extra        []string  `json:"extra,omitempty"` // further datagrams: "late after 4100.2 ms"
	Why          string    `json:"why"`             // failed, incorrect, changed (the first answer of other servers) or extra
	Route        string    `json:"route,omitempty"` // the last hops: "9 192.0.2.1 12.3 ms, 10 *"
	Wire         string    `json:"wire,omitempty"`  // hex
	Show         string    `json:"show"`            // the command that shows the row
	Check        string    `json:"check,omitempty"` // the command that judges Wire again, which it reads from standard input; absent where a root zone that it takes is not there
}
