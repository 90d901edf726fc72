package measurement

import "slices"

// Paths lists the ways to an RSI that metrics know, in the order of reports: each family
// with each transport of the metrics.
var Paths = func() (all []Path) {
	for _, f := range Families {
		for _, t := range MetricTransports {
			all = append(all, Path{f, t})
		}
	}
	return all
}()

// The queries whose label has a meaning: the metrics are made of their answers. A plan's
// queries of other labels are asked and kept, and count nowhere.
const (
	QuerySOA         = "soa"         // availability, response and publication latency [dzn]
	QueryCorrectness = "correctness" // [wca]
)

// MetricQueries lists the queries that metrics are made of.
var MetricQueries = []string{QuerySOA, QueryCorrectness}

// The rcodes that something goes by, as the column rcode has them. The vocabulary is
// open: it has every mnemonic of the IANA's registry, and RCODE11 for what has none.
const (
	NoError  = "NOERROR" // the only one that availability counts
	FormErr  = "FORMERR"
	ServFail = "SERVFAIL"
	NXDomain = "NXDOMAIN"
	NotImp   = "NOTIMP"
	RRefused = "REFUSED" // by the server: Refused is a connection's
	BadVers  = "BADVERS"
)

// Verdicts lists the verdicts of correctness answers.
var Verdicts = []Verdict{Correct, Incorrect, Unchecked}

// Securities and TLSAuths list their vocabularies.
var (
	Securities = []Security{SecuritySecure, SecurityBogus, SecurityUnchecked}
	TLSAuths   = []TLSAuth{AuthName, AuthPin, AuthNone, AuthExpired, AuthNotYetValid, AuthNameMismatch, AuthUntrusted, AuthPinMismatch}
)

// Keeps lists what a query can keep, the least first.
var Keeps = []Keep{KeepNever, KeepOdd, KeepAlways}

// ZoneStates lists the states of a zone, and ZoneProofs its proofs, the strongest first.
var (
	ZoneStates = []ZoneState{ZoneArchived, ZoneSeen, ZoneBogus}
	ZoneProofs = []ZoneProof{ProofArchive, ProofSignature, ProofWitnesses, ProofNone}
)

// Metric is one of the eight metrics of RSSAC047v2, sections 5 and 6, as plans and
// reports name it: four of each RSI, four of the root server system.
type Metric string

// The metrics.
const (
	RSIAvailability Metric = "rsi_availability"
	RSILatency      Metric = "rsi_response_latency"
	RSICorrectness  Metric = "rsi_correctness"
	RSIPublication  Metric = "rsi_publication_latency"
	RSSAvailability Metric = "rss_availability"
	RSSLatency      Metric = "rss_response_latency"
	RSSCorrectness  Metric = "rss_correctness"
	RSSPublication  Metric = "rss_publication_latency"
)

// RSIMetrics and RSSMetrics list the metrics of an RSI and of the system in the order of
// reports, Metrics lists all.
var (
	RSIMetrics = []Metric{RSIAvailability, RSILatency, RSICorrectness, RSIPublication}
	RSSMetrics = []Metric{RSSAvailability, RSSLatency, RSSCorrectness, RSSPublication}
	Metrics    = slices.Concat(RSIMetrics, RSSMetrics)
)

// Title is the metric as texts for people name it; the system's and an RSI's have the same.
// Empty where it is none.
func (m Metric) Title() string {
	switch m {
	case RSIAvailability, RSSAvailability:
		return "Availability"
	case RSILatency, RSSLatency:
		return "Response latency"
	case RSICorrectness, RSSCorrectness:
		return "Correctness"
	case RSIPublication, RSSPublication:
		return "Publication latency"
	}
	return ""
}

// Strings writes the words of a vocabulary as text.
func Strings[T ~string](words []T) []string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = string(w)
	}
	return all
}
