//go:build race

package metrics_test

// raced says that the race detector is on: drawn lakes are fewer then.
const raced = true
