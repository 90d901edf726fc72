package lake_test

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/column/sample"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

var (
	midnight = sample.Midnight
	group    = sample.Group
)

// apart is what ingest merges: the rows of each vantage point's interval, in order.
func apart(rows ...[]measurement.Answer) (groups []lake.Group[measurement.Answer]) {
	all := slices.Concat(rows...)
	slices.SortStableFunc(all, func(a, b measurement.Answer) int {
		return cmp.Or(a.Interval.Compare(b.Interval), strings.Compare(string(a.VantagePoint), string(b.VantagePoint)),
			strings.Compare(a.Query, b.Query), strings.Compare(string(a.RSI), string(b.RSI)))
	})
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].Interval.Equal(all[0].Interval) && all[n].VantagePoint == all[0].VantagePoint {
			n++
		}
		groups = append(groups, lake.GroupOf(all[:n:n]))
		all = all[n:]
	}
	return groups
}

func TestMergeKeepsWhatCameFirst(t *testing.T) {
	dir := t.TempDir()
	s := lake.Store{Dir: filepath.Join(dir, "Lake"), Version: "1"}
	first := group("101", 3, 4, 10)
	merge := func(want lake.Merged, groups ...[]measurement.Answer) {
		t.Helper()
		got, err := lake.Merge(s, midnight, apart(groups...), nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	merge(lake.Merged{Added: 4}, first)
	path := s.Path(column.Answers, midnight)
	if want := filepath.Join(dir, "Lake", "answers", "yyyymm=202611", "answers-20261122.parquet"); path != want {
		t.Errorf("path %s, want %s", path, want)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	merge(lake.Merged{Known: 4}, first)
	if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) {
		t.Error("a file that came twice changed the lake")
	}
	other := group("101", 3, 5, 10)
	other[2].LatencyUS = ptr(int64(11))
	merge(lake.Merged{Added: 2, Clashes: []lake.Clash{{VantagePoint: "101", Interval: midnight.Add(15 * time.Minute),
		Reason: "row soa of c over ipv4/udp differs from the one that came first"}}}, other, group("102", 3, 2, 10))
	judged := group("101", 3, 4, 10)
	judged[0].Verdict, judged[0].Failures = ptr(measurement.Incorrect), []string{"pdd: x"}
	merge(lake.Merged{Known: 4}, judged)
	// A file that agrees and says more is another file: it goes to Quarantine, and
	// nothing of it may stay.
	merge(lake.Merged{Clashes: []lake.Clash{{VantagePoint: "101", Interval: midnight.Add(15 * time.Minute),
		Reason: "row soa of e over ipv4/udp is not among those that came first"}}}, group("101", 3, 5, 10))
	// Nor does one that says less take the place of the first.
	merge(lake.Merged{Clashes: []lake.Clash{{VantagePoint: "101", Interval: midnight.Add(15 * time.Minute),
		Reason: "row soa of d over ipv4/udp of those that came first is missing"}}}, group("101", 3, 3, 10))
	rows, _, err := column.Read[measurement.Answer](path)
	want := slices.Concat(group("101", 3, 4, 10), group("102", 3, 2, 10))
	if diff := gocmp.Diff(want, rows, cmpopts.EquateEmpty()); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

// The law of merging: whatever comes in whatever order and portions, any number
// of times, the lake holds each row once, in order.
func TestMergeInAnyOrderIsOneLake(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		s := lake.Store{Dir: filepath.Join(dir, fmt.Sprint(n))}
		var all [][]measurement.Answer
		for slot := range rapid.IntRange(1, 6).Draw(rt, "slots") {
			for vp := range rapid.IntRange(1, 3).Draw(rt, "vps") {
				all = append(all, group(measurement.VantagePoint(fmt.Sprintf("10%d", vp)), slot, rapid.IntRange(1, 4).Draw(rt, "rows"), 7))
			}
		}
		want := slices.Concat(all...)
		order := rapid.Permutation(append(slices.Clone(all), all[0])).Draw(rt, "order")
		for len(order) > 0 {
			n, met := 0, map[string]bool{} // a merge takes an interval once
			for most := rapid.IntRange(1, 12).Draw(rt, "take"); n < min(len(order), most); n++ {
				key := fmt.Sprint(order[n][0].Interval, order[n][0].VantagePoint)
				if met[key] {
					break
				}
				met[key] = true
			}
			files := apart(order[:n]...)
			order = order[n:]
			if _, err := lake.Merge(s, midnight, files, nil); err != nil {
				rt.Fatal(err)
			}
		}
		got, _, err := column.Read[measurement.Answer](s.Path(column.Answers, midnight))
		if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			rt.Fatal(err, diff)
		}
		left, err := filepath.Glob(filepath.Join(s.Dir, "*", "*", ".*"))
		if err != nil || len(left) > 0 {
			rt.Fatal(left, err)
		}
	})
}

// Row groups before the first new interval are taken over as they are; the
// result must be the same as if every row had been written anew.
func TestMergeAfterWholeRowGroups(t *testing.T) {
	dir := t.TempDir()
	s := lake.Store{Dir: dir, RowGroup: 3_000}
	var day []measurement.Answer
	for slot := range 288 {
		for vp := range 24 {
			day = append(day, group(measurement.VantagePoint(fmt.Sprintf("%03d", 100+vp)), slot, 5, int64(slot))...)
		}
	}
	late := slices.DeleteFunc(slices.Clone(day), func(a measurement.Answer) bool { return a.VantagePoint != "120" || a.Interval.Hour() < 20 })
	early := slices.DeleteFunc(slices.Clone(day), func(a measurement.Answer) bool { return a.VantagePoint == "120" && a.Interval.Hour() >= 20 })
	for _, rows := range [][]measurement.Answer{early, late} {
		if _, err := lake.Merge(s, midnight, apart(rows), nil); err != nil {
			t.Fatal(err)
		}
	}
	got, _, err := column.Read[measurement.Answer](s.Path(column.Answers, midnight))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(day) {
		t.Fatalf("%d rows, want %d", len(got), len(day))
	}
	for i := range day {
		if diff := gocmp.Diff(day[i], got[i], cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(i, diff)
		}
	}
}

// Cron brings a day in by three hundred merges. It must not become three hundred row
// groups, whose wires share nothing.
func TestDayByManyMergesHasFewRowGroups(t *testing.T) {
	dir := t.TempDir()
	s, full := lake.Store{Dir: dir}, lake.Store{Dir: dir + "/full", RowGroup: 100}
	var day []measurement.Answer
	for slot := range 50 {
		rows := slices.Concat(group("101", slot, 5, int64(slot)), group("102", slot, 5, 7))
		day = append(day, rows...)
		for _, s := range []lake.Store{s, full} {
			if _, err := lake.Merge(s, midnight, apart(rows), nil); err != nil {
				t.Fatal(err)
			}
		}
		if n, most := len(rowGroups(t, s.Path(column.Answers, midnight))), 2*bits.Len(uint(slot+1)); n > most {
			t.Fatalf("%d row groups after %d merges, want %d at most", n, slot+1, most)
		}
	}
	for _, s := range []lake.Store{s, full} {
		got, _, err := column.Read[measurement.Answer](s.Path(column.Answers, midnight))
		if diff := gocmp.Diff(day, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
	}
	sizes := rowGroups(t, full.Path(column.Answers, midnight))
	if most := 2*len(day)/100 + 2*bits.Len(100); len(sizes) > most || slices.Max(sizes) > 100 {
		t.Errorf("row groups of %v rows, want at most %d, of 100 rows at most", sizes, most)
	}
}

// rowGroups are the numbers of rows of a file's row groups.
func rowGroups(t *testing.T, path string) (rows []int64) {
	t.Helper()
	for _, g := range metadataOf(t, path).RowGroups {
		rows = append(rows, g.NumRows)
	}
	return rows
}

func TestMergeOfNothingLeavesNothing(t *testing.T) {
	s := lake.Store{Dir: t.TempDir()}
	if m, err := lake.Merge[measurement.Run](s, midnight, nil, nil); err != nil || m.Added != 0 {
		t.Error(m, err)
	}
	if days, err := s.Days(column.Runs, time.Time{}, time.Time{}); err != nil || len(days) != 0 {
		t.Error(days, err)
	}
}

func TestDamagedDayFileIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	s := lake.Store{Dir: dir}
	path := s.Path(column.Answers, midnight)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("PAR1 this was a day PAR1"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := lake.Merge(s, midnight, apart(group("101", 1, 2, 3)), nil)
	if err == nil || !strings.Contains(err.Error(), "answers-20261122.parquet") {
		t.Errorf("error %v", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "PAR1 this was a day PAR1" {
		t.Error("the damaged file was changed", err)
	}
}

func TestDaysRefusesStrangers(t *testing.T) {
	s := lake.Store{Dir: t.TempDir()}
	part := filepath.Join(s.Dir, "answers", "yyyymm=202611")
	if err := os.MkdirAll(part, 0o755); err != nil {
		t.Fatal(err)
	}
	touch := func(name string) string {
		path := filepath.Join(part, name)
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, name := range []string{"answers-20261121.parquet", "answers-20261122.parquet", "answers-20261123.parquet", ".answers-20261122.parquet123", "notes.txt"} {
		touch(name)
	}
	days, err := s.Days(column.Answers, midnight.Add(time.Hour), midnight.AddDate(0, 0, 1))
	if err != nil || len(days) != 1 || !days[0].Day.Equal(midnight) {
		t.Error(days, err)
	}
	for _, name := range []string{"answers-20261222.parquet", "copy.parquet", "runs-20261122.parquet"} {
		path := touch(name)
		if _, err := s.Days(column.Answers, time.Time{}, time.Time{}); err == nil || !strings.Contains(err.Error(), name+" is not a file of the lake; move it away") {
			t.Errorf("%s: %v", name, err)
		}
		os.Remove(path)
	}
}

// Rows are handed out in runs of some thousand. What was handed out stays as it is while
// the next run is read: when a file of many rows is read, and when a day is rewritten.
func TestRunsOfRowsAreTheReaders(t *testing.T) {
	s := lake.Store{Dir: t.TempDir()}
	var day []measurement.Answer
	for slot := range 288 {
		for vp := range 4 {
			g := group(measurement.VantagePoint(fmt.Sprintf("%03d", 101+vp)), slot, 20, 0)
			for i := range g {
				n := int64(len(day) + i)
				at := g[i].Interval.Add(time.Duration(n) * time.Microsecond)
				size := int32(n)
				g[i].LatencyUS, g[i].ConnectUS, g[i].Serial, g[i].VerdictSerial, g[i].SentAt, g[i].ResponseSize = &n, &n, &n, &n, &at, &size
				g[i].Response = fmt.Append(nil, n)
			}
			day = append(day, g...)
		}
	}
	late := func(a measurement.Answer) bool { return a.VantagePoint == "104" && a.Interval.Equal(midnight) }
	for _, rows := range [][]measurement.Answer{slices.DeleteFunc(slices.Clone(day), late), slices.DeleteFunc(slices.Clone(day), func(a measurement.Answer) bool { return !late(a) })} {
		if _, err := lake.Merge(s, midnight, apart(rows), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := lake.Amend(s, midnight, func(int64, *measurement.Answer) {}); err != nil {
		t.Fatal(err)
	}
	got, _, err := column.Read[measurement.Answer](s.Path(column.Answers, midnight))
	if err != nil || len(got) != len(day) {
		t.Fatal(len(got), err)
	}
	for i := range day {
		if diff := gocmp.Diff(day[i], got[i], cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(i, diff)
		}
	}
}

// A file that says two things of one key is no file of one run: nothing of it comes in,
// whether the lake has its interval or not.
func TestMergeTakesNoKeyTwice(t *testing.T) {
	s := lake.Store{Dir: t.TempDir()}
	for _, known := range []bool{false, true} {
		if known {
			if _, err := lake.Merge(s, midnight, apart(group("101", 3, 3, 10)), nil); err != nil {
				t.Fatal(err)
			}
		}
		rows := group("101", 3, 3, 10)
		rows[2] = rows[1]
		rows[2].LatencyUS = ptr(int64(11))
		m, err := lake.Merge(s, midnight, []lake.Group[measurement.Answer]{lake.GroupOf(rows)}, nil)
		if err != nil || m.Added != 0 || m.Known != 0 || len(m.Clashes) != 1 || !strings.Contains(m.Clashes[0].Reason, map[bool]string{true: "row soa of b over ipv4/udp differs", false: "row soa of b over ipv4/udp is there twice"}[known]) {
			t.Errorf("known %v: %+v, %v", known, m, err)
		}
	}
}

func TestMergeTakesNoIntervalTwice(t *testing.T) {
	s := lake.Store{Dir: t.TempDir()}
	_, err := lake.Merge(s, midnight, append(apart(group("101", 3, 3, 10)), apart(group("101", 3, 3, 10))...), nil)
	if err == nil || !strings.Contains(err.Error(), "two groups of 101 at 2026-11-22 00:15:00") {
		t.Error(err)
	}
}

// A day that is not there is not amended to one without rows.
func TestAmendNeedsADay(t *testing.T) {
	s := lake.Store{Dir: t.TempDir()}
	path := s.Path(column.Answers, midnight)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := lake.Amend(s, midnight, func(int64, *measurement.Answer) {}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if names, err := os.ReadDir(filepath.Dir(path)); err != nil || len(names) > 0 {
		t.Error(names, err)
	}
}

// However long one interval takes to be finished, few others are made rows of meanwhile:
// each is as large as a vantage point makes its file.
func TestMergeIsFewIntervalsAhead(t *testing.T) {
	s, most := lake.Store{Dir: t.TempDir()}, 8+4+2*runtime.GOMAXPROCS(0)
	var all []lake.Group[measurement.Answer]
	var made atomic.Int64
	for slot := range 2 * most {
		g := lake.GroupOf(group("101", slot, 3, 10))
		rows := g.Rows
		g.Rows = func() ([]measurement.Answer, error) {
			made.Add(1)
			return rows()
		}
		all = append(all, g)
	}
	var first sync.Once
	m, err := lake.Merge(s, midnight, all, func([]measurement.Answer) error {
		first.Do(func() {
			for last := int64(-1); made.Load() != last; time.Sleep(50 * time.Millisecond) {
				last = made.Load()
			}
			if n := made.Load(); n > int64(most) {
				t.Errorf("%d intervals are rows while the first is finished, want at most %d", n, most)
			}
		})
		return nil
	})
	if err != nil || m.Added != int64(6*most) {
		t.Error(m, err)
	}
}
