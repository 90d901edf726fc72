//go:build !race

package metrics_test

// raced says that the race detector is on.
const raced = false
