package ingest_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/parquet-go/parquet-go"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/spool"
)

// ofSchema writes rows as a program of another schema: 1 lacks the later columns, 3 has
// those of today.
func ofSchema[T column.Row](t *testing.T, path string, number int, rows []T) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	err := parquet.WriteFile(path, rows, column.SchemaOf(column.TableOf[T](), number), parquet.Compression(&parquet.Zstd),
		parquet.KeyValueMetadata(column.KeySchema, fmt.Sprint(number)), parquet.KeyValueMetadata(column.KeyVersion, "1.0.0"))
	if err != nil {
		t.Fatal(err)
	}
}

// schemas are those of a table's days, the oldest first; 0 where it cannot be read.
func (c *collector) schemas(table column.Table) (numbers []int) {
	c.t.Helper()
	days, err := c.in.Lake.Days(table, time.Time{}, time.Time{})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, d := range days {
		number := 0
		_ = column.Open(d.Path, table, func(f *column.File) error {
			number = f.Metadata.Schema
			return nil
		})
		numbers = append(numbers, number)
	}
	return numbers
}

// A lake of schema 1 becomes one of the newest schema by thirty days a night, the newest first, all
// tables of a day at once, and no value changes. A damaged day holds up no other.
func TestOldDaysAreWrittenAnew(t *testing.T) {
	c := newCollector(t)
	const days, damaged = 40, 33
	first := day.AddDate(0, 0, -days-5)
	var want []measurement.Answer
	for i := range days {
		label := first.AddDate(0, 0, i)
		rows := slices.DeleteFunc(answersOf("101", label), func(a measurement.Answer) bool { return a.Query != measurement.QuerySOA }) // none to be judged
		run := runOf(rows, "101", label)
		run.ReceivedAt, run.File, run.SHA256 = label, "x", strings.Repeat("ab", 32)
		ofSchema(t, c.in.Lake.Path(column.Answers, label), 1, rows)
		ofSchema(t, c.in.Lake.Path(column.Routes, label), 1, routesOf("101", label))
		ofSchema(t, c.in.Lake.Path(column.Runs, label), 1, []measurement.Run{*run})
		want = append(want, rows...)
	}
	if err := os.WriteFile(c.in.Lake.Path(column.Answers, first.AddDate(0, 0, damaged)), []byte("this is damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
	for night := range 3 {
		c.in.Now = func() time.Time { return now.AddDate(0, 0, night) }
		for range 2 { // once a night
			if _, err := c.in.Run(t.Context()); err != nil && !strings.Contains(err.Error(), "not Parquet") {
				t.Fatal(err)
			}
		}
		for _, table := range []column.Table{column.Answers, column.Routes, column.Runs} {
			mustBe := make([]int, days)
			for i := range mustBe {
				mustBe[i] = column.Schema()
				if i < days-30 && night == 0 {
					mustBe[i] = 1
				}
				if i == damaged && table == column.Answers {
					mustBe[i] = 0
				}
			}
			if got := c.schemas(table); !slices.Equal(got, mustBe) {
				t.Fatalf("night %d: %s is of schemas %v, want %v", night, table, got, mustBe)
			}
		}
	}
	var got []measurement.Answer
	for i := range days {
		if i == damaged {
			want = slices.Concat(want[:i*6], want[(i+1)*6:])
			continue
		}
		got = append(got, readDay[measurement.Answer](c, column.Answers, first.AddDate(0, 0, i))...)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

// A day of schema 1 that somebody puts back into a lake is written anew within a
// week, also where the clock was wrong when the lake was looked through.
func TestDayPutBackIsWrittenAnew(t *testing.T) {
	for what, ahead := range map[string]int{"the clock was right": 0, "the clock was a year ahead": 365} {
		c := newCollector(t)
		c.in.Now = func() time.Time { return now.AddDate(0, 0, ahead) }
		c.ingest()
		old := day.AddDate(0, 0, -20)
		ofSchema(t, c.in.Lake.Path(column.Routes, old), 1, routesOf("101", old))
		found := 0
		for n := range 9 {
			c.in.Now = func() time.Time { return now.AddDate(0, 0, n) }
			c.ingest()
			if found == 0 && slices.Equal(c.schemas(column.Routes), []int{column.Schema()}) {
				found = n
			}
		}
		if want := 7; ahead == 0 && found != want {
			t.Errorf("%s: written anew after %d days, want %d", what, found, want)
		}
		if got := c.schemas(column.Routes); !slices.Equal(got, []int{column.Schema()}) {
			t.Errorf("%s: schemas %v", what, got)
		}
	}
}

// Where only a day is of a newer schema, whichever of its tables, its files wait and nothing
// of it is written; other days go on.
func TestDayOfNewerSchemaIsLeft(t *testing.T) {
	for _, table := range []column.Table{column.Answers, column.Routes, column.Runs} {
		t.Run(string(table), func(t *testing.T) {
			c := newCollector(t)
			before := day.AddDate(0, 0, -1)
			c.measure("101", day)
			c.ingest()
			path := c.in.Lake.Path(table, day)
			switch table {
			case column.Answers:
				ofSchema(t, path, 3, readDay[measurement.Answer](c, table, day))
			case column.Routes:
				ofSchema(t, path, 3, readDay[measurement.Route](c, table, day))
			default:
				ofSchema(t, path, 3, readDay[measurement.Run](c, table, day))
			}
			was := filesOf(t, c.in.Lake, day)
			c.measure("102", day)
			c.measure("102", before)
			r := c.ingest()
			if diff := cmp.Diff(was, filesOf(t, c.in.Lake, day)); diff != "" {
				t.Error("the day was changed")
			}
			if n := len(readDay[measurement.Run](c, column.Runs, before)); n != 1 || len(r.Quarantined) > 0 {
				t.Errorf("%d runs of the day before, %v in quarantine", n, r.Quarantined)
			}
			if got := left(t, c.box("102")); len(got) != 4 || !strings.Contains(strings.Join(r.Left, "\n"), "needs a newer mtric") {
				t.Errorf("waiting %v, left %q", got, r.Left)
			}
			if err := os.Remove(path); err != nil { // as if it had been updated, and had the day as it is
				t.Fatal(err)
			}
			c.measure("101", day)
			c.ingest()
			if got := left(t, c.box("102")); len(got) > 0 {
				t.Errorf("still waiting: %v", got)
			}
		})
	}
}

// filesOf are the files of a day.
func filesOf(t *testing.T, s lake.Store, day time.Time) map[column.Table]string {
	t.Helper()
	all := map[column.Table]string{}
	for _, table := range []column.Table{column.Answers, column.Routes, column.Runs} {
		data, err := os.ReadFile(s.Path(table, day))
		if err != nil {
			t.Fatal(err)
		}
		all[table] = string(data)
	}
	return all
}

// A lake whose zones a newer program wrote is not touched at all, and its files wait.
func TestLakeOfNewerSchemaIsLeft(t *testing.T) {
	c := newCollector(t)
	ofSchema(t, c.in.Lake.Path(column.Zones, time.Time{}), 3, []measurement.Zone{{Serial: 2026112200, State: measurement.ZoneBogus}})
	c.measure("101", day)
	r := c.ingest()
	if got := left(t, c.box("101")); len(got) != 4 || len(r.Left) != 1 || !strings.Contains(r.Left[0], "needs a newer mtric") {
		t.Errorf("waiting %v, left %q", got, r.Left)
	}
	if got := left(t, c.in.Lake.Dir); !slices.Equal(got, []string{"zones"}) {
		t.Errorf("the lake has %v", got)
	}
}

// Old days that cannot be read hold up nothing, however many: files come in, other days
// are written anew, and it is told once a night.
func TestManyDamagedDays(t *testing.T) {
	c := newCollector(t)
	first := day.AddDate(0, 0, -30)
	for i := range 15 {
		label := first.AddDate(0, 0, i)
		path := c.in.Lake.Path(column.Runs, label)
		if i < 12 {
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("this is damaged"), 0o644)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		rows := answersOf("101", label)
		ofSchema(t, path, 1, []measurement.Run{*runOf(rows, "101", label)})
	}
	c.measure("101", day)
	r := c.ingest()
	told := strings.Count(strings.Join(r.Left, "\n"), "cannot be written in the newest schema")
	if got := c.schemas(column.Runs); r.Files == 0 || told != 12 || !slices.Equal(got[12:15], []int{2, 2, 2}) {
		t.Errorf("%d files, schemas %v, left %q", r.Files, got, r.Left)
	}
	if r := c.ingest(); len(r.Left) != 0 {
		t.Errorf("told again in the same night: %q", r.Left)
	}
}

// The table vantage_points is the plan's: what it said of an earlier time stays, and one
// that is damaged keeps no file waiting.
func TestSitesKeepTheirPast(t *testing.T) {
	c := newCollector(t)
	moved, left := day, day.AddDate(0, 0, 5)
	c.in.Plan.VantagePoints = []plan.VantagePoint{{ID: "101", Region: "europe", Metro: "Vienna", Host: "101.example"}, {ID: "102", Region: "asia_pacific", Metro: "Tokyo", Host: "102.example"}}
	c.ingest()
	c.in.Plan.VantagePoints = []plan.VantagePoint{{ID: "101", Region: "africa", Metro: "Nairobi", Host: "101.example", From: &moved, Until: &left}}
	for range 2 {
		c.ingest()
		sites, err := c.in.Lake.Sites()
		var got []string
		for _, s := range sites {
			got = append(got, fmt.Sprint(s.VantagePoint, " ", s.Metro, " ", s.From != nil, " ", s.Until != nil && s.Until.Equal(moved)))
		}
		if want := []string{"101 Vienna false true", "101 Nairobi true false", "102 Tokyo false false"}; err != nil || !slices.Equal(got, want) {
			t.Fatal(got, err)
		}
	}
	path := c.in.Lake.Path(column.VantagePoints, day)
	if err := os.WriteFile(path, []byte("this is damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
	c.measure("101", day)
	if r := c.ingest(); r.Files == 0 || len(r.Left) != 1 || !strings.Contains(r.Left[0], "vantage_points.parquet cannot be read; move it away") {
		t.Errorf("%d files, left %q", r.Files, r.Left)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "this is damaged" {
		t.Error("what a person is to look at was replaced", err)
	}
}

// Files that wait for an update are not copied each time: they may wait for long.
func TestWaitingFilesAreNotCopied(t *testing.T) {
	c := newCollector(t)
	c.measure("101", day)
	c.measure("102", day)
	path := filepath.Join(c.box("101"), spool.Name(day, "101", column.Answers))
	ofSchema(t, path, 3, answersOf("101", day))
	if err := files.WriteSidecar(path); err != nil {
		t.Fatal(err)
	}
	var copies []string
	c.in.Step = func(what string) error {
		if what == "merge answers" {
			found, err := os.ReadDir(filepath.Join(c.in.Originals, ".intake"))
			for _, e := range found {
				copies = append(copies, e.Name())
			}
			return err
		}
		return nil
	}
	r := c.ingest()
	waits := slices.ContainsFunc(copies, func(name string) bool { return strings.Contains(name, filepath.Base(path)) })
	if len(copies) == 0 || waits || len(r.Left) != 1 || !strings.Contains(r.Left[0], "need a newer mtric") {
		t.Errorf("copies %q, left %q", copies, r.Left)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}
