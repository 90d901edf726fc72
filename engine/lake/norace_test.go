//go:build !race

package lake_test

const racing = false
