package correctness

import (
	"fmt"
	"time"

	"mtric.net/mtric/engine/rootzone"
)

// maxTried bounds how many signatures of a response are verified by one zone: each
// costs a public key operation, and whoever answers chooses how many there are. A
// good answer has three, some more while keys roll.
const maxTried = 16

// untried is a signature of which nothing is known, one of too many.
const untried = rootzone.Broken + 1

// signed verifies the signatures over an RRset of the response at the time of
// the query [yds]: one good one suffices (reading A18). The second result is the
// signature that the first is about.
func (e *evaluation) signed(s *rrset) (rootzone.Worth, rootzone.Signature) {
	best, about := untried, rootzone.Signature(s.sigs[0])
	bad := false
	for i, sig := range s.sigs {
		worth := e.prove(s, sig)
		if worth != rootzone.Good {
			bad = true
		}
		if i == 0 || worth < best {
			best, about = worth, sig
		}
	}
	if best == rootzone.Good && bad {
		e.note("yds", "%s: of %d signatures one or more do not hold; one that does is enough", s, len(s.sigs))
	}
	return best, about
}

// prove judges one signature by the zone's keys.
func (e *evaluation) prove(s *rrset, sig rootzone.Signature) rootzone.Worth {
	if worth := sig.Screen(s.owner, e.at); worth != rootzone.Good {
		return worth
	}
	if !sig.By(e.zone.keys) {
		return rootzone.StrangeKey // which costs nothing
	}
	// Remembered ones count too, so that remembering changes no verdict.
	if e.tried++; e.tried > maxTried {
		return untried
	}
	if s.identical && !e.forget && e.zone.provenBy(s, sig) {
		return rootzone.Good
	}
	worth := s.set().Verify(sig, e.zone.keys)
	if worth == rootzone.Good && s.identical && !e.forget {
		s.zone.remember(sig)
	}
	return worth
}

// set is the RRset as signatures are verified over it.
func (s *rrset) set() rootzone.Set {
	return rootzone.Set{Owner: s.owner, Type: s.typ, Class: s.class, RDatas: s.rdatas}
}

// explain says for people why a signature over an RRset does not count.
func (e *evaluation) explain(s *rrset, worth rootzone.Worth, sig rootzone.Signature) string {
	told := e.reason(s, worth, sig)
	if worth != rootzone.Unknown && e.zone.nearSignature(s.owner, s.typ, sig) {
		told += fmt.Sprintf("; it is one bit different from the signature in zone %d", e.zone.serial)
	}
	return told
}

func (e *evaluation) reason(s *rrset, worth rootzone.Worth, sig rootzone.Signature) string {
	by := fmt.Sprintf("signature of %s by key %d", s, sig.Tag())
	queried := e.at.UTC().Format(time.RFC3339)
	switch worth {
	case rootzone.Unknown:
		return fmt.Sprintf("%s: algorithm %d is not known here", by, sig.Algorithm())
	case rootzone.OtherSigner:
		return fmt.Sprintf("%s: the signer is %s, want .", by, sig.Signer())
	case rootzone.OtherLabels:
		return fmt.Sprintf("%s: is of a name with %d labels, want %d", by, sig.Labels(), countLabels(s.owner))
	case rootzone.Early:
		return fmt.Sprintf("%s: begins %s, after the query at %s", by, e.sigTime(sig.Inception()), queried)
	case rootzone.Expired:
		return fmt.Sprintf("%s: expired %s, before the query at %s", by, e.sigTime(sig.Expiration()), queried)
	case rootzone.StrangeKey:
		return fmt.Sprintf("%s (algorithm %d): no such key in zone %d", by, sig.Algorithm(), e.zone.serial)
	case untried:
		return fmt.Sprintf("%s: more than %d signatures to verify, the others were not tried", by, maxTried)
	}
	return by + ": does not verify"
}

// sigTime is a time of a signature, of the 2^32 seconds around the query.
func (e *evaluation) sigTime(field uint32) string {
	return timeNear(field, e.at).Format(time.RFC3339)
}

// timeNear is the time within 68 years of another that a field of a signature means
// (RFC 4034 section 3.1.5).
func timeNear(field uint32, near time.Time) time.Time {
	now := near.Unix()
	return time.Unix(now+int64(int32(field-uint32(now))), 0).UTC()
}
