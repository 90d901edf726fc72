package rootzone

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// Apex is what a zone says of its keys, and until when its signatures hold.
type Apex struct {
	Serial uint32
	Keys   []*dns.DNSKEY

	soa  []dns.RR
	sigs []*dns.RRSIG
}

// NewestApex reads the apex of the newest zone of a folder, as Newest finds it. The
// error wraps ErrNone where there is none.
func NewestApex(dir string) (*Apex, error) {
	serials, err := Serials(dir)
	if err != nil {
		return nil, err
	}
	none := fmt.Errorf("%w in %s", ErrNone, dir)
	for _, serial := range slices.Backward(serials) {
		zone, err := Open(filepath.Join(dir, FileName(serial)))
		if err == nil {
			return apexOf(zone), nil
		}
		none = fmt.Errorf("%w; %w", none, err)
	}
	return nil, none
}

func apexOf(z *Zone) *Apex {
	a := &Apex{Serial: z.Serial}
	for _, rr := range z.records {
		if rr.Header().Name != "." {
			continue
		}
		switch rr := rr.(type) {
		case *dns.DNSKEY:
			a.Keys = append(a.Keys, rr)
		case *dns.SOA:
			a.soa = append(a.soa, rr)
		case *dns.RRSIG:
			a.sigs = append(a.sigs, rr)
		}
	}
	return a
}

// SigningKeys lists the zone's key signing keys, as KeyDS writes them: those without
// REVOKE that no anchor, whatever its dates, is of, and those with REVOKE.
func (a *Apex) SigningKeys(anchors []Anchor) (unanchored, revoked []string) {
	for _, key := range a.Keys {
		ds, ok := KeyDS(key)
		switch {
		case !ok:
		case key.Flags&dns.REVOKE != 0:
			revoked = append(revoked, ds)
		case !Anchored(key, anchors):
			unanchored = append(unanchored, ds)
		}
	}
	return unanchored, revoked
}

// errUnsigned says that no signature counts.
var errUnsigned = errors.New("no signature over DNSKEY and SOA that counts")

// SignedUntil is when the signatures over DNSKEY and SOA end: of each of the two the
// last signature that counts, then the first of both ends. Those count that hold by a
// key of the zone without REVOKE; over DNSKEY by one that an anchor is of, whatever
// its dates, if there is such a key.
func (a *Apex) SignedUntil(anchors []Anchor) (time.Time, error) {
	var keys, anchored []*dns.DNSKEY
	set := make([]dns.RR, len(a.Keys))
	for i, key := range a.Keys {
		set[i] = key
		if key.Flags&dns.ZONE == 0 || key.Flags&dns.REVOKE != 0 || key.Protocol != 3 {
			continue
		}
		keys = append(keys, key)
		if Anchored(key, anchors) {
			anchored = append(anchored, key)
		}
	}
	if len(anchored) == 0 {
		anchored = keys
	}
	first, ok := a.until(set, dns.TypeDNSKEY, anchored)
	second, also := a.until(a.soa, dns.TypeSOA, keys)
	if !ok || !also {
		return time.Time{}, fmt.Errorf("zone %d: %w", a.Serial, errUnsigned)
	}
	if second.Before(first) {
		return second, nil
	}
	return first, nil
}

// until is the last end of the signatures over a set that hold by one of the keys.
func (a *Apex) until(set []dns.RR, covered uint16, keys []*dns.DNSKEY) (last time.Time, ok bool) {
	for _, sig := range a.sigs {
		if sig.TypeCovered != covered || sig.SignerName != "." || sig.Labels != 0 {
			continue
		}
		end := time.Unix(int64(sig.Expiration), 0).UTC()
		if end.After(last) && slices.ContainsFunc(keys, func(key *dns.DNSKEY) bool {
			return key.KeyTag() == sig.KeyTag && key.Algorithm == sig.Algorithm && sig.Verify(key, set) == nil
		}) {
			last, ok = end, true
		}
	}
	return last, ok
}
