package serials_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/serials"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func sight(zone string, serial uint32, at time.Time) serials.Sight {
	return serials.Sight{Zone: zone, Source: "192.0.2.53:53", Serial: serial, At: at}
}

// TestKeep: the first sight stays whatever comes, the last one is written once an hour, and
// rows are in the order of their key.
func TestKeep(t *testing.T) {
	store := lake.Store{Dir: t.TempDir(), Version: "1.0.0"}
	if err := serials.Keep(store, nil); err != nil {
		t.Fatal(err)
	}
	if rows, err := store.Serials(); len(rows) != 0 || err != nil {
		t.Fatalf("%v, %v of nothing", rows, err)
	}
	other := sight("example.", 8, noon.Add(2*time.Hour))
	other.Source = "192.0.2.54:53"
	for _, s := range []serials.Sight{sight("example.", 9, noon), sight("example.", 8, noon.Add(5*time.Minute)), sight("a.example.", 1<<32-1, noon),
		sight("example.", 8, noon.Add(59*time.Minute)), other, sight("example.", 9, noon.Add(-time.Hour))} {
		if err := serials.Keep(store, []serials.Sight{s}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := store.Serials()
	want := []measurement.ZoneSerial{
		{Zone: "a.example.", Serial: 1<<32 - 1, Source: "192.0.2.53:53", FirstSeen: noon, LastSeen: noon},
		{Zone: "example.", Serial: 8, Source: "192.0.2.53:53", FirstSeen: noon.Add(5 * time.Minute), LastSeen: noon.Add(2 * time.Hour)},
		{Zone: "example.", Serial: 9, Source: "192.0.2.53:53", FirstSeen: noon, LastSeen: noon},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if table, err := column.Which(store.Path(column.ZoneSerials, time.Time{})); table != column.ZoneSerials || err != nil {
		t.Errorf("the file is of table %s, %v", table, err)
	}
}

// What was seen within the hour is not written again.
func TestKeepWritesNothingNew(t *testing.T) {
	store := lake.Store{Dir: t.TempDir(), Version: "1.0.0"}
	for at := range 3 {
		if err := serials.Keep(store, []serials.Sight{sight("example.", 9, noon.Add(time.Duration(at)*5*time.Minute))}); err != nil {
			t.Fatal(err)
		}
		if at == 0 {
			if err := store.SaveSerials([]measurement.ZoneSerial{{Zone: "example.", Serial: 9, Source: "mark", FirstSeen: noon, LastSeen: noon}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if rows, err := store.Serials(); err != nil || len(rows) != 1 || rows[0].Source != "mark" || !rows[0].LastSeen.Equal(noon) {
		t.Errorf("%v, %v", rows, err)
	}
}

// TestSights: whatever a source does, the others are asked, and nothing lasts longer than a minute.
func TestSights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var zones []plan.Zone
		for i := range 40 {
			zones = append(zones, plan.Zone{Name: fmt.Sprintf("z%02d.", i), Source: "good"})
		}
		for i := range 100 {
			zones = append(zones, plan.Zone{Name: fmt.Sprintf("s%02d.", i), Source: "silent"}, plan.Zone{Name: fmt.Sprintf("r%02d.", i), Source: "refusing"})
		}
		zones = append(zones, plan.Zone{Name: "none."})
		var asked, going atomic.Int64
		w := serials.Watch{Zones: zones, Now: func() time.Time { return noon }, Log: slog.New(slog.NewTextHandler(&log, nil)),
			Ask: func(ctx context.Context, zone plan.Zone) (uint32, error) {
				asked.Add(1)
				if going.Add(1) > 8 {
					t.Error("more than eight at a time")
				}
				defer going.Add(-1)
				switch zone.Source {
				case "silent":
					<-ctx.Done()
					return 0, fmt.Errorf("%w: %w", serials.ErrUnreachable, ctx.Err())
				case "refusing":
					return 0, errors.New("rcode REFUSED")
				}
				time.Sleep(time.Second)
				return 7, nil
			}}
		begin := time.Now()
		seen := w.Sights(t.Context())
		if took := time.Since(begin); len(seen) != 40 || took > time.Minute {
			t.Errorf("%d sights in %s", len(seen), took)
		}
		if want := (serials.Sight{Zone: "z00.", Source: "good", Serial: 7, At: noon}); seen[0] != want {
			t.Errorf("%+v, want %+v", seen[0], want)
		}
		if n := asked.Load(); n > 40+100+8 {
			t.Errorf("%d zones asked for: a source that is silent is asked for one zone after the other", n)
		}
		if n := strings.Count(log.String(), "\n"); n > 21 {
			t.Errorf("%d lines of log", n)
		}
	})
}

// TestSilent: a source that has shown nothing for an hour and a half, and no other.
func TestSilent(t *testing.T) {
	now := time.Date(2026, 11, 30, 10, 0, 0, 0, time.UTC)
	seen := func(zone string, serial int64, ago time.Duration) measurement.ZoneSerial {
		return measurement.ZoneSerial{Zone: zone, Serial: serial, Source: "192.0.2.1:53", FirstSeen: now.AddDate(0, 0, -9), LastSeen: now.Add(-ago)}
	}
	zone := func(name, source string) plan.Zone { return plan.Zone{Label: "x", Name: name, Source: source} }
	zones := []plan.Zone{zone("fresh.", "192.0.2.1:53"), zone("late.", "192.0.2.1:53"), zone("never.", "192.0.2.1:53"), zone("without.", "")}
	rows := []measurement.ZoneSerial{seen("fresh.", 1, 48*time.Hour), seen("fresh.", 2, 90*time.Minute), seen("late.", 1, 90*time.Minute+time.Second), seen("late.", 2, 48*time.Hour)}
	want := []string{"zone late.: its source 192.0.2.1:53 has shown no serial since about 2026-11-30T08:29Z", "zone never.: its source 192.0.2.1:53 has never shown a serial"}
	if got := serials.Silent(zones, rows, now); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
