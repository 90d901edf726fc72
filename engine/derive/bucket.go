package derive

import "math/bits"

// Bucket is the bucket of a latency in a histogram: sixteen to each power of two of
// microseconds, so that buckets of any rows add, and a quantile is off by 1/32 at most.
func Bucket(us int64) int32 {
	u := uint64(max(us, 1))
	e := bits.Len64(u) - 1
	return int32(16*e + int(scaled(u, e)) - 16)
}

// scaled is ⌊16u / 2^e⌋.
func scaled(u uint64, e int) uint64 {
	if e >= 4 {
		return u >> (e - 4)
	}
	return u << (4 - e)
}

// Midpoint is the middle of a bucket in microseconds, rounded down.
func Midpoint(bucket int32) int64 {
	e, m := bucket/16, int64(bucket%16)+16
	// A bucket is [m, m+1) · 2^e / 16.
	return (2*m + 1) << e / 32
}
