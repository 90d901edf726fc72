package survey

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// gatherer is what a survey knows of its candidates while the lake is read.
type gatherer struct {
	s     *Survey
	known map[measurement.VantagePoint]*view // candidates
	other map[measurement.VantagePoint]bool
}

// view is what one candidate saw.
type view struct {
	c       *Candidate
	targets map[end]*seen
	routers map[measurement.Family]map[string]bool
	strays  int64
}

// end is one end of a way.
type end struct {
	rsi    measurement.RSI
	family measurement.Family
}

type seen struct {
	asked, good, traces, reached int64
	latency                      []int64 // µs of good UDP answers
	trip                         []int64 // µs of traces that reached their end
	hops                         []int64
	paths                        map[string]bool
	nsids                        map[string]bool
}

func (v *view) at(r measurement.RSI, f measurement.Family) *seen {
	e := end{r, f}
	if v.targets[e] == nil {
		v.targets[e] = &seen{paths: map[string]bool{}, nsids: map[string]bool{}}
	}
	return v.targets[e]
}

// Fill computes the numbers from the lake.
func (s *Survey) Fill(ctx context.Context, store lake.Store) error {
	g := &gatherer{s: s, known: map[measurement.VantagePoint]*view{}, other: map[measurement.VantagePoint]bool{}}
	for i := range s.Candidates {
		g.add(&s.Candidates[i])
	}
	for _, step := range []func(context.Context, lake.Store) error{g.runs, g.answers, g.routes} {
		if err := step(ctx, store); err != nil {
			return fmt.Errorf("survey: %w", err)
		}
	}
	s.Candidates = s.Candidates[:0:0]
	for _, v := range g.known {
		g.finish(v)
	}
	g.compare()
	for _, id := range slices.Sorted(maps.Keys(g.known)) {
		s.Candidates = append(s.Candidates, *g.known[id].c)
	}
	slices.SortStableFunc(s.Candidates, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(a.Metro, b.Metro))
	})
	s.Unexpected = append([]measurement.VantagePoint{}, slices.Sorted(maps.Keys(g.other))...)
	s.addNotes()
	return nil
}

func (g *gatherer) add(c *Candidate) *view {
	v := &view{c: c, targets: map[end]*seen{}, routers: make(map[measurement.Family]map[string]bool)}
	for _, f := range measurement.Families {
		v.routers[f] = map[string]bool{}
	}
	g.known[c.ID] = v
	return v
}

// of is a candidate's view; nil for a vantage point that is none.
func (g *gatherer) of(id measurement.VantagePoint) *view {
	v := g.known[id]
	if v == nil && g.s.CandidatesFrom == fromData {
		v = g.add(&Candidate{ID: id, Expected: int64(g.s.Until.Sub(g.s.From) / interval.Length)})
	}
	if v == nil {
		g.other[id] = true
	}
	return v
}

// runs counts what came, and clocks that were not synchronised.
func (g *gatherer) runs(ctx context.Context, store lake.Store) error {
	scan := lake.Scan{Store: store, From: g.s.From, Until: g.s.Until, Workers: 1}
	return scan.Runs(ctx, []column.Name{column.VantagePoint, column.ClockSynchronized}, func(b *column.RunBatch) error {
		for i := range b.Rows {
			v := g.of(b.VantagePoint.At(i))
			if v == nil {
				continue
			}
			v.c.Received++
			if b.ClockSynchronized.No(i) {
				v.c.Unsynced++
			}
		}
		return nil
	})
}

// answers takes the queries soa and the verdicts of correctness.
func (g *gatherer) answers(ctx context.Context, store lake.Store) error {
	columns := []column.Name{column.VantagePoint, column.Query, column.RSI, column.Family, column.Transport, column.Outcome, column.RCode,
		column.LatencyUS, column.NSID, column.Strays, column.Verdict}
	var mu sync.Mutex
	return lake.Scan{Store: store, From: g.s.From, Until: g.s.Until}.Answers(ctx, columns, func(b *column.AnswerBatch) error {
		mu.Lock()
		defer mu.Unlock()
		good := b.Good()
		for i := range b.Rows {
			v := g.of(b.VantagePoint.At(i))
			if v == nil {
				continue
			}
			v.strays += b.Strays.Int[i]
			switch b.Verdict.At(i) {
			case measurement.Incorrect:
				v.c.Incorrect++
				v.c.Judged++
			case measurement.Correct:
				v.c.Judged++
			case measurement.Unchecked:
			}
			if b.Query.At(i) != measurement.QuerySOA || b.Outcome.At(i) == measurement.LocalError {
				continue
			}
			at := v.at(b.RSI.At(i), b.Family.At(i))
			at.asked++
			if !good.At(i) {
				continue
			}
			at.good++
			if b.Transport.At(i) == measurement.UDP {
				at.latency = append(at.latency, b.LatencyUS.Int[i])
			}
			if name := b.NSID.At(i); name != "" {
				at.nsids[name] = true
			}
		}
		return nil
	})
}

// routes takes the traces, some thousand at a time: their hops are lists, read as rows.
func (g *gatherer) routes(ctx context.Context, store lake.Store) error {
	days, err := store.Days(column.Routes, g.s.From, g.s.Until)
	if err != nil {
		return err
	}
	for _, d := range days {
		for rows, err := range column.Rows[measurement.Route](d.Path) { // a day of them at once takes hundreds of megabytes
			if err := cmp.Or(err, ctx.Err()); err != nil {
				return err
			}
			for i := range rows {
				r := &rows[i]
				if r.Interval.Before(g.s.From) || !r.Interval.Before(g.s.Until) {
					continue
				}
				if v := g.of(r.VantagePoint); v != nil {
					v.route(r)
				}
			}
		}
	}
	return nil
}

// route takes one trace. Only one that reached its end is a path; the routers of
// the others were passed all the same.
func (v *view) route(r *measurement.Route) {
	at := v.at(r.RSI, r.Family)
	at.traces++
	way := make([]string, len(r.Hops))
	for i, h := range r.Hops {
		way[i] = "*"
		if h.Address == nil {
			continue
		}
		way[i] = *h.Address
		if way[i] == r.Address {
			if r.Reached && h.RTTUS != nil {
				at.trip = append(at.trip, *h.RTTUS)
			}
		} else if a, err := netip.ParseAddr(way[i]); err == nil && !a.IsPrivate() && !a.IsLinkLocalUnicast() && !a.IsLoopback() {
			v.routers[r.Family][way[i]] = true // a private address is another router elsewhere
		}
	}
	if r.Reached {
		at.reached++
		at.hops = append(at.hops, int64(r.HopCount))
		at.paths[strings.Join(way, " ")] = true
	}
}

// finish makes the numbers of a candidate out of what it saw.
func (g *gatherer) finish(v *view) {
	c := v.c
	c.Strays, c.Routers = v.strays, int64(len(v.routers[measurement.IPv4])+len(v.routers[measurement.IPv6]))
	for _, f := range measurement.Families {
		total := FamilyView{Family: f}
		var trips, hops []int64
		for _, r := range g.s.RSIs {
			x := v.at(r, f)
			total.Asked, total.Good = total.Asked+x.asked, total.Good+x.good
			total.Traces, total.Reached, total.Paths = total.Traces+x.traces, total.Reached+x.reached, total.Paths+int64(len(x.paths))
			if m := median(x.latency); m != nil {
				trips = append(trips, *m)
			}
			if m := median(x.hops); m != nil {
				hops = append(hops, *m)
			}
		}
		total.RTTUS, total.Hops = median(trips), median(hops)
		c.Families = append(c.Families, total)
	}
	list := slices.Clone(g.s.RSIs)
	for _, p := range g.s.Places {
		list = append(list, p.Label)
	}
	for _, r := range list {
		for _, f := range measurement.Families {
			x := v.at(r, f)
			t := Target{RSI: r, Family: f, Asked: x.asked, Good: x.good, RTTUS: median(x.latency), Traces: x.traces, Reached: x.reached,
				Hops: median(x.hops), Paths: int64(len(x.paths)), Instances: append([]string{}, slices.Sorted(maps.Keys(x.nsids))...)}
			if !slices.Contains(g.s.RSIs, r) {
				t.RTTUS = median(x.trip)
			}
			c.Servers = append(c.Servers, t)
		}
	}
}

// compare counts the instances, those that one candidate alone sees, and finds
// for each candidate the one whose ways are most like its own.
func (g *gatherer) compare() {
	type instance struct {
		rsi  measurement.RSI
		name string
	}
	views := map[measurement.VantagePoint]map[instance]bool{}
	seenBy := map[instance]int{}
	for id, v := range g.known {
		views[id] = map[instance]bool{}
		for e, x := range v.targets {
			for n := range x.nsids {
				views[id][instance{e.rsi, n}] = true
			}
		}
		for i := range views[id] {
			seenBy[i]++
		}
	}
	ids := slices.Sorted(maps.Keys(g.known))
	for _, id := range ids {
		v := g.known[id]
		for i := range views[id] {
			v.c.Instances++
			if seenBy[i] == 1 {
				v.c.Alone++
			}
		}
		for _, other := range ids {
			like := similarity(v, g.known[other])
			if other == id || like.Shared == 0 {
				continue
			}
			if best := v.c.MostLike; best == nil || like.Shared*best.Of > best.Shared*like.Of {
				v.c.MostLike = &like
			}
		}
	}
}

// similarity compares the routers over the families in which both reach a root
// server: one without IPv6 is not unlike another for that.
func similarity(a, b *view) Similarity {
	l := Similarity{ID: b.c.ID}
	for i, f := range measurement.Families {
		if a.c.Families[i].Reached == 0 || b.c.Families[i].Reached == 0 {
			continue
		}
		l.Of += int64(len(b.routers[f]))
		for r := range a.routers[f] {
			if b.routers[f][r] {
				l.Shared++
			} else {
				l.Of++
			}
		}
	}
	return l
}

// median is the lower of the middle two; nil of nothing.
func median(list []int64) *int64 {
	if len(list) == 0 {
		return nil
	}
	list = slices.Clone(list)
	slices.Sort(list)
	return &list[(len(list)-1)/2]
}
