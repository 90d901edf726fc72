//go:build race

package ingest

// memoryFactor makes room for what the race detector notes of all memory.
const memoryFactor = 16
