package site_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/site"
)

// TestWhatIsKeptOfDaysMayBeLost, of days that have no steps of five minutes any more as well:
// it is made anew, and the files are the same.
func TestWhatIsKeptOfDaysMayBeLost(t *testing.T) {
	const count = 3*288 + 60
	for _, dir := range []string{".seen", ".usual"} {
		h, home := drawn(1, count), t.TempDir()
		h.plan.Sites = []plan.Site{{Edition: plan.SiteInternal, FiveMinutes: plan.Duration(24 * time.Hour), Open: []string{}}}
		h.write(t, home, count-24)
		out, _ := h.make(t, home, site.Internal)
		h.write(t, home, count)
		h.make(t, home, site.Internal)
		want := files(t, out, true)
		delete(want, ".made.json")
		for _, damage := range []func(string) error{os.RemoveAll, func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "20261031.json"), []byte("{"), 0o644)
		}} {
			if err := damage(filepath.Join(out, dir)); err != nil {
				t.Fatal(err)
			}
			h.make(t, home, site.Internal, midnight.AddDate(0, 0, 2)) // looks at all, as once an hour
			got := files(t, out, true)
			delete(got, ".made.json")
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s (-before +after it was lost):\n%.2000s", dir, d)
			}
		}
	}
}

// TestUsualIsThatOfTheWeekBefore holds what is usual of a pair to the table hours.
func TestUsualIsThatOfTheWeekBefore(t *testing.T) {
	const count = 9*288 + 40
	h, home := drawn(3, count), t.TempDir()
	s := h.write(t, home, count)
	out, _ := h.make(t, home, site.Internal)
	public, _ := h.make(t, home, site.Public)
	medians := func(day time.Time, vp measurement.VantagePoint, rsi measurement.RSI) (all []byte) {
		for n := 7; n > 0; n-- {
			counts, total := map[int32]int32{}, int32(0)
			rows, _, err := column.Read[measurement.Hour](s.Path(column.Hours, day.AddDate(0, 0, -n)))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				if r.VantagePoint == vp && r.RSI == rsi && r.Family != nil && *r.Family == "ipv6" && *r.Transport == "udp" {
					for _, b := range r.LatencyHistogram {
						counts[b.Bucket] += b.Count
						total += b.Count
					}
				}
			}
			rank := (total - 1) / 2
			for b := int32(0); total > 0; b++ {
				if rank -= counts[b]; rank < 0 {
					m, e := int64(b%16)+16, b/16
					all = append(all, site.LatencyByte((2*m+1)<<e/32))
					break
				}
			}
		}
		slices.Sort(all)
		return all
	}
	tried := 0
	for key, day := range map[string]time.Time{"day/20261031": midnight, "day/20261101": midnight.AddDate(0, 0, 1), "day/20261108": midnight.AddDate(0, 0, 8), "month/202611": midnight.AddDate(0, 0, 1), "year/2026": midnight} {
		for _, rsi := range []measurement.RSI{"a", "b"} {
			name := fmt.Sprintf("%s/%s-v6-udp-0", key, rsi)
			for _, b := range read[site.Tile](t, out, name).Blocks {
				usual, err := base64.StdEncoding.DecodeString(b.Usual)
				if err != nil || day.Equal(midnight) && len(usual) > 0 || !day.Equal(midnight) && len(usual) != len(b.VantagePoints) {
					t.Fatalf("%s: usual %q, %v", name, b.Usual, err)
				}
				for i := range usual {
					want := byte(0)
					if all := medians(day, measurement.VantagePoint(b.VantagePoints[i]), rsi); len(all) > 0 {
						want = all[(len(all)-1)/2]
						tried++
					}
					if usual[i] != want {
						t.Errorf("%s, %s: usual %d, want %d", name, b.VantagePoints[i], usual[i], want)
					}
				}
			}
			if b := read[site.Tile](t, public, name).Blocks[0]; b.Usual != "" {
				t.Errorf("%s: the public edition tells what is usual", name)
			}
		}
	}
	if tried < 10 {
		t.Errorf("%d of them: nothing is tried", tried)
	}
}

// TestWithoutState: a site that was made of a lake alone says what it does not tell, and the
// next run with what derive remembers mends it, within the same hour as well.
func TestWithoutState(t *testing.T) {
	const count = 288 + 127
	h, home, whole := drawn(2, count), t.TempDir(), t.TempDir()
	h.write(t, home, count)
	out := filepath.Join(home, string(site.Internal))
	published := func() (n int) {
		for _, s := range read[site.Zones](t, out, "zones/202610").Serials {
			if s.Published != nil {
				n++
			}
		}
		return n
	}
	bare := site.Site{Plan: h.plan, Lake: lake.Store{Dir: filepath.Join(home, "Lake")}, Out: out, Edition: site.Internal, Version: "test", Now: time.Now}
	if _, err := bare.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if i := read[site.Index](t, out, "index"); !slices.Equal(i.Without, []string{"reports", "alerts", "publication"}) || published() != 0 {
		t.Errorf("without %v, %d serials published", i.Without, published())
	}
	state := filepath.Join(home, "derived")
	if err := os.Rename(state, state+".away"); err != nil {
		t.Fatal(err)
	}
	h.make(t, home, site.Internal)
	if i := read[site.Index](t, out, "index"); !slices.Contains(i.Without, "publication") {
		t.Errorf("without %v, before derive", i.Without)
	}
	if err := os.Rename(state+".away", state); err != nil {
		t.Fatal(err)
	}
	h.make(t, home, site.Internal)
	if i := read[site.Index](t, out, "index"); slices.Contains(i.Without, "publication") || published() == 0 {
		t.Errorf("without %v, %d serials published", i.Without, published())
	}
	h.write(t, whole, count)
	want, _ := h.make(t, whole, site.Internal)
	if d := cmp.Diff(files(t, want, false), files(t, out, false)); d != "" {
		t.Errorf("-at once +mended:\n%.2000s", d)
	}
}

// TestHoursOfTheDayMayBeLost, or be of older tables: Now is the same.
func TestHoursOfTheDayMayBeLost(t *testing.T) {
	const count = 2*288 + 60
	h, home := drawn(1, count), t.TempDir()
	late := func(a measurement.VantagePoint, at time.Time) bool {
		return a == "102" && at.After(midnight.Add(40*time.Hour)) && at.Before(midnight.Add(43*time.Hour))
	}
	answers, runs := h.answers, h.runs
	h.answers = slices.DeleteFunc(slices.Clone(answers), func(a measurement.Answer) bool { return late(a.VantagePoint, a.Interval) })
	h.runs = slices.DeleteFunc(slices.Clone(runs), func(r measurement.Run) bool { return late(r.VantagePoint, r.Interval) })
	h.write(t, home, count)
	out, _ := h.make(t, home, site.Internal)
	kept := filepath.Join(out, ".hours.json")
	want := files(t, out, false)
	for what, damage := range map[string]func() error{"as it is": func() error { return nil }, "lost": func() error { return os.Remove(kept) },
		"damaged": func() error { return os.WriteFile(kept, []byte(`{"of":`), 0o644) }} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		h.make(t, home, site.Internal)
		if d := cmp.Diff(want, files(t, out, false)); d != "" {
			t.Errorf("%s (-before +after):\n%.1000s", what, d)
		}
	}
	h.answers, h.runs = answers, runs
	h.write(t, home, count)
	h.make(t, home, site.Internal, midnight.AddDate(0, 0, 2)) // looks at all, as once an hour
	fresh := t.TempDir()
	h.write(t, fresh, count)
	whole, _ := h.make(t, fresh, site.Internal)
	if d := cmp.Diff(files(t, whole, false)["data/now.js"], files(t, out, false)["data/now.js"]); d != "" {
		t.Errorf("late rows (-at once +after):\n%.1000s", d)
	}
	if _, err := os.Stat(filepath.Join(func() string { out, _ := h.make(t, home, site.Public); return out }(), ".hours.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the public edition keeps values: %v", err)
	}
}
