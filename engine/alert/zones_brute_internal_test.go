package alert

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// zoneRows are answers of some hours, with all that servers can show.
func zoneRows(r *rand.Rand, p *plan.Plan, labels int) (all []measurement.Answer, sights map[string]map[int64]time.Time) {
	sights = map[string]map[int64]time.Time{"second.example.": {}}
	base := int64(pick(r, 2026112900, 1<<32-2))
	serial := func(n int) int64 { return (base + int64(n)) % (1 << 32) }
	for n := range labels/5 + 1 {
		if r.IntN(3) > 0 {
			sights["second.example."][serial(n)] = start.Add(time.Duration(n)*25*time.Minute - time.Duration(r.IntN(600))*time.Second)
		}
	}
	disorder := r.IntN(2) == 0
	lag := map[string]int{}
	for at := range labels {
		label := start.Add(time.Duration(at) * interval.Length)
		for _, vp := range p.VantagePoints {
			crowd := r.IntN(12) == 0
			for _, q := range p.Queries {
				for _, s := range p.ServersOf(q.Servers) {
					for _, over := range q.Transports {
						if !crowd && r.IntN(8) == 0 {
							continue
						}
						key := string(s.RSI)
						if r.IntN(200) == 0 {
							lag[key] = pick(r, 0, 0, 0, 3, 7)
						}
						a := measurement.Answer{VantagePoint: vp.ID, Interval: label, SentAt: &label, Query: q.Label, RSI: s.RSI, Family: "ipv4", Transport: over, QName: q.QName, QType: "SOA",
							Address: s.Addresses[0].Address.String(), Outcome: measurement.Answered, RCode: new("NOERROR"), LatencyUS: new(int64(900)), Attempts: 1}
						n := serial(max(0, at-lag[key]) / 5)
						switch r.IntN(250) {
						case 0:
							n = serial(9000 + r.IntN(3)) // lone
						case 1, 2:
							n = base
						}
						if disorder && r.IntN(20) == 0 {
							n = (n + 1<<31) % (1 << 32) // in no order
						}
						if crowd {
							n = serial(5000 + r.IntN(1000))
						}
						if a.ZoneSerial = &n; !crowd && r.IntN(6) == 0 {
							a.ZoneSerial = nil
						}
						if q.NSID && r.IntN(5) > 0 {
							a.NSID = new(key + pick(r, ".fra1", ".lon7", ".fra", ".par", ""))
						}
						if !crowd && r.IntN(10) == 0 {
							a = measurement.Answer{VantagePoint: vp.ID, Interval: label, SentAt: &label, Query: q.Label, RSI: s.RSI, Family: "ipv4", Transport: over, QName: q.QName, QType: "SOA",
								Address: a.Address, Outcome: measurement.Timeout, Attempts: 1}
						}
						all = append(all, a)
					}
				}
			}
		}
	}
	column.Sort(all)
	return all, sights
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// zoneTruth is what all combinations of a window share.
type zoneTruth struct {
	window  []measurement.Answer
	crowded map[runOf]map[int64]bool
	known   map[string]knownSince
	firsts  map[string][]time.Time
}

// runOf is what one vantage point asked by one query at a time.
type runOf struct {
	vp    measurement.VantagePoint
	at    int64
	query string
}

type knownSince struct {
	at time.Time
	ok bool
}

// zoneBrute is what docs/rules.md says of a window, counted from all rows.
func zoneBrute(memo map[[2]time.Time]*zoneTruth, rows []measurement.Answer, sights map[string]map[int64]time.Time, labels []Label, from, until time.Time) (w Window) {
	truth := memo[[2]time.Time{from, until}]
	if truth == nil {
		truth = &zoneTruth{crowded: map[runOf]map[int64]bool{}, known: map[string]knownSince{}, firsts: map[string][]time.Time{}}
		memo[[2]time.Time{from, until}] = truth
	}
	zoneOf := map[string]string{"first": "first.example.", "second": "second.example.", "third": "third.example."}
	of := func(a measurement.Answer) bool {
		for _, l := range labels {
			if is := map[string]string{"rsi": string(a.RSI), "vantage_point": string(a.VantagePoint), "query": a.Query}[l.Name]; is != l.Value {
				return false
			}
		}
		return true
	}
	order := func(a, b int64) int { return int(int32(uint32(a) - uint32(b))) }
	crowded := truth.crowded
	run := func(a measurement.Answer) runOf { return runOf{a.VantagePoint, a.Interval.Unix(), a.Query} }
	shows := func(a measurement.Answer) bool {
		return a.ZoneSerial != nil && (a.Query == "third" || a.RSI != "ns9") && len(crowded[run(a)]) <= 16
	}
	for _, a := range rows {
		if truth.window != nil || a.Interval.Before(from) || !a.Interval.Before(until) {
			continue
		}
		if crowded[run(a)] == nil {
			crowded[run(a)] = map[int64]bool{}
		}
		if a.ZoneSerial != nil && (a.Query == "third" || a.RSI != "ns9") {
			crowded[run(a)][*a.ZoneSerial] = true
		}
	}
	window := truth.window
	for _, a := range rows {
		if truth.window == nil && a.Outcome == measurement.Answered && !a.Interval.Before(from) && a.Interval.Before(until) {
			window = append(window, a)
		}
	}
	truth.window = window
	firsts := func(query string, serial int64, by func(measurement.Answer) string) (all []time.Time) {
		key := fmt.Sprint(query, serial, by(measurement.Answer{RSI: "x"}))
		if all, ok := truth.firsts[key]; ok {
			return all
		}
		defer func() { truth.firsts[key] = all }()
		seen := map[string]bool{}
		for _, a := range window {
			if a.Query == query && shows(a) && *a.ZoneSerial == serial && !seen[by(a)] {
				seen[by(a)] = true
				all = append(all, a.Interval)
			}
		}
		return all
	}
	rsis := func(a measurement.Answer) string { return string(a.RSI) }
	vps := func(a measurement.Answer) string { return string(a.VantagePoint) }
	known := func(query string, serial int64) (at time.Time, ok bool) {
		key := fmt.Sprint(query, serial)
		if k, done := truth.known[key]; done {
			return k.at, k.ok
		}
		defer func() { truth.known[key] = knownSince{at, ok} }()
		if t, ok := sights[zoneOf[query]][serial]; ok && t.Before(until) {
			if t.Before(from) {
				return from, true
			}
			return t, true
		}
		servers := 2
		if query == "third" {
			servers = 1
		}
		x, v := firsts(query, serial, rsis), firsts(query, serial, vps)
		if len(x) < servers || len(v) < 2 {
			return time.Time{}, false
		}
		if v[1].After(x[servers-1]) {
			return v[1], true
		}
		return x[servers-1], true
	}
	served, last := map[string]map[int64]bool{}, map[string]int64{}
	sites, identities := map[string]bool{}, map[string]bool{}
	for _, a := range window {
		if !of(a) {
			continue
		}
		if a.NSID != nil && a.RSI != "ns9" {
			identities[string(a.RSI)] = true
			for _, s := range []string{".fra", ".lon"} {
				if strings.HasPrefix(*a.NSID, string(a.RSI)+s) {
					sites[string(a.RSI)+s] = true
				}
			}
		}
		if !shows(a) {
			continue
		}
		path := fmt.Sprint(a.VantagePoint, a.Query, a.RSI, a.Transport)
		if before, ok := last[path]; ok && order(before, *a.ZoneSerial) > 0 {
			w.SerialBackward++
		}
		last[path] = *a.ZoneSerial
		if served[a.Query] == nil {
			served[a.Query] = map[int64]bool{}
		}
		served[a.Query][*a.ZoneSerial] = true
	}
	w.NSIDsMissing = int64(2*len(identities) - len(sites))
	zones := 0
	var newest []int64
	for query, serials := range served {
		var all []int64
		for s := range serials {
			if _, ok := known(query, s); ok {
				all = append(all, s)
			} else if query != "third" && len(firsts(query, s, rsis)) == 1 {
				w.LoneSerials++
			}
		}
		if len(all) > 0 {
			zones++
		}
		for _, s := range all {
			if slices.ContainsFunc(all, func(o int64) bool { return o != s && order(s, o) <= 0 }) {
				continue
			}
			newest = append(newest, s)
			lag := 0.0
			candidates := map[int64]bool{}
			for o := range sights[zoneOf[query]] {
				candidates[o] = true
			}
			for _, a := range window {
				if a.Query == query && shows(a) {
					candidates[*a.ZoneSerial] = true
				}
			}
			for o := range candidates {
				if t, ok := known(query, o); ok && order(o, s) > 0 {
					lag = max(lag, until.Sub(t).Minutes())
				}
			}
			if w.ZoneLag == nil || lag > *w.ZoneLag {
				w.ZoneLag = &lag
			}
		}
	}
	if zones == 1 && len(newest) == 1 {
		w.ZoneSerial = &newest[0]
	}
	return w
}
