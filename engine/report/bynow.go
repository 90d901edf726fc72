package report

import (
	"context"
	"fmt"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// byNow tells which verdicts are others with what has come since the report: what is late
// is no difference, and may be all the difference.
func (v *Verified) byNow(ctx context.Context, d *Document, store lake.Store, zones []measurement.Zone) error {
	if len(v.Late) == 0 {
		return nil
	}
	cfg, err := d.config()
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	a, err := scanned(ctx, store, cfg, zones)
	if err != nil {
		return err
	}
	then := map[string]metrics.Verdict{}
	for _, x := range d.Values {
		then[x.Name()] = x.Verdict
	}
	for _, m := range a.Compute().Values {
		is := newValue(m)
		if was, there := then[is.Name()]; there && was != is.Verdict {
			v.late("%s: %s with what has come since, %s in the report", is.Name(), is.Verdict, was)
		}
	}
	return nil
}
