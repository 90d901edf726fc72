package metrics

import (
	"fmt"
	"math"
)

// alike sets a code that is not set, and says whether it is the one.
func alike(code *uint32, want uint32) bool {
	if *code == serialNone {
		*code = want
	}
	return *code == want
}

// serial notes the serial that a good answer showed; at is its place among the block's
// serials, place the query's among the cells.
func (d *decoded) serial(i int, day *day, b *block, label int64, slot, at, path, place int) error {
	if !d.Serial.Has(i) {
		return nil
	}
	if s := d.Serial.Int[i]; s < 0 || s > math.MaxUint32 {
		return d.damaged(i, fmt.Sprintf("serial %d", s))
	}
	s := uint32(d.Serial.Int[i])
	d.show(i, querySOA, day, b, slot)
	if !d.accumulator.accepts(s) {
		b.asked[at] |= 1 << (path + doubtful)
		return nil
	}
	from := d.earliestCertain(s)
	if label < from && d.early(s, i, day) {
		return nil
	}
	code := day.sets.add(serialNone, s)
	day.sets.last = single{s, code, from}
	b.serials[at] = day.sets.add(b.serials[at], s)
	if b.byPath != nil {
		b.byPath[place] = code
	}
	return nil
}

// show counts a serial among those of the run; beyond MaxSerials they are not told apart.
func (d *decoded) show(i int, query int32, day *day, b *block, slot int) {
	if query != querySOA || d.rcode[d.RCode.Index[i]+1] != answered || !d.Serial.Has(i) {
		return
	}
	if s := d.Serial.Int[i]; s >= 0 && s <= math.MaxUint32 && len(day.sets.of(b.shown[slot])) <= MaxSerials {
		b.shown[slot] = day.sets.add(b.shown[slot], uint32(s))
	}
}
