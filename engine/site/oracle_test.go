package site_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/site"
)

// oracle works the cells out again, row by row, as their definitions say.
type oracle struct {
	*history
	until time.Time
	rows  map[string][]measurement.Answer // by vantage point and interval
}

// byTime finds rows faster.
func (o *oracle) byTime() *oracle {
	o.rows = map[string][]measurement.Answer{}
	for _, a := range o.answers {
		key := fmt.Sprint(a.VantagePoint, a.Interval.Unix())
		o.rows[key] = append(o.rows[key], a)
	}
	return o
}

// known is what is known of a cell.
type known struct {
	planned, sent, failed, incorrect, own int
	asked                                 bool
	latencies                             []int64
	serial                                int64
	nsids                                 map[string]int
}

func (o *oracle) excluded(vp measurement.VantagePoint, rsi measurement.RSI, path string, at time.Time) bool {
	return slices.ContainsFunc(o.plan.Exclusions, func(n plan.Note) bool {
		return !at.Before(n.From) && at.Before(n.Until) && (len(n.VantagePoints) == 0 || slices.Contains(n.VantagePoints, vp)) &&
			(len(n.RSIs) == 0 || slices.Contains(n.RSIs, rsi)) && (len(n.Paths) == 0 || slices.Contains(n.Paths, path))
	})
}

// label is what is known of an interval.
func (o *oracle) label(vp measurement.VantagePoint, s plan.Server, f measurement.Family, transport measurement.Transport, at time.Time) known {
	return o.counted(vp, s, f, transport, at, false)
}

// hourly is what hours tell of an interval: of correctness what is incorrect.
func (o *oracle) hourly(vp measurement.VantagePoint, s plan.Server, f measurement.Family, transport measurement.Transport, at time.Time) known {
	return o.counted(vp, s, f, transport, at, true)
}

func (o *oracle) counted(vp measurement.VantagePoint, s plan.Server, f measurement.Family, transport measurement.Transport, at time.Time, hourly bool) known {
	k := known{nsids: map[string]int{}}
	address, ok := s.AddressAt(f, at)
	path := string(f) + "/" + string(transport)
	i := slices.IndexFunc(o.plan.VantagePoints, func(v plan.VantagePoint) bool { return v.ID == vp })
	if end := o.plan.VantagePoints[i].Until; !ok || end != nil && !at.Before(*end) || o.excluded(vp, s.RSI, path, at) {
		return k
	}
	k.planned, k.asked = 1, true // soa
	if s.RSI == "b" && f == "ipv4" && transport == "udp" && at.Minute() == 0 {
		k.planned++
	}
	for _, a := range o.rows[fmt.Sprint(vp, at.Unix())] {
		if a.RSI != s.RSI || a.Family != f || a.Transport != transport {
			continue
		}
		if a.Query == "correctness" && hourly {
			if a.Verdict != nil && *a.Verdict == measurement.Incorrect && a.Address == address.String() {
				k.sent, k.failed, k.incorrect = k.sent+1, k.failed+1, k.incorrect+1
			}
			if a.Outcome == measurement.Answered && a.NSID != nil && a.Address == address.String() {
				k.nsids[*a.NSID]++
			}
			continue
		}
		if a.Outcome == measurement.LocalError || a.Address != address.String() {
			continue
		}
		good := a.Good()
		if a.Outcome == measurement.Answered && a.NSID != nil {
			k.nsids[*a.NSID]++
		}
		if good && a.Serial != nil {
			k.serial = max(k.serial, *a.Serial)
		}
		verdict := measurement.Verdict("")
		if a.Verdict != nil {
			verdict = *a.Verdict
		}
		if a.Query == "correctness" && verdict == measurement.Unchecked {
			continue // says nothing
		}
		k.sent++
		switch {
		case a.Query == "correctness" && verdict == measurement.Incorrect:
			k.failed++
			k.incorrect++
		case a.Query == "correctness" && (a.Outcome != measurement.Answered || *a.RCode != measurement.NoError && *a.RCode != measurement.NXDomain || a.TC != nil && *a.TC), a.Query != "correctness" && !good:
			k.failed++
		case a.Query != "correctness":
			k.latencies = append(k.latencies, *a.LatencyUS)
		}
	}
	return k
}

func (k *known) join(o known) {
	k.planned, k.sent, k.failed, k.incorrect, k.own = k.planned+o.planned, k.sent+o.sent, k.failed+o.failed, k.incorrect+o.incorrect, k.own+o.own
	k.asked = k.asked || o.asked
	k.latencies, k.serial = append(k.latencies, o.latencies...), max(k.serial, o.serial)
	for nsid, n := range o.nsids {
		k.nsids[nsid] += n
	}
}

func (k *known) cell() seenCell {
	c := seenCell{Sent: k.sent, Failed: k.failed, Serial: k.serial}
	switch {
	case k.sent == 0 && k.asked:
		c.State = site.Missing
	case k.sent == 0:
		c.State = site.Unplanned
	case k.failed == 0:
		c.State = site.Good
	case k.failed == k.own:
		c.State = site.Own
	case k.incorrect > 0:
		c.State = site.Incorrect
	case k.failed == k.sent:
		c.State = site.Failed
	default:
		c.State = site.Part
	}
	if n := len(k.latencies); n > 0 {
		slices.Sort(k.latencies)
		c.Latency = site.LatencyByte(k.latencies[(n-1)/2])
	}
	for nsid, n := range k.nsids {
		if c.NSID == "" || cmp.Or(cmp.Compare(n, k.nsids[c.NSID]), cmp.Compare(c.NSID, nsid)) > 0 {
			c.NSID = nsid
		}
	}
	return c
}

// cells are those of a server over a path, by interval, hour and day.
func (o *oracle) cells(s plan.Server, f measurement.Family, transport measurement.Transport) (labels, hours, days map[string]seenCell) {
	labels, hours, days = map[string]seenCell{}, map[string]seenCell{}, map[string]seenCell{}
	for _, v := range o.plan.VantagePoints {
		for day := midnight; day.Before(o.until); day = day.AddDate(0, 0, 1) {
			whole := known{nsids: map[string]int{}}
			for hour := day; hour.Before(day.AddDate(0, 0, 1)) && hour.Before(o.until); hour = hour.Add(time.Hour) {
				sum := known{nsids: map[string]int{}}
				for at := hour; at.Before(hour.Add(time.Hour)); at = at.Add(5 * time.Minute) {
					k, in := o.label(v.ID, s, f, transport, at), o.hourly(v.ID, s, f, transport, at)
					if o.troubled(v.ID, f, at) {
						k.own, k.incorrect, in.own, in.incorrect = k.failed, 0, in.failed, 0
					}
					sum.join(in)
					labels[fmt.Sprint(v.ID, " ", at.Format("02T15:04"))] = k.cell()
				}
				hours[fmt.Sprint(v.ID, " ", hour.Format("02T15:04"))] = sum.cell()
				whole.join(sum)
			}
			days[fmt.Sprint(v.ID, " ", day.Format("02T15:04"))] = whole.cell()
		}
	}
	return labels, hours, days
}

// troubled says whether all that a vantage point asked over a family failed or was incorrect,
// two queries at least; NXDOMAIN that nobody can judge says nothing.
func (o *oracle) troubled(vp measurement.VantagePoint, f measurement.Family, at time.Time) bool {
	sent, failed := 0, 0
	for _, a := range o.rows[fmt.Sprint(vp, at.Unix())] {
		i := slices.IndexFunc(o.plan.Servers, func(s plan.Server) bool { return s.RSI == a.RSI })
		address, ok := o.plan.Servers[i].AddressAt(f, at)
		if a.Family != f || !ok || a.Address != address.String() || a.Outcome == measurement.LocalError || o.excluded(vp, a.RSI, string(f)+"/"+string(a.Transport), at) {
			continue
		}
		verdict := measurement.Verdict("")
		if a.Verdict != nil {
			verdict = *a.Verdict
		}
		switch {
		case verdict == measurement.Incorrect, !a.Good() && verdict == "":
			failed++
		case !a.Good() && verdict == measurement.Unchecked && *a.RCode == measurement.NXDomain:
			continue
		case !a.Good() && verdict == measurement.Unchecked:
			failed++
		}
		sent++
	}
	return sent >= 2 && sent == failed
}

func newOracle(h *history, count int) *oracle {
	o := &oracle{history: h, until: at(count - 1).Add(-30 * time.Minute).Truncate(time.Hour)}
	return o
}

// TestTilesAreWhatTheRowsSay holds tiles to a plain loop over the rows.
func TestTilesAreWhatTheRowsSay(t *testing.T) {
	states := map[site.State]int{}
	for seed := range uint64(3) {
		const count = 288 + 60
		h, home := drawn(seed, count), t.TempDir()
		h.write(t, home, count)
		out, _ := h.make(t, home, site.Internal)
		all := h.answers
		for _, server := range h.plan.Servers {
			for _, f := range both {
				h.answers = slices.DeleteFunc(slices.Clone(all), func(a measurement.Answer) bool { return a.Family != f })
				for _, transport := range measurement.MetricTransports {
					labels, hours, days := newOracle(h, count).byTime().cells(server, f, transport)
					name := fmt.Sprintf("%s-v%s-%s-0", server.RSI, string(f)[3:], transport)
					compare(t, name, len(labels), labels, cells(t, read[site.Tile](t, out, "day/20261031/"+name)), cells(t, read[site.Tile](t, out, "day/20261101/"+name)))
					compare(t, name, 3*24, hours, cells(t, read[site.Tile](t, out, "month/202610/"+name)))
					compare(t, name, 3, days, cells(t, read[site.Tile](t, out, "year/2026/"+name)))
					for _, c := range labels {
						states[c.State]++
					}
				}
			}
		}
		h.answers = all
	}
	for s := site.Unplanned; s <= site.Incorrect; s++ {
		if states[s] == 0 {
			t.Errorf("no cell is %d: nothing is tried of it", s)
		}
	}
}

// compare holds so many cells of tiles to those wanted; a tile ends with what is over.
func compare(t *testing.T, name string, count int, want map[string]seenCell, tiles ...map[string]seenCell) {
	t.Helper()
	n := 0
	for _, got := range tiles {
		for key, c := range got {
			n++
			w, known := want[key]
			if !known {
				t.Fatalf("%s %s: there is a cell that should not be: %+v", name, key, c)
			}
			if d := int(c.Latency) - int(w.Latency); d < -1 || d > 1 || (c.Latency == 0) != (w.Latency == 0) {
				t.Fatalf("%s %s: latency %d, want %d", name, key, c.Latency, w.Latency)
			}
			c.Latency = w.Latency // medians of several rows are those of buckets
			if c != w {
				t.Fatalf("%s %s: %+v, want %+v", name, key, c, w)
			}
		}
	}
	if n != count {
		t.Fatalf("%s: %d cells, want %d", name, n, count)
	}
}
