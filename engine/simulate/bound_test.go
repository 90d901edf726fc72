package simulate_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// TestBound: single servers are asked by the vantage points that a query names, at the
// labels of a schedule with an offset, one of several names.
func TestBound(t *testing.T) {
	c := config(t, 2, 2*time.Hour)
	c.Plan.Schedules = append(c.Plan.Schedules, plan.Schedule{Label: "hourly", Every: plan.Duration(time.Hour), Offset: plan.Duration(10 * time.Minute)})
	c.Plan.Queries = append(c.Plan.Queries, plan.Query{Label: "extra", Schedule: "hourly", Servers: []string{"root/a", "root/m"},
		Choices:    []plan.Choice{{Label: "any", Weight: 1, QNames: []string{"arpa.", "net."}, QType: "NS"}},
		Transports: measurement.Transports[:1], Families: measurement.Families[:1], VantagePoints: c.VantagePoints[1:],
		Timeout: plan.Duration(time.Second), OnTruncation: plan.KeepTruncated, KeepResponse: measurement.KeepOdd})
	_, dir := run(t, c)
	counts := map[string]int{}
	for _, a := range rowsOf[measurement.Answer](t, dir, column.Answers) {
		if a.Query == "extra" {
			counts[fmt.Sprintf("%s asks %s at :%02d", a.VantagePoint, a.RSI, a.Interval.Minute())]++
		}
	}
	who := string(c.VantagePoints[1])
	if d := cmp.Diff(map[string]int{who + " asks a at :10": 2, who + " asks m at :10": 2}, counts); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
}
