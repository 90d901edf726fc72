package rootzone_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/rootzone"
)

// genuine is the text of a genuine root zone.
func genuine(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("MTRIC_REAL_DATA")
	if dir == "" {
		t.Skip("MTRIC_REAL_DATA is not set: set it to a folder with rootzone/*.zone.gz to fetch genuine root zones")
	}
	packed, err := os.ReadFile(filepath.Join(dir, "rootzone", name))
	must(t, err)
	unzipped, err := gzip.NewReader(bytes.NewReader(packed))
	must(t, err)
	var b bytes.Buffer
	_, err = b.ReadFrom(unzipped)
	must(t, err)
	return b.String()
}

// iana are the trust anchors of the time.
func iana() []rootzone.Anchor {
	from := time.Date(2017, 2, 2, 0, 0, 0, 0, time.UTC)
	until := time.Date(2019, 1, 11, 0, 0, 0, 0, time.UTC)
	return []rootzone.Anchor{
		{DS: "19036 8 2 49AAC11D7B6F6446702E54A1607371607A1A41855200FD2CE1CDDE32F24E8FB5", Until: &until},
		{DS: "20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D", From: &from},
	}
}

// The genuine zones of 2019 are fetched by HTTPS with the clock set back, from a
// server that is later a day behind and at last serves what has expired.
func TestFetchGenuineZonesOf2019(t *testing.T) {
	older, newer := genuine(t, "root-2019101300.zone.gz"), genuine(t, "root-2019102401.zone.gz")
	now := time.Date(2019, 10, 24, 18, 0, 0, 0, time.UTC) // both are valid
	f := &rootzone.Fetcher{Dir: t.TempDir(), Anchors: iana(), Now: func() time.Time { return now }}
	serving := ""
	s := site(t, f, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, serving) })
	for _, c := range []struct {
		text   string
		serial uint32
	}{{older, 2019101300}, {newer, 2019102401}} {
		serving = c.text
		if r := fetch(t, f, s); !r.Added || r.Serial != c.serial {
			t.Errorf("%+v", r)
		}
		if r := fetch(t, f, s); r.Added || r.Serial != c.serial {
			t.Errorf("again: %+v", r)
		}
	}
	serving = older
	refused(t, f, s, rootzone.OlderSerial, "2019101300 is older than 2019102401")
	serving = newer[:len(newer)/2]
	refused(t, f, s, rootzone.Truncated, "")
	serving = strings.Replace(newer, "193.0.14.129", "193.0.14.130", 1) // glue: not signed, and no ZONEMD yet
	refused(t, f, s, rootzone.OtherRecords, "2019102401.root.txt has other records")
	serving = regexp.MustCompile(`(\sDS\s+)[0-9]+`).ReplaceAllString(newer, "${1}1")
	refused(t, f, s, rootzone.Bogus, "/DS: ")
	serving = newer
	f.Anchors = iana()[:1] // of the key before
	now = time.Date(2019, 10, 25, 0, 0, 0, 0, time.UTC)
	r, err := f.Fetch(context.Background(), []rootzone.Source{s})
	if !errors.Is(err, rootzone.ErrNoSource) || r.Refusals[0].Kind != rootzone.WrongKey {
		t.Errorf("error %v", err)
	}
	f.Anchors = iana()
	now = time.Date(2019, 11, 7, 0, 0, 0, 0, time.UTC)
	refused(t, f, s, rootzone.Bogus, "does not validate")
}

// Both sides of the ZONEMD activation, and consecutive zones of 2026, signed
// with a key of our own since theirs came without signatures.
func TestFetchGenuineZonesSignedAnew(t *testing.T) {
	signer := newSigner(t)
	f := &rootzone.Fetcher{Dir: t.TempDir(), Anchors: []rootzone.Anchor{signer.anchor}, Now: func() time.Time { return fetchedAt }}
	for _, c := range []struct {
		serial uint32
		zonemd string // what the zone carries
	}{
		{2023120601, "1 241"}, {2023120602, "1 1"}, {2026082100, "1 1"}, {2026082101, "1 1"}, {2026082102, "1 1"}, {2026082200, "1 1"},
	} {
		unsigned := genuine(t, fmt.Sprintf("root-%d.norrsig.zone.gz", c.serial))
		signed := signer.sign(t, unsigned)
		md := signed.zonemd
		if got := fmt.Sprintf("%d %d", md.Scheme, md.Hash); got != c.zonemd {
			t.Errorf("%d: ZONEMD %s, want %s", c.serial, got, c.zonemd)
		}
		// Glue is not signed: where ZONEMD is not of a kind we know, nothing tells.
		spoilt := slices.Clone(signed.records)
		i := slices.IndexFunc(spoilt, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeAAAA })
		spoilt[i] = dns.Copy(spoilt[i])
		spoilt[i].(*dns.AAAA).AAAA[15] ^= 1
		if md.Hash == 1 {
			refused(t, f, file(t, text(spoilt)), rootzone.Bogus, "./ZONEMD: the digest is not the zone's")
		}
		if r := fetch(t, f, file(t, text(signed.records))); !r.Added || r.Serial != c.serial {
			t.Errorf("%d: %+v", c.serial, r)
		}
		if md.Hash != 1 {
			refused(t, f, file(t, text(spoilt)), rootzone.OtherRecords, "has other records")
		}
	}
	if serials, err := rootzone.Serials(f.Dir); err != nil || len(serials) != 6 {
		t.Errorf("archive %v, %v", serials, err)
	}
}

// A record that the zone's key signed and that no NSEC record lists is no part of
// the zone: two signers, or one that was tricked.
func TestFetchRefusesWhatNSECDenies(t *testing.T) {
	signer := newSigner(t)
	f := &rootzone.Fetcher{Dir: t.TempDir(), Anchors: []rootzone.Anchor{signer.anchor}, Now: func() time.Time { return fetchedAt }}
	unsigned := text(labZone(t, 1).RRs())
	refused(t, f, file(t, text(signer.sign(t, unsigned+". 86400 IN TXT \"x\"\n").records)), rootzone.Bogus, "./TXT: not in the NSEC record")
	if r := fetch(t, f, file(t, text(signer.sign(t, unsigned).records))); !r.Added {
		t.Errorf("%+v", r)
	}
}

// signer signs zones with one key that is both KSK and ZSK.
type signer struct {
	key    *dns.DNSKEY
	secret crypto.Signer
	anchor rootzone.Anchor
}

func newSigner(t *testing.T) *signer {
	t.Helper()
	key := &dns.DNSKEY{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 172800},
		Flags: dns.ZONE | dns.SEP, Protocol: 3, Algorithm: dns.ECDSAP256SHA256}
	secret, err := key.Generate(256)
	must(t, err)
	_, ds, _ := strings.Cut(key.ToDS(dns.SHA256).String(), "\tDS\t")
	return &signer{key, secret.(crypto.Signer), rootzone.Anchor{DS: ds}}
}

type signedZone struct {
	records []dns.RR
	zonemd  *dns.ZONEMD
}

// sign replaces the keys, signatures and, where it is SHA-384, the digest.
func (s *signer) sign(t *testing.T, unsigned string) signedZone {
	t.Helper()
	var z signedZone
	sets := map[string][]dns.RR{}
	z.records = append(z.records, s.key)
	sets["."+dns.TypeToString[dns.TypeDNSKEY]] = []dns.RR{s.key}
	parser := dns.NewZoneParser(strings.NewReader(unsigned), "", "")
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		h := rr.Header()
		if h.Rrtype == dns.TypeDNSKEY || h.Rrtype == dns.TypeRRSIG {
			continue
		}
		z.records = append(z.records, rr)
		if md, is := rr.(*dns.ZONEMD); is {
			z.zonemd = md
			continue // signed last
		}
		if h.Name == "." || h.Rrtype == dns.TypeDS || h.Rrtype == dns.TypeNSEC {
			k := h.Name + dns.TypeToString[h.Rrtype]
			sets[k] = append(sets[k], rr)
		}
	}
	must(t, parser.Err())
	for _, set := range sets {
		z.records = append(z.records, s.signature(t, set))
	}
	if z.zonemd.Hash == 1 {
		digest, err := whole(t, text(z.records)).Digest()
		must(t, err)
		z.zonemd.Digest = hex.EncodeToString(digest[:])
	}
	z.records = append(z.records, s.signature(t, []dns.RR{z.zonemd}))
	return z
}

func (s *signer) signature(t *testing.T, set []dns.RR) *dns.RRSIG {
	t.Helper()
	h := set[0].Header()
	sig := &dns.RRSIG{Hdr: dns.RR_Header{Name: h.Name, Rrtype: dns.TypeRRSIG, Class: dns.ClassINET, Ttl: h.Ttl},
		TypeCovered: h.Rrtype, Algorithm: s.key.Algorithm, Labels: uint8(dns.CountLabel(h.Name)), OrigTtl: h.Ttl,
		Inception: uint32(signedAt.Unix()), Expiration: uint32(signedAt.AddDate(0, 0, 14).Unix()),
		KeyTag: s.key.KeyTag(), SignerName: "."}
	must(t, sig.Sign(s.secret, set))
	return sig
}
