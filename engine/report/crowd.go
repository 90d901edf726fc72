package report

import (
	"math/big"
	"slices"
	"time"

	"mtric.net/mtric/engine/comparison"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// Comparison is the job that compares what the document rests on with what a crowd saw; both
// lakes, the crowd's set and the end are the caller's. The document is filled. The seed is of the
// period, so that the same lakes give the same numbers.
func (d *Document) Comparison() (comparison.Job, error) {
	year, month, day := d.From.Date()
	j := comparison.Job{Version: d.Version, Seed: uint64(year*10_000 + int(month)*100 + day), Plan: d.Plan, From: d.From, Until: d.end().Truncate(time.Hour), Regions: map[measurement.VantagePoint]string{}}
	cfg, err := d.config()
	if err != nil {
		return j, err
	}
	for _, r := range d.RSIs {
		j.RSIs = append(j.RSIs, r.RSI)
		for _, a := range r.Addresses {
			j.Addresses = append(j.Addresses, comparison.Address{RSI: r.RSI, Address: a.Address, From: a.From, Until: a.Until})
		}
	}
	dates := map[measurement.VantagePoint]VantagePoint{}
	for _, v := range d.VantagePoints {
		j.Regions[v.ID], dates[v.ID] = v.Region, v
	}
	for _, v := range d.Others { // in the week before, they may have counted
		j.Regions[v.ID], dates[v.ID] = "", VantagePoint{ID: v.ID, From: v.From, Until: v.Until}
	}
	for _, p := range d.Publications {
		j.Publications = append(j.Publications, comparison.Published{Serial: uint32(p.Serial), At: p.T})
	}
	for _, v := range d.Values {
		if v.Verdict == metrics.Fail {
			f := comparison.Fail{Metric: v.Metric, RSI: v.RSI, Family: v.Family, Transport: v.Transport}
			f.Above = aboveOf(v.Metric, cfg.Limits[metrics.LimitKey(v.Metric, v.Transport)])
			j.Fails = append(j.Fails, f)
		}
	}
	j.Counts = func(vp measurement.VantagePoint, label time.Time, rsi measurement.RSI, path measurement.Path) bool {
		v := dates[vp]
		if v.From != nil && label.Before(*v.From) || v.Until != nil && !label.Before(*v.Until) || d.late(vp, label) {
			return false
		}
		return !slices.ContainsFunc(cfg.Exclusions, func(e metrics.Exclusion) bool { return excludes(e, vp, label, rsi, path) })
	}
	return j, nil
}

// aboveOf is the threshold of what takes too long, in the units of a comparison: µs of a latency,
// seconds of a publication; 0 of other metrics.
func aboveOf(m measurement.Metric, limit metrics.Limit) int64 {
	if limit.Bound == nil || m != measurement.RSILatency && m != measurement.RSIPublication {
		return 0
	}
	unit := int64(1000) // µs in a ms
	if m == measurement.RSIPublication {
		unit = 60 // s in a min
	}
	x := new(big.Rat).Mul(limit.Bound, big.NewRat(unit, 1))
	return new(big.Int).Quo(x.Num(), x.Denom()).Int64()
}

// excludes says whether an exclusion takes a query out of the RSIs' metrics; empty lists are all.
func excludes(e metrics.Exclusion, vp measurement.VantagePoint, label time.Time, rsi measurement.RSI, path measurement.Path) bool {
	return !label.Before(e.From) && label.Before(e.Until) && (len(e.VantagePoints) == 0 || slices.Contains(e.VantagePoints, vp)) &&
		(len(e.RSIs) == 0 || slices.Contains(e.RSIs, rsi)) && (len(e.Paths) == 0 || slices.Contains(e.Paths, path))
}
