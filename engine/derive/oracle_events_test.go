package derive_test

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// became is what an RSI did over a path at a label: 0 nothing was sent, 1 all failed, 2 good.
func (h *history) became(rows map[key]*measurement.Answer, v plan.VantagePoint, s plan.Server, f measurement.Family, n int) (was int) {
	for _, q := range h.plan.Queries {
		if a, on := h.counted(rows, v, q, s, f, n); on {
			switch {
			case a.Outcome != measurement.Answered:
				was = max(was, 1)
			case *a.RCode != "NXDOMAIN" || *a.Verdict == measurement.Correct:
				was = 2
			case *a.Verdict == measurement.Incorrect:
				was = max(was, 1)
			}
		}
	}
	return was
}

// troubled says whether all that a vantage point sent over a family failed, and whether it
// sent anything.
func (h *history) troubled(rows map[key]*measurement.Answer, v plan.VantagePoint, f measurement.Family, n int) (own, sent bool) {
	queries, failed := 0, 0
	for _, s := range h.plan.Servers {
		for _, q := range h.plan.Queries {
			if a, on := h.counted(rows, v, q, s, f, n); on {
				if a.RCode != nil && *a.RCode == "NXDOMAIN" && *a.Verdict == measurement.Unchecked {
					continue
				}
				if queries++; a.Outcome != measurement.Answered || a.Verdict != nil && *a.Verdict == measurement.Incorrect {
					failed++
				}
			}
		}
	}
	return queries >= 2 && failed == queries, queries > 0
}

func (h *history) events() (all []measurement.Event) {
	rows := h.index()
	runs := map[key]measurement.Run{}
	for _, r := range h.runs {
		runs[key{vp: r.VantagePoint, n: int(r.Interval.Sub(midnight) / (5 * time.Minute))}] = r
	}
	for _, v := range h.plan.VantagePoints {
		silence, clock, off := map[int]mark{}, map[int]mark{}, map[int]mark{}
		for n := range h.labels {
			r, came := runs[key{vp: v.ID, n: n}]
			planned, away := false, 0
			for _, q := range h.plan.Queries {
				for _, s := range h.plan.Servers {
					for _, f := range measurement.Families {
						planned = planned || h.planned(v, q, s, f, n)
						if a, on := h.counted(rows, v, q, s, f, n); a != nil && !on {
							away++
						}
					}
				}
			}
			switch {
			case came:
				silence[n], clock[n], off[n] = mark{}, mark{bad: !*r.ClockSynchronized}, mark{bad: away > 0, worst: float64(away)}
			case planned && !at(n+6).After(h.last()):
				silence[n] = mark{bad: true}
			}
		}
		all = append(all, h.chain(measurement.EventSilence, "", string(v.ID), "", "", 0, silence, 1, 10*time.Minute, 2)...)
		all = append(all, h.chain(measurement.EventClock, "", string(v.ID), "", "", 0, clock, 1, 30*time.Minute, 2)...)
		all = append(all, h.chain(measurement.EventOffPlan, "", string(v.ID), "", "", 0, off, 1, time.Hour, 1)...)
		for _, f := range measurement.Families {
			own := map[int]mark{}
			for n := range h.labels {
				if is, sent := h.troubled(rows, v, f, n); sent {
					own[n] = mark{bad: is}
				}
			}
			all = append(all, h.chain(measurement.EventLocal, "", string(v.ID), string(f), "", 0, own, 1, 30*time.Minute, 2)...)
		}
	}
	for _, s := range h.plan.Servers {
		all = append(all, h.ofServer(rows, s)...)
		all = append(all, h.stale(rows, runs, s)...)
	}
	slices.SortFunc(all, func(a, b measurement.Event) int { return cmp.Or(a.From.Compare(b.From), strings.Compare(a.ID, b.ID)) })
	return all
}

// ofServer are outages, incorrect answers and other servers.
func (h *history) ofServer(rows map[key]*measurement.Answer, s plan.Server) (all []measurement.Event) {
	wrong := map[int]mark{}
	for _, f := range measurement.Families {
		outage, local := map[int]mark{}, map[measurement.VantagePoint]map[int]mark{}
		for n := range h.labels {
			asked, failed := 0, []string{}
			each := map[measurement.VantagePoint]int{}
			for _, v := range h.plan.VantagePoints {
				if own, _ := h.troubled(rows, v, f, n); own {
					continue
				}
				if each[v.ID] = h.became(rows, v, s, f, n); each[v.ID] > 0 {
					asked++
				}
				if each[v.ID] == 1 {
					failed = append(failed, string(v.ID))
				}
			}
			need := max(2, (asked+2)/3)
			if h.within(n) == 1 {
				need = 1
			}
			if asked > 0 {
				outage[n] = mark{bad: len(failed) >= need, vps: failed, worst: float64(len(failed)) / float64(asked)}
			}
			for vp, was := range each {
				if local[vp] == nil {
					local[vp] = map[int]mark{}
				}
				if was > 0 {
					local[vp][n] = mark{bad: was == 1 && !outage[n].bad}
				}
			}
			h.judged(rows, s, f, n, wrong)
		}
		all = append(all, h.chain(measurement.EventOutage, string(s.RSI), "", string(f), "udp", 0, outage, 1, 30*time.Minute, 2)...)
		for _, v := range h.plan.VantagePoints {
			all = append(all, h.chain(measurement.EventOutageLocal, string(s.RSI), string(v.ID), string(f), "udp", 0, local[v.ID], 1, 30*time.Minute, 3)...)
			all = append(all, h.instances(rows, v, s, f)...)
		}
	}
	return append(all, h.chain(measurement.EventWrong, string(s.RSI), "", "", "", 0, wrong, 1, 6*time.Hour, 1)...)
}

// judged adds the incorrect answers of a label.
func (h *history) judged(rows map[key]*measurement.Answer, s plan.Server, f measurement.Family, n int, wrong map[int]mark) {
	q, _ := h.plan.Query("correctness")
	for _, v := range h.plan.VantagePoints {
		if h.became(rows, v, s, f, n) == 0 {
			continue
		}
		m := wrong[n]
		own, _ := h.troubled(rows, v, f, n)
		if a, on := h.counted(rows, v, q, s, f, n); on && !own && a.Verdict != nil && *a.Verdict == measurement.Incorrect {
			m.bad, m.worst, m.vps = true, m.worst+1, append(m.vps, string(v.ID))
		}
		wrong[n] = m
	}
}

// instances are the hours with other servers; of the hours of the table alone.
func (h *history) instances(rows map[key]*measurement.Answer, v plan.VantagePoint, s plan.Server, f measurement.Family) []measurement.Event {
	marks, usual := map[int]mark{}, [][]string{}
	for hour := 0; !at(hour*12 + 18).After(h.last()); hour++ {
		var now []string
		for n := hour * 12; n < hour*12+12; n++ {
			for _, q := range h.plan.Queries {
				if a, on := h.counted(rows, v, q, s, f, n); on && a.NSID != nil {
					now = append(now, *a.NSID)
				}
			}
		}
		if len(now) == 0 {
			continue
		}
		slices.Sort(now)
		now = slices.Compact(now)
		before := slices.Concat(usual[:max(min(len(usual), 1), len(usual)-1)]...)
		slices.Sort(before)
		before = slices.Compact(before)
		m := mark{before: strings.Join(before, " "), after: strings.Join(now, " ")}
		m.bad = len(before) > 0 && !slices.ContainsFunc(now, func(s string) bool { return slices.Contains(before, s) })
		marks[hour*12] = m
		if usual = append(usual, now); len(usual) > 7 {
			usual = usual[1:]
		}
	}
	return h.chain(measurement.EventInstance, string(s.RSI), string(v.ID), string(f), "", 0, marks, 12, 2*time.Hour, 1)
}

// stale are the serials that an RSI did not show in time.
func (h *history) stale(rows map[key]*measurement.Answer, runs map[key]measurement.Run, s plan.Server) (all []measurement.Event) {
	q, _ := h.plan.Query("soa")
	oldest := func(v plan.VantagePoint, n int) (m int64) {
		if r, came := runs[key{vp: v.ID, n: n}]; came && !*r.ClockSynchronized {
			return 0
		}
		for _, f := range measurement.Families {
			if a, on := h.counted(rows, v, q, s, f, n); on && a.Serial != nil && (m == 0 || *a.Serial < m) {
				m = *a.Serial
			}
		}
		return m
	}
	for _, z := range h.zones {
		t, known := h.published(rows, runs, z)
		if !known {
			continue
		}
		marks := map[int]mark{}
		for n := t + 13; n < h.labels; n++ {
			var m mark
			any := false
			for _, v := range h.plan.VantagePoints {
				if serial := oldest(v, n); serial > 0 {
					any = true
					if serial < z.Serial {
						m.vps = append(m.vps, string(v.ID))
					}
				}
			}
			if m.bad, m.worst = len(m.vps) >= min(2, h.within(n)), float64((n-t)*5); any {
				marks[n] = m
			}
		}
		all = append(all, h.chain(measurement.EventStale, string(s.RSI), "", "", "", z.Serial, marks, 1, 30*time.Minute, 2)...)
	}
	return all
}

// within counts the vantage points within their dates.
func (h *history) within(n int) (all int) {
	for _, v := range h.plan.VantagePoints {
		if v.Until == nil || at(n).Before(*v.Until) {
			all++
		}
	}
	return all
}

// published is T(s), as a label.
func (h *history) published(rows map[key]*measurement.Answer, runs map[key]measurement.Run, z measurement.Zone) (int, bool) {
	if z.Serial == h.zones[0].Serial {
		return 0, false // it was there when the data began
	}
	q, _ := h.plan.Query("soa")
	var first []int
	for _, v := range h.plan.VantagePoints {
	labels:
		for n := range h.labels {
			if r, came := runs[key{vp: v.ID, n: n}]; came && !*r.ClockSynchronized {
				continue
			}
			for _, s := range h.plan.Servers {
				for _, f := range measurement.Families {
					if a, on := h.witnessed(rows, v, q, s, f, n); on && a.Serial != nil && *a.Serial == z.Serial {
						first = append(first, n)
						break labels
					}
				}
			}
		}
	}
	if len(first) == 0 {
		return 0, false
	}
	slices.Sort(first)
	if h.within(first[0]) == 1 {
		return first[0], true
	}
	archived := int((z.ArchivedAt.Sub(midnight) + 5*time.Minute - 1) / (5 * time.Minute))
	second := -1
	if len(first) > 1 {
		second = first[1]
	}
	if archived <= first[0]+288 && (second < 0 || archived < second) {
		second = archived
	}
	return max(first[0], second-3), second >= 0
}
