package metrics_test

import (
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// allRows draws what vantage points did: those of the plan and one that is in none.
func (d *drawing) allRows() {
	vps := make([]measurement.VantagePoint, 0, 5)
	for i := range len(d.cfg.VantagePoints) {
		vps = append(vps, vp(i))
	}
	if d.chance(.1) {
		vps = append(vps, "999")
	}
	silent := pick(d.r, 0, 0, 0, .1, .4)
	for _, v := range vps {
		for _, at := range d.intervals() {
			if d.chance(silent) || !d.atWork(v, at) && d.chance(.9) {
				continue // no run
			}
			for _, s := range d.cfg.Servers {
				for _, p := range allPaths {
					d.soaRow(v, at, s, p)
				}
				d.checkRows(v, at, s)
			}
			if d.chance(.01) || v == d.liar && d.chance(.05) {
				d.manySerials(v, at)
			}
		}
	}
}

func (d *drawing) atWork(v measurement.VantagePoint, at int) bool {
	for _, w := range d.cfg.VantagePoints {
		if w.ID == v {
			return within(w, label(at))
		}
	}
	return true
}

// row is a query to a server of the plan, with its outcome; false where it is missing.
func (d *drawing) row(query string, v measurement.VantagePoint, at int, s metrics.Server, p measurement.Path) (a measurement.Answer, ok bool) {
	if _, planned := addressAt(s, p.Family, label(at)); d.chance(d.missing) || !planned && d.chance(.95) {
		return a, false
	}
	r := good(pick(d.r, d.us...))
	switch {
	case d.chance(d.unsent):
		r = failed(measurement.LocalError)
	case !d.chance(d.health[v]) || d.chance(d.ill[s.RSI]):
		r = pick(d.r, failed(measurement.Timeout), failed(measurement.Timeout), failed(measurement.Refused), rcode("SERVFAIL"), rcode("NXDOMAIN"), good(4_000_001))
	}
	a = answer(query, v, label(at), s.RSI, p, r)
	a.Address = d.asked(s, p.Family, label(at))
	if a.SentAt != nil {
		sent := label(at).Add(time.Duration(d.r.IntN(60)) * time.Second)
		a.SentAt = &sent
	}
	return a, true
}

func (d *drawing) soaRow(v measurement.VantagePoint, at int, s metrics.Server, p measurement.Path) {
	a, ok := d.row(measurement.QuerySOA, v, at, s, p)
	if !ok {
		return
	}
	if a.RCode != nil && *a.RCode == "NOERROR" && !d.chance(.02) {
		serial := int64(d.serial(v, at, s.RSI))
		a.Serial = &serial
	}
	d.rows = append(d.rows, a)
}

// serial is what a server shows a vantage point: what it has since its lag, or an older
// one; a liar has its own.
func (d *drawing) serial(v measurement.VantagePoint, at int, x measurement.RSI) uint32 {
	place := serverAt{run{0, v}, x}
	if _, known := d.lag[place]; !known {
		d.lag[place] = pick(d.r, 0, 0, 0, 0, 1, 2, 3, 4, 50)
	}
	i := 0
	for i+1 < len(d.serials) && d.released[i+1]+d.lag[place] <= at {
		i++
	}
	switch {
	case v == d.liar && d.chance(.4):
		return pick(d.r, d.serials[len(d.serials)-1], d.serials[0]+1000, d.serials[0]+1<<31+1)
	case i > 0 && d.chance(d.back):
		i--
	case d.chance(d.back / 5):
		return pick(d.r, d.serials...)
	}
	return d.serials[i]
}

// checkRows are the correctness rows of a slot: one, none or several.
func (d *drawing) checkRows(v measurement.VantagePoint, at int, s metrics.Server) {
	n := pick(d.r, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3)
	for _, i := range d.r.Perm(len(allPaths))[:n] {
		a, ok := d.row(measurement.QueryCorrectness, v, at, s, allPaths[i])
		if !ok {
			continue
		}
		if a.RCode != nil && (*a.RCode == "NOERROR" || *a.RCode == "NXDOMAIN") {
			tc := d.chance(.02)
			a.TC = &tc
			if verdict := d.verdict(v); !tc && verdict != "" {
				a.Verdict = &verdict
			}
		}
		d.rows = append(d.rows, a)
	}
}

func (d *drawing) verdict(v measurement.VantagePoint) measurement.Verdict {
	switch {
	case d.chance(.003), v == d.liar && d.chance(.1):
		return measurement.Incorrect
	case d.chance(.004):
		return measurement.Unchecked
	case d.chance(.002):
		return ""
	}
	return measurement.Correct
}

// manySerials are rows of servers that no plan has, with more serials than a root zone
// can have in five minutes.
func (d *drawing) manySerials(v measurement.VantagePoint, at int) {
	serial := int64(d.serials[0] / 2)
	for _, x := range []measurement.RSI{"v", "w", "x", "y", "z"} {
		for _, p := range allPaths {
			serial++
			d.rows = append(d.rows, answer(measurement.QuerySOA, v, label(at), x, p, shows(serial)))
		}
	}
}
