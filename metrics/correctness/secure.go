package correctness

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/dnsmsg"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
)

// Held is what an answer of a signed zone is judged by.
type Held struct {
	// Sets are the trusted sets of keys: those that the server itself showed then, else the
	// zone's newest. None: no signature can be verified.
	Sets []*Keys

	// Known are further trusted sets. Nothing is verified by them, but a DNSKEY RRset that
	// equals one is genuine by any of its keys that signs it.
	Known []*Keys

	// DoubtfulClock says that the time of the query may be wrong: nothing is accused for
	// the time then, and nothing is secure.
	DoubtfulClock bool

	Budget *Budget // nil bounds nothing but the response itself
}

// Judge says what DNSSEC says of a response to a question for a name in the zone, NOERROR or
// NXDOMAIN and not truncated, and in words why where it is not secure. The law for signatures
// is that of the root zone (package rootzone). It is
//
//   - bogus where something that the zone itself must sign has no signature by it, or none but such as
//     do not verify by a key that is held or had expired, or where what is denied is not proven to be absent;
//   - unchecked where all of it may be genuine: signed by keys that are not held or by algorithms that
//     are not known, of another zone, covered by opt-out;
//   - secure where every RRset of Answer and Authority that is of the zone is authentic, and
//     what is absent is proven to be. Additional is not looked at, nor what an alias leads to outside the zone.
func (z *SignedZone) Judge(q Question, wire []byte, held Held) (measurement.Security, string) {
	e := evaluations.Get().(*evaluation)
	defer evaluations.Put(e)
	if err := cmp.Or(e.Parse(wire), e.unlike(q)); err != nil {
		return measurement.SecurityUnchecked, err.Error()
	}
	e.at = q.At
	e.group()
	v := verifier{zone: z, e: e, at: q.At, doubtful: held.DoubtfulClock, budget: NewBudget(maxTried, held.Budget)}
	for _, set := range held.Sets {
		v.keys = append(v.keys, set.keys...)
	}
	v.sets = append(slices.Clone(held.Sets), held.Known...)
	return v.judge()
}

// unlike is answers, but for responses of which nothing is to be told.
func (e *evaluation) unlike(q Question) error {
	if e.Flags&dnsmsg.FlagTC != 0 || e.RCode != dns.RcodeSuccess && e.RCode != dns.RcodeNameError {
		return fmt.Errorf("truncated, or of rcode %s", rcodeName(e.RCode))
	}
	return e.answers(q)
}

// clocksDiffer is how long ago a signature may have expired by the clock of a vantage point
// that nobody knows to be wrong, and accuse nobody yet. RFC 4035 section 5.3.1 has no such time,
// so nothing is secure by it either.
const clocksDiffer = 5 * time.Minute

// verifier judges one response.
type verifier struct {
	zone     *SignedZone
	e        *evaluation
	at       time.Time
	doubtful bool
	budget   *Budget
	keys     []rootzone.Key // that are held
	sets     []*Keys        // of DNSKEY, trusted
	standing []standing     // of each RRset of the response
	expanded []expansion    // what was made of wildcards
	why      [wrong + 1]string
}

// standing is what is known of an RRset.
type standing uint8

const (
	outside standing = iota // not of the zone, or of Additional: it is not looked at
	proven                  // authentic
	open                    // nothing is known
	bare                    // below the apex and without a signature by the zone: it may be of a zone below
	wrong                   // not authentic
)

// note keeps the first reason for a standing.
func (v *verifier) note(as standing, format string, args ...any) standing {
	if v.why[as] == "" {
		v.why[as] = fmt.Sprintf(format, args...)
	}
	return as
}

func (v *verifier) judge() (measurement.Security, string) {
	v.standing = make([]standing, len(v.e.sets))
	for i := range v.e.sets {
		v.standing[i] = v.stand(&v.e.sets[i])
	}
	v.synthesized()
	denied := v.denied()
	switch {
	case v.any(wrong) || denied == wrong:
		return measurement.SecurityBogus, v.why[wrong]
	case v.any(open) || denied == open:
		return measurement.SecurityUnchecked, v.why[open]
	case v.any(bare) || denied == bare:
		return measurement.SecurityUnchecked, v.why[bare]
	case v.doubtful:
		return measurement.SecurityUnchecked, "the clock of the vantage point may be wrong"
	case !v.any(proven):
		return measurement.SecurityUnchecked, "nothing in it is of the zone"
	}
	return measurement.SecuritySecure, ""
}

func (v *verifier) any(s standing) bool { return slices.Contains(v.standing, s) }

func (v *verifier) apex(name []byte) bool { return bytes.Equal(name, v.zone.name) }

// within says whether a name is the zone's or lies below it.
func (v *verifier) within(name []byte) bool { return v.apex(name) || below(name, v.zone.name) }

// stand judges an RRset by itself.
func (v *verifier) stand(s *rrset) standing {
	if s.section == additional || !v.within(s.owner) {
		return outside
	}
	if s.class != dns.ClassINET {
		return v.note(open, "%s is of class %s", s, dns.Class(s.class))
	}
	if v.apex(s.owner) && s.typ == dns.TypeDS {
		return v.note(open, "%s is of the zone above", s)
	}
	if len(v.usable(s)) == 0 {
		return v.unsigned(s)
	}
	worth, sig := v.best(s, v.keys)
	if v.apex(s.owner) && s.typ == dns.TypeDNSKEY {
		worth, sig = v.bestOfKeys(s)
	}
	by := fmt.Sprintf("signature of %s by key %d", s, sig.Tag())
	switch worth {
	case rootzone.Good:
		if sig.Labels() < labelsSigned(s.owner) {
			v.expanded = append(v.expanded, expansion{s, sig.Labels()})
		}
		return proven
	case rootzone.Early:
		return v.note(open, "%s: begins after the query", by)
	case rootzone.Expired:
		end := timeNear(sig.Expiration(), v.at)
		if v.doubtful {
			return v.note(open, "%s: expired, by a clock that may be wrong", by)
		}
		if v.at.Sub(end) <= clocksDiffer {
			return v.note(open, "%s: expired %s before the query, less than clocks may differ", by, v.at.Sub(end).Round(time.Second))
		}
		return v.note(wrong, "%s: expired %s, before the query", by, end.Format(time.RFC3339))
	case rootzone.Broken:
		return v.note(wrong, "%s: does not verify", by)
	case rootzone.Unknown, untried:
		return v.note(open, "%s: of an algorithm or a key that cannot be verified by here, or one of too many", by)
	}
	return v.note(open, "%s: that key is not held", by)
}

// unsigned judges an RRset that carries no signature by the zone.
func (v *verifier) unsigned(s *rrset) standing {
	if v.apex(s.owner) {
		if v.referred() {
			return v.note(open, "a referral to the zone, as by one above it")
		}
		return v.note(wrong, "%s in %s has no signature by the zone", s, s.section)
	}
	if s.section == answer && s.typ == v.e.QType && bytes.Equal(s.owner, v.e.QName) && v.e.get(authority, v.zone.name, dns.TypeNS) != nil {
		return v.note(wrong, "%s has no signature, and the response says that it is of the zone", s)
	}
	return v.note(bare, "%s in %s has no signature by the zone: it may be of a zone below", s, s.section)
}

// referred says whether the response refers to the zone itself: whoever says so does not have the
// zone, and signs nothing of it.
func (v *verifier) referred() bool {
	return v.e.Flags&dnsmsg.FlagAA == 0 && v.e.RCode == dns.RcodeSuccess && v.e.empty(answer) &&
		v.e.get(authority, v.zone.name, dns.TypeNS) != nil && v.e.get(authority, v.zone.name, dns.TypeSOA) == nil
}

// usable are the signatures over an RRset that may count: by the zone, over a name of as
// many labels or a wildcard of the zone.
func (v *verifier) usable(s *rrset) []rootzone.Signature {
	var all []rootzone.Signature
	for _, data := range s.sigs {
		sig := rootzone.Signature(data)
		if bytes.Equal(sig.SignerName(), v.zone.name) && sig.Labels() <= labelsSigned(s.owner) && sig.Labels() >= countLabels(v.zone.name) {
			all = append(all, sig)
		}
	}
	return all
}

// labelsSigned is how many labels a signature counts of a name that was not made of a
// wildcard (RFC 4034 section 3.1.3).
func labelsSigned(owner []byte) int {
	n := countLabels(owner)
	if bytes.HasPrefix(owner, []byte("\x01*")) {
		n--
	}
	return n
}

// best is what the best of the signatures over an RRset is worth.
func (v *verifier) best(s *rrset, keys []rootzone.Key) (best rootzone.Worth, about rootzone.Signature) {
	first := untried
	for _, sig := range v.usable(s) {
		worth := v.worth(s, sig, keys)
		rank := worth
		if worth == rootzone.Unknown || worth == untried {
			rank = rootzone.StrangeKey // nothing is known of it: it may be genuine
		}
		if about == nil || leads(rank, first) {
			first, best, about = rank, worth, sig
		}
	}
	return best, about
}

// worth judges one signature: what does not verify is broken, whatever its times.
func (v *verifier) worth(s *rrset, sig rootzone.Signature, keys []rootzone.Key) rootzone.Worth {
	candidates := sig.Candidates(keys)
	if len(candidates) == 0 {
		return rootzone.StrangeKey // which costs nothing
	}
	// Keys may share a tag by chance or on purpose (RFC 4034 appendix B): each that is tried costs.
	for range candidates {
		if !v.budget.take() {
			return untried
		}
	}
	if worth := s.set().Verify(sig, candidates); worth != rootzone.Good {
		return worth
	}
	return sig.When(v.at)
}

// bestOfKeys is best for the zone's own keys: those count that a trust anchor is of and, in a
// set that equals a trusted one, all.
func (v *verifier) bestOfKeys(s *rrset) (rootzone.Worth, rootzone.Signature) {
	rdatas := inOrderOnce(slices.Clone(s.rdatas))
	own := keysOf(s.owner, rdatas)
	if own == nil {
		return untried, v.usable(s)[0]
	}
	worth, sig := v.best(s, v.zone.anchored(own.keys, v.at))
	same := func(k *Keys) bool { return slices.EqualFunc(k.rdatas, rdatas, bytes.Equal) }
	if worth != rootzone.Good && slices.ContainsFunc(v.sets, same) {
		if w, by := v.best(s, own.keys); w == rootzone.Good {
			return w, by
		}
	}
	return worth, sig
}
