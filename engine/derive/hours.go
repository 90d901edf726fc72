package derive

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"

	"mtric.net/mtric/engine/measurement"
)

// order is the places of a frame's parts in the order of the table hours.
type order struct{ vps, queries, servers, paths []int }

func (f *frame) order() order {
	return order{
		places(len(f.vps), func(a, b int) int { return cmp.Compare(f.vps[a], f.vps[b]) }),
		places(len(f.queries), func(a, b int) int { return strings.Compare(f.queries[a].Label, f.queries[b].Label) }),
		places(len(f.servers), func(a, b int) int { return cmp.Compare(f.servers[a].RSI, f.servers[b].RSI) }),
		places(len(allPaths), func(a, b int) int {
			return cmp.Or(cmp.Compare(allPaths[a].Family, allPaths[b].Family), cmp.Compare(allPaths[a].Transport, allPaths[b].Transport))
		}),
	}
}

func places(n int, compare func(a, b int) int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	slices.SortFunc(all, compare)
	return all
}

// hourRows are the rows of the hour.
func (d *fold) hourRows() (rows []measurement.Hour) {
	start := d.frame.label(d.hour.first)
	for _, vp := range d.ordered.vps {
		for _, query := range d.ordered.queries {
			q := &d.queries[query]
			if !q.asks[vp] {
				continue
			}
			for _, server := range d.ordered.servers {
				if q.over[server] == nil {
					continue
				}
				row := measurement.Hour{VantagePoint: d.vps[vp], Hour: start, Query: q.Label, RSI: d.servers[server].RSI}
				if missing := d.undrawn(query, vp, server); missing > 0 {
					row.Planned = missing
					rows = append(rows, (&cell{}).row(row, q.correct))
				}
				for _, path := range d.ordered.paths {
					row.Family, row.Transport = &allPaths[path].Family, &allPaths[path].Transport
					c := d.at(query, vp, server, path)
					if row.Planned = d.plannedIn(query, vp, server, path, c); row.Planned > 0 {
						rows = append(rows, c.row(row, q.correct))
					}
				}
			}
		}
	}
	return rows
}

// plannedIn counts what the plan has for a cell of the hour: slots, or of a query that draws
// its paths the rows.
func (d *fold) plannedIn(query, vp, server, path int, c *cell) (n int32) {
	q := &d.queries[query]
	if q.picks || !q.over[server][path] {
		return c.rows
	}
	for i := range perHour {
		if d.hour.planned(q, i, vp, server, path) && d.expected(vp, i) {
			n++
		}
	}
	return n
}

// expected says whether what is planned at a label of the hour can be missed: it is not
// after what the lake has, and the vantage point is one of the plan's, or was there.
func (d *fold) expected(vp, i int) bool {
	at := d.hour.first + i
	return !d.anyVP || d.runs.of(vp, at) != 0
}

// undrawn counts what a query that draws its paths was to ask of a server and has no row of.
func (d *fold) undrawn(query, vp, server int) int32 {
	q := &d.queries[query]
	if !q.picks {
		return 0
	}
	var labels uint32
	for i := range perHour {
		for path := range allPaths {
			if d.expected(vp, i) && d.hour.planned(q, i, vp, server, path) {
				labels |= 1 << i
				break
			}
		}
	}
	labels &^= uint32(d.slots[(query*len(d.vps)+vp)*len(d.servers)+server])
	return int32(bits.OnesCount32(labels) * q.Pick)
}

// row fills in what became of a cell.
func (c *cell) row(row measurement.Hour, judged bool) measurement.Hour {
	row.Sent, row.Answered, row.Good, row.Strays = c.sent, c.answered, c.good, c.strays
	row.Incorrect, row.Unchecked, row.OffPlan = c.incorrect, c.unchecked, c.offPlan
	if c.serials && !c.unordered {
		oldest, newest := c.oldest, c.newest
		row.SerialOldest, row.SerialNewest = &oldest, &newest
	}
	row.Instances = c.servers()
	if judged {
		return row
	}
	row.LatencyHistogram = []measurement.LatencyBucket{}
	if n := len(c.latencies); n > 0 {
		slices.Sort(c.latencies)
		median, most := c.latencies[(n-1)/2], c.latencies[n-1]
		row.LatencyMedianUS, row.LatencyMaxUS = &median, &most
		for _, us := range c.latencies {
			b := Bucket(us)
			if last := len(row.LatencyHistogram) - 1; last >= 0 && row.LatencyHistogram[last].Bucket == b {
				row.LatencyHistogram[last].Count++
				continue
			}
			row.LatencyHistogram = append(row.LatencyHistogram, measurement.LatencyBucket{Bucket: b, Count: 1})
		}
	}
	return row
}

// servers are those that answered, by how often, then name; the others together.
func (c *cell) servers() []measurement.InstanceCount {
	all := []measurement.InstanceCount{}
	slices.SortFunc(c.instances, func(a, b instance) int { return cmp.Or(cmp.Compare(b.n, a.n), strings.Compare(a.nsid, b.nsid)) })
	var others int32
	for _, i := range c.instances {
		if i.none || len(all) == measurement.MaxInstances {
			others += i.n
			continue
		}
		nsid := i.nsid
		all = append(all, measurement.InstanceCount{NSID: &nsid, Answers: i.n})
	}
	if others > 0 {
		all = append(all, measurement.InstanceCount{Answers: others})
	}
	return all
}
