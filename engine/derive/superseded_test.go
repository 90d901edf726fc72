package derive_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// dangling are the superseded rows that lead to no live event.
func dangling(rows []measurement.Event) (all []measurement.Event) {
	by := map[string]measurement.Event{}
	for _, e := range rows {
		by[e.ID] = e
	}
	for _, e := range rows {
		to, there := e, true
		for n := 0; there && to.SupersededBy != nil && n < len(rows); n++ {
			to, there = by[*to.SupersededBy]
		}
		if !there || to.SupersededBy != nil {
			all = append(all, e)
		}
	}
	return all
}

// An event that became another goes with it where still later rows take that one away.
func TestSupersededByNothing(t *testing.T) {
	h := &history{plan: small(), labels: 330}
	h.plan.VantagePoints = h.plan.VantagePoints[:2]
	for _, vp := range []measurement.VantagePoint{"101", "102"} {
		for n := range h.labels {
			h.runs = append(h.runs, measurement.Run{VantagePoint: vp, Interval: at(n), StartedAt: at(n), ReceivedAt: at(n)})
			a := row(vp, n, "soa", "a", measurement.IPv4, "192.0.2.1")
			finish(&a, false, 1, false, false)
			h.answers = append(h.answers, a)
		}
	}
	for what, lost := range map[string]func(lake.Store){
		"as it is": func(lake.Store) {}, "a file is lost": func(s lake.Store) { _ = os.Remove(s.Path(column.Events, at(288))) }} {
		dir := t.TempDir()
		state, superseded := filepath.Join(dir, "State"), 0
		store := lake.Store{}
		for _, came := range []int{270, 280, 290, 295, 330} { // of 101; what comes is moved by what comes later
			store = h.write(t, filepath.Join(dir, "Lake"), func(vp measurement.VantagePoint, label time.Time) bool { return vp == "102" || label.Before(at(came)) })
			run(t, h.plan, store, state)
			rows := read[measurement.Event](t, store)
			superseded += len(rows) - len(live(rows))
			if d := dangling(rows); len(d) > 0 {
				t.Errorf("%s, until %d: %+v", what, came, d)
			}
			if came == 295 {
				lost(store)
			}
		}
		if rows := read[measurement.Event](t, store); superseded == 0 || len(rows) != 0 {
			t.Errorf("%s: %d were superseded; at the end %+v", what, superseded, rows)
		}
	}
}
