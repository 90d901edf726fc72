package site

import (
	"encoding/base64"
	"errors"
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

// cut takes the runs of the first n cells off.
func cut[T comparable](runs []run[T], n int) (head, tail []run[T]) {
	for i, r := range runs {
		if r.n > n {
			if n > 0 {
				head = append(head, run[T]{r.value, n})
			}
			return head, append([]run[T]{{r.value, r.n - n}}, runs[i+1:]...)
		}
		head, n = append(head, r), n-r.n
	}
	return head, nil
}

// cut takes the first n cells off.
func (s *series) cut(n int) (head series) {
	head.cells, s.cells = n, s.cells-n
	head.state, s.state = cut(s.state, n)
	head.sent, s.sent = cut(s.sent, n)
	head.failed, s.failed = cut(s.failed, n)
	head.serial, s.serial = cut(s.serial, n)
	head.nsid, s.nsid = cut(s.nsid, n)
	head.latency, s.latency = slices.Clip(s.latency[:n]), s.latency[n:]
	return head
}

func (s *series) clone() (c series) {
	c.join(s)
	return c
}

// block is a Block before its serials and NSIDs are indices of a tile's, a series for each
// vantage point.
type block struct {
	from, step int64
	steps      int
	vps        []string
	rows       []series
}

// all is the series of the vantage points one after the other.
func (b *block) all() (s series) {
	for i := range b.rows {
		s.join(&b.rows[i])
	}
	return s
}

// days cuts a block at the ends of days.
func (b block) days() (all []block) {
	for perDay := int(24 * 3600 / b.step); b.steps > perDay; {
		head := block{from: b.from, step: b.step, steps: perDay, vps: b.vps}
		for i := range b.rows {
			head.rows = append(head.rows, b.rows[i].cut(perDay))
		}
		b.from, b.steps = b.from+b.step*int64(perDay), b.steps-perDay
		all = append(all, head)
	}
	return append(all, b)
}

// together makes blocks of one that follow each other and have the same vantage points.
func together(days []block) (all []block) {
	for _, b := range days {
		if n := len(all); n > 0 && all[n-1].from+all[n-1].step*int64(all[n-1].steps) == b.from && slices.Equal(all[n-1].vps, b.vps) {
			last := &all[n-1]
			last.steps += b.steps
			for i := range last.rows {
				last.rows[i].join(&b.rows[i])
			}
			continue
		}
		b.rows = slices.Clone(b.rows)
		for i := range b.rows {
			b.rows[i] = b.rows[i].clone()
		}
		all = append(all, b)
	}
	return all
}

// The columns that can be left off, in that order.
const (
	nsidColumn    = "nsid"
	serialColumn  = "serial"
	latencyColumn = "latency"
	sentColumn    = "sent"
)

var leftOff = []string{nsidColumn, serialColumn, latencyColumn, sentColumn}

// tile writes the blocks of days, in order, as a tile, without the first so many columns of
// leftOff and those that the edition withholds. It is of an RSI and path.
func (r *job) tile(name string, days []block, without int) Tile {
	t := Tile{Blocks: []Block{}}
	kept := func(column string) bool {
		return (r.values || column == nsidColumn) && (r.names || column != nsidColumn) && !slices.Contains(leftOff[:without], column)
	}
	for _, column := range leftOff[:without] {
		if r.values || r.names && column == nsidColumn {
			t.LeftOff = append(t.LeftOff, column)
		}
	}
	blocks := together(days)
	columns := make([]series, len(blocks))
	for i := range blocks {
		columns[i] = blocks[i].all()
	}
	if kept(serialColumn) {
		t.Serials = values(columns, func(s *series) []run[int64] { return s.serial }, noSerial)
	}
	if kept(nsidColumn) {
		t.NSIDs = values(columns, func(s *series) []run[string] { return s.nsid }, "")
	}
	for i := range blocks {
		b, s := &blocks[i], &columns[i]
		out := Block{From: b.from, Step: b.step, Steps: b.steps, VantagePoints: b.vps, State: pairs(s.state)}
		if kept(serialColumn) {
			out.Serial = places(s.serial, t.Serials, noSerial)
		}
		if kept(nsidColumn) {
			out.NSID = places(s.nsid, t.NSIDs, "")
		}
		if kept(latencyColumn) {
			out.Latency, out.Usual = latencies(s.latency), r.usualOf(name, b.from, b.vps)
		}
		if kept(sentColumn) {
			out.Sent = pairs(s.sent)
			if len(s.failed) != 1 || s.failed[0].value != 0 {
				out.Failed = pairs(s.failed)
			}
		}
		t.Blocks = append(t.Blocks, out)
	}
	return t
}

// values are the values that runs have, in order, none aside.
func values[T int64 | string](columns []series, of func(*series) []run[T], none T) (all []T) {
	met := map[T]bool{}
	for i := range columns {
		for _, r := range of(&columns[i]) {
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

// days reads a tile back, with columns of none where they were left off.
func (t *Tile) days() (all []block, err error) {
	same := func(v int) (int, bool) { return v, v >= 0 }
	for _, in := range t.Blocks {
		b := block{from: in.From, step: in.Step, steps: in.Steps, vps: in.VantagePoints}
		cells := b.steps * len(b.vps)
		s := series{cells: cells}
		latency, err := base64.StdEncoding.DecodeString(in.Latency)
		if s.latency = latency; len(latency) == 0 {
			s.latency = make([]byte, max(cells, 0))
		}
		fits := err == nil && b.steps > 0 && b.step > 0 && 24*3600%b.step == 0 && len(s.latency) == cells &&
			runsOf(in.State, cells, &s.state, same) &&
			runsOf(or(in.Sent, cells), cells, &s.sent, same) &&
			runsOf(or(in.Failed, cells), cells, &s.failed, same) &&
			runsOf(or(in.Serial, cells), cells, &s.serial, func(v int) (int64, bool) { return valueAt(t.Serials, v, noSerial) }) &&
			runsOf(or(in.NSID, cells), cells, &s.nsid, func(v int) (string, bool) { return valueAt(t.NSIDs, v, "") })
		if !fits {
			return nil, errors.New("a block does not fit its columns")
		}
		for range b.vps {
			b.rows = append(b.rows, s.cut(b.steps))
		}
		all = append(all, b.days()...)
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
