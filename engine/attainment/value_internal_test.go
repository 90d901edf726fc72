package attainment

import (
	"testing"
	"time"

	"mtric.net/mtric/metrics/objectives"
)

// TestValueOfAnOpenWait: the number of a wait that nobody saw end is the least it can be,
// and its print says so.
func TestValueOfAnOpenWait(t *testing.T) {
	us, seen := int64(30*time.Minute/time.Microsecond), time.Now()
	v := Value{Kind: objectives.Publication, Number: &Number{US: &us}, Decides: &Wait{}}
	if got := v.value(); got != "≥ 30 min" {
		t.Errorf("not seen: %q", got)
	}
	v.Decides.FirstSeen = &seen
	if got := v.value(); got != "30 min" {
		t.Errorf("seen: %q", got)
	}
}
