package correctness

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/rootzone"
)

// Zone is a root zone made ready to be compared with: RRsets in canonical wire
// form, the keys, and the signatures that were verified so far. It may be used by
// many goroutines and needs the rootzone.Zone no longer.
type Zone struct {
	serial uint32
	sets   map[string]*set // by owner in wire form and type
	keys   []*key

	// sigs are the zone's signatures, as sets has what they are over. One that does not
	// hold is compared with them, to tell which bit was flipped; and they are believed
	// where the zone is proven.
	sigs   map[string][][]byte
	proven bool
}

// set is an RRset of the zone.
type set struct {
	typ    uint16
	ttl    uint32
	rdatas [][]byte // canonical, each once

	// proven remembers by RRSIG data which key made a signature over exactly
	// this RRset, so that an answer seen before costs no cryptography.
	proven atomic.Pointer[map[string]int]
	adding sync.Mutex
}

// maxProven bounds what an RRset remembers: signers sign again, forgers guess.
const maxProven = 64

// key is a key of the zone that may sign.
type key struct {
	rr       *dns.DNSKEY
	tag      uint16
	anchored []rootzone.Anchor // those that name it
}

// NewZone indexes a zone that rootzone has proven (Validate, or from the
// archive): its DNSKEY RRset and its unsigned records are believed. Answers'
// signatures are verified with its keys; those over DNSKEY only count by a key
// that one of the anchors names at the time of the query. The zone must come from
// ReadWhole and must have such a key at some time.
func NewZone(z *rootzone.Zone, anchors []rootzone.Anchor) (*Zone, error) {
	made := &Zone{serial: z.Serial}
	records := z.Records()
	made.sets = make(map[string]*set, len(records)/2)
	made.sigs = make(map[string][][]byte, len(records)/2)
	var m message
	for _, rr := range records {
		if err := made.add(&m, rr); err != nil {
			return nil, fmt.Errorf("zone %d: %s/%s: %w", z.Serial, rr.Header().Name, dns.Type(rr.Header().Rrtype), err)
		}
		if k, ok := rr.(*dns.DNSKEY); ok {
			if err := made.addKey(k, anchors); err != nil {
				return nil, fmt.Errorf("zone %d: %w", z.Serial, err)
			}
		}
	}
	if made.find([]byte(root), dns.TypeSOA) == nil {
		return nil, fmt.Errorf("zone %d: %w", z.Serial, errors.New("its records were not kept; read it with ReadWhole"))
	}
	if !slices.ContainsFunc(made.keys, func(k *key) bool { return len(k.anchored) > 0 }) {
		return nil, fmt.Errorf("zone %d: %w", z.Serial, rootzone.ErrAnchor)
	}
	return made, nil
}

// Prove says that every signature of the zone was verified, by rootzone.Validate, when
// it came into the archive: those that answers share with it cost no cryptography. It
// must come before the zone is used.
func (z *Zone) Prove() { z.proven = true }

// provenBy is the key that made a signature over one of the zone's RRsets, if that is
// known: it was verified before, or is the proven zone's own, and of no tag that two
// keys share.
func (z *Zone) provenBy(s *rrset, sig []byte) (by int, known bool) {
	if by, known = s.zone.provenBy(sig); known || !z.proven {
		return by, known
	}
	for i, k := range z.keys {
		if k.tag == binary.BigEndian.Uint16(sig[sigTag:]) && k.rr.Algorithm == sig[sigAlgorithm] {
			if known {
				return 0, false
			}
			by, known = i, rootzone.KnownAlgorithm(k.rr.Algorithm)
		}
	}
	var buffer [maxOwner + 2]byte
	own := z.sigs[string(setKey(buffer[:0], s.owner, s.typ))]
	return by, known && slices.ContainsFunc(own, func(of []byte) bool { return bytes.Equal(of, sig) })
}

// Serial is the zone's, from its SOA record.
func (z *Zone) Serial() uint32 { return z.serial }

// add brings a record through the wire into the same form as those of answers.
func (z *Zone) add(m *message, rr dns.RR) error {
	rr = dns.Copy(rr) // packing writes to the header
	wire := make([]byte, dns.Len(rr)+1)
	n, err := dns.PackRR(rr, wire, 0, nil, false)
	if err != nil {
		return err
	}
	*m = message{}
	if _, err := m.record(wire[:n], 0, answer); err != nil || len(m.records) != 1 {
		return orShort(err)
	}
	r := m.records[0]
	if r.typ == dns.TypeRRSIG {
		k := string(setKey(nil, r.owner, binary.BigEndian.Uint16(r.rdata[sigCovered:])))
		z.sigs[k] = append(z.sigs[k], bytes.Clone(r.rdata))
		return nil
	}
	k := setKey(nil, r.owner, r.typ)
	s := z.sets[string(k)]
	if s == nil {
		s = &set{typ: r.typ, ttl: r.ttl}
		z.sets[string(k)] = s
	}
	if !s.holds(r.rdata) {
		s.rdatas = append(s.rdatas, bytes.Clone(r.rdata))
	}
	s.ttl = max(s.ttl, r.ttl)
	return nil
}

// addKey notes a key that may sign zone data (RFC 4034 section 2.1.1, RFC 5011
// section 2.1).
func (z *Zone) addKey(rr *dns.DNSKEY, anchors []rootzone.Anchor) error {
	if dns.CanonicalName(rr.Hdr.Name) != "." || rr.Flags&dns.ZONE == 0 || rr.Flags&dns.REVOKE != 0 || rr.Protocol != 3 {
		return nil
	}
	k := &key{rr: dns.Copy(rr).(*dns.DNSKEY), tag: rr.KeyTag()}
	k.rr.Hdr.Name = "."
	for _, a := range anchors {
		named, err := a.Names(k.rr)
		if err != nil {
			return err
		}
		if named {
			k.anchored = append(k.anchored, a)
		}
	}
	z.keys = append(z.keys, k)
	return nil
}

// believed says whether an anchor vouches for the key at that time.
func (k *key) believed(at time.Time) bool {
	return slices.ContainsFunc(k.anchored, func(a rootzone.Anchor) bool {
		return (a.From == nil || !at.Before(*a.From)) && (a.Until == nil || at.Before(*a.Until))
	})
}

func setKey(to, owner []byte, typ uint16) []byte {
	return binary.BigEndian.AppendUint16(append(to, owner...), typ)
}

// find is the zone's RRset, nil where it has none.
func (z *Zone) find(owner []byte, typ uint16) *set {
	var buffer [maxOwner + 2]byte
	return z.sets[string(setKey(buffer[:0], owner, typ))]
}

// nearSignature says whether the zone has a signature over an RRset of which this
// one is a bit different.
func (z *Zone) nearSignature(owner []byte, typ uint16, sig []byte) bool {
	return slices.ContainsFunc(z.sigs[string(setKey(nil, owner, typ))], func(of []byte) bool { return oneBit(of, sig) })
}

func (s *set) holds(rdata []byte) bool {
	for _, d := range s.rdatas {
		if bytes.Equal(d, rdata) {
			return true
		}
	}
	return false
}

// provenBy is the key that made a signature over this RRset, if that is known.
func (s *set) provenBy(sig []byte) (int, bool) {
	known := s.proven.Load()
	if known == nil {
		return 0, false
	}
	k, found := (*known)[string(sig)]
	return k, found
}

// remember keeps a good signature.
func (s *set) remember(sig []byte, by int) {
	s.adding.Lock()
	defer s.adding.Unlock()
	grown := map[string]int{}
	if known := s.proven.Load(); known != nil {
		if len(*known) >= maxProven {
			return
		}
		for k, v := range *known {
			grown[k] = v
		}
	}
	grown[string(sig)] = by
	s.proven.Store(&grown)
}

// signs says what the root zone signs: all at the apex, DS and NSEC; neither the
// NS records of a delegation nor glue.
func signs(owner []byte, typ uint16) bool {
	return len(owner) == 1 || typ == dns.TypeDS || typ == dns.TypeNSEC
}
