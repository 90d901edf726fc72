package rootzone

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"
)

// ErrBogus says that a zone does not prove to be the root zone; why is joined
// to it.
var ErrBogus = errors.New("does not validate")

// ErrAnchor says that a zone is not of the anchors' keys; ErrBogus comes with it.
var ErrAnchor = errors.New("no key of an anchor that is believed then")

// Anchor is a trust anchor of the root: a DS record of its key signing key,
// believed in [From, Until), nil is open.
type Anchor struct {
	DS    string // "20326 8 2 E06D…", as a plan has it
	From  *time.Time
	Until *time.Time
}

// SignedAt is the latest inception among the signatures over the SOA record that
// verify: the time at which an archived zone is validated, whatever the wall clock
// says.
func (z *Zone) SignedAt() (time.Time, error) {
	if z.records == nil {
		return time.Time{}, errNotWhole
	}
	at, err := signedAt(apexOf(z).records)
	if err != nil {
		return time.Time{}, fmt.Errorf("zone %d: %w", z.Serial, err)
	}
	return at, nil
}

// signedAt is that of the records of an apex.
func signedAt(records []dns.RR) (time.Time, error) {
	v, err := newValidation(records)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", ErrBogus, err)
	}
	var latest *uint32
	for _, sig := range v.holding(setKey{root, dns.TypeSOA}, v.keys) {
		if at := sig.Inception(); latest == nil || int32(at-*latest) > 0 {
			latest = &at
		}
	}
	if latest == nil {
		return time.Time{}, fmt.Errorf("%w: no signature over SOA verifies", ErrBogus)
	}
	return time.Unix(int64(*latest), 0).UTC(), nil
}

// Validate proves a zone at a time: its DNSKEY RRset is signed by a key of an
// anchor that is believed then, of whatever the root signs (the apex, DS, NSEC) each
// RRset has a signature that holds, the types are there that the signed NSEC
// records list, and one ZONEMD record of a known kind matches where there is any.
// Signatures beside the one that holds refuse nothing, by whatever key: they are
// told in z.Notes, and so is a zone without a digest that is known. The zone must
// come from ReadWhole. The error is ErrBogus with every reason up to ten.
func (z *Zone) Validate(anchors []Anchor, at time.Time) error {
	if z.records == nil {
		return errNotWhole
	}
	z.Notes = nil
	v, err := newValidation(z.records)
	if err == nil {
		v.at = at
		err = v.trust(anchors)
	}
	if err == nil {
		verified, note, bad := z.checkZONEMD()
		z.vouched = &verified
		if note != "" {
			v.notes = append(v.notes, note)
		}
		err = errors.Join(v.signatures(), v.bitmaps(), bad)
	}
	if err != nil {
		return fmt.Errorf("zone %d at %s: %w: %w", z.Serial, at.UTC().Format(time.RFC3339), ErrBogus, err)
	}
	z.Notes = v.told()
	return nil
}

// root is the apex in wire form.
const root = "\x00"

// setKey names an RRset: the owner in wire form and lower case.
type setKey struct {
	owner  string
	rrtype uint16
}

// String names the RRset, "us./DS".
func (k setKey) String() string { return nameText(k.owner) + "/" + dns.Type(k.rrtype).String() }

// validation is a zone by RRset, each with its signatures.
type validation struct {
	at   time.Time
	data map[setKey][][]byte
	sigs map[setKey][]Signature
	nsec map[string]*dns.NSEC // by owner
	keys []Key                // that may sign

	revoked map[uint16]uint16 // tags of keys with REVOKE, and what they were without
	notes   []string
}

func newValidation(records []dns.RR) (*validation, error) {
	v := &validation{data: map[setKey][][]byte{}, sigs: map[setKey][]Signature{}, nsec: map[string]*dns.NSEC{}, revoked: map[uint16]uint16{}}
	for _, rr := range records {
		w, err := canonical(rr)
		if err != nil {
			return nil, err
		}
		owner, rdata := string(w.owner()), w.rdata()
		if sig := Signature(rdata); w.typ() == dns.TypeRRSIG {
			if !sig.Whole() {
				return nil, fmt.Errorf("%s: a signature that is cut off", setKey{owner, dns.TypeRRSIG})
			}
			k := setKey{owner, sig.Covered()}
			v.sigs[k] = append(v.sigs[k], sig)
			continue
		}
		k := setKey{owner, w.typ()}
		if slices.ContainsFunc(v.data[k], func(had []byte) bool { return string(had) == string(rdata) }) {
			continue
		}
		v.data[k] = append(v.data[k], rdata)
		switch rr := rr.(type) {
		case *dns.DNSKEY:
			if owner == root && SigningKey(rr) {
				v.keys = append(v.keys, NewKey(rr))
			} else if owner == root && rr.Flags&dns.REVOKE != 0 {
				v.revoked[rr.KeyTag()] = unrevoked(rr).KeyTag()
			}
		case *dns.NSEC:
			v.nsec[owner] = rr
		}
	}
	return v, nil
}

func (v *validation) set(k setKey) Set {
	return Set{Owner: []byte(k.owner), Type: k.rrtype, Class: dns.ClassINET, RDatas: v.data[k]}
}

// holding are the signatures over an RRset of the apex that hold by one of the keys,
// whatever the time.
func (v *validation) holding(k setKey, keys []Key) []Signature {
	return slices.DeleteFunc(slices.Clone(v.sigs[k]), func(sig Signature) bool {
		return !sig.ByRoot() || sig.Labels() != 0 || v.set(k).Verify(sig, keys) != Good
	})
}

// trust asks that a key which an anchor names has signed the zone's keys. Signatures
// by revoked keys beside it are normal (RFC 5011 section 2.1).
func (v *validation) trust(anchors []Anchor) error {
	k := setKey{root, dns.TypeDNSKEY}
	var anchored []Key
	for _, key := range v.keys {
		for _, a := range anchors {
			named, err := a.names(key.RR, v.at)
			if err != nil {
				return err
			}
			if named {
				anchored = append(anchored, key)
			}
		}
	}
	if len(anchored) == 0 {
		return fmt.Errorf("%s: %w", k, ErrAnchor)
	}
	reason := errors.New("not signed by the key of an anchor")
	for _, sig := range v.sigs[k] {
		worth := v.set(k).Prove(sig, anchored, v.at)
		if worth == Good {
			return nil
		}
		if sig.By(anchored) {
			reason = fmt.Errorf("not signed by the key of an anchor: %s", v.explain(sig, worth))
		}
	}
	return fmt.Errorf("%s: %w", k, reason)
}

// names says whether the anchor, believed at that time, is this key's.
func (a Anchor) names(key *dns.DNSKEY, at time.Time) (bool, error) {
	rr, err := dns.NewRR(". IN DS " + a.DS)
	ds, ok := rr.(*dns.DS)
	if err != nil || !ok {
		return false, fmt.Errorf("anchor %q: no DS record: %w", a.DS, err)
	}
	if !a.Believed(at) || ds.KeyTag != key.KeyTag() || ds.Algorithm != key.Algorithm {
		return false, nil
	}
	made := key.ToDS(ds.DigestType)
	return made != nil && strings.EqualFold(made.Digest, ds.Digest), nil
}

// maxReasons bounds what is told of a zone, that it is refused for or that is noted.
const maxReasons = 10

// signatures asks that each RRset which the root signs has a signature that holds,
// on all cores; what else there is of signatures is noted.
func (v *validation) signatures() error {
	var mu sync.Mutex
	var reasons []error
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for k := range v.data {
		if Signs([]byte(k.owner), k.rrtype) {
			g.Go(func() error {
				noted, why := v.authentic(k)
				mu.Lock()
				defer mu.Unlock()
				if why != nil {
					reasons = append(reasons, why)
				}
				if noted != "" {
					v.notes = append(v.notes, noted)
				}
				return nil
			})
		}
	}
	_ = g.Wait() // what went wrong is among the reasons
	for k, sigs := range v.sigs {
		if len(v.data[k]) == 0 || !Signs([]byte(k.owner), k.rrtype) {
			v.notes = append(v.notes, fmt.Sprintf("%s: %d signatures over what the root does not sign", k, len(sigs)))
		}
	}
	return firstOf(reasons)
}

// firstOf joins the first reasons in order.
func firstOf(reasons []error) error {
	slices.SortFunc(reasons, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(reasons[:min(len(reasons), maxReasons)]...)
}

// authentic says why an RRset is not authentic, or what is odd where it is.
func (v *validation) authentic(k setKey) (note string, why error) {
	if len(v.sigs[k]) == 0 {
		return "", fmt.Errorf("%s: no signature", k)
	}
	set := v.set(k)
	var bad []string
	for _, sig := range v.sigs[k] {
		if worth := set.Prove(sig, v.keys, v.at); worth != Good {
			bad = append(bad, v.explain(sig, worth))
		}
	}
	switch n := len(v.sigs[k]); {
	case len(bad) == n:
		return "", fmt.Errorf("%s: %s", k, strings.Join(bad[:min(len(bad), 3)], "; "))
	case len(bad) > 0:
		return fmt.Sprintf("%s: %d of %d signatures count for nothing: %s", k, len(bad), n, strings.Join(bad[:min(len(bad), 3)], "; ")), nil
	}
	return "", nil
}

// explain says for people why a signature does not count.
func (v *validation) explain(sig Signature, worth Worth) string {
	switch worth {
	case Unknown:
		if KnownAlgorithm(sig.Algorithm()) {
			return fmt.Sprintf("signed by key %d, which this version of mtric cannot verify by", sig.Tag())
		}
		return fmt.Sprintf("algorithm %d is not known to this version of mtric", sig.Algorithm())
	case OtherSigner:
		return "signed by " + sig.Signer()
	case OtherLabels:
		return fmt.Sprintf("the signature is of a name with %d labels", sig.Labels())
	case Early, Expired:
		return fmt.Sprintf("the signature is valid from %s to %s only", dns.TimeToString(sig.Inception()), dns.TimeToString(sig.Expiration()))
	case StrangeKey:
		if before, is := v.revoked[sig.Tag()]; is {
			return fmt.Sprintf("signed by key %d, which is revoked (%d before that)", sig.Tag(), before)
		}
		return fmt.Sprintf("signed by key %d, which is not among those that may sign the zone", sig.Tag())
	}
	return fmt.Sprintf("the signature by key %d does not verify", sig.Tag())
}

// told is what was noted, in order, no more than anybody reads.
func (v *validation) told() []string {
	slices.Sort(v.notes)
	if more := len(v.notes) - maxReasons; more > 0 {
		v.notes = append(v.notes[:maxReasons], fmt.Sprintf("and %d more", more))
	}
	return v.notes
}

// bitmaps compares the types at each name with those of its NSEC record, which is
// signed: else DS or ZONEMD could be taken out together with their signatures
// (RFC 8976 section 4, step 2). Glue is in no bitmap (RFC 4035 section 2.3).
func (v *validation) bitmaps() error {
	if v.nsec[root] == nil {
		return errors.New("./NSEC: missing; without the chain nothing says what was taken out")
	}
	var all []error
	for k := range v.data {
		nsec := v.nsec[k.owner]
		if k.rrtype != dns.TypeNSEC {
			if nsec != nil && (Signs([]byte(k.owner), k.rrtype) || k.rrtype == dns.TypeNS) && !slices.Contains(nsec.TypeBitMap, k.rrtype) {
				all = append(all, fmt.Errorf("%s: not in the NSEC record", k))
			}
			continue
		}
		for _, t := range nsec.TypeBitMap {
			if is := (setKey{k.owner, t}); t != dns.TypeRRSIG && len(v.data[is]) == 0 {
				all = append(all, fmt.Errorf("%s: missing, though the NSEC record lists it", is))
			}
		}
	}
	return firstOf(all)
}
