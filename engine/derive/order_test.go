package derive_test

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/derive"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// long is a history of four days with an outage over two midnights, one of an hour, another
// server, and a vantage point that is silent.
func long() *history {
	h := &history{plan: small(), labels: 4 * 288, cut: 31}
	h.zones = []measurement.Zone{{Serial: 2026110100, FirstSeen: ptr(at(0)), State: measurement.ZoneArchived, ArchivedAt: ptr(at(2))},
		{Serial: 2026110200, FirstSeen: ptr(at(300)), State: measurement.ZoneArchived, ArchivedAt: ptr(at(302))}}
	for _, vp := range h.plan.VantagePoints[:2] {
		for n := range h.labels {
			if vp.ID == "102" && n > 700 && n < 800 {
				continue
			}
			h.runs = append(h.runs, measurement.Run{VantagePoint: vp.ID, Interval: at(n), StartedAt: at(n), ReceivedAt: at(n)})
			for _, s := range h.plan.Servers {
				for _, f := range measurement.Families {
					address, _ := s.AddressAt(f, at(n))
					a := row(vp.ID, n, "soa", s.RSI, f, address.String())
					serial := int64(2026110100)
					if n >= 300 && (s.RSI == "a" || n > 900) {
						serial = 2026110200
					}
					finish(&a, s.RSI == "b" && f == measurement.IPv6 && (n > 250 && n < 600 || n > 1000 && n < 1012), serial, false, n > 500 && n < 540)
					h.answers = append(h.answers, a)
				}
			}
		}
	}
	return h
}

// tables are the files of both tables by their names.
func tables(t testing.TB, store lake.Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, table := range []column.Table{column.Hours, column.Events} {
		days, err := store.Days(table, time.Time{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range days {
			data, err := os.ReadFile(d.Path)
			if err != nil {
				t.Fatal(err)
			}
			all[filepath.Base(d.Path)] = string(data)
		}
	}
	return all
}

// Days come in any order, in parts, and after State was lost: the files are the same to the
// byte, and no row says that it was superseded, since no row came late.
func TestAnyOrder(t *testing.T) {
	h, dir := long(), t.TempDir()
	whole := h.write(t, filepath.Join(dir, "whole"), all)
	run(t, h.plan, whole, filepath.Join(dir, "state"))
	want := tables(t, whole)
	if len(want) != 8 {
		t.Fatalf("%d files, want 8", len(want))
	}
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 1))
		home := filepath.Join(t.TempDir(), "home")
		store, state := h.write(t, filepath.Join(home, "Lake"), all), filepath.Join(home, "State")
		for range 4 {
			d := &derive.Deriver{Plan: h.plan, Lake: store, State: state, Most: r.IntN(3)}
			from := midnight.AddDate(0, 0, r.IntN(4))
			if _, err := d.Run(t.Context(), from, from.AddDate(0, 0, 1+r.IntN(2))); err != nil {
				t.Fatal(err)
			}
			if r.IntN(4) == 0 {
				if err := os.RemoveAll(state); err != nil {
					t.Fatal(err)
				}
			}
		}
		run(t, h.plan, store, state)
		if d := cmp.Diff(want, tables(t, store)); d != "" {
			t.Errorf("seed %d (-at once +in parts):\n%.2000s", seed, d)
		}
		if again := run(t, h.plan, store, state); again.Days != 0 {
			t.Errorf("seed %d: %d days made again", seed, again.Days)
		}
	}
}

// What is lost or damaged of the tables, or of State, is made again, and is what it was.
func TestDamaged(t *testing.T) {
	h, dir := long(), t.TempDir()
	store, state := h.write(t, filepath.Join(dir, "Lake"), all), filepath.Join(dir, "State")
	run(t, h.plan, store, state)
	want, events := tables(t, store), read[measurement.Event](t, store)
	flip := func(path string) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := len(data) / 2; i < len(data)/2+20; i++ {
			data[i] ^= 0x55
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	second := midnight.AddDate(0, 0, 1)
	early := func() { // a row of an hour that is not over
		rows, _, err := column.Read[measurement.Hour](store.Path(column.Hours, at(4*288-1)))
		if err != nil {
			t.Fatal(err)
		}
		more := rows[len(rows)-1]
		more.Hour = more.Hour.Add(time.Hour)
		daily(t, store, 0, append(rows, more), func(r measurement.Hour) (time.Time, bool) { return r.Hour, true })
	}
	for _, d := range []struct {
		what   string
		damage func()
	}{
		{"events gone", func() { _ = os.Remove(store.Path(column.Events, midnight)) }},
		{"events damaged", func() { _ = os.Truncate(store.Path(column.Events, second), 100) }},
		{"hours gone", func() { _ = os.Remove(store.Path(column.Hours, second)) }},
		{"an hour too early", early},
		{"hours damaged", func() { flip(store.Path(column.Hours, second)) }},
		{"a digest", func() { flip(filepath.Join(state, "20261102")) }},
		{"a chain", func() { flip(filepath.Join(state, "20261102.events")) }},
		{"the sights", func() { flip(filepath.Join(state, "20261102.serials")) }},
		{"cut sights", func() { _ = os.Truncate(filepath.Join(state, "20261101.serials"), 10) }},
		{"a chain gone", func() { _ = os.Remove(filepath.Join(state, "20261103.events")) }},
		{"all of the state", func() { _ = os.RemoveAll(state) }},
	} {
		d.damage()
		run(t, h.plan, store, state)
		if tables := tables(t, store); !maps.Equal(want, tables) {
			t.Errorf("%s:\n%s", d.what, cmp.Diff(events, read[measurement.Event](t, store)))
		}
	}
}

// A day of the lake that cannot be read leaves its events as they are, with State and without,
// and once it can be read again all is as it was.
func TestUnreadableDay(t *testing.T) {
	h, dir := long(), t.TempDir()
	store, state := h.write(t, filepath.Join(dir, "Lake"), all), filepath.Join(dir, "State")
	run(t, h.plan, store, state)
	want := tables(t, store)
	path := store.Path(column.Answers, midnight.AddDate(0, 0, 1))
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, lost := range []bool{false, true} {
		if err := os.WriteFile(path, good[:1000], 0o644); err != nil {
			t.Fatal(err)
		}
		if lost {
			if err := os.RemoveAll(state); err != nil {
				t.Fatal(err)
			}
		}
		d := &derive.Deriver{Plan: h.plan, Lake: store, State: state}
		result, err := d.Run(t.Context(), time.Time{}, time.Time{})
		if err != nil || len(result.Failed) != 1 {
			t.Fatalf("%+v, %v", result, err)
		}
		got := tables(t, store)
		for _, name := range []string{"events-20261101.parquet", "events-20261102.parquet", "hours-20261102.parquet"} {
			if got[name] != want[name] {
				t.Errorf("lost %t: %s is another", lost, name)
			}
		}
		if err := os.WriteFile(path, good, 0o644); err != nil {
			t.Fatal(err)
		}
		run(t, h.plan, store, state)
		if d := cmp.Diff(want, tables(t, store)); d != "" {
			t.Errorf("lost %t, mended:\n%.1000s", lost, d)
		}
	}
}

// Days that cannot be read keep no others back, however bounded the runs are, and however many
// they are; they are named in each run, and made when they can be read again.
func TestUnreadableDaysStarveNoOthers(t *testing.T) {
	for _, bad := range [][]int{{3, 2, 1}, {0}, {0, 1, 2, 3}} {
		h, dir := long(), t.TempDir()
		store, state := h.write(t, filepath.Join(dir, "Lake"), all), filepath.Join(dir, "State")
		whole := map[string][]byte{}
		for _, n := range bad {
			path := store.Path(column.Answers, midnight.AddDate(0, 0, n))
			data, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, data[:1000], 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			whole[path] = data
		}
		once := func() derive.Result {
			d := &derive.Deriver{Plan: h.plan, Lake: store, State: state, Most: 1}
			result, err := d.Run(t.Context(), time.Time{}, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			return result
		}
		made := 0
		var last derive.Result
		for range 9 { // each damaged day is tried, each other one made
			last = once()
			made += last.Days
		}
		if made < 4-len(bad) || last.Days != 0 || len(last.Failed) != len(bad) || last.Left != 0 {
			t.Errorf("damaged %v: %d days made, then %+v", bad, made, last)
		}
		for path, data := range whole {
			if err := os.WriteFile(path, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for range 4 {
			last = once()
		}
		if len(last.Failed) != 0 {
			t.Errorf("damaged %v, mended: %+v", bad, last)
		}
		want := h.write(t, filepath.Join(dir, "whole"), all)
		run(t, h.plan, want, filepath.Join(dir, "state"))
		if d := cmp.Diff(tables(t, want), tables(t, store)); d != "" {
			t.Errorf("damaged %v, mended (-at once +after):\n%.500s", bad, d)
		}
	}
}
