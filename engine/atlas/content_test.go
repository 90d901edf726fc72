package atlas_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"mtric.net/mtric/engine/atlas"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
)

// archive has zones of these serials, which prove themselves by the anchors returned.
func archive(t testing.TB, serials ...uint32) (dir string, anchors []rootzone.Anchor) {
	t.Helper()
	dir = t.TempDir()
	for _, serial := range serials {
		zone, err := lab.Generate(lab.Options{Seed: 1, Serial: serial, TLDs: 8, Inception: time.Date(2026, 11, 20, 4, 0, 0, 0, time.UTC), Expiration: time.Date(2026, 12, 20, 4, 0, 0, 0, time.UTC)})
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(filepath.Join(dir, rootzone.FileName(serial)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := zone.WriteTo(f); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		anchors = []rootzone.Anchor{{DS: zone.DS()}}
	}
	anchors[0].DS = strings.Join(strings.Fields(anchors[0].DS)[4:], " ")
	return dir, anchors
}

func zones(t testing.TB, dir string, anchors []rootzone.Anchor) *atlas.Zones {
	t.Helper()
	z, err := atlas.OpenZones(dir, anchors)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// soa changes the SOA record of a response.
func soa(change func(*dns.SOA)) func(*dns.Msg) {
	return func(m *dns.Msg) { change(m.Answer[0].(*dns.SOA)) }
}

// contentOf is what a row says of its SOA record.
func contentOf(a measurement.Answer) string {
	verdict, serial := "null", "null"
	if a.Verdict != nil {
		verdict = string(*a.Verdict)
	}
	if a.VerdictSerial != nil {
		serial = fmt.Sprint(*a.VerdictSerial)
	}
	kept := ""
	if a.Response != nil {
		kept = " kept"
	}
	return fmt.Sprintf("%s %s %q%s", verdict, serial, a.Failures, kept)
}

func TestContentOfSOA(t *testing.T) {
	dir, anchors := archive(t, 2026112000, 2026111901)
	damaged := filepath.Join(dir, rootzone.FileName(2026111901))
	text, err := os.ReadFile(damaged)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(damaged, text[:len(text)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	// It was on record; the other is what anybody may have put there.
	if err := rootzone.AppendRecord(dir, rootzone.Record{At: now, Serial: 2026111901, Source: "test", SHA256: strings.Repeat("0", 64), Added: true}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, rootzone.FileName(2026111900)), text[:len(text)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	const good = `correct 2026112000 []`
	resolver := func(m *dns.Msg) { m.Authoritative, m.RecursionAvailable = false, true }
	for _, c := range []struct {
		name   string
		change func(*dns.Msg)
		fields map[string]any
		want   string
	}{
		{"as the zone has it", nil, nil, good},
		{"in other letters", soa(func(s *dns.SOA) { s.Ns, s.Mbox = "A.ROOT-servers.net.", "NSTLD.verisign-grs.COM." }), nil, good},
		{"with the TTL of a cache", soa(func(s *dns.SOA) { s.Hdr.Ttl = 7 }), nil, good},
		{"with a greater TTL", soa(func(s *dns.SOA) { s.Hdr.Ttl = 172800 }), nil, good},
		{"by a wrong clock", nil, map[string]any{"lts": -1}, good},
		{"by a resolver", resolver, nil, good + " kept"},
		{"without AA", func(m *dns.Msg) { m.Authoritative = false }, nil, good + " kept"},
		{"with RA and AA", func(m *dns.Msg) { m.RecursionAvailable = true }, nil, good + " kept"},
		{"another minimum", soa(func(s *dns.SOA) { s.Minttl = 3600 }), nil, `incorrect 2026112000 ["vnk: ./SOA in Answer differs from zone 2026112000: lacks a.root-servers.net. nstld.verisign-grs.com. 2026112000 1800 900 604800 86400; has a.root-servers.net. nstld.verisign-grs.com. 2026112000 1800 900 604800 3600, which the zone has not"] kept`},
		{"one bit", soa(func(s *dns.SOA) { s.Retry ^= 4 }), nil, `incorrect 2026112000 ["vnk: ./SOA in Answer: a.root-servers.net. nstld.verisign-grs.com. 2026112000 1800 896 604800 86400 is one bit different from a.root-servers.net. nstld.verisign-grs.com. 2026112000 1800 900 604800 86400 of zone 2026112000"] kept`},
		{"a resolver's own", func(m *dns.Msg) { resolver(m); m.Answer[0].(*dns.SOA).Ns = "localhost." }, nil, `incorrect 2026112000 ["vnk: ./SOA in Answer differs from zone 2026112000: lacks a.root-servers.net. nstld.verisign-grs.com. 2026112000 1800 900 604800 86400; has localhost. nstld.verisign-grs.com. 2026112000 1800 900 604800 86400, which the zone has not"] kept`},
		{"of a zone that is not there", soa(func(s *dns.SOA) { s.Serial, s.Minttl = 2026112101, 1 }), nil, `unchecked null ["hold: zone 2026112101 is not archived"]`},
		{"of a zone that is damaged", soa(func(s *dns.SOA) { s.Serial = 2026111901 }), nil, `unchecked null ["hold: zone 2026111901 cannot be read"]`},
		{"of a zone that proves nothing", soa(func(s *dns.SOA) { s.Serial = 2026111900 }), nil, `unchecked null ["hold: zone 2026111900 is not archived"]`},
		{"no record", func(m *dns.Msg) { m.Answer = nil }, nil, `unchecked null ["hold: Answer has not one SOA record of the root"] kept`},
		{"no data", func(m *dns.Msg) { m.Ns, m.Answer = m.Answer, nil }, nil, `unchecked null ["hold: Answer has not one SOA record of the root"]`},
		{"two records", func(m *dns.Msg) {
			other := dns.Copy(m.Answer[0]).(*dns.SOA)
			other.Serial++
			m.Answer = append(m.Answer, other)
		}, nil, `unchecked null ["hold: Answer has not one SOA record of the root"] kept`},
		{"of another name", soa(func(s *dns.SOA) { s.Hdr.Name = "example." }), nil, `unchecked null ["hold: Answer has not one SOA record of the root"] kept`},
		{"of another class", soa(func(s *dns.SOA) { s.Hdr.Class = dns.ClassHESIOD }), nil, `unchecked null ["hold: Answer has not one SOA record of the root"] kept`},
		{"a name that is not there", func(m *dns.Msg) { m.Rcode, m.Ns, m.Answer = dns.RcodeNameError, m.Answer, nil }, nil, `unchecked null ["hold: Answer has not one SOA record of the root"] kept`},
		{"refused", func(m *dns.Msg) { m.Rcode = dns.RcodeRefused }, nil, `null null [] kept`},
		{"truncated", func(m *dns.Msg) { m.Truncated = true }, nil, `null null [] kept`},
		{"late", soa(func(s *dns.SOA) { s.Minttl = 1 }), map[string]any{"rt": 4500.0}, `null null []`},
		{"an identity", nil, map[string]any{"msm_id": 10301}, `null null [] kept`},
	} {
		abuf := wire(t, ".", "SOA", c.change)
		if c.name == "an identity" {
			abuf = wire(t, "hostname.bind.", "TXT", nil)
		}
		lake := filepath.Join(t.TempDir(), "lake")
		counts := importLines(t, lake, atlas.Importer{Zones: zones(t, dir, anchors), Identity: true}, line(t, with(answer(abuf, c.fields), only(c.fields, "lts", "msm_id"))))
		all := rows[measurement.Answer](t, lake)
		if len(all) != 1 || contentOf(all[0]) != c.want {
			t.Errorf("%s: %d rows: %s\nwant %s", c.name, len(all), contentOf(all[0]), c.want)
		}
		if bad := strings.Contains(c.want, "20261119"); bad != (len(counts.BadZones) > 0) {
			t.Errorf("%s: bad zones %q", c.name, counts.BadZones)
		}
	}
}

func only(fields map[string]any, names ...string) map[string]any {
	some := map[string]any{}
	for name, v := range fields {
		if slices.Contains(names, name) {
			some[name] = v
		}
	}
	return some
}

// A zone counts that proves itself, or that is on record as proved, as it is now.
func TestZonesAreBelieved(t *testing.T) {
	result := line(t, answer(wire(t, ".", "SOA", nil), nil))
	for _, c := range []struct {
		name    string
		anchors bool
		record  func(sum string) string
		want    measurement.Verdict
	}{
		{"proves itself", true, nil, measurement.Correct},
		{"proves nothing", false, nil, measurement.Unchecked},
		{"on record", false, func(sum string) string { return sum }, measurement.Correct},
		{"another is on record", false, func(sum string) string { return strings.Repeat("0", 64) }, measurement.Unchecked},
	} {
		dir, anchors := archive(t, 2026112000)
		if !c.anchors {
			anchors = nil
		}
		if c.record != nil {
			sum, err := files.Sum(filepath.Join(dir, rootzone.FileName(2026112000)))
			if err != nil {
				t.Fatal(err)
			}
			if err := rootzone.AppendRecord(dir, rootzone.Record{At: now, Serial: 2026112000, Source: "test", SHA256: c.record(sum), Added: true}); err != nil {
				t.Fatal(err)
			}
		}
		lake := filepath.Join(t.TempDir(), "lake")
		importLines(t, lake, atlas.Importer{Zones: zones(t, dir, anchors)}, result)
		if a := rows[measurement.Answer](t, lake)[0]; *a.Verdict != c.want {
			t.Errorf("%s: %s", c.name, contentOf(a))
		}
	}
}

// More zones complete what was unchecked, fewer take nothing away, and neither the order of
// imports nor repeating them changes what comes of all.
func TestZonesComeInAnyOrder(t *testing.T) {
	all, anchors := archive(t, 2026112000, 2026112001)
	some := filepath.Join(t.TempDir(), "some")
	if err := os.Mkdir(some, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(all, rootzone.FileName(2026112000)), filepath.Join(some, rootzone.FileName(2026112000))); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for i := range uint32(24) {
		abuf := wire(t, ".", "SOA", soa(func(s *dns.SOA) {
			s.Serial += i % 3
			s.Minttl += i % 2
		}))
		lines = append(lines, line(t, with(answer(abuf, nil), map[string]any{"prb_id": 1 + i})))
	}
	whole := filepath.Join(t.TempDir(), "whole")
	counts := importLines(t, whole, atlas.Importer{Zones: zones(t, all, anchors)}, lines...)
	if counts.Judged[measurement.Correct] != 8 || counts.Judged[measurement.Incorrect] != 8 || counts.Judged[measurement.Unchecked] != 8 {
		t.Fatalf("%+v", counts)
	}
	want := rows[measurement.Answer](t, whole)
	allZones, someZones := zones(t, all, anchors), zones(t, some, anchors)
	rapid.Check(t, func(rt *rapid.T) {
		lake := filepath.Join(t.TempDir(), "lake")
		for range rapid.IntRange(0, 3).Draw(rt, "imports") {
			m := atlas.Importer{}
			switch rapid.IntRange(0, 2).Draw(rt, "zones") {
			case 0:
				m.Zones = someZones
			case 1:
				m.Zones = allZones
			}
			importLines(t, lake, m, rapid.Permutation(lines).Draw(rt, "lines")[:rapid.IntRange(1, len(lines)).Draw(rt, "n")]...)
		}
		counts := importLines(t, lake, atlas.Importer{Zones: allZones}, lines...)
		if counts.Added+counts.Left[atlas.Known] != int64(len(lines)) || counts.Left[atlas.SecondInInterval] > 0 {
			rt.Fatalf("%+v", counts)
		}
		before := lakeFiles(t, lake)
		importLines(t, lake, atlas.Importer{}, lines...)
		importLines(t, lake, atlas.Importer{Zones: someZones}, lines...)
		if diff := cmp.Diff(want, rows[measurement.Answer](t, lake)); diff != "" {
			rt.Fatal(diff)
		}
		if !cmp.Equal(before, lakeFiles(t, lake)) {
			rt.Fatal("what adds nothing changed the lake")
		}
	})
}

// Whatever field differs, it is told; the serial alone chooses the zone.
func TestEachFieldOfTheSOACounts(t *testing.T) {
	dir, anchors := archive(t, 2026112000)
	archive := zones(t, dir, anchors)
	rapid.Check(t, func(rt *rapid.T) {
		by := rapid.Uint32Range(1, 1<<31).Draw(rt, "by")
		field := rapid.IntRange(0, 5).Draw(rt, "field")
		abuf := wire(t, ".", "SOA", soa(func(s *dns.SOA) {
			for i, number := range []*uint32{&s.Refresh, &s.Retry, &s.Expire, &s.Minttl} {
				if i == field {
					*number += by
				}
			}
			for i, name := range []*string{&s.Ns, &s.Mbox} {
				if i+4 == field {
					*name = fmt.Sprintf("x%d.", by) + *name
				}
			}
		}))
		lake := filepath.Join(t.TempDir(), "lake")
		importLines(t, lake, atlas.Importer{Zones: archive}, line(t, answer(abuf, nil)))
		if a := rows[measurement.Answer](t, lake)[0]; *a.Verdict != measurement.Incorrect || a.Response == nil || !strings.HasPrefix(a.Failures[0], "vnk: ./SOA in Answer") {
			rt.Fatal(contentOf(a))
		}
	})
}
