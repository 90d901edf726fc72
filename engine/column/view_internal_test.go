package column

import (
	"reflect"
	"slices"
	"testing"
)

// TestNames: the names are columns of the struct tags of measurement, one each, and the
// fields of the views are those that they are called as.
func TestNames(t *testing.T) {
	var seen []string
	for table, view := range map[Table]reflect.Type{Answers: reflect.TypeFor[AnswerBatch](), Runs: reflect.TypeFor[RunBatch]()} {
		for i := 1; i < view.NumField(); i++ { // the first is Batch
			f := slices.IndexFunc(allFields()[table], func(f Field) bool { return f.place.name == view.Field(i).Name })
			if f < 0 || allFields()[table][f].Kind == List {
				t.Errorf("%s: %s is no column of rows, or a list", view, view.Field(i).Name)
				continue
			}
			seen = append(seen, allFields()[table][f].Name)
		}
	}
	for _, text := range nameTexts {
		if !slices.Contains(seen, text) {
			t.Errorf("name %q is a field of no view", text)
		}
	}
	for _, text := range seen {
		if text != Interval && !slices.Contains(nameTexts[:], text) {
			t.Errorf("column %s has a field and no name", text)
		}
	}
	if names := slices.Sorted(slices.Values(nameTexts[:])); len(slices.Compact(names)) != int(nameCount) {
		t.Error("two names are of one column")
	}
}
