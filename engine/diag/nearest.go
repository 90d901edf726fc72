package diag

import (
	"slices"
	"strings"
)

// Nearest finds the known name that was probably meant: the one with the fewest letters changed, at most a
// third of them; the first in the order of the alphabet where several are.
// Letter case counts for nothing.
func Nearest(given string, known []string) (string, bool) {
	best, least := "", len(given)/3+1
	for _, k := range slices.Sorted(slices.Values(known)) {
		if strings.EqualFold(k, given) {
			return k, true
		}
		if max(len(k)-len(given), len(given)-len(k)) >= least {
			continue
		}
		if d := distance(given, k); d < least {
			best, least = k, d
		}
	}
	return best, best != ""
}

// distance is the number of letters to insert, delete, change or swap with
// their neighbour; more than 64 letters are never near.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	before, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(b)]
}
