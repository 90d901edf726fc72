package site

import (
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"slices"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/derive"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// sum is what rows of the table hours come to, of one vantage point, server and path. Of
// correctness only incorrect answers count: the table does not tell NXDOMAIN, which may be
// right, from SERVFAIL.
type sum struct {
	asked                            bool // the plan has something
	planned, sent, failed, incorrect int
	own                              int // of failed, in the vantage point's own trouble; none of incorrect is
	latencies                        []measurement.LatencyBucket
	median                           *int64 // exact, of a single row; else latencies tell
	serial                           int64
	nsids                            []run[string]
}

func (s *sum) reset() { *s = sum{latencies: s.latencies[:0], nsids: s.nsids[:0], serial: noSerial} }

// hours makes cells of a day's rows in the table hours, which come hour by hour.
type hours struct {
	*frame
	start time.Time
	until time.Time
	seen  *seen // who was in trouble itself
	least *big.Rat
	vps   []measurement.VantagePoint
	note  func(hour time.Time, vp, place int, s *sum) // may be nil; place is a server and path

	hour   int
	sums   []sum // of the hour: by vantage point, server, path
	days   []sum // of the day
	series []series
}

// hours begins to read a day.
func (f *frame) hours(start, until time.Time, vps []measurement.VantagePoint, s *seen) *hours {
	h := &hours{frame: f, start: start, until: until, seen: s, least: f.least(start), vps: vps, hour: -1}
	n := len(h.vps) * len(f.servers) * len(allPaths)
	h.sums, h.days, h.series = make([]sum, n), make([]sum, n), make([]series, n)
	for i := range h.sums {
		h.sums[i].reset()
		h.days[i].reset()
	}
	return h
}

// read reads the table; false where it has nothing of the day.
func (h *hours) read(store lake.Store) (bool, error) {
	for rows, err := range column.Rows[measurement.Hour](store.Path(column.Hours, h.start)) {
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, ofLake(fmt.Errorf("site: %w", err))
		}
		for i := range rows {
			h.add(&rows[i])
		}
	}
	if h.hour < 0 {
		return false, nil
	}
	h.end()
	return true, nil
}

func (h *hours) place(vp, server, path int) int {
	return (vp*len(h.servers)+server)*len(allPaths) + path
}

func (h *hours) add(r *measurement.Hour) {
	if r.Hour.Add(time.Hour).After(h.until) || r.Family == nil || r.Transport == nil {
		return
	}
	for at := int(r.Hour.Sub(h.start) / time.Hour); h.hour < at; h.hour++ {
		if h.hour >= 0 {
			h.end()
		}
	}
	vp, server := slices.Index(h.vps, r.VantagePoint), slices.Index(h.rsis, string(r.RSI))
	path := slices.Index(allPaths, measurement.Path{Family: *r.Family, Transport: *r.Transport})
	if vp < 0 || server < 0 || path < 0 {
		return
	}
	s := &h.sums[h.place(vp, server, path)]
	s.asked = s.asked || r.Planned > 0
	if r.Query == measurement.QueryCorrectness {
		n := int(r.Incorrect)
		s.sent, s.failed, s.incorrect = s.sent+n, s.failed+n, s.incorrect+n
	} else {
		s.planned, s.sent, s.failed = s.planned+int(r.Planned), s.sent+int(r.Sent), s.failed+int(r.Sent-r.Good)
	}
	s.answered(r.LatencyHistogram, r.LatencyMedianUS)
	if r.SerialNewest != nil {
		s.serial = newest(s.serial, *r.SerialNewest&(1<<32-1))
	}
	for _, i := range r.Instances {
		if i.NSID != nil {
			s.nsids = count(s.nsids, *i.NSID, int(i.Answers))
		}
	}
}

// answered adds latencies; their median is exact where it is all there is.
func (s *sum) answered(latencies []measurement.LatencyBucket, median *int64) {
	if len(latencies) == 0 {
		return
	}
	if len(s.latencies) > 0 {
		median = nil
	}
	s.median, s.latencies = median, merge(s.latencies, latencies)
}

// merge adds buckets, which are in order.
func merge(a, b []measurement.LatencyBucket) []measurement.LatencyBucket {
	for _, l := range b {
		at, known := slices.BinarySearchFunc(a, l.Bucket, func(m measurement.LatencyBucket, bucket int32) int { return int(m.Bucket - bucket) })
		if known {
			a[at].Count += l.Count
		} else {
			a = slices.Insert(a, at, l)
		}
	}
	return a
}

// count adds to the count of a text.
func count(all []run[string], text string, n int) []run[string] {
	for i := range all {
		if all[i].value == text {
			all[i].n += n
			return all
		}
	}
	return append(all, run[string]{text, n})
}

// end makes cells of the hour, and adds it to the day.
func (h *hours) end() {
	start := h.start.Add(time.Duration(h.hour) * time.Hour)
	for vp, id := range h.vps {
		for server, rsi := range h.rsis {
			for path := range allPaths {
				place := h.place(vp, server, path)
				s := &h.sums[place]
				if s.failed > 0 {
					own, incorrect := h.seen.troubled(h.hour, string(id), pathKey(rsi, path))
					s.own, s.incorrect = min(own, s.failed), max(s.incorrect-incorrect, 0)
				}
				h.series[place].add(h.cell(s))
				h.days[place].join(s)
				if h.note != nil {
					h.note(start, vp, server*len(allPaths)+path, s)
				}
				s.reset()
			}
		}
	}
}

// perHour is how many labels an hour has.
const perHour = int(time.Hour / interval.Length)

func (s *sum) join(o *sum) {
	s.asked = s.asked || o.asked
	s.planned, s.sent, s.failed = s.planned+o.planned, s.sent+o.sent, s.failed+o.failed
	s.incorrect, s.own = s.incorrect+o.incorrect, s.own+o.own
	s.answered(o.latencies, o.median)
	s.serial = newest(s.serial, o.serial)
	for _, r := range o.nsids {
		s.nsids = count(s.nsids, r.value, r.n)
	}
}

func (h *hours) cell(s *sum) cell {
	return cell{state: h.state(s.tally(), h.least),
		sent: s.sent, failed: s.failed, latency: s.latency(), serial: s.serial, nsid: most(s.nsids)}
}

// count is how many latencies there are.
func (s *sum) count() (n int32) {
	for _, l := range s.latencies {
		n += l.Count
	}
	return n
}

// medianUS is the lower median; nil where there are no latencies.
func (s *sum) medianUS() *int64 {
	if s.median != nil {
		return s.median
	}
	n := s.count()
	for rank, i := (n-1)/2, 0; i < len(s.latencies); i++ {
		if rank -= s.latencies[i].Count; rank < 0 {
			return new(derive.Midpoint(s.latencies[i].Bucket))
		}
	}
	return nil
}

func (s *sum) latency() byte {
	if us := s.medianUS(); us != nil {
		return LatencyByte(*us)
	}
	return 0
}

// hours are a block for each part of the vantage points, of one server over one path.
func (h *hours) hours(server, path int) []block {
	b := block{from: h.start.Unix(), step: 3600, steps: h.hour + 1}
	return h.parts(b, h.vps, func(vp int) series { return h.series[h.place(vp, server, path)] })
}

// day is hours of the whole day.
func (h *hours) day(server, path int) []block {
	b := block{from: h.start.Unix(), step: 24 * 3600, steps: 1}
	return h.parts(b, h.vps, func(vp int) (s series) {
		s.add(h.cell(&h.days[h.place(vp, server, path)]))
		return s
	})
}
