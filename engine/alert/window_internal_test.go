package alert

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/plans"
)

const windowRules = `
query "other" {
  schedule   = schedule.interval
  servers    = server.root
  families   = ["ipv4", "ipv6"]
  transports = ["udp", "tcp"]
  qname      = "."
  qtype      = "SOA"
}
rule "rsi-unavailable" {
  on       = "window"
  over     = ["rsi", "family"]
  window   = "30m"
  severity = "info"
  expr     = "window.median_latency > previous.p95_latency && window.lag > 0.0 && window.nsids > previous.nsids"
  summary  = "x"
}
rule "by-query" {
  on       = "window"
  over     = ["query", "vantage_point"]
  window   = "15m"
  severity = "info"
  expr     = "window.p95_latency > 1.0 && window.lag > 0.0 && window.nsids > 0"
  summary  = "x"
}
rule "of-others" {
  on       = "window"
  over     = ["rsi", "transport"]
  queries  = [query.other]
  window   = "15m"
  severity = "info"
  expr     = "window.p95_latency > 1.0 && window.lag > 0.0 && window.nsids > 0"
  summary  = "x"
}
rule "of-both" {
  on       = "window"
  over     = ["rsi", "transport"]
  queries  = [query.other, query.soa]
  window   = "15m"
  severity = "info"
  expr     = "window.p95_latency > 1.0 && window.lag > 0.0 && window.nsids > 0"
  summary  = "x"
}
`

var start = time.Date(2026, 11, 1, 23, 0, 0, 0, time.UTC) // windows cross midnight

// elsewhere is no address of the plan.
const elsewhere = "203.0.113.9"

// made makes two and a half hours of answers of every kind.
func made(r *rand.Rand, p *plan.Plan) []measurement.Answer {
	var all []measurement.Answer
	for i := range 30 {
		for _, vp := range []measurement.VantagePoint{"101", "301", "501"} {
			if r.IntN(8) == 0 {
				continue // an interval that never arrived
			}
			for _, rsi := range []measurement.RSI{"a", "b", "c", "nobody"} {
				for _, query := range []string{"correctness", "other", "soa", "unplanned"} {
					for _, path := range []measurement.Path{{Family: "ipv4", Transport: "udp"}, {Family: "ipv6", Transport: "tcp"}} {
						a := measurement.Answer{VantagePoint: vp, Interval: start.Add(time.Duration(i) * interval.Length), Query: query, RSI: rsi,
							Family: path.Family, Transport: path.Transport, QName: ".", QType: "SOA", Strays: int32(r.IntN(20) / 19),
							Outcome: measurement.Outcomes[max(0, r.IntN(30)-23)], Attempts: 1}
						for _, s := range p.Servers {
							if address, ok := s.AddressAt(a.Family, a.Interval); ok && s.RSI == rsi {
								a.Address = address.String()
							}
						}
						if r.IntN(20) == 0 {
							a.Address = elsewhere
						}
						if a.Outcome == measurement.Answered {
							a.RCode = new([]string{"NOERROR", "NOERROR", "NOERROR", "SERVFAIL", "NXDOMAIN", "NOTIMP"}[r.IntN(6)])
							a.LatencyUS = new(r.Int64N(2000))
							a.Serial = new(2026110100 + r.Int64N(4)) // the last of no zone
							a.NSID = new(string(rsi) + string(rune('0'+r.IntN(3))))
							if query == "correctness" {
								a.Verdict = new([]measurement.Verdict{"correct", "incorrect", "unchecked"}[r.IntN(3)])
							}
							if query == "other" && r.IntN(2) == 0 {
								a.Expected = new(r.IntN(3) > 0)
							}
							if query == "other" {
								a.DNSSEC = []*measurement.Security{nil, new(measurement.SecuritySecure), new(measurement.SecurityBogus), new(measurement.SecurityUnchecked)}[r.IntN(4)]
							}
						}
						if a.Outcome != measurement.LocalError {
							a.SentAt = new(a.Interval)
						}
						all = append(all, a)
					}
				}
			}
		}
	}
	return all
}

// brute is the window by definition, over all rows each time.
func brute(rows []measurement.Answer, labels []Label, from, until time.Time, zones []measurement.Zone, queries ...string) (w Window) {
	byQuery := slices.ContainsFunc(labels, func(l Label) bool { return l.Name == "query" })
	pairs, nsids, vps, rsis := map[[2]string]bool{}, map[string]bool{}, map[string]*count{}, map[string]*count{}
	accusers, accused := map[string]bool{}, map[string]int{}
	var latencies []int64
	var goods int64
	for _, a := range rows {
		t := tuple{string(a.RSI), string(a.Family), string(a.Transport), string(a.VantagePoint), a.Query}
		if a.RSI == "nobody" || a.Query == "unplanned" {
			continue // of no plan
		}
		if a.Address == elsewhere && a.Outcome != measurement.LocalError {
			continue // as if it had not been sent
		}
		if a.Verdict != nil && *a.Verdict == measurement.Incorrect && (byQuery || a.Query == "correctness") && !a.Interval.Before(from) && a.Interval.Before(until) &&
			!slices.ContainsFunc(labels, func(l Label) bool { return l.Name == "rsi" && l.Value != t.rsi }) {
			accusers[t.vantagePoint] = true
			accused[*a.NSID]++
		}
		if a.Interval.Before(from) || !a.Interval.Before(until) || slices.ContainsFunc(labels, func(l Label) bool { return t.label(l.Name) != l.Value }) {
			continue
		}
		if queries == nil || a.Query == "correctness" || slices.Contains(queries, a.Query) {
			w.Strays += int64(a.Strays)
		}
		if a.Verdict != nil && (byQuery || a.Query == "correctness") {
			*map[measurement.Verdict]*int64{"correct": &w.Correct, "incorrect": &w.Incorrect, "unchecked": &w.Unchecked}[*a.Verdict]++
		}
		if !byQuery && !slices.Contains(queries, a.Query) && (queries != nil || a.Query != "soa") {
			continue
		}
		o := &w.Outcomes
		*map[measurement.Outcome]*int64{"answered": &o.Answered, "timeout": &o.Timeout, "refused": &o.Refused, "unreachable": &o.Unreachable, "tls_failed": &o.TLSFailed,
			"reset": &o.Reset, "malformed": &o.Malformed, "local_error": &o.LocalError}[a.Outcome]++
		if a.Outcome == measurement.LocalError {
			continue
		}
		w.Sent++
		if a.DNSSEC != nil && *a.DNSSEC == measurement.SecurityBogus {
			w.Bogus++
		}
		good := a.RCode != nil && *a.RCode == "NOERROR"
		if a.Expected != nil {
			if good = *a.Expected; !good {
				w.Unexpected++
			}
		}
		if good {
			goods++
			latencies = append(latencies, *a.LatencyUS)
		}
		pairs[[2]string{a.Interval.String(), string(a.VantagePoint)}] = true
		for m, k := range map[*map[string]*count]string{&vps: string(a.VantagePoint), &rsis: string(a.RSI)} {
			if (*m)[k] == nil {
				(*m)[k] = &count{}
			}
			(*m)[k].sent++
			if a.RCode != nil {
				(*m)[k].answered++
				if good {
					(*m)[k].good++
				}
			}
		}
		if a.RCode == nil {
			continue
		}
		w.Answered++
		nsids[*a.NSID] = true
		if good && *a.Serial <= 2026110102 {
			w.NewestSerial = new(max(*a.Serial, *cmp.Or(w.NewestSerial, new(int64(0)))))
		}
		switch *a.RCode {
		case "NOERROR":
			w.RCodes.NoError++
		case "SERVFAIL":
			w.RCodes.ServFail++
		case "NXDOMAIN":
			w.RCodes.NXDomain++
		default:
			w.RCodes.Other++
		}
	}
	w.HasData, w.NSIDs = w.Sent > 0, int64(len(nsids))
	if w.Sent > 0 {
		w.Availability = new(100 * float64(goods) / float64(w.Sent))
	}
	for _, part := range []struct {
		of             map[string]*count
		n, fail, quiet *int64
	}{{vps, &w.VPs, &w.VPsFailing, new(int64)}, {rsis, &w.RSIs, &w.RSIsFailing, &w.RSIsSilent}} {
		for _, c := range part.of {
			*part.n++
			if 100*c.good < 96*c.sent && (c.good == 0 || c.sent-c.good >= 2) {
				*part.fail++
			}
			if c.answered == 0 {
				*part.quiet++
			}
		}
	}
	if n := len(latencies); n > 0 {
		slices.Sort(latencies)
		w.MedianLatency = new((float64(latencies[(n-1)/2])/1000 + float64(latencies[n/2])/1000) / 2)
		w.P95Latency = new(float64(latencies[(95*n+99)/100-1]) / 1000)
	}
	if w.NewestSerial != nil {
		w.Lag = new(float64)
		for _, z := range zones[1:] { // nobody knows when the first came
			at := z.FirstUsed.Add(-15 * time.Minute)
			if z.FirstSeen.After(at) {
				at = *z.FirstSeen
			}
			if z.Serial > *w.NewestSerial && !at.After(until) && z.State != measurement.ZoneBogus {
				*w.Lag = max(*w.Lag, until.Sub(at).Minutes())
			}
		}
	}
	w.VPsIncorrect = int64(len(accusers))
	most := slices.SortedFunc(maps.Keys(accused), func(x, y string) int { return cmp.Or(accused[y]-accused[x], cmp.Compare(x, y)) })
	if w.NSIDsIncorrect = strings.Join(most[:min(5, len(most))], ", "); len(most) > 5 {
		w.NSIDsIncorrect += fmt.Sprintf(" and %d more", len(most)-5)
	}
	expected := float64(until.Sub(from)/interval.Length) * 3
	if slices.ContainsFunc(labels, func(l Label) bool { return l.Name == "vantage_point" }) {
		expected /= 3
	}
	w.Coverage = new(100 * float64(len(pairs)) / expected)
	return w
}

// TestWindowsAreWhatTheyAreDefinedToBe compares every window of a walk with the
// one counted from all rows.
func TestWindowsAreWhatTheyAreDefinedToBe(t *testing.T) {
	base, _ := plans.Dir("rssac047")
	p, l := plan.Load([]plan.Dir{{Name: "base", FS: base}, {Name: "local", FS: fstest.MapFS{"a.hcl": {Data: []byte(windowRules)}}}}, nil)
	if p == nil {
		t.Fatal(l.Error())
	}
	rules, l := Compile(p)
	if rules == nil {
		t.Fatal(l.Error())
	}
	rows := made(rand.New(rand.NewPCG(1, 2)), p)
	store := lake.Store{Dir: t.TempDir()}
	for _, day := range []time.Time{start, start.AddDate(0, 0, 1)} {
		var part []measurement.Answer
		for _, a := range rows {
			if interval.Day(a.Interval).Equal(interval.Day(day)) {
				part = append(part, a)
			}
		}
		if err := os.MkdirAll(filepath.Dir(store.Path(column.Answers, day)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := column.Write(store.Path(column.Answers, day), part, column.Metadata{}); err != nil {
			t.Fatal(err)
		}
	}
	zones := []measurement.Zone{}
	for i := range 5 {
		seen := start.Add(time.Duration(20*i) * time.Minute)
		zones = append(zones, measurement.Zone{Serial: 2026110100 + int64(i), FirstSeen: &seen, FirstUsed: new(seen.Add(time.Duration(10*i) * time.Minute)), State: measurement.ZoneSeen})
	}
	zones[3].State = measurement.ZoneBogus
	if err := store.SaveZones(zones); err != nil {
		t.Fatal(err)
	}
	seen := 0
	queries := map[string][]string{"of-others": {"other"}, "of-both": {"other", "soa"}}
	for _, c := range []struct {
		name string
		from time.Time
	}{{"rsi-unavailable", start}, {"by-query", start}, {"of-others", start}, {"of-both", start}, {"rsi-unavailable", start.Add(70 * time.Minute)}, {"by-query", start.Add(70 * time.Minute)}} {
		name := c.name
		w, err := rules.walker(t.Context(), store, c.from, start.Add(3*time.Hour), name)
		if err != nil {
			t.Fatal(err)
		}
		length := 30 * time.Minute
		if name != "rsi-unavailable" {
			length = 15 * time.Minute
		}
		err = w.walk(t.Context(), c.from, start.Add(3*time.Hour), func(end time.Time, _ *rule, f *frame, _ finding, err error) error {
			seen++
			got := f.object.Interface().(Window)
			if d := gocmp.Diff(brute(rows, f.labels, end.Add(-length), end, zones, queries[name]...), got); d != "" {
				t.Fatalf("%s %v at %s (-want +got):\n%s", name, f.labels, end, d)
			}
			if name == "rsi-unavailable" {
				want := brute(rows, f.labels, end.Add(-2*length), end.Add(-length), zones)
				if d := gocmp.Diff(want, f.previous.Interface().(Window)); d != "" {
					t.Fatalf("previous of %v at %s (-want +got):\n%s", f.labels, end, d)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen < 37*(6+9) {
		t.Errorf("%d windows seen", seen)
	}
}
