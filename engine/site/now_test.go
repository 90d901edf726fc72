package site_test

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/site"
)

// TestNowIsWhatTheRowsSay holds the sums of the last hour and day, the vantage points' runs
// and the last two hours to plain counts.
func TestNowIsWhatTheRowsSay(t *testing.T) {
	const count = 288 + 100
	h, home := drawn(9, count), t.TempDir()
	h.write(t, home, count)
	out, _ := h.make(t, home, site.Internal)
	now := read[site.Now](t, out, "now")
	o, end := newOracle(h, count).byTime(), at(count)
	for si, server := range h.plan.Servers {
		for pi, path := range []string{"v4-udp", "v4-tcp", "v6-udp", "v6-tcp"} {
			got := now.RSIs[si].Paths[pi]
			for hours, sum := range map[int]site.Sum{1: got.Hour, 24: got.Day} {
				want := known{nsids: map[string]int{}}
				for _, v := range h.plan.VantagePoints {
					for at := end.Add(-time.Duration(hours) * time.Hour); at.Before(end); at = at.Add(5 * time.Minute) {
						want.join(o.hourly(v.ID, server, both[pi/2], measurement.MetricTransports[pi%2], at))
					}
				}
				if got.Path != path || int(sum.Planned) != want.planned || int(sum.Sent) != want.sent || int(*sum.Good) != want.sent-want.failed {
					t.Errorf("%s %s, %d hours: %+v, want %+v", server.RSI, path, hours, sum, want)
				}
				slices.Sort(want.latencies)
				if m := float64(want.latencies[(len(want.latencies)-1)/2]); float64(*sum.MedianUS) < m*0.96 || float64(*sum.MedianUS) > m*1.04 {
					t.Errorf("%s %s, %d hours: median %d, want %.0f", server.RSI, path, hours, *sum.MedianUS, m)
				}
				if hours == 1 && sum.UsualUS == nil {
					t.Errorf("%s %s: nothing is usual after a day", server.RSI, path)
				}
			}
			labels, _, _ := o.cells(server, both[pi/2], measurement.MetricTransports[pi%2])
			n := 0
			for key, c := range cells(t, now.Tiles[string(server.RSI)+"-"+path+"-0"]) {
				n++
				if want, known := labels[key]; known && c != want {
					t.Errorf("%s %s %s: %+v, want %+v", server.RSI, path, key, c, want)
				}
			}
			if n != 3*24 {
				t.Errorf("%d cells of two hours, want %d", n, 3*24)
			}
		}
	}
	for i, v := range h.plan.VantagePoints {
		var hour, day [2]int64
		var last time.Time
		for at := end.Add(-24 * time.Hour); at.Before(end); at = at.Add(5 * time.Minute) {
			came := slices.ContainsFunc(h.runs, func(r measurement.Run) bool { return r.VantagePoint == v.ID && r.Interval.Equal(at) })
			if v.Until != nil && !at.Before(*v.Until) {
				continue
			}
			for _, c := range []struct {
				to    *[2]int64
				hours int
			}{{&hour, 1}, {&day, 24}} {
				if !at.Before(end.Add(-time.Duration(c.hours) * time.Hour)) {
					c.to[1]++
					if came {
						c.to[0]++
					}
				}
			}
		}
		for _, r := range h.runs {
			if r.VantagePoint == v.ID && r.Interval.After(last) {
				last = r.Interval
			}
		}
		if got := now.VPs[i]; got.Name != string(v.ID) || got.Hour != hour || got.Day != day || !got.Last.Equal(last) || *got.Clock != *h.runs[slices.IndexFunc(h.runs, func(r measurement.Run) bool {
			return r.VantagePoint == v.ID && r.Interval.Equal(last)
		})].ClockSynchronized {
			t.Errorf("%+v, want hour %v, day %v, last %s", got, hour, day, last)
		}
	}
}

// TestZonesAreWhatWasShown holds the files of zones to a plain loop over trusted answers.
func TestZonesAreWhatWasShown(t *testing.T) {
	const count = 288 + 127
	h, home := drawn(2, count), t.TempDir()
	// A serial that nobody accepts, of a server that lies, and a server that is behind.
	for i := range h.answers {
		if a := &h.answers[i]; a.RSI == "b" && a.Serial != nil && a.Interval.Before(at(200)) {
			a.Serial = ptr(int64(2026103100))
			if a.VantagePoint == "101" {
				a.Serial = ptr(int64(2020010100))
			}
		}
	}
	h.write(t, home, count)
	out, _ := h.make(t, home, site.Public)
	until := at(count - 1).Add(-30 * time.Minute).Truncate(time.Hour)
	type shown struct {
		first, last time.Time
		vps         map[measurement.VantagePoint]bool
	}
	want := map[int64]map[string]*shown{}
	for _, a := range h.answers {
		i := slices.IndexFunc(h.plan.Servers, func(s plan.Server) bool { return s.RSI == a.RSI })
		address, _ := h.plan.Servers[i].AddressAt(a.Family, a.Interval)
		run := slices.IndexFunc(h.runs, func(r measurement.Run) bool { return r.VantagePoint == a.VantagePoint && r.Interval.Equal(a.Interval) })
		if a.Query != "soa" || a.Serial == nil || *a.Serial == 2020010100 || !a.Good() || a.Address != address.String() || !*h.runs[run].ClockSynchronized || !a.Interval.Before(until) ||
			(&oracle{history: h}).excluded(a.VantagePoint, a.RSI, string(a.Family)+"/"+string(a.Transport), a.Interval) {
			continue
		}
		if want[*a.Serial] == nil {
			want[*a.Serial] = map[string]*shown{}
		}
		s := want[*a.Serial][string(a.RSI)]
		if s == nil {
			s = &shown{first: a.Interval, vps: map[measurement.VantagePoint]bool{}}
			want[*a.Serial][string(a.RSI)] = s
		}
		s.last, s.vps[a.VantagePoint] = a.Interval, true
	}
	found, published := 0, 0
	for month, serials := range map[string][]int64{"202610": {2026103100, 2026103101}, "202611": {2026110100}} {
		z := read[site.Zones](t, out, "zones/"+month)
		for i, s := range z.Serials {
			if s.Serial != serials[i] || len(s.RSIs) != len(want[s.Serial]) {
				t.Errorf("%s: %+v", month, s)
			}
			for _, r := range s.RSIs {
				w := want[s.Serial][r.RSI]
				if found++; w == nil || !r.First.Equal(w.first) || !r.Last.Equal(w.last) || r.VPs != len(w.vps) {
					t.Errorf("%d %+v, want %+v", s.Serial, r, w)
				}
			}
			if s.Published != nil {
				published++
			}
		}
		if len(z.Holes) != 1 || !z.Holes[0].From.Equal(at(150).Add(time.Second)) || !z.Holes[0].Until.Equal(at(300).Add(time.Second)) {
			t.Errorf("%s: holes %v", month, z.Holes)
		}
	}
	if found < 5 || published != 2 {
		t.Errorf("%d sightings, %d serials published, want 2", found, published)
	}
}

// TestAlertsAreThoseThatFire: those whose end no line tells, and what was fatal within a day.
func TestAlertsAreThoseThatFire(t *testing.T) {
	h, home := drawn(1, 30), t.TempDir()
	h.write(t, home, 30)
	now := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	event := func(ago time.Duration, severity alert.Severity, state alert.State, rule, summary string) alert.Event {
		return alert.Event{Time: now.Add(-ago), Machine: "101", Severity: severity, State: state, Rule: rule, Labels: []alert.Label{{Name: "rsi", Value: "b c"}}, Summary: summary}
	}
	var lines strings.Builder
	for _, e := range []alert.Event{event(3*time.Hour, alert.Warning, alert.Firing, "over", "gone"), event(2*time.Hour, alert.Warning, alert.Resolved, "over", "gone"),
		event(time.Hour, alert.Warning, alert.Firing, "here", `with "quotes" `+hostile), event(time.Hour, alert.Critical, alert.Fatal, "mtric.ingest", "fatal"),
		event(30*time.Hour, alert.Critical, alert.Fatal, "mtric.push", "long ago"), event(9*24*time.Hour, alert.Info, alert.Firing, "old", "forgotten")} {
		lines.WriteString(e.String() + "\n")
	}
	lines.WriteString("no line of an alert\n")
	if err := os.WriteFile(filepath.Join(home, "101-alerts.txt"), []byte(lines.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	for edition, want := range map[site.Edition][]string{site.Internal: {"fatal", "quotes"}, site.Public: {}} {
		out := t.TempDir()
		s := site.Site{Plan: h.plan, Lake: lake.Store{Dir: filepath.Join(home, "Lake")}, Logs: home, Out: out, Edition: edition, Now: func() time.Time { return now }}
		if _, err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := read[site.Now](t, out, "now").Alerts
		if len(got) != len(want) {
			t.Fatalf("%s: %+v", edition, got)
		}
		for i, part := range want {
			if !strings.Contains(got[i].Text, part) || got[i].Of != "101" {
				t.Errorf("%s: %+v, want %s", edition, got[i], part)
			}
		}
	}
}

// TestFeedHasClosedEvents, and is there only where the plan says the address.
func TestFeedHasClosedEvents(t *testing.T) {
	const count = 288 + 20
	h, home := moved(count), t.TempDir()
	h.write(t, home, count)
	h.plan.Sites = []plan.Site{{Edition: plan.SitePublic, Title: "Ours " + hostile, URL: "https://root.example.net/", FiveMinutes: plan.Duration(24 * time.Hour), Open: []string{}}}
	out, _ := h.make(t, home, site.Public)
	text, err := os.ReadFile(filepath.Join(out, "feed.atom"))
	if err != nil {
		t.Fatal(err)
	}
	var feed struct {
		Title   string `xml:"title"`
		Updated time.Time
		Entries []struct {
			ID   string `xml:"id"`
			Link struct {
				Href string `xml:"href,attr"`
			} `xml:"link"`
		} `xml:"entry"`
	}
	if err := xml.Unmarshal(text, &feed); err != nil || feed.Title != "Ours "+hostile {
		t.Fatalf("title %q, %v", feed.Title, err)
	}
	closed := []string{}
	for _, month := range read[site.Index](t, out, "index").Events {
		for _, e := range read[site.Events](t, out, month).Events {
			if !e.Open && e.SupersededBy == nil && !e.Until.Add(30*time.Minute).After(at(count-1)) {
				closed = append(closed, "urn:mtric:event:"+e.ID)
			}
		}
	}
	var told []string
	for _, e := range feed.Entries {
		told = append(told, e.ID)
		if e.Link.Href != "https://root.example.net/#/events?event="+strings.TrimPrefix(e.ID, "urn:mtric:event:") {
			t.Errorf("link %s", e.Link.Href)
		}
	}
	slices.Sort(closed)
	slices.Sort(told)
	if !slices.Equal(closed, told) || len(told) == 0 {
		t.Errorf("told %v, want %v", told, closed)
	}
	h.plan.Sites = nil
	h.make(t, home, site.Public)
	if _, err := os.Stat(filepath.Join(out, "feed.atom")); !os.IsNotExist(err) {
		t.Errorf("there is a feed without an address: %v", err)
	}
}
