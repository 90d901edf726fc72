//go:build race

package rehearse

// raced says that the tests run with the race detector, which takes eight times as long.
const raced = true
