package derive

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

const (
	perDay  = int(24 * time.Hour / interval.Length)
	perHour = perDay / 24
)

// allPaths are the paths of the fold, by family, then transport.
var allPaths = func() (all []measurement.Path) {
	for _, f := range measurement.Families {
		for _, t := range measurement.Transports {
			all = append(all, measurement.Path{Family: f, Transport: t})
		}
	}
	return all
}()

// frame is what a plan has for one day: who asks whom, what, over which paths, and when.
type frame struct {
	plan    *plan.Plan
	day     time.Time
	vps     []measurement.VantagePoint
	dated   []plan.VantagePoint // of vps; without dates where the plan has none
	anyVP   bool                // vps are those of the day's runs, and nothing is missing
	lone    bool                // with anyVP: nobody else measured on the day, or the one before
	servers []plan.Server
	queries []query

	vpAt     map[measurement.VantagePoint]int32
	serverAt map[measurement.RSI]int32
	queryAt  map[string]int32
}

// query is a query of the plan on one day.
type query struct {
	plan.Query
	due     [perDay]bool
	asks    []bool   // by vantage point
	over    [][]bool // by server, then path; nil: it is not asked
	picks   bool     // it draws its paths: which, its rows alone tell
	correct bool     // it is judged
}

// newFrame makes the frame of a day; met are the vantage points of its runs, which count
// where the plan names none.
func newFrame(p *plan.Plan, day time.Time, met []measurement.VantagePoint) *frame {
	f := &frame{plan: p, day: day, anyVP: len(p.VantagePoints) == 0, servers: p.Servers,
		vpAt: map[measurement.VantagePoint]int32{}, serverAt: map[measurement.RSI]int32{}, queryAt: map[string]int32{}}
	f.dated = p.VantagePoints
	if f.anyVP {
		f.dated = nil
		for _, v := range met {
			f.dated = append(f.dated, plan.VantagePoint{ID: v})
		}
	}
	for i, v := range f.dated {
		f.vps = append(f.vps, v.ID)
		f.vpAt[v.ID] = int32(i)
	}
	for i, s := range f.servers {
		f.serverAt[s.RSI] = int32(i)
	}
	for _, q := range p.Queries {
		f.queryAt[q.Label] = int32(len(f.queries))
		f.queries = append(f.queries, f.open(q))
	}
	return f
}

func (f *frame) open(q plan.Query) query {
	o := query{Query: q, over: make([][]bool, len(f.servers)), picks: q.Pick > 0, correct: q.Label == measurement.QueryCorrectness}
	for at := range o.due {
		o.due[at] = f.plan.Due(q.Schedule, f.label(at))
	}
	for _, vp := range f.vps {
		o.asks = append(o.asks, f.plan.Asks(q, vp))
	}
	for _, s := range f.plan.ServersOf(q.Servers) {
		over := make([]bool, len(allPaths))
		for i, p := range allPaths {
			over[i] = slices.Contains(q.Families, p.Family) && slices.Contains(q.TransportsTo(s), p.Transport)
		}
		o.over[f.serverAt[s.RSI]] = over
	}
	return o
}

func (f *frame) label(at int) time.Time { return f.day.Add(time.Duration(at) * interval.Length) }

// hour is what the plan has for one hour: the addresses, exclusions and dates that hold at
// its labels.
type hour struct {
	*frame
	first     int                   // label of the day
	addresses [perHour][]netip.Addr // by server, then family; the zero one where there is none
	within    [perHour][]bool       // by vantage point: within its dates
	notes     [perHour][]plan.Note  // exclusions
}

func (f *frame) hour(n int) *hour {
	h := &hour{frame: f, first: n * perHour}
	for i := range perHour {
		label := f.label(h.first + i)
		for _, s := range f.servers {
			for _, family := range measurement.Families {
				a, _ := s.AddressAt(family, label)
				h.addresses[i] = append(h.addresses[i], a)
			}
		}
		for _, v := range f.dated {
			h.within[i] = append(h.within[i], (v.From == nil || !label.Before(*v.From)) && (v.Until == nil || label.Before(*v.Until)))
		}
		for _, e := range f.plan.Exclusions {
			if !label.Before(e.From) && label.Before(e.Until) {
				h.notes[i] = append(h.notes[i], e)
			}
		}
	}
	return h
}

// alone says whether one vantage point only is to measure at the hour's label i: there is
// no other witness.
func (h *hour) alone(i int) bool {
	if h.anyVP {
		return h.lone
	}
	n := 0
	for _, in := range h.within[i] {
		if in {
			n++
		}
	}
	return n == 1
}

// address is the one that a server is asked at.
func (h *hour) address(i, server, path int) netip.Addr {
	return h.addresses[i][server*len(measurement.Families)+path/len(measurement.Transports)]
}

// planned says whether a query is to be asked of a server over a path at the hour's label i.
func (h *hour) planned(q *query, i, vp, server, path int) bool {
	return h.asked(q, i, vp, server, path) && !h.excluded(i, vp, server, path, false)
}

// plannedBut is planned without the exclusions of single RSIs.
func (h *hour) plannedBut(q *query, i, vp, server, path int) bool {
	return h.asked(q, i, vp, server, path) && !h.excluded(i, vp, server, path, true)
}

func (h *hour) asked(q *query, i, vp, server, path int) bool {
	return q.due[h.first+i] && q.asks[vp] && h.within[i][vp] && q.over[server] != nil && q.over[server][path] && h.address(i, server, path).IsValid()
}

// excluded says whether an exclusion takes a query out, or one that is not of single RSIs.
func (h *hour) excluded(i, vp, server, path int, whole bool) bool {
	for _, e := range h.notes[i] {
		if whole && len(e.RSIs) > 0 {
			continue
		}
		if (len(e.VantagePoints) == 0 || slices.Contains(e.VantagePoints, h.vps[vp])) &&
			(len(e.RSIs) == 0 || slices.Contains(e.RSIs, h.servers[server].RSI)) &&
			(len(e.Paths) == 0 || slices.Contains(e.Paths, allPaths[path].String())) {
			return true
		}
	}
	return false
}

// any says whether a vantage point is to ask anything at the hour's label i.
func (h *hour) any(i, vp int) bool {
	for q := range h.queries {
		for server := range h.servers {
			for path := range allPaths {
				if h.planned(&h.queries[q], i, vp, server, path) {
					return true
				}
			}
		}
	}
	return false
}

// form changes whenever other tables are made of the same lake and plan.
const form = 2

// basis is a hash of all of a plan that the tables depend on.
func basis(p *plan.Plan) (string, error) {
	text, err := json.Marshal(struct {
		VantagePoints, Servers, Schedules, Queries, Exclusions any
	}{p.VantagePoints, p.Servers, p.Schedules, p.Queries, p.Exclusions})
	if err != nil {
		return "", fmt.Errorf("derive: the plan: %w", err)
	}
	sum := sha256.Sum256(text)
	return fmt.Sprintf("%d-%s", form, hex.EncodeToString(sum[:12])), nil
}
