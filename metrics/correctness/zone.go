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

	"mtric.net/mtric/engine/dnsmsg"
	"mtric.net/mtric/engine/rootzone"
)

// Zone is a root zone made ready to be compared with: RRsets in canonical wire
// form, the keys, and the signatures that were verified so far. It may be used by
// many goroutines and needs the rootzone.Zone no longer.
type Zone struct {
	serial   uint32
	signedAt time.Time
	sets     map[string]*set // by owner in wire form and type
	keys     []rootzone.Key

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

	// proven remembers by RRSIG data which signatures over exactly this RRset were
	// verified, so that an answer seen before costs no cryptography.
	proven atomic.Pointer[map[string]bool]
	adding sync.Mutex
}

// maxProven bounds what an RRset remembers: signers sign again, forgers guess.
const maxProven = 64

// NewZone indexes a zone that rootzone has proven (Validate, or from the archive):
// its DNSKEY RRset and its unsigned records are believed. Answers' signatures are
// verified with its keys, those over DNSKEY too: a set of keys that equals the
// zone's is genuine by any of its keys that signs it, whatever dates a site gives
// its anchors. The zone must come from ReadWhole.
func NewZone(z *rootzone.Zone) (*Zone, error) {
	made := &Zone{serial: z.Serial}
	records := z.Records()
	made.sets = make(map[string]*set, len(records)/2)
	made.sigs = make(map[string][][]byte, len(records)/2)
	for _, rr := range records {
		if err := made.add(rr); err != nil {
			return nil, fmt.Errorf("zone %d: %s/%s: %w", z.Serial, rr.Header().Name, dns.Type(rr.Header().Rrtype), err)
		}
		if k, ok := rr.(*dns.DNSKEY); ok && rootzone.SigningKey(k) {
			made.keys = append(made.keys, rootzone.NewKey(k))
		}
	}
	if made.find([]byte(root), dns.TypeSOA) == nil {
		return nil, fmt.Errorf("zone %d: %w", z.Serial, errors.New("its records were not kept; read it with ReadWhole"))
	}
	if len(made.keys) == 0 {
		return nil, fmt.Errorf("zone %d: no key in it may sign", z.Serial)
	}
	var err error
	made.signedAt, err = z.SignedAt()
	return made, err
}

// Prove says that the zone was valid, by rootzone.Validate, when it came into the
// archive: of each RRset that the root signs one signature holds. Where there is
// only one it is that one, and answers that share it cost no cryptography. Others
// are verified when they are met: one beside a good one may be worth nothing. It
// must come before the zone is used.
func (z *Zone) Prove() { z.proven = true }

// Share lets the zone have the memory of what is the same in another one, which may be in
// use: of neighbours that is nearly all. What the same keys verified over an RRset that
// both have holds for both; of zones with other keys nothing is shared. It must come before
// the zone is used.
func (z *Zone) Share(other *Zone) {
	if !slices.EqualFunc(z.keys, other.keys, func(a, b rootzone.Key) bool { return a.Tag == b.Tag && *a.RR == *b.RR }) {
		return
	}
	for k, s := range z.sets {
		if had := other.sets[k]; had != nil && had.ttl == s.ttl && slices.EqualFunc(had.rdatas, s.rdatas, bytes.Equal) {
			z.sets[k] = had
		}
	}
	for k, sigs := range z.sigs {
		if had := other.sigs[k]; slices.EqualFunc(had, sigs, bytes.Equal) {
			z.sigs[k] = had
		}
	}
}

// provenBy says whether a signature over one of the zone's RRsets is known to verify.
func (z *Zone) provenBy(s *rrset, sig []byte) bool {
	if known := s.zone.proven.Load(); known != nil && (*known)[string(sig)] {
		return true
	}
	if !z.proven || !rootzone.Signs(s.owner, s.typ) {
		return false
	}
	var buffer [dnsmsg.MaxName + 2]byte
	own := z.sigs[string(setKey(buffer[:0], s.owner, s.typ))]
	return len(own) == 1 && bytes.Equal(own[0], sig)
}

// SignedAt is the latest inception of the signatures over the zone's SOA record.
func (z *Zone) SignedAt() time.Time { return z.signedAt }

// Keys are those that may sign what is in the zone.
func (z *Zone) Keys() []rootzone.Key { return z.keys }

// Has says whether a signature over an RRset, owner in wire form and lower case,
// stands in the zone.
func (z *Zone) Has(owner []byte, typ uint16, sig []byte) bool {
	return slices.ContainsFunc(z.sigs[string(setKey(nil, owner, typ))], func(of []byte) bool { return bytes.Equal(of, sig) })
}

// Serial is the zone's, from its SOA record.
func (z *Zone) Serial() uint32 { return z.serial }

// String names the zone in what is told, "zone 2026112300".
func (z *Zone) String() string {
	if z == nil {
		return "the zone"
	}
	return fmt.Sprintf("zone %d", z.serial)
}

// add brings a record through the wire into the same form as those of answers.
func (z *Zone) add(rr dns.RR) error {
	rr = dns.Copy(rr) // packing writes to the header
	wire := make([]byte, dns.Len(rr)+1)
	n, err := dns.PackRR(rr, wire, 0, nil, false)
	if err != nil {
		return err
	}
	r, err := dnsmsg.ParseRecord(wire[:n])
	if err != nil {
		return err
	}
	if r.Type == dns.TypeRRSIG {
		k := string(setKey(nil, r.Owner, rootzone.Signature(r.RData).Covered()))
		z.sigs[k] = append(z.sigs[k], bytes.Clone(r.RData))
		return nil
	}
	k := setKey(nil, r.Owner, r.Type)
	s := z.sets[string(k)]
	if s == nil {
		s = &set{typ: r.Type, ttl: r.TTL}
		z.sets[string(k)] = s
	}
	if !s.holds(r.RData) {
		s.rdatas = append(s.rdatas, bytes.Clone(r.RData))
	}
	s.ttl = max(s.ttl, r.TTL)
	return nil
}

func setKey(to, owner []byte, typ uint16) []byte {
	return binary.BigEndian.AppendUint16(append(to, owner...), typ)
}

// find is the zone's RRset, nil where it has none.
func (z *Zone) find(owner []byte, typ uint16) *set {
	var buffer [dnsmsg.MaxName + 2]byte
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

// remember keeps a good signature.
func (s *set) remember(sig []byte) {
	s.adding.Lock()
	defer s.adding.Unlock()
	grown := map[string]bool{}
	if known := s.proven.Load(); known != nil {
		if len(*known) >= maxProven {
			return
		}
		for k := range *known {
			grown[k] = true
		}
	}
	grown[string(sig)] = true
	s.proven.Store(&grown)
}
