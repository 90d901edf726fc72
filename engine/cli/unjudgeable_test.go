package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/cli"
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
	path := lake.Store{Dir: filepath.Join(home, "Lake")}.Path(lake.Answers, label)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := lake.Write(path, []measurement.Answer{row}, lake.Metadata{Version: "1.0.0"}); err != nil {
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

// strangelySigned is a zone with a key of a private algorithm, its anchor, and an
// answer that only this key signed.
func strangelySigned(t *testing.T) (*rootzone.Zone, string, []byte) {
	t.Helper()
	const soa = ". 86400 IN SOA a.root-servers.net. nstld.verisign-grs.com. 2026112200 1800 900 604800 86400"
	var text strings.Builder
	text.WriteString(soa + "\n. 518400 IN NS a.root-servers.net.\n")
	key := &dns.DNSKEY{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 172800}, Flags: 257, Protocol: 3,
		Algorithm: dns.PRIVATEDNS, PublicKey: "AAAA"}
	text.WriteString(key.String() + "\n")
	zone, err := rootzone.ReadWhole(strings.NewReader(text.String()), "zone")
	if err != nil {
		t.Fatal(err)
	}
	rr, err := dns.NewRR(soa)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := dns.NewRR(fmt.Sprintf(". 86400 IN RRSIG SOA %d 0 86400 20261205000000 20261120000000 %d . AAAA", key.Algorithm, key.KeyTag()))
	if err != nil {
		t.Fatal(err)
	}
	m := new(dns.Msg).SetQuestion(".", dns.TypeSOA)
	m.Response, m.Authoritative, m.RecursionDesired, m.Answer = true, true, false, []dns.RR{rr, sig}
	m.SetEdns0(1220, true)
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	of := key.ToDS(dns.SHA256)
	return zone, fmt.Sprintf("%d %d %d %s", of.KeyTag, of.Algorithm, of.DigestType, of.Digest), wire
}
