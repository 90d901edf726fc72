package correctness

import (
	"bytes"
	"slices"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/dnsmsg"
)

// Names in wire form.
const (
	root        = "\x00"
	wildcard    = "\x01*\x00"
	arpa        = "\x04arpa\x00"
	rootServers = "\x0croot-servers\x03net\x00"
)

// labels notes where the labels of a name begin, the root's left out.
func labels(name []byte, at *[128]uint8) int {
	n := 0
	for i := 0; i < len(name) && name[i] != 0; i += 1 + int(name[i]) {
		at[n] = uint8(i)
		n++
	}
	return n
}

func countLabels(name []byte) int {
	var at [128]uint8
	return labels(name, &at)
}

// compareNames is the canonical order of names (RFC 4034 section 6.1): label by
// label from the right, as unsigned octets, the absent label first. Both are in
// lower case.
func compareNames(a, b []byte) int {
	var atA, atB [128]uint8
	nA, nB := labels(a, &atA), labels(b, &atB)
	for i := 1; i <= min(nA, nB); i++ {
		if c := bytes.Compare(label(a, atA[nA-i]), label(b, atB[nB-i])); c != 0 {
			return c
		}
	}
	return nA - nB
}

func label(name []byte, at uint8) []byte {
	from := int(at) + 1
	return name[from : from+int(name[at])]
}

// below says whether a name lies under another, which it does not equal.
func below(name, above []byte) bool {
	var at [128]uint8
	n := labels(name, &at) - countLabels(above)
	return n > 0 && bytes.Equal(name[at[n-1]:][1+name[at[n-1]]:], above)
}

// last is the name of the last so many labels of a name, which has as many.
func last(name []byte, count int) []byte {
	var at [128]uint8
	n := labels(name, &at)
	if count == 0 {
		return name[len(name)-1:]
	}
	return name[at[n-count]:]
}

// common is how many labels two names share from the right.
func common(a, b []byte) int {
	most := min(countLabels(a), countLabels(b))
	for n := most; n > 0; n-- {
		if bytes.Equal(last(a, n), last(b, n)) {
			return n
		}
	}
	return 0
}

// text is a name for people.
func text(name []byte) string {
	s, _, err := dns.UnpackDomainName(name, 0)
	if err != nil {
		return "(no name)"
	}
	return s
}

// nsec is the data of an NSEC record.
type nsec struct {
	next   []byte // in lower case
	bitmap []byte
}

// readNSEC takes apart NSEC data, whose name has been read already; false where
// the bitmap is none (RFC 4034 section 4.1.2).
func readNSEC(rdata []byte) (nsec, bool) {
	end := 0
	for end < len(rdata) && rdata[end] != 0 {
		end += 1 + int(rdata[end])
	}
	if end >= len(rdata) {
		return nsec{}, false
	}
	n := nsec{slices.Clone(rdata[:end+1]), rdata[end+1:]}
	dnsmsg.Fold(n.next)
	last := -1
	for b := n.bitmap; len(b) > 0; b = b[2+int(b[1]):] {
		if len(b) < 3 || b[1] < 1 || b[1] > 32 || len(b) < 2+int(b[1]) || int(b[0]) <= last {
			return nsec{}, false
		}
		last = int(b[0])
	}
	return n, true
}

// has says whether the bit of a type is set.
func (n nsec) has(typ uint16) bool {
	for b := n.bitmap; len(b) > 0; b = b[2+int(b[1]):] {
		octet := int(typ&0xff) / 8
		if b[0] == byte(typ>>8) {
			return octet < int(b[1]) && b[2+octet]&(0x80>>(typ%8)) != 0
		}
	}
	return false
}

// covers says whether an NSEC record proves that a name does not exist: owner <
// name < next in canonical order, next "." for the last [czb]. An NSEC of a
// delegation says nothing about names below it (RFC 6840 section 4.1), and a next
// name below the name says that it exists without records.
func (n nsec) covers(owner, name []byte) bool { return n.coversIn([]byte(root), owner, name) }

// coversIn is covers in the zone of that name: its last NSEC has the zone's name as next.
func (n nsec) coversIn(zone, owner, name []byte) bool {
	if compareNames(owner, name) >= 0 || below(n.next, name) {
		return false
	}
	delegation := n.has(dns.TypeNS) && !n.has(dns.TypeSOA)
	if below(name, owner) && (delegation || n.has(dns.TypeDNAME)) {
		return false
	}
	return bytes.Equal(n.next, zone) || compareNames(name, n.next) < 0
}
