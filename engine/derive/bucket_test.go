package derive_test

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"mtric.net/mtric/engine/derive"
)

// A bucket holds the latencies of the page's formula, and its middle is off by 1/32 at most.
func TestBucket(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		us := rapid.Int64Range(0, 1<<40).Draw(rt, "us")
		u := max(us, 1)
		e := int64(big.NewInt(u).BitLen() - 1)
		m := new(big.Int).Rsh(big.NewInt(16*u), uint(e)).Int64() - 16
		b := derive.Bucket(us)
		if int64(b) != 16*e+m {
			rt.Fatalf("%d µs: bucket %d, want %d", us, b, 16*e+m)
		}
		if next := derive.Bucket(us + 1); next < b {
			rt.Fatalf("%d µs: bucket %d, and %d of one more", us, b, next)
		}
		if off := derive.Midpoint(b) - u; u >= 32 && max(off, -off)*32 > u {
			rt.Fatalf("%d µs: the middle of bucket %d is %d", us, b, derive.Midpoint(b))
		}
	})
	for us, want := range map[int64]int32{-1: 0, 0: 0, 1: 0, 2: 16, 3: 24, 16: 64, 17: 65, 31: 79, 32: 80, 20_000: 227} {
		if b := derive.Bucket(us); b != want {
			t.Errorf("%d µs: bucket %d, want %d", us, b, want)
		}
	}
}
