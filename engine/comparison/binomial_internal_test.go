package comparison

import (
	"math"
	"math/bits"
	"testing"

	"pgregory.net/rapid"
)

func rates(rt *rapid.T, most int) []float64 {
	return rapid.SliceOfN(rapid.Float64Range(0, 1), 0, most).Draw(rt, "rates")
}

// The law of the tail: it is the sum over all outcomes.
func TestTail(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		all := rates(rt, 10)
		k := rapid.IntRange(0, 11).Draw(rt, "k")
		var want float64
		for outcome := range uint(1) << len(all) {
			if bits.OnesCount(outcome) < k {
				continue
			}
			p := 1.0
			for i, r := range all {
				if outcome>>i&1 == 1 {
					p *= r
				} else {
					p *= 1 - r
				}
			}
			want += p
		}
		if got := tail(all, k); math.Abs(got-want) > 1e-12 {
			rt.Fatalf("%v, at least %d: %v, want %v", all, k, got, want)
		}
	})
}

// The critical number is the least that is both rare and enough more than expected, and what
// raises the rates never lowers the power.
func TestCriticalAndPower(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		all := rapid.SliceOfN(rapid.Float64Range(0, 0.3), 1, 60).Draw(rt, "rates")
		level := math.Pow(10, -rapid.Float64Range(1, 8).Draw(rt, "level"))
		c := critical(all, 5, level)
		enough := func(k int) bool { return float64(k)-expected(all) >= 5 && tail(all, k) < level }
		for k := range len(all) + 1 {
			if enough(k) != (k >= c) {
				rt.Fatalf("critical is %d; %d is enough: %t (tail %v, expected %v, level %v)", c, k, enough(k), tail(all, k), expected(all), level)
			}
		}
		a := rapid.Float64Range(0, 1).Draw(rt, "share")
		b := rapid.Float64Range(a, 1).Draw(rt, "larger share")
		if power(all, a, c) > power(all, b, c)+1e-12 {
			rt.Fatalf("power %v at %v, %v at %v", power(all, a, c), a, power(all, b, c), b)
		}
	})
}

// The scale is exact to 3 %, and keeps the order.
func TestScale(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		us := rapid.Int64Range(40, 4_000_000).Draw(rt, "us")
		if got := stepUS(step(us)); math.Abs(float64(got-us)) > 0.03*float64(us)+1 {
			rt.Fatalf("%d µs became %d", us, got)
		}
		if more := us + rapid.Int64Range(0, 1000).Draw(rt, "more"); step(more) < step(us) {
			rt.Fatalf("%d is step %d, %d is step %d", us, step(us), more, step(more))
		}
	})
}

func TestMedianAndQuantile(t *testing.T) {
	for _, c := range []struct {
		all                   []int64
		median, tenth, ninety int64
	}{
		{[]int64{7}, 7, 7, 7}, {[]int64{9, 1}, 5, 1, 9}, {[]int64{3, 1, 2}, 2, 1, 3}, {[]int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 11}, 5, 1, 9},
	} {
		if got := median(c.all); got != c.median {
			t.Errorf("median of %v is %d, want %d", c.all, got, c.median)
		}
		if p10, p90 := quantile(c.all, 10), quantile(c.all, 90); p10 != c.tenth || p90 != c.ninety {
			t.Errorf("of %v: %d and %d, want %d and %d", c.all, p10, p90, c.tenth, c.ninety)
		}
	}
}
