package simulate_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"mtric.net/mtric/engine/simulate"
)

// BenchmarkRun makes days of twenty vantage points: 374,400 answers each.
func BenchmarkRun(b *testing.B) {
	c := config(b, 20, 4*24*time.Hour)
	dir := b.TempDir()
	rows := int64(0)
	for i := 0; b.Loop(); i++ {
		truth, err := simulate.Run(context.Background(), fmt.Sprintf("%s/%d", dir, i), c)
		if err != nil {
			b.Fatal(err)
		}
		rows += truth.Rows.Answers
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "answers/s")
}
