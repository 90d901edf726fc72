package correctness_test

import (
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/lab/small"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics/correctness"
)

// bare takes the signatures out of a message.
func bare(m *dns.Msg) *dns.Msg {
	for _, rrs := range []*[]dns.RR{&m.Answer, &m.Ns} {
		var kept []dns.RR
		for _, rr := range *rrs {
			if rr.Header().Rrtype != dns.TypeRRSIG {
				kept = append(kept, rr)
			}
		}
		*rrs = kept
	}
	return m
}

// TestSecureFaults: what a server can do wrong, and who is accused of it.
func TestSecureFaults(t *testing.T) {
	const secure, bogus, unchecked = measurement.SecuritySecure, measurement.SecurityBogus, measurement.SecurityUnchecked
	by := believing(t, smallKSK)
	own := correctness.Held{Sets: trusted(by, smallZone())}
	signedBy := func(change func(*small.Zone)) small.Zone {
		z := smallZone()
		change(&z)
		return z
	}
	revoked := func(z *small.Zone) {
		z.Publish, z.SignData = []lab.Key{smallKSK, smallZSK.Revoke()}, []lab.Key{smallZSK.Revoke()}
	}
	apex := func(z small.Zone) *dns.Msg { return z.Respond(signedName, dns.TypeSOA) }
	keys := func(z small.Zone) *dns.Msg { return z.Respond(signedName, dns.TypeDNSKEY) }
	other := lab.ZSK(2, "liar", lab.ECDSAP256SHA256)
	otherKSK := lab.KSK(2, "liar ksk", lab.ECDSAP256SHA256)
	liar := signedBy(func(z *small.Zone) {
		z.Publish, z.SignKeys, z.SignData = []lab.Key{otherKSK, other}, []lab.Key{otherKSK}, []lab.Key{other}
	})
	for _, c := range []struct {
		name string
		m    *dns.Msg
		held correctness.Held
		want measurement.Security
		why  string
	}{
		{"good", apex(smallZone()), own, secure, ""},
		{"good keys", keys(smallZone()), correctness.Held{}, secure, ""},
		{"no keys held", apex(smallZone()), correctness.Held{}, unchecked, "not held"},
		{"expired", apex(signedBy(func(z *small.Zone) { z.Expiration = signedAt.Add(-5*time.Minute - time.Second) })), own, bogus, "expired"},
		{"expired, as far as clocks are right", apex(signedBy(func(z *small.Zone) { z.Expiration = signedAt.Add(-5 * time.Minute) })), own, unchecked, "expired"},
		{"keys expired, as far as clocks are right", keys(signedBy(func(z *small.Zone) { z.Expiration = signedAt.Add(-time.Second) })), own, unchecked, "expired"},
		{"ends now", apex(signedBy(func(z *small.Zone) { z.Expiration = signedAt })), own, secure, ""},
		{"expired by a doubtful clock", apex(signedBy(func(z *small.Zone) { z.Expiration = signedAt.Add(-time.Hour) })),
			correctness.Held{Sets: own.Sets, DoubtfulClock: true}, unchecked, "clock"},
		{"good by a doubtful clock", apex(smallZone()), correctness.Held{Sets: own.Sets, DoubtfulClock: true}, unchecked, "clock"},
		{"not valid yet", apex(signedBy(func(z *small.Zone) { z.Inception = signedAt.Add(time.Second) })), own, unchecked, "begins after"},
		{"forged", func() *dns.Msg { m := apex(smallZone()); m.Answer[0].(*dns.SOA).Serial++; return m }(), own, bogus, "does not verify"},
		{"stripped", bare(apex(smallZone())), own, bogus, "no signature"},
		{"stripped, and no keys held", bare(apex(smallZone())), correctness.Held{}, bogus, "no signature"},
		{"keys stripped", bare(keys(smallZone())), correctness.Held{}, bogus, "no signature"},
		{"a key that is not held", apex(signedBy(func(z *small.Zone) { z.SignData = []lab.Key{smallZSK2} })), own, unchecked, "not held"},
		{"another key under the tag of one that is held", func() *dns.Msg {
			m := apex(signedBy(func(z *small.Zone) { z.SignData = []lab.Key{other} }))
			m.Answer[1].(*dns.RRSIG).KeyTag = smallZSK.Tag()
			return m
		}(), own, bogus, "does not verify"},
		{"signed by one above", func() *dns.Msg {
			m := apex(smallZone())
			m.Answer[1].(*dns.RRSIG).SignerName = "."
			return m
		}(), own, bogus, "no signature by the zone"},
		{"signed twice, once by a key that is not held", apex(signedBy(func(z *small.Zone) { z.SignData = []lab.Key{smallZSK2, smallZSK} })), own, secure, ""},
		{"an unknown algorithm", apex(signedBy(func(z *small.Zone) { z.SignData = []lab.Key{smallUnknown} })),
			correctness.Held{Sets: trusted(by, signedBy(func(z *small.Zone) { z.Publish = append(z.Publish, smallUnknown) }))}, unchecked, "algorithm"},
		{"an unknown algorithm beside a known one", apex(signedBy(func(z *small.Zone) { z.SignData = []lab.Key{smallUnknown, smallZSK} })),
			correctness.Held{Sets: trusted(by, signedBy(func(z *small.Zone) { z.Publish = append(z.Publish, smallUnknown) }))}, secure, ""},
		{"a liar with keys of its own", apex(liar), own, unchecked, "not held"},
		{"a liar's keys", keys(liar), own, unchecked, "not held"},
		{"a liar's keys beside the zone's", keys(signedBy(func(z *small.Zone) { z.Publish = append(z.Publish, other); z.SignKeys = []lab.Key{other} })), own, unchecked, "not held"},
		{"keys changed", func() *dns.Msg { m := keys(smallZone()); m.Answer[1].(*dns.DNSKEY).Flags |= dns.SEP; return m }(), own, bogus, "does not verify"},
		{"the keys of before, signed by one of them", keys(signedBy(func(z *small.Zone) { z.SignKeys = []lab.Key{smallZSK} })), own, secure, ""},
		{"the same, where nobody knows them", keys(signedBy(func(z *small.Zone) { z.SignKeys = []lab.Key{smallZSK} })), correctness.Held{}, unchecked, "not held"},
		{"keys signed by a revoked key alone", keys(signedBy(func(z *small.Zone) {
			z.Publish[0], z.SignKeys = smallKSK.Revoke(), []lab.Key{smallKSK.Revoke()}
		})), correctness.Held{}, unchecked, "not held"},
		{"signed by a revoked key of the zone", apex(signedBy(revoked)), correctness.Held{Sets: trusted(by, signedBy(revoked))}, unchecked, "not held"},
		{"a denial stripped", bare(smallZone().Respond("nothing."+signedName, dns.TypeA)), own, bogus, "no signature"},
		{"a denial of what there is", func() *dns.Msg {
			m := smallZone().Respond("nothing."+signedName, dns.TypeA)
			m.Question[0].Name = "www." + signedName
			return m
		}(), own, bogus, "nothing proves that www.example. does not exist"},
		{"a denial of a type that there is", func() *dns.Msg {
			m := smallZone().Respond("www."+signedName, dns.TypeTXT)
			m.Question[0].Qtype = dns.TypeA
			return m
		}(), own, bogus, "nothing proves that there is no www.example./A"},
		{"nothing at all of the apex", func() *dns.Msg { m := apex(smallZone()); m.Answer = nil; return m }(), own, bogus, "nothing proves"},
		{"nothing at all below it", func() *dns.Msg { m := smallZone().Respond("www."+signedName, dns.TypeA); m.Answer = nil; return m }(), own, unchecked, "zone below"},
		{"a referral of the apex to below", func() *dns.Msg {
			m := smallZone().Respond("insecure."+signedName, dns.TypeA)
			m.Question[0] = dns.Question{Name: signedName, Qtype: dns.TypeSOA, Qclass: dns.ClassINET}
			return m
		}(), own, bogus, "nothing proves that there is no example./SOA"},
		{"a referral stripped", bare(smallZone().Respond("x.insecure."+signedName, dns.TypeA)), own, unchecked, "zone below"},
		{"unsigned below the apex", bare(smallZone().Respond("www."+signedName, dns.TypeA)), own, unchecked, "zone below"},
		{"unsigned below the apex, by the zone's servers", func() *dns.Msg {
			m := bare(smallZone().Respond("www."+signedName, dns.TypeA))
			m.Ns = smallZone().Respond(signedName, dns.TypeNS).Answer
			return m
		}(), own, bogus, "says that it is of the zone"},
		{"a wildcard without proof", func() *dns.Msg { m := smallZone().Respond("x.wild."+signedName, dns.TypeTXT); m.Ns = nil; return m }(), own, bogus, "no closer name"},
		{"a wildcard for a name that there is", func() *dns.Msg {
			m := smallZone().Respond("x.wild."+signedName, dns.TypeTXT)
			m.Question[0].Name = "www." + signedName
			for _, rr := range m.Answer {
				rr.Header().Name = m.Question[0].Name
			}
			return m
		}(), own, bogus, ""},
		{"too many iterations", signedBy(func(z *small.Zone) { z.NSEC3, z.Iterations = true, 151 }).Respond("nothing."+signedName, dns.TypeA), own, unchecked, "iterations"},
		{"as many as allowed", signedBy(func(z *small.Zone) { z.NSEC3, z.Iterations = true, 150 }).Respond("nothing."+signedName, dns.TypeA), own, secure, ""},
		{"a denial within opt-out", signedBy(func(z *small.Zone) { z.NSEC3, z.OptOut = true, true }).Respond("nothing."+signedName, dns.TypeA), own, unchecked, "opt-out"},
		{"a delegation within opt-out", signedBy(func(z *small.Zone) { z.NSEC3, z.OptOut = true, true }).Respond("insecure."+signedName, dns.TypeA), own, unchecked, "opt-out"},
		{"no signature may be verified any more", apex(smallZone()), correctness.Held{Sets: own.Sets, Budget: correctness.NewBudget(0, nil)}, unchecked, "too many"},
		{"truncated", func() *dns.Msg { m := apex(smallZone()); m.Truncated = true; return m }(), own, unchecked, "truncated"},
	} {
		got, why := judged(by, c.m, c.held)
		if got != c.want || !strings.Contains(why, c.why) || (why == "") != (got == secure) {
			t.Errorf("%s: %s (%s), want %s (%s)", c.name, got, why, c.want, c.why)
		}
	}
}

// TestKeyRoll: keys are pre-published, used, and taken out; the answers of each step are secure by the
// keys of that step, and by those of the step before while these are still published.
func TestKeyRoll(t *testing.T) {
	by := believing(t, smallKSK)
	step := func(sign lab.Key, published ...lab.Key) small.Zone {
		z := smallZone()
		z.Publish, z.SignData = append([]lab.Key{smallKSK}, published...), []lab.Key{sign}
		return z
	}
	steps := []small.Zone{step(smallZSK, smallZSK), step(smallZSK, smallZSK, smallZSK2), step(smallZSK2, smallZSK, smallZSK2), step(smallZSK2, smallZSK2)}
	for i, keys := range steps {
		for j, answers := range steps {
			want := measurement.SecuritySecure
			if i == 0 && j >= 2 || i == 3 && j <= 1 {
				want = measurement.SecurityUnchecked // signed by a key that is not held
			}
			if got, why := judged(by, answers.Respond(signedName, dns.TypeSOA), correctness.Held{Sets: trusted(by, keys)}); got != want {
				t.Errorf("keys of step %d, answer of step %d: %s (%s), want %s", i, j, got, why, want)
			}
		}
	}
}

// TestAnchorsAreDated: a set of keys is trusted by anchors that are believed at the time.
func TestAnchorsAreDated(t *testing.T) {
	before, after := signedAt.Add(-time.Hour), signedAt.Add(time.Hour)
	for _, c := range []struct {
		from, until *time.Time
		want        bool
	}{{nil, nil, true}, {&before, &after, true}, {&signedAt, nil, true}, {&after, nil, false}, {nil, &signedAt, false}} {
		z, err := correctness.NewSignedZone(signedName, []rootzone.Anchor{{DS: smallZone().Anchor(smallKSK), From: c.from, Until: c.until}})
		if err != nil {
			t.Fatal(err)
		}
		if got := trusted(z, smallZone()) != nil; got != c.want || z.Anchored(signedAt) != c.want {
			t.Errorf("from %v until %v: trusted %v, want %v", c.from, c.until, got, c.want)
		}
	}
	for _, ds := range []string{"", "x 13 2 AB", "1 999 2 AB"} {
		if _, err := correctness.NewSignedZone(signedName, []rootzone.Anchor{{DS: ds}}); err == nil {
			t.Errorf("anchor %q is taken", ds)
		}
	}
	if _, err := correctness.NewSignedZone(".", nil); err == nil {
		t.Error("the root is taken, whose answers are judged otherwise")
	}
}

// TestTrustSaysHowLong: from and until are those of the anchored signature that ends last.
func TestTrustSaysHowLong(t *testing.T) {
	by := believing(t, smallKSK)
	set := correctness.ReadKeySet(small.Wire(smallZone().Respond(signedName, dns.TypeDNSKEY)))
	if _, from, until := by.Trust(set, signedAt, nil); !from.Equal(smallZone().Inception) || !until.Equal(smallZone().Expiration) {
		t.Errorf("from %s until %s", from, until)
	}
	if keys, _, _ := by.Trust(set, smallZone().Expiration.Add(time.Second), nil); keys != nil {
		t.Error("trusted after its signature expired")
	}
	if correctness.ReadKeySet(small.Wire(smallZone().Respond(signedName, dns.TypeSOA))) != nil {
		t.Error("a set of keys in an answer to SOA")
	}
}

// TestRecordOfANameDeniesItNot: the NSEC3 record of a name that exists is none that covers it,
// though the library says so.
func TestRecordOfANameDeniesItNot(t *testing.T) {
	by, z := believing(t, smallKSK), smallZone()
	z.NSEC3 = true
	held := correctness.Held{Sets: trusted(by, z)}
	for _, name := range []string{"www.", "ns.", "alias.", "away.", "lost.", "old.", "ent.", "wild.", "secure."} {
		m := z.Respond("nothing."+signedName, dns.TypeA)
		m.Question[0].Name = name + signedName
		m.Ns = append(m.Ns, z.Respond(name+signedName, dns.TypeDNSKEY).Ns...) // which it has not
		if got, why := judged(by, m, held); got == measurement.SecuritySecure {
			t.Errorf("%s does not exist: %s %s", name, got, why)
		}
	}
}
