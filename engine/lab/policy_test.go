package lab_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/lab/kinds"
)

// keys lists keys.
func keys(all ...lab.Key) []lab.Key { return all }

// last is a small zone of a kind.
func last(t *testing.T, k kinds.Kind) *lab.Zone {
	t.Helper()
	z, err := k.Last(20, inception)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// TestKinds verifies each kind of zone with the library alone, and that the bytes
// are the same on every machine and under every version of Go.
func TestKinds(t *testing.T) {
	var sums bytes.Buffer
	for _, k := range kinds.All(inception) {
		zone := text(t, last(t, k))
		if got := judge(t, zone, k.Anchors); got != k.Like {
			t.Errorf("%s:\ngot  %s\nwant %s", k.Name, got, k.Like)
		}
		fmt.Fprintf(&sums, "%x %s\n", sha256.Sum256([]byte(zone)), k.Name)
	}
	golden(t, "kinds.sha256", sums.Bytes())
}

// judge says what a zone is like.
func judge(t *testing.T, zone string, anchors []lab.Key) string {
	t.Helper()
	c := read(t, strings.NewReader(zone))
	var trusted, zoneKeys []*dns.DNSKEY
	for _, rr := range c.sets[set{".", dns.TypeDNSKEY}] {
		k := rr.(*dns.DNSKEY)
		if k.Flags&dns.REVOKE != 0 {
			continue
		}
		zoneKeys = append(zoneKeys, k)
		ds := k.ToDS(dns.SHA256).String()
		if slices.ContainsFunc(anchors, func(a lab.Key) bool { return a.DS() == ds }) {
			trusted = append(trusted, k)
		}
	}
	keys := holding(c, set{".", dns.TypeDNSKEY}, trusted)
	soa := holding(c, set{".", dns.TypeSOA}, zoneKeys)
	rest, unauthorised := "", 0
	for k := range c.sets {
		switch {
		case k.rtype == dns.TypeDNSKEY || k.rtype == dns.TypeSOA:
		case k.owner != "." && k.rtype != dns.TypeDS && k.rtype != dns.TypeNSEC:
			if len(c.sigs[k]) > 0 {
				unauthorised++
			}
		default:
			if h := holding(c, k, zoneKeys); rest == "" || h < rest {
				rest = h
			}
		}
	}
	said := fmt.Sprintf("keys %s soa %s rest %s zonemd %s", keys, soa, rest, digestsOf(t, c))
	if unauthorised > 0 {
		said += fmt.Sprintf(", %d sets signed without authority", unauthorised)
	}
	return said + gaps(c)
}

// holding counts the signatures over an RRset that hold by one of the keys, of all.
func holding(c contents, k set, by []*dns.DNSKEY) string {
	hold := 0
	for _, sig := range c.sigs[k] {
		if sig.ValidityPeriod(inception.AddDate(0, 0, 7)) && slices.ContainsFunc(by, func(key *dns.DNSKEY) bool { return sig.Verify(key, c.sets[k]) == nil }) {
			hold++
		}
	}
	return fmt.Sprintf("%d/%d", hold, len(c.sigs[k]))
}

// digestsOf counts the ZONEMD records that are right, of all.
func digestsOf(t *testing.T, c contents) string {
	t.Helper()
	right, all := 0, c.sets[set{".", dns.TypeZONEMD}]
	for _, rr := range all {
		md := rr.(*dns.ZONEMD)
		sum := map[uint8]hash.Hash{1: sha512.New384(), 2: sha512.New()}[md.Hash]
		if sum == nil || md.Scheme != 1 || md.Serial != c.sets[set{".", dns.TypeSOA}][0].(*dns.SOA).Serial {
			continue
		}
		sum.Write(digested(t, c))
		if hex.EncodeToString(sum.Sum(nil)) == strings.ToLower(md.Digest) {
			right++
		}
	}
	return fmt.Sprintf("%d/%d", right, len(all))
}

// gaps tells where NSEC records are not there, or list what is not.
func gaps(c contents) string {
	var said []string
	owners := map[string]bool{}
	for k := range c.sets {
		owners[k.owner] = owners[k.owner] || k.rtype == dns.TypeNS
	}
	for owner, delegated := range owners {
		nsec := c.sets[set{owner, dns.TypeNSEC}]
		if delegated && len(nsec) == 0 {
			said = append(said, ", "+owner+" has no NSEC")
			continue
		}
		for _, rr := range nsec {
			for _, listed := range rr.(*dns.NSEC).TypeBitMap {
				if listed != dns.TypeRRSIG && c.sets[set{owner, listed}] == nil {
					said = append(said, fmt.Sprintf(", NSEC of %s lists %s", owner, dns.TypeToString[listed]))
				}
			}
		}
	}
	slices.Sort(said)
	return strings.Join(said, "")
}

func TestKeys(t *testing.T) {
	for _, a := range []lab.Algorithm{lab.RSASHA256, lab.ECDSAP256SHA256, lab.ED25519, lab.PrivateDNS, 17} {
		k := lab.KSK(seed, "ksk", a)
		if k.Tag() == k.Revoke().Tag() || k.Tag() == lab.ZSK(seed, "ksk", a).Tag() {
			t.Errorf("algorithm %d: flags do not change the tag", a)
		}
		if k.DNSKEY().PublicKey == lab.KSK(seed, "other", a).DNSKEY().PublicKey || k.DNSKEY().PublicKey == lab.KSK(seed+1, "ksk", a).DNSKEY().PublicKey {
			t.Errorf("algorithm %d: keys of two names or seeds are the same", a)
		}
		rr, err := dns.NewRR(k.DS())
		if err != nil {
			t.Fatal(err)
		}
		ds := rr.(*dns.DS)
		if want := fmt.Sprintf("%d %d 2 %s", k.Tag(), a, strings.ToUpper(ds.Digest)); k.Anchor() != want {
			t.Errorf("anchor %s, want %s", k.Anchor(), want)
		}
		at := len(k.Anchor()) - 8
		if want := k.Anchor()[:at] + " " + k.Anchor()[at:]; k.DigAnchor() != want {
			t.Errorf("anchor %s, want %s", k.DigAnchor(), want)
		}
	}
}

// A zone of a longer history differs from the one before only in what was told.
func TestSignaturesAreKept(t *testing.T) {
	both := &lab.Signing{Publish: keys(kinds.ZSK1, kinds.KSK1, kinds.KSK2), SignKeys: keys(kinds.KSK1, kinds.KSK2), SignData: keys(kinds.ZSK1, kinds.ZSK2)}
	o := options(20)
	o.Signing = lab.Simple(kinds.KSK1, kinds.ZSK1)
	all, err := lab.History(o, lab.Revision{Unchanged: true, Signing: both}, lab.Revision{Unchanged: true, ZONEMD: lab.Digests{}}, lab.Revision{})
	if err != nil {
		t.Fatal(err)
	}
	count := func(z *lab.Zone, k set) int { return len(read(t, strings.NewReader(text(t, z))).sigs[k]) }
	for i, want := range []int{1, 2, 2, 2} {
		if got := count(all[i], set{".", dns.TypeNS}); got != want {
			t.Errorf("version %d: %d signatures over NS, want %d", i, got, want)
		}
	}
	if count(all[3], set{".", dns.TypeZONEMD}) != 0 {
		t.Error("ZONEMD comes back")
	}
	s := all[3].Signing()
	if fmt.Sprint(s) != fmt.Sprint(both) {
		t.Errorf("signing %v, want %v", s, both)
	}
	s.SignData[0] = kinds.ZSK2
	if all[3].Signing().SignData[0] != kinds.ZSK1 {
		t.Error("a copy of the signing changes the zone")
	}
}

// A root server has another address in NS glue from the next version on.
func TestGlue(t *testing.T) {
	all, err := lab.History(options(20), lab.Revision{Glue: map[string]netip.Addr{
		"b.root-servers.net.": netip.MustParseAddr("198.18.0.2"), "a.ns.arpa.": netip.MustParseAddr("2001:db8::2")}}, lab.Revision{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]string{{"170.247.170.2", "2001:503:ba3e::2:30"}, {"198.18.0.2", "2001:db8::2"}, {"198.18.0.2", "2001:db8::2"}} {
		c := read(t, strings.NewReader(text(t, all[i])))
		a, aaaa := c.sets[set{"b.root-servers.net.", dns.TypeA}], c.sets[set{"a.ns.arpa.", dns.TypeAAAA}]
		if len(a) != 1 || len(aaaa) != 1 || a[0].(*dns.A).A.String() != want[0] || aaaa[0].(*dns.AAAA).AAAA.String() != want[1] {
			t.Errorf("version %d: %v %v, want %v", i, a, aaaa, want)
		}
	}
}

func TestRevisionsThatCannotBe(t *testing.T) {
	for want, r := range map[string]lab.Revision{
		"zone 2026112301: remove nowhere./DS: the zone has none":                                     {RemoveDS: []string{"nowhere."}},
		"zone 2026112301: glue of ns.nowhere.: no such name server":                                  {Glue: map[string]netip.Addr{"ns.nowhere.": netip.MustParseAddr("198.18.0.1")}},
		`zone 2026112301: missing RRset "nowhere./DS": the zone has none`:                            {Missing: []string{"nowhere./DS"}},
		`zone 2026112301: missing RRset "com.": want OWNER/TYPE`:                                     {Missing: []string{"com."}},
		`zone 2026112301: missing RRset "./SOA": a zone without SOA or delegations cannot be served`: {Missing: []string{"./SOA"}},
		"zone 2026112301: stray signature 2: no RRset com./TXT": {Signing: &lab.Signing{SignKeys: keys(kinds.KSK1), SignData: keys(kinds.ZSK1), Publish: keys(kinds.ZSK1, kinds.KSK1),
			Stray: []lab.Stray{{Key: kinds.ZSK1}, {Owner: "com.", Type: "TXT", Key: kinds.ZSK1}}}},
		"zone 2026112301: expiration 2026-11-20T00:00:00Z is not after inception 2026-11-22T00:00:00Z": {Expiration: inception.AddDate(0, 0, -2)},
	} {
		if _, err := small(t).NextVersion(r); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// TestAnswersCarryAllSignatures asks each flavour of a zone with two signatures
// an RRset, and for glue that somebody else signed.
func TestAnswersCarryAllSignatures(t *testing.T) {
	s := lab.Simple(kinds.KSK1, kinds.ZSK1)
	s.SignKeys, s.SignData = keys(kinds.KSK1, kinds.KSK2), keys(kinds.ZSK1, kinds.ZSK2)
	s.Stray = []lab.Stray{{Owner: "a.root-servers.net.", Key: kinds.ZSK2, Signer: "root-servers.net."}}
	z := last(t, kinds.Kind{Revisions: []lab.Revision{{Unchanged: true, Signing: s}}})
	for _, f := range []lab.Flavour{lab.NSD, lab.Knot, lab.BIND} {
		for about, want := range map[string]int{"./SOA": 2, "./DNSKEY": 2, "./NS": 2, "com./DS": 2, "nowhere./A": 6} {
			name, qtype, _ := strings.Cut(about, "/")
			wire, err := z.Answer(pack(t, question(name, dns.StringToType[qtype])), f, "x", true)
			if err != nil {
				t.Fatal(err)
			}
			var a dns.Msg
			if err := a.Unpack(wire); err != nil {
				t.Fatal(err)
			}
			got, glue := 0, 0
			for _, rr := range slices.Concat(a.Answer, a.Ns, a.Extra) {
				sig, ok := rr.(*dns.RRSIG)
				switch {
				case ok && sig.SignerName == "root-servers.net.":
					glue++
				case ok && (sig.TypeCovered != dns.TypeNS || qtype == "NS"): // NSD and BIND add the NS RRset
					got++
				}
			}
			if got != want {
				t.Errorf("%s %s: %d signatures, want %d in\n%v", f, about, got, want, &a)
			}
			if qtype == "NS" && glue != 2 {
				t.Errorf("%s %s: %d signatures over glue, want 2", f, about, glue)
			}
		}
	}
}

// TestTransferCarriesAllSignatures compares a transfer with the file.
func TestTransferCarriesAllSignatures(t *testing.T) {
	for _, k := range kinds.All(inception) {
		if k.Name != "algorithm-new-keys" && k.Name != "ds-taken-out" {
			continue
		}
		z := last(t, k)
		s := start(t, lab.Config{Zone: z})
		c, err := dns.Dial("tcp", s.Addr("a", "ipv4").String())
		if err != nil {
			t.Fatal(err)
		}
		m := new(dns.Msg).SetAxfr(".")
		in, err := (&dns.Transfer{Conn: c}).In(m, "")
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		var rrs []dns.RR
		for e := range in {
			if e.Error != nil {
				t.Fatal(e.Error)
			}
			rrs = append(rrs, e.RR...)
		}
		for _, rr := range rrs[:len(rrs)-1] {
			fmt.Fprintln(&got, rr)
		}
		if got.String() != text(t, z) {
			t.Errorf("%s: the transfer is not the zone", k.Name)
		}
	}
}
