package simulate

import (
	"slices"
	"strings"
	"testing"

	"mtric.net/mtric/engine/measurement"
)

// Every table of the simulator is over the paths in the order of the lake.
func TestPathsAreTheVocabulary(t *testing.T) {
	want := slices.SortedFunc(slices.Values(measurement.Paths), func(a, b measurement.Path) int { return strings.Compare(a.String(), b.String()) })
	if !slices.Equal(paths[:], want) {
		t.Fatalf("simulated are %v, there are %v", paths, want)
	}
	for i, p := range paths {
		if tcpPath(i) != (p.Transport == measurement.TCP) || measurement.Families[familyOf(i)] != p.Family {
			t.Errorf("path %d is read as another than %s", i, p)
		}
	}
}
