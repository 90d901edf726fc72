package probe_test

import (
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/probe"
)

// TestLabExtras: thirteen servers of which seven go wrong, asked as in an interval. The
// outcome of each is that of its first whole answer in time, and what came beside is in
// the row.
func TestLabExtras(t *testing.T) {
	zone, err := lab.Generate(lab.Options{Seed: 1, Serial: soaSerial, TLDs: 20, Inception: label, Expiration: label.AddDate(0, 0, 14)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := lab.Start(lab.Config{Zone: zone})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	at := func(kind lab.Kind, rsi measurement.RSI) lab.Fault {
		return lab.Fault{Kind: kind, RSIs: []measurement.RSI{rsi}}
	}
	late := func(rsi measurement.RSI, d time.Duration) lab.Fault {
		return lab.Fault{Kind: lab.Delay, Delay: d, RSIs: []measurement.RSI{rsi}}
	}
	headerOnly := at(lab.HeaderOnly, "c")
	headerOnly.RCode = "FORMERR"
	headerOnly.Transports = []measurement.Transport{measurement.UDP}
	// As distant servers: what is there before the sender has read its clock has no time.
	if err := s.SetFaults(
		late("a", 20*time.Millisecond), at(lab.WrongIDFirst, "a"), at(lab.Duplicate, "a"),
		late("b", 300*time.Millisecond),
		headerOnly,
		at(lab.BadOptions, "d"), at(lab.TC, "e"), at(lab.CutTC, "f"),
		late("g", 20*time.Millisecond), at(lab.SpoofedSecond, "g"),
		late("m", 2*time.Second), // and keeps the run from its end
	); err != nil {
		t.Fatal(err)
	}
	var queries []measurement.Query
	for _, rsi := range lab.Letters {
		q := soaQuery(s.Addr(rsi, measurement.IPv4), measurement.UDP)
		q.RSI, q.Name, q.Timeout, q.RetryTCP = rsi, ".", 10*time.Second, true
		if rsi == "b" {
			q.Timeout = 100 * time.Millisecond
		}
		queries = append(queries, q)
	}
	for _, r := range new(probe.Prober).Run(t.Context(), vp, label, queries).Answers {
		check(t, r)
		rcode := "none"
		if r.RCode != nil {
			rcode = *r.RCode
		}
		attempts := map[measurement.RSI]int32{"e": 2, "f": 2}[r.RSI]
		wanted := map[measurement.RSI]string{"a": "stray second", "b": "late", "g": "second"}[r.RSI]
		want := map[measurement.RSI]string{"b": "timeout none", "c": "answered FORMERR"}[r.RSI]
		if want == "" {
			want = "answered NOERROR"
		}
		if got := string(r.Outcome) + " " + rcode; got != want || r.Attempts != max(attempts, 1) || (r.FirstResponse != nil) != (attempts == 2) {
			t.Errorf("%s: %s in %d attempts, first %x; want %s", r.RSI, got, r.Attempts, r.FirstResponse, want)
		}
		if got := kindsOf(r); got != wanted || r.Extra == nil || (r.SourcePort == nil) != (attempts == 2) || (r.ReplyTTL == nil) != (r.RSI == "b" || attempts == 2) {
			t.Errorf("%s: extras %q, want %q; source port %v, TTL %v", r.RSI, got, wanted, r.SourcePort, r.ReplyTTL)
		}
		if strays := strings.Count(wanted, "stray"); int(r.Strays) != strays {
			t.Errorf("%s: %d strays", r.RSI, r.Strays)
		}
		if rcode == "NOERROR" && (r.Serial == nil || *r.Serial != soaSerial || r.NSID == nil || *r.NSID != lab.NSID(r.RSI)) {
			t.Errorf("%s: serial %v, NSID %v", r.RSI, r.Serial, r.NSID)
		}
	}
}
