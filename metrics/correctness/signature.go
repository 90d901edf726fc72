package correctness

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/rootzone"
)

// Where the fields of RRSIG data begin (RFC 4034 section 3.1).
const (
	sigCovered    = 0
	sigAlgorithm  = 2
	sigLabels     = 3
	sigExpiration = 8
	sigInception  = 12
	sigTag        = 16
	sigSigner     = 18
)

// maxTried bounds how many signatures of a response are verified by one zone: each costs a public key operation, and whoever answers chooses how many there
// are. A good answer has three, some more while keys roll.
const maxTried = 16

// proof is what a signature is worth at a time.
type proof uint8

const (
	good       proof = iota
	unknown          // of a key of the zone, by an algorithm that is not known here
	badSigner        // not by the root
	badLabels        // of another name or a wildcard's
	early            // not valid yet
	expired          // valid no more
	strangeKey       // of no key of the zone
	unanchored       // over DNSKEY, and no anchor vouches for the key
	broken           // does not verify
	untried          // one of too many
)

// signed verifies the signatures over an RRset of the response at the time of
// the query [yds]: one good one suffices (reading A18). The second result is the
// signature that the proof is about.
func (e *evaluation) signed(s *rrset) (proof, []byte) {
	best, about := broken, s.sigs[0]
	bad := false
	for i, sig := range s.sigs {
		p := e.prove(s, sig)
		if p != good {
			bad = true
		}
		if i == 0 || p < best {
			best, about = p, sig
		}
	}
	if best == good && bad {
		e.note("yds", "%s: of %d signatures one or more do not hold; one that does is enough", s, len(s.sigs))
	}
	return best, about
}

// prove judges one signature.
func (e *evaluation) prove(s *rrset, sig []byte) proof {
	signer := sig[sigSigner:]
	if signer[0] != 0 {
		return badSigner
	}
	if int(sig[sigLabels]) != countLabels(s.owner) {
		return badLabels
	}
	// Serial arithmetic, so that the clock may pass 2106 (RFC 4034 section 3.1.5).
	now := uint32(e.at.Unix())
	if int32(now-binary.BigEndian.Uint32(sig[sigInception:])) < 0 {
		return early
	}
	if int32(binary.BigEndian.Uint32(sig[sigExpiration:])-now) < 0 {
		return expired
	}
	// Remembered ones count too, so that remembering changes no verdict.
	if e.tried++; e.tried > maxTried {
		return untried
	}
	if s.identical && !e.forget {
		if k, found := e.zone.provenBy(s, sig); found && (s.typ != dns.TypeDNSKEY || e.zone.keys[k].believed(e.at)) {
			return good
		}
	}
	return e.verify(s, sig)
}

// verify does the cryptography, with every key that has the tag.
func (e *evaluation) verify(s *rrset, sig []byte) proof {
	worth := strangeKey
	tag := binary.BigEndian.Uint16(sig[sigTag:])
	for i, k := range e.zone.keys {
		if k.tag != tag || k.rr.Algorithm != sig[sigAlgorithm] {
			continue
		}
		if !rootzone.KnownAlgorithm(k.rr.Algorithm) {
			return unknown
		}
		if s.verify(sig, k.rr) != nil {
			worth = max(worth, broken)
			continue
		}
		// The keys that sign the zone are believed with the zone; the RRset of keys
		// in an answer has to prove itself by an anchor.
		if s.typ == dns.TypeDNSKEY && !k.believed(e.at) {
			worth = max(worth, unanchored)
			continue
		}
		if s.identical && !e.forget {
			s.zone.remember(sig, i)
		}
		return good
	}
	return worth
}

// verify brings the records into the library's form and verifies one signature.
func (s *rrset) verify(sig []byte, k *dns.DNSKEY) error {
	rr, err := libraryRR(s.owner, dns.TypeRRSIG, s.class, s.ttl, sig)
	if err != nil {
		return err
	}
	rrsig, ok := rr.(*dns.RRSIG)
	if !ok {
		return errRData
	}
	records := make([]dns.RR, 0, len(s.rdatas))
	for _, d := range s.rdatas {
		rr, err := libraryRR(s.owner, s.typ, s.class, s.ttl, d)
		if err != nil {
			return err
		}
		records = append(records, rr)
	}
	return rrsig.Verify(k, records)
}

// libraryRR makes a record of the library from canonical parts.
func libraryRR(owner []byte, typ, class uint16, ttl uint32, rdata []byte) (dns.RR, error) {
	wire := append(make([]byte, 0, len(owner)+10+len(rdata)), owner...)
	wire = binary.BigEndian.AppendUint16(wire, typ)
	wire = binary.BigEndian.AppendUint16(wire, class)
	wire = binary.BigEndian.AppendUint32(wire, ttl)
	wire = binary.BigEndian.AppendUint16(wire, uint16(len(rdata)))
	wire = append(wire, rdata...)
	rr, n, err := dns.UnpackRR(wire, 0)
	if err == nil && n != len(wire) {
		err = errors.New("data left over")
	}
	if err != nil {
		return nil, fmt.Errorf("%s/%s: %w", text(owner), dns.Type(typ), err)
	}
	return rr, nil
}

// explain says for people why a signature over an RRset does not count.
func (e *evaluation) explain(s *rrset, p proof, sig []byte) string {
	told := e.reason(s, p, sig)
	if p != unknown && e.zone.nearSignature(s.owner, s.typ, sig) {
		told += fmt.Sprintf("; it is one bit different from the signature in zone %d", e.zone.serial)
	}
	return told
}

func (e *evaluation) reason(s *rrset, p proof, sig []byte) string {
	by := fmt.Sprintf("signature of %s by key %d", s, binary.BigEndian.Uint16(sig[sigTag:]))
	queried := e.at.UTC().Format(time.RFC3339)
	switch p {
	case unknown:
		return fmt.Sprintf("%s: algorithm %d is not known here", by, sig[sigAlgorithm])
	case badSigner:
		return fmt.Sprintf("%s: the signer is %s, want .", by, signerOf(sig))
	case badLabels:
		return fmt.Sprintf("%s: is of a name with %d labels, want %d", by, sig[sigLabels], countLabels(s.owner))
	case early:
		return fmt.Sprintf("%s: begins %s, after the query at %s", by, e.sigTime(sig[sigInception:]), queried)
	case expired:
		return fmt.Sprintf("%s: expired %s, before the query at %s", by, e.sigTime(sig[sigExpiration:]), queried)
	case strangeKey:
		return fmt.Sprintf("%s (algorithm %d): no such key in zone %d", by, sig[sigAlgorithm], e.zone.serial)
	case unanchored:
		return fmt.Sprintf("%s: no trust anchor is of that key at %s", by, queried)
	case untried:
		return fmt.Sprintf("%s: more than %d signatures to verify, the others were not tried", by, maxTried)
	}
	return by + ": does not verify"
}

// sigTime is a time of a signature, of the 2^32 seconds around the query.
func (e *evaluation) sigTime(field []byte) string {
	now := e.at.Unix()
	return time.Unix(now+int64(int32(binary.BigEndian.Uint32(field)-uint32(now))), 0).UTC().Format(time.RFC3339)
}

func signerOf(sig []byte) string {
	end := sigSigner
	for sig[end] != 0 {
		end += 1 + int(sig[end])
	}
	return text(sig[sigSigner : end+1])
}
