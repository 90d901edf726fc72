package site_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/site"
)

// moved is a history in which other servers answer a vantage point from noon of the first day
// on.
func moved(count int) *history {
	h := drawn(7, count)
	for i := range h.answers {
		a := &h.answers[i]
		if a.NSID != nil && a.VantagePoint == "101" && a.RSI == "a" && !a.Interval.Before(midnight.Add(12*time.Hour)) {
			a.NSID = ptr("moved" + hostile)
		}
	}
	return h
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestDetailsAreWhatIsNotGood: every row that failed, was incorrect or had further datagrams
// is told, and the first one of other servers; no other.
func TestDetailsAreWhatIsNotGood(t *testing.T) {
	const count = 288 + 20
	h, home := moved(count), t.TempDir()
	h.write(t, home, count)
	out, _ := h.make(t, home, site.Internal)
	for _, rsi := range []string{"a", "b"} {
		for _, d := range read[site.Details](t, out, "details/20261031/"+rsi).Rows {
			if d.Check != "" {
				t.Fatalf("%s takes a root zone that is not there", d.Check)
			}
		}
	}
	zones := filepath.Join(home, "RootZones")
	must(t, os.Mkdir(zones, 0o755))
	for _, name := range []string{"2026103100.root.txt", "2026110100.root.txt", "anchors.ds"} {
		must(t, os.WriteFile(filepath.Join(zones, name), nil, 0o644))
	}
	h.make(t, home, site.Internal, midnight)
	want, got := map[string]string{}, map[string]string{}
	for _, a := range h.answers {
		i := slices.IndexFunc(h.plan.Servers, func(s plan.Server) bool { return s.RSI == a.RSI })
		address, _ := h.plan.Servers[i].AddressAt(a.Family, a.Interval)
		judged := a.Query == "correctness"
		why := ""
		switch {
		case a.Outcome == measurement.LocalError || a.Address != address.String() || a.Interval.Day() != 31:
			continue
		case judged && a.Verdict != nil && *a.Verdict == measurement.Incorrect:
			why = "incorrect"
		case a.Outcome != measurement.Answered, !judged && !a.Good(), judged && a.Verdict == nil:
			why = "failed"
		case len(a.Extra) > 0:
			why = "extra"
		default:
			continue
		}
		want[fmt.Sprintf("%s %s %s %s v%s-%s", a.RSI, a.Interval.Format("15:04"), a.VantagePoint, a.Query, string(a.Family)[3:], a.Transport)] = why
	}
	changed, moves := map[string]int{}, map[string]bool{} // by family and hour, as the events have them
	for _, e := range read[site.Events](t, out, "events/202610").Events {
		if e.Kind == measurement.EventInstance && *e.RSI == "a" && *e.VantagePoint == "101" {
			moves[fmt.Sprint("v", (*e.Family)[3:], e.From.Hour())] = true
		}
	}
	for _, rsi := range []string{"a", "b"} {
		for _, d := range read[site.Details](t, out, "details/20261031/"+rsi).Rows {
			key := fmt.Sprintf("%s %s %s %s %s", rsi, d.Interval.Format("15:04"), d.VantagePoint, d.Query, d.Path)
			if d.Why == "changed" {
				changed[rsi+d.VantagePoint+d.Path]++
				if !strings.HasPrefix(*d.NSID, "moved") || !moves[fmt.Sprint(d.Path[:2], d.Interval.Hour())] {
					t.Errorf("changed: %+v", d)
				}
				continue
			}
			got[key] = d.Why
			for _, part := range []string{"interval=" + d.Interval.Format(time.RFC3339), "vantage_point=" + d.VantagePoint, "query=" + d.Query, "rsi=" + rsi, "Lake/answers/yyyymm=202610/answers-20261031.parquet"} {
				if !strings.Contains(d.Show, part) {
					t.Errorf("%s: %s has not %s", key, d.Show, part)
				}
			}
			if judged := d.Why == "incorrect"; judged != strings.HasPrefix(d.Check, "mtric check --anchor Output/RootZones/anchors.ds --zone Output/RootZones/2026103100.root.txt --hex --response - --at 2026-10-31T") || judged && d.Wire != "010203" {
				t.Errorf("%s: wire %q, check %q", key, d.Wire, d.Check)
			}
		}
	}
	for key, why := range want {
		if got[key] != why {
			t.Errorf("%s: %q, want %q", key, got[key], why)
		}
	}
	if len(got) != len(want) || len(want) < 100 {
		t.Errorf("%d details, want %d", len(got), len(want))
	}
	told := 0
	for _, n := range changed {
		told += n
	}
	if len(changed) != 4 || told != 2*len(moves) || !moves["v412"] || !moves["v612"] {
		t.Errorf("changed %v, want one on each path of a at 101 for each of %v", changed, moves)
	}
}

// TestPublicEvents have no values and name no servers.
func TestPublicEvents(t *testing.T) {
	const count = 288 + 20
	h, home := moved(count), t.TempDir()
	h.write(t, home, count)
	internal, _ := h.make(t, home, site.Internal)
	public, _ := h.make(t, home, site.Public)
	worst, servers := 0, 0
	want := read[site.Events](t, internal, "events/202610").Events
	for i, e := range read[site.Events](t, public, "events/202610").Events {
		if e.Worst != nil || e.Before != nil || e.After != nil || e.ID != want[i].ID || !e.Until.Equal(want[i].Until) {
			t.Errorf("%+v", e)
		}
		if want[i].Worst != nil {
			worst++
		}
		if want[i].Before != nil && want[i].After != nil {
			servers++
		}
	}
	if worst == 0 || servers == 0 {
		t.Errorf("%d events with a worst value and %d with servers: nothing is tried", worst, servers)
	}
}
