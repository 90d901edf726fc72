package plan_test

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mtric.net/mtric/engine/plan"
)

func TestParseDuration(t *testing.T) {
	for _, c := range []struct {
		text string
		want time.Duration
		back string // empty: the same text
	}{
		{"4s", 4 * time.Second, ""}, {"250ms", 250 * time.Millisecond, ""}, {"5m", 5 * time.Minute, ""},
		{"65m", 65 * time.Minute, "1h5m"}, {"1h30m", 90 * time.Minute, ""}, {"35d", 35 * 24 * time.Hour, ""},
		{"1d12h", 36 * time.Hour, ""}, {"36h", 36 * time.Hour, "1d12h"}, {"0s", 0, ""}, {"1.5s", 1500 * time.Millisecond, ""},
		{"2us", 2 * time.Microsecond, "2µs"}, {"1h0m10s", time.Hour + 10*time.Second, ""}, {"10m0s", 10 * time.Minute, "10m"},
		{"65535d", 65535 * 24 * time.Hour, ""},
	} {
		d, err := plan.ParseDuration(c.text)
		if err != nil || time.Duration(d) != c.want {
			t.Errorf("%s: %v, %v; want %v", c.text, time.Duration(d), err, c.want)
		}
		if c.back == "" {
			c.back = c.text
		}
		if d.String() != c.back {
			t.Errorf("%s is written %s, want %s", c.text, d, c.back)
		}
	}
	for _, bad := range []string{"", "5", "d", "-5m", "5m-3s", "+5m", "1d-1h", "1dd", "1d1d", "1d ", "5 m", "65536d", "106751d99999h", "1w", "1.5d", "NaN", "1e3s"} {
		if d, err := plan.ParseDuration(bad); err == nil {
			t.Errorf("%q is accepted as %s", bad, d)
		}
	}
}

func TestDurationRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		want := plan.Duration(rapid.Int64Range(0, 1<<62).Draw(r, "ns"))
		text, err := json.Marshal(want)
		if err != nil {
			r.Fatal(err)
		}
		var got plan.Duration
		if err := json.Unmarshal(text, &got); err != nil || got != want {
			r.Fatalf("%s became %s: %v", want, got, err)
		}
	})
}

func TestParsePercent(t *testing.T) {
	for _, text := range []string{"0", "96", "100", "99.999", "0.000000001", "100.0"} {
		p, err := plan.ParsePercent(text)
		if err != nil || p.String() != text {
			t.Errorf("%s: %s, %v", text, p, err)
		}
	}
	p, err := plan.ParsePercent("99.999")
	if err != nil || p.Rat().RatString() != "99999/1000" {
		t.Errorf("99.999 is %s", p.Rat().RatString())
	}
	out, err := json.Marshal(p)
	if err != nil || string(out) != "99.999" {
		t.Errorf("JSON %s, %v", out, err)
	}
	var back plan.Percent
	if err := json.Unmarshal(out, &back); err != nil || back.Rat().Cmp(p.Rat()) != 0 {
		t.Errorf("read back %s, %v", back, err)
	}
	for _, bad := range []string{"", "101", "100.000000001", "-1", "+1", "1e2", "1/2", "0x10", "99.9999999999", ".", "nan", "1_0", "96 "} {
		if p, err := plan.ParsePercent(bad); err == nil {
			t.Errorf("%q is accepted as %s", bad, p)
		}
	}
}
