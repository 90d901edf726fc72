package site

import (
	"cmp"
	"math/big"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// frame is what all files of a site have in common.
type frame struct {
	plan    *plan.Plan
	edition Edition
	says    plan.Site // what the plan says of the edition
	values  bool      // single RSIs' counts, latencies and serials are told
	names   bool      // their servers are named
	servers []plan.Server
	rsis    []string
	paths   []int // of allPaths, those of the plan
	vps     []measurement.VantagePoint
}

func newFrame(p *plan.Plan, edition Edition) *frame {
	f := &frame{plan: p, edition: edition, says: p.SiteOf(string(edition)), servers: p.Servers}
	f.values = edition == Internal || slices.Contains(f.says.Open, plan.OpenValues)
	f.names = edition == Internal || slices.Contains(f.says.Open, plan.OpenServers)
	for _, s := range p.Servers {
		f.rsis = append(f.rsis, string(s.RSI))
	}
	for i, path := range allPaths {
		if slices.ContainsFunc(p.Queries, func(q plan.Query) bool {
			return slices.Contains(q.Families, path.Family) && slices.ContainsFunc(p.ServersOf(q.Servers), func(s plan.Server) bool {
				return slices.Contains(q.TransportsTo(s), path.Transport)
			})
		}) {
			f.paths = append(f.paths, i)
		}
	}
	for _, v := range p.VantagePoints {
		f.vps = append(f.vps, v.ID)
	}
	return f
}

// least is the share of good answers with which a cell of the public edition is good.
func (f *frame) least(at time.Time) *big.Rat {
	for _, t := range f.plan.ThresholdsAt(at) {
		if t.Metric == measurement.RSIAvailability && t.AtLeast != nil {
			return new(big.Rat).Quo(t.AtLeast.Rat(), big.NewRat(100, 1))
		}
	}
	return big.NewRat(1, 1)
}

// part is the tile that a vantage point is in.
func (f *frame) part(vp measurement.VantagePoint) int {
	return max(slices.Index(f.vps, vp), 0) / PartSize
}

func (f *frame) title() string { return cmp.Or(f.says.Title, f.plan.Name) }

// parts are a block like this one for each part of the vantage points.
func (f *frame) parts(like block, vps []measurement.VantagePoint, of func(vp int) series) (all []block) {
	at := map[int]int{}
	for vp, id := range vps {
		part := f.part(id)
		n, begun := at[part]
		if !begun {
			n, at[part] = len(all), len(all)
			all = append(all, like)
		}
		all[n].vps, all[n].rows = append(all[n].vps, string(id)), append(all[n].rows, of(vp))
	}
	return all
}

// pathName is a path in keys: v4-udp.
func pathName(path int) string {
	p := allPaths[path]
	return "v" + strings.TrimPrefix(string(p.Family), "ipv") + "-" + string(p.Transport)
}

// tally is what is known of the queries of a cell.
type tally struct {
	planned                      bool
	sent, failed, own, incorrect int // own and incorrect of failed, and apart; own: in the vantage point's own trouble
}

// state is what a cell shows. An edition without values says of an RSI whether a cell meets
// the plan's threshold of availability and has no incorrect answer, and no more than that.
func (f *frame) state(t tally, least *big.Rat) State {
	s := t.state()
	if f.values || s <= Own {
		return s
	}
	if t.short(least) {
		return Failed
	}
	return Good
}

// short says whether an answer was incorrect, or fewer than the plan's share were good, of
// what counts for the RSI.
func (t tally) short(least *big.Rat) bool {
	sent, good := int64(t.sent-t.own), int64(t.sent-t.failed)
	return t.incorrect > 0 || sent > 0 && big.NewRat(good, sent).Cmp(least) < 0
}

func (t tally) state() State {
	switch {
	case t.sent == 0 && t.planned:
		return Missing
	case t.sent == 0:
		return Unplanned
	case t.failed == 0:
		return Good
	case t.failed <= t.own:
		return Own
	case t.incorrect > 0:
		return Incorrect
	case t.failed == t.sent:
		return Failed
	}
	return Part
}

// short cuts a text from outside that is longer than any that means something.
func short(text string) string { return cutText(text, 100) }

func cutText(text string, most int) string {
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// settled is how long after an hour its cells may still change much.
const settled = 30 * time.Minute

// until is the end of the last hour that is over, by the newest label of the lake.
func until(last time.Time) time.Time { return last.Add(-settled).Truncate(time.Hour) }

func dayKey(day time.Time) string { return interval.Day(day).Format("20060102") }
