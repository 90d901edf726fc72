package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/measurement"
)

// Kind is what goes wrong.
type Kind string

// The kinds of faults. Those marked UDP or TCP leave the other transport alone.
const (
	Drop             Kind = "drop"              // the query is read and never answered
	Delay            Kind = "delay"             // the answer comes Fault.Delay late
	Loss             Kind = "loss"              // Drop with a Probability below 1
	Refuse           Kind = "refuse"            // the socket is closed: ICMP port unreachable, or RST to a connect
	ServFail         Kind = "servfail"          // rcode SERVFAIL without data
	RCode            Kind = "rcode"             // the rcode of Fault.RCode without data
	TC               Kind = "tc"                // UDP: truncated, without data
	WrongIDFirst     Kind = "wrong_id_first"    // a message with another id, then the right one
	WrongQuestion    Kind = "wrong_question"    // another question is echoed
	WrongCase        Kind = "wrong_case"        // the question is echoed with its letter case inverted
	SpoofedSecond    Kind = "spoofed_second"    // the right answer, then one that differs in a bit
	Stale            Kind = "stale"             // an older version of the zone is served
	BitFlip          Kind = "bit_flip"          // one bit of the data of one record differs
	NoSignature      Kind = "no_signature"      // signatures are missing
	ExpiredSignature Kind = "expired_signature" // signatures are good but ended before the zone's began
	ForgedICMP       Kind = "forged_icmp"       // UDP: ICMP port unreachable, then the answer; needs CAP_NET_RAW
	AAWrong          Kind = "aa_wrong"          // the AA bit is inverted
	SlowTCP          Kind = "slow_tcp"          // TCP: the message comes in eight pieces, Fault.Delay apart
	CloseMidMessage  Kind = "close_mid_message" // TCP: half a message, then the end
	Garbage          Kind = "garbage"           // header and question are right, the records are not DNS
	HeaderOnly       Kind = "header_only"       // a header alone, with the rcode of Fault.RCode
	BadOptions       Kind = "bad_options"       // the right answer, with options in OPT that nobody asked for and that are cut off
	Duplicate        Kind = "duplicate"         // the right answer, twice
	CutTC            Kind = "cut_tc"            // UDP: TC is set and the message ends within its last record
	Impostor         Kind = "impostor"          // another one answers: Impostor's identity and version, as a middlebox has them
)

// What an Impostor says of itself.
const (
	ImpostorIdentity = "cache7.isp.example"
	ImpostorVersion  = "dnsmasq-2.90"
)

// Kinds lists all kinds.
var Kinds = []Kind{Drop, Delay, Loss, Refuse, ServFail, RCode, TC, WrongIDFirst, WrongQuestion, WrongCase, SpoofedSecond, Stale,
	BitFlip, NoSignature, ExpiredSignature, ForgedICMP, AAWrong, SlowTCP, CloseMidMessage, Garbage, HeaderOnly, BadOptions, Duplicate, CutTC, Impostor}

// Fault is one thing that goes wrong: of a kind, at some RSIs, over some paths,
// for some time. Empty lists and zero times mean all. Faults add up.
type Fault struct {
	Kind       Kind                    `json:"kind"`
	RSIs       []measurement.RSI       `json:"rsis,omitempty"`
	Families   []measurement.Family    `json:"families,omitempty"`
	Transports []measurement.Transport `json:"transports,omitempty"`
	Types      []string                `json:"types,omitempty"` // question types, "SOA"; not for Refuse

	// The fault lasts in [From, Until) of the system's clock.
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"`

	// Probability that a query meets the fault; 0 is 1, always. Not for Refuse.
	Probability float64 `json:"probability,omitempty"`

	Delay  time.Duration `json:"-"`                // of Delay and SlowTCP; "150ms" in JSON
	RCode  string        `json:"rcode,omitempty"`  // of RCode and HeaderOnly: "FORMERR"
	Behind uint32        `json:"behind,omitempty"` // of Stale: serials behind; 0 is 1
	Zone   *Zone         `json:"-"`                // of Stale: the zone to serve; nil: the current one with an older serial
}

// maxFaults bounds the text of a fault list in octets.
const maxFaults = 1 << 20

// ParseFaults reads a JSON list of faults and checks each.
func ParseFaults(r io.Reader) ([]Fault, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFaults+1))
	if err != nil {
		return nil, fmt.Errorf("faults: %w", err)
	}
	if len(text) > maxFaults {
		return nil, fmt.Errorf("faults: more than %d bytes", maxFaults)
	}
	var faults []Fault
	if err := json.Unmarshal(text, &faults); err != nil {
		return nil, fmt.Errorf("faults: %w", err)
	}
	return faults, check(faults, RootServers())
}

// plainFault is Fault without methods, with the delay as people write it.
type plainFault Fault

type faultText struct {
	plainFault
	Delay string `json:"delay,omitempty"`
}

// MarshalJSON writes the delay as text.
func (f Fault) MarshalJSON() ([]byte, error) {
	t := faultText{plainFault: plainFault(f)}
	if f.Delay != 0 {
		t.Delay = f.Delay.String()
	}
	return json.Marshal(t)
}

// UnmarshalJSON refuses unknown keys.
func (f *Fault) UnmarshalJSON(text []byte) error {
	var t faultText
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return err
	}
	*f = Fault(t.plainFault)
	if t.Delay == "" {
		return nil
	}
	var err error
	f.Delay, err = time.ParseDuration(t.Delay)
	return err
}

// check refuses faults that could not do what they say.
func check(faults []Fault, group []Server) error {
	var errs []error
	for i, f := range faults {
		if err := f.check(group); err != nil {
			errs = append(errs, fmt.Errorf("fault %d (%s): %w", i+1, f.Kind, err))
		}
	}
	return errors.Join(errs...)
}

func (f *Fault) check(group []Server) error {
	switch {
	case !slices.Contains(Kinds, f.Kind):
		return fmt.Errorf("no such kind; there are %v", Kinds)
	case f.Probability < 0 || f.Probability > 1:
		return fmt.Errorf("probability %v: want 0 to 1", f.Probability)
	case f.Kind == Loss && (f.Probability == 0 || f.Probability == 1):
		return errors.New("needs a probability between 0 and 1")
	case f.Kind == Refuse && (f.Probability != 0 || len(f.Types) > 0):
		return errors.New("a closed socket meets every query: no probability, no types")
	case (f.Kind == Delay || f.Kind == SlowTCP) == (f.Delay <= 0):
		return fmt.Errorf("delay %s: only delay and slow_tcp have one, above zero", f.Delay)
	case (f.Kind == RCode || f.Kind == HeaderOnly) == (f.RCode == ""):
		return fmt.Errorf("rcode %q: only rcode and header_only have one", f.RCode)
	case f.Kind != Stale && (f.Behind != 0 || f.Zone != nil):
		return errors.New("only stale has an older zone")
	case !f.From.IsZero() && !f.Until.IsZero() && !f.Until.After(f.From):
		return fmt.Errorf("until %s is not after from %s", f.Until.Format(time.RFC3339), f.From.Format(time.RFC3339))
	}
	// Above 15 an rcode takes two records to say.
	if rcode, ok := dns.StringToRcode[f.RCode]; f.RCode != "" && (!ok || rcode > 15) {
		return fmt.Errorf("rcode %q: no such rcode of a header", f.RCode)
	}
	return f.checkScope(group)
}

func (f *Fault) checkScope(group []Server) error {
	for _, rsi := range f.RSIs {
		if !slices.ContainsFunc(group, func(s Server) bool { return s.RSI == rsi }) {
			return fmt.Errorf("RSI %q: want %s to %s", rsi, group[0].RSI, group[len(group)-1].RSI)
		}
	}
	for _, family := range f.Families {
		if !slices.Contains(measurement.Families, family) {
			return fmt.Errorf("family %q: want %v", family, measurement.Families)
		}
	}
	for _, transport := range f.Transports {
		if !slices.Contains(measurement.MetricTransports, transport) {
			return fmt.Errorf("transport %q: want %v", transport, measurement.MetricTransports)
		}
	}
	for _, t := range f.Types {
		if _, ok := dns.StringToType[t]; !ok {
			return fmt.Errorf("type %q: no such type", t)
		}
	}
	return nil
}

// meets reports whether the fault covers an RSI and path at a time.
func (f *Fault) meets(rsi measurement.RSI, path measurement.Path, now time.Time) bool {
	return among(f.RSIs, rsi) && among(f.Families, path.Family) && among(f.Transports, path.Transport) &&
		(f.From.IsZero() || !now.Before(f.From)) && (f.Until.IsZero() || now.Before(f.Until))
}

// among reports whether a list has the element; an empty list has all.
func among[E comparable](list []E, e E) bool { return len(list) == 0 || slices.Contains(list, e) }
