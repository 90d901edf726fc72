package alert

import "time"

// view is how tallies become what rules see.
type view struct {
	rows    *rows
	group   *group
	end     time.Time
	failing float64 // availability below which a vantage point or an RSI fails
	but     string  // the vantage point that is left out
	zones   zoneCache
}

// fill makes what rules see of a combination, by the tallies of its windows.
func (c *combo) fill(now, before *Window, of, ofBefore *tally, v view) {
	begin := v.end.Add(-v.group.window)
	of.fill(now, v.failing, v.rows.newest)
	c.complete(now, of, v, begin, v.end)
	if v.group.previous {
		ofBefore.fill(before, v.failing, v.rows.newest)
		c.complete(before, ofBefore, v, begin.Add(-v.group.window), begin)
	}
}

// complete adds what needs the zones, the NSIDs and the plan to a window [from, until).
func (c *combo) complete(w *Window, t *tally, v view, from, until time.Time) {
	w.Lag = v.rows.lag(w.NewestSerial, until)
	t.accused.fill(w, v.rows)
	if v.group.zoned {
		v.zones.of(v, from, until)[c.index].fill(w)
	}
	w.Coverage = percent(t.pairs, c.expected(from, until, v.but))
}
