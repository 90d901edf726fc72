package simulate_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/simulate"
)

// files are the contents of all files below a folder.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

const everywhere = `
fault "some" {
  kind    = "wrong"
  rsis    = ["c", "d"]
  from    = "2026-11-01T02:00:00Z"
  until   = "2026-11-03"
  percent = 50
}
fault "late" {
  kind  = "stale"
  by    = "20h"
  rsis  = ["e"]
  from  = "2026-11-01T02:00:00Z"
  until = "2026-11-03"
}
fault "cut" {
  kind    = "down"
  from    = "2026-11-02T02:00:00Z"
  until   = "2026-11-03"
  percent = 20
}
`

// TestSameBytes: the same config gives the same bytes, however many work at it;
// another seed others.
func TestSameBytes(t *testing.T) {
	c := config(t, 1, 3*24*time.Hour)
	c.Faults = faultsOf(t, c, everywhere)
	var first map[string]string
	var truth *simulate.Truth
	for _, workers := range []int{1, 1, 3} {
		c.Workers = workers
		got, dir := run(t, c)
		if first == nil {
			first, truth = files(t, dir), got
			if len(first) != 7 {
				t.Errorf("%d files, want two for each of three days, and the zones", len(first))
			}
			continue
		}
		for name, text := range files(t, dir) {
			if first[name] != text {
				t.Errorf("%d workers: %s differs", workers, name)
			}
		}
		if d := cmp.Diff(truth, got); d != "" {
			t.Errorf("%d workers: the truth differs:\n%s", workers, d)
		}
	}
	c.Seed++
	_, dir := run(t, c)
	for name, text := range files(t, dir) {
		if first[name] == text {
			t.Errorf("another seed, the same %s", name)
		}
	}
}

// TestRowsAreAsMeasured holds rows to what measure and ingest promise of theirs.
func TestRowsAreAsMeasured(t *testing.T) {
	c := config(t, 3, 20*time.Hour)
	c.From = c.From.Add(-4 * time.Hour)
	c.Faults = faultsOf(t, c, everything)
	truth, dir := run(t, c)
	rows := rowsOf[measurement.Answer](t, dir, column.Answers)
	answered := map[[2]any]int{}
	planned := map[[2]any]int{}
	for i, a := range rows {
		checkRow(t, c.Plan, a)
		if t.Failed() {
			t.Fatalf("row %d: %+v", i, a)
		}
		run := [2]any{a.VantagePoint, a.Interval}
		planned[run]++
		if a.Outcome == measurement.Answered {
			answered[run]++
		}
	}
	runs := rowsOf[measurement.Run](t, dir, column.Runs)
	if len(runs) != len(planned) || truth.Rows.Runs != int64(len(runs)) {
		t.Errorf("%d runs, answers of %d", len(runs), len(planned))
	}
	for _, r := range runs {
		key := [2]any{r.VantagePoint, r.Interval}
		if int(r.Planned) != planned[key] || int(r.Answered) != answered[key] || r.Planned != 65 {
			t.Fatalf("run %+v: %d rows, %d answered", r, planned[key], answered[key])
		}
		if r.JitterMS < 0 || r.JitterMS >= 60000 || r.StartedAt.Before(r.Interval) || len(r.SHA256) != 64 {
			t.Fatalf("run %+v", r)
		}
		fast := r.VantagePoint == "903" && !r.Interval.Before(start.Add(-2*time.Hour)) && r.Interval.Before(start.Add(time.Hour))
		wait := r.IngestedAt.Sub(r.ReceivedAt)
		if r.ReceivedAt.After(r.StartedAt) == fast || wait <= 0 || wait > 6*time.Minute {
			t.Fatalf("run %s at %s: started %s, received %s, ingested %s", r.VantagePoint, r.Interval, r.StartedAt, r.ReceivedAt, r.IngestedAt)
		}
	}
}

// checkRow names every promise that a row breaks.
func checkRow(t *testing.T, p *plan.Plan, a measurement.Answer) {
	t.Helper()
	promise := func(kept bool, what string) {
		if !kept {
			t.Errorf("broken: %s", what)
		}
	}
	good := a.Outcome == measurement.Answered
	promise(a.Interval == interval.Of(a.Interval), "interval aligned")
	promise((a.SentAt == nil) == (a.Outcome == measurement.LocalError), "sent_at null exactly when local_error")
	promise(a.SentAt == nil || interval.Of(*a.SentAt) == a.Interval, "sent within the interval")
	promise((a.Error == nil) == good, "error exactly when not answered")
	promise((a.LatencyUS != nil) == good && (a.RCode != nil) == good && (a.AA != nil) == good && (a.TC != nil) == good, "the reply's columns exactly when answered")
	promise(a.LatencyUS == nil || *a.LatencyUS > 0 && *a.LatencyUS <= 4_000_000, "latency within the timeout")
	promise(a.ConnectUS == nil || a.Transport == measurement.TCP || a.Attempts == 2, "connect over TCP only")
	promise(!good || a.Transport == measurement.UDP || a.ConnectUS != nil && *a.ConnectUS < *a.LatencyUS, "answers over TCP have a connect")
	promise(a.Serial == nil || good && (*a.RCode == "NOERROR" || *a.RCode == "NXDOMAIN"), "serial of a reply")
	promise((a.NSID != nil) == good, "nsid of a reply")
	promise((a.ResponseSize != nil) == (good || a.Outcome == measurement.Malformed), "size of a reply")
	judged := a.Query == "correctness" && good && (*a.RCode == "NOERROR" || *a.RCode == "NXDOMAIN") && !*a.TC
	held := judged && *a.Verdict == measurement.Unchecked
	promise((a.Verdict != nil) == judged && (a.VerdictSerial != nil) == (judged && !held), "verdict exactly when judged")
	promise((len(a.Failures) > 0) == (judged && *a.Verdict != measurement.Correct), "failures of answers that are not correct")
	promise(!held || slices.Equal(a.Failures, []string{"hold: clock"}), "why an answer is held")
	promise(slices.Contains(measurement.Outcomes, a.Outcome), "outcome known")
	switch a.Query {
	case "soa":
		promise(a.QName == "." && a.QType == "SOA" && (a.Serial != nil) == (good && *a.RCode == "NOERROR" && !*a.TC), "the SOA question")
	case "correctness":
		lower := strings.ToLower(a.QName)
		labels := strings.Count(lower, ".")
		promise(lower != "arpa." || a.QType != "NS", "[unt]")
		switch a.QType {
		case "A":
			promise(len(lower) == len("www.rssac047-test.abcdefghij.") && strings.HasPrefix(lower, "www.rssac047-test."), "[hkc]")
		case "DS":
			promise(labels == 1 && lower != ".", "[kmd]")
		case "SOA", "DNSKEY":
			promise(lower == ".", "[njh] [hmc]")
		default:
			promise(a.QType == "NS" && labels == 1, "[xca] [max]")
		}
	default:
		t.Errorf("query %q", a.Query)
	}
	for _, s := range p.Servers {
		if addr, ok := s.AddressAt(a.Family, a.Interval); ok && s.RSI == a.RSI {
			promise(addr.String() == a.Address || a.Address == "192.0.2.53" || a.Address == "2001:db8::53", "address of the RSI, or of documentation")
		}
	}
}

// TestDraws: paths and questions are drawn as the plan says.
func TestDraws(t *testing.T) {
	c := config(t, 2, 24*time.Hour)
	_, dir := run(t, c)
	paths, kinds, names, upper, letters := map[string]int{}, map[string]int{}, map[string]bool{}, 0, 0
	total := 0
	for _, a := range rowsOf[measurement.Answer](t, dir, column.Answers) {
		if a.Query != "correctness" {
			continue
		}
		total++
		paths[measurement.Path{Family: a.Family, Transport: a.Transport}.String()]++
		kinds[a.QType]++
		names[strings.ToLower(a.QName)] = true
		for _, r := range a.QName {
			if r|0x20 >= 'a' && r|0x20 <= 'z' {
				letters++
				if r < 'a' {
					upper++
				}
			}
		}
	}
	near := func(what string, n, of, percent int) {
		t.Helper()
		if diff := 100*n - percent*of; diff > 2*of || diff < -2*of {
			t.Errorf("%s: %d of %d, want about %d %%", what, n, of, percent)
		}
	}
	for p, n := range paths {
		near(p, n, total, 25)
	}
	near("negative", kinds["A"], total, 10)
	near("upper case", upper, letters, 50)
	if kinds["DS"] == 0 || kinds["NS"] == 0 || kinds["DNSKEY"] == 0 || kinds["SOA"] == 0 || len(names) < 1500 {
		t.Errorf("%v, %d names", kinds, len(names))
	}
}

// TestZonesTable: two serials a day, archived before they are seen.
func TestZonesTable(t *testing.T) {
	c := config(t, 2, 3*24*time.Hour)
	truth, dir := run(t, c)
	zones, err := lake.Store{Dir: dir}.Zones()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for i, z := range zones {
		if z.State != measurement.ZoneArchived || z.ArchivedAt == nil || i > 0 && z.Serial <= zones[i-1].Serial {
			t.Errorf("%+v", z)
		}
		if *z.Proof != measurement.ProofArchive || z.SignedAt == nil || z.FirstUsed.Before(*z.SignedAt) || z.FirstUsed.After(*z.ArchivedAt) {
			t.Errorf("%+v", z)
		}
		if z.FirstSeen != nil {
			seen++
			if z.FirstSeen.Before(*z.ArchivedAt) || z.FirstSeenRSI == nil {
				t.Errorf("%+v", z)
			}
		}
	}
	if seen != 7 || truth.Rows.Zones != int64(len(zones)) {
		t.Errorf("%d zones seen of %d, want two a day and the one before", seen, len(zones))
	}
}

// TestStopped: a simulation that is interrupted leaves whole days or nothing.
func TestStopped(t *testing.T) {
	c := config(t, 1, 6*24*time.Hour)
	c.Workers = 1
	ctx, cancel := context.WithCancel(context.Background())
	c.Progress = func(done, _ int) {
		if done == 2 {
			cancel()
		}
	}
	dir := t.TempDir()
	if _, err := simulate.Run(ctx, dir, c); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	for name := range files(t, dir) {
		if !strings.HasSuffix(name, ".parquet") || strings.HasPrefix(filepath.Base(name), ".") {
			t.Errorf("%s is left", name)
		}
	}
	if n := len(rowsOf[measurement.Answer](t, dir, column.Answers)); n == 0 || n%(288*65) != 0 {
		t.Errorf("%d rows", n)
	}
}

func TestConfigMistakes(t *testing.T) {
	for want, change := range map[string]func(*simulate.Config){
		"want multiples of":   func(c *simulate.Config) { c.From = c.From.Add(time.Minute) },
		"is not before":       func(c *simulate.Config) { c.Until = c.From },
		"more than 3660 days": func(c *simulate.Config) { c.Until = c.From.AddDate(20, 0, 0) },
		"between 1980 and":    func(c *simulate.Config) { c.From = c.From.AddDate(-50, 0, 0); c.Until = c.From.AddDate(0, 0, 1) },
		"no vantage points":   func(c *simulate.Config) { c.VantagePoints = nil },
		`lacks query "soa"`:   func(c *simulate.Config) { p := *c.Plan; p.Queries = nil; c.Plan = &p },
		`p/dot.hcl:6:16: simulate: query "dot" is over TLS`: func(c *simulate.Config) {
			p := *c.Plan
			p.Queries = append(slices.Clone(p.Queries), plan.Query{Label: "dot", Transports: []measurement.Transport{measurement.TLS},
				Wire: plan.Wire{TransportsRange: plan.Range{File: "p/dot.hcl", Line: 6, Col: 16}}})
			c.Plan = &p
		},
		"a server frozen since": func(c *simulate.Config) {
			c.Faults = []plan.Fault{{Label: "x", Kind: plan.FaultFrozen, From: start.AddDate(-1, 0, 0), Until: start.AddDate(1, 0, 0)}}
		},
	} {
		c := config(t, 1, time.Hour)
		change(&c)
		if _, err := simulate.Run(context.Background(), t.TempDir(), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v", want, err)
		}
	}
}

func TestVantagePoints(t *testing.T) {
	p := rssac047(t)
	got, err := simulate.VantagePoints(p, 200)
	if err != nil || len(got) != 200 || got[0] != "901" || got[98] != "999" || got[99] != "800" || got[199] != "700" {
		t.Errorf("%v %v", got, err)
	}
	seen := map[measurement.VantagePoint]bool{}
	all, err := simulate.VantagePoints(p, 899)
	for _, v := range all {
		if seen[v] || !v.Valid() {
			t.Errorf("%q twice, or no number", v)
		}
		seen[v] = true
	}
	if err != nil {
		t.Error(err)
	}
	q := *p
	q.VantagePoints = []plan.VantagePoint{{ID: "101"}, {ID: "301"}}
	if got, err := simulate.VantagePoints(&q, 1); err != nil || !slices.Equal(got, []measurement.VantagePoint{"101"}) {
		t.Errorf("%v %v", got, err)
	}
	for _, n := range []int{0, 3, 900} {
		if _, err := simulate.VantagePoints(&q, n); err == nil {
			t.Errorf("%d vantage points of two", n)
		}
	}
}

// TestNoAddress: where an RSI has no address of a family when an interval begins it is
// not asked, and has no row that could count against it.
func TestNoAddress(t *testing.T) {
	c := config(t, 1, 2*time.Hour)
	joins, six := start.Add(62*time.Minute), start.Add(90*time.Minute) // the first within an interval
	i := slices.IndexFunc(c.Plan.Servers, func(s plan.Server) bool { return s.RSI == "m" })
	for j := range c.Plan.Servers[i].Addresses {
		a := &c.Plan.Servers[i].Addresses[j]
		if a.From = &joins; a.Family == measurement.IPv6 {
			a.From = &six
		}
	}
	_, dir := run(t, c)
	counts, perRun := map[string]int{}, map[time.Time]int32{}
	for _, a := range rowsOf[measurement.Answer](t, dir, column.Answers) {
		perRun[a.Interval]++
		if a.RSI != "m" {
			continue
		}
		if a.Address == "" || a.Interval.Before(joins) || a.Family == measurement.IPv6 && a.Interval.Before(six) {
			t.Fatalf("m is asked at %q over %s in interval %s", a.Address, a.Family, interval.Format(a.Interval))
		}
		counts[a.Query+" "+string(a.Family)]++
	}
	// From 01:05 on eleven intervals over IPv4, from 01:30 on six over IPv6.
	if counts["soa ipv4"] != 22 || counts["soa ipv6"] != 12 || counts["correctness ipv4"]+counts["correctness ipv6"] != 11 || counts["correctness ipv4"] < 5 {
		t.Errorf("rows of m: %v", counts)
	}
	for _, r := range rowsOf[measurement.Run](t, dir, column.Runs) {
		if r.Planned != perRun[r.Interval] {
			t.Errorf("interval %s: %d planned, %d rows", interval.Format(r.Interval), r.Planned, perRun[r.Interval])
		}
	}
}
