package crowd_test

import (
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"mtric.net/mtric/engine/atlas"
	"mtric.net/mtric/engine/atlas/crowd"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

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
	for name, set := range map[string]map[int64]atlas.Question{"rows": atlas.BuiltIn(), "skipped": {1: {}}} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(info.Size())
			for b.Loop() {
				m := atlas.Importer{Lake: lake.Store{Dir: filepath.Join(b.TempDir(), "lake")}, Set: atlas.Set{Name: "builtin", Questions: set}, Servers: map[netip.Addr]measurement.RSI{}, Now: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)}
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
