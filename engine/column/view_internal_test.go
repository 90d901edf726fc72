package column

import (
	"reflect"
	"slices"
	"testing"
)

// TestViews: the fields of the views are columns of the struct tags of measurement, and called
// as the rows call them.
func TestViews(t *testing.T) {
	for table, view := range map[Table]reflect.Type{Answers: reflect.TypeFor[AnswerBatch](), Runs: reflect.TypeFor[RunBatch](), Routes: reflect.TypeFor[RouteBatch]()} {
		for i := 1; i < view.NumField(); i++ { // the first is Batch
			f := slices.IndexFunc(allFields()[table], func(f Field) bool { return f.place.name == view.Field(i).Name })
			if f < 0 || allFields()[table][f].Kind == List {
				t.Errorf("%s: %s is no column of rows, or a list", view, view.Field(i).Name)
			}
		}
	}
}
