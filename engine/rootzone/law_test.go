package rootzone_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/lab/kinds"
	"mtric.net/mtric/engine/rootzone"
)

// finding is what comes of a zone: refused with a text, or archived; each note of an
// archived one has one of the texts in it, and each text is in a note.
type finding struct {
	refused string
	notes   []string
}

var (
	asIs        = finding{}
	notAmong    = "which is not among those that may sign the zone"
	noOthers    = "vouched for by their source only"
	wrongDigest = finding{refused: "./ZONEMD: the digest is not the zone's"}
	noAnchor    = finding{refused: "./DNSKEY: no key of an anchor that is believed then"}
)

func noted(texts ...string) finding { return finding{notes: texts} }

// findings of all kinds, each by the law for signatures: one that holds is enough, by
// a key of the zone that may sign; no other counts, and none beside it refuses.
var findings = map[string]finding{
	"simple": asIs, "ksk-published": asIs, "ksk-both-sign": asIs, "ksk-removed": asIs, "ksk-revoked-silent": asIs,
	"ksk-revoked-signs":    noted("./DNSKEY: 1 of 2 signatures count for nothing: signed by key "),
	"ksk-revoked-alone":    noAnchor,
	"ksk-unanchored":       noAnchor,
	"ksk-absent-signs-too": noted("./DNSKEY: 1 of 2 signatures count for nothing: signed by key "),
	"zsk-published":        asIs, "zsk-changed": asIs, "one-key": asIs, "all-keys-sign-keys": asIs,
	"zsk-absent":    {refused: "./NS: signed by key "},
	"zsk-revoked":   {refused: "./NS: signed by key "},
	"unsigned-keys": {refused: "./DNSKEY: not signed by the key of an anchor"},

	"algorithm-old": asIs, "algorithm-new-keys": asIs, "algorithm-liberal": asIs, "algorithm-edwards": asIs,
	"algorithm-new-signatures":  noted(notAmong, "and 17 more"),
	"algorithm-old-keys-gone":   noted(notAmong, "and 17 more"),
	"algorithm-old-key-revoked": noted("./DNSKEY: 1 of 2 signatures count for nothing: signed by key "),
	"unknown-17-alone":          {refused: "./DNSKEY: not signed by the key of an anchor: algorithm 17 is not known"},
	"unknown-17-published":      asIs,
	"unknown-17-beside":         noted("algorithm 17 is not known to this version of mtric", "and 18 more"),
	"unknown-17-unpublished":    noted(notAmong, "and 17 more"),
	"unknown-253-alone":         {refused: "./DNSKEY: not signed by the key of an anchor: algorithm 253 is not known"},
	"unknown-253-published":     asIs,
	"unknown-253-beside":        noted("algorithm 253 is not known to this version of mtric", "and 18 more"),
	"unknown-253-unpublished":   noted(notAmong, "and 17 more"),

	"stray-garbage":     noted("does not verify", "and 18 more"),
	"stray-garbage-soa": noted("./SOA: 1 of 2 signatures count for nothing: the signature by key "),
	"stray-absent":      noted(notAmong, "and 18 more"),
	"stray-absent-soa":  noted("./SOA: 1 of 2 signatures count for nothing: signed by key "),
	"stray-signer":      noted("1 signatures over what the root does not sign", "and 16 more"),
	"stray-delegation":  noted("com./NS: 1 signatures over what the root does not sign"),
	"stray-later-soa":   noted("./SOA: 1 of 2 signatures count for nothing: the signature is valid from 20261121000000 "),
	"stray-expired-soa": noted("./SOA: 1 of 2 signatures count for nothing: the signature is valid from 20261106000000 to 20261120000000 only"),

	"zonemd-512": asIs, "zonemd-both": asIs, "zonemd-both-384-wrong": asIs, "zonemd-both-512-wrong": asIs, "zonemd-private-and-384": asIs,
	"zonemd-none":                  noted("./ZONEMD: there is none, so delegations and glue are " + noOthers),
	"zonemd-private":               noted("./ZONEMD: of no scheme and hash that are known here, so delegations and glue are " + noOthers),
	"zonemd-scheme":                noted("./ZONEMD: of no scheme and hash that are known here, so delegations and glue are " + noOthers),
	"zonemd-384-wrong":             wrongDigest,
	"zonemd-512-wrong":             wrongDigest,
	"zonemd-both-wrong":            wrongDigest,
	"zonemd-private-and-384-wrong": wrongDigest,
	"zonemd-serial":                wrongDigest,
	"zonemd-taken-out":             {refused: "./ZONEMD: missing, though the NSEC record lists it"},

	"glue-right": asIs, "ds-removed": asIs,
	"glue-wrong":             wrongDigest,
	"glue-512-wrong":         wrongDigest,
	"glue-no-zonemd":         noted("./ZONEMD: there is none"),
	"ds-taken-out":           {refused: "com./DS: missing, though the NSEC record lists it"},
	"ds-taken-out-wrong":     {refused: "com./DS: missing, though the NSEC record lists it"},
	"ds-taken-out-no-zonemd": {refused: "com./DS: missing, though the NSEC record lists it"},
	"nsec-taken-out":         {refused: "not whole: the NSEC chain breaks at com."},
}

// anchorsOf are trust anchors of keys, believed at any time.
func anchorsOf(keys []lab.Key) (all []rootzone.Anchor) {
	for _, k := range keys {
		all = append(all, rootzone.Anchor{DS: k.Anchor()})
	}
	return all
}

func TestLawOfKinds(t *testing.T) {
	met := 0
	for _, k := range kinds.All(signedAt) {
		t.Run(k.Name, func(t *testing.T) {
			want, known := findings[k.Name]
			if !known {
				t.Fatal("what is to come of this kind?")
			}
			met++
			made, err := k.Last(12, signedAt)
			if err != nil {
				t.Fatal(err)
			}
			z, err := rootzone.ReadWhole(strings.NewReader(text(made.RRs())), "test")
			if err == nil {
				err = z.Validate(anchorsOf(k.Anchors), signedAt.Add(time.Hour))
			}
			want.check(t, z, err)
			if err != nil {
				return
			}
			// A stray's inception is not the zone's.
			if at, err := z.SignedAt(); err != nil || !at.Equal(signedAt) {
				t.Errorf("signed at %s (%v)", at, err)
			}
		})
	}
	if met != len(findings) {
		t.Errorf("%d kinds, %d findings", met, len(findings))
	}
}

func (f finding) check(t *testing.T, z *rootzone.Zone, err error) {
	t.Helper()
	if f.refused != "" {
		if err == nil || !strings.Contains(err.Error(), f.refused) {
			t.Errorf("error %v, want %q", err, f.refused)
		}
		return
	}
	if err != nil {
		t.Error(err)
		return
	}
	for _, n := range z.Notes {
		if !slices.ContainsFunc(f.notes, func(text string) bool { return strings.Contains(n, text) }) {
			t.Errorf("note %q", n)
		}
	}
	for _, text := range f.notes {
		if !slices.ContainsFunc(z.Notes, func(n string) bool { return strings.Contains(n, text) }) {
			t.Errorf("no note %q in %q", text, z.Notes)
		}
	}
}

// oneSigned is a zone of which the signatures over one RRset are made by orders; all
// else is good.
func oneSigned(t *testing.T, typ string, good bool, strays ...lab.Stray) *rootzone.Zone {
	t.Helper()
	s := lab.Simple(kinds.KSK1, kinds.ZSK1)
	owner := "com."
	if typ != "DS" && typ != "NSEC" {
		owner = "."
	}
	for _, stray := range strays {
		stray.Owner, stray.Type = owner, typ
		s.Stray = append(s.Stray, stray)
	}
	all, err := lab.History(kinds.Options(12, signedAt), lab.Revision{Unchanged: true, Signing: s, ZONEMD: lab.Digests{}})
	if err != nil {
		t.Fatal(err)
	}
	left := slices.DeleteFunc(all[1].RRs(), func(rr dns.RR) bool {
		sig, ok := rr.(*dns.RRSIG)
		return ok && !good && sig.Hdr.Name == owner && sig.TypeCovered == dns.StringToType[typ] && !slices.ContainsFunc(s.Stray, func(s lab.Stray) bool { return of(s, sig) })
	})
	return whole(t, text(left))
}

// of says whether the signature is the stray rather than the good one.
func of(s lab.Stray, sig *dns.RRSIG) bool {
	return sig.KeyTag != kinds.ZSK1.Tag() && sig.KeyTag != kinds.KSK1.Tag() ||
		!s.Inception.IsZero() && sig.Inception == uint32(s.Inception.Unix()) || s.Signer != "" && sig.SignerName == s.Signer
}

// Whatever a signature is worth nothing for: beside a good one it is a note, over
// each type that the root signs; alone it refuses the zone.
func TestWorthlessSignatures(t *testing.T) {
	absent := lab.ZSK(kinds.Seed, "absent", lab.ECDSAP256SHA256)
	for name, c := range map[string]struct {
		stray lab.Stray
		why   string
	}{
		"absent key":        {lab.Stray{Key: absent}, "is not among those that may sign"},
		"absent algorithm":  {lab.Stray{Key: lab.ZSK(kinds.Seed, "absent", lab.ED25519)}, "is not among those that may sign"},
		"unknown algorithm": {lab.Stray{Key: lab.ZSK(kinds.Seed, "absent", 17)}, "is not among those that may sign"},
		"revoked key":       {lab.Stray{Key: kinds.KSK1.Revoke()}, "is not among those that may sign"},
		"another signer":    {lab.Stray{Key: kinds.ZSK1, Signer: "com."}, "signed by com."},
		"expired":           {lab.Stray{Key: kinds.ZSK1, Inception: signedAt.AddDate(0, 0, -14), Expiration: signedAt}, "is valid from 20261106000000 to 20261120000000 only"},
		"early":             {lab.Stray{Key: kinds.ZSK1, Inception: *day(1)}, "is valid from 20261121000000 to 20261204000000 only"},
	} {
		for _, typ := range []string{"SOA", "NS", "NSEC", "DS"} {
			t.Run(name+" over "+typ, func(t *testing.T) {
				at, anchors := signedAt.Add(time.Hour), anchorsOf([]lab.Key{kinds.KSK1})
				z := oneSigned(t, typ, true, c.stray)
				noted(typ+": 1 of 2 signatures count for nothing", noOthers).check(t, z, z.Validate(anchors, at))
				if err := oneSigned(t, typ, false, c.stray).Validate(anchors, at); !errors.Is(err, rootzone.ErrBogus) ||
					!strings.Contains(err.Error(), "/"+typ+": ") || !strings.Contains(err.Error(), c.why) || strings.Count(err.Error(), "\n") > 0 {
					t.Errorf("without the good one: %v, want %q of %s and nothing else", err, c.why, typ)
				}
			})
		}
	}
}

// Every RRset that the root signs must be authentic: break one after the other. The
// zone has no digest that would tell.
func TestEveryRRsetIsAuthentic(t *testing.T) {
	all, err := lab.History(kinds.Options(8, signedAt), lab.Revision{Unchanged: true, ZONEMD: lab.Digests{{Hash: lab.PrivateHash}}})
	if err != nil {
		t.Fatal(err)
	}
	records := all[1].RRs()
	anchors := anchorsOf([]lab.Key{kinds.KSK1})
	tried := map[string]int{}
	for i, rr := range records {
		sig, ok := rr.(*dns.RRSIG)
		if !ok {
			continue
		}
		set := sig.Hdr.Name + "/" + dns.Type(sig.TypeCovered).String()
		tried[dns.Type(sig.TypeCovered).String()]++
		for name, how := range map[string]func(*dns.RRSIG){
			"signature": func(s *dns.RRSIG) { s.Signature = "AAAA" + s.Signature[4:] },
			"TTL":       func(s *dns.RRSIG) { s.OrigTtl++ },
			"labels":    func(s *dns.RRSIG) { s.Labels++ },
			"tag":       func(s *dns.RRSIG) { s.KeyTag++ },
			"algorithm": func(s *dns.RRSIG) { s.Algorithm = dns.RSASHA256 },
			"signer":    func(s *dns.RRSIG) { s.SignerName = "com." },
		} {
			broken := slices.Clone(records)
			broken[i] = dns.Copy(rr)
			how(broken[i].(*dns.RRSIG))
			if err := whole(t, text(broken)).Validate(anchors, signedAt.Add(time.Hour)); !errors.Is(err, rootzone.ErrBogus) || !strings.Contains(err.Error(), set+": ") {
				t.Errorf("%s over %s: %v", name, set, err)
			}
		}
	}
	if got, want := fmt.Sprint(tried), "map[DNSKEY:1 DS:8 NS:1 NSEC:9 SOA:1 ZONEMD:1]"; got != want {
		t.Errorf("tried %s, want %s", got, want)
	}
}
