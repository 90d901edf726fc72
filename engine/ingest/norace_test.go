//go:build !race

package ingest_test

const (
	every  = 1
	memory = 0
)
