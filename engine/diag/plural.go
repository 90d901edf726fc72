package diag

import "fmt"

// Plural is how many things there are, in words: "1 answer", "2 answers".
func Plural[N int | int64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
