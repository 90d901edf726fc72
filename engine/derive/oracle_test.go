package derive_test

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"mtric.net/mtric/engine/derive"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// The oracle follows docs/data.md by loops over all rows, for plans without TCP and
// histories without strays.

// planned says whether the plan asks a query over a path.
func (h *history) planned(v plan.VantagePoint, q plan.Query, s plan.Server, f measurement.Family, n int) bool {
	return h.plannedBut(v, q, s, f, n, func(plan.Note) bool { return false })
}

// plannedBut is planned without some exclusions.
func (h *history) plannedBut(v plan.VantagePoint, q plan.Query, s plan.Server, f measurement.Family, n int, without func(plan.Note) bool) bool {
	if n >= h.labels || v.Until != nil && !at(n).Before(*v.Until) || v.From != nil && at(n).Before(*v.From) || !slices.Contains(q.Families, f) {
		return false
	}
	if _, ok := s.AddressAt(f, at(n)); !ok || q.Schedule == "hour" && n%12 != 0 || q.Label == "other" && s.RSI != "b" {
		return false
	}
	return !slices.ContainsFunc(h.plan.Exclusions, func(e plan.Note) bool {
		return !without(e) && !at(n).Before(e.From) && at(n).Before(e.Until) && (e.VantagePoints == nil || slices.Contains(e.VantagePoints, v.ID)) &&
			(e.RSIs == nil || slices.Contains(e.RSIs, s.RSI)) && (e.Paths == nil || slices.Contains(e.Paths, string(f)+"/udp"))
	})
}

type key struct {
	vp    measurement.VantagePoint
	query string
	rsi   measurement.RSI
	f     measurement.Family
	n     int
}

func (h *history) index() map[key]*measurement.Answer {
	rows := map[key]*measurement.Answer{}
	for i := range h.answers {
		a := &h.answers[i]
		n := int(a.Interval.Sub(midnight) / interval.Length)
		rows[key{a.VantagePoint, a.Query, a.RSI, a.Family, n}] = a
	}
	return rows
}

// counted is a row that is planned, and what it is.
func (h *history) counted(rows map[key]*measurement.Answer, v plan.VantagePoint, q plan.Query, s plan.Server, f measurement.Family, n int) (a *measurement.Answer, on bool) {
	if a = rows[key{v.ID, q.Label, s.RSI, f, n}]; a == nil || !h.planned(v, q, s, f, n) {
		return nil, false
	}
	want, _ := s.AddressAt(f, at(n))
	return a, a.Address == want.String()
}

// witnessed is a row that counts for T(s): exclusions of single RSIs move none.
func (h *history) witnessed(rows map[key]*measurement.Answer, v plan.VantagePoint, q plan.Query, s plan.Server, f measurement.Family, n int) (a *measurement.Answer, on bool) {
	a = rows[key{v.ID, q.Label, s.RSI, f, n}]
	if a == nil || !h.plannedBut(v, q, s, f, n, func(e plan.Note) bool { return e.RSIs != nil }) {
		return nil, false
	}
	want, _ := s.AddressAt(f, at(n))
	return a, a.Address == want.String()
}

func (h *history) last() time.Time {
	var last time.Time
	for _, r := range h.runs {
		if r.Interval.After(last) {
			last = r.Interval
		}
	}
	return last
}

func (h *history) hours() (all []measurement.Hour) {
	rows, last := h.index(), h.last()
	for hour := 0; !at(hour*12 + 18).After(last); hour++ {
		for _, v := range h.plan.VantagePoints {
			for _, label := range []string{"correctness", "other", "soa"} {
				q, _ := h.plan.Query(label)
				for _, s := range h.plan.Servers {
					undrawn := int32(0)
					for n := hour * 12; n < hour*12+12; n++ {
						may, has := false, false
						for _, f := range measurement.Families {
							a, _ := h.counted(rows, v, q, s, f, n)
							may, has = may || h.planned(v, q, s, f, n), has || a != nil
						}
						if q.Pick > 0 && may && !has {
							undrawn++
						}
					}
					if undrawn > 0 {
						all = append(all, measurement.Hour{VantagePoint: v.ID, Hour: at(hour * 12), Query: label, RSI: s.RSI, Planned: undrawn, Instances: []measurement.InstanceCount{}})
					}
					for _, f := range measurement.Families {
						if r := h.hourOf(rows, v, q, s, f, hour); r.Planned > 0 {
							all = append(all, r)
						}
					}
				}
			}
		}
	}
	return all
}

func (h *history) hourOf(rows map[key]*measurement.Answer, v plan.VantagePoint, q plan.Query, s plan.Server, f measurement.Family, hour int) measurement.Hour {
	r := measurement.Hour{VantagePoint: v.ID, Hour: at(hour * 12), Query: q.Label, RSI: s.RSI, Family: &f, Transport: ptr(measurement.UDP), Instances: []measurement.InstanceCount{}}
	var latencies, serials []int64
	servers, buckets := map[string]int32{}, map[int32]int32{}
	for n := hour * 12; n < hour*12+12; n++ {
		a, on := h.counted(rows, v, q, s, f, n)
		if q.Pick == 0 && h.planned(v, q, s, f, n) || a != nil {
			r.Planned++
		}
		switch {
		case a == nil:
			continue
		case !on:
			r.OffPlan++
			continue
		}
		r.Sent++
		if a.Outcome != measurement.Answered {
			continue
		}
		r.Answered++
		if *a.RCode == measurement.NoError {
			r.Good++
		}
		if a.Verdict != nil && *a.Verdict == measurement.Unchecked {
			r.Unchecked++
		}
		servers[*a.NSID]++
		latencies = append(latencies, *a.LatencyUS)
		buckets[derive.Bucket(*a.LatencyUS)]++
		if a.Serial != nil {
			serials = append(serials, *a.Serial)
		}
		if a.Verdict != nil && *a.Verdict == measurement.Incorrect {
			r.Incorrect++
		}
	}
	if len(serials) > 0 {
		r.SerialOldest, r.SerialNewest = ptr(slices.Min(serials)), ptr(slices.Max(serials))
	}
	for nsid, n := range servers {
		r.Instances = append(r.Instances, measurement.InstanceCount{NSID: &nsid, Answers: n})
	}
	slices.SortFunc(r.Instances, func(a, b measurement.InstanceCount) int {
		return cmp.Or(cmp.Compare(b.Answers, a.Answers), strings.Compare(*a.NSID, *b.NSID))
	})
	if q.Label != "correctness" {
		r.LatencyHistogram = []measurement.LatencyBucket{}
		for b, n := range buckets {
			r.LatencyHistogram = append(r.LatencyHistogram, measurement.LatencyBucket{Bucket: b, Count: n})
		}
		sort.Slice(r.LatencyHistogram, func(i, j int) bool { return r.LatencyHistogram[i].Bucket < r.LatencyHistogram[j].Bucket })
		if slices.Sort(latencies); len(latencies) > 0 {
			r.LatencyMedianUS, r.LatencyMaxUS = ptr(latencies[(len(latencies)-1)/2]), ptr(slices.Max(latencies))
		}
	}
	return r
}

// mark is a label as a kind sees it.
type mark struct {
	bad           bool
	vps           []string
	worst         float64
	before, after string
}

// scope writes what an event's id is made of.
func scope(kind measurement.EventKind, rsi, vp, f, t string, serial int64) string {
	return fmt.Sprintf("%s|%s|%s|%s|%s|%d", kind, rsi, vp, f, t, serial)
}

// chain makes the events of one scope of its marks, by label.
func (h *history) chain(kind measurement.EventKind, rsi, vp, f, transport string, serial int64, marks map[int]mark, every int, gap time.Duration, least int) (all []measurement.Event) {
	null := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	step, late := time.Duration(every)*interval.Length, time.Duration(0)
	if kind == measurement.EventSilence {
		late = 30 * time.Minute
	}
	var labels []int
	for n := range marks {
		labels = append(labels, n)
	}
	slices.Sort(labels)
	var e *measurement.Event
	var lastBad time.Time
	seen := int32(0)
	flush := func() {
		if e != nil && int(e.LabelsBad) >= least {
			e.Until, e.Open = lastBad.Add(step), h.last().Sub(lastBad) < gap+late
			slices.Sort(e.VantagePoints)
			e.VantagePoints = slices.Compact(e.VantagePoints)
			sum := sha256.Sum256([]byte(scope(kind, rsi, vp, f, transport, serial) + "|" + e.From.Format(time.RFC3339)))
			e.ID = hex.EncodeToString(sum[:6])
			all = append(all, *e)
		}
		e = nil
	}
	for _, n := range labels {
		m := marks[n]
		seen++
		if !m.bad {
			continue
		}
		if e != nil && at(n).Sub(lastBad) > gap {
			flush()
		}
		if e == nil {
			e = &measurement.Event{Kind: kind, RSI: null(rsi), VantagePoint: null(vp), Family: null(f), Transport: null(transport), From: at(n), VantagePoints: []string{}, Before: null(m.before)}
			if serial != 0 {
				e.Serial = &serial
			}
			seen = 1
		}
		e.LabelsBad, e.LabelsSeen, lastBad, e.After = e.LabelsBad+1, e.LabelsSeen+seen, at(n), null(m.after)
		e.VantagePoints = append(e.VantagePoints, m.vps...)
		if m.worst > 0 && (e.Worst == nil || m.worst > *e.Worst) {
			e.Worst = &m.worst
		}
		seen = 0
	}
	flush()
	return all
}
