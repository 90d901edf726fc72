// Package rootzone is the archive of root zones: files <serial>.root.txt in
// master format, kept on the collector for ever and on a vantage point the
// latest. A vantage point draws its correctness questions from the newest good
// one [mow].
package rootzone

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// MaxSize bounds the text of a zone in bytes; the root zone has about 2.3 MB.
const MaxSize = 64 << 20

// maxSet bounds the records of an owner and type: the root zone's largest RRset
// has 13, and what is done with an RRset costs the square of its records.
const maxSet = 256

// What is left of a zone that was cut off, within a line or between two.
var (
	errCut  = errors.New("cut short")
	errPart = errors.New("not whole")
)

// RRset names a set of records of the zone: Owner absolute and in lower case,
// Type as a mnemonic.
type RRset struct{ Owner, Type string }

// String writes "us./NS", as plans name RRsets.
func (s RRset) String() string { return s.Owner + "/" + s.Type }

// Zone is what a root zone offers to ask for.
type Zone struct {
	Serial uint32

	SHA256 string // of the text it was read from, in hex; empty where it was received by AXFR

	// Skipped says why Newest passed over files that claim to be newer, newest
	// first; an operator should be told. Read leaves it nil.
	Skipped []error

	// Notes say what is odd about a zone that Validate has found good.
	Notes []string

	records []dns.RR // nil unless read by ReadWhole
	vouched *bool    // whether a digest is verified, once that is known

	apex []string // types at ".", sorted
	ns   []string // top-level domains with NS, sorted
	ds   []string // top-level domains with DS, sorted
}

// RRsets lists what the zone has at its apex, of every type but RRSIG, then the
// NS and then the DS RRsets of its top-level domains, each in order of names.
// The caller may keep and change the slice.
func (z *Zone) RRsets() []RRset {
	sets := make([]RRset, 0, len(z.apex)+len(z.ns)+len(z.ds))
	for _, t := range z.apex {
		sets = append(sets, RRset{".", t})
	}
	for _, owner := range z.ns {
		sets = append(sets, RRset{owner, "NS"})
	}
	for _, owner := range z.ds {
		sets = append(sets, RRset{owner, "DS"})
	}
	return sets
}

// Read parses a root zone in master format. It refuses text above MaxSize,
// $INCLUDE and $GENERATE, classes other than IN, and what is visibly not whole:
// a last line without its end, an apex without SOA or with two that differ, without
// NS or without DNSKEY, an NSEC chain with a gap. Signatures are not checked here.
// The name stands for the source in errors.
func Read(r io.Reader, name string) (*Zone, error) { return read(r, name, false) }

// ReadWhole is Read and keeps the records, which Validate and Digest need: some
// ten times the memory.
func ReadWhole(r io.Reader, name string) (*Zone, error) { return read(r, name, true) }

func read(r io.Reader, name string, whole bool) (*Zone, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("zone %s: %w", name, err)
	}
	zone, err := parse(text, whole)
	if err != nil {
		return nil, fmt.Errorf("zone %s: %w", name, err)
	}
	zone.SHA256 = fmt.Sprintf("%x", sha256.Sum256(text))
	return zone, nil
}

func parse(text []byte, whole bool) (*Zone, error) {
	switch {
	case len(text) > MaxSize:
		return nil, fmt.Errorf("more than %d bytes", MaxSize)
	case len(text) == 0:
		return nil, errors.New("empty")
	case text[len(text)-1] != '\n':
		return nil, fmt.Errorf("%w: the last line has no end", errCut)
	case generates(text):
		return nil, errors.New("$GENERATE is not allowed")
	}
	var c content
	var records []dns.RR
	// Without an origin a relative name is an error, not a guess.
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // a byte order mark, which editors leave
	parser := dns.NewZoneParser(bufio.NewReader(bytes.NewReader(text)), "", "")
	parser.SetIncludeAllowed(false)
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		news, err := c.add(rr)
		if err != nil {
			return nil, err
		}
		if whole && news {
			records = append(records, rr)
		}
	}
	if err := parser.Err(); err != nil {
		return nil, err
	}
	zone, err := c.zone()
	if err == nil {
		zone.records = records
	}
	return zone, err
}

// generates reports whether the text names $GENERATE anywhere. The lexer joins
// a word across parentheses and line ends, so these do not hide it; that a
// comment is refused as well costs nothing in a root zone.
func generates(text []byte) bool {
	if bytes.IndexByte(text, '$') < 0 {
		return false // nearly always
	}
	joined := bytes.Map(func(r rune) rune {
		if strings.ContainsRune("()\r\n", r) {
			return -1
		}
		return r
	}, text)
	return bytes.Contains(bytes.ToUpper(joined), []byte("$GENERATE"))
}

// content gathers what is seen of a zone while it is read. Names are in wire form
// and lower case: a letter may stand as \DDD.
type content struct {
	soa  *dns.SOA
	apex map[string]bool // types, as mnemonics
	ns   map[string]bool
	ds   map[string]bool
	next map[string]string // NSEC: owner to next name
	size map[setKey]int
}

// add takes a record in; it is no news where it closes a transfer.
func (c *content) add(rr dns.RR) (news bool, err error) {
	h := rr.Header()
	kind := dns.Type(h.Rrtype).String()
	owner, err := wireName(h.Name)
	switch {
	case err != nil:
		return false, err
	case h.Class != dns.ClassINET:
		return false, fmt.Errorf("%s/%s: class %s, want IN", h.Name, kind, dns.Class(h.Class))
	case withoutData(rr):
		return false, fmt.Errorf("%s/%s: record without data", h.Name, kind)
	}
	switch rr := rr.(type) {
	case *dns.SOA:
		if news, err := c.addSOA(rr); !news || err != nil {
			return false, err
		}
	case *dns.NSEC:
		if err := c.addNSEC(owner, rr); err != nil {
			return false, err
		}
	}
	k := setKey{owner, h.Rrtype}
	if put(&c.size, k, c.size[k]+1); c.size[k] > maxSet {
		return false, fmt.Errorf("%s: more than %d records", k, maxSet)
	}
	switch {
	case owner == root && h.Rrtype != dns.TypeRRSIG:
		put(&c.apex, kind, true)
	case countLabels([]byte(owner)) != 1:
	case h.Rrtype == dns.TypeNS:
		put(&c.ns, owner, true)
	case h.Rrtype == dns.TypeDS:
		put(&c.ds, owner, true)
	}
	return true, nil
}

// addSOA takes the one SOA record; the same once more closes a transfer (RFC 5936
// section 2.2), as dig prints it.
func (c *content) addSOA(soa *dns.SOA) (news bool, err error) {
	switch {
	case soa.Hdr.Name != ".":
		return false, fmt.Errorf("SOA of %s in a root zone", soa.Hdr.Name)
	case c.soa == nil:
		c.soa = soa
		return true, nil
	case !dns.IsDuplicate(c.soa, soa):
		return false, errors.New("two different SOA records at the apex, want one")
	}
	return false, nil
}

func (c *content) addNSEC(owner string, nsec *dns.NSEC) error {
	if _, twice := c.next[owner]; twice {
		return fmt.Errorf("%s has two NSEC records", nsec.Hdr.Name)
	}
	next, err := wireName(nsec.NextDomain)
	if err == nil {
		put(&c.next, owner, next)
	}
	return err
}

// withoutData finds records that the parser lets pass as dynamic updates,
// written with RFC 3597's "\# 0".
func withoutData(rr dns.RR) bool {
	newRR, known := dns.TypeToRR[rr.Header().Rrtype]
	if !known {
		return false
	}
	empty := newRR()
	*empty.Header() = *rr.Header()
	return reflect.DeepEqual(rr, empty)
}

func put[K comparable, V any](m *map[K]V, key K, value V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[key] = value
}

func (c *content) zone() (*Zone, error) {
	switch {
	case c.soa == nil:
		return nil, errors.New("no SOA record at the apex, want one")
	case !c.apex["NS"]:
		return nil, errors.New("no NS at the apex")
	case !c.apex["DNSKEY"]:
		return nil, errors.New("no DNSKEY at the apex")
	}
	if err := c.chain(); err != nil {
		return nil, err
	}
	return &Zone{Serial: c.soa.Serial, apex: sorted(c.apex), ns: names(c.ns), ds: names(c.ds)}, nil
}

// chain follows the NSEC records once around from the apex: a transfer that
// broke off leaves names that are pointed at and absent. A zone without NSEC
// has no chain to follow.
func (c *content) chain() error {
	if len(c.next) == 0 {
		return nil
	}
	at, steps := root, 0
	for {
		next, found := c.next[at]
		if !found {
			return fmt.Errorf("%w: the NSEC chain breaks at %s", errPart, nameText(at))
		}
		at = next
		if steps++; at == root {
			break
		}
		if steps > len(c.next) {
			return errors.New("the NSEC chain does not come back to the apex")
		}
	}
	if steps != len(c.next) {
		return fmt.Errorf("the NSEC chain has %d of %d names", steps, len(c.next))
	}
	for owner := range c.ns {
		if _, found := c.next[owner]; !found {
			return fmt.Errorf("%w: no NSEC at %s", errPart, nameText(owner))
		}
	}
	return nil
}

// names writes names in wire form for people and queries, sorted.
func names(wires map[string]bool) []string {
	var all []string
	for w := range wires {
		all = append(all, nameText(w))
	}
	slices.Sort(all)
	return all
}

func sorted(set map[string]bool) []string {
	keys := make([]string, 0, len(set))
	for k := range set {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
