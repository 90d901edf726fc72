package plan

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time as plans write it: Go's units and d for 24 hours.
type Duration time.Duration

// ParseDuration reads a plan's duration: a sum of decimal numbers with the
// units d, h, m, s, ms, us, such as "35d", "1h30m" or "250ms". It is never
// negative.
func ParseDuration(s string) (Duration, error) {
	days, rest, found := strings.Cut(s, "d")
	var total time.Duration
	if found {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("duration %q: want numbers with units d, h, m, s, ms, us, such as \"5m\" or \"1d12h\"", s)
		}
		total = time.Duration(n) * 24 * time.Hour
	} else {
		rest = s
	}
	if rest != "" || !found {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 || strings.ContainsAny(rest, "+-") {
			return 0, fmt.Errorf("duration %q: want numbers with units d, h, m, s, ms, us, such as \"5m\" or \"1d12h\"", s)
		}
		total += d
	}
	return Duration(total), nil
}

// String writes the shortest form that ParseDuration reads back: "4s", "5m",
// "1h30m", "35d".
func (d Duration) String() string {
	t := time.Duration(d)
	if t == 0 {
		return "0s"
	}
	var b strings.Builder
	if days := t / (24 * time.Hour); days > 0 {
		fmt.Fprintf(&b, "%dd", days)
		t -= days * 24 * time.Hour
	}
	if t > 0 {
		s := t.String()
		if strings.HasSuffix(s, "m0s") {
			s = strings.TrimSuffix(s, "0s")
		}
		if strings.HasSuffix(s, "h0m") {
			s = strings.TrimSuffix(s, "0m")
		}
		b.WriteString(s)
	}
	return b.String()
}

// MarshalText writes String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads ParseDuration's form.
func (d *Duration) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDuration(string(b))
	return err
}

// Percent is an exact decimal number of percent: 99.999 is 99999/1000, never a
// binary fraction.
type Percent struct{ text string }

// ParsePercent reads a decimal number from 0 to 100 with at most nine places.
func ParsePercent(s string) (Percent, error) {
	// Its letters come first: an exponent of a stranger's would be worked out.
	plain := len(s) <= 32 && !strings.ContainsFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	r, ok := new(big.Rat), false
	if plain {
		r, ok = r.SetString(s)
	}
	if !ok || r.Cmp(big.NewRat(100, 1)) > 0 {
		return Percent{}, fmt.Errorf("percent %.40q: want a decimal number from 0 to 100", s)
	}
	if _, places, _ := strings.Cut(s, "."); len(places) > 9 {
		return Percent{}, fmt.Errorf("percent %q: more than nine decimal places", s)
	}
	return Percent{s}, nil
}

// Rat returns the exact value in percent.
func (p Percent) Rat() *big.Rat {
	r, _ := new(big.Rat).SetString(p.text)
	if r == nil {
		return new(big.Rat)
	}
	return r
}

// String writes the number as it was read.
func (p Percent) String() string { return p.text }

// MarshalJSON writes a JSON number.
func (p Percent) MarshalJSON() ([]byte, error) { return []byte(p.text), nil }

// UnmarshalJSON reads a JSON number.
func (p *Percent) UnmarshalJSON(b []byte) (err error) {
	*p, err = ParsePercent(string(b))
	return err
}
