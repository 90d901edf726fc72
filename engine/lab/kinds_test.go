package lab_test

import (
	"fmt"
	"net/netip"
	"testing"

	"mtric.net/mtric/engine/lab"
)

// Keys of the zones below: those named first sign unless told.
var (
	ksk1    = lab.KSK(seed, "ksk 1", lab.ECDSAP256SHA256)
	ksk2    = lab.KSK(seed, "ksk 2", lab.ECDSAP256SHA256)
	zsk1    = lab.ZSK(seed, "zsk 1", lab.ECDSAP256SHA256)
	zsk2    = lab.ZSK(seed, "zsk 2", lab.ECDSAP256SHA256)
	rsaKSK  = lab.KSK(seed, "ksk", lab.RSASHA256)
	rsaZSK  = lab.ZSK(seed, "zsk", lab.RSASHA256)
	edwards = lab.ZSK(seed, "edwards", lab.ED25519)
)

// keys lists keys.
func keys(all ...lab.Key) []lab.Key { return all }

// kind is one kind of zone. What it is like is the outcome of judge: signatures
// that hold of all, over the DNSKEY RRset by keys of the anchors, over the SOA
// RRset, the least of any other; digests that match; what else is wrong.
type kind struct {
	name     string
	revision []lab.Revision // of a zone that ksk1 and zsk1 sign
	anchors  []lab.Key      // none: ksk1
	want     string
}

const good = "keys 1/1 soa 1/1 rest 1/1 zonemd 1/1"

// signedBy is a revision that changes nothing but who signs.
func signedBy(s lab.Signing) []lab.Revision {
	return []lab.Revision{{Unchanged: true, Signing: &s}}
}

func strays(all ...lab.Stray) []lab.Revision {
	s := lab.Simple(ksk1, zsk1)
	s.Stray = all
	return signedBy(*s)
}

func digests(all ...lab.Digest) []lab.Revision {
	return []lab.Revision{{Unchanged: true, ZONEMD: all}}
}

var (
	by384 = lab.Digest{Hash: lab.SHA384}
	by512 = lab.Digest{Hash: lab.SHA512}
)

func wrong(d lab.Digest) lab.Digest {
	d.Wrong = true
	return d
}

func kinds() []kind {
	all := append(keyKinds(), algorithmKinds()...)
	all = append(append(all, strayKinds()...), digestKinds()...)
	return append(all, alteredKinds()...)
}

// keyKinds are the steps of a roll of each key.
func keyKinds() []kind {
	both := keys(ksk1, ksk2)
	revoked := ksk1.Revoke()
	return []kind{
		{name: "simple", want: good},
		{name: "ksk-published", revision: signedBy(lab.Signing{Publish: keys(zsk1, ksk1, ksk2), SignKeys: keys(ksk1), SignData: keys(zsk1)}), want: good},
		{name: "ksk-both-sign", revision: signedBy(lab.Signing{Publish: keys(zsk1, ksk1, ksk2), SignKeys: both, SignData: keys(zsk1)}), anchors: both,
			want: "keys 2/2 soa 1/1 rest 1/1 zonemd 1/1"},
		{name: "ksk-revoked-signs", revision: signedBy(lab.Signing{Publish: keys(zsk1, revoked, ksk2), SignKeys: keys(revoked, ksk2), SignData: keys(zsk1)}),
			anchors: both, want: "keys 1/2 soa 1/1 rest 1/1 zonemd 1/1"},
		{name: "ksk-revoked-silent", revision: signedBy(lab.Signing{Publish: keys(zsk1, revoked, ksk2), SignKeys: keys(ksk2), SignData: keys(zsk1)}),
			anchors: both, want: good},
		{name: "ksk-revoked-alone", revision: signedBy(lab.Signing{Publish: keys(zsk1, revoked), SignKeys: keys(revoked), SignData: keys(zsk1)}),
			want: "keys 0/1 soa 1/1 rest 1/1 zonemd 1/1"},
		{name: "ksk-removed", revision: signedBy(*lab.Simple(ksk2, zsk1)), anchors: keys(ksk2), want: good},
		{name: "ksk-unanchored", revision: signedBy(*lab.Simple(ksk2, zsk1)), want: "keys 0/1 soa 1/1 rest 1/1 zonemd 1/1"},
		{name: "ksk-absent-signs-too", revision: signedBy(lab.Signing{Publish: keys(zsk1, ksk1), SignKeys: keys(ksk2, ksk1), SignData: keys(zsk1)}),
			want: "keys 1/2 soa 1/1 rest 1/1 zonemd 1/1"},
		{name: "zsk-published", revision: signedBy(lab.Signing{Publish: keys(zsk1, zsk2, ksk1), SignKeys: keys(ksk1), SignData: keys(zsk1)}), want: good},
		{name: "zsk-changed", revision: signedBy(lab.Signing{Publish: keys(zsk1, zsk2, ksk1), SignKeys: keys(ksk1), SignData: keys(zsk2)}), want: good},
		{name: "zsk-absent", revision: signedBy(lab.Signing{Publish: keys(zsk1, ksk1), SignKeys: keys(ksk1), SignData: keys(zsk2)}),
			want: "keys 1/1 soa 0/1 rest 0/1 zonemd 1/1"},
		{name: "zsk-revoked", revision: signedBy(lab.Signing{Publish: keys(zsk1.Revoke(), ksk1), SignKeys: keys(ksk1), SignData: keys(zsk1.Revoke())}),
			want: "keys 1/1 soa 0/1 rest 0/1 zonemd 1/1"},
		{name: "one-key", revision: signedBy(lab.Signing{Publish: keys(ksk1), SignKeys: keys(ksk1), SignData: keys(ksk1)}), want: good},
		{name: "all-keys-sign-keys", revision: signedBy(lab.Signing{Publish: keys(zsk1, ksk1), SignKeys: keys(ksk1, zsk1), SignData: keys(zsk1)}),
			want: "keys 1/2 soa 1/1 rest 1/1 zonemd 1/1"},
		{name: "unsigned-keys", revision: signedBy(lab.Signing{Publish: keys(zsk1, ksk1), SignData: keys(zsk1)}), want: "keys 0/0 soa 1/1 rest 1/1 zonemd 1/1"},
	}
}

// algorithmKinds are the steps of a roll of the algorithm (RFC 6781 section
// 4.1.4), and algorithms that nobody knows.
func algorithmKinds() []kind {
	data := keys(rsaZSK, zsk1)
	two := keys(rsaZSK, rsaKSK, zsk1, ksk1)
	kinds := []kind{
		{name: "algorithm-old", revision: signedBy(*lab.Simple(rsaKSK, rsaZSK)), anchors: keys(rsaKSK), want: good},
		{name: "algorithm-new-signatures", revision: signedBy(lab.Signing{Publish: keys(rsaZSK, rsaKSK), SignKeys: keys(rsaKSK), SignData: data}),
			anchors: keys(rsaKSK), want: "keys 1/1 soa 1/2 rest 1/2 zonemd 1/1"},
		{name: "algorithm-new-keys", revision: signedBy(lab.Signing{Publish: two, SignKeys: keys(rsaKSK, ksk1), SignData: data}),
			anchors: keys(rsaKSK, ksk1), want: "keys 2/2 soa 2/2 rest 2/2 zonemd 1/1"},
		{name: "algorithm-old-keys-gone", revision: signedBy(lab.Signing{Publish: keys(zsk1, ksk1), SignKeys: keys(ksk1), SignData: data}),
			want: "keys 1/1 soa 1/2 rest 1/2 zonemd 1/1"},
		{name: "algorithm-old-key-revoked", revision: signedBy(lab.Signing{Publish: keys(rsaZSK, rsaKSK.Revoke(), zsk1, ksk1),
			SignKeys: keys(rsaKSK.Revoke(), ksk1), SignData: data}), want: "keys 1/2 soa 2/2 rest 2/2 zonemd 1/1"},
		{name: "algorithm-liberal", revision: signedBy(lab.Signing{Publish: two, SignKeys: keys(rsaKSK, ksk1), SignData: keys(rsaZSK)}),
			anchors: keys(rsaKSK, ksk1), want: "keys 2/2 soa 1/1 rest 1/1 zonemd 1/1"},
		{name: "algorithm-edwards", revision: signedBy(*lab.Simple(ksk1, edwards)), want: good},
	}
	for _, a := range []lab.Algorithm{17, lab.PrivateDNS} {
		name := fmt.Sprintf("unknown-%d", a)
		k, z := lab.KSK(seed, "strange", a), lab.ZSK(seed, "strange zsk", a)
		kinds = append(kinds,
			kind{name: name + "-alone", revision: signedBy(*lab.Simple(k, z)), anchors: keys(k), want: "keys 0/1 soa 0/1 rest 0/1 zonemd 1/1"},
			kind{name: name + "-published", revision: signedBy(lab.Signing{Publish: keys(zsk1, ksk1, k), SignKeys: keys(ksk1), SignData: keys(zsk1)}), want: good},
			kind{name: name + "-beside", revision: signedBy(lab.Signing{Publish: keys(zsk1, ksk1, k, z), SignKeys: keys(ksk1, k), SignData: keys(zsk1, z)}),
				want: "keys 1/2 soa 1/2 rest 1/2 zonemd 1/1"},
			kind{name: name + "-unpublished", revision: signedBy(lab.Signing{Publish: keys(zsk1, ksk1), SignKeys: keys(ksk1), SignData: keys(zsk1, z)}),
				want: "keys 1/1 soa 1/2 rest 1/2 zonemd 1/1"})
	}
	return kinds
}

// strayKinds have signatures that hold for nobody beside the good ones.
func strayKinds() []kind {
	absent := lab.ZSK(seed, "absent", lab.ECDSAP256SHA256)
	server := lab.ZSK(seed, "root-servers.net", lab.ECDSAP256SHA256)
	var servers []lab.Stray
	for _, l := range "abcdefghijklm" {
		servers = append(servers, lab.Stray{Owner: string(l) + ".root-servers.net.", Key: server, Signer: "root-servers.net."})
	}
	return []kind{
		{name: "stray-garbage", revision: strays(lab.Stray{Key: zsk1, Garbage: true}), want: "keys 1/2 soa 1/2 rest 1/2 zonemd 1/1"},
		{name: "stray-garbage-soa", revision: strays(lab.Stray{Owner: ".", Type: "SOA", Key: zsk1, Garbage: true}), want: "keys 1/1 soa 1/2 rest 1/1 zonemd 1/1"},
		{name: "stray-absent", revision: strays(lab.Stray{Key: absent}), want: "keys 1/2 soa 1/2 rest 1/2 zonemd 1/1"},
		{name: "stray-absent-soa", revision: strays(lab.Stray{Owner: ".", Type: "SOA", Key: absent}), want: "keys 1/1 soa 1/2 rest 1/1 zonemd 1/1"},
		{name: "stray-signer", revision: strays(servers...), want: good + ", 26 sets signed without authority"},
		{name: "stray-delegation", revision: strays(lab.Stray{Owner: "com.", Type: "NS", Key: zsk1}), want: good + ", 1 sets signed without authority"},
		{name: "stray-later-soa", revision: strays(lab.Stray{Owner: ".", Type: "SOA", Key: absent, Inception: inception.AddDate(0, 0, 1)}),
			want: "keys 1/1 soa 1/2 rest 1/1 zonemd 1/1"},
		{name: "stray-expired-soa", revision: strays(lab.Stray{Owner: ".", Type: "SOA", Key: zsk1, Inception: inception.AddDate(0, 0, -14), Expiration: inception}),
			want: "keys 1/1 soa 1/2 rest 1/1 zonemd 1/1"},
	}
}

// digestKinds are the states of ZONEMD.
func digestKinds() []kind {
	signatures := "keys 1/1 soa 1/1 rest 1/1 "
	private := lab.Digest{Hash: lab.PrivateHash}
	return []kind{
		{name: "zonemd-none", revision: digests([]lab.Digest{}...), want: signatures + "zonemd 0/0"},
		{name: "zonemd-private", revision: digests(private), want: signatures + "zonemd 0/1"},
		{name: "zonemd-384-wrong", revision: digests(wrong(by384)), want: signatures + "zonemd 0/1"},
		{name: "zonemd-512", revision: digests(by512), want: signatures + "zonemd 1/1"},
		{name: "zonemd-512-wrong", revision: digests(wrong(by512)), want: signatures + "zonemd 0/1"},
		{name: "zonemd-both", revision: digests(by384, by512), want: signatures + "zonemd 2/2"},
		{name: "zonemd-both-384-wrong", revision: digests(wrong(by384), by512), want: signatures + "zonemd 1/2"},
		{name: "zonemd-both-512-wrong", revision: digests(by384, wrong(by512)), want: signatures + "zonemd 1/2"},
		{name: "zonemd-both-wrong", revision: digests(wrong(by384), wrong(by512)), want: signatures + "zonemd 0/2"},
		{name: "zonemd-private-and-384", revision: digests(private, by384), want: signatures + "zonemd 1/2"},
		{name: "zonemd-private-and-384-wrong", revision: digests(private, wrong(by384)), want: signatures + "zonemd 0/2"},
		{name: "zonemd-scheme", revision: digests(lab.Digest{Scheme: 240, Hash: lab.SHA384}), want: signatures + "zonemd 0/1"},
		{name: "zonemd-serial", revision: digests(lab.Digest{Hash: lab.SHA384, Serial: 1}), want: signatures + "zonemd 0/1"},
		{name: "zonemd-taken-out", revision: []lab.Revision{{Unchanged: true, Missing: []string{"./ZONEMD"}}},
			want: signatures + "zonemd 0/0, NSEC of . lists ZONEMD"},
	}
}

// alteredKinds are copies of the same serial that differ where no signature tells.
func alteredKinds() []kind {
	glue := map[string]netip.Addr{"a.gtld-servers.net.": netip.MustParseAddr("198.18.0.1")}
	altered := func(r lab.Revision, d ...lab.Digest) []lab.Revision {
		r.Serial, r.Unchanged = options(0).Serial, true
		if d != nil {
			r.ZONEMD = d
		}
		return []lab.Revision{r}
	}
	signatures := "keys 1/1 soa 1/1 rest 1/1 "
	none := []lab.Digest{}
	return []kind{
		{name: "glue-right", revision: altered(lab.Revision{Glue: glue}), want: good},
		{name: "glue-wrong", revision: altered(lab.Revision{Glue: glue}, wrong(by384)), want: signatures + "zonemd 0/1"},
		{name: "glue-512-wrong", revision: altered(lab.Revision{Glue: glue}, wrong(by512)), want: signatures + "zonemd 0/1"},
		{name: "glue-no-zonemd", revision: altered(lab.Revision{Glue: glue}, none...), want: signatures + "zonemd 0/0"},
		{name: "ds-removed", revision: altered(lab.Revision{RemoveDS: []string{"com."}}), want: good},
		{name: "ds-taken-out", revision: altered(lab.Revision{Missing: []string{"com./DS"}}), want: good + ", NSEC of com. lists DS"},
		{name: "ds-taken-out-wrong", revision: altered(lab.Revision{Missing: []string{"com./DS"}}, wrong(by384)),
			want: signatures + "zonemd 0/1, NSEC of com. lists DS"},
		{name: "ds-taken-out-no-zonemd", revision: altered(lab.Revision{Missing: []string{"com./DS"}}, none...),
			want: signatures + "zonemd 0/0, NSEC of com. lists DS"},
		{name: "nsec-taken-out", revision: altered(lab.Revision{Missing: []string{"com./NSEC"}}), want: good + ", com. has no NSEC"},
	}
}

// last makes the history of a kind and gives its last version.
func (k kind) last(t *testing.T) *lab.Zone {
	t.Helper()
	o := options(20)
	o.Signing = lab.Simple(ksk1, zsk1)
	all, err := lab.History(o, k.revision...)
	if err != nil {
		t.Fatalf("%s: %v", k.name, err)
	}
	return all[len(all)-1]
}
