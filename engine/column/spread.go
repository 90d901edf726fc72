package column

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// A flat column's definition levels are 1 where a row has a value. Rows with and
// without one come in runs, which are copied as such.
const defined = 1

// run is how many levels at the head are alike: of values, or of nulls.
func run(levels []byte) (n int, null bool) {
	if null = levels[0] != defined; null {
		n = bytes.IndexByte(levels, defined)
	} else {
		n = bytes.IndexByte(levels, 0)
	}
	if n < 0 {
		n = len(levels)
	}
	return n, null
}

// mark appends which of so many rows are null; no levels, none.
func mark(to []bool, levels []byte, total int) []bool {
	at := len(to)
	to = slices.Grow(to, total)[:at+total]
	clear(to[at:])
	for len(levels) > 0 {
		n, null := run(levels)
		for i := 0; null && i < n; i++ {
			to[at+i] = true
		}
		at, levels = at+n, levels[n:]
	}
	return to
}

// place shows the values where that is possible, else it spreads them.
func place[V any](r *reader, to *[]V, values []V, levels []byte, present int, absent V) error {
	if levels == nil && len(values) >= present && len(*to) == 0 {
		*to, r.shown = values[:present:present], true
		return nil
	}
	return spread(to, values, levels, present, absent)
}

// spread appends the values at the rows that are not null, absent at the others;
// no levels say that no row is.
func spread[V any](to *[]V, values []V, levels []byte, present int, absent V) error {
	if len(values) < present {
		return fmt.Errorf("damaged: %d values, %d promised", len(values), present)
	}
	if levels == nil {
		*to = append(*to, values[:present]...)
		return nil
	}
	out := slices.Grow(*to, len(levels))
	for values = values[:present]; len(levels) > 0; {
		n, null := run(levels)
		levels = levels[n:]
		if !null && n > len(values) {
			return errors.New("damaged: fewer values than rows that have one")
		}
		if !null {
			out, values = append(out, values[:n]...), values[n:]
			continue
		}
		for range n {
			out = append(out, absent)
		}
	}
	if len(values) > 0 {
		return errors.New("damaged: more values than rows that have one")
	}
	*to = out
	return nil
}

func widen(in []int32) []int64 {
	out := make([]int64, len(in))
	for i, v := range in {
		out[i] = int64(v)
	}
	return out
}

// unpack takes n booleans out of their bits.
func unpack(bits []byte, n int) []int64 {
	out := make([]int64, min(n, 8*len(bits)))
	for i := range out {
		out[i] = int64(bits[i/8] >> (i % 8) & 1)
	}
	return out
}
