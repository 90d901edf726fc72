package comparison

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// read fills the side from its lake.
func (s *side) read(ctx context.Context) error {
	store := s.Theirs
	if s.own {
		store = s.Ours
	}
	scan := lake.Scan{Store: store, From: time.UnixMicro(s.start).UTC(), Until: s.Until, Workers: s.Workers}
	if err := s.readClocks(ctx, scan); err != nil {
		return err
	}
	columns := []column.Name{column.VantagePoint, column.Query, column.RSI, column.Family, column.Transport, column.Address, column.Outcome, column.LatencyUS, column.RCode, column.Serial}
	if !s.own {
		columns = append(columns, column.AA, column.NSID, column.Strays, column.Response, column.Verdict)
	}
	readers := newReaders(s)
	if err := scan.Answers(ctx, columns, func(b *column.AnswerBatch) error { return readers.of(b.Worker).add(b) }); err != nil {
		return err
	}
	readers.end()
	s.settleAlone()
	s.settleUsual()
	return s.readSites(store)
}

// readClocks notes the runs whose clock is known to be wrong, or which came before their own label:
// what they show dates no serial.
func (s *side) readClocks(ctx context.Context, scan lake.Scan) error {
	return scan.Runs(ctx, []column.Name{column.VantagePoint, column.ClockSynchronized, column.ReceivedAt}, func(b *column.RunBatch) error {
		for i := range b.Rows {
			if !b.ClockSynchronized.No(i) && b.ReceivedAt.Int[i] >= b.Interval.Int[i] {
				continue
			}
			n, err := s.vp(b.VantagePoint.Text(i))
			if err != nil {
				return err
			}
			at := b.Interval.Int[i] - s.start
			if n < 0 || at < 0 {
				continue
			}
			block, bit := s.block(n), at/interval.Length.Microseconds()
			block.mu.Lock()
			if block.clock == nil {
				block.clock = make([]uint64, (s.hours*perHour+63)/64)
			}
			if bit/64 < int64(len(block.clock)) {
				block.clock[bit/64] |= 1 << (bit % 64)
			}
			block.mu.Unlock()
		}
		return nil
	})
}

func (s *side) block(n int32) *block {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.vps[n]
}

// readSites says where vantage points are.
func (s *side) readSites(store lake.Store) error {
	if s.own {
		s.placed = true
		return nil
	}
	sites, err := store.Sites()
	if err != nil {
		return err
	}
	s.placed = len(sites) > 0
	for _, site := range sites {
		if i, met := s.index[string(site.VantagePoint)]; met && i >= 0 {
			s.vps[i].sites = append(s.vps[i].sites, site)
		}
	}
	return nil
}

// readers are those of the workers.
type readers struct {
	side *side
	all  []*reader
}

func newReaders(s *side) *readers { return &readers{side: s} }

func (r *readers) of(worker int) *reader {
	r.side.mu.Lock()
	defer r.side.mu.Unlock()
	for len(r.all) <= worker {
		r.all = append(r.all, &reader{side: r.side, hour: -1, named: map[namedKey]string{}, lost: make([]int64, len(r.side.apart)), times: newTimes(len(r.side.apart), r.side.hours)})
	}
	return r.all[worker]
}

func (r *readers) end() {
	for _, x := range r.all {
		x.fold()
		for cell, n := range x.lost {
			r.side.apart[cell].Asked += n
		}
		r.side.times.add(x.times)
		r.side.offPlan += x.offPlan
	}
}

// reader takes the rows of a worker, whose files have them in order of time, and folds each
// hour when it is over.
type reader struct {
	*side
	hour    int
	open    []*openHour // by vantage point
	touched []int32
	named   map[namedKey]string // signs
	lost    []int64             // by cell: queries of the period that were set apart
	times   times               // as of the side

	// Of the batch, by place plus one.
	vp, query, rsi, family, transport, outcome []int32
	noError                                    int32
	address                                    []int32 // place in addresses
	addresses                                  [][]Address
	offPlan                                    int64
}

// openHour is an hour of a vantage point that is being read.
type openHour struct {
	block       *block
	asked, good [2][]uint8 // by half and cell
	unreachable [2][2]int  // by half and family: of asked
	latencies   [][perHour]uint32
	shown       []int32 // by cell: the serial that was noted last, and whether it was an old one
}

// What a row's texts are to the reader.
const (
	other    = -1
	isSOA    = 1
	isName   = 2
	answered = 1
	notSent  = 2
	noWay    = 3
)

func (r *reader) decode(b *column.AnswerBatch) error {
	var failed error
	r.vp = b.VantagePoint.Codes(other, func(id string) int32 {
		n, err := r.side.vp(id)
		if err != nil {
			failed = err
		}
		return n
	})
	lookup := func(list map[string]int32) func(string) int32 {
		return func(text string) int32 {
			if n, known := list[text]; known {
				return n
			}
			return other
		}
	}
	r.query = b.Query.Codes(other, lookup(map[string]int32{measurement.QuerySOA: isSOA, "hostname_bind": isName, "id_server": isName, "version_bind": isName}))
	r.rsi = b.RSI.Codes(other, lookup(r.rsiAt))
	r.family = b.Family.Codes(other, lookup(map[string]int32{string(measurement.IPv4): 0, string(measurement.IPv6): 1}))
	r.transport = b.Transport.Codes(other, lookup(map[string]int32{string(measurement.UDP): 0, string(measurement.TCP): 1}))
	r.outcome = b.Outcome.Codes(other, lookup(map[string]int32{string(measurement.Answered): answered, string(measurement.LocalError): notSent, string(measurement.Unreachable): noWay}))
	r.addresses = r.addresses[:0]
	r.address = b.Address.Codes(other, r.addressOf)
	r.noError = b.RCode.Place(measurement.NoError)
	return failed
}

// addressOf is the place of an address, however it is written. A result that does not name one went
// where its measurement asks.
func (r *reader) addressOf(text string) int32 {
	if text == "" && !r.own {
		return other
	}
	var all []Address
	if a, err := netip.ParseAddr(text); err == nil {
		all = r.valid[a.Unmap()]
	}
	r.addresses = append(r.addresses, all)
	return int32(len(r.addresses) - 1)
}

// onPlan says whether a row was asked at an address that was the RSI's at the time.
func (r *reader) onPlan(b *column.AnswerBatch, i int, rsi measurement.RSI) bool {
	place := r.address[b.Address.Index[i]+1]
	if len(r.valid) == 0 || place < 0 {
		return true
	}
	at := b.Interval.At(i)
	return slices.ContainsFunc(r.addresses[place], func(a Address) bool {
		return a.RSI == rsi && (a.From == nil || !at.Before(*a.From)) && (a.Until == nil || at.Before(*a.Until))
	})
}

// add takes a batch.
func (r *reader) add(b *column.AnswerBatch) error {
	if err := r.decode(b); err != nil {
		return err
	}
	for i := range b.Rows {
		vp, rsi, family, transport := r.vp[b.VantagePoint.Index[i]+1], r.rsi[b.RSI.Index[i]+1], r.family[b.Family.Index[i]+1], r.transport[b.Transport.Index[i]+1]
		query, outcome := r.query[b.Query.Index[i]+1], r.outcome[b.Outcome.Index[i]+1]
		if vp < 0 || rsi < 0 || family < 0 || transport < 0 || query < 0 || outcome == notSent {
			continue
		}
		h := r.hourOf(b.Interval.Int[i])
		if h < 0 || h >= r.hours {
			continue
		}
		if h != r.hour {
			r.fold()
			r.hour = h
		}
		path := int(2*family + transport)
		if r.own && !r.Counts(b.VantagePoint.At(i), b.Interval.At(i), r.RSIs[rsi], pathOf(path)) {
			continue
		}
		if !r.onPlan(b, i, r.RSIs[rsi]) {
			if h >= r.before {
				r.offPlan++
			}
			continue
		}
		o, cell := r.opened(vp), int(rsi)*pathCount+path
		other := false
		if !r.own && outcome == answered || !r.own && b.Strays.Int[i] > 0 {
			other = r.look(o, b, i, cell, query)
		}
		if query == isSOA {
			if err := r.soa(o, b, i, cell, outcome, other); err != nil {
				return err
			}
		}
	}
	return nil
}

// opened is the open hour of a vantage point.
func (r *reader) opened(vp int32) *openHour {
	for int(vp) >= len(r.open) {
		r.open = append(r.open, nil)
	}
	o, n := r.open[vp], len(r.RSIs)*pathCount
	if o == nil {
		o = &openHour{latencies: make([][perHour]uint32, n), shown: make([]int32, n)}
		for half := range 2 {
			o.asked[half], o.good[half] = make([]uint8, n), make([]uint8, n)
		}
		r.open[vp] = o
	}
	if o.block == nil {
		o.block = r.side.block(vp)
		r.touched = append(r.touched, vp)
	}
	return o
}

// soa counts a query for the SOA. What an answer that somebody else seems to have given shows is
// not the server's zone, also where that is too rare to set the path apart.
func (r *reader) soa(o *openHour, b *column.AnswerBatch, i, cell int, outcome int32, other bool) error {
	at := int(b.Interval.Int[i]-r.start) / int(interval.Length.Microseconds())
	half := at % perHour / perHalf
	if o.asked[half][cell] == mostHalf {
		return fmt.Errorf("answers, interval %s, vantage point %s, %s: a row stands there too often", b.Interval.At(i).Format(time.RFC3339), b.VantagePoint.Text(i), b.RSI.Text(i))
	}
	o.asked[half][cell]++
	r.times.asked[(cell*r.hours+r.hour)*perHour+at%perHour]++
	if outcome == noWay {
		o.unreachable[half][cell%pathCount/2]++
	}
	if us := b.LatencyUS.Int[i]; outcome == answered && b.RCode.Index[i] == r.noError && b.LatencyUS.Has(i) && us <= deadline {
		o.good[half][cell]++
		o.latencies[cell][at%perHour] = uint32(max(us, 1))
	} else {
		r.times.failed[(cell*r.hours+r.hour)*perHour+at%perHour]++
	}
	if b.Serial.Has(i) && outcome == answered && !other {
		r.serial(o, b, i, cell, at)
	}
	return nil
}

const (
	mostHalf = 127       // queries of a probe, path and half hour that are counted: an hour of them fits a byte
	deadline = 4_000_000 // µs [RSSAC047, 5.1]; Atlas' probes wait for five seconds
)

// serial notes which zone an answer is of.
func (r *reader) serial(o *openHour, b *column.AnswerBatch, i, cell, at int) {
	if clock := o.block.clock; clock != nil && clock[at/64]&(1<<(at%64)) != 0 {
		return
	}
	serial := uint32(b.Serial.Int[i])
	n, known := r.side.serial[serial]
	if !known && (len(r.Publications) == 0 || int32(r.Publications[0].Serial-serial) <= 0) {
		return // of no zone that was published; nobody is accused of it
	}
	if !known {
		n = -1 // older than all of the period
	}
	replaced := n+1 < len(r.Publications) && b.Interval.Int[i] >= r.Publications[n+1].At.Add(longReplaced).UnixMicro()
	shown := 2 * (int32(n) + 2)
	if replaced {
		shown++
	}
	if o.shown[cell] == shown {
		return // noted in this hour
	}
	o.shown[cell] = shown
	o.block.mu.Lock()
	defer o.block.mu.Unlock()
	if n >= 0 {
		first := &o.block.first[n*len(r.RSIs)*pathCount+cell]
		*first = min(*first, uint16(at))
	}
	rsi := cell / pathCount
	if replaced {
		o.block.old[rsi*r.hours+r.hour] |= 1 << (cell % pathCount)
		if o.block.worst == nil {
			o.block.worst = make([]uint32, (r.dayOf(r.hours-1)+1)*len(r.RSIs)*pathCount)
		}
		worst := &o.block.worst[r.dayOf(r.hour)*len(r.RSIs)*pathCount+cell]
		if *worst == 0 || int32(serial-*worst) < 0 {
			*worst = serial
		}
	}
}

// longReplaced is for how long a zone must have been replaced to be called old: four rounds of
// the built-in measurements.
const longReplaced = 2 * time.Hour
