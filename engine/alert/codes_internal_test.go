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
	for i, f := range reflect.VisibleFields(reflect.TypeFor[Outcomes]()) {
		n := make([]int64, len(measurement.Outcomes))
		n[i] = 1
		if reflect.ValueOf(outcomesOf(n)).FieldByIndex(f.Index).Int() != 1 {
			t.Errorf("%s counts another outcome", f.Name)
		}
	}
	for i, f := range reflect.VisibleFields(reflect.TypeFor[RCodes]()) {
		n := make([]int64, 2+len(countedRCodes))
		n[1+i] = 1
		if reflect.ValueOf(rcodesOf(n)).FieldByIndex(f.Index).Int() != 1 {
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
