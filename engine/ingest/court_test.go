package ingest_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/engine/spool"
)

// court is a collector with zones whose answers it judges.
type court struct {
	*collector
	zones []*lab.Zone
	serve map[measurement.RSI]*lab.Zone
	tld   string // whose DS b is asked for; empty: one that all zones have alike
	refer string // the top-level domain that b is asked for instead, if any
	twist func(wire []byte) []byte

	twisted []measurement.RSI // whose answers are; none: all
	alter   func(rows []measurement.Answer)
	clock   *bool        // what vantage points say of their clocks
	kept    map[int]bool // of zones, those in the archive
	lie     int64        // a serial that is shown in place of all others; 0: none
}

// newCourt is one with so many zones, signed an hour one after the other, long before
// any test has them in use.
func newCourt(t testing.TB, zones int) *court {
	var after []lab.Revision
	for n := 1; n < zones; n++ {
		after = append(after, lab.Revision{Inception: signed(n), Expiration: signed(n).AddDate(0, 0, 40)})
	}
	return courtWith(t, lab.Options{}, after...)
}

func signed(zone int) time.Time { return day.AddDate(0, 0, -20).Add(time.Duration(zone) * time.Hour) }

// courtWith is one with the zones that the revisions make.
func courtWith(t testing.TB, o lab.Options, after ...lab.Revision) *court {
	t.Helper()
	o.Seed, o.Serial, o.TLDs, o.Inception, o.Expiration = 9, 2026112200, 30, signed(0), signed(0).AddDate(0, 0, 40)
	if o.Signing == nil {
		o.Signing = lab.Simple(labKSK, labZSK)
	}
	seq, err := lab.History(o, after...)
	if err != nil {
		t.Fatal(err)
	}
	return courtOf(t, seq)
}

// The keys of the zones of these tests: fast ones.
var labKSK, labZSK = lab.KSK(9, "ksk", lab.ECDSAP256SHA256), lab.ZSK(9, "zsk", lab.ECDSAP256SHA256)

func courtOf(t testing.TB, seq []*lab.Zone) *court {
	c := &court{collector: newCollector(t), zones: seq, serve: map[measurement.RSI]*lab.Zone{}}
	_, ds, _ := strings.Cut(seq[0].DS(), "\tDS\t")
	c.in.Anchors = []rootzone.Anchor{{DS: ds}}
	return c
}

// keep puts a zone into the archive, fetched at that time.
func (c *court) keep(z *lab.Zone, at time.Time) {
	c.t.Helper()
	c.save(z, rootzone.Record{At: at, Source: "internic"})
}

// addByHand is mtric zone add.
func (c *court) addByHand(z *lab.Zone, at time.Time) {
	c.t.Helper()
	c.save(z, rootzone.Record{At: at, Source: "file zone", ByHand: true})
}

func (c *court) save(z *lab.Zone, rec rootzone.Record) {
	c.t.Helper()
	var text bytes.Buffer
	if _, err := z.WriteTo(&text); err != nil {
		c.t.Fatal(err)
	}
	whole, err := rootzone.ReadWhole(&text, "zone")
	if err != nil {
		c.t.Fatal(err)
	}
	if err := os.MkdirAll(c.in.RootZones, 0o755); err != nil {
		c.t.Fatal(err)
	}
	added, err := rootzone.Save(c.in.RootZones, whole)
	if err != nil {
		c.t.Fatal(err)
	}
	sum, err := files.Sum(c.file(z))
	if err != nil {
		c.t.Fatal(err)
	}
	rec.Serial, rec.Added, rec.SHA256 = z.Serial, added, sum
	c.record(rec)
}

// file is where the archive keeps a zone.
func (c *court) file(z *lab.Zone) string {
	return filepath.Join(c.in.RootZones, rootzone.FileName(z.Serial))
}

func (c *court) fetched(serial uint32, at time.Time, added bool) {
	c.t.Helper()
	c.record(rootzone.Record{At: at, Serial: serial, Source: "internic", Added: added, SHA256: strings.Repeat("0", 64)})
}

// watched has the archive fetch hourly in [from, until], each time that zone.
func (c *court) watched(z *lab.Zone, from, until time.Time) {
	c.t.Helper()
	var text []byte
	for at := from; !at.After(until); at = at.Add(time.Hour) {
		line, err := json.Marshal(rootzone.Record{At: at, Serial: z.Serial, Source: "internic", SHA256: strings.Repeat("0", 64)})
		if err != nil {
			c.t.Fatal(err)
		}
		text = append(append(text, line...), '\n')
	}
	f, err := os.OpenFile(rootzone.RecordsFile(c.in.RootZones), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := f.Write(text); err != nil {
		c.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		c.t.Fatal(err)
	}
}

func (c *court) record(rec rootzone.Record) {
	c.t.Helper()
	if err := rootzone.AppendRecord(c.in.RootZones, rec); err != nil {
		c.t.Fatal(err)
	}
}

// ask has RSIs a, b and c asked for ./SOA, by soa and correctness, and b in the
// latter for the DS of a top-level domain.
func (c *court) ask(vp measurement.VantagePoint, label time.Time) {
	c.t.Helper()
	rows := answersOf(vp, label)
	for i := range rows {
		a := &rows[i]
		zone := c.serve[a.RSI]
		serial := int64(zone.Serial)
		a.Serial = &serial
		if c.lie != 0 && a.Query == "soa" {
			a.Serial = &c.lie
		}
		if a.Query != "correctness" {
			continue
		}
		if a.RSI == "b" {
			a.QName, a.QType = cmp.Or(c.tld, zone.Secure()[0]), "DS"
			if c.refer != "" {
				a.QName, a.QType = c.refer, "NS"
			}
		}
		a.Response = wireOf(c.t, zone, a.QName, a.QType)
		if c.twist != nil && (len(c.twisted) == 0 || slices.Contains(c.twisted, a.RSI)) {
			a.Response = c.twist(a.Response)
		}
		heard(a)
	}
	if c.alter != nil {
		c.alter(rows)
	}
	run := runOf(rows, vp, label)
	run.ClockSynchronized = c.clock
	send(c.collector, c.box(vp), spool.Name(label, vp, column.Answers), rows, metaOf(run))
}

func wireOf(t testing.TB, z *lab.Zone, name, kind string) []byte {
	t.Helper()
	m := new(dns.Msg).SetQuestion(name, dns.StringToType[kind])
	m.Id, m.RecursionDesired = 4711, false
	m.SetEdns0(1220, true)
	query, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	wire, err := z.Answer(query, lab.FlavourOf("a"), "x", true)
	if err != nil || wire == nil {
		t.Fatal(wire, err)
	}
	return wire
}

// changedDS is a top-level domain with a DS in both zones, not the same one.
func changedDS(t testing.TB, a, b *lab.Zone) string {
	t.Helper()
	for _, tld := range a.Secure() {
		if slices.Contains(b.Secure(), tld) && !bytes.Equal(dataOf(t, a, tld), dataOf(t, b, tld)) {
			return tld
		}
	}
	t.Fatalf("no DS differs between %d and %d", a.Serial, b.Serial)
	return ""
}

// dataOf is a zone's answer for a DS without its signatures.
func dataOf(t testing.TB, z *lab.Zone, tld string) []byte {
	t.Helper()
	var m dns.Msg
	if err := m.Unpack(wireOf(t, z, tld, "DS")); err != nil {
		t.Fatal(err)
	}
	var text []byte
	for _, rr := range m.Answer {
		if rr.Header().Rrtype == dns.TypeDS {
			text = append(text, rr.String()...)
		}
	}
	return text
}

// verdicts are those of the correctness answers of an interval, by RSI.
func (c *court) verdicts(label time.Time) map[measurement.RSI]measurement.Answer {
	c.t.Helper()
	m := map[measurement.RSI]measurement.Answer{}
	for _, a := range readDay[measurement.Answer](c.collector, column.Answers, label) {
		if a.Query == "correctness" && a.Interval.Equal(label) && a.Transport == "udp" {
			m[a.RSI] = a
		}
	}
	return m
}

// held expects the reason for which an RSI's answer in an interval is held.
func (c *court) held(label time.Time, rsi measurement.RSI, reason string) {
	c.t.Helper()
	a := c.verdicts(label)[rsi]
	if *a.Verdict != measurement.Unchecked || !slices.Equal(a.Failures, []string{"hold: " + reason}) {
		c.t.Errorf("%s of %s: %s for %q, want it held for %q", label.Format(time.DateTime), rsi, *a.Verdict, a.Failures, reason)
	}
}

func (c *court) expect(label time.Time, want string) {
	c.t.Helper()
	got := ""
	for _, rsi := range []measurement.RSI{"a", "b", "c"} {
		got += " " + string(*c.verdicts(label)[rsi].Verdict)
	}
	if got[1:] != want {
		c.t.Errorf("%s: verdicts %s, want %s; a: %q", label.Format(time.DateTime), got[1:], want, c.verdicts(label)["a"].Failures)
	}
}

func (c *court) all(z *lab.Zone) {
	for _, rsi := range []measurement.RSI{"a", "b", "c"} {
		c.serve[rsi] = z
	}
}
