package measurement

import "time"

// Hour is a row of the table hours: what became of one query over one path to one RSI at
// one vantage point within an hour. It is derived from the table answers and the plan.
type Hour struct {
	VantagePoint     VantagePoint    `parquet:"vantage_point,dict" json:"vantage_point" since:"3"`
	Hour             time.Time       `parquet:"hour,timestamp(microsecond)" json:"hour" since:"3"` // its start
	Query            string          `parquet:"query,dict" json:"query" since:"3"`
	RSI              RSI             `parquet:"rsi,dict" json:"rsi" since:"3"`
	Family           *Family         `parquet:"family,optional,dict" json:"family" since:"3"`                  // nil: of a query that draws its path, what has no row
	Transport        *Transport      `parquet:"transport,optional,dict" json:"transport" since:"3"`            // nil with Family
	Planned          int32           `parquet:"planned" json:"planned" since:"3"`                              // slots of the plan, those of runs that never came too
	Sent             int32           `parquet:"sent" json:"sent" since:"3"`                                    // to the address of the plan
	Answered         int32           `parquet:"answered" json:"answered" since:"3"`                            // of these, whatever they say
	Good             int32           `parquet:"good" json:"good" since:"3"`                                    // of these, as Answer.Good has it
	LatencyMedianUS  *int64          `parquet:"latency_median_us,optional" json:"latency_median_us" since:"3"` // the lower median of the good; null for correctness
	LatencyMaxUS     *int64          `parquet:"latency_max_us,optional" json:"latency_max_us" since:"3"`
	LatencyHistogram []LatencyBucket `parquet:"latency_histogram,optional,list" json:"latency_histogram" since:"3"` // nil: of correctness; by bucket
	SerialOldest     *int64          `parquet:"serial_oldest,optional" json:"serial_oldest" since:"3"`              // of the good, RFC 1982; null without a serial or an order
	SerialNewest     *int64          `parquet:"serial_newest,optional" json:"serial_newest" since:"3"`
	Instances        []InstanceCount `parquet:"instances,list" json:"instances" since:"3"` // by how often, then NSID; at most MaxInstances, the others under null
	Strays           int32           `parquet:"strays" json:"strays" since:"3"`
	Incorrect        int32           `parquet:"incorrect" json:"incorrect" since:"3"`
	Unchecked        int32           `parquet:"unchecked" json:"unchecked" since:"3"`
	OffPlan          int32           `parquet:"off_plan" json:"off_plan" since:"3"` // sent to another address than the plan's
}

// LatencyBucket counts the latencies of a bucket; see LatencyBucketOf.
type LatencyBucket struct {
	Bucket int32 `parquet:"bucket" json:"bucket"`
	Count  int32 `parquet:"count" json:"count"`
}

// InstanceCount is how many answers a server gave; the null NSID is of those that gave
// none, and of servers beyond MaxInstances.
type InstanceCount struct {
	NSID    *string `parquet:"nsid,optional,dict" json:"nsid"`
	Answers int32   `parquet:"answers" json:"answers"`
}

// MaxInstances is how many servers a row of hours names.
const MaxInstances = 16

// EventKind is what kind of change an event is: a closed vocabulary.
type EventKind string

// The kinds: of RSIs, then of vantage points.
const (
	EventOutage      EventKind = "outage"       // an RSI fails a third of the vantage points that ask it over a path, two at least
	EventOutageLocal EventKind = "outage_local" // an RSI fails one vantage point over a path
	EventSlow        EventKind = "slow"         // an RSI answers a vantage point later than usual over a path
	EventStale       EventKind = "stale"        // an RSI shows an older zone than the published one
	EventWrong       EventKind = "wrong"        // an RSI gives incorrect answers
	EventInstance    EventKind = "instance"     // other servers of an RSI answer a vantage point than before
	EventSilence     EventKind = "silence"      // a vantage point sends no files
	EventClock       EventKind = "clock"        // the clock of a vantage point is wrong
	EventOffPlan     EventKind = "off_plan"     // a vantage point asks at other addresses than the plan's
	EventLocal       EventKind = "local"        // all that a vantage point asks over a family fails
)

// EventKinds lists the kinds.
var EventKinds = []EventKind{EventOutage, EventOutageLocal, EventSlow, EventStale, EventWrong, EventInstance,
	EventSilence, EventClock, EventOffPlan, EventLocal}

// Event is a row of the table events: a time in which something was not as it should be,
// or changed. It is derived from the lake and the plan; the columns that do not say whom or
// what a kind is about are null.
type Event struct {
	ID            string    `parquet:"id,dict" json:"id" since:"3"` // 12 hex digits, of kind, scope and From
	Kind          EventKind `parquet:"kind,dict" json:"kind" since:"3"`
	RSI           *string   `parquet:"rsi,optional,dict" json:"rsi" since:"3"`
	VantagePoint  *string   `parquet:"vantage_point,optional,dict" json:"vantage_point" since:"3"`
	Family        *string   `parquet:"family,optional,dict" json:"family" since:"3"`
	Transport     *string   `parquet:"transport,optional,dict" json:"transport" since:"3"`
	Serial        *int64    `parquet:"serial,optional" json:"serial" since:"3"`                    // stale: the one that was not shown
	From          time.Time `parquet:"from,timestamp(microsecond)" json:"from" since:"3"`          // the first bad label
	Until         time.Time `parquet:"until,timestamp(microsecond)" json:"until" since:"3"`        // the last bad label, and a step
	Open          bool      `parquet:"open" json:"open" since:"3"`                                 // may go on
	LabelsBad     int32     `parquet:"labels_bad" json:"labels_bad" since:"3"`                     // of [From, Until)
	LabelsSeen    int32     `parquet:"labels_seen" json:"labels_seen" since:"3"`                   // of [From, Until): those that could have been bad
	VantagePoints []string  `parquet:"vantage_points,list,dict" json:"vantage_points" since:"3"`   // that saw it, in order
	Worst         *float64  `parquet:"worst,optional" json:"worst" since:"3"`                      // its unit is the kind's
	Before        *string   `parquet:"before,optional,dict" json:"before" since:"3"`               // instance: the servers before
	After         *string   `parquet:"after,optional,dict" json:"after" since:"3"`                 // instance: those since
	SupersededBy  *string   `parquet:"superseded_by,optional,dict" json:"superseded_by" since:"3"` // the event that this one became, by late rows
}
