package correctness

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/dnsmsg"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
)

// Weight is what a response that no candidate explains shows by itself: whether it
// is wrong whatever zone it may be of, and what it proves about zones and clocks
// that the archive knows nothing of.
type Weight struct {
	// Broken is what is wrong whatever zone the response is of: it breaks every rule
	// block that question and rcode admit, or a signature that it needs is by a key
	// that is held and does not verify. None: everything in it may be genuine.
	Broken []Finding

	// Expired is a signature that the response needs, by a key that is held, which was
	// valid no more at the time of the query. It accuses as Broken does, on grounds of
	// time.
	Expired []Finding

	// Early says that a signature that it needs holds but for beginning after the
	// query: the clock of whoever asked was wrong.
	Early bool

	// Unseen are signatures that hold and that no zone at hand has: they are of a zone
	// that the archive lacks, or of one that is long out of use.
	Unseen []Unseen

	// SOA is the zone that the response is of by a SOA record whose signature holds by a
	// key that is held; nil where there is none.
	SOA *Authentic
}

// Unseen is a good signature of a response.
type Unseen struct {
	Owner []byte // in wire form and lower case
	Type  uint16
	Data  []byte // of the RRSIG record, canonical

	Inception, Expiration time.Time
}

// Authentic is a serial that a signature proves.
type Authentic struct {
	Serial   uint32
	SignedAt time.Time
}

// Weigh looks at a response that no candidate explains. It verifies by the keys
// that are held, whatever zone they are of.
func (j Judge) Weigh(q Question, wire []byte) Weight {
	e := evaluations.Get().(*evaluation)
	defer evaluations.Put(e)
	switch r := e.screen(q, wire); {
	case r == nil:
	case r.Verdict == measurement.Incorrect: // no message, or no response to the question
		return Weight{Broken: r.Failures}
	default: // it is not judged at all
		return Weight{}
	}
	e.at, e.candidates, e.tried = q.At, j.Zones, 0
	e.group()
	w := Weight{Broken: e.whatever()}
	for i := range e.sets {
		e.weigh(&w, &e.sets[i], j)
	}
	return w
}

// Covered judges as Judge does by zones that are taken to be all that the response
// may be of, as mtric check takes those it is given. A mismatch accuses, unless it is
// of the time: a signature begins after the query, so that the clock of whoever asked
// was wrong; or of what nothing proves: delegations and glue of a zone without a
// verified digest, which vouched says by its serial.
func (j Judge) Covered(q Question, wire []byte, vouched func(serial uint32) bool) Result {
	r := j.Judge(q, wire)
	if r.Verdict != measurement.Incorrect {
		return r
	}
	w := j.Weigh(q, wire)
	if len(w.Broken) > 0 {
		return r
	}
	if w.Early {
		return unchecked("hold", "clock")
	}
	for _, serial := range r.Unsigned {
		if !vouched(serial) {
			return unchecked("hold", "%s", Unvouched(serial))
		}
	}
	return r
}

// Unvouched says why a zone accuses nobody by its delegations and glue.
func Unvouched(serial uint32) string {
	return fmt.Sprintf("zone %d has no digest (ZONEMD) that is verified, and one source only", serial)
}

// whatever finds what breaks every rule block that question and rcode admit,
// whatever the zone: of several blocks that of the fewest findings is told.
func (e *evaluation) whatever() []Finding {
	var least []Finding
	for i, block := range e.blocks() {
		e.zone, e.failures, e.notes = nil, nil, nil
		for i := range e.sets {
			s := &e.sets[i]
			s.zone, s.identical, s.matches, s.told = nil, false, false, false
		}
		block()
		e.unsigned()
		if len(e.failures) == 0 {
			return nil
		}
		if i == 0 || len(e.failures) < len(least) {
			least = e.failures
		}
	}
	return least
}

// blocks are those that may be for the response, as rules chooses once the zone is
// known.
func (e *evaluation) blocks() []func() {
	labels := countLabels(e.QName)
	switch {
	case e.RCode == dns.RcodeNameError:
		return []func(){e.negative}
	case labels == 0 && e.QType == dns.TypeSOA:
		return []func(){e.rootSOA}
	case labels == 0 && e.QType == dns.TypeNS:
		return []func(){e.rootNS}
	case labels == 0 && e.QType == dns.TypeDNSKEY:
		return []func(){e.rootDNSKEY}
	case labels == 1 && e.QType == dns.TypeNS:
		return []func(){func() { e.referral(); e.withDS() }, func() { e.referral(); e.withoutDS() }}
	case labels == 1 && e.QType == dns.TypeDS:
		return []func(){e.tldDS, e.noDS}
	case e.refers():
		return nil // a name below a top-level domain that the archive may lack
	}
	return []func(){e.outside}
}

// refers says whether the response is a referral to the top-level domain of the
// question's name.
func (e *evaluation) refers() bool {
	var at [128]uint8
	n := labels(e.QName, &at)
	return n > 0 && e.Flags&dnsmsg.FlagAA == 0 && e.empty(answer) && e.get(authority, e.QName[at[n-1]:], dns.TypeNS) != nil
}

// unsigned tells what no zone can have: what the root signs without any signature
// by the root over that name, and records of another class.
func (e *evaluation) unsigned() {
	for i := range e.sets {
		s := &e.sets[i]
		if s.class != dns.ClassINET {
			e.fail("vnk", "%s", e.difference(s))
		} else if rootzone.Signs(s.owner, s.typ) && !s.told && len(usable(s)) == 0 {
			e.fail("yds", "%s in %s has no signature by the root%s", s, s.section, e.stripped())
		}
	}
}

// usable are the signatures over an RRset that may count: by the root and over a
// name of as many labels.
func usable(s *rrset) []rootzone.Signature {
	var all []rootzone.Signature
	for _, data := range s.sigs {
		if sig := rootzone.Signature(data); sig.ByRoot() && sig.Labels() == countLabels(s.owner) {
			all = append(all, sig)
		}
	}
	return all
}

// weigh looks at the signatures over an RRset by the keys that are held.
func (e *evaluation) weigh(w *Weight, s *rrset, j Judge) {
	sigs := usable(s)
	if s.class != dns.ClassINET || len(sigs) == 0 || !rootzone.Signs(s.owner, s.typ) {
		return
	}
	best := untried
	var about rootzone.Signature
	for _, sig := range sigs {
		worth := e.held(s, sig, j.Keys)
		switch worth {
		case rootzone.Good:
			e.proves(w, s, sig, j)
		case rootzone.StrangeKey, rootzone.Unknown, untried:
			worth = rootzone.StrangeKey // nothing is known of it: it may be genuine
		}
		if about == nil || leads(worth, best) {
			best, about = worth, sig
		}
	}
	switch best {
	case rootzone.Early:
		w.Early = true
	case rootzone.Expired:
		w.Expired = append(w.Expired, Finding{"yds", e.reason(s, best, about)})
	case rootzone.Broken:
		w.Broken = append(w.Broken, Finding{"yds", e.reason(s, best, about)})
	}
}

// leads says whether of two signatures over an RRset the first is to be told: what
// holds, then what may be genuine, what will hold, what did and what never does.
func leads(worth, than rootzone.Worth) bool {
	order := func(w rootzone.Worth) int {
		switch w {
		case rootzone.Good:
			return 0
		case rootzone.StrangeKey:
			return 1
		case rootzone.Early:
			return 2
		case rootzone.Expired:
			return 3
		}
		return 4
	}
	return order(worth) < order(than)
}

// held judges a signature by the keys that are held: what does not verify is broken,
// whatever its times.
func (e *evaluation) held(s *rrset, sig rootzone.Signature, keys []rootzone.Key) rootzone.Worth {
	if e.tried++; e.tried > maxTried {
		return untried
	}
	if worth := s.set().Verify(sig, keys); worth != rootzone.Good {
		return worth
	}
	return sig.Screen(s.owner, e.at)
}

// proves notes what a good signature says of zones.
func (e *evaluation) proves(w *Weight, s *rrset, sig rootzone.Signature, j Judge) {
	inception := timeNear(sig.Inception(), e.at)
	if soa := len(s.owner) == 1 && s.typ == dns.TypeSOA && len(s.rdatas) == 1; soa && (w.SOA == nil || inception.After(w.SOA.SignedAt)) {
		w.SOA = &Authentic{serialOf(s.rdatas[0]), inception}
	}
	for _, zones := range [][]*Zone{j.Zones, j.Others} {
		for _, z := range zones {
			if z.Has(s.owner, s.typ, sig) {
				return
			}
		}
	}
	w.Unseen = append(w.Unseen, Unseen{append([]byte{}, s.owner...), s.typ, append([]byte{}, sig...), inception, timeNear(sig.Expiration(), e.at)})
}

// KeysOf are the keys in a response's own DNSKEY RRset of the root; nil where it has
// none.
func KeysOf(wire []byte) []rootzone.Key {
	var m dnsmsg.Message
	if m.Parse(wire) != nil {
		return nil
	}
	var keys []rootzone.Key
	for _, r := range m.Records {
		if r.Section != answer || r.Type != dns.TypeDNSKEY || len(r.Owner) != 1 {
			continue
		}
		rr, err := rootzone.LibraryRR(r.Owner, r.Type, r.Class, r.RData)
		if k, ok := rr.(*dns.DNSKEY); ok && err == nil {
			keys = append(keys, rootzone.NewKey(k))
		}
	}
	return keys
}

// SignaturesOf are the signatures of a response that claim to be the root's, each once.
func SignaturesOf(wire []byte) (all []rootzone.Signature) {
	var m dnsmsg.Message
	if m.Parse(wire) != nil {
		return nil
	}
	for _, r := range m.Records {
		sig := rootzone.Signature(r.RData)
		if r.Type != dns.TypeRRSIG || !sig.Whole() || !sig.ByRoot() ||
			slices.ContainsFunc(all, func(had rootzone.Signature) bool { return bytes.Equal(had, sig) }) {
			continue
		}
		all = append(all, sig)
	}
	return all
}
