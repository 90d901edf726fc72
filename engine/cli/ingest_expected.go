package cli

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/ingest"
	"mtric.net/mtric/engine/measurement"
)

// tellDiffering says of each vantage point that what it said of answers was put right by the
// responses that it sent.
func (s *station) tellDiffering(all map[measurement.VantagePoint]ingest.Differing) {
	for _, vp := range slices.Sorted(maps.Keys(all)) {
		d := all[vp]
		c := alert.Condition{Rule: "mtric.ingest", Severity: alert.Warning,
			Summary: fmt.Sprintf("%d answers of vantage point %s are not as it said: first query %s of %s at %s, %s %s, by its response %s",
				d.Count, vp, d.Query, d.RSI, d.Interval.Format(time.RFC3339), d.Column, d.Said, d.Found),
			Labels: []alert.Label{{Name: "condition", Value: "expected"}, {Name: "vantage_point", Value: string(vp)}}}
		if err := s.book.Tell(c); err != nil {
			s.log.Error("alert not written", "error", err)
		}
	}
}
