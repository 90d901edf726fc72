package alert

import "time"

// The objects that rules see. A field is named by its tag cel, explained by doc
// (docs/rules.md prints it, and a test compares) and measured in unit. A nil
// pointer is a value that is not there: an expression that needs it has no
// result, and the rule keeps its state.

// Outcomes counts queries by what became of them (package measurement).
type Outcomes struct {
	Answered    int64 `cel:"answered" doc:"replies that matched and parsed, whatever their rcode"`
	Timeout     int64 `cel:"timeout" doc:"no reply within 4 s"`
	Refused     int64 `cel:"refused" doc:"connection refused"`
	Unreachable int64 `cel:"unreachable" doc:"no route, or ICMP unreachable"`
	Reset       int64 `cel:"reset" doc:"connection reset, or closed early"`
	Malformed   int64 `cel:"malformed" doc:"reply that does not parse"`
	TLSFailed   int64 `cel:"tls_failed" doc:"over TLS: an alert, no common version, or not TLS"`
	LocalError  int64 `cel:"local_error" doc:"never sent; in no metric and not in sent"`
}

// RCodes counts the replies by rcode.
type RCodes struct {
	NoError  int64 `cel:"noerror" doc:"replies with NOERROR"`
	NXDomain int64 `cel:"nxdomain" doc:"replies with NXDOMAIN"`
	ServFail int64 `cel:"servfail" doc:"replies with SERVFAIL"`
	FormErr  int64 `cel:"formerr" doc:"replies with FORMERR"`
	Refused  int64 `cel:"refused" doc:"replies with REFUSED"`
	Other    int64 `cel:"other" doc:"replies with any other rcode"`
}

// Window is what was measured over [end - window, end) of interval labels, for
// one combination of over.
type Window struct {
	HasData        bool     `cel:"has_data" doc:"whether anything was sent"`
	Sent           int64    `cel:"sent" doc:"queries sent"`
	Answered       int64    `cel:"answered" doc:"replies that matched and parsed, whatever their rcode"`
	Availability   *float64 `cel:"availability" unit:"percent" doc:"good replies of all sent: as their query expects, with NOERROR where it does not say"`
	Unexpected     int64    `cel:"unexpected" doc:"replies that are not as their query expects"`
	Bogus          int64    `cel:"bogus" doc:"replies of zones with trust anchors (ds) that DNSSEC says are not the zone's"`
	Outcomes       Outcomes `cel:"outcomes"`
	RCodes         RCodes   `cel:"rcodes"`
	MedianLatency  *float64 `cel:"median_latency" unit:"ms" doc:"median latency of good replies"`
	P95Latency     *float64 `cel:"p95_latency" unit:"ms" doc:"95th percentile of the same, nearest rank"`
	Correct        int64    `cel:"correct" doc:"correctness answers that match a root zone"`
	Incorrect      int64    `cel:"incorrect" doc:"correctness answers that match no root zone of the last 48 hours"`
	Unchecked      int64    `cel:"unchecked" doc:"correctness answers that wait to be judged, or cannot be"`
	VPsIncorrect   int64    `cel:"vantage_points_incorrect" doc:"vantage points with an incorrect answer of the RSI, whatever the other labels"`
	NSIDsIncorrect string   `cel:"nsids_incorrect" doc:"identities (NSID) of the servers that gave these answers, those with the most first: five, and how many more"`
	VPs            int64    `cel:"vantage_points" doc:"vantage points that sent anything"`
	VPsFailing     int64    `cel:"vantage_points_failing" doc:"vantage points at which availability is below threshold.rsi_availability, and more than one query failed, or all"`
	RSIs           int64    `cel:"rsis" doc:"RSIs that were asked"`
	RSIsFailing    int64    `cel:"rsis_failing" doc:"RSIs whose availability is below threshold.rsi_availability, and more than one query failed, or all"`
	RSIsSilent     int64    `cel:"rsis_silent" doc:"RSIs of which not one query was answered"`
	NewestSerial   *int64   `cel:"newest_serial" doc:"newest serial of a root zone that exists (archived, proven by a signature, or shown by two vantage points and two RSIs), of what runs that can be trusted were served"`
	Lag            *float64 `cel:"lag" unit:"min" doc:"how long, at the end, the next newer zone had been published; 0 with the newest"`
	ZoneSerial     *int64   `cel:"zone_serial" doc:"newest serial of a zone of the plan that was served, of those that are known: by the zone's source, or shown by two servers and two vantage points in trusted runs of the window (as many as there are); absent where zones differ"`
	ZoneLag        *float64 `cel:"zone_lag" unit:"min" doc:"how long, at the end, a newer known serial of such a zone had been published: since the source showed it or, without, two servers and two vantage points did; of the window at most; 0 with the newest; of several zones the longest"`
	LoneSerials    int64    `cel:"lone_serials" doc:"serials that were served of zones of the plan, which in the window one server alone of several showed, and not the zone's source"`
	SerialBackward int64    `cel:"serial_backward" doc:"answers with an older serial of a zone of the plan than the one before, of the same server over the same path to the same vantage point"`
	NSIDs          int64    `cel:"nsids" doc:"distinct server identities (NSID)"`
	NSIDsMissing   int64    `cel:"nsids_missing" doc:"of the sites that server blocks name, those of which no identity (NSID) was seen, of servers that showed any"`
	Strays         int64    `cel:"strays" doc:"datagrams of the asked address and port that failed id, question or QR: spoofing, or a broken server"`
	Coverage       *float64 `cel:"coverage" unit:"percent" doc:"intervals of vantage points with data, of those expected"`
	Exclusion      string   `cel:"exclusion" doc:"an exclusion block for this combination, since the condition holds, to look at and paste"`
}

// PathCount counts the queries of one family or transport.
type PathCount struct {
	Sent     int64 `cel:"sent" doc:"queries sent"`
	Answered int64 `cel:"answered" doc:"replies that matched and parsed"`
}

// Run is one interval at the vantage point that measured it.
type Run struct {
	Planned       int64          `cel:"planned" doc:"queries planned"`
	Sent          int64          `cel:"sent" doc:"queries sent"`
	Answered      int64          `cel:"answered" doc:"replies that matched and parsed, whatever their rcode"`
	Availability  *float64       `cel:"availability" unit:"percent" doc:"SOA replies with NOERROR of all SOA queries sent"`
	Unexpected    int64          `cel:"unexpected" doc:"replies of all queries that are not as their query expects"`
	Outcomes      Outcomes       `cel:"outcomes"`
	RCodes        RCodes         `cel:"rcodes"`
	IPv4          PathCount      `cel:"ipv4"`
	IPv6          PathCount      `cel:"ipv6"`
	UDP           PathCount      `cel:"udp"`
	TCP           PathCount      `cel:"tcp"`
	TLS           PathCount      `cel:"tls"`
	MedianLatency *float64       `cel:"median_latency" unit:"ms" doc:"median latency of SOA replies with NOERROR"`
	Strays        int64          `cel:"strays" doc:"datagrams that failed id, question or QR"`
	NewestSerial  *int64         `cel:"newest_serial" doc:"newest serial of the root zone that was served"`
	OldestSerial  *int64         `cel:"oldest_serial" doc:"oldest serial of the root zone that was served"`
	Synchronized  *bool          `cel:"clock_synchronized" doc:"whether the kernel calls the clock synchronised"`
	ClockError    *time.Duration `cel:"clock_error" doc:"greatest error of the clock, as the kernel says"`
}

// Disk is the file system of the home.
type Disk struct {
	UsedPercent *float64 `cel:"used_percent" unit:"percent" doc:"used space of the fullest file system that mtric writes to"`
}

// ClockFacts is what the kernel says of the clock.
type ClockFacts struct {
	Synchronized *bool          `cel:"synchronized" doc:"whether the kernel calls the clock synchronised"`
	Error        *time.Duration `cel:"error" doc:"greatest error of the clock"`
}

// OutputFacts is about the files of a vantage point's measurements.
type OutputFacts struct {
	Exists    bool          `cel:"exists" doc:"whether there is any output, sent or unsent"`
	NewestAge time.Duration `cel:"newest_age" doc:"age of the newest output; without any, the machine's uptime plus 24 h"`
	Unsent    int64         `cel:"unsent" doc:"files of former intervals that wait to be pushed"`
}

// OriginalsFacts is about what the collector received.
type OriginalsFacts struct {
	Received *int64 `cel:"received_since_last_run" doc:"files received since the last watch that is 10 min old or older; absent without one"`
}

// ZoneFacts is about the archive of root zones.
type ZoneFacts struct {
	Added24h *int64   `cel:"added_24h" doc:"root zones archived in the last 24 h; absent until watch has run for 24 h"`
	Missing  []string `cel:"missing" doc:"serials seen in use, for more than 2 h, that the archive lacks, for as long as it lacks them: the 100 newest, those that several vantage points show first; not those of before the archive that one alone shows and no answer waits for"`
	Gaps     int64    `cel:"gaps" doc:"how many serials are missing"`

	Alone map[string]string // the vantage point that alone shows a serial, of those that one alone shows
}

// KeyFacts is about the keys of the root, as the newest zone in the archive and what was met
// elsewhere show them.
type KeyFacts struct {
	Unanchored []string `cel:"unanchored" doc:"key signing keys without REVOKE that no anchor of the plan, whatever its dates, is of, as DS records (TAG ALGORITHM 2 DIGEST): those in the newest zone in the archive, and those met in the last 30 days in zones that were refused and in DNSKEY answers; at most 20"`
	Revoked    []string `cel:"revoked" doc:"key signing keys with REVOKE in the newest zone in the archive, as DS records of the keys without it, as anchors have them"`
	DaysLeft   *float64 `cel:"days_left" unit:"days" doc:"until the signatures over DNSKEY or over SOA in the newest zone in the archive end, whichever end first; negative once they have; absent without a zone"`

	Alone map[string]string // the vantage point that alone had an unanchored key, of those that one alone had
}

// QuarantineFacts is about what could not be ingested.
type QuarantineFacts struct {
	Count int64 `cel:"count" doc:"files in Quarantine"`
}

// VantagePointFacts is about the vantage points as the collector sees them.
type VantagePointFacts struct {
	Silent    []string `cel:"silent" doc:"vantage points of the plan of which no interval of the last 30 min arrived"`
	OtherPlan []string `cel:"other_plan" doc:"vantage points of the plan whose newest run that arrived, of the last 24 h, was by another plan than the collector's: its plan_sha256 differs"`
}

// Machine is this machine, as watch finds it.
type Machine struct {
	Uptime        time.Duration     `cel:"uptime" doc:"since the machine started"`
	Disk          Disk              `cel:"disk"`
	Clock         ClockFacts        `cel:"clock"`
	Output        OutputFacts       `cel:"output"`
	Originals     OriginalsFacts    `cel:"originals"`
	Zones         ZoneFacts         `cel:"zones"`
	Keys          KeyFacts          `cel:"keys"`
	Quarantine    QuarantineFacts   `cel:"quarantine"`
	VantagePoints VantagePointFacts `cel:"vantage_points"`
}

// Value is one value of a report.
type Value struct {
	Style     string   `cel:"style" doc:"monthly or weekly"`
	Metric    string   `cel:"metric" doc:"name of the metric"`
	RSI       string   `cel:"rsi" doc:"RSI, empty for the RSS"`
	Family    string   `cel:"family" doc:"ipv4, ipv6, or empty"`
	Transport string   `cel:"transport" doc:"udp, tcp, or empty"`
	Unit      string   `cel:"unit" doc:"percent, ms or min"`
	Value     *float64 `cel:"value" unit:"of unit" doc:"the value; absent without data"`
	Count     int64    `cel:"count" doc:"how many values it is made of"`
	Verdict   string   `cel:"verdict" doc:"pass, fail or no_data"`

	RestsOn []string // vantage points without any one of which a fail would be none
}
