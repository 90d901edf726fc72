package ingest_test

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/ingest"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/probe"
	"mtric.net/mtric/engine/spool"
)

func ptr[T any](v T) *T { return &v }

// collector is a collector's home with dropboxes beside it.
type collector struct {
	t   testing.TB
	dir string
	in  ingest.Ingester
}

func newCollector(t testing.TB) *collector {
	dir := t.TempDir()
	c := &collector{t: t, dir: dir}
	c.in = ingest.Ingester{
		Plan:       &plan.Plan{Queries: []plan.Query{{Label: "soa", Timeout: plan.Duration(4 * time.Second)}, {Label: "correctness", Timeout: plan.Duration(4 * time.Second)}}},
		Lake:       lake.Store{Dir: filepath.Join(dir, "Lake"), Version: "1.0.0"},
		Dropboxes:  filepath.Join(dir, "sftp", "transfer-{vantage_point}", "incoming"),
		Originals:  filepath.Join(dir, "Originals"),
		Quarantine: filepath.Join(dir, "Quarantine"),
		RootZones:  filepath.Join(dir, "Output", "RootZones"),
		Backlog:    filepath.Join(dir, "unchecked.json"),
		Now:        func() time.Time { return now },
	}
	return c
}

// box is the dropbox of a vantage point.
func (c *collector) box(vp measurement.VantagePoint) string {
	path := filepath.Join(c.dir, "sftp", "transfer-"+string(vp), "incoming")
	if err := os.MkdirAll(path, 0o755); err != nil {
		c.t.Fatal(err)
	}
	return path
}

func (c *collector) ingest() ingest.Result {
	c.t.Helper()
	r, err := c.in.Run(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// interval is what a vantage point measured: twelve answers of good shape.
func answersOf(vp measurement.VantagePoint, label time.Time) []measurement.Answer {
	var rows []measurement.Answer
	for _, rsi := range []measurement.RSI{"a", "b", "c"} {
		for _, transport := range measurement.MetricTransports {
			for _, query := range []string{"soa", "correctness"} {
				sent := label.Add(7 * time.Second)
				a := measurement.Answer{VantagePoint: vp, Interval: label, SentAt: &sent, Query: query, RSI: rsi, Family: "ipv4", Transport: transport,
					Address: "198.41.0.4", QName: ".", QType: "SOA", Outcome: measurement.Answered, LatencyUS: ptr(int64(20_000)), RCode: ptr("NOERROR"),
					AA: ptr(true), TC: ptr(false), Attempts: 1, Serial: ptr(int64(2026112200)), ResponseSize: ptr(int32(3)), NSID: ptr("x" + string(rsi))}
				if query == "correctness" {
					a.Response = soaWire(2026112200, *a.NSID)
					a.ResponseSize = ptr(int32(len(a.Response)))
				}
				rows = append(rows, a)
			}
		}
	}
	slices.SortFunc(rows, func(a, b measurement.Answer) int {
		return strings.Compare(a.Query+string(a.RSI)+string(a.Transport), b.Query+string(b.RSI)+string(b.Transport))
	})
	return rows
}

// soaWire is an answer to ./SOA without a signature, which is incorrect whatever the zone.
func soaWire(serial uint32, nsid string) []byte {
	m := new(dns.Msg).SetQuestion(".", dns.TypeSOA)
	m.Id, m.RecursionDesired, m.Response, m.Authoritative = 4711, false, true, true
	m.Answer = []dns.RR{&dns.SOA{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 86400},
		Ns: "a.root-servers.net.", Mbox: "nstld.verisign-grs.com.", Serial: serial, Refresh: 1800, Retry: 900, Expire: 604800, Minttl: 86400}}
	m.SetEdns0(1220, true)
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID, Nsid: hex.EncodeToString([]byte(nsid))}}
	wire, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return wire
}

// fillFromResponse makes the columns of a row what its response says, as the prober does.
func fillFromResponse(a *measurement.Answer) {
	r, err := probe.ReadReply(a.Response)
	if err != nil {
		panic(err)
	}
	a.RCode, a.AA, a.TC, a.Serial, a.NSID, a.ResponseSize = &r.RCode, &r.AA, &r.TC, r.Serial, r.NSID, ptr(int32(len(a.Response)))
}

func runOf(rows []measurement.Answer, vp measurement.VantagePoint, label time.Time) *measurement.Run {
	r := &measurement.Run{VantagePoint: vp, Interval: label, StartedAt: label.Add(time.Second), Planned: int32(len(rows)), EngineVersion: "1.0.0",
		Plan: "rssac047", PlanSHA256: strings.Repeat("ab", 32), Timestamps: "kernel"}
	for _, a := range rows {
		if a.Outcome == measurement.Answered {
			r.Answered++
		}
	}
	return r
}

func metaOf(r *measurement.Run) column.Metadata {
	return column.Metadata{Version: "1.0.0", Plan: r.Plan, PlanSHA256: r.PlanSHA256, Run: r}
}

// send puts a file with its sidecar into a dropbox.
func send[T column.Row](c *collector, box string, name string, rows []T, meta column.Metadata) string {
	c.t.Helper()
	path := filepath.Join(box, name)
	if err := column.Write(path, rows, meta); err != nil {
		c.t.Fatal(err)
	}
	if err := files.WriteSidecar(path); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// measure sends what a vantage point in good order sends for an interval.
func (c *collector) measure(vp measurement.VantagePoint, label time.Time) {
	rows := answersOf(vp, label)
	meta := metaOf(runOf(rows, vp, label))
	send(c, c.box(vp), spool.Name(label, vp, column.Answers), rows, meta)
	send(c, c.box(vp), spool.Name(label, vp, column.Routes), routesOf(vp, label), meta)
}

func routesOf(vp measurement.VantagePoint, label time.Time) []measurement.Route {
	return []measurement.Route{{VantagePoint: vp, Interval: label, StartedAt: label.Add(30 * time.Second), RSI: "a", Family: "ipv4", Address: "198.41.0.4",
		Method: "icmp-echo-paris", StopReason: "COMPLETED", Reached: true, Complete: true, HopCount: 2,
		Hops: []measurement.Hop{{TTL: 1, Address: ptr("10.0.0.1"), RTTUS: ptr(int64(9))}, {TTL: 2}}}}
}

func readDay[T lake.Measured](c *collector, table column.Table, at time.Time) []T {
	c.t.Helper()
	rows, _, err := column.Read[T](c.in.Lake.Path(table, at))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return rows
}

func left(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
