package site

import (
	"encoding/base64"
	"fmt"
	"slices"

	"mtric.net/mtric/metrics"
)

// cell is what is known of one vantage point within one step.
type cell struct {
	state        State
	sent, failed int
	latency      byte
	serial       int64 // noSerial: none
	nsid         string
}

const noSerial = -1

// run is a value and how many cells have it.
type run[T comparable] struct {
	value T
	n     int
}

func add[T comparable](runs []run[T], value T, n int) []run[T] {
	if last := len(runs) - 1; last >= 0 && runs[last].value == value {
		runs[last].n += n
		return runs
	}
	return append(runs, run[T]{value, n})
}

func join[T comparable](a, b []run[T]) []run[T] {
	for _, r := range b {
		a = add(a, r.value, r.n)
	}
	return a
}

// series is cells in their order, column by column.
type series struct {
	cells               int
	state, sent, failed []run[int]
	latency             []byte
	serial              []run[int64]
	nsid                []run[string]
}

func (s *series) add(c cell) {
	s.cells++
	s.state, s.sent, s.failed = add(s.state, int(c.state), 1), add(s.sent, c.sent, 1), add(s.failed, c.failed, 1)
	s.latency = append(s.latency, c.latency)
	s.serial, s.nsid = add(s.serial, c.serial, 1), add(s.nsid, c.nsid, 1)
}

func (s *series) join(o *series) {
	s.cells += o.cells
	s.state, s.sent, s.failed = join(s.state, o.state), join(s.sent, o.sent), join(s.failed, o.failed)
	s.latency = append(s.latency, o.latency...)
	s.serial, s.nsid = join(s.serial, o.serial), join(s.nsid, o.nsid)
}

// block is a Block before its serials and NSIDs are indices of a tile's.
type block struct {
	from, step int64
	steps      int
	vps        []string
	series
}

// The columns that can be left off, in that order.
const (
	nsidColumn    = "nsid"
	serialColumn  = "serial"
	latencyColumn = "latency"
	sentColumn    = "sent"
)

var leftOff = []string{nsidColumn, serialColumn, latencyColumn, sentColumn}

// tile writes blocks as a tile, without the first so many columns of leftOff.
func tile(blocks []block, edition Edition, without int) Tile {
	t := Tile{Blocks: []Block{}, LeftOff: leftOff[:without]}
	if edition == Public {
		t.LeftOff = nil
		without = len(leftOff)
	}
	kept := func(column string) bool { return !slices.Contains(leftOff[:without], column) }
	if kept(serialColumn) {
		t.Serials = values(blocks, func(b *block) []run[int64] { return b.serial }, noSerial)
	}
	if kept(nsidColumn) {
		t.NSIDs = values(blocks, func(b *block) []run[string] { return b.nsid }, "")
	}
	for i := range blocks {
		b := &blocks[i]
		out := Block{From: b.from, Step: b.step, Steps: b.steps, VantagePoints: b.vps, State: pairs(b.state)}
		if kept(serialColumn) {
			out.Serial = places(b.serial, t.Serials, noSerial)
		}
		if kept(nsidColumn) {
			out.NSID = places(b.nsid, t.NSIDs, "")
		}
		if kept(latencyColumn) {
			out.Latency = latencies(b.latency)
		}
		if kept(sentColumn) {
			out.Sent = pairs(b.sent)
			if len(b.failed) != 1 || b.failed[0].value != 0 {
				out.Failed = pairs(b.failed)
			}
		}
		t.Blocks = append(t.Blocks, out)
	}
	return t
}

// values are the values that runs of the blocks have, in order, none aside.
func values[T int64 | string](blocks []block, of func(*block) []run[T], none T) (all []T) {
	met := map[T]bool{}
	for i := range blocks {
		for _, r := range of(&blocks[i]) {
			if r.value != none && !met[r.value] {
				met[r.value] = true
				all = append(all, r.value)
			}
		}
	}
	slices.Sort(all)
	return all
}

func pairs(runs []run[int]) (all []int) {
	for _, r := range runs {
		all = append(all, r.value, r.n)
	}
	return all
}

// places are runs of indices: 0 is none.
func places[T int64 | string](runs []run[T], among []T, none T) (all []int) {
	for _, r := range runs {
		at := 0
		if r.value != none {
			at, _ = slices.BinarySearch(among, r.value)
			at++
		}
		all = append(all, at, r.n)
	}
	return all
}

// blocks reads a tile back, with columns of none where they were left off.
func (t *Tile) blocks() (all []block, err error) {
	for _, in := range t.Blocks {
		b := block{from: in.From, step: in.Step, steps: in.Steps, vps: in.VantagePoints}
		b.cells = in.Steps * len(in.VantagePoints)
		latency, wrong := base64.StdEncoding.DecodeString(in.Latency)
		if b.latency = latency; len(latency) == 0 {
			b.latency = make([]byte, b.cells)
		}
		columns := runsOf(in.State, b.cells, &b.state, func(v int) (int, bool) { return v, true }) &&
			runsOf(or(in.Sent, b.cells), b.cells, &b.sent, func(v int) (int, bool) { return v, true }) &&
			runsOf(or(in.Failed, b.cells), b.cells, &b.failed, func(v int) (int, bool) { return v, true }) &&
			runsOf(or(in.Serial, b.cells), b.cells, &b.serial, func(v int) (int64, bool) { return valueAt(t.Serials, v, noSerial) }) &&
			runsOf(or(in.NSID, b.cells), b.cells, &b.nsid, func(v int) (string, bool) { return valueAt(t.NSIDs, v, "") })
		if wrong != nil || !columns || len(b.latency) != b.cells {
			return nil, fmt.Errorf("a block does not fit its columns")
		}
		all = append(all, b)
	}
	return all, nil
}

// or is a column of zeros where there is none.
func or(pairs []int, cells int) []int {
	if len(pairs) == 0 && cells > 0 {
		return []int{0, cells}
	}
	return pairs
}

func valueAt[T any](all []T, at int, none T) (T, bool) {
	if at < 0 || at > len(all) {
		return none, false
	}
	if at == 0 {
		return none, true
	}
	return all[at-1], true
}

func runsOf[T comparable](pairs []int, cells int, to *[]run[T], value func(int) (T, bool)) bool {
	for i := 0; i+1 < len(pairs); i += 2 {
		v, known := value(pairs[i])
		if !known || pairs[i+1] < 1 || pairs[i+1] > cells {
			return false
		}
		*to = add(*to, v, pairs[i+1])
		cells -= pairs[i+1]
	}
	return cells == 0 && len(pairs)%2 == 0
}

// newest is the newer of two serials (RFC 1982); where they have no order the greater.
func newest(a, b int64) int64 {
	switch {
	case a == noSerial:
		return b
	case b == noSerial, metrics.Newer(uint32(a), uint32(b)):
		return a
	case metrics.Newer(uint32(b), uint32(a)):
		return b
	}
	return max(a, b)
}
