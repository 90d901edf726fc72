package report

import (
	"context"
	"slices"

	"mtric.net/mtric/engine/lake"
)

// byNow tells which verdicts are others with what has come since the report: what is late
// is no difference, and may be all the difference.
func (v *Verified) byNow(ctx context.Context, d *Document, store lake.Store) error {
	if len(v.Late) == 0 {
		return nil
	}
	now := *d
	if _, err := now.Fill(ctx, store); err != nil {
		return err
	}
	for i := range now.Values {
		is := &now.Values[i]
		at := slices.IndexFunc(d.Values, func(x Value) bool { return x.Name() == is.Name() })
		if at >= 0 && d.Values[at].Verdict != is.Verdict {
			v.late("%s: %s with what has come since, %s in the report", is.Name(), is.Verdict, d.Values[at].Verdict)
		}
	}
	return nil
}
