//go:build !race

package ingest_test

const every = 1
