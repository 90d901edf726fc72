package rootzone

import (
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"
)

// ErrBogus says that a zone does not prove to be the root zone; why is joined
// to it.
var ErrBogus = errors.New("does not validate")

// ErrAnchor says that a zone is not of the anchors' keys; ErrBogus comes with it.
var ErrAnchor = errors.New("no key of an anchor that is believed then")

// errAlgorithm says that a signature cannot be verified here.
var errAlgorithm = errors.New("is not known to this version of mtric")

// KnownAlgorithm says which algorithms of signatures can be verified. One that is added
// was passed over in the zones archived before, and must not be believed there
// (correctness.Zone.Prove).
func KnownAlgorithm(a uint8) bool {
	switch a {
	case dns.RSASHA1, dns.RSASHA1NSEC3SHA1, dns.RSASHA256, dns.RSASHA512, dns.ECDSAP256SHA256, dns.ECDSAP384SHA384, dns.ED25519:
		return true
	}
	return false
}

// Anchor is a trust anchor of the root: a DS record of its key signing key,
// believed in [From, Until), nil is open.
type Anchor struct {
	DS    string // "20326 8 2 E06D…", as a plan has it
	From  *time.Time
	Until *time.Time
}

// ZONEMD's only scheme and the hash that is checked (RFC 8976, 5.2 and 5.3).
const (
	zonemdSimple = 1
	zonemdSHA384 = 1
)

// SignedAt is the inception of the signature over the SOA record: the time at
// which an archived zone is validated, whatever the wall clock says.
func (z *Zone) SignedAt() (time.Time, error) {
	if z.records == nil {
		return time.Time{}, errNotWhole
	}
	for _, rr := range z.records {
		if sig, ok := rr.(*dns.RRSIG); ok && sig.TypeCovered == dns.TypeSOA {
			return time.Unix(int64(sig.Inception), 0).UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("zone %d: %w: no signature over SOA", z.Serial, ErrBogus)
}

// Validate proves a zone at a time: its DNSKEY RRset is signed by a key of an
// anchor that is believed then, whatever the root signs (the apex, DS, NSEC) has
// a signature, every signature holds [yds] but those beside another by an algorithm
// that is not known here, the types are there that the signed
// NSEC records list, and the ZONEMD record matches where the zone has one of a
// kind we know. The zone must come from ReadWhole. The
// error is ErrBogus with every reason up to ten.
func (z *Zone) Validate(anchors []Anchor, at time.Time) error {
	if z.records == nil {
		return errNotWhole
	}
	v := newValidation(z.records, at)
	keys, err := v.trustedKeys(anchors)
	if err == nil {
		err = errors.Join(v.signatures(keys), v.bitmaps(), z.checkZONEMD())
	}
	if err != nil {
		return fmt.Errorf("zone %d at %s: %w: %w", z.Serial, at.UTC().Format(time.RFC3339), ErrBogus, err)
	}
	return nil
}

type setKey struct {
	owner  string
	rrtype uint16
}

// String names the RRset, "us./DS".
func (k setKey) String() string { return RRset{k.owner, dns.Type(k.rrtype).String()}.String() }

// validation is a zone by RRset, each with its signatures.
type validation struct {
	at   time.Time
	sets map[setKey][]dns.RR
	sigs map[setKey][]*dns.RRSIG
}

func newValidation(records []dns.RR, at time.Time) *validation {
	v := &validation{at: at, sets: map[setKey][]dns.RR{}, sigs: map[setKey][]*dns.RRSIG{}}
	for _, rr := range records {
		owner := dns.CanonicalName(rr.Header().Name)
		if sig, ok := rr.(*dns.RRSIG); ok {
			k := setKey{owner, sig.TypeCovered}
			v.sigs[k] = append(v.sigs[k], sig)
			continue
		}
		k := setKey{owner, rr.Header().Rrtype}
		if !slices.ContainsFunc(v.sets[k], func(known dns.RR) bool { return dns.IsDuplicate(known, rr) }) {
			v.sets[k] = append(v.sets[k], rr)
		}
	}
	return v
}

// trustedKeys are the zone's keys, once one that an anchor names has signed them.
func (v *validation) trustedKeys(anchors []Anchor) ([]*dns.DNSKEY, error) {
	k := setKey{".", dns.TypeDNSKEY}
	var keys, anchored []*dns.DNSKEY
	for _, rr := range v.sets[k] {
		key, ok := rr.(*dns.DNSKEY)
		if !ok || key.Flags&dns.ZONE == 0 || key.Flags&dns.REVOKE != 0 || key.Protocol != 3 {
			continue
		}
		keys = append(keys, key)
		for _, a := range anchors {
			named, err := a.names(key, v.at)
			if err != nil {
				return nil, err
			}
			if named {
				anchored = append(anchored, key)
			}
		}
	}
	if len(anchored) == 0 {
		return nil, fmt.Errorf("./DNSKEY: %w", ErrAnchor)
	}
	reason := errors.New("not signed by the key of an anchor")
	for _, sig := range v.sigs[k] {
		err := v.verify(sig, k, anchored)
		if err == nil {
			return keys, nil
		}
		switch {
		case errors.Is(err, errAlgorithm):
			reason = err
		case errors.Is(reason, errAlgorithm): // says more
		case slices.ContainsFunc(anchored, func(k *dns.DNSKEY) bool { return k.KeyTag() == sig.KeyTag }):
			reason = fmt.Errorf("not signed by the key of an anchor: %w", err)
		}
	}
	return nil, fmt.Errorf("./DNSKEY: %w", reason)
}

// names says whether the anchor, believed at that time, is this key's.
func (a Anchor) names(key *dns.DNSKEY, at time.Time) (bool, error) {
	rr, err := dns.NewRR(". IN DS " + a.DS)
	ds, ok := rr.(*dns.DS)
	if err != nil || !ok {
		return false, fmt.Errorf("anchor %q: no DS record: %w", a.DS, err)
	}
	if (a.From != nil && at.Before(*a.From)) || (a.Until != nil && !at.Before(*a.Until)) ||
		ds.KeyTag != key.KeyTag() || ds.Algorithm != key.Algorithm {
		return false, nil
	}
	made := key.ToDS(ds.DigestType)
	return made != nil && strings.EqualFold(made.Digest, ds.Digest), nil
}

// maxReasons bounds what is told of a zone that does not validate.
const maxReasons = 10

// signatures checks that what the root signs is signed and that every signature
// in the zone holds, on all cores.
func (v *validation) signatures(keys []*dns.DNSKEY) error {
	reasons := make(chan error, maxReasons)
	tell := func(err error) {
		select {
		case reasons <- err:
		default: // enough has been told
		}
	}
	for k := range v.sets {
		if signs(k) && len(v.sigs[k]) == 0 {
			tell(fmt.Errorf("%s: no signature", k))
		}
	}
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for k, sigs := range v.sigs {
		g.Go(func() error {
			// While the root changes its algorithm every RRset has a signature by
			// each; one that cannot be verified is passed over beside one that holds.
			var unknown error
			good := false
			for _, sig := range sigs {
				switch err := v.verify(sig, k, keys); {
				case err == nil:
					good = true
				case errors.Is(err, errAlgorithm):
					unknown = err
				default:
					tell(fmt.Errorf("%s: %w", k, err))
				}
			}
			if unknown != nil && !good {
				tell(fmt.Errorf("%s: %w", k, unknown))
			}
			return nil
		})
	}
	_ = g.Wait() // what went wrong is among the reasons
	close(reasons)
	var all []error
	for err := range reasons {
		all = append(all, err)
	}
	slices.SortFunc(all, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(all...)
}

// signs says what the root zone signs: all at the apex, DS and NSEC; neither the
// NS records of a delegation nor glue.
func signs(k setKey) bool {
	return k.owner == "." || k.rrtype == dns.TypeDS || k.rrtype == dns.TypeNSEC
}

// bitmaps compares the types at each name with those of its NSEC record, which is
// signed: else DS or ZONEMD could be taken out together with their signatures
// (RFC 8976, 4, step 2). Glue is in no bitmap (RFC 4035, 2.3).
func (v *validation) bitmaps() error {
	if len(v.sets[setKey{".", dns.TypeNSEC}]) == 0 {
		return errors.New("./NSEC: missing; without the chain nothing says what was taken out")
	}
	var all []error
	for k, set := range v.sets {
		if k.rrtype != dns.TypeNSEC {
			if nsec := v.sets[setKey{k.owner, dns.TypeNSEC}]; len(nsec) > 0 && (signs(k) || k.rrtype == dns.TypeNS) && !lists(nsec[0], k.rrtype) {
				all = append(all, fmt.Errorf("%s: not in the NSEC record", k))
			}
			continue
		}
		nsec, ok := set[0].(*dns.NSEC)
		if !ok {
			continue
		}
		for _, t := range nsec.TypeBitMap {
			if t != dns.TypeRRSIG && len(v.sets[setKey{k.owner, t}]) == 0 {
				all = append(all, fmt.Errorf("%s: missing, though the NSEC record lists it", setKey{k.owner, t}))
			}
		}
	}
	slices.SortFunc(all, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(all[:min(len(all), maxReasons)]...)
}

// lists says whether an NSEC record has the type.
func lists(rr dns.RR, t uint16) bool {
	nsec, ok := rr.(*dns.NSEC)
	return ok && slices.Contains(nsec.TypeBitMap, t)
}

// verify checks one signature with the keys it may be of.
func (v *validation) verify(sig *dns.RRSIG, k setKey, keys []*dns.DNSKEY) error {
	set := v.sets[k]
	switch {
	case len(set) == 0:
		return errors.New("a signature over nothing")
	case dns.CanonicalName(sig.SignerName) != ".":
		return fmt.Errorf("signed by %s", sig.SignerName)
	case int(sig.Labels) != dns.CountLabel(k.owner):
		return fmt.Errorf("the signature is of a name with %d labels", sig.Labels)
	case !sig.ValidityPeriod(v.at):
		return fmt.Errorf("the signature is valid from %s to %s only", dns.TimeToString(sig.Inception), dns.TimeToString(sig.Expiration))
	}
	err := fmt.Errorf("signed by key %d, which is not among the zone's", sig.KeyTag)
	for _, key := range keys { // two keys may share a tag
		if key.KeyTag() != sig.KeyTag || key.Algorithm != sig.Algorithm {
			continue
		}
		if !KnownAlgorithm(key.Algorithm) {
			return fmt.Errorf("algorithm %d %w", key.Algorithm, errAlgorithm)
		}
		if err = sig.Verify(key, set); err == nil {
			return nil
		}
	}
	return err
}

// checkZONEMD compares the zone's digest with its ZONEMD records. Schemes and
// hashes that are not known here, as the private one of 2023, are passed over.
func (z *Zone) checkZONEMD() error {
	var known []*dns.ZONEMD
	for _, rr := range z.records {
		md, ok := rr.(*dns.ZONEMD)
		if ok && md.Scheme == zonemdSimple && md.Hash == zonemdSHA384 {
			known = append(known, md)
		}
	}
	if len(known) == 0 {
		return nil
	}
	sum, err := z.Digest()
	if err != nil {
		return err
	}
	for _, md := range known {
		digest, err := hex.DecodeString(md.Digest)
		if err == nil && len(digest) == sha512.Size384 && md.Serial == z.Serial && [sha512.Size384]byte(digest) == sum {
			return nil
		}
	}
	return errors.New("./ZONEMD: the digest is not the zone's")
}
