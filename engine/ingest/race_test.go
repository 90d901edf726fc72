//go:build race

package ingest_test

// every is which of the steps are tried: all take minutes under the race detector.
// "make test" tries all of them without it.
const every = 7
