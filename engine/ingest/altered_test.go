package ingest_test

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
)

// altered is a zoneCollector with a zone of those digests that the sources gave too, and a
// top-level domain in it that has glue.
func altered(t *testing.T, digests lab.Digests, sources ...string) (*zoneCollector, string) {
	c := zoneCollectorWith(t, lab.Options{ZONEMD: digests})
	c.inPlan()
	first := c.zones[0]
	c.keep(first, day.Add(-100*time.Hour))
	for _, source := range sources {
		sum, err := files.Sum(c.file(first))
		if err != nil {
			t.Fatal(err)
		}
		c.record(rootzone.Record{At: day.Add(-99 * time.Hour), Serial: first.Serial, Source: source, SHA256: sum})
	}
	c.watched(first, day.Add(-100*time.Hour), day.Add(5*time.Hour))
	for _, tld := range first.Secure() {
		m := new(dns.Msg)
		if err := m.Unpack(wireOf(t, first, tld, "NS")); err != nil {
			t.Fatal(err)
		}
		if tld != "arpa." && slices.ContainsFunc(m.Extra, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeA }) {
			return c, tld
		}
	}
	t.Fatal("no top-level domain has glue")
	return nil, ""
}

// Delegations and glue are signed by nobody: where they differ the server is accused
// by a zone with a digest, or that two sources gave alike.
func TestAlteredGlue(t *testing.T) {
	for name, k := range map[string]struct {
		digests lab.Digests
		sources []string
		want    string
	}{
		"digest":                {nil, nil, "incorrect"},
		"one source":            {lab.Digests{}, nil, "hold: zone 2026112200 has no digest (ZONEMD) that is verified, and one source only"},
		"the same source":       {lab.Digests{}, []string{"internic https://elsewhere"}, "hold: zone 2026112200 has no digest (ZONEMD) that is verified, and one source only"},
		"two sources":           {lab.Digests{}, []string{"iana https://x"}, "incorrect"},
		"a digest nobody knows": {lab.Digests{{Hash: lab.PrivateHash}}, nil, "hold: zone 2026112200 has no digest (ZONEMD) that is verified, and one source only"},
	} {
		c, tld := altered(t, k.digests, k.sources...)
		c.all(c.zones[0])
		c.refer, c.twisted = tld, []measurement.RSI{"b"}
		c.twist = func(wire []byte) []byte {
			m := new(dns.Msg)
			if err := m.Unpack(wire); err != nil {
				t.Fatal(err)
			}
			for _, rr := range m.Extra {
				if a, ok := rr.(*dns.A); ok {
					a.A = netip.MustParseAddr("192.0.2.66").AsSlice()
				}
			}
			m.Compress = true
			wire, err := m.Pack()
			if err != nil {
				t.Fatal(err)
			}
			return wire
		}
		c.ask("101", day)
		c.ingest()
		if got := c.tell("101", day); got != "a correct, b "+k.want+", c correct" {
			t.Errorf("%s: %s", name, got)
		}
		c.nothingNew(day)
	}
}

// A bit flipped in what is signed is wrong at once, without any fetch.
func TestFlippedBitIsIncorrectAtOnce(t *testing.T) {
	c := newZoneCollector(t, 1)
	c.keep(c.zones[0], day.Add(-time.Hour))
	c.all(c.zones[0])
	c.twisted = []measurement.RSI{"b"}
	c.twist = func(wire []byte) []byte {
		m := new(dns.Msg)
		if err := m.Unpack(wire); err != nil {
			t.Fatal(err)
		}
		ds := m.Answer[0].(*dns.DS)
		ds.KeyTag ^= 1
		wire, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		return wire
	}
	c.ask("101", day)
	if r := c.ingest(); r.Judged.Incorrect != 2 || r.Judged.Unchecked != 0 {
		t.Errorf("%+v", r.Judged)
	}
	c.expect(day, "correct incorrect correct")
}

// Of two signatures in the archive's file one is a stray: an answer that carries only
// that one is not correct, and one that carries both is.
func TestStraySignatureProvesNothing(t *testing.T) {
	signing := lab.Simple(labKSK, labZSK)
	signing.Stray = []lab.Stray{{Owner: ".", Type: "SOA", Key: labZSK, Garbage: true}}
	c := zoneCollectorWith(t, lab.Options{Signing: signing})
	c.keep(c.zones[0], day.Add(-100*time.Hour))
	c.watched(c.zones[0], day.Add(-100*time.Hour), day.Add(5*time.Hour))
	c.all(c.zones[0])
	var good [][]byte
	for _, rr := range c.zones[0].RRs() { // the good one comes first
		if sig, ok := rr.(*dns.RRSIG); ok && sig.TypeCovered == dns.TypeSOA {
			good = append(good, []byte(sig.Signature))
		}
	}
	if len(good) != 2 {
		t.Fatalf("%d signatures over SOA", len(good))
	}
	c.twisted = []measurement.RSI{"c"}
	c.twist = func(wire []byte) []byte {
		m := new(dns.Msg)
		if err := m.Unpack(wire); err != nil {
			t.Fatal(err)
		}
		m.Answer = slices.DeleteFunc(m.Answer, func(rr dns.RR) bool {
			sig, ok := rr.(*dns.RRSIG)
			return ok && bytes.Equal([]byte(sig.Signature), good[0])
		})
		wire, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		return wire
	}
	c.ask("101", day)
	c.ingest()
	c.expect(day, "correct correct incorrect")
}

// What is signed by an algorithm that nobody knows is never judged, and said to be so.
func TestUnknownAlgorithmIsNotJudged(t *testing.T) {
	strange := lab.ZSK(9, "strange", 200)
	signing := lab.Simple(labKSK, labZSK)
	signing.Publish = append(signing.Publish, strange)
	c := zoneCollectorWith(t, lab.Options{Signing: signing})
	c.keep(c.zones[0], day.Add(-100*time.Hour))
	c.watched(c.zones[0], day.Add(-100*time.Hour), day.Add(5*time.Hour))
	only := *signing
	only.SignData = []lab.Key{strange}
	other, err := lab.Generate(lab.Options{Seed: 9, Serial: c.zones[0].Serial, TLDs: 30, Inception: signed(0), Expiration: signed(0).AddDate(0, 0, 40), Signing: &only, ZONEMD: lab.Digests{}})
	if err != nil {
		t.Fatal(err)
	}
	c.all(c.zones[0])
	c.serve["b"] = other
	c.ask("101", day)
	r := c.ingest()
	c.told("101", day, "a correct, b hold: a signature is by an algorithm that is not known here; see the notes, c correct")
	if r.Judged.Unjudgeable != 2 {
		t.Errorf("%+v", r.Judged)
	}
	c.nothingNew(day)
}

// What is not to be judged is not called broken for want of a zone.
func TestNotJudgedWithoutZones(t *testing.T) {
	for _, zones := range []int{0, 1} {
		c := newZoneCollector(t, 1)
		if zones > 0 {
			c.keep(c.zones[0], day.Add(-time.Hour))
		}
		c.all(c.zones[0])
		c.refer = "arpa."
		c.ask("101", day)
		if r := c.ingest(); r.Judged.Incorrect != 0 {
			t.Errorf("%d zones: %+v", zones, r.Judged)
		}
		c.held(day, "b", "arpa./NS is not judged while root servers serve arpa.")
		c.refer = ""
		c.twisted = []measurement.RSI{"b"}
		c.twist = func(wire []byte) []byte { wire[2] |= 2; return wire } // TC
		c.ask("101", day.Add(5*time.Minute))
		if r := c.ingest(); r.Judged.Incorrect != 0 {
			t.Errorf("%d zones, TC: %+v", zones, r.Judged)
		}
	}
}
