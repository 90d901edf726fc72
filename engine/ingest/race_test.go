//go:build race

package ingest_test

// every is which of the steps are tried: readers are slow to start under the race
// detector. "make test" tries all of them without it.
const every = 7

// memory is what a reader may take: the race detector's own comes on top.
const memory = 1 << 30
