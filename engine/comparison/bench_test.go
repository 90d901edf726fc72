package comparison_test

import (
	"context"
	"testing"

	"mtric.net/mtric/engine/comparison"
)

// BenchmarkCompare compares a day of 500 probes at three RSIs; bytes held of a vantage point grow
// with the RSIs and the hours (docs/scale-out.md).
func BenchmarkCompare(b *testing.B) {
	w := calm(500)
	j := w.job(b)
	rows := 0
	for b.Loop() {
		d, err := comparison.Run(context.Background(), j)
		if err != nil {
			b.Fatal(err)
		}
		rows = int(d.Theirs.Asked)
	}
	b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "queries/s")
}
