package crowd_test

import (
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/atlas"
	"mtric.net/mtric/engine/atlas/crowd"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
)

// archived are the zones of the days that a crowd of config sees.
func archived(t testing.TB) *atlas.Zones {
	dir := t.TempDir()
	var anchors []rootzone.Anchor
	for _, serial := range []uint32{2026112000, 2026112001} {
		zone, err := lab.Generate(lab.Options{Seed: 1, Serial: serial, TLDs: 8, Inception: time.Date(2026, 11, 20, 4, 0, 0, 0, time.UTC), Expiration: time.Date(2026, 12, 20, 4, 0, 0, 0, time.UTC)})
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(filepath.Join(dir, rootzone.FileName(serial)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := zone.WriteTo(f); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		anchors = []rootzone.Anchor{{DS: strings.Join(strings.Fields(zone.DS())[4:], " ")}}
	}
	zones, err := atlas.OpenZones(dir, anchors)
	if err != nil {
		t.Fatal(err)
	}
	return zones
}

// BenchmarkImport reads results: such as become rows, and such as are of other
// measurements, which a daily dump is full of.
func BenchmarkImport(b *testing.B) {
	dir := b.TempDir()
	truth, err := crowd.Run(dir, config(2000))
	if err != nil {
		b.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, crowd.Results))
	if err != nil {
		b.Fatal(err)
	}
	zones := archived(b)
	for _, c := range []struct {
		name  string
		set   map[int64]atlas.Question
		zones *atlas.Zones
	}{{"rows", atlas.BuiltIn(), nil}, {"judged", atlas.BuiltIn(), zones}, {"skipped", map[int64]atlas.Question{1: {}}, nil}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(info.Size())
			for b.Loop() {
				m := atlas.Importer{Lake: lake.Store{Dir: filepath.Join(b.TempDir(), "lake")}, Set: atlas.Set{Name: "builtin", Questions: c.set}, Zones: c.zones, Servers: map[netip.Addr]measurement.RSI{}, Now: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)}
				if err := atlas.Prepare(m.Lake.Dir, m.Set.Name); err != nil {
					b.Fatal(err)
				}
				file := atlas.Source{Name: crowd.Results, Open: func() (io.ReadCloser, error) { return os.Open(filepath.Join(dir, crowd.Results)) }}
				if _, err := m.Run(b.Context(), []atlas.Source{file}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(truth.Results)*float64(b.N)/b.Elapsed().Seconds(), "results/s")
		})
	}
}
