package correctness_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/lab/kinds"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics/correctness"
)

// lawAt is when drawn zones are proven and asked.
var lawAt = inception.Add(36 * time.Hour)

// drawn is a zone drawn at random with what is to come of it.
type drawn struct {
	zone    *lab.Zone
	whole   *rootzone.Zone // nil: it cannot be read
	readErr error
	anchors []rootzone.Anchor

	digests lab.Digests
	missing bool // an RRset is gone that NSEC lists, or NSEC itself

	gone map[string]bool // signatures that the lab made and neither zone nor answers have
}

// isGone says so of a record, whatever letters its owner has.
func (d drawn) isGone(rr dns.RR) bool { return d.gone[inLowerCase(rr)] }

func inLowerCase(rr dns.RR) string {
	rr = dns.Copy(rr)
	rr.Header().Name = strings.ToLower(rr.Header().Name)
	return rr.String()
}

// records are the zone's.
func (d drawn) records() []dns.RR { return slices.DeleteFunc(d.zone.RRs(), d.isGone) }

// answer is what a server says.
func (d drawn) answer(t *testing.T, q correctness.Question, f lab.Flavour) []byte {
	t.Helper()
	wire, err := d.zone.Answer(ask(t, q.Name, q.Type), f, "lab", true)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.gone) == 0 {
		return wire
	}
	m := unpack(t, wire)
	m.Answer, m.Ns = slices.DeleteFunc(m.Answer, d.isGone), slices.DeleteFunc(m.Ns, d.isGone)
	return pack(t, m)
}

// pool are keys to draw from: good ones, revoked ones, one of an algorithm that nobody
// knows.
func pool() []lab.Key {
	return []lab.Key{kinds.KSK1, kinds.KSK2, kinds.ZSK1, kinds.ZSK2, kinds.KSK1.Revoke(), kinds.ZSK1.Revoke(),
		lab.ZSK(kinds.Seed, "edwards", lab.ED25519), lab.ZSK(kinds.Seed, "strange", 17), lab.KSK(kinds.Seed, "absent", lab.ECDSAP256SHA256)}
}

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

// change adds a key that is not there yet, or takes one out.
func change(r *rand.Rand, keys []lab.Key) []lab.Key {
	k := pick(r, pool())
	if at := slices.Index(keys, k); at >= 0 {
		return slices.Delete(slices.Clone(keys), at, at+1)
	}
	if r.IntN(6) == 0 && len(keys) > 0 {
		return slices.Delete(slices.Clone(keys), 0, 1)
	}
	return append(slices.Clone(keys), k)
}

func drawSigning(r *rand.Rand) *lab.Signing {
	s := lab.Simple(kinds.KSK1, kinds.ZSK1)
	for range r.IntN(4) {
		s.Publish = change(r, s.Publish)
	}
	for range r.IntN(2) {
		s.SignKeys = change(r, s.SignKeys)
	}
	for range r.IntN(3) {
		s.SignData = change(r, s.SignData)
	}
	// Mostly what signs is published.
	if r.IntN(4) > 0 {
		for _, k := range slices.Concat(s.SignKeys, s.SignData) {
			if !slices.Contains(s.Publish, k) {
				s.Publish = append(s.Publish, k)
			}
		}
	}
	if len(s.Publish) == 0 {
		s.Publish = []lab.Key{kinds.ZSK1}
	}
	if r.IntN(4) == 0 { // by an unknown algorithm too
		strange := lab.ZSK(kinds.Seed, "strange", 17)
		s.Publish, s.SignData = append(s.Publish, strange), append(s.SignData, strange)
	}
	for range r.IntN(4) {
		s.Stray = append(s.Stray, drawStray(r))
	}
	if r.IntN(8) == 0 { // a crowd of them, by keys that are not there
		for i := range 8 {
			s.Stray = append(s.Stray, lab.Stray{Key: lab.ZSK(uint64(i), "crowd", lab.ECDSAP256SHA256)})
		}
	}
	return s
}

func drawStray(r *rand.Rand) lab.Stray {
	where := pick(r, []lab.Stray{{}, {Owner: ".", Type: "SOA"}, {Owner: ".", Type: "NS"}, {Owner: ".", Type: "DNSKEY"}, {Owner: "com.", Type: "DS"},
		{Owner: "com.", Type: "NSEC"}, {Owner: "com.", Type: "NS"}, {Owner: "a.root-servers.net.", Type: "A"}, {Owner: "com."}})
	where.Key = pick(r, pool())
	switch r.IntN(5) {
	case 0:
		where.Signer = pick(r, []string{"root-servers.net.", "com."})
	case 1:
		where.Garbage = true
	case 2:
		where.Inception = inception.AddDate(0, 0, pick(r, []int{-1, 1, 2, 3}))
	case 3:
		where.Inception, where.Expiration = inception.AddDate(0, 0, -14), inception.AddDate(0, 0, pick(r, []int{0, 1, 2}))
	}
	return where
}

// damage takes out drawn signatures, but for those over SOA: without one a zone is not
// looked at.
func (d *drawn) damage(r *rand.Rand) {
	d.gone = map[string]bool{}
	owner := pick(r, append(d.zone.TLDs(), ".", "com.", "com."))
	for _, rr := range d.zone.RRs() {
		if sig, ok := rr.(*dns.RRSIG); ok && sig.Hdr.Name == owner && sig.TypeCovered != dns.TypeSOA && (sig.Algorithm == dns.ECDSAP256SHA256 || r.IntN(3) == 0) {
			d.gone[inLowerCase(rr)] = true
		}
	}
}

// draw makes a zone of one revision.
func draw(t *testing.T, r *rand.Rand) drawn {
	t.Helper()
	known := []lab.Digest{{Hash: lab.SHA384}, {Hash: lab.SHA512}, {Hash: lab.SHA384, Wrong: true}, {Hash: lab.SHA512, Wrong: true},
		{Hash: lab.PrivateHash}, {Hash: lab.SHA384, Serial: 7}, {Scheme: 240, Hash: lab.SHA512}}
	d := drawn{digests: lab.Digests{}}
	damaged := r.IntN(3) == 0
	for range r.IntN(3) {
		if one := pick(r, known); !damaged && !slices.Contains(d.digests, one) {
			d.digests = append(d.digests, one)
		}
	}
	revision := lab.Revision{Signing: drawSigning(r), ZONEMD: d.digests, Unchanged: r.IntN(2) == 0}
	if r.IntN(4) == 0 {
		revision.Glue = map[string]netip.Addr{"a.root-servers.net.": netip.MustParseAddr("198.18.0.1")}
	}
	if r.IntN(15) == 0 {
		d.missing = true
		revision.Missing = []string{pick(r, []string{"com./DS", "com./NSEC"})}
		revision.Signing.Stray = nil
	}
	all, err := lab.History(kinds.Options(8, inception), revision)
	if err != nil {
		t.Fatal(err)
	}
	d.zone = all[1]
	for range 1 + r.IntN(2) {
		d.anchors = append(d.anchors, rootzone.Anchor{DS: pick(r, []lab.Key{kinds.KSK1, kinds.KSK1, kinds.KSK1, kinds.KSK1, kinds.KSK2, kinds.KSK1.Revoke(), kinds.ZSK1}).Anchor()})
	}
	if damaged {
		d.damage(r)
	}
	var b strings.Builder
	for _, rr := range d.records() {
		b.WriteString(rr.String() + "\n")
	}
	d.whole, d.readErr = rootzone.ReadWhole(strings.NewReader(b.String()), "drawn")
	return d
}

// digestAllows says whether the zone's ZONEMD lets it be archived (RFC 8976 section 4).
func (d drawn) digestAllows() bool {
	of, good, any := map[uint8]int{}, map[uint8]bool{}, false
	for _, one := range d.digests {
		if one.Scheme == 0 && one.Hash <= lab.SHA512 {
			of[one.Hash]++
			good[one.Hash] = good[one.Hash] || !one.Wrong && one.Serial == 0
			any = true
		}
	}
	for h, n := range of {
		if n == 1 && good[h] {
			return true
		}
	}
	return !any
}

// library is the law once more, by the records and the DNS library alone.
type library struct {
	sets map[string][]dns.RR // "com./DS"
	sigs map[string][]*dns.RRSIG
	keys []*dns.DNSKEY // that may sign
}

func nameOf(rr dns.RR, typ uint16) string {
	return strings.ToLower(rr.Header().Name) + "/" + dns.Type(typ).String()
}

func libraryOf(records []dns.RR) library {
	l := library{sets: map[string][]dns.RR{}, sigs: map[string][]*dns.RRSIG{}}
	for _, rr := range records {
		if sig, ok := rr.(*dns.RRSIG); ok {
			l.sigs[nameOf(rr, sig.TypeCovered)] = append(l.sigs[nameOf(rr, sig.TypeCovered)], sig)
			continue
		}
		l.sets[nameOf(rr, rr.Header().Rrtype)] = append(l.sets[nameOf(rr, rr.Header().Rrtype)], rr)
		if k, ok := rr.(*dns.DNSKEY); ok && k.Flags&dns.REVOKE == 0 {
			l.keys = append(l.keys, k)
		}
	}
	return l
}

// signs says whether the root signs such a set.
func signs(set string) bool {
	return strings.HasPrefix(set, "./") || strings.HasSuffix(set, "/DS") || strings.HasSuffix(set, "/NSEC")
}

// worth of the signatures over an RRset: "good" if one holds; "unknown" if the only
// ones that might are by an algorithm that nobody knows; else "none".
func (l library) worth(rrs []dns.RR, sigs []*dns.RRSIG, by []*dns.DNSKEY, at time.Time) string {
	best := "none"
	for _, sig := range sigs {
		if sig.SignerName != "." || !sig.ValidityPeriod(at) {
			continue
		}
		for _, k := range by {
			switch {
			case k.Algorithm == 17 && sig.Algorithm == 17 && sig.KeyTag == k.KeyTag():
				best = "unknown"
			case sig.Verify(k, rrs) == nil:
				return "good"
			}
		}
	}
	return best
}

// archived says whether the law lets the zone be archived; unauthentic are the RRsets
// that are not authentic.
func (l library) archived(d drawn) (unauthentic []string, yes bool) {
	var trusted []*dns.DNSKEY
	for _, k := range l.keys {
		ds := k.ToDS(dns.SHA256)
		if slices.ContainsFunc(d.anchors, func(a rootzone.Anchor) bool { return strings.Contains(a.DS, strings.ToUpper(ds.Digest)) }) {
			trusted = append(trusted, k)
		}
	}
	for set, rrs := range l.sets {
		if signs(set) && l.worth(rrs, l.sigs[set], l.keys, lawAt) != "good" {
			unauthentic = append(unauthentic, set)
		}
	}
	slices.Sort(unauthentic)
	keys := l.worth(l.sets["./DNSKEY"], l.sigs["./DNSKEY"], trusted, lawAt) == "good"
	return unauthentic, keys && len(unauthentic) == 0 && d.digestAllows() && !d.missing
}
