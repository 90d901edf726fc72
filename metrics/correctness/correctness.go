// Package correctness says whether one response of a root server is the root
// zone's [jof], and if not, which rules of RSSAC047v2 section 5.3 it breaks.
//
// The way of a response: Judge.Judge screens what is not to be judged (rcode,
// TC) and what is no response to the question; dnsmsg.Parse brings every record
// into canonical wire form; evaluation.group makes RRsets; and
// evaluation.against tries one candidate zone after the other: the rule block of
// the question (rules.go), every RRset equal to the zone's [vnk], the signature of
// every signed RRset [yds] (evaluate.go, signature.go). One zone has to explain
// the whole response (reading A16). Of a response that none explains Judge.Weigh
// (weigh.go) says what it proves by itself, and Archive (archive.go) whether the
// zones at hand are all that it may be of. What is told to people is made in explain.go,
// only where something is wrong.
//
// A Zone is indexed once. An RRset that equals the zone's and carries a signature
// that was verified before costs no cryptography; everything else is verified.
package correctness

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/dnsmsg"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
)

// Question is what was asked, and when: signatures are judged at that time, not
// at the time of judging [yds].
type Question struct {
	Name string // absolute, in presentation form, any letter case; empty: the response's own
	Type string // mnemonic, "NS"; empty: the response's own
	At   time.Time
}

// Check says what is wrong with a question: one that cannot be a question makes
// every response to it incorrect.
func (q Question) Check() error {
	if q.At.IsZero() {
		return errors.New("question: no time of the query")
	}
	var buffer [dnsmsg.MaxName + 1]byte
	_, err := q.wireName(buffer[:])
	return cmp.Or(err, q.checkType())
}

func (q Question) checkType() error {
	if q.Type == "" {
		return nil
	}
	_, err := q.wireType()
	return err
}

// wireName is the name in wire form and lower case.
func (q Question) wireName(buffer []byte) ([]byte, error) {
	if q.Name == "" {
		return nil, nil
	}
	n, err := dns.PackDomainName(dns.Fqdn(q.Name), buffer, 0, nil, false)
	if err != nil {
		return nil, fmt.Errorf("question name %q: %w", q.Name, err)
	}
	dnsmsg.Fold(buffer[:n])
	return buffer[:n], nil
}

// wireType reads a mnemonic, or "TYPE65" (RFC 3597 section 5).
func (q Question) wireType() (uint16, error) {
	if typ, known := dns.StringToType[q.Type]; known {
		return typ, nil
	}
	number, generic := strings.CutPrefix(q.Type, "TYPE")
	typ, err := strconv.ParseUint(number, 10, 16)
	if !generic || err != nil {
		return 0, fmt.Errorf("question type %q: want a mnemonic such as NS", q.Type)
	}
	return uint16(typ), nil
}

// Finding is a rule that is broken, or something worth a look. Tag is that of
// the rule in RSSAC047v2; those of our own are "malformed" (no DNS message),
// "nodata" (an extension rule) and in notes "flags", "edns", "ttl", "duplicate".
type Finding struct {
	Tag    string `json:"tag"`
	Detail string `json:"detail"`
}

// String writes the finding as the column failures has it.
func (f Finding) String() string { return f.Tag + ": " + f.Detail }

// Result is a verdict and its grounds.
type Result struct {
	Verdict measurement.Verdict

	// Serial is the zone's that the response was judged by: the one that explains
	// it; else the candidate whose serial it carries; else the one with the fewest
	// failures, the newest of those. Nil where the response was held against none.
	Serial *uint32

	Failures []Finding // why it is incorrect or unchecked; none where it is correct
	Notes    []Finding // break no rule

	// Unsigned are the candidates that an incorrect response differs from in delegation
	// NS records and glue alone, which nothing signs.
	Unsigned []uint32

	// Of is the zone outside the window that explains an incorrect response.
	Of *uint32
}

// Judge judges responses by candidate zones, newest first: those first seen in
// use within 48 hours before the query and the newest one known before it [yhu]
// (reading A15), which is for the caller to choose. It may be shared.
type Judge struct {
	Zones []*Zone

	// Others are zones outside that window. They make nothing correct: they are
	// tried where no candidate explains a response, to tell which zone it is of.
	Others []*Zone

	// Keys are those that are held, of all zones of the archive; Weigh needs them.
	Keys []rootzone.Key

	forget bool // verify every signature anew
}

// evaluations are used again: a response needs no memory of its own.
var evaluations = sync.Pool{New: func() any { return new(evaluation) }}

// Judge judges a response in wire form, without the length field of TCP. It is
// correct by the first zone that explains it as a whole, tried in the order of
// the candidates, the one whose serial the response carries first. A response
// with an rcode other than NOERROR and NXDOMAIN [ote] or with TC set [hjw], an
// answer to arpa./NS [unt], and any response without a candidate are unchecked;
// whatever else was received is correct or incorrect [lbl], also when it is no
// message. No zone that explains it: incorrect [xog].
func (j Judge) Judge(q Question, wire []byte) Result {
	e := evaluations.Get().(*evaluation)
	defer evaluations.Put(e)
	if r := e.screen(q, wire); r != nil {
		return *r
	}
	if len(j.Zones) == 0 {
		return unchecked("yhu", "no root zone to judge by")
	}
	e.at, e.forget, e.candidates = q.At, j.forget, j.Zones
	e.group()
	var best *Result
	var unsigned []uint32
	carried := e.carried()
	for i := range len(j.Zones) {
		z := inOrder(j.Zones, carried, i)
		e.against(z)
		r := e.result()
		switch {
		case r.Verdict == measurement.Correct:
			return r
		case best == nil, better(r, *best, carried):
			best = &r
		}
		if r.Verdict == measurement.Incorrect && !e.grave {
			unsigned = append(unsigned, z.serial)
		}
	}
	if best.Verdict == measurement.Incorrect {
		if carried != nil && !slices.ContainsFunc(j.Zones, func(z *Zone) bool { return z.serial == *carried }) {
			best.Notes = append(slices.Clip(best.Notes), Finding{"yhu", fmt.Sprintf("the response carries serial %d: no zone of that serial is among those it was judged by", *carried)})
		}
		best.Unsigned = unsigned
		e.otherZone(j.Others, best)
	}
	return *best
}

// otherZone adds to an incorrect result that a zone outside the window explains
// the response.
func (e *evaluation) otherZone(others []*Zone, r *Result) {
	for _, z := range others {
		e.against(z)
		if e.result().Verdict == measurement.Correct {
			r.Of = &z.serial
			r.Failures = append(r.Failures, Finding{"yhu", fmt.Sprintf("the response is that of zone %d, which is not in use at the time of the query", z.serial)})
			return
		}
	}
}

// screen finds what is to be said of a response before any zone is looked at.
func (e *evaluation) screen(q Question, wire []byte) *Result {
	if len(wire) < dnsmsg.HeaderSize {
		return incorrect("malformed", "the message is shorter than a header")
	}
	flags := uint16(wire[2])<<8 | uint16(wire[3])
	rcode := int(flags & 0xf)
	switch {
	case flags&dnsmsg.FlagQR == 0:
		return incorrect("doh", "no response: QR is clear")
	case flags>>11&0xf != dns.OpcodeQuery:
		return incorrect("doh", "opcode %d, want a response to QUERY", flags>>11&0xf)
	case rcode != dns.RcodeSuccess && rcode != dns.RcodeNameError:
		return new(unchecked("ote", "rcode %s counts as a timeout", rcodeName(rcode)))
	case flags&dnsmsg.FlagTC != 0: // may end anywhere
		return new(unchecked("hjw", "truncated: the answer over TCP is to be judged"))
	}
	if err := e.Parse(wire); err != nil {
		return incorrect("malformed", "%s", err)
	}
	if e.RCode != rcode {
		return new(unchecked("ote", "rcode %s counts as a timeout", rcodeName(e.RCode)))
	}
	if err := e.answers(q); err != nil {
		return incorrect("doh", "%s", err)
	}
	if e.QType == dns.TypeNS && string(e.QName) == arpa {
		return new(unchecked("unt", "arpa./NS is not judged while root servers serve arpa."))
	}
	return nil
}

// answers says why a message is no response to the question [doh].
func (e *evaluation) answers(q Question) error {
	if e.QClass != dns.ClassINET {
		return fmt.Errorf("the question is of class %s", dns.Class(e.QClass))
	}
	var buffer [dnsmsg.MaxName + 1]byte
	name, err := q.wireName(buffer[:])
	if err != nil {
		return err
	}
	typ := e.QType
	if q.Type != "" {
		if typ, err = q.wireType(); err != nil {
			return err
		}
	}
	if typ != e.QType || name != nil && !bytes.Equal(name, e.QName) {
		return fmt.Errorf("the response is to %s/%s, asked was %s/%s", text(e.QName), dns.Type(e.QType), cmp.Or(q.Name, "…"), cmp.Or(q.Type, "…"))
	}
	return nil
}

// carried is the serial of the root's SOA record in the response, if it has one.
func (e *evaluation) carried() *uint32 {
	for _, in := range []dnsmsg.Section{answer, authority} {
		if s := e.get(in, []byte(root), dns.TypeSOA); s != nil && len(s.rdatas) == 1 {
			return new(serialOf(s.rdatas[0]))
		}
	}
	return nil
}

// inOrder is the i-th zone to try: those of the carried serial, then the others.
func inOrder(zones []*Zone, carried *uint32, i int) *Zone {
	if carried == nil {
		return zones[i]
	}
	for _, first := range []bool{true, false} {
		for _, z := range zones {
			if (z.serial == *carried) == first {
				if i == 0 {
					return z
				}
				i--
			}
		}
	}
	return zones[0]
}

// result is what came of one zone.
func (e *evaluation) result() Result {
	r := Result{Verdict: measurement.Correct, Serial: &e.zone.serial, Failures: e.failures, Notes: e.notes}
	switch {
	case len(e.failures) > 0:
		r.Verdict = measurement.Incorrect
	case e.unknown:
		r.Verdict = measurement.Unchecked
		r.Failures = []Finding{{"yds", "a signature is by an algorithm that is not known here; see the notes"}}
	}
	return r
}

// better says whether a result is to be told rather than one that was tried
// before it. Unchecked goes first: nothing is known to be wrong.
func better(r, than Result, carried *uint32) bool {
	if (r.Verdict == measurement.Unchecked) != (than.Verdict == measurement.Unchecked) {
		return r.Verdict == measurement.Unchecked
	}
	if carried != nil && *than.Serial == *carried {
		return false
	}
	return len(r.Failures) < len(than.Failures)
}

func unchecked(tag, format string, args ...any) Result {
	return Result{Verdict: measurement.Unchecked, Failures: []Finding{{tag, fmt.Sprintf(format, args...)}}}
}

func incorrect(tag, format string, args ...any) *Result {
	return &Result{Verdict: measurement.Incorrect, Failures: []Finding{{tag, fmt.Sprintf(format, args...)}}}
}

func rcodeName(rcode int) string {
	if rcode == dns.RcodeBadVers {
		return measurement.BadVers
	}
	if name, found := dns.RcodeToString[rcode]; found {
		return name
	}
	return fmt.Sprintf("RCODE%d", rcode)
}

// FailureTexts are the failures as the column failures of the table answers has
// them, "pdd: NS RRset of us. lacks x.cctld.us."; nil where there are none.
func (r Result) FailureTexts() []string {
	var all []string
	for _, f := range r.Failures {
		all = append(all, strings.TrimSpace(f.String()))
	}
	return all
}
