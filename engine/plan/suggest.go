package plan

import (
	"slices"
	"strings"

	"mtric.net/mtric/engine/diag"
)

// didYouMean names the known name nearest to the given one, and all of them
// where they are few or none is near; empty where there are none.
func didYouMean(given string, known []string, kind string) string {
	best, ok := nearest(given, known)
	if ok && (len(known) == 1 || len(known) > 12) {
		return "Did you mean " + quote(best) + "?"
	}
	if len(known) == 0 {
		return ""
	}
	names := slices.Sorted(slices.Values(known))
	more := ""
	if len(names) > 24 {
		names, more = names[:24], ", …"
	}
	all := kind + ": " + strings.Join(names, ", ") + more + "."
	if ok {
		return "Did you mean " + quote(best) + "? " + all
	}
	return all
}

func quote(s string) string { return `"` + s + `"` }

func nearest(given string, known []string) (string, bool) { return diag.Nearest(given, known) }
