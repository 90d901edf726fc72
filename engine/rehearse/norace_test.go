//go:build !race

package rehearse

const raced = false
