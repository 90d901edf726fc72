package alert

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"mtric.net/mtric/engine/measurement"
)

// Counts go into objects by place: the fields are the vocabulary, in its order.
func TestObjectsAreTheVocabulary(t *testing.T) {
	fields := func(of any) (names []string) {
		for f := range reflect.TypeOf(of).Fields() {
			names = append(names, f.Tag.Get("cel"))
		}
		return names
	}
	if got, want := fields(Outcomes{}), measurement.Strings(measurement.Outcomes); !slices.Equal(got, want) {
		t.Errorf("Outcomes has %v, the vocabulary %v", got, want)
	}
	var want []string
	for _, name := range countedRCodes {
		want = append(want, strings.ToLower(name))
	}
	if got := fields(RCodes{}); !slices.Equal(got, append(want, "other")) {
		t.Errorf("RCodes has %v, and counted are %v", got, want)
	}
	if len(outcomeCounts{}) != len(measurement.Outcomes) || len(rcodeCounts{}) != 2+len(countedRCodes) || len(verdictCounts{}) != 1+len(measurement.Verdicts) {
		t.Fatal("there are more codes than are counted, or fewer")
	}
	for i, f := range reflect.VisibleFields(reflect.TypeFor[Outcomes]()) {
		var n outcomeCounts
		n[i] = 1
		if reflect.ValueOf(n.object()).FieldByIndex(f.Index).Int() != 1 {
			t.Errorf("%s counts another outcome", f.Name)
		}
	}
	for i, f := range reflect.VisibleFields(reflect.TypeFor[RCodes]()) {
		var n rcodeCounts
		n[1+i] = 1
		if reflect.ValueOf(n.object()).FieldByIndex(f.Index).Int() != 1 {
			t.Errorf("%s counts another rcode", f.Name)
		}
	}
	run := fields(Run{})
	for _, name := range append(measurement.Strings(measurement.Families), measurement.Strings(measurement.Transports)...) {
		if !slices.Contains(run, name) {
			t.Errorf("Run does not count the queries of %s", name)
		}
	}
}
