package rootzone

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"github.com/miekg/dns"
)

// mostVerified bounds what is remembered: some 4 MB, the signatures of sixty zones that
// are all new.
const mostVerified = 1 << 16

// verified remembers whether a signature verifies, which follows from its octets, the
// key's and the records' alone. Thousands of answers that wait for one zone carry the same
// few signatures, and each fetch proves anew the zone that is there.
var verified = verdicts{known: map[[sha256.Size]byte]bool{}}

type verdicts struct {
	mu    sync.RWMutex
	known map[[sha256.Size]byte]bool
}

// of is what was found before, or is found now.
func (v *verdicts) of(set Set, sig Signature, k *dns.DNSKEY, find func() bool) bool {
	id := fingerprint(set, sig, k)
	v.mu.RLock()
	good, known := v.known[id]
	v.mu.RUnlock()
	if known {
		return good
	}
	good = find()
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) >= mostVerified {
		clear(v.known)
	}
	v.known[id] = good
	return good
}

// fingerprint is of all that a signature's worth depends on, each part after its length.
func fingerprint(set Set, sig Signature, k *dns.DNSKEY) [sha256.Size]byte {
	var all []byte
	put := func(part []byte) {
		all = append(binary.BigEndian.AppendUint32(all, uint32(len(part))), part...)
	}
	put([]byte(k.Hdr.Name))
	put([]byte(k.PublicKey))
	all = binary.BigEndian.AppendUint16(all, k.Flags)
	all = append(all, k.Protocol, k.Algorithm)
	all = binary.BigEndian.AppendUint16(all, k.Hdr.Class)
	put(sig)
	put(set.Owner)
	all = binary.BigEndian.AppendUint16(all, set.Type)
	all = binary.BigEndian.AppendUint16(all, set.Class)
	for _, data := range set.RDatas {
		put(data)
	}
	return sha256.Sum256(all)
}
