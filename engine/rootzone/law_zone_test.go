package rootzone_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/lab/kinds"
	"mtric.net/mtric/engine/rootzone"
)

// revised is the zone after one revision that leaves the delegations as they are.
func revised(t *testing.T, r lab.Revision) []dns.RR {
	t.Helper()
	r.Unchanged = true
	all, err := lab.History(kinds.Options(12, signedAt), r)
	if err != nil {
		t.Fatal(err)
	}
	return all[1].RRs()
}

func ksk1() []rootzone.Anchor { return anchorsOf([]lab.Key{kinds.KSK1}) }

func validate(t *testing.T, text string, anchors []rootzone.Anchor, at time.Time) (*rootzone.Zone, error) {
	t.Helper()
	z := whole(t, text)
	return z, z.Validate(anchors, at)
}

// The original TTL is what is signed; the one received says nothing, unless the
// digest has it.
func TestTTLIsNotCompared(t *testing.T) {
	for name, c := range map[string]struct {
		digests lab.Digests
		want    finding
	}{"no digest": {lab.Digests{}, noted("there is none")}, "digest": {nil, wrongDigest}} {
		records := revised(t, lab.Revision{ZONEMD: c.digests})
		for i, rr := range records {
			if rr.Header().Rrtype == dns.TypeDS {
				records[i].Header().Ttl /= 2
			}
		}
		z, err := validate(t, text(records), ksk1(), signedAt)
		t.Run(name, func(t *testing.T) { c.want.check(t, z, err) })
	}
}

// The keys are trusted by a key of an anchor that is believed then and is not
// revoked, also where the anchor is of the revoked key itself; a good signature by
// another key of the zone is not enough.
func TestKeysAreTrustedByAnAnchoredKey(t *testing.T) {
	revoked := kinds.KSK1.Revoke()
	two := func(sign ...lab.Key) []dns.RR {
		return revised(t, lab.Revision{Signing: &lab.Signing{Publish: []lab.Key{kinds.ZSK1, kinds.KSK1, kinds.KSK2}, SignKeys: sign, SignData: []lab.Key{kinds.ZSK1}}})
	}
	revokedOnly := revised(t, lab.Revision{Signing: &lab.Signing{Publish: []lab.Key{kinds.ZSK1, revoked, kinds.KSK2},
		SignKeys: []lab.Key{revoked, kinds.KSK2}, SignData: []lab.Key{kinds.ZSK1}}})
	dated := func(from, until *time.Time) []rootzone.Anchor {
		return []rootzone.Anchor{{DS: kinds.KSK1.Anchor(), From: from, Until: until}}
	}
	sha384 := strings.SplitN(kinds.KSK1.DNSKEY().ToDS(dns.SHA384).String(), "\tDS\t", 2)[1]
	otherTag := "1" + kinds.KSK1.Anchor()[strings.Index(kinds.KSK1.Anchor(), " "):]
	otherAlgorithm := strings.Replace(kinds.KSK1.Anchor(), " 13 ", " 14 ", 1)
	notSigned := finding{refused: "./DNSKEY: not signed by the key of an anchor"}
	for name, c := range map[string]struct {
		records []dns.RR
		anchors []rootzone.Anchor
		want    finding
	}{
		"signed by the anchor's key":         {two(kinds.KSK1), ksk1(), asIs},
		"signed by both, one anchor":         {two(kinds.KSK1, kinds.KSK2), ksk1(), asIs},
		"signed by the other key":            {two(kinds.KSK2), ksk1(), notSigned},
		"signed by the zone signing key":     {two(kinds.ZSK1), ksk1(), notSigned},
		"the anchor's key is revoked":        {revokedOnly, ksk1(), noAnchor},
		"the anchor is of the revoked key":   {revokedOnly, anchorsOf([]lab.Key{revoked}), noAnchor},
		"revoked beside an anchor's":         {revokedOnly, anchorsOf([]lab.Key{revoked, kinds.KSK2}), noted("./DNSKEY: 1 of 2 signatures count")},
		"believed from that second":          {two(kinds.KSK1), dated(day(1), nil), asIs},
		"believed from the next second":      {two(kinds.KSK1), dated(new(day(1).Add(time.Second)), nil), noAnchor},
		"believed until that second":         {two(kinds.KSK1), dated(nil, day(1)), noAnchor},
		"believed until the next second":     {two(kinds.KSK1), dated(nil, new(day(1).Add(time.Second))), asIs},
		"anchor of SHA-384":                  {two(kinds.KSK1), []rootzone.Anchor{{DS: sha384}}, asIs},
		"anchor in small letters":            {two(kinds.KSK1), []rootzone.Anchor{{DS: strings.ToLower(kinds.KSK1.Anchor())}}, asIs},
		"anchor as dig prints it":            {two(kinds.KSK1), []rootzone.Anchor{{DS: kinds.KSK1.DigAnchor()}}, asIs},
		"anchor of another tag":              {two(kinds.KSK1), []rootzone.Anchor{{DS: otherTag}}, noAnchor},
		"anchor of another algorithm":        {two(kinds.KSK1), []rootzone.Anchor{{DS: otherAlgorithm}}, noAnchor},
		"anchor of another digest":           {two(kinds.KSK1), []rootzone.Anchor{{DS: kinds.KSK1.Anchor()[:len(kinds.KSK1.Anchor())-4] + "ABCD"}}, noAnchor},
		"anchor of a key that is not there":  {two(kinds.KSK1), anchorsOf([]lab.Key{kinds.RSAKSK}), noAnchor},
		"anchor of a key that signs nothing": {two(kinds.KSK1), anchorsOf([]lab.Key{kinds.KSK2}), notSigned},
	} {
		t.Run(name, func(t *testing.T) {
			z, err := validate(t, text(c.records), c.anchors, *day(1))
			c.want.check(t, z, err)
		})
	}
}

// A key must be a zone key of DNSSEC's protocol to sign.
func TestKeysThatMaySign(t *testing.T) {
	good := kinds.ZSK1.DNSKEY()
	if !rootzone.SigningKey(good) || !rootzone.SigningKey(kinds.KSK1.DNSKEY()) {
		t.Error("a good key may not sign")
	}
	for name, how := range map[string]func(*dns.DNSKEY){
		"REVOKE": func(k *dns.DNSKEY) { k.Flags |= dns.REVOKE }, "no zone key": func(k *dns.DNSKEY) { k.Flags &^= dns.ZONE },
		"protocol": func(k *dns.DNSKEY) { k.Protocol = 2 }, "owner": func(k *dns.DNSKEY) { k.Hdr.Name = "com." },
	} {
		k := dns.Copy(good).(*dns.DNSKEY)
		if how(k); rootzone.SigningKey(k) {
			t.Errorf("%s: may sign", name)
		}
	}
}

// signedAgain is the zone with these signatures over SOA, each by a key, before the
// good one or after it.
func signedAgain(t *testing.T, before bool, strays ...lab.Stray) string {
	t.Helper()
	s := lab.Simple(kinds.KSK1, kinds.ZSK1)
	s.Publish = append(s.Publish, kinds.ZSK2)
	for _, stray := range strays {
		stray.Owner, stray.Type = ".", "SOA"
		s.Stray = append(s.Stray, stray)
	}
	records := revised(t, lab.Revision{Signing: s, ZONEMD: lab.Digests{}})
	if before {
		slices.Reverse(records)
	}
	return text(records)
}

// signed_at is the latest inception of the signatures over SOA that verify by a key
// of the zone, whatever stands first and whatever strays say.
func TestSignedAt(t *testing.T) {
	absent := lab.ZSK(kinds.Seed, "absent", lab.ECDSAP256SHA256)
	later := *day(1)
	wrap := time.Unix(1<<32+3600, 0).UTC()
	for name, c := range map[string]struct {
		strays []lab.Stray
		want   time.Time
	}{
		"one signature":         {nil, signedAt},
		"a later good one":      {[]lab.Stray{{Key: kinds.ZSK2, Inception: later}}, later},
		"an older good one":     {[]lab.Stray{{Key: kinds.ZSK2, Inception: signedAt.AddDate(0, 0, -1)}}, signedAt},
		"by an absent key":      {[]lab.Stray{{Key: absent, Inception: later}}, signedAt},
		"by a revoked key":      {[]lab.Stray{{Key: kinds.ZSK2.Revoke(), Inception: later}}, signedAt},
		"that does not verify":  {[]lab.Stray{{Key: kinds.ZSK1, Inception: later, Garbage: true}}, signedAt},
		"by another signer":     {[]lab.Stray{{Key: kinds.ZSK1, Inception: later, Signer: "com."}}, signedAt},
		"three, the second is":  {[]lab.Stray{{Key: kinds.ZSK2, Inception: later}, {Key: absent, Inception: *day(2)}}, later},
		"after 2106, as modulo": {[]lab.Stray{{Key: kinds.ZSK2, Inception: wrap, Expiration: wrap.AddDate(0, 0, 14)}}, signedAt},
	} {
		t.Run(name, func(t *testing.T) {
			for _, before := range []bool{false, true} {
				if got, err := whole(t, signedAgain(t, before, c.strays...)).SignedAt(); err != nil || !got.Equal(c.want) {
					t.Errorf("%s (%v), want %s", got, err, c.want)
				}
			}
		})
	}
	records := slices.DeleteFunc(revised(t, lab.Revision{}), sigOver(".", dns.TypeSOA))
	if at, err := whole(t, text(records)).SignedAt(); !errors.Is(err, rootzone.ErrBogus) {
		t.Errorf("without a signature: %s, %v", at, err)
	}
}

// digestsAs is the zone with other ZONEMD records in place of the right one. What signs
// them is not asked.
func digestsAs(t *testing.T, how func(a, b *dns.ZONEMD) []dns.RR) string {
	t.Helper()
	made := func(d ...lab.Digest) []dns.RR { return revised(t, lab.Revision{ZONEMD: d}) }
	only := func(records []dns.RR) *dns.ZONEMD {
		for _, rr := range records {
			if md, ok := rr.(*dns.ZONEMD); ok {
				return md
			}
		}
		t.Fatal("no ZONEMD")
		return nil
	}
	records := made(lab.Digest{Hash: lab.SHA384})
	right, wrong := only(records), only(made(lab.Digest{Hash: lab.SHA384, Wrong: true}))
	other := slices.DeleteFunc(records, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeZONEMD })
	return text(append(other, how(right, wrong)...))
}

// Two records of one scheme and hash count as wrong (RFC 8976 section 4); one that
// stands twice is one.
func TestTwoDigestsOfAKind(t *testing.T) {
	const wrong = "./ZONEMD: the digest is not the zone's"
	for name, c := range map[string]struct {
		how  func(right, other *dns.ZONEMD) []dns.RR
		want string // "" is a good digest
	}{
		"one":            {func(right, _ *dns.ZONEMD) []dns.RR { return []dns.RR{right} }, ""},
		"twice the same": {func(right, _ *dns.ZONEMD) []dns.RR { return []dns.RR{right, right} }, ""},
		"twice, letters": {func(right, _ *dns.ZONEMD) []dns.RR {
			again := dns.Copy(right).(*dns.ZONEMD)
			again.Digest = strings.ToUpper(again.Digest)
			return []dns.RR{right, again}
		}, ""},
		"right first": {func(right, other *dns.ZONEMD) []dns.RR { return []dns.RR{right, other} }, wrong},
		"right last":  {func(right, other *dns.ZONEMD) []dns.RR { return []dns.RR{other, right} }, wrong},
	} {
		t.Run(name, func(t *testing.T) {
			z, err := validate(t, digestsAs(t, c.how), ksk1(), signedAt)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if z.Digested() != (c.want == "") {
				t.Errorf("digested %t", z.Digested())
			}
		})
	}
}

// A digest that is known is checked whatever else is there, and vouches for glue.
func TestDigestVouches(t *testing.T) {
	for _, k := range kinds.All(signedAt) {
		if !strings.HasPrefix(k.Name, "zonemd-") && !strings.HasPrefix(k.Name, "glue-") {
			continue
		}
		made, err := k.Last(12, signedAt)
		if err != nil {
			t.Fatal(err)
		}
		z, err := validate(t, text(made.RRs()), ksk1(), signedAt)
		want := strings.Contains(k.Like, "zonemd 1") || strings.Contains(k.Like, "zonemd 2")
		if z.Digested() != want || err == nil && want == (len(z.Notes) > 0) {
			t.Errorf("%s: digested %t, notes %q (%v)", k.Name, z.Digested(), z.Notes, err)
		}
	}
}

// What the signed NSEC records list must be there, and what is there be listed.
func TestBitmaps(t *testing.T) {
	records := revised(t, lab.Revision{ZONEMD: lab.Digests{}})
	gone := func(owner string, typ uint16) []dns.RR {
		return slices.DeleteFunc(slices.Clone(records), func(rr dns.RR) bool {
			return rr.Header().Name == owner && rr.Header().Rrtype == typ || sigOver(owner, typ)(rr)
		})
	}
	more := func(line string) []dns.RR {
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		return append(slices.Clone(records), rr)
	}
	ds := " 86400 IN DS 1 8 2 " + strings.Repeat("00", 32)
	unsigned := slices.DeleteFunc(slices.Clone(records), func(rr dns.RR) bool {
		return rr.Header().Rrtype == dns.TypeNSEC || sigOver(rr.Header().Name, dns.TypeNSEC)(rr)
	})
	for want, records := range map[string][]dns.RR{
		"com./DS: missing, though the NSEC record lists it": gone("com.", dns.TypeDS),
		"/DS: not in the NSEC record":                       more(insecure(t, records) + ds),
		"./TXT: not in the NSEC record":                     more(". 86400 IN TXT x"),
		"./NSEC: missing":                                   unsigned,
	} {
		if _, err := validate(t, text(records), ksk1(), signedAt); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// insecure is a top-level domain without DS.
func insecure(t *testing.T, records []dns.RR) string {
	t.Helper()
	for _, rr := range records {
		if nsec, ok := rr.(*dns.NSEC); ok && nsec.Hdr.Name != "." && !slices.Contains(nsec.TypeBitMap, dns.TypeDS) {
			return nsec.Hdr.Name
		}
	}
	t.Fatal("every one has DS")
	return ""
}

func sigOver(owner string, typ uint16) func(dns.RR) bool {
	return func(rr dns.RR) bool {
		sig, ok := rr.(*dns.RRSIG)
		return ok && sig.TypeCovered == typ && sig.Hdr.Name == owner
	}
}
