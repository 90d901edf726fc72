package ingest

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// firstWins rejects the files of a day whose interval another file stands for already:
// the one that its runs row or Originals names. It comes before anything of them is
// noted, so that what goes to Quarantine has left nothing. Where a run was broken off
// before the runs row, rows are there of a file that nothing names yet: it completes them
// when it comes again, and another must have just these.
func (r *run) firstWins(ctx context.Context, day time.Time, files []*taken) error {
	sums, err := r.sums(ctx, day)
	if err != nil {
		return err
	}
	for _, t := range files {
		if t.reason != "" || t.table != column.Answers && t.table != column.Routes {
			continue
		}
		if sum, dated := sums[runKey{t.vp, t.label}]; dated && t.table == column.Answers && sum != t.sha256 {
			t.reason = another(sum)
		} else {
			t.reason = r.twin(t)
		}
	}
	return nil
}

// sums are those of the files that the runs rows of a day are from.
func (r *run) sums(ctx context.Context, day time.Time) (map[runKey]string, error) {
	all := map[runKey]string{}
	scan := lake.Scan{Store: r.Lake, From: day, Until: day.AddDate(0, 0, 1), Workers: 1}
	return all, scan.Runs(ctx, []column.Name{column.VantagePoint, column.SHA256}, func(b *column.RunBatch) error {
		for i := range b.Rows {
			all[runKey{b.VantagePoint.At(i), b.Interval.At(i)}] = b.SHA256.At(i)
		}
		return nil
	})
}

// runKey is one interval at one vantage point.
type runKey struct {
	vp    measurement.VantagePoint
	label time.Time
}

// twin says why a file cannot be kept in Originals: another of its name is there.
func (r *run) twin(t *taken) string {
	sum, err := r.originals.Sum(t.name)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist): // packing tells of a pack that cannot be read
		r.log.Error("originals", "file", t.name, "error", err)
		return ""
	case err != nil, sum == t.sha256:
		return ""
	}
	return another(sum)
}

func another(sum string) string { return "another file of this name was ingested, sha256 " + sum }
