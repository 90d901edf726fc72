package site_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/site"
)

// TestAnySplitGivesTheSameFiles: a site that grew with its lake is one that was made of the
// whole lake at once.
func TestAnySplitGivesTheSameFiles(t *testing.T) {
	const count = 288 + 127 // 10:30 of the second day: an hour is over, but not six
	for seed, stops := range [][]int{{60, 61, 290, 300, 350, count}, {7, 295, 330, 370, 400, count}} {
		for _, edition := range []site.Edition{site.Public, site.Internal}[seed:] {
			h, home, whole := drawn(uint64(seed), count), t.TempDir(), t.TempDir()
			for _, n := range stops {
				h.write(t, home, n)
				h.make(t, home, edition)
			}
			h.write(t, whole, count)
			out, _ := h.make(t, home, edition)
			want, _ := h.make(t, whole, edition)
			if d := cmp.Diff(files(t, want, false), files(t, out, false)); d != "" {
				t.Fatalf("seed %d, %s (-at once +in parts):\n%.4000s", seed, edition, d)
			}
			if _, again := h.make(t, home, edition); again.Files+again.Days > 0 || again.Bytes > 0 {
				t.Errorf("nothing changed, and the site was written: %+v", again)
			}
			// What was remembered may be lost.
			if err := os.Remove(filepath.Join(out, ".made.json")); err != nil {
				t.Fatal(err)
			}
			if _, again := h.make(t, home, edition); again.Files != 0 || again.Days == 0 {
				t.Errorf("all made anew: %+v; want days and no file", again)
			}
		}
	}
}

// TestLateRowsChangeTheirDay: rows that come late are in the tiles once the next hour is over.
func TestLateRowsChangeTheirDay(t *testing.T) {
	const count = 288 + 127
	h, home, whole := drawn(2, count), t.TempDir(), t.TempDir()
	all, runs := h.answers, h.runs
	late := func(at time.Time, vp measurement.VantagePoint) bool {
		return vp == "102" && at.Before(midnight.Add(5*time.Hour))
	}
	h.answers = slices.DeleteFunc(slices.Clone(all), func(a measurement.Answer) bool { return late(a.Interval, a.VantagePoint) })
	h.runs = slices.DeleteFunc(slices.Clone(runs), func(r measurement.Run) bool { return late(r.Interval, r.VantagePoint) })
	h.write(t, home, count-12)
	h.make(t, home, site.Internal)
	h.answers, h.runs = all, runs
	h.write(t, home, count)
	out, result := h.make(t, home, site.Internal)
	h.write(t, whole, count)
	want, _ := h.make(t, whole, site.Internal)
	if d := cmp.Diff(files(t, want, false), files(t, out, false)); d != "" {
		t.Fatalf("-at once +late:\n%.4000s", d)
	}
	if result.Days != 2 {
		t.Errorf("%d days made anew, want 2", result.Days)
	}
}

// TestHoursThatComeLater: what the table hours did not have yet is there as soon as it has it.
func TestHoursThatComeLater(t *testing.T) {
	const count = 288 + 150 // 12:30 of the second day: a part of the month's tiles is due
	h, home, whole := drawn(3, count), t.TempDir(), t.TempDir()
	s := h.write(t, home, 288+90)
	h.make(t, home, site.Internal)
	table := s.Path(column.Hours, at(288))
	old, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	h.write(t, home, count)
	derived, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(table, old, 0o644); err != nil { // as an ingest that was killed leaves it
		t.Fatal(err)
	}
	out, _ := h.make(t, home, site.Internal)
	if sum := read[site.Now](t, out, "now").RSIs[0].Paths[0].Hour; sum.Planned != 24 || sum.Sent < 20 {
		t.Errorf("the last hour is that of the answers: %+v", sum)
	}
	if err := os.WriteFile(table, derived, 0o644); err != nil {
		t.Fatal(err)
	}
	h.make(t, home, site.Internal)
	h.write(t, whole, count)
	want, _ := h.make(t, whole, site.Internal)
	if d := cmp.Diff(files(t, want, false), files(t, out, false)); d != "" {
		t.Fatalf("-at once +later:\n%.4000s", d)
	}
}

// TestPublicSiteWithholdsValues: the public edition of two lakes that differ in latencies and
// names of servers is the same, and nothing of these is in it.
func TestPublicSiteWithholdsValues(t *testing.T) {
	const count = 288 + 60
	var sites []map[string]string
	for n := range 2 {
		h := drawn(4, 0)
		h.nsids = func(rsi string, i int) string { return fmt.Sprintf("server%d-%s-%d", n, rsi, i) }
		h.latency = func(us int64) int64 { return us + int64(n)*1111 }
		home := t.TempDir()
		h.fill(4, count)
		h.write(t, home, count)
		out, _ := h.make(t, home, site.Public)
		all := files(t, out, true)
		delete(all, ".made.json") // hashes of the lake's files
		sites = append(sites, all)
		for name, text := range all {
			for _, word := range []string{"server", "192.0.2", "2001:db8", "1337", "no answer", "ujy", "latency_us", `"sent":[`} {
				if strings.HasPrefix(name, "data"+string(filepath.Separator)) && strings.Contains(text, word) {
					t.Errorf("%s has %q", name, word)
				}
			}
		}
	}
	if d := cmp.Diff(sites[0], sites[1]); d != "" {
		t.Errorf("values are to be seen in the public edition:\n%.4000s", d)
	}
	for name := range sites[0] {
		if strings.Contains(name, "details") {
			t.Errorf("there is %s", name)
		}
	}
}

// TestPlanOpensWhatItSays: the plan can have the public edition show more.
func TestPlanOpensWhatItSays(t *testing.T) {
	const count = 100
	for _, c := range []struct {
		open          []string
		values, names bool
	}{{nil, false, false}, {[]string{plan.OpenValues}, true, false}, {[]string{plan.OpenServers}, false, true}, {[]string{plan.OpenServers, plan.OpenValues}, true, true}} {
		h, home := drawn(5, count), t.TempDir()
		h.plan.Sites = []plan.Site{{Edition: plan.SitePublic, FiveMinutes: plan.Duration(24 * time.Hour), Open: c.open}}
		h.write(t, home, count)
		out, _ := h.make(t, home, site.Public)
		tile := read[site.Tile](t, out, "day/20261031/a-v4-udp-0")
		b := tile.Blocks[0]
		now := read[site.Now](t, out, "now").RSIs[0].Paths[0].Day
		for what, has := range map[string]bool{"sent": b.Sent != nil, "latency": b.Latency != "", "serial": b.Serial != nil, "good": now.Good != nil, "median": now.MedianUS != nil} {
			if has != c.values {
				t.Errorf("open %v: %s is told: %v", c.open, what, has)
			}
		}
		if has := b.NSID != nil; has != c.names || len(tile.NSIDs) > 0 != c.names {
			t.Errorf("open %v: servers are named: %v", c.open, has)
		}
	}
}

// TestPublicStateIsPassOrFail: a cell of the public edition says whether it meets the
// threshold of the plan, and of a vantage point's own trouble and of what is missing what
// the internal one says.
func TestPublicStateIsPassOrFail(t *testing.T) {
	const count = 288 + 60
	h, home := drawn(3, count), t.TempDir()
	h.write(t, home, count)
	internal, _ := h.make(t, home, site.Internal)
	public, _ := h.make(t, home, site.Public)
	met := map[[2]site.State]bool{}
	for _, key := range []string{"day/20261031/a-v4-udp-0", "day/20261031/b-v6-tcp-0", "month/202610/b-v4-tcp-0", "month/202610/a-v6-udp-0", "year/2026/a-v4-tcp-0"} {
		shown := cells(t, read[site.Tile](t, public, key))
		for place, c := range cells(t, read[site.Tile](t, internal, key)) {
			got := shown[place].State
			met[[2]site.State{c.State, got}] = true
			switch {
			case c.State <= site.Own && got != c.State, c.State == site.Incorrect && got != site.Failed, c.State == site.Failed && got != site.Failed,
				c.State == site.Part && got != site.Failed && got != site.Good,
				c.State == site.Part && c.Failed*100 <= 4*c.Sent && got != site.Good:
				t.Errorf("%s %s: %+v is %d in public", key, place, c, got)
			}
		}
	}
	for _, want := range [][2]site.State{{site.Good, site.Good}, {site.Own, site.Own}, {site.Missing, site.Missing}, {site.Part, site.Failed}, {site.Incorrect, site.Failed}} {
		if !met[want] {
			t.Errorf("no cell is %d and %d in public: nothing is tried of it", want[0], want[1])
		}
	}
}

// TestOwnTroubleIsToldApart: of what was sent in the last day, what failed in a vantage
// point's own trouble is told beside what was good.
func TestOwnTroubleIsToldApart(t *testing.T) {
	h, home, met := drawn(5, 288), t.TempDir(), false
	h.answers = slices.DeleteFunc(h.answers, func(a measurement.Answer) bool { return a.Query != measurement.QuerySOA })
	for i, a := range h.answers { // 101 lacks IPv6 for two hours, and all else is good
		h.finish(&h.answers[i], rand.New(rand.NewPCG(1, 1)), a.VantagePoint == "101" && a.Family == measurement.IPv6 && !a.Interval.Before(at(200)) && a.Interval.Before(at(224)), 2026103100)
		if h.answers[i].Outcome == measurement.Timeout {
			h.answers[i].NSID, h.answers[i].LatencyUS, h.answers[i].Serial, h.answers[i].RCode = nil, nil, nil, nil
		}
	}
	h.write(t, home, 288)
	out, _ := h.make(t, home, site.Internal)
	for _, r := range read[site.Now](t, out, "now").RSIs {
		for _, p := range r.Paths {
			met = met || p.Day.Own > 0
			if v6 := p.Path[:2] == "v6"; v6 != (p.Day.Own > 0) || *p.Day.Good+p.Day.Own != p.Day.Sent {
				t.Errorf("%s %s: %d good and %d in own trouble of %d sent", r.RSI, p.Path, *p.Day.Good, p.Day.Own, p.Day.Sent)
			}
		}
	}
	if !met {
		t.Error("nothing failed in own trouble")
	}
}

// TestHostileTextsStayTexts: what a server or a vantage point sends can end no script, and is
// cut.
func TestHostileTextsStayTexts(t *testing.T) {
	const count = 40
	h := drawn(1, 0)
	h.nsids = func(_ string, n int) string { return hostile + strings.Repeat("x", 40*n*n) }
	h.fill(1, count)
	home := t.TempDir()
	h.write(t, home, count)
	out, _ := h.make(t, home, site.Internal)
	tile := read[site.Tile](t, out, "day/20261031/a-v4-udp-0")
	if len(tile.NSIDs) == 0 || !slices.Contains(tile.NSIDs, hostile) || slices.ContainsFunc(tile.NSIDs, func(s string) bool { return len(s) > 110 }) {
		t.Errorf("servers: %.300q", tile.NSIDs)
	}
	for name, text := range files(t, out, false) {
		if !strings.HasPrefix(name, "data") {
			continue
		}
		if i := strings.IndexAny(text, "<>&\u2028\u2029"); i >= 0 {
			t.Errorf("%s: %.40q", name, text[i:])
		}
		if strings.Count(text, "\n") != 1 {
			t.Errorf("%s has %d lines", name, strings.Count(text, "\n"))
		}
	}
}

// TestFilesAreBounded: of a flood of names columns are left off until a file has room, and
// stay so when it grows.
func TestFilesAreBounded(t *testing.T) {
	const count = 2*288 + 127
	h := drawn(1, 0)
	for n := range 30 {
		h.plan.VantagePoints = append(h.plan.VantagePoints, plan.VantagePoint{ID: measurement.VantagePoint(fmt.Sprint(200 + n))})
	}
	h.plan.Servers = h.plan.Servers[:1]
	h.plan.Queries = []plan.Query{{Label: "soa", Schedule: "interval", Servers: []string{"root"}, Families: both[:1], Transports: measurement.MetricTransports[:1]}}
	name := 0
	h.nsids = func(string, int) string { name++; return fmt.Sprint(strings.Repeat("<", 90), name) }
	h.fill(1, count)
	home, whole := t.TempDir(), t.TempDir()
	for _, n := range []int{200, 288 + 127, 2*288 + 60, count} {
		h.write(t, home, n)
		h.make(t, home, site.Internal)
	}
	out := filepath.Join(home, string(site.Internal))
	h.write(t, whole, count)
	want, _ := h.make(t, whole, site.Internal)
	if d := cmp.Diff(files(t, want, false), files(t, out, false)); d != "" {
		t.Fatalf("-at once +in parts:\n%.4000s", d)
	}
	if tile := read[site.Tile](t, out, "day/20261031/a-v4-udp-0"); !slices.Equal(tile.LeftOff, []string{"nsid"}) || tile.Blocks[0].NSID != nil || tile.Blocks[0].Latency == "" {
		t.Errorf("left off: %v, NSID %v", tile.LeftOff, tile.Blocks[0].NSID != nil)
	}
	if tile := read[site.Tile](t, out, "day/20261031/a-v4-udp-1"); len(tile.Blocks[0].VantagePoints) != 1 {
		t.Errorf("the second part has %v", tile.Blocks[0].VantagePoints)
	}
	details := read[site.Details](t, out, "details/20261031/a")
	left := int64(0)
	for _, n := range details.LeftOff {
		left += n
	}
	if len(details.Rows) == 0 || len(details.Rows) > site.MaxDetails || left == 0 {
		t.Errorf("%d details, %d left off", len(details.Rows), left)
	}
	for name, text := range files(t, out, true) {
		if strings.HasPrefix(name, "data") && len(text) > site.MaxFile {
			t.Errorf("%s has %d bytes", name, len(text))
		}
	}
}

// TestFiveMinutesAreKeptAsLong as the plan says, and longer of a day that is asked for.
func TestFiveMinutesAreKept(t *testing.T) {
	const count = 2*288 + 127
	h := drawn(1, count+12)
	h.plan.Sites = []plan.Site{{Edition: plan.SiteInternal, FiveMinutes: plan.Duration(24 * time.Hour), Open: []string{}}}
	home := t.TempDir()
	h.write(t, home, 288+127)
	out, _ := h.make(t, home, site.Internal)
	days := func() []string { return read[site.Index](t, out, "index").Days }
	if !slices.Equal(days(), []string{"20261031", "20261101"}) {
		t.Errorf("days %v", days())
	}
	h.write(t, home, count)
	h.make(t, home, site.Internal)
	if !slices.Equal(days(), []string{"20261101", "20261102"}) {
		t.Errorf("days %v: 31 October is not removed", days())
	}
	h.make(t, home, site.Internal, midnight)
	for range 2 { // and stays
		if !slices.Equal(days(), []string{"20261031", "20261101", "20261102"}) {
			t.Errorf("days %v, and 31 October was asked for", days())
		}
		h.write(t, home, count+12)
		h.make(t, home, site.Internal)
	}
}

// TestEmptyLake: a site of nothing says so, and of no vantage points.
func TestEmptyLake(t *testing.T) {
	h, home := drawn(1, 0), t.TempDir()
	if err := os.Mkdir(filepath.Join(home, "Lake"), 0o755); err != nil {
		t.Fatal(err)
	}
	out, _ := h.make(t, home, site.Public)
	if i := read[site.Index](t, out, "index"); len(i.Days) != 0 || !slices.Equal(i.RSIs, []string{"a", "b"}) || !slices.Equal(i.Paths, []string{"v4-udp", "v4-tcp", "v6-udp", "v6-tcp"}) {
		t.Errorf("index %+v", i)
	}
	if _, err := os.Stat(filepath.Join(out, "index.html")); err != nil {
		t.Error(err)
	}
}

// TestVantagePointsOfTheData: where the plan names none, they are those of the runs.
func TestVantagePointsOfTheData(t *testing.T) {
	const count = 288 + 127
	h, home, whole := drawn(1, count), t.TempDir(), t.TempDir()
	h.plan.VantagePoints = nil
	all := h.runs
	h.runs = slices.DeleteFunc(slices.Clone(all), func(r measurement.Run) bool { return r.VantagePoint == "102" && r.Interval.Before(at(288)) })
	for _, n := range []int{200, 330, count} {
		h.write(t, home, n)
		h.make(t, home, site.Internal)
	}
	out := filepath.Join(home, string(site.Internal))
	h.write(t, whole, count)
	want, _ := h.make(t, whole, site.Internal)
	if d := cmp.Diff(files(t, want, false), files(t, out, false)); d != "" {
		t.Fatalf("-at once +in parts:\n%.4000s", d)
	}
	index := read[site.Index](t, out, "index")
	if fmt.Sprint(index.VantagePoints) != "[{101  } {102  } {103  }]" {
		t.Errorf("vantage points %v", index.VantagePoints)
	}
}

// TestDamagedFiles: a tile that is not whole is made anew with all its days.
func TestDamagedFiles(t *testing.T) {
	const count = 2*288 + 127
	h, home := drawn(1, count), t.TempDir()
	h.write(t, home, count)
	out, _ := h.make(t, home, site.Internal)
	want := files(t, out, false)
	for _, text := range []string{"", "mtric.tile(", `mtric.tile("month/202611/a-v4-udp-0", {"blocks":[{"from":0,"step":3600,"steps":9,"vps":["101"],"state":[2,8]}]});` + "\n"} {
		for _, key := range []string{"month/202611/a-v4-udp-0", "year/2026/b-v6-tcp-0"} {
			if err := os.WriteFile(filepath.Join(out, "data", filepath.FromSlash(key)+".js"), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		h.make(t, home, site.Internal, midnight.AddDate(0, 0, 1))
		if d := cmp.Diff(want, files(t, out, false)); d != "" {
			t.Fatalf("%.40q (-before +after):\n%.2000s", text, d)
		}
	}
}

// TestDamagedLake: a day whose file cannot be read stays as it was and is named, in every
// run, and all else is written; then the newest label is of the newest day that can be read.
func TestDamagedLake(t *testing.T) {
	for _, c := range []struct {
		table column.Table
		day   int
		last  int // the newest label told
	}{{column.Answers, 0, 610}, {column.Runs, 0, 610}, {column.Hours, 1, 610}, {column.Answers, 2, 610}, {column.Runs, 2, 575}, {column.Hours, 2, 610}, {column.Events, 1, 610}} {
		h, home := drawn(1, 620), t.TempDir()
		h.write(t, home, 2*288+20)
		out, _ := h.make(t, home, site.Internal)
		s := h.write(t, home, 611)
		path := s.Path(c.table, midnight.AddDate(0, 0, c.day))
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		was := files(t, out, false)
		if err := os.WriteFile(path, []byte("PAR1"), 0o644); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			_, result := h.make(t, home, site.Internal)
			if len(result.Left) == 0 || !strings.Contains(result.Left[0], filepath.Base(path)) {
				t.Errorf("%s: left %q", filepath.Base(path), result.Left)
			}
			if i, n := read[site.Index](t, out, "index"), read[site.Now](t, out, "now"); !i.Last.Equal(at(c.last)) || !n.Last.Equal(at(c.last)) {
				t.Errorf("%s: the newest label is %s, of now %s", filepath.Base(path), i.Last, n.Last)
			}
		}
		name := "data/day/" + at(288*c.day).Format("20060102") + "/a-v4-udp-0.js"
		if now := files(t, out, false); c.table == column.Answers && now[name] != was[name] {
			t.Errorf("%s is not as it was", name)
		}
		if err := os.WriteFile(path, whole, 0o644); err != nil {
			t.Fatal(err)
		}
		_, result := h.make(t, home, site.Internal)
		mended := t.TempDir()
		if err := os.CopyFS(mended, os.DirFS(home)); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(mended, string(site.Internal))); err != nil {
			t.Fatal(err)
		}
		want, _ := h.make(t, mended, site.Internal)
		if d := cmp.Diff(files(t, want, false), files(t, out, false)); d != "" || len(result.Left) > 0 {
			t.Errorf("%s mended, left %q (-at once +after):\n%.2000s", filepath.Base(path), result.Left, d)
		}
	}
}
