package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/cli"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
)

// An answer that is signed only by an algorithm that is not known stays unchecked,
// and ingest raises an alert; a zone for it is all that the archive needs.
func TestUnjudgeableAlert(t *testing.T) {
	home := t.TempDir()
	zone, ds, wire := strangelySigned(t)
	dir := filepath.Join(home, "Output", "RootZones")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := rootzone.Save(dir, zone); err != nil {
		t.Fatal(err)
	}
	label := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	record := rootzone.Record{At: label.Add(-time.Hour), Serial: zone.Serial, Source: "internic", Added: true, SHA256: strings.Repeat("0", 64)}
	if err := rootzone.AppendRecord(dir, record); err != nil {
		t.Fatal(err)
	}
	unchecked := measurement.Unchecked
	row := measurement.Answer{VantagePoint: "101", Interval: label, SentAt: &label, Query: "correctness", RSI: "a", Family: "ipv4", Transport: "udp",
		Address: "198.41.0.4", QName: ".", QType: "SOA", Outcome: measurement.Answered, LatencyUS: new(int64(9)), RCode: new("NOERROR"),
		AA: new(true), TC: new(false), Attempts: 1, Response: wire, ResponseSize: new(int32(len(wire))), Verdict: &unchecked}
	path := lake.Store{Dir: filepath.Join(home, "Lake")}.Path(column.Answers, label)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := column.Write(path, []measurement.Answer{row}, column.Metadata{Version: "1.0.0"}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // it is told once
		var out, errs bytes.Buffer
		args := []string{"ingest", "--plan", "demo", "--var", "anchor=" + ds, "--home", home, "--now", "2026-11-22T12:00:00Z", "--json"}
		if code := cli.Run(args, strings.NewReader(""), &out, &errs); code != 0 || !strings.Contains(out.String(), `"unjudgeable": 1`) {
			t.Fatalf("exit code %d\n%s%s", code, &out, &errs)
		}
	}
	alerts, err := os.ReadFile(filepath.Join(home, "Logs", "c00-alerts.txt"))
	if err != nil || strings.Count(string(alerts), "FIRING rule=mtric.ingest condition=unjudgeable") != 1 {
		t.Errorf("%v\n%s", err, alerts)
	}
}

// strangelySigned is a zone that is signed by a key of a private algorithm beside one
// that is known, its anchor, and an answer that carries the private one alone.
func strangelySigned(t *testing.T) (*rootzone.Zone, string, []byte) {
	t.Helper()
	ksk, zsk, private := lab.KSK(1, "ksk", lab.ECDSAP256SHA256), lab.ZSK(1, "zsk", lab.ECDSAP256SHA256), lab.ZSK(1, "private", lab.PrivateDNS)
	signed := func(by ...lab.Key) *lab.Zone {
		begin := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
		z, err := lab.Generate(lab.Options{Seed: 1, Serial: 2026112200, TLDs: 10, Inception: begin, Expiration: begin.AddDate(0, 0, 13),
			Signing: &lab.Signing{Publish: []lab.Key{zsk, private, ksk}, SignKeys: []lab.Key{ksk}, SignData: by}})
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
	var text strings.Builder
	if _, err := signed(zsk, private).WriteTo(&text); err != nil {
		t.Fatal(err)
	}
	zone, err := rootzone.ReadWhole(strings.NewReader(text.String()), "zone")
	if err != nil {
		t.Fatal(err)
	}
	m := new(dns.Msg).SetQuestion(".", dns.TypeSOA)
	m.SetEdns0(1220, true)
	query, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	wire, err := signed(private).Answer(query, lab.Knot, "x", true)
	if err != nil {
		t.Fatal(err)
	}
	return zone, ksk.Anchor(), wire
}
