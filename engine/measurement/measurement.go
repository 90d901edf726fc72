// Package measurement holds the nouns that every stage of mtric shares: whom
// we ask (RSI, Family, Transport, Path), who asks (VantagePoint), what is asked
// (Query) and what came of it (Answer, Outcome, Route, Run).
//
// Admitted here is a type that at least two stages exchange or that is a row of
// a file. Forbidden are behaviour that needs network, clock or files, and types
// of a library: this package imports the standard library only.
//
// The struct tags of Answer, Route, Run and Zone are the column contract of the
// Parquet files, in column order; a pointer is a nullable column.
package measurement

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// RSI is the letter of a root server identifier, "a" to "m" for the root
// server system; a plan may watch further servers under labels of its own.
type RSI string

// VantagePoint names a vantage point: one of our machines by three digits, the first label
// of its host name nnn.mtric.net, or a probe of RIPE Atlas by its id, "atlas-6042".
type VantagePoint string

var (
	machine = regexp.MustCompile(`^[0-9]{3}$`)
	probe   = regexp.MustCompile(`^atlas-[1-9][0-9]{0,9}$`)
)

// AtlasProbe is the vantage point that a probe of RIPE Atlas is.
func AtlasProbe(id uint32) VantagePoint {
	return VantagePoint("atlas-" + strconv.FormatUint(uint64(id), 10))
}

// Valid reports whether v is a vantage point's name, of a machine or of a probe.
func (v VantagePoint) Valid() bool { return v.Machine() || probe.MatchString(string(v)) }

// Machine reports whether v names one of our machines: only these are planned, run
// mtric measure, and send files.
func (v VantagePoint) Machine() bool { return machine.MatchString(string(v)) }

// Family is an address family.
type Family string

// The two address families [jhb].
const (
	IPv4 Family = "ipv4"
	IPv6 Family = "ipv6"
)

// Families lists both address families in the order of reports.
var Families = []Family{IPv4, IPv6}

// Title is the family as texts for people name it.
func (f Family) Title() string {
	switch f {
	case IPv4:
		return "IPv4"
	case IPv6:
		return "IPv6"
	}
	return string(f)
}

// FamilyOf returns the family of an address; an IPv4-mapped IPv6 address is IPv4.
func FamilyOf(a netip.Addr) Family {
	if a.Unmap().Is4() {
		return IPv4
	}
	return IPv6
}

// Transport is the transport protocol of a query.
type Transport string

// The transports: those of the metrics [ykn], and DNS over TLS (RFC 7858), which enters none.
const (
	UDP Transport = "udp"
	TCP Transport = "tcp"
	TLS Transport = "tls"
)

// Transports lists all transports, MetricTransports those of the metrics in the order of
// reports.
var (
	Transports       = []Transport{UDP, TCP, TLS}
	MetricTransports = []Transport{UDP, TCP}
)

// Path is a way to an RSI: a family and a transport.
type Path struct {
	Family    Family
	Transport Transport
}

// String writes the path as plans and reports do, "ipv6/tcp".
func (p Path) String() string { return string(p.Family) + "/" + string(p.Transport) }

// Title is the path as texts for people name it, "IPv6 TCP"; empty where it is none.
func (p Path) Title() string {
	if !slices.Contains(Families, p.Family) || !slices.Contains(Transports, p.Transport) {
		return ""
	}
	return p.Family.Title() + " " + strings.ToUpper(string(p.Transport))
}

// ParsePath reads what String writes of the Paths.
func ParsePath(s string) (Path, error) {
	f, t, _ := strings.Cut(s, "/")
	p := Path{Family(f), Transport(t)}
	if !slices.Contains(Paths, p) {
		return Path{}, fmt.Errorf("path %q: want one of %v", s, Paths)
	}
	return p, nil
}

// Keep says which response wires a query keeps in its rows.
type Keep string

// KeepOdd keeps the wire of whatever is not a plain good answer: not as expected (another
// rcode than NOERROR, where a query does not say), AA clear, TC set, no serial, strays, or unparsable.
const (
	KeepNever  Keep = "never"
	KeepOdd    Keep = "odd"
	KeepAlways Keep = "always"
)

// Query is one planned question over one path; it becomes exactly one Answer.
type Query struct {
	Label     string // of the plan's query block: "soa", "correctness", …
	RSI       RSI
	Family    Family
	Transport Transport
	Address   netip.Addr // always valid: without an address nothing is planned
	Port      uint16

	// Name is the absolute question name in presentation form with the letter
	// case to be sent (0x20 [zon]), Type its mnemonic, Class that of its class; empty is IN.
	Name  string
	Type  string
	Class string
	Zone  string // the zone of the plan that the query belongs to, by name; empty where there is none

	RecursionDesired bool // set RD
	CheckingDisabled bool // set CD, RFC 4035
	AuthenticData    bool // set AD, RFC 6840

	// Any of the following, but RetryTCP, makes it a query with EDNS (RFC 6891).
	NSID     bool         // ask for the server's identity, RFC 5001 [mgj]
	DNSSEC   bool         // set DO [rhe]
	UDPSize  uint16       // EDNS buffer size [rja]
	Subnet   netip.Prefix // client subnet, RFC 7871; the zero value sends none
	Options  []EDNSOption // further ones, in their order
	RetryTCP bool         // ask a truncated UDP answer again over TCP [hjw]

	Timeout time.Duration // from the send, TCP connect included [ywz]
	Pace    time.Duration // least wait after this send before the next
	Keep    Keep

	TLS *TLSPolicy // of the server; of queries over TLS only
}

// EDNSOption is an option of EDNS as it is sent.
type EDNSOption struct {
	Code uint16
	Data []byte
}

// Outcome is what became of a query: a closed vocabulary. Only Answered
// is available, and where it is Good; LocalError enters no metric.
type Outcome string

// The outcomes. Connection errors count as timeouts in every metric [dfl][dks].
const (
	Answered    Outcome = "answered"    // a matching, parsable reply wholly received in time, whatever its rcode
	Timeout     Outcome = "timeout"     // none within the timeout
	Refused     Outcome = "refused"     // ECONNREFUSED: RST to a connect, ICMP port unreachable
	Unreachable Outcome = "unreachable" // no route, no local address of that family, ICMP unreachable
	Reset       Outcome = "reset"       // ECONNRESET, EPIPE, closed before a whole message
	Malformed   Outcome = "malformed"   // a matching reply that does not parse or whose counts lie
	TLSFailed   Outcome = "tls_failed"  // over TLS: an alert, no common version, or not TLS at all
	LocalError  Outcome = "local_error" // never sent: no socket, no buffer, interrupted before its turn
)

// Outcomes lists the whole vocabulary.
var Outcomes = []Outcome{Answered, Timeout, Refused, Unreachable, Reset, Malformed, TLSFailed, LocalError}

// Verdict is the judgement of a correctness answer.
type Verdict string

// The verdicts. Unchecked is never counted as correct.
const (
	Correct   Verdict = "correct"
	Incorrect Verdict = "incorrect"
	Unchecked Verdict = "unchecked"
)

// Answer is a row of the table answers: one planned query and what came of it.
// Times are UTC in whole microseconds.
type Answer struct {
	VantagePoint  VantagePoint `parquet:"vantage_point,dict" json:"vantage_point"`
	Interval      time.Time    `parquet:"interval,timestamp(microsecond)" json:"interval"`
	SentAt        *time.Time   `parquet:"sent_at,optional,timestamp(microsecond)" json:"sent_at"` // null exactly when local_error
	Query         string       `parquet:"query,dict" json:"query"`
	RSI           RSI          `parquet:"rsi,dict" json:"rsi"`
	Family        Family       `parquet:"family,dict" json:"family"`
	Transport     Transport    `parquet:"transport,dict" json:"transport"` // as drawn, also after a retry over TCP
	Address       string       `parquet:"address,dict" json:"address"`     // empty in old rows only, of an RSI without one
	QName         string       `parquet:"qname,dict" json:"qname"`
	QType         string       `parquet:"qtype,dict" json:"qtype"`
	Outcome       Outcome      `parquet:"outcome,dict" json:"outcome"`
	Error         *string      `parquet:"error,optional,dict" json:"error"`
	LatencyUS     *int64       `parquet:"latency_us,optional" json:"latency_us"` // only when answered
	ConnectUS     *int64       `parquet:"connect_us,optional" json:"connect_us"` // TCP only
	RCode         *string      `parquet:"rcode,optional,dict" json:"rcode"`
	AA            *bool        `parquet:"aa,optional" json:"aa"`
	TC            *bool        `parquet:"tc,optional" json:"tc"`
	Attempts      int32        `parquet:"attempts" json:"attempts"`       // 2: asked again over TCP [hjw]; all else is then of the TCP attempt
	Serial        *int64       `parquet:"serial,optional" json:"serial"`  // of the reply's only SOA RRset, "." IN, one record
	NSID          *string      `parquet:"nsid,optional,dict" json:"nsid"` // text if printable, else 0x…
	Strays        int32        `parquet:"strays" json:"strays"`           // datagrams dropped for id, question or QR
	ResponseSize  *int32       `parquet:"response_size,optional" json:"response_size"`
	Response      []byte       `parquet:"response,optional,dict" json:"response"` // wire; nil is null
	Verdict       *Verdict     `parquet:"verdict,optional,dict" json:"verdict"`
	VerdictSerial *int64       `parquet:"verdict_serial,optional" json:"verdict_serial"`
	Failures      []string     `parquet:"failures,list,dict" json:"failures"`

	SourcePort     *int32  `parquet:"source_port,optional" json:"source_port" since:"2"`            // of our UDP socket; null over TCP
	ReplyTTL       *int32  `parquet:"reply_ttl,optional" json:"reply_ttl" since:"2"`                // IP TTL or hop limit of the reply; null over TCP, whose readers Linux hands none
	FirstLatencyUS *int64  `parquet:"first_latency_us,optional" json:"first_latency_us" since:"2"`  // of the UDP attempt of an answer asked again over TCP
	FirstResponse  []byte  `parquet:"first_response,optional,dict" json:"first_response" since:"2"` // its wire; nil is null
	TCPRetransmits *int32  `parquet:"tcp_retransmits,optional" json:"tcp_retransmits" since:"2"`    // of TCP_INFO
	Extra          []Extra `parquet:"extra,optional,list" json:"extra" since:"2"`                   // nil: not recorded; empty: recorded, none

	QClass      *string    `parquet:"qclass,optional,dict" json:"qclass" since:"3"`                                 // null: IN
	ZoneSerial  *int64     `parquet:"zone_serial,optional" json:"zone_serial" since:"3"`                            // of the SOA of a zone of the plan; Serial is the root's
	DNSSEC      *Security  `parquet:"dnssec,optional,dict" json:"dnssec" since:"3"`                                 // the collector's
	Expected    *bool      `parquet:"expected,optional" json:"expected" since:"3"`                                  // what the query's expect says; null without one or unless answered
	TLSUS       *int64     `parquet:"tls_us,optional" json:"tls_us" since:"3"`                                      // of the handshake
	TLSAuth     *TLSAuth   `parquet:"tls_auth,optional,dict" json:"tls_auth" since:"3"`                             // null: no handshake was completed
	TLSVersion  *string    `parquet:"tls_version,optional,dict" json:"tls_version" since:"3"`                       // "1.3"
	TLSSPKI     *string    `parquet:"tls_spki,optional,dict" json:"tls_spki" since:"3"`                             // base64 of the SHA-256 of the server's public key
	TLSNotAfter *time.Time `parquet:"tls_not_after,optional,timestamp(microsecond)" json:"tls_not_after" since:"3"` // of the server's certificate
}

// Extra is a further datagram that came for a query: kept as evidence, counted by no
// metric.
type Extra struct {
	Kind    string `parquet:"kind,dict" json:"kind"`    // stray, second or late; an open vocabulary
	AfterUS int64  `parquet:"after_us" json:"after_us"` // since the query was sent
	Wire    []byte `parquet:"wire,dict" json:"wire"`    // at most MaxExtraWire bytes of it
}

// The kinds of Extra.
const (
	ExtraStray  = "stray"  // dropped for id, question or QR
	ExtraSecond = "second" // another matching reply within 100 ms of the first
	ExtraLate   = "late"   // a matching reply after the timeout, until the run's own end
)

// Bounds of Extra, for whoever sends decides what comes.
const (
	MaxExtras    = 4   // of a row
	MaxExtraWire = 512 // bytes
	MaxExtraRows = 256 // rows of a run that have any
)

// MaxContent is how many bytes of Content the answers of a run have at most: the prober
// keeps no more, and ingest takes no more.
const MaxContent = 512 << 10

// Content is the bytes of an answer that whoever asked or replied decides the length
// of: what bounds of memory go by.
func (a *Answer) Content() int {
	n := len(a.QName) + len(a.Response) + len(a.FirstResponse)
	for _, e := range a.Extra {
		n += len(e.Kind) + len(e.Wire)
	}
	for _, text := range []*string{a.NSID, a.Error} {
		if text != nil {
			n += len(*text)
		}
	}
	return n
}

// Hop is one step of a route. Address and RTT are nil where nobody answered.
type Hop struct {
	TTL     int32   `parquet:"ttl" json:"ttl"`
	Address *string `parquet:"address,optional,dict" json:"address"`
	RTTUS   *int64  `parquet:"rtt_us,optional" json:"rtt_us"`
}

// Route is a row of the table routes: the path to one address [vno].
type Route struct {
	VantagePoint VantagePoint `parquet:"vantage_point,dict" json:"vantage_point"`
	Interval     time.Time    `parquet:"interval,timestamp(microsecond)" json:"interval"`
	StartedAt    time.Time    `parquet:"started_at,timestamp(microsecond)" json:"started_at"`
	RSI          RSI          `parquet:"rsi,dict" json:"rsi"`
	Family       Family       `parquet:"family,dict" json:"family"`
	Address      string       `parquet:"address,dict" json:"address"`
	Method       string       `parquet:"method,dict" json:"method"`
	StopReason   string       `parquet:"stop_reason,dict" json:"stop_reason"`
	Reached      bool         `parquet:"reached" json:"reached"`
	Complete     bool         `parquet:"complete" json:"complete"` // false where the trace was cut short
	HopCount     int32        `parquet:"hop_count" json:"hop_count"`
	Hops         []Hop        `parquet:"hops,list" json:"hops"`

	Source     *string    `parquet:"source,optional,dict" json:"source" since:"2"`           // the local address that was traced from
	HopReplies []HopReply `parquet:"hop_replies,optional,list" json:"hop_replies" since:"2"` // nil: not recorded; empty: recorded, none
}

// HopReply is what the reply of a route's step says beside its address and time.
type HopReply struct {
	TTL      int32  `parquet:"ttl" json:"ttl"`                      // of the probe, as Hop has it
	ReplyTTL *int32 `parquet:"reply_ttl,optional" json:"reply_ttl"` // IP TTL or hop limit of the reply
	ICMPType *int32 `parquet:"icmp_type,optional" json:"icmp_type"` // null where the reply was no ICMP message
	ICMPCode *int32 `parquet:"icmp_code,optional" json:"icmp_code"`
}

// Run is a row of the table runs: the facts of one interval at one vantage
// point. A VP's files carry it as the metadata key mtric.run; the last four
// columns are the collector's.
type Run struct {
	VantagePoint      VantagePoint `parquet:"vantage_point,dict" json:"vantage_point"`
	Interval          time.Time    `parquet:"interval,timestamp(microsecond)" json:"interval"`
	StartedAt         time.Time    `parquet:"started_at,timestamp(microsecond)" json:"started_at"`
	JitterMS          int32        `parquet:"jitter_ms" json:"jitter_ms"`
	ElapsedMS         int32        `parquet:"elapsed_ms" json:"elapsed_ms"`
	Planned           int32        `parquet:"planned" json:"planned"`
	Answered          int32        `parquet:"answered" json:"answered"`
	EngineVersion     string       `parquet:"engine_version,dict" json:"engine_version"`
	Plan              string       `parquet:"plan,dict" json:"plan"`
	PlanSHA256        string       `parquet:"plan_sha256,dict" json:"plan_sha256"`
	ClockSynchronized *bool        `parquet:"clock_synchronized,optional" json:"clock_synchronized"` // [ugt]
	ClockErrorUS      *int64       `parquet:"clock_error_us,optional" json:"clock_error_us"`         // timex.maxerror
	Timestamps        string       `parquet:"timestamps,dict" json:"timestamps"`                     // "kernel" when every UDP latency has it, else "user"
	ReceivedAt        time.Time    `parquet:"received_at,timestamp(microsecond)" json:"received_at,omitzero"`
	File              string       `parquet:"file,dict" json:"file,omitempty"`
	SHA256            string       `parquet:"sha256,dict" json:"sha256,omitempty"`
	SourceIPv4        *string      `parquet:"source_ipv4,optional,dict" json:"source_ipv4" since:"2"` // local address of the sockets
	SourceIPv6        *string      `parquet:"source_ipv6,optional,dict" json:"source_ipv6" since:"2"`
	IngestedAt        *time.Time   `parquet:"ingested_at,optional,timestamp(microsecond)" json:"ingested_at,omitempty" since:"2"` // of the collector's clock, at the first merge; null in files of stage 1
}

// ZoneState is what is known of a root zone by its serial: a closed vocabulary.
type ZoneState string

// The states. Age changes none of them: what was shown does not become untrue.
const (
	ZoneArchived ZoneState = "archived" // validated, in the archive
	ZoneSeen     ZoneState = "seen"     // not archived, proven to exist all the same
	ZoneBogus    ZoneState = "bogus"    // nothing proves it
)

// ZoneProof is what proves that a zone of a serial exists: a closed vocabulary.
type ZoneProof string

// The proofs, the strongest first.
const (
	ProofArchive   ZoneProof = "archive"   // the zone itself
	ProofSignature ZoneProof = "signature" // a SOA record in an answer, by a key of an archived zone
	ProofWitnesses ZoneProof = "witnesses" // two RSIs and two vantage points showed it in trusted sightings
	ProofNone      ZoneProof = "none"
)

// Zone is a row of the table zones: a serial of the root zone. The last three
// columns are null in files of stage 1.
type Zone struct {
	Serial       int64      `parquet:"serial" json:"serial"`
	FirstSeen    *time.Time `parquet:"first_seen,optional,timestamp(microsecond)" json:"first_seen"` // sent_at of the earliest trusted sighting; not accepted while bogus
	FirstSeenRSI *RSI       `parquet:"first_seen_rsi,optional,dict" json:"first_seen_rsi"`
	ArchivedAt   *time.Time `parquet:"archived_at,optional,timestamp(microsecond)" json:"archived_at"`
	Source       *string    `parquet:"source,optional,dict" json:"source"` // where the archive had it from
	SHA256       *string    `parquet:"sha256,optional,dict" json:"sha256"` // of the archived file
	State        ZoneState  `parquet:"state,dict" json:"state"`
	SignedAt     *time.Time `parquet:"signed_at,optional,timestamp(microsecond)" json:"signed_at" since:"2"`   // latest inception of the signatures over SOA
	FirstUsed    *time.Time `parquet:"first_used,optional,timestamp(microsecond)" json:"first_used" since:"2"` // the earlier of archived and shown by a second vantage point, of it and of all archived zones after it; not before it was signed
	Proof        *ZoneProof `parquet:"proof,optional,dict" json:"proof" since:"2"`
}

// ZoneSerial is a row of the table zone_serials: a serial of a zone other than the root that
// the collector itself saw at the zone's source, of the plan.
type ZoneSerial struct {
	Zone      string    `parquet:"zone,dict" json:"zone" since:"3"` // absolute name in lower case
	Serial    int64     `parquet:"serial" json:"serial" since:"3"`
	Source    string    `parquet:"source,dict" json:"source" since:"3"` // address and port that first showed it
	FirstSeen time.Time `parquet:"first_seen,timestamp(microsecond)" json:"first_seen" since:"3"`
	LastSeen  time.Time `parquet:"last_seen,timestamp(microsecond)" json:"last_seen" since:"3"` // noted once an hour
}

// Site is a row of the table vantage_points: where a vantage point stands within a time,
// as the plan has it or, of a probe of RIPE Atlas, an archive of probes.
type Site struct {
	VantagePoint VantagePoint `parquet:"vantage_point,dict" json:"vantage_point" since:"2"`
	From         *time.Time   `parquet:"from,optional,timestamp(microsecond)" json:"from" since:"2"`   // null is open
	Until        *time.Time   `parquet:"until,optional,timestamp(microsecond)" json:"until" since:"2"` // null is open
	Region       string       `parquet:"region,dict" json:"region" since:"2"`
	Metro        string       `parquet:"metro,dict" json:"metro" since:"2"`
	Provider     *string      `parquet:"provider,optional,dict" json:"provider" since:"2"`
	Host         string       `parquet:"host,dict" json:"host" since:"2"`
	Latitude     *float64     `parquet:"latitude,optional" json:"latitude" since:"2"`   // degrees, north positive
	Longitude    *float64     `parquet:"longitude,optional" json:"longitude" since:"2"` // degrees, east positive
	ASN          *int64       `parquet:"asn,optional" json:"asn" since:"2"`

	Country    *string  `parquet:"country,optional,dict" json:"country" since:"3"` // ISO 3166-1, two capital letters; this and the rest are of probes of RIPE Atlas only
	ASNIPv4    *int64   `parquet:"asn_ipv4,optional" json:"asn_ipv4" since:"3"`
	ASNIPv6    *int64   `parquet:"asn_ipv6,optional" json:"asn_ipv6" since:"3"`
	PrefixIPv4 *string  `parquet:"prefix_ipv4,optional,dict" json:"prefix_ipv4" since:"3"`
	PrefixIPv6 *string  `parquet:"prefix_ipv6,optional,dict" json:"prefix_ipv6" since:"3"`
	Tags       []string `parquet:"tags,optional,list,dict" json:"tags" since:"3"` // nil: not recorded
}
