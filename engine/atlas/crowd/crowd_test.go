package crowd_test

import (
	"bytes"
	"context"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/atlas"
	"mtric.net/mtric/engine/atlas/crowd"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

var servers = map[measurement.RSI][2]netip.Addr{
	"a": {netip.MustParseAddr("198.41.0.4"), netip.MustParseAddr("2001:503:ba3e::2:30")},
	"k": {netip.MustParseAddr("193.0.14.129"), netip.MustParseAddr("2001:7fd::1")},
}

func config(probes int) crowd.Config {
	from := time.Date(2026, 11, 20, 22, 0, 0, 0, time.UTC)
	return crowd.Config{Seed: 1, Probes: probes, From: from, Until: from.Add(4 * time.Hour), Servers: servers}
}

// What an import comes to is what is true.
func TestImportFindsTheTruth(t *testing.T) {
	dir := t.TempDir()
	c := config(300)
	c.Faults = faults(t, `
fault "wrong" {
  kind    = "wrong"
  rsis    = ["k"]
  percent = 3
  from    = "2026-11-20"
}
fault "cut" {
  kind    = "truncated"
  rsis    = ["k"]
  percent = 3
  from    = "2026-11-20"
}
fault "broken" {
  kind    = "malformed"
  rsis    = ["a"]
  percent = 3
  from    = "2026-11-20"
}
fault "bad" {
  kind    = "rcode"
  rcode   = "BADVERS"
  rsis    = ["a"]
  percent = 3
  from    = "2026-11-20"
}
fault "slow" {
  kind    = "slow"
  by      = "4500ms"
  rsis    = ["a"]
  percent = 3
  from    = "2026-11-20"
}
fault "gone" {
  kind  = "silent"
  share = 5
  from  = "2026-11-21"
}`)
	truth, err := crowd.Run(dir, c)
	if err != nil {
		t.Fatal(err)
	}
	for _, identity := range []bool{false, true} {
		store := lake.Store{Dir: filepath.Join(t.TempDir(), "lake")}
		if err := atlas.Prepare(store.Dir, "builtin"); err != nil {
			t.Fatal(err)
		}
		m := atlas.Importer{Lake: store, Set: atlas.Set{Name: "builtin", Questions: atlas.BuiltIn()}, Servers: map[netip.Addr]measurement.RSI{}, Identity: identity, Zones: archived(t), Now: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)}
		for rsi, both := range servers {
			m.Servers[both[0]], m.Servers[both[1]] = rsi, rsi
		}
		var files []atlas.Source
		for _, name := range []string{crowd.Results, crowd.Late} {
			files = append(files, atlas.Source{Name: name, Open: func() (io.ReadCloser, error) { return os.Open(filepath.Join(dir, name)) }})
		}
		counts, err := m.Run(context.Background(), files)
		if err != nil {
			t.Fatal(err)
		}
		days, err := store.Days(column.Answers, time.Time{}, time.Time{})
		if err != nil || len(days) != 2 {
			t.Fatal(days, err)
		}
		outcomes := make(map[measurement.Outcome]int64)
		var correct int64
		incorrect := make(map[measurement.RSI]int64)
		var identities int64
		for _, d := range days {
			rows, _, err := column.Read[measurement.Answer](d.Path)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range rows {
				if a.Query == measurement.QuerySOA {
					outcomes[a.Outcome]++
					if a.Verdict != nil && *a.Verdict == measurement.Correct {
						correct++
					} else if a.Verdict != nil {
						incorrect[a.RSI]++
					}
				} else {
					identities++
				}
			}
		}
		if diff := cmp.Diff(truth.Outcomes, outcomes); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(truth.Incorrect, incorrect); diff != "" || correct != truth.Correct || incorrect["k"] == 0 {
			t.Errorf("%d correct, want %d; incorrect %s", correct, truth.Correct, diff)
		}
		if counts.Lines != truth.Results {
			t.Errorf("%d results, want %d", counts.Lines, truth.Results)
		}
		if identity {
			if identities != truth.Identities || counts.Added != truth.Rows+truth.Identities {
				t.Errorf("%d identities, want %d; %+v", identities, truth.Identities, counts)
			}
			continue
		}
		if diff := cmp.Diff(truth.Left, counts.Left); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(truth.Unknown, counts.Unknown); diff != "" {
			t.Error(diff)
		}
		if counts.Added != truth.Rows || counts.Late != truth.Late || counts.Strays != truth.Strays || counts.ClockWrong != truth.ClockWrong {
			t.Errorf("%+v\nwant %+v", counts, truth)
		}
		if truth.Late == 0 || truth.Strays == 0 || truth.Left["known"] == 0 || truth.Left["retry"] == 0 || truth.Unknown["gremlin"] == 0 || len(truth.BadClock) == 0 {
			t.Errorf("too little happens: %+v", truth)
		}
	}
}

func TestSameSeedSameFiles(t *testing.T) {
	var before []byte
	for range 2 {
		dir := t.TempDir()
		if _, err := crowd.Run(dir, config(5)); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, crowd.Results))
		if err != nil || len(text) == 0 || before != nil && !bytes.Equal(before, text) {
			t.Error(len(text), err)
		}
		before = text
	}
}

func TestProbesCanBeRead(t *testing.T) {
	dir := t.TempDir()
	if _, err := crowd.Run(dir, config(50)); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(dir, "probes", "20261120.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	a, err := atlas.ReadProbes(f, f.Name())
	if err != nil || len(a.Sites) != 50 || a.Day.Format(time.DateOnly) != "2026-11-20" {
		t.Error(a.Day, len(a.Sites), err)
	}
}
