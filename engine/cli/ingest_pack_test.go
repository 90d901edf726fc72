package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/cli"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// packing is a collector that has an original of each of two days, both due to be packed.
type packing struct {
	testing.TB
	home string
	lake lake.Store
	days [2]time.Time
}

func newPacking(tb testing.TB) *packing {
	home := tb.TempDir()
	p := &packing{TB: tb, home: home, lake: lake.Store{Dir: filepath.Join(home, "Lake")},
		days: [2]time.Time{time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}}
	put(tb, filepath.Join(home, "site", "site.hcl"), (&played{vps: []measurement.VantagePoint{"101"}}).site())
	for _, day := range p.days {
		put(tb, p.original(day), "evidence of "+day.String())
		if err := files.WriteSidecar(p.original(day)); err != nil {
			tb.Fatal(err)
		}
		p.runs(day, nil)
	}
	return p
}

func (p *packing) original(day time.Time) string {
	return filepath.Join(p.home, "Originals", "202611", day.Format("200601021504")+"-101.answers.parquet")
}

// runs writes what the lake has of a day, and makes it something else.
func (p *packing) runs(day time.Time, change func([]byte) []byte) {
	p.Helper()
	path := p.lake.Path(column.Runs, day)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.Fatal(err)
	}
	row := measurement.Run{VantagePoint: "101", Interval: day, StartedAt: day, ReceivedAt: day.Add(time.Minute), IngestedAt: &day, File: filepath.Base(p.original(day)), SHA256: strings.Repeat("ab", 32)}
	if err := column.Write(path, []measurement.Run{row}, column.Metadata{Version: "1.0.0"}); err != nil {
		p.Fatal(err)
	}
	if change != nil {
		p.change(path, change)
	}
}

func (p *packing) change(path string, change func([]byte) []byte) {
	p.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(data), 0o644)
	}
	if err != nil {
		p.Fatal(err)
	}
}

// newerSchema is the file as a program of the next schema says that it is.
func newerSchema(data []byte) []byte {
	number := func(n int) []byte { return fmt.Appendf(nil, "mtric.schema\x18\x01%d", n) }
	return bytes.Replace(data, number(column.Schema()), number(column.Schema()+1), 1)
}

func (p *packing) ingest(day, minute int) (code int, errs string) {
	var out, e bytes.Buffer
	now := time.Date(2026, 12, day, 0, minute, 0, 0, time.UTC)
	code = cli.Run([]string{"ingest", "--home", p.home, "--plan", "rssac047", "--plan", filepath.Join(p.home, "site"), "--now", now.Format(time.RFC3339)},
		strings.NewReader(""), &out, &e)
	return code, e.String()
}

func (p *packing) packed(day time.Time) bool {
	_, err := os.Lstat(p.original(day))
	return os.IsNotExist(err)
}

// Where the lake cannot say when files of a day came, its originals wait; the other days
// are packed, and runs end as they would.
func TestPackWaitsForRuns(t *testing.T) {
	for what, change := range map[string]func([]byte) []byte{
		"damaged": func([]byte) []byte { return []byte("this is damaged") },
		"newer":   newerSchema,
	} {
		p := newPacking(t)
		p.runs(p.days[0], change)
		p.ingest(5, 4) // says that the day is damaged
		if p.packed(p.days[0]) || !p.packed(p.days[1]) {
			t.Errorf("%s: packed %t, %t, want only the other day", what, p.packed(p.days[0]), p.packed(p.days[1]))
		}
		if code, errs := p.ingest(5, 9); code != 0 {
			t.Errorf("%s: exit code %d\n%s", what, code, errs)
		}
		told, err := os.ReadFile(filepath.Join(p.home, "Logs", "c00-alerts.txt"))
		if err != nil || !strings.Contains(string(told), "condition=originals") || !strings.Contains(string(told), "2026-11-22 waits") {
			t.Errorf("%s: %v\n%s", what, err, told)
		}
		p.runs(p.days[0], nil)
		if code, errs := p.ingest(6, 4); code != 0 || !p.packed(p.days[0]) {
			t.Errorf("%s: mended, exit code %d\n%s", what, code, errs)
		}
	}
}

// A lake that a newer program writes is left alone, and so are its originals.
func TestNoPackingBesideNewerLake(t *testing.T) {
	p := newPacking(t)
	if err := p.lake.SaveZones([]measurement.Zone{{Serial: 2026112200, State: measurement.ZoneBogus}}); err != nil {
		t.Fatal(err)
	}
	zones := p.lake.Path(column.Zones, time.Time{})
	p.change(zones, newerSchema)
	for minute := 4; minute < 10; minute += 5 {
		if code, errs := p.ingest(5, minute); code != 3 || !strings.Contains(errs, "newer mtric") || p.packed(p.days[0]) {
			t.Errorf("exit code %d, packed %t\n%s", code, p.packed(p.days[0]), errs)
		}
	}
	if err := os.Remove(zones); err != nil {
		t.Fatal(err)
	}
	if code, errs := p.ingest(5, 14); code != 0 || !p.packed(p.days[0]) { // as if mtric had been updated
		t.Errorf("exit code %d\n%s", code, errs)
	}
}
