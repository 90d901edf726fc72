// Package kinds lists the kinds of root zones that there may be one day, good and
// bad: each step of each roll, signatures that count for nothing, every state of
// ZONEMD. The archive, the judge and the servers are tried with all of them.
package kinds

import (
	"fmt"
	"net/netip"
	"time"

	"mtric.net/mtric/engine/lab"
)

// Seed is that of all keys and zones here.
const Seed = 47

// Serial is that of the first version of each history.
const Serial = 2026112300

// Keys of the zones: those named first sign by default.
var (
	KSK1    = lab.KSK(Seed, "ksk 1", lab.ECDSAP256SHA256)
	KSK2    = lab.KSK(Seed, "ksk 2", lab.ECDSAP256SHA256)
	ZSK1    = lab.ZSK(Seed, "zsk 1", lab.ECDSAP256SHA256)
	ZSK2    = lab.ZSK(Seed, "zsk 2", lab.ECDSAP256SHA256)
	RSAKSK  = lab.KSK(Seed, "ksk", lab.RSASHA256)
	RSAZSK  = lab.ZSK(Seed, "zsk", lab.RSASHA256)
	edwards = lab.ZSK(Seed, "edwards", lab.ED25519)
)

// keys lists keys.
func keys(all ...lab.Key) []lab.Key { return all }

// Kind is one kind of zone.
type Kind struct {
	Name      string
	Revisions []lab.Revision // of a zone that KSK1 and ZSK1 sign
	Anchors   []lab.Key      // that are believed; All puts KSK1 where there is none

	// Like is what the zone is like: signatures that hold of all, over the DNSKEY RRset
	// by keys of the anchors, over the SOA RRset, the least of any other; digests that
	// match; what else is wrong.
	Like string
}

const good = "keys 1/1 soa 1/1 rest 1/1 zonemd 1/1"

// signedBy is a revision that changes nothing but who signs.
func signedBy(s lab.Signing) []lab.Revision {
	return []lab.Revision{{Unchanged: true, Signing: &s}}
}

func strays(all ...lab.Stray) []lab.Revision {
	s := lab.Simple(KSK1, ZSK1)
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

// All are all kinds, of zones whose signatures begin then.
func All(inception time.Time) []Kind {
	all := append(keyKinds(), algorithmKinds()...)
	all = append(append(all, strayKinds(inception)...), digestKinds()...)
	all = append(all, alteredKinds()...)
	for i := range all {
		if all[i].Anchors == nil {
			all[i].Anchors = keys(KSK1)
		}
	}
	return all
}

// keyKinds are the steps of a roll of each key.
func keyKinds() []Kind {
	both := keys(KSK1, KSK2)
	revoked := KSK1.Revoke()
	return []Kind{
		{Name: "simple", Like: good},
		{Name: "ksk-published", Revisions: signedBy(lab.Signing{Publish: keys(ZSK1, KSK1, KSK2), SignKeys: keys(KSK1), SignData: keys(ZSK1)}), Like: good},
		{Name: "ksk-both-sign", Revisions: signedBy(lab.Signing{Publish: keys(ZSK1, KSK1, KSK2), SignKeys: both, SignData: keys(ZSK1)}), Anchors: both,
			Like: "keys 2/2 soa 1/1 rest 1/1 zonemd 1/1"},
		{Name: "ksk-revoked-signs", Revisions: signedBy(lab.Signing{Publish: keys(ZSK1, revoked, KSK2), SignKeys: keys(revoked, KSK2), SignData: keys(ZSK1)}),
			Anchors: both, Like: "keys 1/2 soa 1/1 rest 1/1 zonemd 1/1"},
		{Name: "ksk-revoked-silent", Revisions: signedBy(lab.Signing{Publish: keys(ZSK1, revoked, KSK2), SignKeys: keys(KSK2), SignData: keys(ZSK1)}),
			Anchors: both, Like: good},
		{Name: "ksk-revoked-alone", Revisions: signedBy(lab.Signing{Publish: keys(ZSK1, revoked), SignKeys: keys(revoked), SignData: keys(ZSK1)}),
			Like: "keys 0/1 soa 1/1 rest 1/1 zonemd 1/1"},
		{Name: "ksk-removed", Revisions: signedBy(*lab.Simple(KSK2, ZSK1)), Anchors: keys(KSK2), Like: good},
		{Name: "ksk-unanchored", Revisions: signedBy(*lab.Simple(KSK2, ZSK1)), Like: "keys 0/1 soa 1/1 rest 1/1 zonemd 1/1"},
		{Name: "ksk-absent-signs-too", Revisions: signedBy(lab.Signing{Publish: keys(ZSK1, KSK1), SignKeys: keys(KSK2, KSK1), SignData: keys(ZSK1)}),
			Like: "keys 1/2 soa 1/1 rest 1/1 zonemd 1/1"},
		{Name: "zsk-published", Revisions: signedBy(lab.Signing{Publish: keys(ZSK1, ZSK2, KSK1), SignKeys: keys(KSK1), SignData: keys(ZSK1)}), Like: good},
		{Name: "zsk-changed", Revisions: signedBy(lab.Signing{Publish: keys(ZSK1, ZSK2, KSK1), SignKeys: keys(KSK1), SignData: keys(ZSK2)}), Like: good},
		{Name: "zsk-absent", Revisions: signedBy(lab.Signing{Publish: keys(ZSK1, KSK1), SignKeys: keys(KSK1), SignData: keys(ZSK2)}),
			Like: "keys 1/1 soa 0/1 rest 0/1 zonemd 1/1"},
		{Name: "zsk-revoked", Revisions: signedBy(lab.Signing{Publish: keys(ZSK1.Revoke(), KSK1), SignKeys: keys(KSK1), SignData: keys(ZSK1.Revoke())}),
			Like: "keys 1/1 soa 0/1 rest 0/1 zonemd 1/1"},
		{Name: "one-key", Revisions: signedBy(lab.Signing{Publish: keys(KSK1), SignKeys: keys(KSK1), SignData: keys(KSK1)}), Like: good},
		{Name: "all-keys-sign-keys", Revisions: signedBy(lab.Signing{Publish: keys(ZSK1, KSK1), SignKeys: keys(KSK1, ZSK1), SignData: keys(ZSK1)}),
			Like: "keys 1/2 soa 1/1 rest 1/1 zonemd 1/1"},
		{Name: "unsigned-keys", Revisions: signedBy(lab.Signing{Publish: keys(ZSK1, KSK1), SignData: keys(ZSK1)}), Like: "keys 0/0 soa 1/1 rest 1/1 zonemd 1/1"},
	}
}

// algorithmKinds are the steps of a roll of the algorithm (RFC 6781 section
// 4.1.4), and algorithms that nobody knows.
func algorithmKinds() []Kind {
	data := keys(RSAZSK, ZSK1)
	two := keys(RSAZSK, RSAKSK, ZSK1, KSK1)
	kinds := []Kind{
		{Name: "algorithm-old", Revisions: signedBy(*lab.Simple(RSAKSK, RSAZSK)), Anchors: keys(RSAKSK), Like: good},
		{Name: "algorithm-new-signatures", Revisions: signedBy(lab.Signing{Publish: keys(RSAZSK, RSAKSK), SignKeys: keys(RSAKSK), SignData: data}),
			Anchors: keys(RSAKSK), Like: "keys 1/1 soa 1/2 rest 1/2 zonemd 1/1"},
		{Name: "algorithm-new-keys", Revisions: signedBy(lab.Signing{Publish: two, SignKeys: keys(RSAKSK, KSK1), SignData: data}),
			Anchors: keys(RSAKSK, KSK1), Like: "keys 2/2 soa 2/2 rest 2/2 zonemd 1/1"},
		{Name: "algorithm-old-keys-gone", Revisions: signedBy(lab.Signing{Publish: keys(ZSK1, KSK1), SignKeys: keys(KSK1), SignData: data}),
			Like: "keys 1/1 soa 1/2 rest 1/2 zonemd 1/1"},
		{Name: "algorithm-old-key-revoked", Revisions: signedBy(lab.Signing{Publish: keys(RSAZSK, RSAKSK.Revoke(), ZSK1, KSK1),
			SignKeys: keys(RSAKSK.Revoke(), KSK1), SignData: data}), Like: "keys 1/2 soa 2/2 rest 2/2 zonemd 1/1"},
		{Name: "algorithm-liberal", Revisions: signedBy(lab.Signing{Publish: two, SignKeys: keys(RSAKSK, KSK1), SignData: keys(RSAZSK)}),
			Anchors: keys(RSAKSK, KSK1), Like: "keys 2/2 soa 1/1 rest 1/1 zonemd 1/1"},
		{Name: "algorithm-edwards", Revisions: signedBy(*lab.Simple(KSK1, edwards)), Like: good},
	}
	for _, a := range []lab.Algorithm{17, lab.PrivateDNS} {
		name := fmt.Sprintf("unknown-%d", a)
		k, z := lab.KSK(Seed, "strange", a), lab.ZSK(Seed, "strange zsk", a)
		kinds = append(kinds,
			Kind{Name: name + "-alone", Revisions: signedBy(*lab.Simple(k, z)), Anchors: keys(k), Like: "keys 0/1 soa 0/1 rest 0/1 zonemd 1/1"},
			Kind{Name: name + "-published", Revisions: signedBy(lab.Signing{Publish: keys(ZSK1, KSK1, k), SignKeys: keys(KSK1), SignData: keys(ZSK1)}), Like: good},
			Kind{Name: name + "-beside", Revisions: signedBy(lab.Signing{Publish: keys(ZSK1, KSK1, k, z), SignKeys: keys(KSK1, k), SignData: keys(ZSK1, z)}),
				Like: "keys 1/2 soa 1/2 rest 1/2 zonemd 1/1"},
			Kind{Name: name + "-unpublished", Revisions: signedBy(lab.Signing{Publish: keys(ZSK1, KSK1), SignKeys: keys(KSK1), SignData: keys(ZSK1, z)}),
				Like: "keys 1/1 soa 1/2 rest 1/2 zonemd 1/1"})
	}
	return kinds
}

// strayKinds have signatures that hold for nobody beside the good ones.
func strayKinds(inception time.Time) []Kind {
	absent := lab.ZSK(Seed, "absent", lab.ECDSAP256SHA256)
	server := lab.ZSK(Seed, "root-servers.net", lab.ECDSAP256SHA256)
	var servers []lab.Stray
	for _, l := range "abcdefghijklm" {
		servers = append(servers, lab.Stray{Owner: string(l) + ".root-servers.net.", Key: server, Signer: "root-servers.net."})
	}
	return []Kind{
		{Name: "stray-garbage", Revisions: strays(lab.Stray{Key: ZSK1, Garbage: true}), Like: "keys 1/2 soa 1/2 rest 1/2 zonemd 1/1"},
		{Name: "stray-garbage-soa", Revisions: strays(lab.Stray{Owner: ".", Type: "SOA", Key: ZSK1, Garbage: true}), Like: "keys 1/1 soa 1/2 rest 1/1 zonemd 1/1"},
		{Name: "stray-absent", Revisions: strays(lab.Stray{Key: absent}), Like: "keys 1/2 soa 1/2 rest 1/2 zonemd 1/1"},
		{Name: "stray-absent-soa", Revisions: strays(lab.Stray{Owner: ".", Type: "SOA", Key: absent}), Like: "keys 1/1 soa 1/2 rest 1/1 zonemd 1/1"},
		{Name: "stray-signer", Revisions: strays(servers...), Like: good + ", 26 sets signed without authority"},
		{Name: "stray-delegation", Revisions: strays(lab.Stray{Owner: "com.", Type: "NS", Key: ZSK1}), Like: good + ", 1 sets signed without authority"},
		{Name: "stray-later-soa", Revisions: strays(lab.Stray{Owner: ".", Type: "SOA", Key: absent, Inception: inception.AddDate(0, 0, 1)}),
			Like: "keys 1/1 soa 1/2 rest 1/1 zonemd 1/1"},
		{Name: "stray-expired-soa", Revisions: strays(lab.Stray{Owner: ".", Type: "SOA", Key: ZSK1, Inception: inception.AddDate(0, 0, -14), Expiration: inception}),
			Like: "keys 1/1 soa 1/2 rest 1/1 zonemd 1/1"},
	}
}

// digestKinds are the states of ZONEMD.
func digestKinds() []Kind {
	signatures := "keys 1/1 soa 1/1 rest 1/1 "
	private := lab.Digest{Hash: lab.PrivateHash}
	return []Kind{
		{Name: "zonemd-none", Revisions: digests([]lab.Digest{}...), Like: signatures + "zonemd 0/0"},
		{Name: "zonemd-private", Revisions: digests(private), Like: signatures + "zonemd 0/1"},
		{Name: "zonemd-384-wrong", Revisions: digests(wrong(by384)), Like: signatures + "zonemd 0/1"},
		{Name: "zonemd-512", Revisions: digests(by512), Like: signatures + "zonemd 1/1"},
		{Name: "zonemd-512-wrong", Revisions: digests(wrong(by512)), Like: signatures + "zonemd 0/1"},
		{Name: "zonemd-both", Revisions: digests(by384, by512), Like: signatures + "zonemd 2/2"},
		{Name: "zonemd-both-384-wrong", Revisions: digests(wrong(by384), by512), Like: signatures + "zonemd 1/2"},
		{Name: "zonemd-both-512-wrong", Revisions: digests(by384, wrong(by512)), Like: signatures + "zonemd 1/2"},
		{Name: "zonemd-both-wrong", Revisions: digests(wrong(by384), wrong(by512)), Like: signatures + "zonemd 0/2"},
		{Name: "zonemd-private-and-384", Revisions: digests(private, by384), Like: signatures + "zonemd 1/2"},
		{Name: "zonemd-private-and-384-wrong", Revisions: digests(private, wrong(by384)), Like: signatures + "zonemd 0/2"},
		{Name: "zonemd-scheme", Revisions: digests(lab.Digest{Scheme: 240, Hash: lab.SHA384}), Like: signatures + "zonemd 0/1"},
		{Name: "zonemd-serial", Revisions: digests(lab.Digest{Hash: lab.SHA384, Serial: 1}), Like: signatures + "zonemd 0/1"},
		{Name: "zonemd-taken-out", Revisions: []lab.Revision{{Unchanged: true, Missing: []string{"./ZONEMD"}}},
			Like: signatures + "zonemd 0/0, NSEC of . lists ZONEMD"},
	}
}

// alteredKinds are copies of the same serial that differ where no signature tells.
func alteredKinds() []Kind {
	glue := map[string]netip.Addr{"a.gtld-servers.net.": netip.MustParseAddr("198.18.0.1")}
	altered := func(r lab.Revision, d ...lab.Digest) []lab.Revision {
		r.Serial, r.Unchanged = Serial, true
		if d != nil {
			r.ZONEMD = d
		}
		return []lab.Revision{r}
	}
	signatures := "keys 1/1 soa 1/1 rest 1/1 "
	none := []lab.Digest{}
	return []Kind{
		{Name: "glue-right", Revisions: altered(lab.Revision{Glue: glue}), Like: good},
		{Name: "glue-wrong", Revisions: altered(lab.Revision{Glue: glue}, wrong(by384)), Like: signatures + "zonemd 0/1"},
		{Name: "glue-512-wrong", Revisions: altered(lab.Revision{Glue: glue}, wrong(by512)), Like: signatures + "zonemd 0/1"},
		{Name: "glue-no-zonemd", Revisions: altered(lab.Revision{Glue: glue}, none...), Like: signatures + "zonemd 0/0"},
		{Name: "ds-removed", Revisions: altered(lab.Revision{RemoveDS: []string{"com."}}), Like: good},
		{Name: "ds-taken-out", Revisions: altered(lab.Revision{Missing: []string{"com./DS"}}), Like: good + ", NSEC of com. lists DS"},
		{Name: "ds-taken-out-wrong", Revisions: altered(lab.Revision{Missing: []string{"com./DS"}}, wrong(by384)),
			Like: signatures + "zonemd 0/1, NSEC of com. lists DS"},
		{Name: "ds-taken-out-no-zonemd", Revisions: altered(lab.Revision{Missing: []string{"com./DS"}}, none...),
			Like: signatures + "zonemd 0/0, NSEC of com. lists DS"},
		{Name: "nsec-taken-out", Revisions: altered(lab.Revision{Missing: []string{"com./NSEC"}}), Like: good + ", com. has no NSEC"},
	}
}

// Options are those of the first version of a history, whose signatures hold for
// two weeks.
func Options(tlds int, inception time.Time) lab.Options {
	return lab.Options{Seed: Seed, Serial: Serial, TLDs: tlds, Inception: inception, Expiration: inception.AddDate(0, 0, 14), Signing: lab.Simple(KSK1, ZSK1)}
}

// Last makes the history of a kind and gives its last version.
func (k Kind) Last(tlds int, inception time.Time) (*lab.Zone, error) {
	all, err := lab.History(Options(tlds, inception), k.Revisions...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.Name, err)
	}
	return all[len(all)-1], nil
}
