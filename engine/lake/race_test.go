//go:build race

package lake_test

// racing: what takes a hundred seconds under the race detector, and has nothing that
// could race, "make test" runs without it.
const racing = true
