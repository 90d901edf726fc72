package metrics

import (
	"slices"
	"testing"

	"mtric.net/mtric/engine/measurement"
)

// What counts by path is an array over the vocabulary, at places that rows are decoded to.
func TestPathsAreTheVocabulary(t *testing.T) {
	if !slices.Equal(paths[:], measurement.Paths) {
		t.Fatalf("counted are %v, there are %v", paths, measurement.Paths)
	}
	for i, p := range paths {
		if at := familyPaths[p.Family] + transportPaths[p.Transport]; int(at) != i {
			t.Errorf("rows of %s are counted at %d, its place is %d", p, at, i)
		}
		if p.Family != measurement.Families[i/2] {
			t.Errorf("%s is at %d, among the other family's", p, i)
		}
	}
}
